"""What is read and corrected while the servers run, and how it ended."""

from base64 import urlsafe_b64encode
from collections import defaultdict
from decimal import Decimal
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import asyncpg

from app.domain.families import BY_NAME
from app.edge.keys import EVERYTHING, key_of
from tests.consistency.operations import Entry, Revision

SECRET = "dno_" + urlsafe_b64encode(sha256(b"for the consistency checker only").digest()).decode().rstrip("=")
YEAR = 2025
LEVELS = ("MS", "NS")
# In place of a level: the standard price of the operator's time-of-use tariff (§ 14a EnWG, Modul 3).
TIME_OF_USE = "ST"
# Likewise: the Arbeitspreis without load metering of the price sheet.
PRICE = "SLP_ARBEITSPREIS"
# Likewise: the rate of a levy, which has no operator. It is read with the figures of the first one.
LEVY = "KWKG"
READ_WITH = "netze-1"
# More entries than a subscriber's queue has places: 256.
BULK_OPERATORS, BULK_YEARS, BULK_LEVELS = (
    3,
    range(2001, 2016),
    ("HOES", "HOES_HS", "HS", "HS_MS", "MS", "MS_NS", "NS"),
)


class Price(NamedTuple):
    """A Leistungspreis of a level, the standard price of a time-of-use tariff, a price of the price sheet, or the rate of a levy;
    `entry` is its row's id.
    """

    entry: str
    slug: str
    level: str

    @property
    def is_time_of_use(self) -> bool:
        return self.level == TIME_OF_USE

    @property
    def is_of_price_sheet(self) -> bool:
        return self.level == PRICE

    @property
    def is_tariff(self) -> bool:
        return self.level in LEVELS

    @property
    def is_levy(self) -> bool:
        return self.level == LEVY


async def plant(database_url: str, operators: int) -> list[Price]:
    """Operators with a tariff for two levels each, a time-of-use tariff and a price, and a key that may change them."""
    connection = await asyncpg.connect(database_url)
    try:
        # The servers of the tests answer before a commit is written; one that is killed must not.
        await connection.execute("ALTER DATABASE dno SET synchronous_commit = on")
        await connection.execute(
            "WITH people AS (INSERT INTO users (email, role, password_hash)"
            " VALUES ('checker@example.org', 'ADMIN', '!') RETURNING id)"
            " INSERT INTO api_keys (name, role, secret_hash, created_by) SELECT 'checker', 'ADMIN', $1, id FROM people",
            sha256(SECRET.encode()).digest(),
        )
        rows = await connection.fetch(
            "WITH operators AS (INSERT INTO dnos (slug, name)"
            " SELECT 'netze-' || n, 'Netze ' || n FROM generate_series(1, $1) n RETURNING id, slug),"
            " planted AS (INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung, arbeit)"
            " SELECT id, $2, level, 1.001, 1 FROM operators, unnest($3::text[]) level RETURNING id, dno_id, voltage_level),"
            " time_of_use AS (INSERT INTO time_of_use_data (dno_id, year, price_st) SELECT id, $2, 1.001 FROM operators"
            " RETURNING id, dno_id),"
            " sheets AS (INSERT INTO prices (dno_id, year, kind, voltage_level, amount, unit)"
            " SELECT id, $2, $5, 'NS', 1.001, 'CT_PER_KWH' FROM operators RETURNING id, dno_id),"
            " rates AS (INSERT INTO levies (year, kind, valid_from, value, unit)"
            " VALUES ($2, $6, make_date($2, 1, 1), 1.001, 'ct/kWh') RETURNING id)"
            " SELECT planted.id, slug, voltage_level AS level FROM planted JOIN operators ON operators.id = dno_id"
            " UNION ALL SELECT t.id, slug, $4 FROM time_of_use t JOIN operators ON operators.id = dno_id"
            " UNION ALL SELECT p.id, slug, $5 FROM sheets p JOIN operators ON operators.id = dno_id"
            " UNION ALL SELECT id, $7, $6 FROM rates",
            operators,
            YEAR,
            LEVELS,
            TIME_OF_USE,
            PRICE,
            LEVY,
            READ_WITH,
        )
        # Changed by nothing but statements over all entries; of other years than those that are read.
        await connection.execute(
            "WITH operators AS (INSERT INTO dnos (slug, name)"
            " SELECT 'viele-' || n, 'Viele ' || n FROM generate_series(1, $1) n RETURNING id)"
            " INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung, arbeit)"
            " SELECT id, year, level, 1.001, 1 FROM operators, unnest($2::int[]) year, unnest($3::text[]) level",
            BULK_OPERATORS,
            list(BULK_YEARS),
            BULK_LEVELS,
        )
    finally:
        await connection.close()
    return [Price(str(row["id"]), row["slug"], row["level"]) for row in rows]


async def harvest(database_url: str) -> list[Entry]:
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT id, version, leistung, false AS is_levy, 'tariffs' AS family, dno_id, year FROM netzentgelte_data"
            " UNION ALL SELECT id, version, price_st, false, 'time_of_use', dno_id, year FROM time_of_use_data"
            " UNION ALL SELECT id, version, amount, false, 'prices', dno_id, year FROM prices"
            " UNION ALL SELECT id, version, value, true, 'levies', dno_id, year FROM levies"
        )
        history = await connection.fetch(
            "SELECT entry_id, version,"
            " coalesce(before ->> 'leistung', before ->> 'price_st', before ->> 'amount', before ->> 'value') AS before,"
            " coalesce(after ->> 'leistung', after ->> 'price_st', after ->> 'amount', after ->> 'value') AS after,"
            " extract(epoch FROM changed_at)::float8 AS changed_at, reason"
            " FROM revisions WHERE data_type IN ('NETZENTGELTE', 'TIME_OF_USE', 'PRICE', 'LEVY') ORDER BY version"
        )
    finally:
        await connection.close()
    revisions: defaultdict[UUID, list[Revision]] = defaultdict(list)
    for one in history:
        revisions[one["entry_id"]].append(
            Revision(one["version"], one["before"], one["after"], one["changed_at"], one["reason"])
        )
    return [
        Entry(
            str(row["id"]),
            row["version"],
            str(row["leistung"]),
            tuple(revisions[row["id"]]),
            row["is_levy"],
            (key_of(BY_NAME[row["family"]].tag((row["dno_id"], row["year"]))), EVERYTHING),
        )
        for row in rows
    ]


async def undelivered(database_url: str) -> int:
    """Events that the outbox still holds."""
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM outbox"))
    finally:
        await connection.close()


def value(number: int) -> Decimal:
    """Another one for each number, and its digits come back as they went."""
    return Decimal(f"{number // 100 + 2}.{number % 100:02}1")


def global_id(price: Price) -> str:
    """The graph's id of its row."""
    prefixes = {TIME_OF_USE: "tou", PRICE: "price", LEVY: "levy"}
    return f"{prefixes.get(price.level, 'tariff')}_{UUID(price.entry).hex}"


def entry_of(global_id: str) -> str:
    return str(UUID(global_id.partition("_")[2]))
