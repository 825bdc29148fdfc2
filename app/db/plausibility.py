"""Implausible entries of a family: each is read, or written, in one statement with the figures that the rules compare it with."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from app.db.pool import Connection, Row
from app.db.unit_of_work import UnitOfWork
from app.domain import price, time_of_use
from app.domain.entry import VoltageLevel
from app.domain.family import ColumnType, Family
from app.domain.implied_figures import implied_figures
from app.domain.plausibility import (
    NO_FIGURES,
    NO_REFERENCES,
    Distribution,
    KnownFigure,
    PlausibilityWarning,
    References,
    UsualFigures,
)
from app.domain.plausibility_rules import has_rules, plausibility_warnings
from app.domain.plausible_prices import FEWEST_FIGURES, usual_bounds
from app.domain.price import PriceKind

_ROWS_PER_BATCH: Final = 200
_ROWS_AT_ONCE: Final = 1_000


class Implausible(NamedTuple):
    entry: Any
    warnings: tuple[PlausibilityWarning, ...]  # at least one


class CheckedWrite(NamedTuple):
    """Two statements that write one row and return its entry with the figures that it is compared with."""

    computing: str  # also returns the medians of its kind
    comparing: str  # for medians that are known


class PlausibilityCheck:
    """`selected`: the columns of an entry with the alias `t`; `decode` makes it of a row."""

    def __init__(self, family: Family, selected: str, decode: Callable[[Any], Any]) -> None:
        self._family = family
        self._selected = selected
        self._decode = decode
        self._prices = [column.name for column in family.prices]
        self._key = [key.name for key in family.key]
        self._kind = _kind_of(family)
        self._figures = _struct_of_prices(family)
        self._of_stored = self._statement_of_stored(selected)
        columns = selected if self._figures is None else ", ".join(f"t.{name}" for name in self._prices)
        key = ", ".join(f"t.{name}::text AS key_{name}" for name in ("dno_id", "year", *self._key))
        self._by_key = self._statement_of_stored(f"{key}, {columns}")
        self._unusual = self._statement_of_unusual_figures()

    def saving(self, write: str) -> CheckedWrite:
        """`write` writes one row; the table's alias is `t`."""
        if not self._prices:
            statement = f"{write} RETURNING {self._selected}"
            return CheckedWrite(statement, statement)
        before = "".join(f", old.{name} AS before_{name}" for name in self._prices)
        return self._checked(f"WITH saved AS ({write} RETURNING new.*{before})", self._selected)

    def saving_at_once(self, write: str, written: str) -> CheckedWrite:
        """`write`: a call that returns the row `before` and `after` as JSON. `written`: further columns of it, with the alias `w`."""
        table = self._family.table
        rows = f"{write} AS w, jsonb_populate_record(NULL::{table}, w.after) AS t"
        if not self._prices:
            statement = f"SELECT {written}, {self._selected} FROM {rows}"
            return CheckedWrite(statement, statement)
        before = "".join(f", old.{name} AS before_{name}" for name in self._prices)
        rows += f", jsonb_populate_record(NULL::{table}, w.before) AS old"
        names = ", ".join(column.rpartition(" ")[2] for column in written.split(", "))
        return self._checked(
            f"WITH saved AS MATERIALIZED (SELECT {written}, t.*{before} FROM {rows})",
            f"{names}, {self._selected}",
        )

    def _checked(self, saved: str, selected: str) -> CheckedWrite:
        """`saved`: the row, with the prices before."""
        usual = [f"u.{value}_{name}" for value in ("usual", "figures") for name in self._prices]
        same_kind = " AND ".join(f"u.{name} = t.{name}" for name in self._key) or "true"
        compared = self._compared("t.before_{}")
        return CheckedWrite(
            f"{saved}, usual AS MATERIALIZED ({self._distribution('saved')})"
            f" SELECT {selected}, {', '.join(usual)}, {compared}"
            f" FROM saved t LEFT JOIN usual u ON {same_kind}{self._joins()}",
            f"{saved} SELECT {selected}, {compared} FROM saved t{self._joins()}",
        )

    async def write(
        self, work: UnitOfWork, statements: CheckedWrite, kind: tuple[str, ...], *arguments: object
    ) -> Any:
        """The entry that the write of `saving` returns, None if it wrote nothing; its warnings are the unit of work's.

        `kind`: the values of the entry's key, as they are stored.
        """
        usual = work.distribution.get(self._family.name, kind)
        row = await work.fetch_saved(
            statements.computing if usual is None else statements.comparing, *arguments
        )
        if row is None:
            return None
        entry, values = self._decode(row), tuple(row)
        if not self._prices:
            work.warnings += plausibility_warnings(self._family, entry)
            return entry
        if usual is None:
            usual = self._computed(values)
            work.distribution.keep(self._family.name, kind, usual)
        work.warnings += plausibility_warnings(self._family, entry, self._references(values, entry, usual))
        return entry

    def _computed(self, values: tuple[Any, ...]) -> UsualFigures:
        """Of a row of the statement that computes the medians."""
        count = len(self._prices)
        end = len(values) - 2 * count - (2 if self._family in _WITH_IMPLIED else 0)
        return UsualFigures(values[end - 2 * count : end - count], values[end - count : end])

    async def distribution(self, connection: Connection) -> Distribution:
        """The medians of all stored figures, by the key of the entry as it is stored."""
        if not self._prices:
            return {}
        count = len(self._prices)
        rows = await connection.fetch(self._distribution())
        every = ((self._kind(row), tuple(row)) for row in rows)
        return {
            kind: UsualFigures(values[-2 * count : -count], values[-count:])
            for kind, values in every
            if max(values[-count:]) >= FEWEST_FIGURES
        }

    async def find(
        self,
        connection: Connection,
        dno_ids: Sequence[UUID] | None = None,
        years: Sequence[int] | None = None,
    ) -> AsyncIterator[Implausible]:
        """Stored entries of these operators and years (None: of all) with warnings, in no order.

        Within a transaction, in bounded memory.
        """
        usual = await self.distribution(connection)
        async for each in self.find_beside(connection, usual, dno_ids, years):
            yield each

    async def find_beside(
        self,
        connection: Connection,
        usual: Distribution,
        dno_ids: Sequence[UUID] | None = None,
        years: Sequence[int] | None = None,
        ids: Sequence[UUID] | None = None,
    ) -> AsyncIterator[Implausible]:
        """The same with a known distribution; an empty one leaves out the rule that needs it."""
        if not has_rules(self._family):
            return
        cursor = await connection.cursor(self._of_stored, dno_ids, years, ids)
        while rows := await cursor.fetch(_ROWS_PER_BATCH):
            for row in rows:
                entry = self._decode(row)
                if warnings := self._warnings_of_stored(row, entry, usual):
                    yield Implausible(entry, warnings)
            await asyncio.sleep(0)

    async def find_by_key(
        self, connection: Connection, dno_ids: Sequence[UUID], years: Sequence[int]
    ) -> AsyncIterator[tuple[tuple[str, ...], tuple[PlausibilityWarning, ...]]]:
        """Operator, year and key, as text, and the warnings of the stored entries of these operators and years. For many of
        them: while a batch is compared, PostgreSQL reads the next one. It must be read to its end.
        """
        if not has_rules(self._family):
            return
        usual = await self.distribution(connection)
        cursor = await connection.cursor(self._by_key, dno_ids, years, None)
        width = 2 + len(self._key)
        kind = slice(2, width)
        batch = await cursor.fetch(_ROWS_AT_ONCE)
        while batch:
            following = asyncio.create_task(cursor.fetch(_ROWS_AT_ONCE))
            await asyncio.sleep(0)  # sends its request
            for row in batch:
                values = tuple(row)
                entry = self._examined(row, values)
                figures = usual.get(values[kind], NO_FIGURES)
                references = self._references(values, entry, figures) if self._prices else NO_REFERENCES
                if warnings := plausibility_warnings(self._family, entry, references):
                    yield values[:width], warnings
            batch = await following

    def _examined(self, row: Row, values: tuple[Any, ...]) -> Any:
        """What the rules read of an entry: its prices, or all of it."""
        if self._figures is None:
            return self._decode(row)
        first = 2 + len(self._key)
        return self._figures(*values[first : first + len(self._prices)])

    async def fetch_unusual_figures(self, connection: Connection, usual: Distribution) -> list[Row]:
        """`id`, `dno_id` and the columns of lists of the stored entries with a figure beyond the bounds of the distribution."""
        if not usual:
            return []
        bounds = [
            bound
            for place in range(len(self._prices))
            for bound in zip(*[usual_bounds(*figures.of(place)) for figures in usual.values()], strict=True)
        ]
        kinds = zip(*usual, strict=True)
        return await connection.fetch(self._unusual, *map(list, kinds), *map(list, bounds))

    def _warnings_of_stored(
        self, row: Row, entry: Any, usual: Distribution
    ) -> tuple[PlausibilityWarning, ...]:
        if not self._prices:
            return plausibility_warnings(self._family, entry)
        figures = usual.get(self._kind(row), NO_FIGURES)
        return plausibility_warnings(self._family, entry, self._references(tuple(row), entry, figures))

    def _references(self, values: tuple[Any, ...], entry: Any, usual: UsualFigures) -> References:
        """Of the columns of `_compared`, which are the last ones."""
        count, end = len(self._prices), len(values)
        known: tuple[KnownFigure, ...] = ()
        if self._family in _WITH_IMPLIED:
            known = tuple(implied_figures(self._family, entry, values[end - 2], values[end - 1]))
            end -= 2
        return References(
            values[end - 2 * count : end - count],
            values[end - count : end],
            usual.medians,
            usual.figures,
            known,
        )

    def _statement_of_stored(self, selected: str) -> str:
        """Of operators `$1`, years `$2` and ids `$3`; null: all."""
        table = self._family.table
        operators = (
            " JOIN dnos d ON d.id = t.dno_id AND d.deleted_at IS NULL" if self._family.of_operators else ""
        )
        where = (
            " WHERE t.deleted_at IS NULL AND ($1::uuid[] IS NULL OR t.dno_id = ANY($1))"
            " AND ($2::integer[] IS NULL OR t.year = ANY($2)) AND ($3::uuid[] IS NULL OR t.id = ANY($3))"
        )
        if not self._prices:
            return f"SELECT {selected} FROM {table} t{operators}{where}"
        before = "(r.before ->> '{}')::numeric"
        return (
            f"SELECT {selected}, {self._compared(before)} FROM {table} t{operators}"
            f" LEFT JOIN revisions r ON r.entry_id = t.id AND r.version = t.version{self._joins()}{where}"
        )

    def _statement_of_unusual_figures(self) -> str:
        """Of each key of a distribution the lowest and the highest usual figure of each price, as arrays."""
        types = [f"text[]::{key.type.sql_type}" for key in self._family.key]
        types += ["numeric"] * (2 * len(self._prices))
        bounds = [f"{side}_{name}" for name in self._prices for side in ("low", "high")]
        arrays = ", ".join(f"${n}::{sql_type}[]" for n, sql_type in enumerate(types, 1))
        same_kind = "".join(f" AND t.{name} = b.{name}" for name in self._key)
        beyond = " OR ".join(f"t.{name} < low_{name} OR t.{name} > high_{name}" for name in self._prices)
        return (
            f"SELECT {listed_columns(self._family)}"
            f" FROM unnest({arrays}) AS b ({', '.join([*self._key, *bounds])})"
            f" JOIN {self._family.table} t ON t.deleted_at IS NULL{same_kind} WHERE {beyond}"
        )

    def _compared(self, before: str) -> str:
        """`before`: the price before the last change, with `{}` for its name."""
        columns = [
            f"{column.format(name)} AS {alias}_{name}"  # an entry is decoded by the names of its columns
            for alias, column in {"last_year": "p.{}", "before": before}.items()
            for name in self._prices
        ]
        if self._family in _WITH_IMPLIED:
            columns += ["e.amount AS energy", "s.price_st AS standard"]
        return ", ".join(columns)

    def _joins(self) -> str:
        """The figures that an entry `t` is compared with, beside the distribution."""
        same_key = "".join(f" AND p.{name} = t.{name}" for name in self._key)
        return (
            f" LEFT JOIN {self._family.table} p ON p.dno_id = t.dno_id AND p.year = t.year - 1{same_key}"
            f" AND p.deleted_at IS NULL{_IMPLIED if self._family in _WITH_IMPLIED else ''}"
        )

    def _distribution(self, rows: str = "") -> str:
        """The medians of each kind of figures; only of the kinds of these rows, if they are given."""
        key = ", ".join(self._key)
        medians = [
            f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {name}) AS usual_{name}" for name in self._prices
        ]
        counts = [f"count({name}) AS figures_{name}" for name in self._prices]
        of_rows = f" AND ({key}) IN (SELECT {key} FROM {rows})" if key and rows else ""
        return (
            f"SELECT {', '.join([*self._key, *medians, *counts])} FROM {self._family.table}"
            f" WHERE deleted_at IS NULL{of_rows}{key and ' GROUP BY '}{key}"
        )


