"""Stored entries with unusual values: those of an operator, those beyond the distribution of all, and their warnings."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from app.db.family_tables import TABLES
from app.db.pool import Connection, Pool, Row
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.entry_page import ListedEntry, UnusualEntry, has_level
from app.domain.families import BY_NAME, FAMILIES, DataType
from app.domain.family import Family
from app.domain.plausibility import Distribution, PlausibilityWarning, UsualFigures


class UnusualFigures(msgspec.Struct, frozen=True):
    """The distribution of a family's figures, and its entries beyond the bounds."""

    usual: tuple[tuple[tuple[str, ...], UsualFigures], ...]
    entries: tuple[UnusualEntry, ...]

    @property
    def distribution(self) -> Distribution:
        return dict(self.usual)


async def fetch_unusual_entries(pool: Pool, dno_ids: Sequence[UUID]) -> dict[UUID, tuple[UnusualEntry, ...]]:
    """Of each operator, by the rules that need no distribution: a write of another operator does not change them."""
    found: dict[UUID, list[UnusualEntry]] = {dno_id: [] for dno_id in dno_ids}
    async with _snapshot(pool) as connection:
        for family in FAMILIES:
            check = TABLES[family.name].plausibility
            async for entry, _ in check.find_beside(connection, {}, dno_ids):
                found[entry.dno_id].append(_of_entry(family, entry))
    return {dno_id: tuple(entries) for dno_id, entries in found.items()}


async def fetch_unusual_figures(pool: Pool, families: Sequence[str]) -> dict[str, UnusualFigures]:
    """Of families, by name."""
    async with _snapshot(pool) as connection:
        return {name: await _unusual_figures(connection, BY_NAME[name]) for name in families}


async def fetch_warnings(
    pool: Pool, listed: Iterable[ListedEntry], distributions: Mapping[str, Distribution]
) -> dict[UUID, tuple[PlausibilityWarning, ...]]:
    """By entry, of those that have any. `distributions`: by the names of families."""
    by_family: dict[str, list[ListedEntry]] = {}
    for each in listed:
        by_family.setdefault(each.family.name, []).append(each)
    found: dict[UUID, tuple[PlausibilityWarning, ...]] = {}
    async with _snapshot(pool) as connection:
        for name, entries in by_family.items():
            check = TABLES[name].plausibility
            dno_ids = list({each.dno_id for each in entries})
            ids = [each.position.id for each in entries]
            usual = distributions.get(name, {})
            async for entry, warnings in check.find_beside(connection, usual, dno_ids, ids=ids):
                found[entry.id] = warnings
    return found


@asynccontextmanager
async def _snapshot(pool: Pool) -> AsyncIterator[Connection]:
    async with (
        pool.reading() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        yield connection


async def _unusual_figures(connection: Connection, family: Family) -> UnusualFigures:
    check = TABLES[family.name].plausibility
    usual = await check.distribution(connection)
    rows = await check.fetch_unusual_figures(connection, usual)
    return UnusualFigures(tuple(usual.items()), tuple([_of_row(family, row) for row in rows]))


def _of_entry(family: Family, entry: Any) -> UnusualEntry:
    return UnusualEntry(
        entry.id,
        entry.dno_id,
        DataType[family.data_type],
        entry.year,
        entry.voltage_level if has_level(family) else None,
        entry.verification_status,
        entry.publication if family.has_publication else None,
    )


def _of_row(family: Family, row: Row) -> UnusualEntry:
    level, publication = row["voltage_level"], row["publication"]
    return UnusualEntry(
        row["id"],
        row["dno_id"],
        DataType[family.data_type],
        row["year"],
        VoltageLevel(level) if level else None,
        VerificationStatus(row["verification_status"]),
        Publication(publication) if publication else None,
    )
