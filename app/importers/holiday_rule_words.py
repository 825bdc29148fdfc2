"""What the words of an operator, or a summary of them, state of working days. German or English.

Words that are not understood are refused, so that no rule is stored as unknown by a spelling.
"""

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum
from typing import Any, Final

import msgspec

from app.domain.federal_state import FEDERAL_STATES
from app.domain.folding import compose
from app.domain.holiday_rule import BridgeDays, ChristmasDays, HolidayScope, TimeStamps


class Subject(StrEnum):
    """What a row is about."""

    BRIDGE_DAY = "bridge_day"
    HOLIDAY = "holiday"
    CHRISTMAS = "christmas"
    TIME_STAMPS = "time_stamps"
    THRESHOLD = "threshold"  # of atypical use: no part of a holiday rule


class NotUnderstood(ValueError):
    """Words without a known meaning, or two meanings for one thing."""


class Meaning(msgspec.Struct, frozen=True):
    """UNKNOWN and empty: not stated, or stated as open."""

    bridge_days: BridgeDays = BridgeDays.UNKNOWN
    excluded_dates: frozenset[date] = frozenset()
    working_dates: frozenset[date] = frozenset()
    holidays: HolidayScope = HolidayScope.UNKNOWN
    holiday_states: frozenset[str] = frozenset()
    christmas: ChristmasDays = ChristmasDays.UNKNOWN
    time_stamps: TimeStamps = TimeStamps.UNKNOWN

    def joined(self, other: "Meaning") -> "Meaning":
        """Raises NotUnderstood if both state one thing differently."""
        values: dict[str, Any] = {}
        for name in self.__struct_fields__:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, frozenset):
                values[name] = mine | theirs
            elif "UNKNOWN" in (mine, theirs) or mine == theirs:
                values[name] = theirs if mine == "UNKNOWN" else mine
            else:
                raise NotUnderstood(f"contradicts {mine}")
        return Meaning(**values)


# The first pattern that is found decides.
_BRIDGE_DAYS: Final = (
    (r"working days?|werktag|arbeitstag", BridgeDays.WORKING_DAYS),
    (r"all bridge days|alle brückentage", BridgeDays.ALL_EXCLUDED),
    (
        r"one bridge day|named by the operator|(ein|maximal|höchstens) \S*\s?brückentag",
        BridgeDays.ONE_EXCLUDED,
    ),
    (r"not mentioned|nicht (erwähnt|genannt)", BridgeDays.UNKNOWN),
)
_HOLIDAYS: Final = (
    (r"whole network area|gesamten netzgebiet", HolidayScope.NETWORK_AREA),
    (r"nationwide|bundesweit|bundeseinheitlich", HolidayScope.NATIONWIDE),
    (
        r"\w+(an|on) public holidays|holidays of the (federal )?state|feiertage des (bundes)?landes|ische feiertage",
        HolidayScope.STATE,
    ),
    (r"not mentioned|nicht (erwähnt|genannt)", HolidayScope.UNKNOWN),
)
_CHRISTMAS: Final = (
    (r"working days?|werktag|arbeitstag", ChristmasDays.WORKING_DAYS),
    (
        r"24 december to 1 january|24\.\s?(12\.|dezember) bis (zum )?0?1\.\s?(0?1\.|januar)",
        ChristmasDays.ALL_EXCLUDED,
    ),
    (
        r"between christmas and new year|zwischen weihnachten und (neujahr|silvester)",
        ChristmasDays.BETWEEN_EXCLUDED,
    ),
    (r"not mentioned|nicht (erwähnt|genannt)", ChristmasDays.UNKNOWN),
)
_TIME_STAMPS: Final = (
    (r"plain clock time|uhrzeit", TimeStamps.CLOCK_TIME),
    (r"\bopen\b|no example|\boffen\b", TimeStamps.UNKNOWN),
    (r"meter stamps|end of the quarter-hour|ende der viertelstunde", TimeStamps.INTERVAL_END),
)
_ENGLISH: Final = {
    "Bavaria": "Bayern",
    "Saxony-Anhalt": "Sachsen-Anhalt",
    "Lower Saxony": "Niedersachsen",
} | {
    "Hesse": "Hessen",
    "North Rhine-Westphalia": "Nordrhein-Westfalen",
    "Rhineland-Palatinate": "Rheinland-Pfalz",
    "Saxony": "Sachsen",
    "Thuringia": "Thüringen",
    "Mecklenburg-Western Pomerania": "Mecklenburg-Vorpommern",
}
# Longer names first: Sachsen is a part of Sachsen-Anhalt.
_STATE: Final = re.compile(
    "|".join(
        rf"\b{re.escape(name)}\b" for name in sorted({*FEDERAL_STATES, *_ENGLISH}, key=len, reverse=True)
    )
)


def meaning_of(subject: Subject, words: str, day: date | None) -> Meaning:
    """`day`: a day that the words are about. Raises NotUnderstood."""
    words = compose(words)
    text = words.casefold()
    days = frozenset() if day is None else frozenset([day])
    if subject is Subject.BRIDGE_DAY:
        stated = _first(_BRIDGE_DAYS, text, words)
        if stated is BridgeDays.WORKING_DAYS:
            return Meaning(bridge_days=stated, working_dates=days)
        if day is None and "named by the operator" in text:
            raise NotUnderstood("names a day; the column date must have it")
        return Meaning(bridge_days=stated, excluded_dates=days)
    if subject is Subject.HOLIDAY:
        return _of_holidays(_first(_HOLIDAYS, text, words), words, days)
    if days:
        raise NotUnderstood(f"is about the {subject}, which has no day; the column date must be empty")
    if subject is Subject.CHRISTMAS:
        return Meaning(christmas=_first(_CHRISTMAS, text, words))
    return Meaning(time_stamps=_first(_TIME_STAMPS, text, words))


def _of_holidays(scope: HolidayScope, words: str, days: frozenset[date]) -> Meaning:
    """A day is a holiday that counts, or one that does not."""
    area = scope is HolidayScope.NETWORK_AREA
    states = frozenset(_ENGLISH.get(name, name) for name in _STATE.findall(words)) if area else frozenset()
    does_not_count = re.search(r"not counting|does not count|zählt nicht", words, re.IGNORECASE)
    return Meaning(
        holidays=scope,
        holiday_states=states,
        working_dates=days if does_not_count else frozenset(),
        excluded_dates=frozenset() if does_not_count else days,
    )


def _first(patterns: Iterable[tuple[str, Any]], text: str, words: str) -> Any:
    for pattern, meaning in patterns:
        if re.search(pattern, text):
            return meaning
    known = ", ".join(f"/{pattern}/" for pattern, _ in patterns)
    raise NotUnderstood(f"is not understood; known are {known}")
