"""Mutations on entries of any family: verify, flag, unflag, delete, revert, undo."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import strawberry
from strawberry.types.field import StrawberryField

from app.db import entries
from app.db.unit_of_work import UnitOfWork
from app.domain.account import Role
from app.domain.families import OF_DATA_TYPE, DataType
from schema.context import Context, Info
from schema.mutations import entry_fields as fields
from schema.mutations.entry_write import WRITE, Change, EntryWrite
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


def _verify(input: VerifyInput) -> Change:
    family, id = _entry(input.id)
    return Change(
        id,
        lambda work: entries.verify(
            work, family, id, expected_version=input.expected_version, notes=input.notes
        ),
    )


def _flag(input: FlagInput) -> Change:
    family, id = _entry(input.id)
    return Change(
        id,
        lambda work: entries.flag(
            work, family, id, reason=input.reason, expected_version=input.expected_version
        ),
    )


def _unflag(input: VerifyInput) -> Change:
    family, id = _entry(input.id)
    return Change(
        id,
        lambda work: entries.unflag(
            work, family, id, expected_version=input.expected_version, notes=input.notes
        ),
    )


def _delete(input: DeleteInput) -> Change:
    family, id = _entry(input.id)
    return Change(
        id,
        lambda work: entries.delete(
            work, family, id, reason=input.reason, expected_version=input.expected_version
        ),
    )


def _entry(text: str) -> tuple[DataType, UUID]:
    kind, id = read_id(text, *_DATA_TYPES, field=("input", "id"))
    return _DATA_TYPES[kind], id


def _mutation(
    prepare: Callable[[Any], Change], input_type: type, role: Role, description: str, *, argument: str
) -> StrawberryField:
    """`argument`: description of the argument `input`."""

    async def resolve(info: Info, input: Any) -> EntryPayload:
        return await _write(info.context, prepare(input).run)

    resolve.__annotations__["input"] = Annotated[input_type, strawberry.argument(description=argument)]
    write = EntryWrite(input_type, role, description, lambda _, given: prepare(given))
    return mutation(EntryPayload, description=description, role=role, entry="entry", metadata={WRITE: write})(
        resolve
    )


async def _write(context: Context, change: Callable[[UnitOfWork], Awaitable[Any]]) -> EntryPayload:
    entry, work = await context.write(change, one_entry=True)
    return EntryPayload(entry=entry, revision=work.revision)  # type: ignore[arg-type]


@strawberry.type
class EntryMutations:
    verify = _mutation(
        _verify, VerifyInput, Role.ADMIN, "Says that an entry equals its source.", argument="Which entry."
    )
    flag = _mutation(
        _flag,
        FlagInput,
        Role.EDITOR,
        "Says that an entry is in doubt. Another reason for one that is FLAGGED is a further revision.",
        argument="Which entry, and why.",
    )
    unflag = _mutation(
        _unflag,
        VerifyInput,
        Role.EDITOR,
        "Withdraws a flag: the entry is UNVERIFIED then. One that is not FLAGGED stays as it is.",
        argument="Which entry, and why.",
    )
    delete = _mutation(
        _delete,
        DeleteInput,
        Role.ADMIN,
        "Deletes an entry; its history stays, and reverting this change restores the entry.",
        argument="Which entry, and why.",
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

    @mutation(
        EntryPayload,
        description="Undoes an own change, as a new change: the entry becomes again what it was before. Refused with FORBIDDEN for the "
        "change of another author, and with CONFLICT if the entry has changed since. An undo can be undone.",
        role=Role.EDITOR,
        entry="entry",
    )
    async def undo(
        self,
        info: Info,
        input: Annotated[RevertInput, strawberry.argument(description="Which change of your own.")],
    ) -> EntryPayload:
        _, revision_id = read_id(input.revision_id, REVISION_ID, field=("input", "revisionId"))
        return await _write(
            info.context,
            lambda work: entries.undo(
                work, revision_id, expected_version=input.expected_version, reason=input.reason
            ),
        )
