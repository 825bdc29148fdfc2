"""Mutations that manage the accounts of users."""

from contextlib import suppress
from typing import Annotated
from uuid import UUID

import strawberry

from app.auth.user_administration import new_password, require_person
from app.db import accounts
from app.domain.account import Role
from app.domain.email import check_email
from app.errors import AppError, Code, Unavailable
from schema.context import Info
from schema.mutations.payload import UserError, errors_field, mutation, reported
from schema.types.account import User, read_session_id
from schema.types.node import USER_ID, read_id

_Id = Annotated[strawberry.ID, strawberry.argument(description="The user's id.")]
_Role = Annotated[Role, strawberry.argument(description="What the user may do.")]
_BY_PERSON = "Of signed-in administrators only, not of API keys."


@strawberry.type(description="The user as it is now.")
class UserPayload:
    user: User | None = strawberry.field(default=None, description="As it is now; null where it is deleted.")
    password: str | None = strawberry.field(
        default=None, description="The generated password. Shown now and never again; only a hash is kept."
    )
    ended_sessions: int = strawberry.field(default=0, description="How many open sessions were ended.")
    errors: list[UserError] = errors_field(
        "Why nothing was written, or, if there is a `user`, what was not done after the write; otherwise empty."
    )


@strawberry.type
class UserMutations:
    @mutation(
        UserPayload,
        description=f"Adds a user, with a generated password that the user should change. {_BY_PERSON}",
        role=Role.ADMIN,
    )
    async def create_user(
        self,
        info: Info,
        email: Annotated[str, strawberry.argument(description="Name to sign in with.")],
        role: _Role,
    ) -> UserPayload:
        require_person(info.context.principal)
        check_email(email)
        password = await new_password(info.context.resources.passwords)
        user, _ = await info.context.write(lambda work: accounts.add_user(work, email, role, password.hash))
        return UserPayload(user=user, password=password.text)  # type: ignore[arg-type]

    @mutation(
        UserPayload,
        description="Changes what a user may do, at once also in open sessions and with the user's keys. Refused with CONFLICT "
        f"for the last administrator. {_BY_PERSON}",
        role=Role.ADMIN,
    )
    async def set_user_role(self, info: Info, id: _Id, role: _Role) -> UserPayload:
        require_person(info.context.principal)
        user_id = _read(id)
        user, _ = await info.context.write(
            lambda work: accounts.set_role(work, user_id, role, keep_administrator=True)
        )
        return UserPayload(user=user)  # type: ignore[arg-type]

    @mutation(
        UserPayload,
        description=f"Replaces a user's password by a generated one, and ends the user's sessions. {_BY_PERSON}",
        role=Role.ADMIN,
    )
    async def reset_password(self, info: Info, id: _Id) -> UserPayload:
        require_person(info.context.principal)
        user_id, resources = _read(id), info.context.resources
        password = await new_password(resources.passwords)
        # Before the write, too: while sessions cannot be ended, nothing is written.
        ended = await resources.sessions.end_all(user_id)
        user, _ = await info.context.write(
            lambda work: accounts.set_password_hash(work, user_id, password.hash)
        )
        errors: list[UserError] = []
        try:
            ended += await resources.sessions.end_all(user_id)
        except Unavailable:
            message = "The password was replaced, but the user's sessions cannot be ended at the moment; please end them soon."
            errors.append(reported(Unavailable(message)))
        return UserPayload(user=user, password=password.text, ended_sessions=ended, errors=errors)  # type: ignore[arg-type]

    @mutation(
        UserPayload,
        description="Deletes a user: the address is removed, sessions and keys end. What the user changed stays, with its history. "
        f"Refused with CONFLICT for the last administrator. {_BY_PERSON}",
        role=Role.ADMIN,
    )
    async def delete_user(self, info: Info, id: _Id) -> UserPayload:
        require_person(info.context.principal)
        user_id = _read(id)
        await info.context.write(lambda work: accounts.delete_user(work, user_id, keep_administrator=True))
        # Those of a deleted user authenticate nothing, whether or not they can be ended.
        with suppress(Unavailable):
            await info.context.resources.sessions.end_all(user_id)
        return UserPayload()

    @mutation(UserPayload, description="Ends one session of a user, or all.", role=Role.ADMIN)
    async def end_sessions(
        self,
        info: Info,
        id: _Id,
        session: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only this one. Left out or null: all.")
        ] = None,
    ) -> UserPayload:
        user_id, resources = _read(id), info.context.resources
        session_id = None if session is None else read_session_id(session, field=("session",))
        user = await resources.known.user(user_id)
        if user is None:
            raise AppError("There is no such user.", Code.NOT_FOUND, field=("id",))
        if session_id is None:
            ended = await resources.sessions.end_all(user_id)
        else:
            ended = await resources.sessions.end(session_id, user_id)
        return UserPayload(user=user, ended_sessions=ended)  # type: ignore[arg-type]

    @mutation(
        UserPayload,
        description="Changes the password of the user who is signed in, and ends the user's other sessions. Attempts are limited as "
        "those to sign in.",
        role=Role.VIEWER,
    )
    async def change_password(
        self,
        info: Info,
        current: Annotated[str, strawberry.argument(description="The password until now; never logged.")],
        password: Annotated[
            str, strawberry.argument(description="12 to 1024 characters, not easy to guess; never logged.")
        ],
    ) -> UserPayload:
        context, resources = info.context, info.context.resources
        change = await resources.sign_in.password_change(context.principal, current, password)
        user, _ = await context.write(
            lambda work: accounts.change_password_hash(work, change.user_id, change.before, change.after)
        )
        ended, errors = 0, []
        try:
            ended = await resources.sessions.end_all(change.user_id, keep=context.principal.session_id)
        except Unavailable:
            message = "Your password was changed, but your other sessions cannot be ended at the moment; please change it again soon."
            errors.append(reported(Unavailable(message)))
        return UserPayload(user=user, ended_sessions=ended, errors=errors)  # type: ignore[arg-type]


def _read(id: str) -> UUID:
    return read_id(id, USER_ID, field=("id",))[1]
