"""The application's role owns its database and has no other rights."""

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import pytest

from app.db.migrate import migrate
from app.dev import postgres_roles
from app.dev.postgres import DATABASE, Postgres
from app.dev.stack import open_stack
from app.settings import Settings
from tests.architecture.repository import ROOT

RIGHTS = ("rolsuper", "rolcreatedb", "rolcreaterole", "rolreplication", "rolbypassrls")


async def rights(url: str) -> dict[str, bool]:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            f"SELECT {', '.join(RIGHTS)} FROM pg_roles WHERE rolname = current_user"
        )
        assert row is not None
        return dict(row)
    finally:
        await connection.close()


async def foreign_objects(url: str) -> list[str]:
    """Objects in the application's schema that belong to another role."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(
            "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relowner <> 'dno'::regrole UNION ALL"
            " SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            " AND proowner <> 'dno'::regrole UNION ALL"
            " SELECT typname::text FROM pg_type WHERE typnamespace = 'public'::regnamespace"
            " AND typowner <> 'dno'::regrole"
        )
        return [row[0] for row in rows]
    finally:
        await connection.close()


async def test_the_role_of_the_tests_has_no_rights_but_its_own(database_url: str) -> None:
    assert set((await rights(database_url)).values()) == {False}


@pytest.mark.parametrize(
    "statement",
    [
        "SET session_replication_role = replica",
        "ALTER SYSTEM SET fsync = off",
        "COPY dnos TO PROGRAM 'cat'",
        "SELECT pg_read_file('/etc/passwd')",
        "CREATE DATABASE another",
        "CREATE ROLE another",
        "ALTER ROLE dno SUPERUSER",
        "SET ROLE postgres",
    ],
)
async def test_statements_of_superusers_are_rejected(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    finally:
        await connection.close()


def test_a_new_database_belongs_to_a_role_without_rights(folder: Path) -> None:
    with open_stack(Settings(local_folder=str(folder / "local"))) as stack:
        asyncio.run(migrate(stack.settings.database_url))
        assert set(asyncio.run(rights(stack.settings.database_url)).values()) == {False}
        assert asyncio.run(foreign_objects(stack.settings.database_url)) == []
        secret = (folder / "local/admin-password").read_text()
        assert secret != (folder / "local/password").read_text()
        assert stack.postgres
        assert asyncio.run(rights(stack.postgres.admin_url()))["rolsuper"]


def test_data_of_an_earlier_version_are_migrated(folder: Path) -> None:
    """In that version the application was the superuser and owned all objects."""
    local = folder / "local"
    local.mkdir(mode=0o711)
    password = secrets.token_hex(32)
    (local / "password").write_text(password)
    (local / "password").chmod(0o600)
    earlier = _Earlier(local, password)
    earlier.start()
    asyncio.run(_fill(earlier.url()))
    assert asyncio.run(rights(earlier.url()))["rolsuper"]
    earlier.stop()
    for _ in range(2):
        with open_stack(Settings(local_folder=str(local))) as stack:
            url = stack.settings.database_url
            assert set(asyncio.run(rights(url)).values()) == {False}
            assert asyncio.run(foreign_objects(url)) == []
            asyncio.run(migrate(url))
            assert asyncio.run(_names(url)) == ["Netze A"]


def test_a_dump_can_be_restored_by_the_role_itself(folder: Path) -> None:
    """Into an empty database, by psql with an empty search path."""
    server = _OfTheImage(folder, "s3cret", admin_password="s3cret")
    server.start()
    try:
        asyncio.run(_prepare_for_dump(server))
        tool = {"env": {}, "capture_output": True, "text": True, "check": False}
        dump = subprocess.run([server.psql.with_name("pg_dump"), "--no-owner", server.url("one")], **tool)
        assert dump.returncode == 0, dump.stderr
        restored = subprocess.run(
            [server.psql, "-v", "ON_ERROR_STOP=1", "-d", server.url("two")], input=dump.stdout, **tool
        )
        assert restored.returncode == 0, restored.stderr
        assert asyncio.run(migrate(server.url("two"))) == []
        assert asyncio.run(_names(server.url("two"))) == ["Netze A"]
    finally:
        server.stop()


async def _prepare_for_dump(server: Postgres) -> None:
    admin = await asyncpg.connect(server.admin_url())
    await admin.execute("CREATE ROLE dno LOGIN PASSWORD 's3cret'")
    for name in ("one", "two"):
        await admin.execute(f"CREATE DATABASE {name} OWNER dno")
    await admin.close()
    await migrate(server.url("one"))
    connection = await asyncpg.connect(server.url("one"))
    await connection.execute("INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A')")
    await connection.execute(
        "INSERT INTO hlzf_data (dno_id, year, voltage_level, season, windows) SELECT id, 2025, 'MS', 'WINTER',"
        """ '[{"start": "07:30", "end": "13:00"}]' FROM dnos"""
    )
    await connection.execute(
        "INSERT INTO time_of_use_data (dno_id, year, windows) SELECT id, 2025,"
        """ '[{"quarter": 1, "start": "00:00", "end": "06:30", "band": "NT"}]' FROM dnos"""
    )
    await connection.close()


def test_the_script_of_docker_compose_creates_the_same_role(folder: Path) -> None:
    """Run by psql, as the image of PostgreSQL does at the first start."""
    server = _OfTheImage(folder, "in-the-address", admin_password="in-the-address")
    server.start()
    try:
        script = ROOT / "ops/postgres-roles.sql"
        psql = [str(server.psql), "-v", "ON_ERROR_STOP=1", "-d", server.admin_url()]
        done = subprocess.run(
            psql,
            input=script.read_text(),
            env={"POSTGRES_PASSWORD": "in-the-address"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert set(asyncio.run(rights(server.url())).values()) == {False}
        assert asyncio.run(migrate(server.url()))
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(rights(server.admin_url()))
    finally:
        server.stop()


class _OfTheImage(Postgres):
    """A superuser and an empty database `dno`."""

    @property
    def psql(self) -> Path:
        return self._binaries / "psql"

    def _alone(self, data: Path, database: str, statements: Sequence[str]) -> str:
        password = f"ALTER ROLE postgres PASSWORD '{self._admin_password}'"
        return super()._alone(data, database, [password, "CREATE DATABASE dno"])


class _Earlier(Postgres):
    """As the earlier version created and started it."""

    def _initialize(self) -> None:
        secret = self.folder / "postgres.secret"
        secret.write_text(self._password)
        self.data.mkdir(mode=0o700)
        if self._account:
            for path in (self.data, secret):
                shutil.chown(path, self._account.pw_uid, self._account.pw_gid)
        self._tool(
            *("initdb", "-D", self.data, "-U", DATABASE, "--pwfile", secret, "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-sync"),
        )
        self._tool("postgres", "--single", "-D", self.data, "postgres", stdin=f"CREATE DATABASE {DATABASE}\n")
        secret.unlink()

    def _separate_roles(self) -> None:
        assert not (self.data / postgres_roles.DONE).exists()


async def _fill(url: str) -> None:
    await migrate(url, target="0003")
    connection = await asyncpg.connect(url)
    await connection.execute("INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A')")
    await connection.execute("CREATE TYPE own_kind AS ENUM ('a', 'b')")
    await connection.execute("CREATE VIEW own_view AS SELECT 1 AS one; CREATE SEQUENCE own_sequence")
    await connection.close()


async def _names(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("UPDATE dnos SET city = 'Berlin' RETURNING name")
    await connection.close()
    return [row["name"] for row in rows]
