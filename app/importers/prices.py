"""Prices of a price sheet: files with a row per price, per position of a sheet, or per sheet with a column for each price."""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from app.db.file_columns import PUBLICATION
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.folding import compose
from app.domain.price import FAMILY, PriceKind, PriceUnit, broken_rules, only_level, unit_of
from app.importers import cells
from app.importers.cells import optional
from app.importers.family import FamilySource
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.price_positions import EURO_PER_YEAR_GROSS, POSITIONS, UNITS, position
from app.importers.problems import Problem, RowLocation
from app.importers.source import References

# Columns of files with a row per sheet; their names have the unit.
_SHEET_COLUMNS: Final = {
    "grundpreis_eur_per_year": PriceKind.SLP_GRUNDPREIS,
    "arbeitspreis_ct_per_kwh": PriceKind.SLP_ARBEITSPREIS,
    "module1_eur_per_year": PriceKind.MODUL_1,
    "module2_ct_per_kwh": PriceKind.MODUL_2_ARBEITSPREIS,
    "module2_grundpreis_eur_per_year": PriceKind.MODUL_2_GRUNDPREIS,
}
# Columns for the reader of a file; of a note only its first word is read.
_NOTES: Final = ("note", "check")
_UNREAD: Final = ("valid_from", "read_from", *_NOTES)
_WITHOUT_LEVEL: Final = {"voltage_level": ""}
_PRELIMINARY: Final = ("preliminary", "provisional", "vorläufig")


class PriceSource(FamilySource):
    def __init__(self, references: References) -> None:
        super().__init__(FAMILY, references)
        [self._by_price] = self.layouts
        self.together = ("dno_slug", "year", "kind", "position")
        self.left_out: list[tuple[RowLocation, str]] = []
        common: dict[str, cells.Parser] = {
            "dno_slug": operator(references),
            "year": cells.year,
            "voltage_level": optional(cells.one_of(VoltageLevel)),
            "verification_status": optional(cells.one_of(VerificationStatus)),
            "source_url": cells.source_url,
            "source_title": cells.text,
            PUBLICATION: optional(cells.one_of(Publication)),
            **dict.fromkeys(_UNREAD, cells.text),
        }
        may_be_missing = frozenset({"verification_status", PUBLICATION, *_UNREAD})
        self._by_position = Layout(
            common
            | {
                "position": cells.one_of(POSITIONS),
                "meaning": cells.text,
                "value": cells.price,
                "unit": cells.one_of([*UNITS, EURO_PER_YEAR_GROSS]),
            },
            may_be_missing,
            _WITHOUT_LEVEL,
        )
        self._by_sheet = Layout(
            common | dict.fromkeys(_SHEET_COLUMNS, optional(cells.price)),
            may_be_missing.union(_SHEET_COLUMNS),
            _WITHOUT_LEVEL,
        )
        self.layouts = (self._by_position, self._by_sheet, self._by_price)

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        given = dict(zip(row.layout.names, values, strict=True))
        if "kind" in given:
            yield from self._take_price(row, given)
        elif "position" in given:
            yield from self._take_position(row, given)
        else:
            yield from self._take_sheet(row, given)

    def _take_price(self, row: Row, given: dict[str, str]) -> Iterator[Problem]:
        kind = PriceKind(given["kind"])
        level = _level(kind, given)
        given["voltage_level"] = level or ""
        broken = [row.problem(*rule) for rule in broken_rules(kind, level, PriceUnit(given["unit"]))]
        yield from broken or super().take(row, [*given.values()])

    def _take_position(self, row: Row, given: dict[str, str]) -> Iterator[Problem]:
        if given["unit"] == EURO_PER_YEAR_GROSS:
            self.left_out.append((row.location, "a gross price; only net prices are stored"))
            return
        if problems := [*_begin(row, given)]:
            yield from problems
            return
        kind, variant = position(given["position"], given["meaning"])
        try:
            variant = cells.label(variant) if variant else ""
        except ValueError as error:
            yield row.problem("meaning", str(error))
            return
        unit = UNITS[given["unit"]]
        yield from self._take_converted(row, given, kind, variant, unit, given["value"], "position")

    def _take_sheet(self, row: Row, given: dict[str, str]) -> Iterator[Problem]:
        if problems := [*_begin(row, given)]:
            yield from problems
            return
        columns = [column for column in _SHEET_COLUMNS if given.get(column)]
        if not columns:
            yield row.problem("year", "the row has no price")
        for column in columns:
            kind = _SHEET_COLUMNS[column]
            yield from self._take_converted(row, given, kind, "", unit_of(kind), given[column], column)

    def _take_converted(
        self,
        row: Row,
        given: dict[str, str],
        kind: PriceKind,
        variant: str,
        unit: PriceUnit,
        amount: str,
        column: str,
    ) -> Iterator[Problem]:
        """Takes a price of another layout; `column` is the one that names the price."""
        level = _level(kind, given)
        if broken := [row.problem(*rule) for rule in broken_rules(kind, level, unit)]:
            yield from broken
            return
        price = {
            **given,
            "kind": kind,
            "voltage_level": level or "",
            "variant": variant,
            "amount": amount,
            "unit": unit,
            "verification_status": given.get("verification_status") or VerificationStatus.UNVERIFIED,
            PUBLICATION: given.get(PUBLICATION) or _publication(given),
        }
        values = [price[name] for name in self._by_price.names]
        for problem in super().take(Row(self._by_price, row.location, values), values):
            yield row.problem(column, problem.reason)


