"""Names in use for operators that no register lists, from the project's own table."""

import csv
from pathlib import Path

from app.db import staging
from app.db.pool import Connection

_TABLE = Path(__file__).parents[1] / "interpreter" / "aliases.csv"


async def load_aliases(connection: Connection, *, only_of_new_operators: bool = False) -> int:
    """Adds those that are missing; ones that were changed in the database are kept."""
    if not _TABLE.exists():
        return 0
    with _TABLE.open(encoding="utf-8", newline="") as file:
        rows = [(row["dno_slug"], row["alias"], row["source"]) for row in csv.DictReader(file)]
    return await staging.load_aliases(connection, rows, only_of_new_operators=only_of_new_operators)
