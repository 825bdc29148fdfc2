"""Several worker processes on one port: start, replacement, restart and stop."""

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack

import httpx
import psutil
import pytest

from app.db.pool import Pool
from app.server import workers
from app.settings import Settings
from tests.integration.graph.wire import post, wire
from tests.server_process import ServerProcess

Start = Callable[..., ServerProcess]
QUESTION = {"query": "{ dnos(first: 1) { totalCount } }"}


def workers_of(server: ServerProcess) -> dict[int, psutil.Process]:
    return {process.pid: process for process in server.family if "app.cli.worker" in process.cmdline()}


async def test_a_rolling_restart_under_load_fails_no_request(instance: Start, pool: Pool) -> None:
    """Neither on persistent connections nor on new ones."""
    server = instance(workers=2)
    old = workers_of(server)
    done = asyncio.Event()
    outcomes: Counter[str] = Counter()

    async def ask(client: httpx.AsyncClient) -> None:
        try:
            answer = await client.post("/graphql", json=QUESTION)
            outcomes[
                "answered" if answer.status_code == 200 and "errors" not in answer.json() else answer.text
            ] += 1
        except httpx.HTTPError as error:
            outcomes[repr(error)] += 1

    async def send_requests(*, reconnect: bool) -> None:
        while not done.is_set():
            # Without verify=False each new client reads all certificates of the machine first.
            async with httpx.AsyncClient(base_url=server.url, timeout=30, verify=False) as client:
                await ask(client)
                while not (reconnect or done.is_set()):
                    await ask(client)

    async def renew() -> None:
        server.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(server.wait_for, "all workers are renewed")
        done.set()

    await asyncio.gather(renew(), *(send_requests(reconnect=number % 4 == 0) for number in range(8)))
    assert set(outcomes) == {"answered"}
    assert len(workers_of(server)) == 2
    assert not set(old) & set(workers_of(server))


async def test_simultaneous_connections_are_balanced_among_workers(instance: Start, pool: Pool) -> None:
    """The worker that wakes first does not accept all of them."""
    server = instance(workers=2)
    async with AsyncExitStack() as stack:
        connections = [await stack.enter_async_context(wire(f"{server.url}/graphql")) for _ in range(40)]
        answers = await asyncio.gather(*(line.exchange(post("{ __typename }")) for line in connections))
    # A request id begins with a prefix of its process.
    served_by = Counter(answer.headers["x-request-id"].partition("-")[0] for answer in answers)
    assert len(served_by) == 2
    # Not exactly half: a process that stands still for a moment leaves some to the other.
    assert min(served_by.values()) >= 10


async def test_a_hanging_worker_gets_no_connections(instance: Start, pool: Pool) -> None:
    """It has fewer connections than the other, and does not accept more."""
    server = instance(workers=2)
    hanging, _ = workers_of(server).values()
    hanging.suspend()
    try:
        for _ in range(10):
            async with wire(f"{server.url}/graphql") as line:
                assert (await line.exchange(post("{ __typename }"))).status == 200
    finally:
        hanging.resume()


async def test_a_killed_worker_is_replaced(instance: Start, pool: Pool) -> None:
    server = instance(workers=2)
    killed, *others = workers_of(server).values()
    killed.kill()
    server.wait_for("a worker fell and is replaced")
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        while len(workers_of(server)) < 2:
            assert (await client.post("/graphql", json=QUESTION)).status_code == 200
    assert set(workers_of(server)) > {other.pid for other in others}
    assert killed.pid not in workers_of(server)


async def test_a_worker_is_replaced_once_a_process_can_be_started(instance: Start, pool: Pool) -> None:
    """Without open files for a new one, the other worker serves meanwhile, also after an attempt to renew it."""
    server = instance(workers=2)
    main = psutil.Process(server.process.pid)
    killed, other = workers_of(server).values()
    limits = main.rlimit(psutil.RLIMIT_NOFILE)
    main.rlimit(psutil.RLIMIT_NOFILE, (1, limits[1]))
    killed.kill()
    server.wait_for("a worker is not replaced yet")
    server.process.send_signal(signal.SIGHUP)
    server.wait_for("no new worker can be started")
    assert set(workers_of(server)) == {other.pid}
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        assert (await client.post("/graphql", json=QUESTION)).status_code == 200
        main.rlimit(psutil.RLIMIT_NOFILE, limits)
        while len(workers_of(server)) < 2:
            assert (await client.post("/graphql", json=QUESTION)).status_code == 200
    assert server.stop() == 0