def _begin(row: Row, given: dict[str, str]) -> Iterator[Problem]:
    """Of a price that does not hold from the first day of its year on. Texts that begin with a word are notes for the reader."""
    text = " ".join(compose(given.get("valid_from", "")).split())
    if not text:
        return
    begin, end, *_ = [*_UNTIL.split(_FROM.sub("", _REMARK.sub("", text)), maxsplit=1), ""]
    year = int(given["year"])
    for part, is_outside, reason in (
        (begin, _begins_later, f"is after the first day of {year}"),
        (end, _ends_earlier, f"ends before the last day of {year}"),
    ):
        try:
            if part and is_outside(part, year):
                yield row.problem("valid_from", f"{reason}; a price is that of a whole year")
                return
        except ValueError as error:
            if part[:1].isdecimal():
                yield row.problem("valid_from", str(error))
            return


def _begins_later(cell: str, year: int) -> bool:
    if _YEAR.fullmatch(cell):
        return int(cell) > year
    if (january := _JANUARY.fullmatch(cell)) and _year(january) <= year:
        return False
    if _MONTH.fullmatch(cell):
        cell = f"1. {cell}"
    return date.fromisoformat(cells.day(cell)) > date(year, 1, 1)


def _ends_earlier(cell: str, year: int) -> bool:
    if not any(map(str.isdecimal, cell)):  # as in `bis auf Weiteres`
        return False
    if _YEAR.fullmatch(cell):
        return int(cell) < year
    if (december := _DECEMBER.fullmatch(cell)) and _year(december) >= year:
        return False
    if _MONTH.fullmatch(cell):
        return date.fromisoformat(cells.day(f"1. {cell}")) < date(year, 12, 1)
    return date.fromisoformat(cells.day(cell)) < date(year, 12, 31)


def _year(match: re.Match[str]) -> int:
    *_, digits = filter(None, match.groups())
    return int(digits) if len(digits) == 4 else 2000 + int(digits)


_FROM: Final = re.compile(
    r"^(?:(?:gültig(?:keit\w*)?|gilt|valid):? )?(?:(?:ab|seit|vom|zum|from)(?: dem)?:? )?", re.IGNORECASE
)
# Without blanks only behind a day such as 01.01.2026: 2026-01-31 is one.
_UNTIL: Final = re.compile(
    r" ?[–—] ?|(?:^| )- |(?<=\.[0-9]{4})-(?=[0-9]{1,2}\.)| ?\bbis\b(?: (?:zum|Ende)\b)*:? ?", re.IGNORECASE
)
_REMARK: Final = re.compile(r" ?\([^()0-9]*\)$")
_YEAR: Final = re.compile(r"[0-9]{4}")
# The first and the last month in digits, and the first and the last day with a year of two digits: of these, no reading is another part of the year.
_JANUARY: Final = re.compile(r"0?1[./-]([0-9]{4})|([0-9]{4})[/-]0?1|0?1\. ?0?1\. ?([0-9]{2})")
_DECEMBER: Final = re.compile(r"12[./-]([0-9]{4})|([0-9]{4})[/-]12|31\. ?12\. ?([0-9]{2})")
_MONTH: Final = re.compile(r"[^\W\d_]{3,9}\.? [0-9]{4}")


def _level(kind: PriceKind, given: dict[str, str]) -> VoltageLevel | None:
    """An empty level is that of a kind that has only one."""
    cell = given["voltage_level"]
    return VoltageLevel(cell) if cell else only_level(kind)


def _publication(given: dict[str, str]) -> str:
    """By a note that begins with it; empty: the row states nothing of it."""
    notes = [compose(given.get(name, "")).strip().casefold() for name in _NOTES]
    return Publication.PRELIMINARY if any(note.startswith(_PRELIMINARY) for note in notes) else ""
