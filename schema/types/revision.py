"""GraphQL types of the history of an entry."""

from collections.abc import Sequence
from datetime import datetime

import strawberry

from app.domain import revision as structs
from app.domain.account import Role
from schema.batch_field import batch_field, describe, length, type_for
from schema.context import Context
from schema.types.node import REVISION_ID, Node, id_field

describe(
    structs.ChangeKind,
    "What a change did.",
    CREATED="The entry is new, or came back.",
    CORRECTED="Its figures changed, or its status fell back.",
    VERIFIED="Somebody compared it with its source.",
    FLAGGED="Somebody doubts it.",
    REVERTED="It is again what it was before an earlier change.",
    DELETED="It is gone; its history stays.",
)


@type_for(structs.FieldChange, description="One field's value before and after a change, as text.")
class FieldChange:
    field: str = strawberry.field(
        description="The field's name in this schema; the price of a band is bands.HT, bands.ST or bands.NT."
    )
    before: str | None = strawberry.field(description="null: there was none.")
    after: str | None = strawberry.field(description="null: there is none any more.")


@type_for(structs.Revision, description="One change of one entry. Never altered, never removed.")
class Revision(Node):
    id = id_field(REVISION_ID, "What `revert` asks for; opaque.")
    kind: structs.ChangeKind = strawberry.field(description="What the change did.")
    version: int = strawberry.field(description="The entry's version after the change.")
    changed_at: datetime = strawberry.field(description="When.")

    @batch_field(
        str | None,
        description="Who; null: a program with access to the database. Names are shown to EDITOR and ADMIN.",
    )
    async def changed_by(revisions: Sequence[structs.Revision], context: Context) -> Sequence[str | None]:
        # Data protection: names are for editors only. Without `reads`, so that it is never part of a fragment.
        named = context.principal.role.includes(Role.EDITOR)
        return [revision.changed_by if named else None for revision in revisions]

    reason: str | None = strawberry.field(description="Why, in the words of who changed it.")
    changes: list[FieldChange] = strawberry.field(
        description="What changed, field by field.", metadata=length(3)
    )
