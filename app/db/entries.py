"""Entries of every family verified, flagged and reverted."""

from typing import Any
from uuid import UUID

import msgspec

from app.db.family_tables import TABLES
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import check_text
from app.domain.entry import VerificationStatus
from app.domain.families import OF_DATA_TYPE, DataType
from app.domain.revision import ChangeKind
from app.errors import NotFound

Entry = Any  # of the family in question


async def verify(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    *,
    expected_version: int | None = None,
    notes: str | None = None,
) -> Entry:
    """What is verified already stays as it is, without a revision."""
    check_text(notes, "notes")
    return await _mark(work, data_type, entry_id, VerificationStatus.VERIFIED, expected_version, notes)


async def flag(
    work: UnitOfWork, data_type: DataType, entry_id: UUID, *, reason: str, expected_version: int | None = None
) -> Entry:
    """What is flagged already stays as it is, without a revision."""
    check_text(reason, "reason", required=True)
    return await _mark(work, data_type, entry_id, VerificationStatus.FLAGGED, expected_version, reason)


async def revert(
    work: UnitOfWork, revision_id: UUID, *, expected_version: int | None = None, reason: str | None = None
) -> Entry:
    """The entry as a whole is again what it was before that revision, whatever has happened since.

    None: before it there was no such entry, so now it is deleted. A second time changes nothing and
    leaves no revision; reverting the revision that this left undoes it.
    """
    check_text(reason, "reason")
    wanted = await work.connection.fetchrow(
        "SELECT entry_id, data_type, before FROM revisions WHERE id = $1", revision_id
    )
    if wanted is None:
        raise NotFound("There is no such revision.", field=("input", "revisionId"))
    entry_id, data_type, state = wanted
    table = TABLES[OF_DATA_TYPE[DataType(data_type)].name]
    entry, _ = await table.lock(work, entry_id, reason=reason, kind=ChangeKind.REVERTED, deleted=True)
    expect(entry.version, expected_version)
    if state is None:
        await table.save(work, entry, deleted=True)
        return None
    return await table.save(work, table.restored(entry, state))


async def _mark(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    status: VerificationStatus,
    expected_version: int | None,
    reason: str | None,
) -> Entry:
    table = TABLES[OF_DATA_TYPE[data_type].name]
    entry, _ = await table.lock(work, entry_id, reason=reason)
    expect(entry.version, expected_version)
    return await table.save(work, msgspec.structs.replace(entry, verification_status=status))
