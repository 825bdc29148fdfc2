"""Verifies, flags, deletes and reverts entries of every family."""

from typing import Any, Final
from uuid import UUID

import msgspec

from app.db.family_table import FamilyTable
from app.db.family_tables import TABLES
from app.db.one_entry import Contended, OneEntryWork
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import check_text
from app.domain.entry import VerificationStatus
from app.domain.families import OF_DATA_TYPE, DataType
from app.domain.revision import ChangeKind
from app.errors import AppError, BadInput, Code

Entry = Any  # of the family in question

_LATEST_REASON: Final = (
    "SELECT CASE kind WHEN $2 THEN reason END FROM revisions WHERE entry_id = $1 AND kind IN ($2, $3)"
    " ORDER BY version DESC LIMIT 1"
)
# Whether an update that changes nothing gets a revision, in this transaction.
_RECORDED: Final = "SELECT set_config('dno.recorded', $1, true)"


async def verify(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    *,
    expected_version: int | None = None,
    notes: str | None = None,
) -> Entry:
    """An entry that is verified already is not changed and gets no revision."""
    check_text(notes, "notes")
    return await _mark(work, data_type, entry_id, VerificationStatus.VERIFIED, expected_version, notes)


async def flag(
    work: UnitOfWork, data_type: DataType, entry_id: UUID, *, reason: str, expected_version: int | None = None
) -> Entry:
    """An entry that is flagged already gets a revision for a reason that differs from the latest one's."""
    check_text(reason, "reason", required=True)
    return await _mark(
        work, data_type, entry_id, VerificationStatus.FLAGGED, expected_version, reason, repeat=True
    )


async def unflag(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    *,
    expected_version: int | None = None,
    notes: str | None = None,
) -> Entry:
    """The entry is unverified then. One that is not flagged is not changed and gets no revision."""
    check_text(notes, "notes")
    return await _mark(
        work,
        data_type,
        entry_id,
        VerificationStatus.UNVERIFIED,
        expected_version,
        notes,
        only=VerificationStatus.FLAGGED,
    )


async def delete(
    work: UnitOfWork, data_type: DataType, entry_id: UUID, *, reason: str, expected_version: int | None = None
) -> None:
    """Reverting the revision that this writes restores the entry."""
    check_text(reason, "reason", required=True)
    table = TABLES[OF_DATA_TYPE[data_type].name]
    entry = await table.lock(work, entry_id, reason=reason)
    async with table.reported_conflicts(work, entry_id):
        expect(entry.version, expected_version)
        await table.save(work, entry, deleted=True)


async def revert(
    work: UnitOfWork, revision_id: UUID, *, expected_version: int | None = None, reason: str | None = None
) -> Entry:
    """Restores the whole entry as it was before that revision, also if it has changed since.

    Returns None if there was no entry before it: the entry is deleted. A second call changes nothing and
    writes no revision; reverting the revision that this wrote undoes it. Raises BAD_USER_INPUT for a revision that changed
    nothing, unless the entry has changed since.
    """
    return await _restore(work, revision_id, expected_version, reason)


async def undo(
    work: UnitOfWork, revision_id: UUID, *, expected_version: int | None = None, reason: str | None = None
) -> Entry:
    """Restores the entry as it was before the author's own change, if nothing has changed it since.

    Raises FORBIDDEN for the change of another author, CONFLICT if there is a later one. An undo can be undone.
    """
    return await _restore(work, revision_id, expected_version, reason, own=True)


async def _restore(
    work: UnitOfWork,
    revision_id: UUID,
    expected_version: int | None,
    reason: str | None,
    *,
    own: bool = False,
) -> Entry:
    """`own`: only the author's own change, and only the latest one of the entry."""
    check_text(reason, "reason")
    wanted = await work.connection.fetchrow(
        "SELECT entry_id, data_type, version, changed_by, before, after FROM revisions WHERE id = $1",
        revision_id,
    )
    if wanted is None:
        raise AppError("There is no such revision.", Code.NOT_FOUND, field=("input", "revisionId"))
    if own and wanted["changed_by"] != work.principal.name:
        raise AppError(
            "This is the change of another author; an ADMIN can revert it.",
            Code.FORBIDDEN,
            field=("input", "revisionId"),
        )
    table, state = TABLES[OF_DATA_TYPE[DataType(wanted["data_type"])].name], wanted["before"]
    entry = await table.lock(
        work,
        wanted["entry_id"],
        reason=reason,
        kind=ChangeKind.REVERTED,
        deleted=True,
        field="revisionId",
    )
    async with table.reported_conflicts(work, wanted["entry_id"]):
        expect(entry.version, expected_version)
        if own and entry.version != wanted["version"]:
            raise AppError(
                "The entry has changed since; an ADMIN can revert the change nevertheless.",
                Code.CONFLICT,
                field=("input", "revisionId"),
                current_version=entry.version,
            )
        if state is None:
            await table.save(work, entry, deleted=True)
            return None
        saved = await table.save(work, table.restored(entry, state))
        if saved.version == entry.version and state == wanted["after"]:
            raise BadInput(
                "This revision changed nothing; `unflag` withdraws a flag.", field=("input", "revisionId")
            )
        return saved


async def _mark(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    status: VerificationStatus,
    expected_version: int | None,
    reason: str | None,
    *,
    only: VerificationStatus | None = None,
    repeat: bool = False,
) -> Entry:
    """`only`: entries of another status stay as they are. `repeat`: an entry that has the status gets a revision of another reason."""
    table = TABLES[OF_DATA_TYPE[data_type].name]
    entry = await table.lock(work, entry_id, reason=reason)
    async with table.reported_conflicts(work, entry_id):
        expect(entry.version, expected_version)
        if only not in (None, entry.verification_status):
            work.wrote_nothing = True
            return entry
        if repeat and entry.verification_status is status:
            return await _repeat(work, table, entry, reason)
        return await table.save(work, msgspec.structs.replace(entry, verification_status=status))


async def _repeat(work: UnitOfWork, table: FamilyTable[Any], entry: Entry, reason: str | None) -> Entry:
    """Nothing changes but the history."""
    if isinstance(work, OneEntryWork):
        raise Contended  # takes a transaction
    kinds = ChangeKind.FLAGGED, ChangeKind.REVERTED  # a flag that came back may have had another reason
    if await work.connection.fetchval(_LATEST_REASON, entry.id, *kinds) == reason:
        work.wrote_nothing = True
        return entry
    await work.connection.execute(_RECORDED, "on")
    saved = await table.save(work, entry)
    await work.connection.execute(_RECORDED, "")  # further writes of the transaction
    return saved
