"""docs/clients.md: its code, run with the real clients of npm and PyPI against a server."""

import asyncio
import json
import os
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.tariff import Tariff
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, running
from tests.waiting import until

HERE = Path(__file__).parent / "clients"
ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(), re.DOTALL)
NODE = shutil.which("node")
LIMIT = 180  # seconds for a program on a busy machine
pytestmark = pytest.mark.timeout(2 * LIMIT)
needs_npm = pytest.mark.skipif(
    NODE is None or not (HERE / "node_modules" / ".package-lock.json").exists(),
    reason="the clients of npm were not installed: there is no npm",
)


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    dno = await make.dno(pool, "n-ergie-netz", name="N-ERGIE Netz", city="Nürnberg")
    return await make.tariff(pool, dno, 2026, leistung="58.20")


@pytest.fixture
async def server(settings: Settings, pool: Pool, tariff: Tariff) -> AsyncIterator[Running]:
    async with running(settings) as started:
        await started.delivered()
        yield started


def blocks(language: str, server: Running) -> list[str]:
    host = server.url.removeprefix("http://").removesuffix("/graphql")
    return [text.replace("localhost:8000", host) for name, text in BLOCKS if name == language]


@pytest.fixture
def folder(tmp_path: Path, server: Running) -> Path:
    """The files of the page, beside the installed packages."""
    for name in ("node_modules", "package.json"):
        (tmp_path / name).symlink_to(HERE / name)
    shutil.copytree(HERE / "src", tmp_path / "src")
    shutil.copy(HERE / "run.mjs", tmp_path)
    for text in blocks("js", server) + blocks("ts", server):
        name = text.partition("\n")[0].removeprefix("// ")
        (tmp_path / name).write_text(text)
    (tmp_path / "relay.config.json").write_text(blocks("json", server)[0])
    shutil.copy(ROOT / "schema.graphql", tmp_path)
    return tmp_path


async def run(folder: Path, *command: str) -> str:
    """What the program prints. Raises AssertionError if it fails, and TimeoutError."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": str(folder)},
        stdout=PIPE,
        stderr=STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LIMIT):
            printed, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            await process.wait()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


def package(name: str) -> Sequence[str]:
    """The command of an installed package."""
    return (str(NODE), str((HERE / "node_modules" / ".bin" / name).resolve()))


TSC = (
    *package("tsc"),
    "--module",
    "esnext",
    "--target",
    "es2022",
    "--skipLibCheck",
    "--moduleResolution",
    "bundler",
)


@needs_npm
async def test_clients_in_javascript_read_normalize_persist_and_subscribe(
    folder: Path, server: Running, pool: Pool, tariff: Tariff
) -> None:
    await run(folder, *package("relay-compiler"), "relay.config.json")
    artifacts = [str(path) for path in (folder / "src" / "__generated__").glob("*.ts")]
    await run(folder, *TSC, *artifacts)
    async with asyncio.TaskGroup() as group:
        clients = group.create_task(run(folder, str(NODE), "run.mjs", server.url))
        await until(lambda: server.subscribers == 4 or clients.done())
        await pool.fetch("UPDATE netzentgelte_data SET leistung = 59.10 WHERE id = $1", tariff.id)
    found = json.loads(clients.result().splitlines()[-1])
    assert found["fetch"]["dno"]["name"] == found["urql"]["name"] == "N-ERGIE Netz"
    assert found["apollo"] == {"merged": ["N-ERGIE Netz", "Nürnberg"], "cached": "N-ERGIE Netz"}
    assert found["relay"] == ["N-ERGIE Netz", "Nürnberg"]
    over_websocket, over_events, in_cache = found["changes"]
    assert (over_websocket["kind"], over_websocket["entry"]["leistung"], in_cache) == (
        "CORRECTED",
        "59.10",
        "59.10",
    )
    assert [change["entry"]["leistung"] for change in found["further"]] == ["59.10", "59.10"]
    assert found["single"] == {"__typename": "Query"}
    assert (over_events["kind"], over_events["dno"]["slug"]) == ("CORRECTED", "n-ergie-netz")


@needs_npm
async def test_generated_types_are_accepted_by_the_compiler(folder: Path) -> None:
    shutil.rmtree(folder / "src")
    (folder / "src").mkdir()
    shutil.copy(HERE / "typed.ts", folder / "src")
    await run(folder, *package("graphql-codegen"), "--config", "codegen.ts")
    await run(folder, *TSC, "--noEmit", "--strict", "src/typed.ts")


async def test_the_client_in_python_validates_reads_and_subscribes(
    server: Running, pool: Pool, tariff: Tariff, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, subscribing = blocks("python", server)
    names: dict[str, Any] = {}
    await asyncio.to_thread(exec, compile(reading, "clients.md", "exec"), names)
    assert names["data"] == {"dno": {"name": "N-ERGIE Netz"}}
    exec(compile(subscribing, "clients.md", "exec"), names)
    async with asyncio.timeout(LIMIT), asyncio.TaskGroup() as group:
        group.create_task(names["changes"](1))
        await until(lambda: server.subscribers == 1)
        await pool.fetch("UPDATE netzentgelte_data SET leistung = 59.10 WHERE id = $1", tariff.id)
    assert "'kind': 'CORRECTED'" in capsys.readouterr().out


async def test_the_command_of_curl_is_answered(server: Running, tmp_path: Path) -> None:
    (command,) = blocks("sh", server)
    assert json.loads(await run(tmp_path, "sh", "-c", command)) == {
        "data": {"dno": {"name": "N-ERGIE Netz"}},
        "extensions": {"cost": {"requested": 2, "remaining": 24998, "maximum": 25000}},
    }
