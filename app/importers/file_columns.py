"""From the columns of a file to those of a layout: usual names, any order, missing and extra columns."""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import suppress
from typing import Final

import msgspec

from app.domain import clock
from app.importers import cells, times
from app.importers.column_names import (
    WINDOW,
    column_of,
    column_of_other_price,
    column_of_other_unit,
    split_unit,
    unclear,
)
from app.importers.decimals import Decimals, Figure, FormattedFigure, MergedFigure, StruckFigure
from app.importers.layout import Layout, Row
from app.importers.number_formats import PRICED
from app.importers.problems import Problem, RowLocation, shown
from app.importers.records import ReadOptions, Record
from app.importers.spellings import is_nothing
from app.importers.units import Unit, fits, in_words, unit_of, unit_of_column, without_unit

# What a file states where it lacks the column. Figures are then unverified, without a source.
_DEFAULTS: Final[Mapping[str, str]] = {
    "verification_status": "unverified",
    "source_url": "",
    "source_title": "",
}
# Each name is compared with all names of columns.
_MAX_COLUMNS: Final = 1_000
_WINDOW_COLUMNS: Final = frozenset({"start", "end"})
YEAR: Final = "20(?:0[1-9]|[1-4][0-9])"
_YEAR_IN_NAME: Final = re.compile(
    rf"[(\[]\s?(?:(?:Preise|(?:Kalender)?Jahr)\s)?({YEAR})\s?[)\]]", re.IGNORECASE
)


