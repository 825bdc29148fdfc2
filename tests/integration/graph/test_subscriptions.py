"""Every change is delivered once and in order, whatever its origin; a read after its delivery returns the new state."""

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
from websockets.frames import CloseCode

from app.cache.message import Message, encode
from app.db.pool import Pool
from app.domain.event import EntryChange, Event, Topic
from app.domain.revision import ChangeKind
from app.domain.tariff import Tariff
from app.settings import Settings
from schema.http.messages import ProtocolCode
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running, stream, websocket_client
from tests.server_process import ServerProcess
from tests.servers import PrivatePostgres
from tests.waiting import until, until_delivered

CHANGES = """
subscription ($dno: String, $dataType: DataType) {
  dataChanged(dno: $dno, dataType: $dataType) {
    kind dataType year
    dno { slug }
    entry { ... on Tariff { id leistung version } ... on Hlzf { id version } ... on TimeOfUseTariff { id version } }
  }
}
"""
CORRECT = """
mutation ($input: CorrectTariffInput!) {
  correctTariff(input: $input) { tariff { version } errors { code } }
}
"""

NextChange = Callable[[], Any]
Subscribe = Callable[..., AbstractAsyncContextManager[NextChange]]


@asynccontextmanager
async def by_websocket(server: Running, **variables: Any) -> AsyncIterator[NextChange]:
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(CHANGES, **variables)
        yield client.next_change


@asynccontextmanager
async def by_post(server: Running, **variables: Any) -> AsyncIterator[NextChange]:
    async with stream(server, CHANGES, **variables) as client:
        yield client.next_change


@asynccontextmanager
async def by_get(server: Running, **variables: Any) -> AsyncIterator[NextChange]:
    async with stream(server, CHANGES, method="GET", **variables) as client:
        yield client.next_change


@pytest.fixture(params=[by_websocket, by_post, by_get])
def subscribe(request: pytest.FixtureRequest) -> Subscribe:
    """`async with subscribe(server, dno=…) as next_change`: subscribed, so that no later change is missed."""
    open_subscription: Subscribe = request.param

    @asynccontextmanager
    async def subscribe(server: Running, **variables: Any) -> AsyncIterator[NextChange]:
        before = server.subscribers
        async with open_subscription(server, **variables) as next_change:
            await until(lambda: server.subscribers == before + 1)
            yield next_change
        await until(lambda: server.subscribers == before)

    return subscribe


def global_id(tariff: Tariff) -> str:
    return f"tariff_{tariff.id.hex}"


async def update_manually(pool: Pool, tariff: Tariff, leistung: str = "61") -> None:
    """An update in psql."""
    await pool.fetch(
        "UPDATE netzentgelte_data SET leistung = $2::text::numeric WHERE id = $1", tariff.id, leistung
    )


