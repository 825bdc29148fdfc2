"""The federal states (Bundesländer): official names, and other spellings of an operator's `region`."""

import re
from collections.abc import Iterable
from typing import Final

from app.domain.folding import compose, fold
from app.errors import BadInput

FEDERAL_STATES: Final = (
    "Baden-Württemberg",
    "Bayern",
    "Berlin",
    "Brandenburg",
    "Bremen",
    "Hamburg",
    "Hessen",
    "Mecklenburg-Vorpommern",
    "Niedersachsen",
    "Nordrhein-Westfalen",
    "Rheinland-Pfalz",
    "Saarland",
    "Sachsen",
    "Sachsen-Anhalt",
    "Schleswig-Holstein",
    "Thüringen",
)


def region_key(name: str) -> str:
    """The same for "Baden-Württemberg", "BADEN WÜRTTEMBERG" and "baden-wuerttemberg"."""
    letters = re.sub(r"[\W_]+", "", fold(name))
    return letters.replace("ue", "u")


_BY_KEY: Final = {region_key(name): name for name in FEDERAL_STATES}


def canonical_region(name: str) -> str:
    """The official name of a federal state; any other region, such as one abroad, as it is, composed."""
    return _BY_KEY.get(region_key(name)) or compose(name)


def spellings_of(wanted: str, stored: Iterable[str | None]) -> frozenset[str]:
    """The regions of operators, as they are stored, that `wanted` names; empty for a state without operators.

    Raises BadInput for a name of neither a federal state nor the region of any operator.
    """
    key = region_key(wanted)
    found = frozenset(name for name in stored if name and region_key(name) == key)
    if not found and key not in _BY_KEY:
        raise BadInput(
            f"`region` names no federal state; there are {', '.join(FEDERAL_STATES)}.", argument="region"
        )
    return found
