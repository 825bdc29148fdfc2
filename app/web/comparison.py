"""Figures of several operators side by side: one row per figure, with the lowest marked and the distance to it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from app.domain.clock import minutes
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind

Entry: TypeAlias = Mapping[str, Any]
# Of each operator one, None where it has none.
Entries: TypeAlias = Sequence[Entry | None]

PRICES: Final = ("leistung", "arbeit", "leistungUnter2500h", "arbeitUnter2500h")
BANDS: Final = ("HT", "ST", "NT")
_ORDERS: Final = (
    tuple(VoltageLevel),
    tuple(Season),
    (PriceKind.SLP_GRUNDPREIS, PriceKind.SLP_ARBEITSPREIS, PriceKind.MODUL_1, PriceKind.MODUL_2_ARBEITSPREIS),
)
_PLACES: Final = {str(value): place for order in _ORDERS for place, value in enumerate(order)}
_MINUTES_PER_HOUR: Final = 60


class Cell(NamedTuple):
    """`above`: by how many per cent it is more than the lowest; None where that is not stated. `share`: of the highest, in per cent."""

    value: str | None
    lowest: bool = False
    above: str | None = None
    share: str = "0"


class Row(NamedTuple):
    key: str
    cells: list[Cell]


class Group(NamedTuple):
    """What belongs together: of a level, a season or the like. `entries` have status and source."""

    key: tuple[str, ...]
    entries: Entries
    rows: list[Row]


class Comparison(NamedTuple):
    bills: Sequence[Entry]
    network: Row
    gross: Row
    charges: list[Group]
    prices: list[Group]
    windows: list[Group]
    time_of_use: Group | None


def comparison_of(bills: Sequence[Entry]) -> Comparison:
    """`bills`: one per operator, with its figures of a year."""
    operators = [bill["dno"] for bill in bills]
    return Comparison(
        bills,
        Row("network", compared([bill["bill"]["network"] for bill in bills])),
        Row("gross", compared([bill["bill"]["gross"] for bill in bills])),
        [_priced(group, PRICES) for group in _groups(operators, "tariffs", _level)],
        [_priced(group, ("amount",)) for group in _groups(operators, "prices", _position)],
        [_with_hours(group) for group in _groups(operators, "hlzf", _season)],
        _time_of_use([next(iter(dno["timeOfUse"]), None) for dno in operators]),
    )


def compared(values: Sequence[str | None]) -> list[Cell]:
    """Nothing is marked where fewer than two are known, or all are equal."""
    known = [Decimal(value) for value in values if value is not None]
    lowest, highest = min(known, default=Decimal()), max(known, default=Decimal())
    marked = lowest != highest
    return [
        Cell(None)
        if value is None
        else Cell(
            value,
            marked and Decimal(value) == lowest,
            _above(Decimal(value), lowest) if marked else None,
            share_of(Decimal(value), highest),
        )
        for value in values
    ]


def share_of(value: Decimal, highest: Decimal) -> str:
    """The length of a bar in per cent of the longest."""
    return f"{max(value, Decimal()) / highest * 100:.1f}" if highest > 0 else "0"


def hours(entry: Entry | None) -> str | None:
    """Of all windows of a day."""
    if entry is None:
        return None
    total = sum(minutes(window["end"]) - minutes(window["start"]) for window in entry["windows"])
    return hours_of(total)


def hours_of(total: int) -> str:
    """Of so many minutes, with at most two decimals."""
    return f"{Decimal(f'{total / _MINUTES_PER_HOUR:.2f}').normalize():f}"


def _above(value: Decimal, lowest: Decimal) -> str | None:
    return None if lowest <= 0 or value == lowest else f"{(value - lowest) / lowest * 100:.1f}"


def _groups(operators: Iterable[Entry], family: str, key: Callable[[Entry], tuple[str, ...]]) -> list[Group]:
    columns = [{key(entry): entry for entry in dno[family]} for dno in operators]
    keys = {each: None for column in columns for each in column}
    return [Group(each, [column.get(each) for column in columns], []) for each in sorted(keys, key=_order)]


def _level(entry: Entry) -> tuple[str, ...]:
    return (entry["voltageLevel"],)


def _season(entry: Entry) -> tuple[str, ...]:
    return (entry["voltageLevel"], entry["season"])


def _position(entry: Entry) -> tuple[str, ...]:
    return (entry["kind"], entry["voltageLevel"] or "", entry["variant"] or "")


def _order(key: tuple[str, ...]) -> list[tuple[int, str]]:
    """The highest level first, then by season; variants by name."""
    return [(_PLACES.get(part, 0), part) for part in key]


def _priced(group: Group, names: Sequence[str]) -> Group:
    rows = [
        Row(name, compared([entry[name] if entry else None for entry in group.entries])) for name in names
    ]
    return group._replace(rows=rows)


def _with_hours(group: Group) -> Group:
    return group._replace(rows=[Row("hours", compared([hours(entry) for entry in group.entries]))])


def _time_of_use(sheets: Entries) -> Group | None:
    if not any(sheets):
        return None
    rows = [Row(band, compared([_price_of(sheet, band) for sheet in sheets])) for band in BANDS]
    return Group((), sheets, rows)


def _price_of(sheet: Entry | None, band: str) -> str | None:
    return next(_prices_of(sheet, band), None) if sheet else None


def _prices_of(sheet: Entry, band: str) -> Iterator[str]:
    return (each["price"] for each in sheet["bands"] if each["band"] == band)