class Columns(msgspec.Struct, frozen=True):
    """`order`: for each column of the layout its position in the file, or its value."""

    layout: Layout
    order: Sequence[int | str]
    extra: Sequence[str]
    renamed: Sequence[tuple[str, str]]
    window: int | None  # position of the column that holds start and end
    decimals: Mapping[int, Unit | None]  # by position in the layout the unit in the name of the file's column
    times: Sequence[int]
    unit: int | None  # position in the layout of the unit of the row's price
    nameless: Sequence[int]  # positions in the file
    plain: bool  # no unit is in a name where each row has its own
    years: Mapping[str, str]  # of the figures, as names of columns state them, and the name
    year: int | None  # position of the column of the row's year

    def rows(
        self, record: Record, decimals: Decimals, years: Mapping[str, RowLocation] | None = None
    ) -> Iterator[Row | Problem]:
        """`years`: what titles state for all rows, and where."""
        for place in self.nameless:
            if cell := record.cells[place]:
                yield Problem(record.location, "the row has a cell in a column without a name", value=cell)
                yield self._refused(record)
                return
        nested = [
            name
            for name, place in zip(self.layout.names, self.order, strict=True)
            if isinstance(place, int) and record.cells[place] is None
        ]
        if nested:
            for name in nested:
                yield Problem(record.location, "must be text, a number, true, false or null", name)
            yield self._refused(record)
            return
        given = self._given(record)
        problems = list(self._converted(record.location, given, decimals))
        if (years or self.years) and not self._is_of_year(record, years or {}):
            problems += self._of_other_year(record, {**self.years, **(years or {})})
        if problems or self.window is None:
            yield from problems
            yield Row(self.layout, record.location, given, refused=bool(problems))
        else:
            yield from self._windows(record, given, self.window)

    def _is_of_year(self, record: Record, years: Mapping[str, RowLocation]) -> bool:
        """Whether the row's year is written as the one that is stated: the usual case, found at once."""
        cell = record.cells[self.year] if self.year is not None else None
        return years.keys() <= {cell} and self.years.keys() <= {cell}

    def _of_other_year(self, record: Record, stated: Mapping[str, str | RowLocation]) -> Iterator[Problem]:
        """The row's year must be each that is stated."""
        cell = record.cells[self.year] if self.year is not None else None
        with suppress(ValueError):  # the layout states why
            year = cells.year(cell or "")
            for other in stated:
                if other != year:
                    yield Problem(
                        record.location, f"the file states {other} in {stated[other]}", "year", cell
                    )
                    return

    def _given(self, record: Record) -> list[str]:
        return [place if isinstance(place, str) else record.cells[place] or "" for place in self.order]

    def _refused(self, record: Record) -> Row:
        return Row(self.layout, record.location, self._given(record), refused=True)

    def decimals_of(self, record: Record) -> Iterator[str]:
        """The texts in columns of decimals, without units."""
        for position in self.decimals:
            place = self.order[position]
            cell = None if isinstance(place, str) else record.cells[place]
            if cell and not isinstance(cell, Figure):
                yield without_unit(cell)[0]

    def _converted(self, location: RowLocation, given: list[str], decimals: Decimals) -> Iterator[Problem]:
        """Changes decimals and fractions of a day in place."""
        if not (decimals.exact and self._is_exact(given)):
            otherwise = {
                position: reason
                for position, cell in enumerate(given)
                if isinstance(cell, FormattedFigure) and (reason := self._shown_otherwise(cell, position))
            }
            for position, reason in otherwise.items():
                yield Problem(location, reason, self.layout.names[position], given[position])
            for position in self.decimals:
                if (cell := given[position]) and position not in otherwise:
                    try:
                        given[position] = decimals.with_point(self._without_unit(cell, position, given))
                    except ValueError as error:
                        yield Problem(location, str(error), self.layout.names[position], cell)
        fractions = any(_is_fraction(given[position]) for position in self.times)
        for position in self.times:
            cell = given[position]
            if isinstance(cell, Figure) or (fractions and times.is_part_of_day(cell)):
                try:
                    given[position] = _time(cell, fractions)
                except ValueError as error:
                    yield Problem(location, str(error), self.layout.names[position], cell)

    def _is_exact(self, given: Sequence[str]) -> bool:
        """Whether no decimal needs a conversion where the point is that of decimals: the usual case, found at once."""
        return self.plain and bool(
            _EXACT.fullmatch(";".join([given[position] for position in self.decimals]))
        )

    def _shown_otherwise(self, cell: FormattedFigure, position: int) -> str:
        """Why what a sheet shows is not the number of the cell; empty: it is, or its unit is still to be compared."""
        if isinstance(cell, MergedFigure):
            return cell.shown_otherwise
        if isinstance(cell, StruckFigure):
            return f"{cell.shown_otherwise}; remove the row, or the line through the cell"
        if cell.shown_otherwise:
            return f"{cell.shown_otherwise} by the format of its cell; give the cell a format that shows its number"
        in_price = PRICED.search(cell.unit) or unit_of(cell.unit) == unit_of("%")
        if in_price and cells.is_count(self.layout.parser(position)):
            return f"is shown in {cell.unit}; the column has no unit"
        return ""

    def _without_unit(self, cell: str, position: int, given: Sequence[str]) -> str:
        """ValueError: the unit is not that of the column or of the row's price."""
        number, text = _split(cell)
        written = unit_of(text) if text else self.decimals[position]
        if text and written is None:
            raise ValueError(f"is shown in {text}, which is no known unit")
        if written is not None:
            column = self.layout.names[position]
            expected = unit_of_column(column) or (None if self.unit is None else unit_of(given[self.unit]))
            if expected is None:
                return cell
            if not fits(written, expected):
                raise ValueError(f"is in {in_words(written)}; it must be in {in_words(expected)}")
        return self._figure(number, position) if isinstance(cell, Figure) else number

    def _figure(self, number: str, position: int) -> Figure:
        """Without zeros that a format shows beyond the decimals that the column can have."""
        whole, point, decimals = number.partition(".")
        most = cells.most_decimals(self.layout.parser(position))
        return Figure(f"{whole}{point}{decimals[:most]}{decimals[most:].rstrip('0')}")

    def _windows(self, record: Record, given: list[str], window: int) -> Iterator[Row | Problem]:
        cell = record.cells[window] or ""
        start, end = map(self.layout.names.index, ("start", "end"))
        beside = [each for each in (given[start], given[end]) if each.strip() and not is_nothing(each)]
        if cell.strip() and beside:  # which of them holds is not known
            yield Problem(record.location, "has a window and its start or end", record.names[window], cell)
            yield self._refused(record)
            return
        try:
            # Words for what is not known are refused with the row.
            none = not cell or is_nothing(cell)
            found = [(cell or given[start], given[end])] if none else times.windows(cell)
        except ValueError as error:
            yield Problem(record.location, str(error), record.names[window], cell)
            yield self._refused(record)
            return
        for begins, ends in found:
            row = list(given)
            row[start], row[end] = begins, ends
            yield Row(self.layout, record.location, row, window=record.names[window])


# Decimals, joined.
_EXACT: Final = re.compile(r"(?:(?:[0-9]+(?:\.[0-9]+)?)?(?:;|$))*")


def _split(cell: str) -> tuple[str, str]:
    """A number and its unit."""
    if isinstance(cell, FormattedFigure):
        return cell.number, cell.unit
    return (cell, "") if isinstance(cell, Figure) else without_unit(cell)


def _is_fraction(cell: str) -> bool:
    """Whether a time is a fraction of a day for certain; then the other one of the row is, too."""
    return cell.startswith("0.") if isinstance(cell, Figure) else times.is_fraction(cell)


def _time(cell: str, fractions: bool) -> str:
    """Of a spreadsheet's number, which is a fraction of a day; 1 beside another fraction is its end."""
    is_fraction = times.is_part_of_day(cell) if fractions else cell.startswith("0.")
    return clock.hh_mm(times.of_fraction(float(cell.replace(",", ".")))) if is_fraction else cell


def closest(layouts: Sequence[Layout], names: Sequence[str]) -> Layout:
    return max(layouts, key=lambda layout: matches(layout, names))


