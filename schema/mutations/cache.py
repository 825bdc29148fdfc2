"""The mutation that invalidates cached records by a pattern of tags."""

from typing import Annotated

import strawberry

from app.domain.account import Role
from app.errors import BadInput
from schema.context import Info
from schema.mutations.payload import UserError, errors_field, mutation


@strawberry.type(description="What was removed.")
class InvalidatePayload:
    removed: int = strawberry.field(default=0, description="Records removed from the shared cache.")
    errors: list[UserError] = errors_field()


@strawberry.type
class CacheMutations:
    @mutation(
        InvalidatePayload,
        description="Removes cached records by a pattern over their tags, such as `tariffs:*` or `*`; on every instance.",
        role=Role.ADMIN,
    )
    async def invalidate_cache(
        self,
        info: Info,
        pattern: Annotated[str, strawberry.argument(description="`*` is any text, `?` any character.")],
    ) -> InvalidatePayload:
        if not pattern or len(pattern) > 200:
            raise BadInput("A pattern has 1 to 200 characters.", field=("pattern",))
        removed = await info.context.resources.invalidator.invalidate_matching(pattern)
        return InvalidatePayload(removed=removed)
