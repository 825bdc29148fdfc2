"""What is done to entries of every family alike: verified, flagged, put back as they were."""

from types import ModuleType
from typing import TypeAlias
from uuid import UUID

import msgspec

from app.db import hlzf, tariffs
from app.db.unit_of_work import UnitOfWork, expect
from app.domain.correction import check_text
from app.domain.entry import DataType, VerificationStatus
from app.domain.hlzf import Hlzf
from app.domain.revision import ChangeKind
from app.domain.tariff import Tariff
from app.errors import NotFound

Entry: TypeAlias = Tariff | Hlzf

_FAMILIES: dict[DataType, ModuleType] = {DataType.NETZENTGELTE: tariffs, DataType.HLZF: hlzf}


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
) -> Entry | None:
    """The entry as a whole is again what it was before that revision, whatever has happened since.

    None: before it there was no such entry, so now it is deleted. Once more changes nothing and
    leaves no revision; reverting the revision that this left undoes it.
    """
    check_text(reason, "reason")
    wanted = await work.connection.fetchrow(
        "SELECT entry_id, data_type, before FROM revisions WHERE id = $1", revision_id
    )
    if wanted is None:
        raise NotFound("There is no such revision.", field=("input", "revisionId"))
    entry_id, data_type, state = wanted
    family = _FAMILIES[DataType(data_type)]
    entry = await family.lock(work, entry_id, reason=reason, kind=ChangeKind.REVERTED, deleted=True)
    expect(entry.version, expected_version)
    if state is None:
        await family.save(work, entry, deleted=True)
        return None
    restored: Entry = await family.save(work, family.restored(entry, state))
    return restored


async def _mark(
    work: UnitOfWork,
    data_type: DataType,
    entry_id: UUID,
    status: VerificationStatus,
    expected_version: int | None,
    reason: str | None,
) -> Entry:
    family = _FAMILIES[data_type]
    entry: Entry = await family.lock(work, entry_id, reason=reason)
    expect(entry.version, expected_version)
    marked: Entry = await family.save(work, msgspec.structs.replace(entry, verification_status=status))
    return marked
