"""A second database with the tables of dno-crawler, and rows in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from app.db.connect import Connection
from tests.servers import PASSWORD

READER = "dno_follow_reader"

SCHEMA = """
CREATE TABLE dnos (
    id serial PRIMARY KEY, slug varchar(255) NOT NULL, name varchar(255) NOT NULL, official_name varchar(255), website varchar(500),
    region varchar(255), mastr_nr varchar(50), vnb_id varchar(255), primary_bdew_code varchar(20),
    status varchar(20) NOT NULL DEFAULT 'uncrawled', source varchar(20), is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE dno_mastr_data (
    id serial PRIMARY KEY, dno_id integer NOT NULL UNIQUE REFERENCES dnos ON DELETE CASCADE, mastr_nr varchar(50),
    acer_code varchar(50), registered_name varchar(255), address_components json, region varchar(255), marktrollen json,
    closed_network boolean, connection_points_ns integer, connection_points_ms integer, connection_points_hs integer,
    connection_points_hoe integer, total_capacity_mw numeric(12, 4), solar_capacity_mw numeric(12, 4),
    wind_capacity_mw numeric(12, 4));
CREATE TABLE netzentgelte (
    id serial PRIMARY KEY, dno_id integer NOT NULL REFERENCES dnos ON DELETE CASCADE, year integer NOT NULL,
    voltage_level varchar(100) NOT NULL, arbeit numeric(10, 4), leistung numeric(10, 4), arbeit_unter_2500h numeric(10, 4),
    leistung_unter_2500h numeric(10, 4), extraction_source varchar(20), extraction_model varchar(100),
    extraction_source_format varchar(20), verification_status varchar(20) DEFAULT 'unverified', verified_at timestamptz,
    verification_notes text, flag_reason text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    UNIQUE (dno_id, year, voltage_level));
CREATE TABLE hlzf (
    id serial PRIMARY KEY, dno_id integer NOT NULL REFERENCES dnos ON DELETE CASCADE, year integer NOT NULL,
    voltage_level varchar(100) NOT NULL, winter text, fruehling text, sommer text, herbst text,
    extraction_source varchar(20), verification_status varchar(20) DEFAULT 'unverified', verified_at timestamptz,
    verification_notes text, flag_reason text, created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now(),
    UNIQUE (dno_id, year, voltage_level));
CREATE TABLE data_sources (id serial PRIMARY KEY);
CREATE TABLE dno_source_profiles (
    id serial PRIMARY KEY, dno_id integer NOT NULL REFERENCES dnos ON DELETE CASCADE, data_type varchar(20), last_url text);
CREATE TABLE download_registry (
    id serial PRIMARY KEY, dno_id integer NOT NULL REFERENCES dnos ON DELETE CASCADE, year integer, classification varchar(50),
    source_url text);
"""


class CrawlerDatabase:
    """`url`: of a user that may only read, as followers should have it."""

    def __init__(self, connection: Connection, admin_url: str, name: str) -> None:
        self.connection = connection
        parts = urlsplit(admin_url)
        where = parts.netloc.rpartition("@")[2]
        self.admin_url = parts._replace(path=f"/{name}").geturl()
        self.url = parts._replace(netloc=f"{READER}:{PASSWORD}@{where}", path=f"/{name}").geturl()

    async def execute(self, statement: str, *arguments: object) -> None:
        await self.connection.execute(statement, *arguments)

    async def insert(self, table: str, **columns: object) -> int:
        names = list(columns)
        places = ", ".join(f"${n}" for n in range(1, len(names) + 1))
        row_id: int = await self.connection.fetchval(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places}) RETURNING id", *columns.values()
        )
        return row_id

    async def dno(self, name: str = "Netze A GmbH", **columns: object) -> int:
        slug = name.lower().replace(" ", "-")
        return await self.insert("dnos", **{"slug": slug, "name": name, **columns})

    async def tariff(self, dno: int, **columns: Any) -> int:
        given = {"year": 2026, "voltage_level": "MS", "leistung": 58.2, "arbeit": 1.26, **columns}
        return await self.insert("netzentgelte", dno_id=dno, **given)

    async def hlzf(self, dno: int, **columns: Any) -> int:
        return await self.insert("hlzf", dno_id=dno, **{"year": 2026, "voltage_level": "MS", **columns})

    async def change(self, table: str, row: int, **columns: object) -> None:
        """As the crawler does: with another `updated_at`."""
        given = ", ".join(f"{name} = ${n}" for n, name in enumerate(columns, 2))
        await self.connection.execute(
            f"UPDATE {table} SET {given}, updated_at = clock_timestamp() WHERE id = $1",
            row,
            *columns.values(),
        )


@asynccontextmanager
async def crawler_database(admin_url: str, name: str) -> AsyncIterator[CrawlerDatabase]:
    """New, with its tables and no rows; dropped in the end."""
    await _execute(
        admin_url,
        f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)',
        f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8'",
        f"DO $$ BEGIN CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'; EXCEPTION WHEN duplicate_object THEN NULL;"
        " WHEN unique_violation THEN NULL; END $$",
    )
    try:
        connection = await asyncpg.connect(admin_url, database=name, timeout=10)
        try:
            # A server that is killed has what was committed.
            await connection.execute(f"SET synchronous_commit = on; {SCHEMA}")
            await connection.execute(
                f"GRANT USAGE ON SCHEMA public TO {READER}; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER};"
                f" ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {READER}"
            )
            yield CrawlerDatabase(connection, admin_url, name)
        finally:
            connection.terminate()
    finally:
        await _execute(admin_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def _execute(admin_url: str, *statements: str) -> None:
    admin = await asyncpg.connect(admin_url, database="postgres", timeout=10)
    try:
        for statement in statements:
            await admin.execute(statement)
    finally:
        await admin.close(timeout=5)
