"""The rows of a price sheet's form: each is one entry of a family, stored already or to be added."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import RULES, PriceKind
from app.domain.tariff import FAMILY as TARIFFS
from app.domain.time_of_use import QUARTERS, TimeOfUseBand
from schema.http.work.sheet_cells import Amount, BandPrice, Cell, Windows

# Rows for prices that are not in the list of usual ones.
FREE_PRICES: Final = 6
MAX_PRICES: Final = 80

Entry = dict[str, Any]


class Section(NamedTuple):
    """A family: the field of an operator with its entries, and the fields of `EntryWrite`."""

    name: str
    add: str
    correct: str


SECTIONS: Final = {
    section.name: section
    for section in (
        Section("tariffs", "addTariff", "correctTariff"),
        Section("hlzf", "addHlzf", "correctHlzf"),
        Section("timeOfUse", "addTimeOfUse", "correctTimeOfUse"),
        Section("prices", "addPrice", "correctPrice"),
    )
}


class SheetRow(NamedTuple):
    """`key`: what distinguishes its entry among those of the operator, year and family, under the names of inputs."""

    section: Section
    name: str
    key: Mapping[str, str | None]
    cells: Sequence[Cell]

    def field(self, cell: Cell) -> str:
        """The name of its field in the form."""
        return f"{self.name}.{cell.name}"

    def is_of(self, entry: Entry) -> bool:
        return all(entry[name] == value for name, value in self.key.items())


def fixed_rows() -> Iterator[SheetRow]:
    """Those of which there is one on each sheet."""
    for level in VoltageLevel:
        cells = [Amount(column.field, column.field, column.unit) for column in TARIFFS.prices]
        yield SheetRow(SECTIONS["tariffs"], f"tariffs.{level}", {"voltageLevel": level.value}, cells)
    for level in VoltageLevel:
        for season in Season:
            key = {"voltageLevel": level.value, "season": season.value}
            window = Windows("windows", {}, may_be_none=True)
            yield SheetRow(SECTIONS["hlzf"], f"hlzf.{level}.{season}", key, [window])
    bands: list[Cell] = [BandPrice(band) for band in TimeOfUseBand]
    windows: list[Cell] = [
        Windows(f"{quarter}-{band}", {"quarter": quarter, "band": band.value}, may_be_none=False)
        for quarter in QUARTERS
        for band in TimeOfUseBand
    ]
    yield SheetRow(SECTIONS["timeOfUse"], "timeOfUse", {}, [*bands, *windows])


def price_row(number: int, kind: PriceKind, level: str | None, variant: str | None) -> SheetRow:
    key = {"kind": kind.value, "voltageLevel": level, "variant": variant}
    unit = RULES[kind].unit.replace("_", " ")
    return SheetRow(SECTIONS["prices"], f"prices.{number}", key, [Amount("amount", "amount", unit)])


def usual_prices(stored: Sequence[Entry]) -> list[tuple[PriceKind, str | None, str | None]]:
    """Those that are stored, and those of kinds that have one level or none, in the order of the kinds."""
    found = {(PriceKind(each["kind"]), each["voltageLevel"], each["variant"]) for each in stored}
    kinds = {kind for kind, _, _ in found}
    for kind, rule in RULES.items():
        if kind not in kinds and len(rule.levels) == 1:
            level = rule.levels[0]
            found.add((kind, None if level is None else level.value, None))
    order = {kind: number for number, kind in enumerate(PriceKind)}
    return sorted(found, key=lambda each: (order[each[0]], each[1] or "", each[2] or ""))