def _struct_of_prices(family: Family) -> Any:
    """For families of which the rules read nothing but prices; None: they read more."""
    if family in _WITH_IMPLIED or any(column.type is not ColumnType.PRICE for column in family.columns):
        return None
    return msgspec.defstruct("Prices", [(column.name, Any) for column in family.prices], gc=False)


def _kind_of(family: Family) -> Callable[[Row], tuple[str, ...]]:
    """The values of an entry's key, as text."""
    key = [key.name for key in family.key]
    if any(each.type is not ColumnType.TEXT for each in family.key):
        return lambda row: tuple([str(row[name]) for name in key])
    return itemgetter(*key) if len(key) > 1 else lambda row: tuple([row[name] for name in key])


def listed_columns(family: Family) -> str:
    """The columns of an entry in a list of all families, of its table with the alias `t`."""
    level = "t.voltage_level" if any(key.name == "voltage_level" for key in family.key) else "NULL::text"
    publication = "t.publication" if family.has_publication else "NULL::text"
    return f"t.id, t.dno_id, t.year, {level} AS voltage_level, t.verification_status, {publication} AS publication"


# Families with prices that follow from each other.
_WITH_IMPLIED: Final = (time_of_use.FAMILY, price.FAMILY)
_IMPLIED: Final = (
    f" LEFT JOIN {price.FAMILY.table} e ON e.dno_id = t.dno_id AND e.year = t.year AND e.variant = ''"
    f" AND e.kind = '{PriceKind.SLP_ARBEITSPREIS}' AND e.voltage_level = '{VoltageLevel.NS}' AND e.deleted_at IS NULL"
    f" LEFT JOIN {time_of_use.FAMILY.table} s ON s.dno_id = t.dno_id AND s.year = t.year AND s.deleted_at IS NULL"
)
