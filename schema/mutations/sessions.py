"""Mutations that sign in and out."""

from typing import Annotated

import strawberry

from schema.context import Info
from schema.mutations.payload import UserError, errors_field, mutation
from schema.types.account import User


@strawberry.type(description="Who is signed in now.")
class SessionPayload:
    viewer: User | None = strawberry.field(
        default=None, description="The user; null where nobody is signed in."
    )
    token: str | None = strawberry.field(
        default=None,
        description="The session for clients without cookies: `Authorization: Bearer …`. Keep it secret.",
    )
    errors: list[UserError] = errors_field()


@strawberry.type
class SessionMutations:
    @mutation(
        SessionPayload,
        description="Signs in with e-mail and password; browsers get a cookie. Attempts are limited per account and "
        "address.",
        role=None,
    )
    async def sign_in(
        self,
        info: Info,
        email: Annotated[str, strawberry.argument(description="As given when the account was made.")],
        password: Annotated[str, strawberry.argument(description="Never logged.")],
    ) -> SessionPayload:
        context = info.context
        resources, headers = context.resources, context.headers
        device = await resources.devices.recognise(resources.cookie.read_device(headers))
        user, token = await resources.sign_in.sign_in(
            email, password, context.address, former=context.principal, device=device
        )
        context.set_cookies.append(resources.cookie.set(token, headers))
        proof = await resources.devices.issue(user.id, device)
        if proof is not None:
            context.set_cookies.append(resources.cookie.set_device(proof, headers))
        return SessionPayload(viewer=user, token=token)  # type: ignore[arg-type]

    @mutation(SessionPayload, description="Ends the session.", role=None)
    async def sign_out(self, info: Info) -> SessionPayload:
        context = info.context
        await context.resources.sign_in.sign_out(context.principal)
        context.set_cookies.append(context.resources.cookie.clear(context.headers))
        return SessionPayload()
