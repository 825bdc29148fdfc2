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
from app.importers.operators import key
from app.importers.problems import Problem, RowLocation, shown
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

# Those of other states begin with another digit, or may be near the seat of an operator abroad, which has 4 digits.
_POSTAL_CODES_WITH_ZERO: Final = frozenset({"Brandenburg", "Sachsen", "Sachsen-Anhalt", "Thüringen"})
_MOST_NAMED: Final = 3
_CODES: Final = ("mastr_nr", "bdew_code", "acer_code", "vnb_id")

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
        self._names = references.operator_names

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        slug = values[0]
        given = dict(zip(row.layout.names, values, strict=True))
        if len(given.get("postal_code", "")) == 4 and given.get("region") in _POSTAL_CODES_WITH_ZERO:
            yield row.problem("postal_code", f"must be 5 digits in {given['region']}; {cells.ZEROS_LEFT_OUT}")
        elif slug in self._locations:
            yield row.problem("slug", f"the same operator as in {self._locations[slug]}")
        else:
            self._locations[slug] = row.location
            self._rows.setdefault(row.layout.names, []).append((row.location, values))

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        for rows in self._rows.values():
            yield from rows

    def notes(self) -> Iterator[str]:
        """Codes of several operators: a company may have one code for all of its networks."""
        written: dict[str, str] = {}
        slugs: dict[str, list[str]] = {}
        for names, rows in self._rows.items():
            for _, values in rows:
                codes = {value for name, value in zip(names, values, strict=True) if name in _CODES}
                for code in sorted(codes - {""}):
                    written.setdefault(key(code), code)
                    slugs.setdefault(key(code), []).append(values[0])
        for slug, name in self._names:
            if slug not in self._locations and key(name) in slugs:
                slugs[key(name)].append(slug)
        found = {code: sorted(set(slugs[code])) for code in slugs if len(set(slugs[code])) > 1}
        if found:
            named = [
                f"{shown(written[code])} of {' and '.join(several[:_MOST_NAMED])}"
                for code, several in [*found.items()][:_MOST_NAMED]
            ]
            more = f" and {len(found) - len(named):,} more" if len(found) > len(named) else ""
            yield (
                "codes of several operators, by which no row of figures names one of them: "
                + ", ".join(named)
                + more
            )

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        inserted = updated = unchanged = first = 0
        for names, same in self._rows.items():
            loaded = await staging.load_operators(connection, names, rows[first : first + len(same)], on_rows)
            inserted += loaded.inserted
            updated += loaded.updated
            unchanged += loaded.unchanged
            first += len(same)
        return Outcome(inserted, updated, unchanged, ())
