"""GraphQL type of a change that is delivered to subscribers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from app.broadcast import Change
from app.domain.entry import DnoYear
from app.domain.entry_page import EntryKey
from app.domain.event import Topic
from app.domain.families import BY_NAME, OF_DATA_TYPE, DataType
from app.domain.holiday_rule import WITHOUT_YEAR
from app.domain.revision import ChangeKind
from app.errors import AppError, Code
from schema.batch_field import batch_field, field, type_for
from schema.context import Context
from schema.types.dno import Dno
from schema.types.entry import Entry
from schema.types.entry_connection import load_entries_of_present
from schema.types.levy import Levy
from schema.types.node import Kind, write_id

# Of operators' entries.
TOPICS = {data_type: Topic(family.name) for data_type, family in OF_DATA_TYPE.items() if family.of_operators}
_DATA_TYPES = {Topic(family.name): data_type for data_type, family in OF_DATA_TYPE.items()}
_KINDS = {data_type: Kind[family.id_kind] for data_type, family in OF_DATA_TYPE.items()}


@type_for(Change, description="One change of one entry, told after it was committed.")
class DataChange:
    @field(description="What the change did.")
    def kind(root: strawberry.Parent[Change]) -> ChangeKind:
        return root.entry.kind

    @field(description="What was changed.")
    def data_type(root: strawberry.Parent[Change]) -> DataType:
        return _DATA_TYPES[root.event.topic]

    @batch_field(
        Dno, description="Whose entry it is. Refused with NOT_FOUND for an operator that is deleted."
    )
    async def dno(changes: Sequence[Change], context: Context) -> Sequence[Any]:
        found = await context.loaders.dno_by_id.load_many([_key(change).dno_id for change in changes])
        if None in found:
            raise AppError("The operator of this change is deleted.", Code.NOT_FOUND)
        return found

    @field(
        description=f"Calendar year in which the entry holds; {WITHOUT_YEAR} for a holiday rule whose operator names none."
    )
    def year(root: strawberry.Parent[Change]) -> int:
        return _key(root).year

    @field(description="When it was changed.")
    def changed_at(root: strawberry.Parent[Change]) -> datetime:
        return root.event.changed_at

    @batch_field(
        Entry | None,
        description="The entry as it is now: after this change, perhaps after later ones. null: it is deleted, or its operator is.",
    )
    async def entry(changes: Sequence[Change], context: Context) -> Sequence[Any]:
        keys = [EntryKey(BY_NAME[change.event.topic], *_key(change), change.entry.id) for change in changes]
        return await load_entries_of_present(keys, context)


@type_for(Change, description="One change of one levy, told after it was committed.")
class LevyChange:
    @field(description="What the change did.")
    def kind(root: strawberry.Parent[Change]) -> ChangeKind:
        return root.entry.kind

    @field(description="When it was changed.")
    def changed_at(root: strawberry.Parent[Change]) -> datetime:
        return root.event.changed_at

    @batch_field(
        Levy | None,
        description="The levy as it is now: after this change, perhaps after later ones. null: it is deleted.",
    )
    async def levy(changes: Sequence[Change], context: Context) -> Sequence[Any]:
        (found,) = await context.loaders.levies.load_many([None])
        levies = {levy.id: levy for levy in found or ()}
        return [levies.get(change.entry.id) for change in changes]


def change_summary(change: Change) -> dict[str, Any]:
    """The fields that are in the event itself and need no read."""
    data_type = _DATA_TYPES[change.event.topic]
    return {
        "kind": change.entry.kind.value,
        "dataType": data_type.value,
        "year": change.event.year,
        "entry": write_id(_KINDS[data_type], change.entry.id),
        "version": change.entry.version,
    }


def _key(change: Change) -> DnoYear:
    event = change.event
    assert event.dno_id is not None
    assert event.year is not None
    return DnoYear(event.dno_id, event.year)
