"""The federal states as tiles of a map."""

from collections.abc import Mapping
from typing import Final, NamedTuple

LEVELS: Final = 4  # of colour, above "no data"

# By name, in alphabetical order, with the codes of ISO 3166-2:DE.
_CODES: Final = {
    "Baden-Württemberg": "BW",
    "Bayern": "BY",
    "Berlin": "BE",
    "Brandenburg": "BB",
    "Bremen": "HB",
    "Hamburg": "HH",
    "Hessen": "HE",
    "Mecklenburg-Vorpommern": "MV",
    "Niedersachsen": "NI",
    "Nordrhein-Westfalen": "NW",
    "Rheinland-Pfalz": "RP",
    "Saarland": "SL",
    "Sachsen": "SN",
    "Sachsen-Anhalt": "ST",
    "Schleswig-Holstein": "SH",
    "Thüringen": "TH",
}


class StateTile(NamedTuple):
    """`level`: 0 without data, then by the share of operators with data."""

    code: str
    name: str
    dnos: int
    with_data: int
    level: int


def share_level(part: int, whole: int) -> int:
    """0 for none, then by quarters."""
    return min(LEVELS, 1 + part * LEVELS // whole) if part and whole else 0


def state_tiles(counts: Mapping[str, tuple[int, int]]) -> list[StateTile]:
    """All states. `counts`: operators, and those with data, by the official name of the state."""
    return [_tile(code, name, *counts.get(name, (0, 0))) for name, code in _CODES.items()]


def _tile(code: str, name: str, dnos: int, with_data: int) -> StateTile:
    return StateTile(code, name, dnos, with_data, share_level(with_data, dnos))
