"""The mutation that writes several entries, of any families, in one transaction: all of them or none."""

from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Any, Final
from uuid import UUID

import strawberry

from app.auth.roles import require
from app.db.family_table import EntryConflict
from app.db.unit_of_work import UnitOfWork, translated_write_errors
from app.domain.account import Principal, Role
from app.domain.plausibility import PlausibilityWarning
from app.domain.revision import Revision as RevisionStruct
from app.errors import AppError, BadInput, Unavailable
from schema.context import Context, Info
from schema.mutations.entry_write import WRITE, Change, EntryWrite
from schema.mutations.payload import UserError, errors_field, is_reported, mutation, warnings_field
from schema.types.entry import Entry
from schema.types.revision import FieldChange, Revision
from schema.types.warning import Warning

MAX_WRITES: Final = 100

Path = tuple[str, ...]


@strawberry.type(description="What one of several writes did, or would do.")
class EntryWriteResult:
    entry: Entry | None = strawberry.field(
        default=None,
        description="As it is now, also with CONFLICT; null where it is deleted, of writes that were not executed, and where it "
        "conflicts with an earlier one of these writes.",
    )
    revision: Revision | None = strawberry.field(
        default=None, description="What the write left; null where it changed nothing or was not executed."
    )
    changes: list[FieldChange] = strawberry.field(
        default_factory=list, description="What changes, field by field; with `dryRun`, too."
    )
    errors: list[UserError] = errors_field()
    warnings: list[Warning] = warnings_field()


@strawberry.type(description="The results of several writes: all were executed, or none.")
class WriteEntriesPayload:
    written: bool = strawberry.field(
        default=False, description="False: a dry run, or refused, and nothing has changed."
    )
    results: list[EntryWriteResult] = strawberry.field(
        default_factory=list, description="One for each write, in their order."
    )
    errors: list[UserError] = strawberry.field(
        default_factory=list,
        description="Why nothing was written: the errors of all writes; their paths begin with input, writes and its place from 0.",
    )
    warnings: list[Warning] = strawberry.field(
        default_factory=list, description="The warnings of all writes, with paths likewise."
    )


def bulk_mutations(single: type) -> type:
    """`single` has the mutations of single entries: each is a field of the input."""
    writes = {
        field.python_name: field.metadata[WRITE]
        for field in single.__strawberry_definition__.fields  # type: ignore[attr-defined]
        if WRITE in field.metadata
    }
    write_input = _one_of(writes)

    @strawberry.input(description="Writes that belong together, such as those of a price sheet.")
    class WriteEntriesInput:
        writes: list[write_input] = strawberry.field(  # type: ignore[valid-type]
            description=f"1 to {MAX_WRITES}; executed in this order, each sees those before it."
        )
        dry_run: bool | None = strawberry.field(
            default=False,
            description="Executes and then undoes all writes: errors, warnings and changes as they would be.",
        )

    @strawberry.type
    class BulkMutations:
        @mutation(
            WriteEntriesPayload,
            description="Adds, corrects, verifies, flags or deletes several entries in one transaction: all of them or, if one is refused, "
            "none. Each write needs the role that its own mutation needs.",
            role=Role.EDITOR,
        )
        async def write_entries(
            self,
            info: Info,
            input: Annotated[WriteEntriesInput, strawberry.argument(description="The writes.")],
        ) -> WriteEntriesPayload:
            if not 0 < len(input.writes) <= MAX_WRITES:
                raise BadInput(
                    f"`writes` has {len(input.writes)} writes; 1 to {MAX_WRITES} are allowed.",
                    field=("input", "writes"),
                )
            prepared = [_Write(number, write, writes) for number, write in enumerate(input.writes)]
            return await _write(info.context, prepared, dry_run=bool(input.dry_run))

    return BulkMutations


def _one_of(writes: Mapping[str, EntryWrite]) -> type:
    fields = {
        name: strawberry.field(default=strawberry.UNSET, description=write.description)
        for name, write in writes.items()
    }
    types = {name: write.input_type | None for name, write in writes.items()}
    made: type = strawberry.input(
        type("EntryWrite", (), {"__annotations__": types, **fields}),
        one_of=True,
        description="One write: exactly one of these, with the input of the mutation of this name.",
    )
    return made


