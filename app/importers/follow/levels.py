"""Voltage levels as the crawler has them: its own words, or those of a price sheet that it did not recognise."""

import re
from functools import lru_cache
from typing import Final

from app.domain.entry import VoltageLevel
from app.importers import cells

# As the crawler writes the levels that it recognises.
CRAWLER_LEVELS: Final = ("HöS", "HöS/HS", "HS", "HS/MS", "MS", "MS/NS", "NS")

_USUAL_LENGTH: Final = 200

_level = cells.one_of(VoltageLevel)
_IN_BRACKETS: Final = re.compile(r"(.*\S)\s*[(\[]([^()\[\]]+)[)\]]")
_NETWORK: Final = re.compile(r"(?<=spannung)s?(?:netz|ebene)\b", re.IGNORECASE)


def level_of(text: str) -> str:
    """Raises ValueError for anything that is not exactly one level: "Mittelspannung (MS)" is, "Mittelspannung (NS)" is not."""
    return _cached(text) if len(text) <= _USUAL_LENGTH else _level(text)


@lru_cache(maxsize=1_000)
def _cached(text: str) -> str:
    plain = _NETWORK.sub("", text.strip())
    if match := _IN_BRACKETS.fullmatch(plain):
        outside, inside = _level(match[1].strip()), _level(match[2].strip())
        if outside != inside:
            raise ValueError(f"could be {outside} or {inside}")
        return outside
    return _level(plain)
