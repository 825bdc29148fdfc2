"""Levies: files with a row per rate in the layout of the export, of levies by year, or of the concession fee."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from operator import attrgetter
from typing import Final

import asyncpg
import msgspec

from app.db import staging
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import WHOLE_COUNTRY, VerificationStatus
from app.domain.family import NO_FIRST_DAY
from app.domain.levy import FAMILY, LevyKind, LevyUnit
from app.domain.levy_correction import broken_rules, year_of
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source
from app.importers.transaction import RuleViolated

# Names of levies in files by year.
_NAMES: Final = {
    "KWKG": LevyKind.KWKG,
    "OFFSHORE": LevyKind.OFFSHORE,
    "STROMNEV_19": LevyKind.PARAGRAF_19_STROM_NEV,
    "ABLAV": LevyKind.ABLAV,
    "EEG": LevyKind.EEG,
    "STROMSTEUER": LevyKind.STROMSTEUER,
    "STROMSTEUER_RELIEF": LevyKind.STROMSTEUER_ENTLASTUNG,
    "VAT": LevyKind.UMSATZSTEUER,
}


class _CustomerKind(StrEnum):
    """Of files of the concession fee."""

    TARIFF = "TARIFF"
    LOW_LOAD = "LOW_LOAD"
    SPECIAL_CONTRACT = "SPECIAL_CONTRACT"


_SOURCE: Final[Mapping[str, cells.Parser]] = {
    "verification_status": cells.one_of(VerificationStatus),
    "source_url": cells.source_url,
    "source_title": cells.text,
}
_GROUP: Final = optional(cells.label)
_DAY: Final = optional(cells.day)
_COUNT: Final = optional(cells.count)

_BY_COLUMN: Final = Layout(
    {
        "kind": cells.one_of(LevyKind),
        "customer_group": _GROUP,
        "valid_from": _DAY,
        "valid_to": _DAY,
        "value": cells.rate,
        "unit": cells.one_of(LevyUnit),
        "inhabitants_from": _COUNT,
        "inhabitants_to": _COUNT,
        "legal_basis": cells.text,
        "article_id": _GROUP,
        "note": cells.text,
        **_SOURCE,
    },
    frozenset(
        {
            "customer_group",
            "valid_to",
            "inhabitants_from",
            "inhabitants_to",
            "legal_basis",
            "article_id",
            "note",
        }
    ),
)
_BY_YEAR: Final = Layout(
    {
        "levy": cells.one_of(_NAMES),
        "customer_group": _GROUP,
        "value": cells.rate,
        "unit": cells.one_of(LevyUnit),
        "valid_from": _DAY,
        "valid_to": _DAY,
        **_SOURCE,
        "note": cells.text,
    },
    frozenset({"customer_group", "valid_to", "note"}),
)
_CONCESSION_FEE: Final = Layout(
    {
        "customer_kind": cells.one_of(_CustomerKind),
        "inhabitants_from": _COUNT,
        "inhabitants_to": _COUNT,
        "max_ct_per_kwh": cells.price,
        "artikel_id": _GROUP,
        "bo4e_kundengruppe_ka": cells.label,
        "legal_basis": cells.text,
        **_SOURCE,
    }
)


# Columns of other files, under the names of the export.
_NAMED: Final = {
    "levy": "kind",
    "max_ct_per_kwh": "value",
    "bo4e_kundengruppe_ka": "customer_group",
    "artikel_id": "article_id",
}
_KEY: Final = ("kind", "customer_group", "valid_from")


class _Rate(msgspec.Struct, frozen=True):
    location: RowLocation
    row: Mapping[str, str]  # by column of the export

    @property
    def span(self) -> tuple[date, date]:
        return _day(self.row["valid_from"]) or date.min, _day(self.row["valid_to"]) or date.max


class Levies(Source):
    layouts = (_BY_YEAR, _CONCESSION_FEE, _BY_COLUMN)

    def __init__(self, references: References) -> None:
        self._rates: dict[tuple[str, ...], _Rate] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        rate = _by_column(dict(zip(row.layout.names, values, strict=True)))
        for column, reason in _broken_rules(rate):
            yield row.problem(_name_in(row.layout, column), reason)
        key = tuple(rate[name] for name in _KEY)
        if key in self._rates:
            yield Problem(
                row.location,
                f"the same levy, customer group and first day as in {self._rates[key].location}",
            )
        else:
            self._rates[key] = _Rate(row.location, rate)

    def finish(self) -> Iterator[Problem]:
        """Rates of one kind and customer group have no day in common."""
        by_group: dict[tuple[str, str], list[_Rate]] = {}
        for (kind, group, _), rate in self._rates.items():
            by_group.setdefault((kind, group), []).append(rate)
        for rates in by_group.values():
            for earlier, later in pairwise(sorted(rates, key=attrgetter("span"))):
                if later.span[0] <= earlier.span[1]:
                    yield Problem(
                        later.location,
                        f"holds on some days of the rate in {earlier.location}, which has the same customer group",
                    )

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        names = ("customer_group", *(column.name for column in FAMILY.columns), *_SOURCE)
        for rate in self._rates.values():
            row = rate.row
            key = [str(WHOLE_COUNTRY), str(year_of(_day(row["valid_from"]))), row["kind"]]
            group, *others = (row.get(name, "") for name in names)
            yield rate.location, [*key, group, row["valid_from"] or NO_FIRST_DAY, *others]

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        columns = [column.name for column in FAMILY.columns]
        try:
            return await staging.load_entries(
                connection, FAMILY, columns, rows, overwrite, on_rows, may_verify=self.may_verify
            )
        except asyncpg.CheckViolationError as error:
            raise RuleViolated(f"Nothing was imported: {error}.") from None


def _by_column(row: dict[str, str]) -> dict[str, str]:
    found = {_NAMED.get(name, name): value for name, value in row.items()}
    if "levy" in row:
        found["kind"] = _NAMES[row["levy"]]
    elif "customer_kind" in row:
        found |= {"kind": LevyKind.KONZESSIONSABGABE, "unit": LevyUnit.CT_PER_KWH}
    may_be_missing = ("customer_group", "valid_from", "valid_to", "inhabitants_from", "inhabitants_to")
    return dict.fromkeys(may_be_missing, "") | found


def _name_in(layout: Layout, column: str) -> str:
    """The name of a column of the export in another file."""
    return next((name for name in layout.names if _NAMED.get(name, name) == column), layout.names[0])


def _broken_rules(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return broken_rules(
        LevyKind(row["kind"]),
        LevyUnit(row["unit"]),
        row["customer_group"] or None,
        Decimal(row["value"]),
        (_day(row["valid_from"]), _day(row["valid_to"])),
        (_count(row["inhabitants_from"]), _count(row["inhabitants_to"])),
    )


def _day(cell: str) -> date | None:
    return date.fromisoformat(cell) if cell else None


def _count(cell: str) -> int | None:
    return int(cell) if cell else None