class _Write:
    """One of the writes of an input, and its place there."""

    def __init__(self, number: int, given: Any, writes: Mapping[str, EntryWrite]) -> None:
        inputs = {name: getattr(given, name) for name in writes}
        [(name, self._input)] = [pair for pair in inputs.items() if pair[1] is not strawberry.UNSET]
        self._write = writes[name]
        first, *rest = name.split("_")
        self._path = ("input", "writes", str(number), first + "".join(map(str.capitalize, rest)))

    def prepare(self, principal: Principal) -> Change:
        require(principal, self._write.role)
        return self._write.prepare(principal, self._input)

    def path(self, field: Sequence[str]) -> Path:
        """Of a field in the input of the single mutation."""
        return (*self._path, *field[1:])


# Each result, with the id of its entry.
_Outcomes = Sequence[tuple[EntryWriteResult, UUID | None]]


class _NotWritten(Exception):
    """Rolls the transaction back."""

    def __init__(self, outcomes: _Outcomes, revisions: Sequence[RevisionStruct]) -> None:
        self.outcomes = outcomes
        self.revisions = revisions


async def _write(context: Context, writes: Sequence[_Write], *, dry_run: bool) -> WriteEntriesPayload:
    async def change(work: UnitOfWork) -> _Outcomes:
        await work.lock_bulk_writes()
        outcomes = await _run_all(work, writes)
        if dry_run or any(result.errors for result, _ in outcomes):
            await work.read_back()
            raise _NotWritten(outcomes, work.revisions)
        return outcomes

    try:
        # Before a connection is taken: those that wait for the lock would keep reads waiting.
        async with context.resources.bulk_writes:
            outcomes, work = await context.write(change)
    except _NotWritten as undone:
        _set_revisions(undone.outcomes, undone.revisions)
        for result, _ in undone.outcomes:
            result.revision = None
            if not result.errors:
                result.entry = None
        return _payload(undone.outcomes, written=False)
    _set_revisions(outcomes, work.revisions)
    return _payload(outcomes, written=True)


def _payload(outcomes: _Outcomes, *, written: bool) -> WriteEntriesPayload:
    results = [result for result, _ in outcomes]
    return WriteEntriesPayload(
        written=written,
        results=results,
        errors=[error for result in results for error in result.errors],
        warnings=[warning for result in results for warning in result.warnings],
    )


async def _run_all(work: UnitOfWork, writes: Sequence[_Write]) -> _Outcomes:
    """Goes on after a refused write, so that all errors are found at once."""
    outcomes: list[tuple[EntryWriteResult, UUID | None]] = []
    unchanged = True
    for write in writes:
        work.wrote_nothing = False
        outcomes.append(await _run(work, write, written={entry_id for _, entry_id in outcomes}))
        unchanged = unchanged and work.wrote_nothing
    work.wrote_nothing = unchanged
    return outcomes


async def _run(
    work: UnitOfWork, write: _Write, *, written: Collection[UUID | None]
) -> tuple[EntryWriteResult, UUID | None]:
    """`written`: entries of earlier writes, which stay as they were before if this one is refused."""
    known = len(work.warnings)
    try:
        change = write.prepare(work.principal)
        # A savepoint: a refused write is undone alone.
        with translated_write_errors():
            async with work.connection.transaction():
                entry = await change.run(work)
    except AppError as error:
        if isinstance(error, Unavailable) or not is_reported(error):
            raise
        reported = UserError.of(error)
        reported.field = list(write.path(error.field))
        current = error.entry if isinstance(error, EntryConflict) else None
        if current is not None and current.id in written:
            current = None
        return EntryWriteResult(entry=current, errors=[reported]), None
    warnings = [
        PlausibilityWarning(warning.code, warning.message, write.path(warning.field))
        for warning in work.warnings[known:]
    ]
    entry_id = change.entry_id if entry is None else entry.id
    return EntryWriteResult(entry=entry, warnings=warnings), entry_id  # type: ignore[arg-type]


def _set_revisions(outcomes: _Outcomes, revisions: Sequence[RevisionStruct]) -> None:
    """Each revision belongs to the first write that left the entry at its version, or deleted it."""
    left = list(revisions)
    for result, entry_id in outcomes:
        for revision in left:
            version = revision.version if result.entry is None else result.entry.version
            if (revision.entry_id, revision.version) == (entry_id, version):
                result.revision = revision  # type: ignore[assignment]
                result.changes = list(revision.changes)  # type: ignore[arg-type]
                left.remove(revision)
                break
