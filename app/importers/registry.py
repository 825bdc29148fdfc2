"""Operators: one row each, as in the Marktstammdatenregister."""

from collections.abc import Iterator, Mapping
from typing import Final

from app.db import staging
from app.db.file_columns import OPERATOR_COLUMNS
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source

PARSERS: Final[Mapping[str, cells.Parser]] = {
    "slug": cells.slug,
    "name": cells.name,
    "official_name": cells.composed,
    "mastr_nr": cells.code,
    "bdew_code": optional(cells.digits(13)),
    "acer_code": cells.code,
    "vnb_id": cells.code,
    "region": cells.region,
    "city": cells.composed,
    "postal_code": optional(cells.digits(4, 5)),
    "website": cells.text,
    "closed_network": cells.boolean,
    "transmission": cells.boolean,
    "connection_points_ns": optional(cells.count),
    "connection_points_ms": optional(cells.count),
    "connection_points_hs": optional(cells.count),
    "connection_points_hoes": optional(cells.count),
    "capacity_mw_total": optional(cells.megawatts),
    "capacity_mw_solar": optional(cells.megawatts),
    "capacity_mw_wind": optional(cells.megawatts),
}

_REQUIRED: Final = ("slug", "name")

LAYOUT = Layout(
    {name: PARSERS[name] for name in OPERATOR_COLUMNS},
    frozenset(name for name in OPERATOR_COLUMNS if name not in _REQUIRED),
)


class Registry(Source):
    """Files may differ in which columns they have; values of a column that a file lacks are kept."""

    together = ("slug",)
    several_rows = False

    def __init__(self, references: References) -> None:
        self.layouts = (LAYOUT,)
        self._locations: dict[str, RowLocation] = {}
        # By the columns of the file.
        self._rows: dict[tuple[str, ...], list[tuple[RowLocation, list[str]]]] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        slug = values[0]
        if slug in self._locations:
            yield row.problem("slug", f"the same operator as in {self._locations[slug]}")
        else:
            self._locations[slug] = row.location
            self._rows.setdefault(row.layout.names, []).append((row.location, values))

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for rows in self._rows.values():
            yield from rows

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        inserted = updated = unchanged = first = 0
        for names, same in self._rows.items():
            loaded = await staging.load_operators(connection, names, rows[first : first + len(same)], on_rows)
            inserted += loaded.inserted
            updated += loaded.updated
            unchanged += loaded.unchanged
            first += len(same)
        return Outcome(inserted, updated, unchanged, ())