async def test_changes_of_every_origin_are_delivered_once_and_in_order(
    server: Running, settings: Settings, pool: Pool, subscribe: Subscribe
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    _, editor = await issue_key(pool)
    async with running(settings) as other, subscribe(server) as next_change:
        for price in range(60, 66, 3):
            await server.execute(CORRECT, editor, input={"id": global_id(tariff), "leistung": f"{price}"})
            await other.execute(CORRECT, editor, input={"id": global_id(tariff), "leistung": f"{price + 1}"})
            await update_manually(pool, tariff, f"{price + 2}")
        versions = [(await next_change())["entry"]["version"] for _ in range(6)]
        await make.hlzf(pool, await make.dno(pool, "netze-b"))
        assert (await next_change())["dataType"] == "HLZF"  # and nothing in between
    # Each contains a state at least as new as its change.
    assert versions == sorted(versions)
    assert all(version >= number for number, version in enumerate(versions, start=2))


async def test_a_read_after_a_delivered_change_returns_the_new_state(
    server: Running, pool: Pool, subscribe: Subscribe
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    read = "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung version } } }"
    async with subscribe(server) as next_change:
        for version in range(2, 12):
            await update_manually(pool, tariff, f"{version}.5")
            change = await next_change()
            assert (change["entry"]["leistung"], change["kind"]) == (f"{version}.5", "CORRECTED")
            again = await server.execute(read, id=global_id(tariff))
            assert again["node"] == {"leistung": f"{version}.5", "version": version}


async def test_only_changes_that_match_the_arguments_are_delivered(
    server: Running, pool: Pool, subscribe: Subscribe
) -> None:
    one, other = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    async with subscribe(server, dno="netze-a", dataType="HLZF") as next_change:
        await make.tariff(pool, one)
        await make.hlzf(pool, other)
        made = await make.hlzf(pool, one, year=2024)
        assert await next_change() == {
            "kind": "CREATED",
            "dataType": "HLZF",
            "year": 2024,
            "dno": {"slug": "netze-a"},
            "entry": {"id": f"hlzf_{made.id.hex}", "version": 1},
        }


async def test_changes_of_time_of_use_tariffs_are_delivered_and_no_instance_serves_the_former_figures(
    server: Running, settings: Settings, pool: Pool, subscribe: Subscribe
) -> None:
    tariff = await make.time_of_use(pool, await make.dno(pool))
    id = f"tou_{tariff.id.hex}"
    await server.delivered()
    _, editor = await issue_key(pool)
    correct = """mutation ($input: CorrectTimeOfUseInput!) {
      correctTimeOfUse(input: $input) { timeOfUse { version } errors { code } } }"""
    read = "query ($id: ID!) { node(id: $id) { ... on TimeOfUseTariff { version bands { price } } } }"
    async with running(settings) as other, subscribe(server, dataType="TIME_OF_USE") as next_change:
        for version in range(2, 5):
            await server.execute(read, id=id)
            bands = [{"band": "ST", "price": f"{version}.5"}]
            await other.execute(correct, editor, input={"id": id, "bands": bands})
            assert await next_change() == {
                "kind": "CORRECTED",
                "dataType": "TIME_OF_USE",
                "year": 2026,
                "dno": {"slug": "netze-a"},
                "entry": {"id": id, "version": version},
            }
            current = {"version": version, "bands": [{"price": f"{version}.5"}]}
            for instance in (server, other):
                assert (await instance.execute(read, id=id))["node"] == current


async def test_the_change_of_a_deletion_has_no_entry(
    server: Running, pool: Pool, subscribe: Subscribe
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    async with subscribe(server) as next_change:
        await pool.fetch("UPDATE netzentgelte_data SET deleted_at = now() WHERE id = $1", tariff.id)
        change = await next_change()
        assert (change["kind"], change["entry"]) == ("DELETED", None)


async def test_the_change_of_a_deleted_operator_is_delivered_with_the_fields_of_its_event(
    server: Running, pool: Pool
) -> None:
    """Its last entry is deleted together with it."""
    tariff = await make.tariff(pool, await make.dno(pool))
    await server.delivered()
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(CHANGES)
        await until(lambda: server.subscribers == 1)
        await pool.fetch(
            "WITH gone AS (UPDATE dnos SET deleted_at = now())"
            " UPDATE netzentgelte_data SET deleted_at = now() WHERE id = $1",
            tariff.id,
        )
        payload = (await client.receive())["payload"]
    [error] = payload["errors"]
    assert (payload["data"], error["path"]) == (None, ["dataChanged", "dno"])
    assert error["extensions"]["code"] == "NOT_FOUND"
    assert error["extensions"]["change"]["entry"] == f"tariff_{tariff.id.hex}"


async def test_all_changes_of_a_statement_that_changes_more_entries_than_the_queue_holds_are_delivered(
    pool: Pool, settings: Settings, subscribe: Subscribe
) -> None:
    """To a client that reads without delay."""
    async with running(settings, max_unread_changes=64) as server:
        # After the start: an event that the relay publishes before the listener has subscribed is not counted.
        dno = await make.dno(pool)
        await pool.fetch(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung)"
            " SELECT $1, year, level, 60 FROM generate_series(2000, 2044) AS year,"
            " unnest(ARRAY['HS', 'HS_MS', 'MS', 'MS_NS', 'NS']) AS level",
            dno.id,
        )
        # The event of the operator is counted, too, though it is not delivered to subscribers.
        await until(lambda: len(server.resources.broadcast._delivered) == 226)
        async with subscribe(server) as next_change:
            await pool.fetch("UPDATE netzentgelte_data SET leistung = 61")
            changes = [await next_change() for _ in range(225)]
    assert {change["entry"]["leistung"] for change in changes} == {"61"}
    assert len({change["entry"]["id"] for change in changes}) == 225


@pytest.mark.parametrize(
    ("fields", "data"),
    [
        ("kind dataType year entry { __typename }", {"kind": "CORRECTED", "year": 2025, "entry": None}),
        ("kind dno { slug }", None),
    ],
)
async def test_a_change_whose_entry_cannot_be_read_is_delivered_with_the_fields_of_its_event(
    settings: Settings, private_postgres: PrivatePostgres, fields: str, data: dict[str, Any] | None
) -> None:
    """The database is unavailable when the message arrives."""
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
            message = await client.receive()
            change = message["payload"]["data"] and message["payload"]["data"]["dataChanged"]
            assert (change and {name: change[name] for name in data or {}}) == data
            [error] = message["payload"]["errors"]
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
        await client.subscribe(CHANGES, dno="unknown")
        refused = await client.receive()
        assert (refused["type"], refused["payload"][0]["extensions"]["code"]) == ("error", "BAD_USER_INPUT")
    async with stream(server, CHANGES, dno="unknown") as events:
        name, refused = await events.event()
        assert (name, refused["errors"][0]["extensions"]["code"]) == ("next", "BAD_USER_INPUT")
        assert await events.event() == ("complete", None)
    assert server.subscribers == 0


async def test_an_event_stream_is_subscribed_when_its_response_head_arrives(
    server: Running, pool: Pool
) -> None:
    dno = await make.dno(pool)
    async with stream(server, CHANGES) as events:
        assert server.subscribers == 1
        await make.tariff(pool, dno)
        assert (await events.next_change())["kind"] == "CREATED"


STATEMENTS = "dno_database_statements_total"
# Statements that poll the outbox and the queue of webhooks.
POLLS = re.compile('region="(outbox|outbox_waiting|delivered|webhook_work)"')


async def test_a_thousand_subscribers_cost_three_statements_and_little_memory(
    instance: Callable[..., ServerProcess], pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    started = instance()
    server: Any = type("Outside", (), {"socket_url": f"{started.url}/graphql".replace("http", "ws")})
    process = psutil.Process(started.process.pid)

    async def figure(pattern: str) -> float:
        async with httpx.AsyncClient() as client:
            text = (await client.get(f"{started.url}/metrics")).text
        found = re.findall(rf"^{pattern}({{.*}})? (\S+)$", text, re.MULTILINE)
        return sum(float(value) for labels, value in found if not POLLS.search(labels))

    await until_delivered(pool)
    async with AsyncExitStack() as open_sockets:
        before = process.memory_info().rss
        clients = []
        for _ in range(1000):
            client = await open_sockets.enter_async_context(websocket_client(server))
            await client.initialise()
            await client.subscribe(CHANGES)
            clients.append(client)

        async def all_are_subscribed() -> bool:
            return await figure("dno_graphql_subscriptions") >= 1000

        await until(all_are_subscribed)
        each = (process.memory_info().rss - before) / 1000
        # Once to fill the caches, and once more to count.
        for price in ("60", "61"):
            statements = await figure(STATEMENTS)
            await update_manually(pool, tariff, price)
            changes = await asyncio.gather(*(client.next_change() for client in clients))
            seen = {(change["kind"], change["entry"]["leistung"]) for change in changes}
            assert seen == {("CORRECTED", price)}
        cost = await figure(STATEMENTS) - statements
    assert each < 100 * 1024
    # The relay reads and deletes the event, and the changed tariffs are read: once for all subscribers.
    assert cost <= 4


PAGE = (Path(__file__).parents[3] / "docs" / "subscriptions.md").read_text()


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


async def test_the_examples_on_the_page_work(server: Running, pool: Pool) -> None:
    dno = await make.dno(pool, "netze-bw")
    (arguments,) = [shlex.split(example.replace("\\\n", " ")) for example in examples("sh")]
    events, parts = examples("text")
    text = events.splitlines()
    (document,) = examples("graphql")
    init, subscribe, complete = [json.loads(line) for line in examples("json")[0].splitlines()]
    headers = dict(arguments[place + 1].split(": ") for place, word in enumerate(arguments) if word == "-H")
    body = json.loads(arguments[arguments.index("-d") + 1])
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
    payload, sign_of_life = [json.loads(line) for line in parts.splitlines() if line.startswith("{")]
    assert (payload["payload"]["data"]["dataChanged"], sign_of_life) == (shown, {})


def test_the_page_lists_every_close_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d{4}) \|", PAGE, re.MULTILINE)}
    assert listed - {1009, 1011} == {*ProtocolCode, CloseCode.SERVICE_RESTART, CloseCode.TRY_AGAIN_LATER}
