"""Mutations on entries of any family: verify, flag, unflag, delete, revert."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.db import entries
from app.db.unit_of_work import UnitOfWork
from app.domain.account import Role
from app.domain.families import OF_DATA_TYPE, DataType
from schema.context import Context, Info
from schema.mutations import entry_fields as fields
from schema.mutations.payload import UserError, errors_field, mutation
from schema.types.entry import Entry
from schema.types.node import REVISION_ID, Kind, read_id
from schema.types.revision import Revision

_DATA_TYPES = {Kind[family.id_kind]: data_type for data_type, family in OF_DATA_TYPE.items()}


@strawberry.input(description="An entry that somebody has compared with its source.")
class VerifyInput:
    id: strawberry.ID = strawberry.field(description="The entry's id.")
    expected_version: int | None = fields.expected_version()
    notes: str | None = strawberry.field(default=None, description="What was compared; kept in the history.")


@strawberry.input(description="An entry that somebody should look at.")
class FlagInput:
    id: strawberry.ID = strawberry.field(description="The entry's id.")
    expected_version: int | None = fields.expected_version()
    reason: str = strawberry.field(description="What is in doubt; kept in the history.")


@strawberry.input(description="An entry that should not exist.")
class DeleteInput:
    id: strawberry.ID = strawberry.field(description="The entry's id.")
    expected_version: int | None = fields.expected_version()
    reason: str = strawberry.field(description="Why; kept in the history.")


@strawberry.input(description="A change that shall be undone.")
class RevertInput:
    revision_id: strawberry.ID = strawberry.field(
        description="The entry becomes again what it was before this revision, whatever has happened since."
    )
    expected_version: int | None = fields.expected_version()
    reason: str | None = fields.reason()


@strawberry.type(description="The entry as it is now, and the revision that the write left.")
class EntryPayload:
    entry: Entry | None = strawberry.field(
        default=None, description="As it is now, also with CONFLICT; null where it is deleted."
    )
    revision: Revision | None = fields.revision()
    errors: list[UserError] = errors_field()


@strawberry.type
class EntryMutations:
    @mutation(
        EntryPayload, description="Says that an entry equals its source.", role=Role.ADMIN, entry="entry"
    )
    async def verify(
        self, info: Info, input: Annotated[VerifyInput, strawberry.argument(description="Which entry.")]
    ) -> EntryPayload:
        family, id = _entry(input.id)
        return await _write(
            info.context,
            lambda work: entries.verify(
                work, family, id, expected_version=input.expected_version, notes=input.notes
            ),
        )

    @mutation(EntryPayload, description="Says that an entry is in doubt.", role=Role.EDITOR, entry="entry")
    async def flag(
        self,
        info: Info,
        input: Annotated[FlagInput, strawberry.argument(description="Which entry, and why.")],
    ) -> EntryPayload:
        family, id = _entry(input.id)
        return await _write(
            info.context,
            lambda work: entries.flag(
                work, family, id, reason=input.reason, expected_version=input.expected_version
            ),
        )

    @mutation(
        EntryPayload,
        description="Withdraws a flag: the entry is UNVERIFIED then. One that is not FLAGGED stays as it is.",
        role=Role.EDITOR,
        entry="entry",
    )
    async def unflag(
        self,
        info: Info,
        input: Annotated[VerifyInput, strawberry.argument(description="Which entry, and why.")],
    ) -> EntryPayload:
        family, id = _entry(input.id)
        return await _write(
            info.context,
            lambda work: entries.unflag(
                work, family, id, expected_version=input.expected_version, notes=input.notes
            ),
        )

    @mutation(
        EntryPayload,
        description="Deletes an entry; its history stays, and reverting this change restores the entry.",
        role=Role.ADMIN,
        entry="entry",
    )
    async def delete(
        self,
        info: Info,
        input: Annotated[DeleteInput, strawberry.argument(description="Which entry, and why.")],
    ) -> EntryPayload:
        family, id = _entry(input.id)
        return await _write(
            info.context,
            lambda work: entries.delete(
                work, family, id, reason=input.reason, expected_version=input.expected_version
            ),
        )

    @mutation(EntryPayload, description="Undoes a change, as a new change.", role=Role.ADMIN, entry="entry")
    async def revert(
        self, info: Info, input: Annotated[RevertInput, strawberry.argument(description="Which change.")]
    ) -> EntryPayload:
        _, revision_id = read_id(input.revision_id, REVISION_ID, field=("input", "revisionId"))
        return await _write(
            info.context,
            lambda work: entries.revert(
                work, revision_id, expected_version=input.expected_version, reason=input.reason
            ),
        )


async def _write(context: Context, change: Callable[[UnitOfWork], Awaitable[Any]]) -> EntryPayload:
    entry, work = await context.write(change)
    return EntryPayload(entry=entry, revision=work.revision)  # type: ignore[arg-type]


def _entry(text: str) -> tuple[DataType, UUID]:
    kind, id = read_id(text, *_DATA_TYPES, field=("input", "id"))
    return _DATA_TYPES[kind], id
