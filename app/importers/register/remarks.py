"""What an import of the register reports beside its figures: what was missing in the export, or not used."""

from collections.abc import Iterator, Sequence

from app.db.pool import Row
from app.importers.register.export import Export
from app.importers.register.tables import MAIN_GENERATION, NETWORKS, OPERATORS


def of_parts(parts: Sequence[Row]) -> Iterator[str]:
    for part in parts:
        if part["repaired"]:
            yield f"{part['name']}: characters that XML does not allow were left out"
    if unused := sum(part["unused"] for part in parts if part["name"].startswith("Einheiten")):
        yield f"units not in operation, or without a location: {unused:,}"


def of_tables(export: Export) -> Iterator[str]:
    found = {part.table for part in export.parts}
    if missing := [table for table in MAIN_GENERATION if table not in found]:
        yield f"{', '.join(missing)}: missing in the export; their units are not counted, total capacities stay as they are"
    if missing := [table for table in (OPERATORS, NETWORKS) if table not in found]:
        yield f"{', '.join(missing)}: missing in the export; connection points without an operator of their own are not counted"


def of_units(joined: Row) -> Iterator[str]:
    for column, reason in (
        (
            "without_operator",
            "units at locations without a connection point of a known operator, not counted",
        ),
        ("without_postal_code", "units without a German postal code, in no place"),
        (
            "of_several_operators",
            "units at locations with connection points of several operators, in no capacity",
        ),
    ):
        if joined[column]:
            yield f"{reason}: {joined[column]:,}"
