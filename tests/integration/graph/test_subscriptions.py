"""Changes are told once, in order, whoever made them; who reads on hearing of one reads the new state."""

import asyncio
import json
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psutil
import pytest
from msgspec.structs import replace

from app.cache.message import Message, encode
from app.db.pool import Pool
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.domain.tariff import Tariff
from app.settings import Settings
from schema.http.messages import Code
from tests import factories as make
from tests.instances import Instance
from tests.integration.graph.running import Running, issue_key, running, stream, websocket_client
from tests.servers import PrivatePostgres
from tests.waiting import until

CHANGES = """
subscription ($dno: String, $dataType: DataType) {
  dataChanged(dno: $dno, dataType: $dataType) {
    kind dataType year
    dno { slug }
    entry { ... on Tariff { id leistung version } ... on Hlzf { id version } }
  }
}
"""
CORRECT = """
mutation ($input: CorrectTariffInput!) {
  correctTariff(input: $input) { tariff { version } errors { code } }
}
"""

Told = Callable[[], Any]
Listen = Callable[..., AbstractAsyncContextManager[Told]]


@asynccontextmanager
async def by_socket(server: Running, **variables: Any) -> AsyncIterator[Told]:
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(CHANGES, **variables)
        yield client.next_change


@asynccontextmanager
async def by_post(server: Running, **variables: Any) -> AsyncIterator[Told]:
    async with stream(server, CHANGES, **variables) as client:
        yield client.next_change


@asynccontextmanager
async def by_get(server: Running, **variables: Any) -> AsyncIterator[Told]:
    async with stream(server, CHANGES, method="GET", **variables) as client:
        yield client.next_change


@pytest.fixture(params=[by_socket, by_post, by_get])
def listen(request: pytest.FixtureRequest) -> Listen:
    """`async with listen(server, dno=…) as told`: open, and nothing is missed any more."""
    open_listener: Listen = request.param

    @asynccontextmanager
    async def listen(server: Running, **variables: Any) -> AsyncIterator[Told]:
        before = server.subscribers
        async with open_listener(server, **variables) as told:
            await until(lambda: server.subscribers == before + 1)
            yield told
        await until(lambda: server.subscribers == before)

    return listen


def name(tariff: Tariff) -> str:
    return f"tariff_{tariff.id.hex}"


async def by_hand(pool: Pool, tariff: Tariff, leistung: str = "61") -> None:
    """As a person in psql."""
    await pool.fetch(
        "UPDATE netzentgelte_data SET leistung = $2::text::numeric WHERE id = $1", tariff.id, leistung
    )


async def test_whoever_writes_it_is_told_once_and_in_order(
    server: Running, settings: Settings, pool: Pool, listen: Listen
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    _, editor = await issue_key(pool)
    async with running(settings) as other, listen(server) as told:
        for price in range(60, 66, 3):
            await server.execute(CORRECT, editor, input={"id": name(tariff), "leistung": f"{price}"})
            await other.execute(CORRECT, editor, input={"id": name(tariff), "leistung": f"{price + 1}"})
            await by_hand(pool, tariff, f"{price + 2}")
        versions = [(await told())["entry"]["version"] for _ in range(6)]
        await make.hlzf(pool, await make.dno(pool, "netze-b"))
        assert (await told())["dataType"] == "HLZF"  # and nothing in between
    # Each shows the state at least as new as the change that it tells.
    assert versions == sorted(versions)
    assert all(version >= number for number, version in enumerate(versions, start=2))


async def test_a_subscriber_that_reads_again_sees_the_new_state(
    server: Running, pool: Pool, listen: Listen
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    read = "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung version } } }"
    async with listen(server) as told:
        for version in range(2, 12):
            await by_hand(pool, tariff, f"{version}.5")
            change = await told()
            assert (change["entry"]["leistung"], change["kind"]) == (f"{version}.5", "CORRECTED")
            again = await server.execute(read, id=name(tariff))
            assert again["node"] == {"leistung": f"{version}.5", "version": version}


async def test_only_what_was_asked_for_is_told(server: Running, pool: Pool, listen: Listen) -> None:
    one, other = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    async with listen(server, dno="netze-a", dataType="HLZF") as told:
        await make.tariff(pool, one)
        await make.hlzf(pool, other)
        made = await make.hlzf(pool, one, year=2024)
        assert await told() == {
            "kind": "CREATED",
            "dataType": "HLZF",
            "year": 2024,
            "dno": {"slug": "netze-a"},
            "entry": {"id": f"hlzf_{made.id.hex}", "version": 1},
        }


async def test_after_a_deletion_there_is_no_entry(server: Running, pool: Pool, listen: Listen) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    async with listen(server) as told:
        await pool.fetch("UPDATE netzentgelte_data SET deleted_at = now() WHERE id = $1", tariff.id)
        change = await told()
        assert (change["kind"], change["entry"]) == ("DELETED", None)


async def test_a_statement_over_more_entries_than_a_queue_holds_is_told_whole(
    pool: Pool, settings: Settings, listen: Listen
) -> None:
    """To a client that reads as it comes."""
    dno = await make.dno(pool)
    async with running(settings, max_unread_changes=64) as server:
        await pool.fetch(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung)"
            " SELECT $1, year, level, 60 FROM generate_series(2000, 2044) AS year,"
            " unnest(ARRAY['HS', 'HS_MS', 'MS', 'MS_NS', 'NS']) AS level",
            dno.id,
        )
        # The operator is news, too, though not to subscribers.
        await until(lambda: len(server.resources.broadcast._delivered) == 226)
        async with listen(server) as told:
            await pool.fetch("UPDATE netzentgelte_data SET leistung = 61")
            changes = [await told() for _ in range(225)]
    assert {change["entry"]["leistung"] for change in changes} == {"61"}
    assert len({change["entry"]["id"] for change in changes}) == 225


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ("kind dataType year entry { __typename }", {"kind": "CORRECTED", "year": 2025, "entry": None}),
        ("kind dno { slug }", None),
    ],
)
async def test_a_change_of_which_nothing_can_be_read_is_told_with_what_is_known(
    settings: Settings, private_postgres: PrivatePostgres, fields: str, data: dict[str, Any] | None
) -> None:
    """The database is away when the message arrives."""
    entry = uuid4()
    async with (
        running(replace(settings, database_url=private_postgres.url)) as server,
        websocket_client(server) as client,
    ):
        await client.initialise()
        await client.subscribe(f"subscription {{ dataChanged {{ {fields} }} }}")
        await until(lambda: server.subscribers == 1)
        private_postgres.stop()
        for version in (2, 3):
            changed = EntryChange(entry, version, ChangeKind.CORRECTED)
            event = Event(version, Topic.TARIFFS, uuid4(), 2025, datetime.now(UTC), (changed,))
            await server.resources.shared.publish(encode(Message([], [event], "relay")))
            heard = await client.receive()
            told = heard["payload"]["data"] and heard["payload"]["data"]["dataChanged"]
            assert (told and {name: told[name] for name in data or {}}) == data
            [error] = heard["payload"]["errors"]
            assert error["extensions"]["code"] == "UNAVAILABLE"
            assert error["extensions"]["change"] == {
                "kind": "CORRECTED",
                "dataType": "NETZENTGELTE",
                "year": 2025,
                "entry": f"tariff_{entry.hex}",
                "version": version,
            }
        private_postgres.start()


