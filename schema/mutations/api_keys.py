"""Mutations that create and revoke API keys."""

from datetime import datetime
from typing import Annotated

import strawberry

from app.auth import api_keys
from app.db import accounts
from app.domain.account import Role
from schema.context import Info
from schema.mutations.payload import UserError, errors_field, mutation
from schema.types.account import ApiKey
from schema.types.node import API_KEY_ID, read_id


@strawberry.type(description="The key; its secret is shown once.")
class ApiKeyPayload:
    api_key: ApiKey | None = strawberry.field(default=None, description="The key.")
    secret: str | None = strawberry.field(
        default=None, description="`Authorization: Bearer …`. Shown now and never again; only a hash is kept."
    )
    errors: list[UserError] = errors_field()


@strawberry.type
class ApiKeyMutations:
    @mutation(ApiKeyPayload, description="Makes a key for a machine.", role=Role.ADMIN)
    async def create_api_key(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="What it is for, 1 to 200 characters.")],
        role: Annotated[Role, strawberry.argument(description="At most your own.")],
        expires_at: Annotated[
            datetime | None, strawberry.argument(description="Left out: until it is revoked.")
        ] = None,
    ) -> ApiKeyPayload:
        (key, secret), _ = await info.context.write(
            lambda work: api_keys.create(work, info.context.principal, name, role, expires_at)
        )
        return ApiKeyPayload(api_key=key, secret=secret)  # type: ignore[arg-type]

    @mutation(ApiKeyPayload, description="Ends a key at once, everywhere.", role=Role.ADMIN)
    async def revoke_api_key(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The key's id.")]
    ) -> ApiKeyPayload:
        _, key_id = read_id(id, API_KEY_ID, field=("id",))
        key, _ = await info.context.write(lambda work: accounts.revoke_api_key(work, key_id))
        return ApiKeyPayload(api_key=key)  # type: ignore[arg-type]
