"""What is not held of the levies of a year: kinds and customer groups that were charged, for days without a rate."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

import msgspec

from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.domain.levy import Levy, LevyKind, of_year

_DAY: Final = timedelta(days=1)
_BEGIN: Final = date(FIRST_YEAR, 1, 1)
_END: Final = date(LAST_YEAR, 12, 31)


class MissingLevy(msgspec.Struct, frozen=True, gc=False):
    """Days of a year on which a levy is charged, and for which no rate is held."""

    kind: LevyKind
    customer_group: str | None  # None: the customer groups of that time are not known either
    valid_from: date
    valid_to: date

    @property
    def reason(self) -> str:
        whom = "" if self.customer_group is None else f" for the customer group {self.customer_group}"
        return f"No rate of {self.kind}{whom} is held for {self.valid_from} to {self.valid_to}."


class _Charged(NamedTuple):
    """The customer groups for which a levy is published, from a day to another one, both included."""

    kind: LevyKind
    first: date
    last: date
    groups: tuple[str, ...]  # empty: not known; then any rate is one


# Groups are those that the sources of the starter data list, which app/starter/README.md names. Groups that exist only for
# some companies, such as the transitional ones of § 36 (3) KWKG, are not expected.
_BY_CONSUMPTION: Final = ("A'", "B'", "C'")  # first 1,000,000 kWh, above it, above it and energy-intensive
_CONCESSION: Final = (
    "S_TARIF_25000",
    "S_TARIF_100000",
    "S_TARIF_500000",
    "S_TARIF_G_500000",
    "S_SCHWACHLAST",
    "S_SONDERKUNDE",
)
_CHARGED: Final = (
    _Charged(LevyKind.KWKG, date(2002, 4, 1), date(2014, 12, 31), ()),
    # Amprion and the Bundesnetzagentur: groups of the KWKG 2002 until 2015, of the KWKG 2016 in 2016.
    _Charged(LevyKind.KWKG, date(2015, 1, 1), date(2015, 12, 31), ("A", "B", "C")),
    _Charged(LevyKind.KWKG, date(2016, 1, 1), date(2016, 12, 31), _BY_CONSUMPTION),
    _Charged(LevyKind.KWKG, date(2017, 1, 1), _END, ("non_privileged",)),
    # Amprion: Offshore-Netzumlage since 2013.
    _Charged(LevyKind.OFFSHORE, date(2013, 1, 1), date(2014, 12, 31), ()),
    _Charged(LevyKind.OFFSHORE, date(2015, 1, 1), date(2018, 12, 31), _BY_CONSUMPTION),
    _Charged(LevyKind.OFFSHORE, date(2019, 1, 1), _END, ("non_privileged",)),
    # netztransparenz.de: since 2012.
    _Charged(LevyKind.PARAGRAF_19_STROM_NEV, date(2012, 1, 1), date(2014, 12, 31), ()),
    _Charged(LevyKind.PARAGRAF_19_STROM_NEV, date(2015, 1, 1), _END, _BY_CONSUMPTION),
    # netztransparenz.de, TransnetBW: from 2014 to 2022.
    _Charged(LevyKind.ABLAV, date(2014, 1, 1), date(2022, 12, 31), ("all",)),
    # Amprion: EEG-Umlage 2010-2022; § 60 (1a) EEG 2021 set it to zero, and it was abolished from 2023 on.
    _Charged(LevyKind.EEG, date(2010, 1, 1), date(2022, 12, 31), ("non_privileged",)),
    _Charged(LevyKind.KONZESSIONSABGABE, _BEGIN, _END, _CONCESSION),
    _Charged(LevyKind.STROMSTEUER, _BEGIN, _END, ("standard",)),
    _Charged(LevyKind.UMSATZSTEUER, _BEGIN, _END, ("standard",)),
)


def missing_in(levies: Iterable[Levy], year: int) -> tuple[MissingLevy, ...]:
    """In the order of kinds and customer groups. A rate whose first day is not known counts for all days up to its last."""
    held: dict[LevyKind, list[Levy]] = {}
    for levy in of_year(levies, year):
        held.setdefault(levy.kind, []).append(levy)
    first, last = date(year, 1, 1), date(year, 12, 31)
    return tuple(
        MissingLevy(charged.kind, group, *gap)
        for charged in _CHARGED
        if charged.first <= last and first <= charged.last
        for group in charged.groups or (None,)
        for gap in _gaps(
            held.get(charged.kind, ()), group, max(charged.first, first), min(charged.last, last)
        )
    )


def _gaps(held: Iterable[Levy], group: str | None, first: date, last: date) -> Iterator[tuple[date, date]]:
    """`held`: of one kind."""
    spans = sorted(
        (levy.valid_from or date.min, levy.valid_to or date.max)
        for levy in held
        if group is None or levy.holds_for(group)
    )
    day = first
    for begins, ends in spans:
        if ends < day:
            continue
        if begins > last:
            break
        if begins > day:
            yield day, begins - _DAY
        if ends >= last:
            return
        day = max(day, ends + _DAY)
    if day <= last:
        yield day, last