async def test_a_replacement_that_hangs_before_it_is_ready_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it is replaced in turn."""
    monkeypatch.setattr(workers, "_EXTRA_TIME", 0.01)
    listener = socket.socket()
    several = workers.Workers(Settings(workers=2, start_timeout=0), listener, {})
    process = await asyncio.create_subprocess_exec("sleep", "600")

    async def start(slot: int) -> workers.Worker:
        return workers.Worker(process, asyncio.StreamReader())

    monkeypatch.setattr(several, "_start", start)
    several._slots = [await start(0)]
    with listener, several._shares_file:
        assert await several._replace(0)
    assert process.returncode == -signal.SIGKILL


async def test_a_worker_that_is_renewed_while_its_replacement_starts_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would serve on, in no slot, and miss the next renewal."""
    listener = socket.socket()
    several = workers.Workers(Settings(workers=2), listener, {})
    processes = [await asyncio.create_subprocess_exec("sleep", "600") for _ in range(3)]
    fallen, renewed, late = [workers.Worker(process, asyncio.StreamReader()) for process in processes]

    async def start(slot: int) -> workers.Worker:
        several._slots[slot] = renewed
        return late

    monkeypatch.setattr(several, "_start", start)
    several._slots = [fallen]
    with listener, several._shares_file:
        assert await several._replace(0)
    assert several._slots == [renewed]
    assert late.ended.done()
    for worker in (fallen, renewed):
        await worker.stop(signal.SIGKILL, 5)


async def test_old_workers_stay_when_new_ones_cannot_start(instance: Start, pool: Pool) -> None:
    """For instance while the database is away, or with a release that cannot be imported."""
    server = instance(workers=2)
    old = set(workers_of(server))
    server.process.send_signal(signal.SIGHUP)
    while not (new := set(workers_of(server)) - old):
        await asyncio.sleep(0.01)
    psutil.Process(new.pop()).kill()
    server.wait_for("the old ones stay")
    assert set(workers_of(server)) == old
    assert httpx.post(f"{server.url}/graphql", json=QUESTION, timeout=30).status_code == 200


async def test_sigterm_lets_a_connection_finish(instance: Start, pool: Pool) -> None:
    """A connected client gets its response, with `connection: close`."""
    server = instance()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        assert "connection" not in (await client.get("/healthz")).headers
        server.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(_until_refused, server.port)
        last = await client.get("/healthz")
    assert last.status_code == 200
    assert last.headers["connection"] == "close"
    assert server.stop() == 0


@pytest.mark.parametrize("workers", [1, 3])
async def test_sigterm_resets_no_connection(instance: Start, pool: Pool, workers: int) -> None:
    """Every connection of that moment is answered or refused."""
    server = instance(workers=workers)
    outcomes: Counter[str] = Counter()
    closed = asyncio.Event()

    async def connect_repeatedly() -> None:
        while not closed.is_set():
            outcome = await _connect_once(server.port)
            outcomes[outcome] += 1
            if outcome == "refused":
                closed.set()

    connecting = [asyncio.create_task(connect_repeatedly()) for _ in range(40)]
    while outcomes["answered"] < 200:
        await asyncio.sleep(0.01)
    server.process.send_signal(signal.SIGTERM)
    await asyncio.gather(*connecting)
    assert set(outcomes) - {"asked to close"} == {"answered", "refused"}
    assert await asyncio.to_thread(server.process.wait, 40) == 0


async def _connect_once(port: int) -> str:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return "refused"
    except OSError as error:
        return f"not connected: {error!r}"
    try:
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: dno.test\r\n\r\n")
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            return head.decode()
        return "asked to close" if b"connection: close" in head else "answered"
    except (OSError, EOFError, TimeoutError) as error:
        return f"connected, then {error!r}"
    finally:
        writer.close()


async def test_the_port_closes_before_workers_have_drained(instance: Start, pool: Pool) -> None:
    server = instance(workers=2, keep_alive_timeout=30, stop_timeout=8)
    with socket.create_connection(("127.0.0.1", server.port)) as idle:
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: dno.test\r\n\r\n")
        assert idle.recv(100).startswith(b"HTTP/1.1 200 ")
        server.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(_until_refused, server.port)
        assert server.process.poll() is None
        assert workers_of(server)
        idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: dno.test\r\n\r\n")
        answer = b""
        while more := idle.recv(10_000):
            answer += more
        assert b"HTTP/1.1 200 " in answer
        assert b"connection: close" in answer
    assert await asyncio.to_thread(server.process.wait, 40) == 0


async def test_an_idle_connection_does_not_delay_the_stop(instance: Start, pool: Pool) -> None:
    server = instance(stop_timeout=1)
    with socket.create_connection(("127.0.0.1", server.port)):
        assert server.stop() == 0


def _until_refused(port: int) -> None:
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            return
        except TimeoutError:
            pass  # the connection was attempted while the port was closing
