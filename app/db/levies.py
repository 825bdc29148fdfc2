"""The table of levies, read as a whole: rates hold for years after the one in which they begin."""

from collections.abc import Sequence
from datetime import date
from typing import Final

from app.db.family_table import EntryConflict, FamilyTable
from app.db.one_entry import OneEntryWork
from app.db.pool import Pool
from app.db.unit_of_work import UnitOfWork
from app.domain.correction import Correction, NewEntry
from app.domain.levy import FAMILY, Levy, LevyKind
from app.domain.levy_correction import NewLevy
from app.errors import AppError, Code

# Another entry of the kind and customer group with days in common; one with the same first day is the same entry.
_OVERLAPPING: Final = f"""
    SELECT valid_from, valid_to FROM {FAMILY.table}
    WHERE kind = $1 AND customer_group = $2 AND valid_from <> $3 AND deleted_at IS NULL
        AND valid_from <= coalesce($4::date, 'infinity') AND $3 <= coalesce(valid_to, 'infinity')
    ORDER BY valid_from LIMIT 1"""


class Overlap(AppError):
    """Another rate holds on some of the days."""


class LevyTable(FamilyTable[Levy]):
    """Refuses two rates of one kind and customer group for a day with a sentence; a trigger of the table does so anyway."""

    async def add(self, work: UnitOfWork, new: NewEntry) -> Levy:
        assert isinstance(new, NewLevy)
        new.check()
        await _refuse_overlap(
            work, new.kind, new.composed_group, new.valid_from, new.rate.valid_to, "validFrom"
        )
        return await super().add(work, new)

    async def correct(self, work: UnitOfWork, correction: Correction[Levy]) -> Levy:
        try:
            return await super().correct(work, correction)
        except EntryConflict as conflict:
            if isinstance(conflict.__cause__, Overlap):
                conflict.field = ("input", "validTo")
            raise

    async def save(self, work: UnitOfWork, entry: Levy, *, deleted: bool = False, warn: bool = False) -> Levy:
        # Without a transaction the trigger refuses it, and the unit of work that follows reports it.
        if not deleted and not isinstance(work, OneEntryWork):
            await _refuse_overlap(
                work, entry.kind, entry.customer_group, entry.valid_from, entry.valid_to, None
            )
        return await super().save(work, entry, deleted=deleted, warn=warn)


async def _refuse_overlap(
    work: UnitOfWork,
    kind: LevyKind,
    group: str | None,
    first: date | None,
    last: date | None,
    field: str | None,
) -> None:
    """`field`: the one that an error names; None: a caller adds it."""
    found = await work.connection.fetchrow(_OVERLAPPING, kind, group or "", first or date.min, last)
    if found is None:
        return
    begin = "an unknown day" if found["valid_from"] == date.min else found["valid_from"]
    end = "on" if found["valid_to"] is None else f"to {found['valid_to']}"
    raise Overlap(
        f"Another rate of {kind} for this customer group holds from {begin} {end}: one day has one rate.",
        Code.CONFLICT,
        field=() if field is None else ("input", field),
    )


TABLE: FamilyTable[Levy] = LevyTable(FAMILY, Levy)

_ALL: Final = f"SELECT {TABLE.selected()} FROM {FAMILY.table} WHERE deleted_at IS NULL"


async def fetch_all(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[Levy, ...]]:
    """In no order; empty without any, so that this is kept as long as levies are."""
    rows = await pool.fetch(_ALL, name="all_levies")
    return {None: tuple(TABLE.entry(row) for row in rows)}