async def test_an_unknown_operator_is_refused_when_subscribing(server: Running) -> None:
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(CHANGES, dno="nobody")
        refused = await client.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
    async with stream(server, CHANGES, dno="nobody") as events:
        name, refused = await events.event()
        assert (name, refused["errors"][0]["extensions"]["code"]) == ("next", "BAD_USER_INPUT")
        assert await events.event() == ("complete", None)
    assert server.subscribers == 0


async def test_an_event_stream_has_begun_when_its_head_arrives(server: Running, pool: Pool) -> None:
    dno = await make.dno(pool)
    async with stream(server, CHANGES) as events:
        assert server.subscribers == 1
        await make.tariff(pool, dno)
        assert (await events.next_change())["kind"] == "CREATED"


STATEMENTS = "database_statements_total"
# Looks at the outbox, which are repeated with time.
LOOKS = re.compile('region="(outbox|outbox_waiting|delivered)"')


async def test_a_thousand_subscribers_cost_three_statements_and_little_memory(
    instance: Callable[..., Instance], pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    started = instance()
    server: Any = type("Outside", (), {"socket_url": f"{started.url}/graphql".replace("http", "ws")})
    process = psutil.Process(started.process.pid)

    async def figure(pattern: str) -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{started.url}/metrics")).text
        found = re.findall(rf"^{pattern}({{.*}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in found if not LOOKS.search(labels))

    async with asyncio.timeout(10):
        while await pool.fetch("SELECT id FROM outbox"):
            await asyncio.sleep(0.05)
    async with AsyncExitStack() as open_sockets:
        before = process.memory_info().rss
        clients = []
        for _ in range(1000):
            client = await open_sockets.enter_async_context(websocket_client(server))
            await client.initialise()
            await client.subscribe(CHANGES)
            clients.append(client)
        async with asyncio.timeout(10):
            while await figure("graphql_subscriptions") < 1000:
                await asyncio.sleep(0.05)
        each = (process.memory_info().rss - before) / 1000
        # Once for what is read for the first time, and once more to count.
        for price in ("60", "61"):
            statements = await figure(STATEMENTS)
            await by_hand(pool, tariff, price)
            told = await asyncio.gather(*(client.next_change() for client in clients))
            seen = {(change["kind"], change["entry"]["leistung"]) for change in told}
            assert seen == {("CORRECTED", price)}
        cost = await figure(STATEMENTS) - statements
    assert each < 100 * 1024
    # What the relay takes and deletes, and the tariffs that changed: once for all of them.
    assert cost <= 4


PAGE = (Path(__file__).parents[3] / "docs" / "subscriptions.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_the_examples_of_the_page_work(server: Running, pool: Pool) -> None:
    dno = await make.dno(pool, "netze-bw")
    (asked,) = [shlex.split(example.replace("\\\n", " ")) for example in examples("sh")]
    (text,) = [example.splitlines() for example in examples("text")]
    (document,) = examples("graphql")
    init, subscribe, complete = [json.loads(line) for line in examples("json")[0].splitlines()]
    headers = dict(asked[place + 1].split(": ") for place, word in enumerate(asked) if word == "-H")
    body = json.loads(asked[asked.index("-d") + 1])
    async with (
        websocket_client(server) as client,
        stream(server, body["query"], headers=httpx.Headers(headers)) as short,
        stream(server, document) as long,
    ):
        await client.initialise()
        await client.send(**subscribe)
        await until(lambda: server.subscribers == 3)
        await make.tariff(pool, dno, 2026, leistung="58.21")
        shown = json.loads(text[1].removeprefix("data: "))["data"]["dataChanged"]
        assert await short.next_change() == {**shown, "kind": "CREATED"}
        assert (await long.next_change())["entry"]["leistung"] == "58.21"
        assert await client.next_change() == {"kind": "CREATED", "year": 2026}
        await client.send(**complete)
        await until(lambda: server.subscribers == 2)
    assert init["type"] == "connection_init"


def test_the_page_tells_of_every_code() -> None:
    told = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert told - {1009, 1011} == set(Code) - {Code.ABNORMAL}
