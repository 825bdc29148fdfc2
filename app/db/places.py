"""Places: the operators at a postal code, and the generation that changes with every change of them."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from app.db.pool import Pool
from app.domain.entry import VoltageLevel
from app.domain.place import Place, PlaceBasis


class PostalCode(NamedTuple):
    """A postal code as of a generation of all places."""

    generation: UUID
    postal_code: str


async def fetch_generation(pool: Pool, keys: Sequence[None]) -> dict[None, UUID]:
    """Absent: there were never any places."""
    rows = await pool.fetch("SELECT generation FROM place_generation", name="place_generation")
    return {None: rows[0]["generation"]} if rows else {}


async def fetch_by_postal_code(pool: Pool, keys: Sequence[PostalCode]) -> dict[PostalCode, tuple[Place, ...]]:
    """Deleted operators are among them."""
    rows = await pool.fetch(
        "SELECT postal_code, dno_id, basis, municipality, voltage_level, locations, source_url, source_title"
        " FROM places WHERE postal_code = ANY($1::text[])"
        " ORDER BY postal_code, basis, municipality, dno_id, voltage_level",
        list({key.postal_code for key in keys}),
        name="places",
    )
    found: dict[str, list[Place]] = {}
    for row in rows:
        level = row["voltage_level"]
        place = Place(
            row["dno_id"],
            PlaceBasis(row["basis"]),
            row["municipality"] or None,
            VoltageLevel(level) if level else None,
            row["locations"],
            row["source_url"],
            row["source_title"],
        )
        found.setdefault(row["postal_code"], []).append(place)
    return {key: tuple(found[key.postal_code]) for key in keys if key.postal_code in found}
