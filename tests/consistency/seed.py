"""What is read and corrected while the servers run, and how it ended."""

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple

import asyncpg

from tests.consistency.operations import Entry, Revision

SECRET = "dno_" + urlsafe_b64encode(sha256(b"for the consistency checker only").digest()).decode().rstrip("=")
YEAR = 2025
LEVELS = ("MS", "NS")


class Price(NamedTuple):
    """One tariff's Leistungspreis; `entry` is its row's id."""

    entry: str
    slug: str
    level: str


async def plant(database_url: str, operators: int) -> list[Price]:
    """Operators with a tariff for two levels each, and a key that may correct them."""
    connection = await asyncpg.connect(database_url)
    try:
        # The servers of the tests answer before a commit is written; one that is killed must not.
        await connection.execute("ALTER DATABASE dno SET synchronous_commit = on")
        await connection.execute(
            "WITH people AS (INSERT INTO users (email, role, password_hash)"
            " VALUES ('checker@example.org', 'ADMIN', '!') RETURNING id)"
            " INSERT INTO api_keys (name, role, secret_hash, created_by) SELECT 'checker', 'EDITOR', $1, id FROM people",
            sha256(SECRET.encode()).digest(),
        )
        rows = await connection.fetch(
            "WITH operators AS (INSERT INTO dnos (slug, name)"
            " SELECT 'netze-' || n, 'Netze ' || n FROM generate_series(1, $1) n RETURNING id, slug),"
            " planted AS (INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung, arbeit)"
            " SELECT id, $2, level, 1.001, 1 FROM operators, unnest($3::text[]) level RETURNING id, dno_id, voltage_level)"
            " SELECT planted.id, slug, voltage_level FROM planted JOIN operators ON operators.id = dno_id",
            operators,
            YEAR,
            LEVELS,
        )
    finally:
        await connection.close()
    return [Price(str(row["id"]), row["slug"], row["voltage_level"]) for row in rows]


async def harvest(database_url: str, prices: Sequence[Price]) -> list[Entry]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, version, leistung FROM netzentgelte_data WHERE id = ANY($1::uuid[])",
            [price.entry for price in prices],
        )
        history = await connection.fetch(
            "SELECT entry_id, version, (before ->> 'leistung') AS before, (after ->> 'leistung') AS after,"
            " extract(epoch FROM changed_at)::float8 AS changed_at"
            " FROM revisions WHERE entry_id = ANY($1::uuid[]) ORDER BY version",
            [price.entry for price in prices],
        )
    finally:
        await connection.close()
    return [
        Entry(
            str(row["id"]),
            row["version"],
            str(row["leistung"]),
            tuple(
                Revision(one["version"], one["before"], one["after"], one["changed_at"])
                for one in history
                if one["entry_id"] == row["id"]
            ),
        )
        for row in rows
    ]


async def untold(database_url: str) -> int:
    """Events that the outbox still holds."""
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))
    finally:
        await connection.close()


def value(number: int) -> Decimal:
    """Another one for each number, and its digits come back as they went."""
    return Decimal(f"{number // 100 + 2}.{number % 100:02}1")
