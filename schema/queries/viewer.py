"""The query for the user who is signed in."""

import strawberry

from app.domain.account import User as UserStruct
from schema.batch_field import root_field
from schema.context import Context
from schema.types.account import User


@strawberry.type
class ViewerQueries:
    @root_field(User | None, description="Who is signed in; null for anonymous requests and API keys.")
    async def viewer(context: Context) -> UserStruct | None:
        context.read_set.never_keep("viewer")
        user_id = context.principal.user_id
        return None if user_id is None else await context.resources.known.user(user_id)
