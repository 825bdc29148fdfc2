"""Queries for the accounts and API keys that administrators manage."""

from collections.abc import Sequence

import strawberry

from app.auth.roles import require
from app.db import accounts
from app.domain.account import ApiKey as ApiKeyStruct
from app.domain.account import Role
from app.domain.account import User as UserStruct
from schema.batch_field import length, root_field
from schema.context import Context
from schema.types.account import ApiKey, User


@strawberry.type
class AccountQueries:
    @root_field(
        list[ApiKey],
        description="All keys that are not revoked, newest first, also expired ones; never their secrets. Needs the role ADMIN.",
        metadata=length(20),
    )
    async def api_keys(context: Context) -> Sequence[ApiKeyStruct]:
        await _require_administrator(context, "apiKeys")
        return (await accounts.fetch_all_keys(context.resources.pool, [None]))[None]

    @root_field(
        list[User],
        description="All who can sign in, by e-mail address. Needs the role ADMIN.",
        metadata=length(20),
    )
    async def users(context: Context) -> Sequence[UserStruct]:
        await _require_administrator(context, "users")
        return (await accounts.fetch_all(context.resources.pool, [None]))[None]


async def _require_administrator(context: Context, field: str) -> None:
    context.read_set.never_keep(field)
    require(await context.current_principal(), Role.ADMIN)
