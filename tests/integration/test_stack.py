"""One command starts the databases and the server, and stops all of them."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import httpx
import psutil
import pytest

from app.dev.postgres import free_port
from app.dev.stack import open_stack
from app.errors import CannotStart
from app.settings import Settings
from tests.server_process import DNO, ENVIRONMENT, ServerProcess, dno
from tests.servers import private_folder

Serve = Callable[..., ServerProcess]


@pytest.fixture(scope="module")
def _prepared() -> Iterator[Path]:
    """The folder of a first start, created once and copied."""
    with private_folder() as folder:
        with open_stack(Settings(local_folder=str(folder / "local"))):
            pass
        yield folder / "local"


@pytest.fixture
def local(_prepared: Path, folder: Path) -> Path:
    subprocess.run(["cp", "-a", _prepared, folder / "local"], check=True)
    return folder / "local"


@pytest.fixture
def serve(folder: Path, local: Path) -> Iterator[Serve]:
    """`dno serve` with databases of its own."""
    started: list[ServerProcess] = []

    def start(*arguments: str, ready: bool = True, **environment: str) -> ServerProcess:
        started.append(ServerProcess(folder, {"LOCAL_FOLDER": str(local), **environment}, arguments))
        if ready:
            started[-1].wait_until_ready()
        return started[-1]

    yield start
    for server in started:
        server.stop()


def names(url: str) -> int:
    answer = httpx.post(f"{url}/graphql", json={"query": "{ dnos(first: 1) { totalCount } }"}).json()
    count: int = answer["data"]["dnos"]["totalCount"]
    return count


def assert_gone(family: list[psutil.Process]) -> None:
    assert len(family) > 1
    _, alive = psutil.wait_procs(family, timeout=20)
    assert alive == []


def start_error(result: "subprocess.CompletedProcess[str]") -> str:
    """The error of a command that fails: one sentence on standard error, and exit status 1."""
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_the_first_start_serves_the_starter_data_and_the_second_reuses_it(
    serve: Serve, local: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = serve()
    assert "starter data was loaded" in first.output
    for page in ("/graphql", "/healthz", "/metrics"):
        assert f"{first.url}{page}" in first.output
    count = names(first.url)
    assert count > 0
    assert first.stop() == 0
    # What every first start does is no line of the log.
    assert not re.search("asyncpg_trek|cache_epoch_raised", first.output)
    born = (local / "postgres/PG_VERSION").stat().st_ino

    began = time.monotonic()
    second = serve()
    with capsys.disabled():
        print(f"\nsecond start: {time.monotonic() - began:.2f} s")  # noqa: T201
    assert "starter data" not in second.output
    assert names(second.url) == count
    assert (local / "postgres/PG_VERSION").stat().st_ino == born


def test_the_summary_reports_a_redis_that_does_not_answer_and_what_that_means(serve: Serve) -> None:
    server = serve(REDIS_URL="redis://:hunter2@127.0.0.1:1", SESSION_REDIS_URL="")
    summary = " ".join(server.output.partition("is ready after")[2].split())
    assert "Redis at 127.0.0.1:1 does not answer" in summary
    assert "reads go to PostgreSQL and each process limits its clients on its own; sign-in fails." in summary
    assert "hunter2" not in server.output
    assert names(server.url) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_process_outlives_the_server(serve: Serve, number: signal.Signals, workers: str) -> None:
    server = serve("--workers", workers)
    family = server.family
    assert server.stop(number) == (-9 if number == signal.SIGKILL else 0)
    assert_gone(family)


def test_after_a_crash_the_next_start_waits_for_the_databases_to_end(serve: Serve, local: Path) -> None:
    server = serve()
    server.stop(signal.SIGKILL)
    assert names(serve().url) > 0
    assert "interrupted" not in (local / "postgres.log").read_text()  # PostgreSQL was shut down cleanly


def test_a_second_start_fails_with_the_reason(serve: Serve, local: Path) -> None:
    first = serve()
    second = dno("serve", "--port", str(free_port()), environment={"LOCAL_FOLDER": str(local)})
    assert start_error(second) == (
        f"A server is already running with the data in {local} (process {first.process.pid}):"
        " stop it first, or set LOCAL_FOLDER to another folder for this one."
    )
    assert names(first.url) > 0


def test_a_port_in_use(serve: Serve, folder: Path) -> None:
    first = serve()
    second = dno("serve", "--port", str(first.port), environment={"LOCAL_FOLDER": str(folder / "other")})
    assert start_error(second) == (
        f"Port {first.port} of 127.0.0.1 cannot be had (Address already in use):"
        " stop what listens there, or choose another with --port."
    )


def test_data_of_another_postgresql(local: Path) -> None:
    (local / "postgres/PG_VERSION").write_text("12\n")
    result = dno("serve", "--port", "0", environment={"LOCAL_FOLDER": str(local)})
    assert re.fullmatch(
        rf"{local}/postgres was written by PostgreSQL 12, and this is PostgreSQL \d+:"
        " bring it over with pg_upgrade, or move it away to start with an empty database.",
        start_error(result),
    )


def test_a_folder_that_holds_something_else(local: Path) -> None:
    (local / "postgres/PG_VERSION").unlink()
    result = dno("serve", "--port", "0", environment={"LOCAL_FOLDER": str(local)})
    assert "is not a data folder of PostgreSQL" in start_error(result)


@pytest.mark.parametrize("place", ["/proc/local", "/dev/null/local"])
def test_a_folder_that_cannot_be_written(place: str) -> None:
    sentence = start_error(dno("serve", "--port", "0", environment={"LOCAL_FOLDER": place}))
    assert sentence.startswith(f"The folder {place} cannot be used (")


def test_a_database_that_does_not_answer() -> None:
    address = f"127.0.0.1:{free_port()}/dno"
    result = dno(
        *("serve", "--port", "0"),
        environment={
            "DATABASE_URL": f"postgresql://me:secret@{address}",
            "REDIS_URL": "redis://127.0.0.1:1",
            "START_TIMEOUT": "0.3",
        },
    )
    waiting, sentence = result.stderr.strip().splitlines()
    assert result.returncode == 1
    assert waiting == f"Waiting for PostgreSQL at {address} …"
    assert (
        sentence
        == f"PostgreSQL does not answer at {address} (connection refused): start it, or correct DATABASE_URL."
    )


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("/dno_", "/nothing_like_", "has no such database"),
        ("for-tests-only", "wrong", "refuses this user"),
    ],
)
def test_a_database_that_rejects_the_login(database_url: str, old: str, new: str, sentence: str) -> None:
    environment = {"DATABASE_URL": database_url.replace(old, new), "REDIS_URL": "redis://127.0.0.1:1"}
    said = start_error(dno("migrate", environment=environment))
    assert sentence in said
    assert "correct" in said
    assert "for-tests-only" not in said


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"PORT": "eight"}, "The setting PORT is wrong: Expected `int`"),
        ({"DNO_STOP_TIMEOUT": "-1"}, "The setting STOP_TIMEOUT is wrong: Expected `float` >= 0"),
        (
            {"DNO_PROT": "8000"},
            "There is no setting DNO_PROT; did you mean DNO_PORT? docs/configuration.md lists them all.",
        ),
        ({"DATABASE_URL": "mysql://here"}, "The setting DATABASE_URL is wrong"),
        ({"DNO_HOST": "a" * 64}, "There is no address aaa"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], sentence: str) -> None:
    assert start_error(dno("serve", environment=environment)).startswith(sentence)


def test_only_the_owner_can_connect(local: Path) -> None:
    """Both servers listen on this host only, and require the password in a file that others cannot read."""
    with open_stack(Settings(local_folder=str(local))) as stack:
        assert stack.postgres
        assert stack.valkey
        for server in (stack.postgres, stack.valkey):
            listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == "LISTEN"]
            assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}
            assert " ".join(psutil.Process(server.pid).cmdline()).count((local / "password").read_text()) == 0
        for secret in ("password", "running", "lock"):
            assert (local / secret).stat().st_mode & 0o077 == 0
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(asyncpg.connect(stack.settings.database_url, password="guess"))
        assert stack.valkey.command("CONFIG GET requirepass") != b""


def test_a_stale_pid_file_does_not_prevent_a_start(local: Path) -> None:
    """After a reboot the number in it may belong to any process."""
    (local / "postgres/postmaster.pid").write_text(
        f"{os.getpid()}\n{local}/postgres\n1\n1\n\n127.0.0.1\n\nready\n"
    )
    with open_stack(Settings(local_folder=str(local))) as stack:
        assert stack.postgres
        assert not stack.postgres.initialized


def test_an_interrupted_first_start_is_repeated(folder: Path) -> None:
    half_made = folder / "local/postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "PG_VERSION").write_text("18\n")
    with open_stack(Settings(local_folder=str(folder / "local"))) as stack:
        assert stack.postgres
        assert stack.postgres.initialized
    assert not half_made.exists()


def test_no_process_runs_after_a_failed_start(local: Path) -> None:
    (local / "valkey.log").unlink()
    (local / "valkey.log").mkdir()
    before = set(psutil.Process().children())
    with pytest.raises(CannotStart, match="cannot be used"), open_stack(Settings(local_folder=str(local))):
        pass
    assert set(psutil.Process().children()) == before


def test_commands_use_the_databases_of_a_running_server(serve: Serve, local: Path) -> None:
    serve()
    environment = {"LOCAL_FOLDER": str(local)}
    added = dno(
        "user",
        "add",
        "editor@example.org",
        "--role",
        "editor",
        environment=environment,
        stdin="correct horse battery\n",
    )
    assert added.stdout == "editor@example.org may sign in now, as EDITOR.\n", added.stderr
    assert "editor@example.org" in dno("user", "list", environment=environment).stdout
    again = dno("user", "add", "EDITOR@example.org", environment=environment, stdin="correct horse battery\n")
    assert "already" in start_error(again)
    short = dno("user", "add", "other@example.org", environment=environment, stdin="short\n")
    assert "12 to 1024 characters" in start_error(short)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("command", ["--version", "--help", "export-schema"])
def test_a_full_disk_under_the_output_is_reported_in_one_sentence(command: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*DNO, command],
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        1,
        "The output or a temporary file cannot be written: No space left on device.\n",
    )


@pytest.mark.parametrize(
    "command", ["", "serve", "migrate", "import", "starter", "export-schema", "user", "user add", "user list"]
)
def test_every_command_has_a_help_text(command: str) -> None:
    result = dno(*command.split(), "--help")
    assert result.returncode == 0
    assert "Usage: dno" in result.stdout.replace("app.cli.main", "dno").replace("python -m dno", "dno")
    assert len(result.stdout) > 200
