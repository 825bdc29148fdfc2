"""Places: which operators have a network at which postal code, one row each."""

from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Final

from app.db import place_writes
from app.db.file_columns import PLACE_COLUMNS
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import VoltageLevel
from app.domain.place import PlaceBasis
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source

# All postal codes, municipalities, operators and levels of the country are some hundred thousand.
MAX_ROWS: Final = 1_000_000

_KEY: Final = ("postal_code", "municipality", "dno_slug", "voltage_level", "basis")
_key = itemgetter(*_KEY)


def _postal_code(cell: str) -> str:
    return cells.digits(5)(cell) if cell else _refuse("is empty; must be 5 digits")


def _refuse(reason: str) -> str:
    raise ValueError(reason)


class Places(Source):
    """The rows of an operator and basis replace its places of that basis; those of other operators stay."""

    together = ("dno_slug",)

    def __init__(self, references: References) -> None:
        parsers: Mapping[str, cells.Parser] = {
            "postal_code": _postal_code,
            "municipality": optional(cells.name),
            "dno_slug": operator(references),
            "voltage_level": optional(cells.one_of(VoltageLevel)),
            "locations": optional(cells.positive_count),
            "basis": optional(cells.one_of([PlaceBasis.PUBLISHED, PlaceBasis.REGISTERED_UNITS])),
            "source_url": cells.source_url,
            "source_title": cells.text,
        }
        missing_allowed = frozenset(PLACE_COLUMNS) - {"postal_code", "dno_slug"}
        self.layouts = (Layout({name: parsers[name] for name in PLACE_COLUMNS}, missing_allowed),)
        self._rows: dict[tuple[str, ...], tuple[RowLocation, tuple[str, ...]]] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        given = dict.fromkeys(PLACE_COLUMNS, "") | dict(zip(row.layout.names, values, strict=True))
        given["basis"] = given["basis"] or str(PlaceBasis.PUBLISHED)
        key: tuple[str, ...] = _key(given)
        if key in self._rows:
            same = f"the same postal code, municipality, operator, level and basis as in {self._rows[key][0]}"
            yield row.problem("postal_code", same)
        elif given["basis"] == PlaceBasis.REGISTERED_UNITS and not given["locations"]:
            yield row.problem("basis", "registered units are counted: locations must be given")
        elif len(self._rows) >= MAX_ROWS:
            yield row.problem("postal_code", f"a file of places has at most {MAX_ROWS:,} rows")
        else:
            self._rows[key] = (row.location, (given["locations"], given["source_url"], given["source_title"]))

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for (postal_code, municipality, dno_id, level, basis), (location, values) in self._rows.items():
            yield location, [basis, postal_code, municipality, dno_id, level, *values]

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        await place_writes.create_staged(connection)
        await place_writes.stage(connection, rows, on_rows)
        outcomes = [
            await place_writes.replace(connection, basis, only_listed_operators=True)
            for basis in (PlaceBasis.PUBLISHED, PlaceBasis.REGISTERED_UNITS)
        ]
        return Outcome(
            sum(each.inserted for each in outcomes),
            sum(each.updated for each in outcomes),
            sum(each.unchanged for each in outcomes),
            (),
            sum(each.removed for each in outcomes),
        )
