"""Levies, taxes and the concession fee on electricity: rates that hold for the whole country, with their time of validity."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec

from app.domain.entry import FIRST_YEAR, VerificationStatus
from app.domain.family import Column, ColumnType, Family, KeyColumn

# The year of an entry whose first day is not known. Others have the year in which they begin.
WITHOUT_START: Final = FIRST_YEAR


class LevyKind(StrEnum):
    """In the order in which bills list them."""

    KWKG = "KWKG"
    OFFSHORE = "OFFSHORE"
    PARAGRAF_19_STROM_NEV = "PARAGRAF_19_STROM_NEV"
    ABLAV = "ABLAV"
    EEG = "EEG"
    KONZESSIONSABGABE = "KONZESSIONSABGABE"
    STROMSTEUER = "STROMSTEUER"
    STROMSTEUER_ENTLASTUNG = "STROMSTEUER_ENTLASTUNG"
    UMSATZSTEUER = "UMSATZSTEUER"


class LevyUnit(StrEnum):
    CT_PER_KWH = "ct/kWh"
    PERCENT = "percent"


class Levy(msgspec.Struct, frozen=True, gc=False):
    """One rate of one kind and customer group, from `valid_from` to `valid_to`, both included."""

    id: UUID
    dno_id: UUID  # WHOLE_COUNTRY
    year: int  # in which it begins; WITHOUT_START: not known
    kind: LevyKind
    customer_group: str | None  # A', non_privileged, S_TARIF_25000, …; None: of all customers
    valid_from: date | None  # None: not known
    valid_to: date | None  # None: it still holds, as far as is known
    value: Decimal  # in the unit; negative where money was paid back
    unit: LevyUnit  # that of the kind
    inhabitants_from: int | None  # of the municipality, for the concession fee; None: no lower bound
    inhabitants_to: int | None
    legal_basis: str | None
    article_id: str | None  # Artikel-ID of market communication
    note: str | None  # what the figure rests on, and what is in dispute
    verification_status: VerificationStatus
    source_url: str | None
    source_title: str | None
    version: int
    updated_at: datetime

    def holds_on(self, day: date) -> bool:
        """Also where the first day is not known."""
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )

    def holds_for(self, group: str | None) -> bool:
        """Whether it is a rate for customers of the group; None: only rates of all customers are."""
        if self.customer_group is None:
            return self.kind not in _ONLY_BY_GROUP
        return self.customer_group == group


# Rates of these depend on the municipality, or on what is sold: without a group it is not known for whom a rate holds.
_ONLY_BY_GROUP: Final = (LevyKind.KONZESSIONSABGABE, LevyKind.UMSATZSTEUER)


FAMILY = Family(
    name="levies",
    table="levies",
    struct=Levy,
    graphql_type="Levy",
    module="levy",
    id_kind="LEVY",
    id_prefix="levy",
    data_type="LEVY",
    description="Levies, taxes and the concession fee on electricity, of the whole country.",
    noun="levy",
    key=(
        KeyColumn("kind", LevyKind),
        KeyColumn("customer_group", optional=True),
        KeyColumn("valid_from", type=ColumnType.DATE, optional=True),
    ),
    columns=(
        Column("valid_to", ColumnType.DATE),
        Column("value", ColumnType.RATE, "in its unit", required=True),
        Column("unit", ColumnType.WORD, values=LevyUnit, required=True),
        Column("inhabitants_from", ColumnType.WHOLE),
        Column("inhabitants_to", ColumnType.WHOLE),
        Column("legal_basis", ColumnType.TEXT),
        Column("article_id", ColumnType.TEXT),
        Column("note", ColumnType.TEXT),
    ),
    figures=False,
    of_operators=False,
    without_year=WITHOUT_START,
    year_of="valid_from",
)


def unit_of(kind: LevyKind) -> LevyUnit:
    return LevyUnit.PERCENT if kind is LevyKind.UMSATZSTEUER else LevyUnit.CT_PER_KWH


def of_year(levies: Iterable[Levy], year: int) -> tuple[Levy, ...]:
    """Those that hold on any day of the year, in order: by kind, inhabitants, customer group and first day."""
    first, last = date(year, 1, 1), date(year, 12, 31)
    found = [
        levy
        for levy in levies
        if (levy.valid_from is None or levy.valid_from <= last)
        and (levy.valid_to is None or first <= levy.valid_to)
    ]
    return tuple(sorted(found, key=_position))


def before(levies: Iterable[Levy], later: Levy) -> Levy | None:
    """The rate of the same kind and customer group on the day before another one begins; None: not known."""
    if later.valid_from is None:
        return None
    day = later.valid_from - timedelta(days=1)
    for levy in levies:
        same = (levy.kind, levy.customer_group) == (later.kind, later.customer_group)
        if same and levy.id != later.id and levy.holds_on(day):
            return levy
    return None


_RANKS: Final = {kind: rank for rank, kind in enumerate(LevyKind)}


def _position(levy: Levy) -> tuple[int, int, str, date]:
    return (
        _RANKS[levy.kind],
        levy.inhabitants_from or levy.inhabitants_to or 0,
        levy.customer_group or "",
        levy.valid_from or date.min,
    )
