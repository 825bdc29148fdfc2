"""Implausible entries of a family: each is read, or written, in one statement with the figures that the rules compare it with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.db.pool import Connection, Row
from app.domain import price, time_of_use
from app.domain.entry import VoltageLevel
from app.domain.family import Family
from app.domain.implied_figures import implied_figures
from app.domain.plausibility import NO_REFERENCES, KnownFigure, PlausibilityWarning, References
from app.domain.plausibility_rules import has_rules, plausibility_warnings
from app.domain.price import PriceKind

_ROWS_PER_BATCH: Final = 1_000


class Implausible(NamedTuple):
    entry: Any
    warnings: tuple[PlausibilityWarning, ...]  # at least one


class PlausibilityCheck:
    """`selected`: the columns of an entry with the alias `t`; `decode` makes it of a row."""

    def __init__(self, family: Family, selected: str, decode: Callable[[Any], Any]) -> None:
        self._family = family
        self._selected = selected
        self._decode = decode
        self._prices = [column.name for column in family.prices]
        self._find = self._statement_of_stored()

    def saving(self, write: str) -> str:
        """The statement that writes one row (the table's alias is `t`) and returns its entry with what `warnings` needs."""
        if not self._prices:
            return f"{write} RETURNING {self._selected}"
        before = "".join(f", old.{name} AS before_{name}" for name in self._prices)
        return (
            f"WITH saved AS ({write} RETURNING new.*{before}), {self._distributions('saved')}"
            f" SELECT {self._selected}, {self._compared('t.before_{}')} FROM saved t{self._joins()}"
        )

    def warnings(self, row: Row, entry: Any) -> tuple[PlausibilityWarning, ...]:
        return plausibility_warnings(self._family, entry, self._references(row, entry))

    async def find(
        self,
        connection: Connection,
        dno_ids: Sequence[UUID] | None = None,
        years: Sequence[int] | None = None,
    ) -> AsyncIterator[Implausible]:
        """Stored entries of these operators and years (None: of all) with warnings. Within a transaction, in bounded memory."""
        if not has_rules(self._family):
            return
        cursor = await connection.cursor(self._find, dno_ids, years)
        while rows := await cursor.fetch(_ROWS_PER_BATCH):
            for row in rows:
                entry = self._decode(row)
                if warnings := self.warnings(row, entry):
                    yield Implausible(entry, warnings)
            await asyncio.sleep(0)

    def _references(self, row: Row, entry: Any) -> References:
        """Of the columns of `_compared`, which are the last ones."""
        count = len(self._prices)
        if not count:
            return NO_REFERENCES
        known: tuple[KnownFigure, ...] = ()
        values = tuple(row)
        if self._family in _WITH_IMPLIED:
            *first, energy, standard = values
            values = tuple(first)
            known = tuple(implied_figures(self._family, entry, energy, standard))
        return References(
            values[-4 * count : -3 * count],
            values[-3 * count : -2 * count],
            values[-2 * count : -count],
            values[-count:],
            known,
        )

    def _statement_of_stored(self) -> str:
        """Of operators `$1` and years `$2`; null: all."""
        table = self._family.table
        operators = (
            " JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL" if self._family.of_operators else ""
        )
        where = (
            " WHERE t.deleted_at IS NULL AND ($1::uuid[] IS NULL OR t.dno_id = ANY($1))"
            " AND ($2::integer[] IS NULL OR t.year = ANY($2))"
        )
        if not self._prices:
            return f"SELECT {self._selected} FROM {table} t{operators}{where}"
        before = "(r.before ->> '{}')::numeric"
        return (
            f"WITH {self._distributions()} SELECT {self._selected}, {self._compared(before)}"
            f" FROM {table} t{operators} LEFT JOIN revisions r ON r.entry_id = t.id AND r.version = t.version"
            f"{self._joins()}{where}"
        )

    def _compared(self, before: str) -> str:
        """`before`: the price before the last change, with `{}` for its name."""
        columns = [
            f"{column.format(name)} AS {alias}_{name}"  # an entry is decoded by the names of its columns
            for alias, column in {
                "last_year": "p.{}",
                "before": before,
                "usual": "u.usual_{}",
                "figures": "u.figures_{}",
            }.items()
            for name in self._prices
        ]
        if self._family in _WITH_IMPLIED:
            columns += ["e.amount AS energy", "s.price_st AS standard"]
        return ", ".join(columns)

    def _joins(self) -> str:
        """The figures that an entry `t` is compared with."""
        table, key = self._family.table, [key.name for key in self._family.key]
        same_key = "".join(f" AND p.{name} = t.{name}" for name in key)
        same_kind = " AND ".join(f"u.{name} = t.{name}" for name in key) or "true"
        return (
            f" LEFT JOIN {table} p ON p.dno_id = t.dno_id AND p.year = t.year - 1{same_key} AND p.deleted_at IS NULL"
            f" LEFT JOIN usual u ON {same_kind}{_IMPLIED if self._family in _WITH_IMPLIED else ''}"
        )

    def _distributions(self, rows: str = "") -> str:
        """The medians of each kind of figures; only of the kinds of these rows, if they are given."""
        key = ", ".join(key.name for key in self._family.key)
        medians = ", ".join(
            f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {name}) AS usual_{name}, count({name}) AS figures_{name}"
            for name in self._prices
        )
        of_rows = f" AND ({key}) IN (SELECT {key} FROM {rows})" if key and rows else ""
        return (
            f"usual AS MATERIALIZED (SELECT {key}{key and ', '}{medians} FROM {self._family.table}"
            f" WHERE deleted_at IS NULL{of_rows}{key and ' GROUP BY '}{key})"
        )


# Families with prices that follow from each other.
_WITH_IMPLIED: Final = (time_of_use.FAMILY, price.FAMILY)
_IMPLIED: Final = (
    f" LEFT JOIN {price.FAMILY.table} e ON e.dno_id = t.dno_id AND e.year = t.year AND e.variant = ''"
    f" AND e.kind = '{PriceKind.SLP_ARBEITSPREIS}' AND e.voltage_level = '{VoltageLevel.NS}' AND e.deleted_at IS NULL"
    f" LEFT JOIN {time_of_use.FAMILY.table} s ON s.dno_id = t.dno_id AND s.year = t.year AND s.deleted_at IS NULL"
)