def matches(layout: Layout, names: Sequence[str]) -> int:
    """How many columns of the layout a file has; a name of the layout counts more than one that stands for it."""
    names = names[:_MAX_COLUMNS]
    own = set(names).intersection(layout.names)
    others = {column_of(name, layout.names) for name in names} - own - {None}
    return 2 * len(own) + len(others) + len(unresolved(layout, names))


def unresolved(layout: Layout, names: Sequence[str]) -> list[str]:
    return [name for name in names if column_of(name, layout.names) is None and unclear(name, layout.names)]


def columns_of(
    layout: Layout, names: Sequence[str], location: RowLocation, options: ReadOptions
) -> Columns | list[Problem]:
    if len(names) > _MAX_COLUMNS:
        return [Problem(location, f"there are {len(names):,} columns; {_MAX_COLUMNS:,} are allowed")]
    found, problems = _resolved(layout, names, location)
    known = {column: position for position, column in enumerate(found) if column is not None}
    present = known.keys() | (_WINDOW_COLUMNS if WINDOW in known else ())
    unknown = [name for name, column in zip(names, found, strict=True) if name and column is None]
    extra = [name for name in dict.fromkeys(unknown) if not unclear(name, layout.names)]
    problems = [*_missing(layout, present, location), *problems, *_doubled(names, found, location)]
    if not options.ignore_extra:
        problems += [Problem(location, _why_extra(name, layout), name) for name in extra]
    if problems:
        return problems
    defaults = {**_DEFAULTS, **layout.defaults}
    fitted = layout.fitted(present | (defaults.keys() & layout.required))
    order = [known.get(name, defaults.get(name, "")) for name in fitted.names]
    decimals = {
        position: None if unit_of_column(fitted.names[position]) else _unit_in(names, order[position])
        for position in fitted.positions(cells.is_decimal)
    }
    return Columns(
        fitted,
        order,
        extra,
        [(name, column) for name, column in zip(names, found, strict=True) if column not in (None, name)],
        known.get(WINDOW),
        decimals,
        fitted.positions(cells.is_time),
        fitted.names.index(_UNIT) if _UNIT in fitted.names else None,
        [] if options.ignore_extra else [position for position, name in enumerate(names) if not name],
        not any(decimals.values()),
        _years_in(names, found),
        known.get("year"),
    )


def _years_in(names: Sequence[str], found: Sequence[str | None]) -> dict[str, str]:
    years: dict[str, str] = {}
    for name, column in zip(names, found, strict=True):
        if column is not None and is_figure(column) and (match := _YEAR_IN_NAME.search(name)):
            years.setdefault(match[1], shown(name))
    return years


def is_figure(column: str) -> bool:
    """Whether the column has prices or windows, which are those of a year."""
    unit = unit_of_column(column)
    return column in _FIGURES or (unit is not None and unit[0] in ("eur", "ct"))


_FIGURES: Final = ("amount", "value", "start", "end", WINDOW)


_UNIT: Final = "unit"


def _unit_in(names: Sequence[str], place: int | str) -> Unit | None:
    return split_unit(names[place])[1] if isinstance(place, int) else None


def _why_extra(name: str, layout: Layout) -> str:
    column = column_of_other_unit(name, layout.names)
    expected = None if column is None else unit_of_column(column)
    if expected is not None:
        return f"is in another unit than {column}, which is in {in_words(expected)}"
    if (column := column_of_other_price(name, layout.names)) is not None:
        return (
            f"there is no such column; in brackets it states other prices than those of {column}, gross prices or levies;"
            " name the column so, or remove the remark if it does not change the prices"
        )
    return f"there is no such column; known are {', '.join(layout.names)}"


def _resolved(
    layout: Layout, names: Sequence[str], location: RowLocation
) -> tuple[list[str | None], list[Problem]]:
    """A price without hours of use is that from 2,500 h if the file has the other one, too."""
    found = [column_of(name, layout.names) for name in names]
    problems = []
    for position, name in enumerate(names):
        if found[position] is not None or not (choice := unclear(name, layout.names)):
            continue
        if choice[-1] in found and choice[0] not in found:
            found[position] = choice[0]
        else:
            reason = f"could be {' or '.join(choice)}; name the column so"
            problems.append(Problem(location, reason, name))
    return found, problems


def _missing(layout: Layout, present: Set[str], location: RowLocation) -> list[Problem]:
    required = layout.required if layout.any_of & present else layout.required | layout.any_of
    return [
        Problem(location, "this column is missing", name)
        for name in layout.names
        if name in required and name not in present and name not in {**_DEFAULTS, **layout.defaults}
    ]


def _doubled(names: Sequence[str], found: Sequence[str | None], location: RowLocation) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for name, column in zip(names, found, strict=True):
        if column is None:
            continue
        if column in seen:
            other = seen[column]
            reason = "this column is there twice" + ("" if other == name else f": as {other} and as {name}")
            yield Problem(location, reason, column)
        seen.setdefault(column, name)
