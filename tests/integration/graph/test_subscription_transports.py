"""Both subscription transports follow their protocols and are robust against slow and faulty clients."""

import asyncio
import json
import signal
import socket
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.auth import api_keys
from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Role
from app.domain.entry import VoltageLevel
from app.errors import Overloaded
from app.settings import Settings
from schema.execution.document_cache import DocumentCache
from schema.http.connection_params import DIFFERENT, MALFORMED
from schema.http.open_subscriptions import BYTES_PER_JSON_BYTE, SUBSCRIPTION_BYTES, OpenSubscriptions
from schema.root import schema
from tests import factories as make
from tests.integration.graph.running import Running, Stream, issue_key, running, stream, websocket_client
from tests.waiting import COUNTED, LIMIT, WAITS_FOR_LOCK, until

CHANGES = "subscription { dataChanged { kind entry { ... on Tariff { version } } } }"
CORRECT = """
mutation ($input: CorrectTariffInput!) {
  correctTariff(input: $input) { tariff { version } errors { code } }
}
"""


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["no json"], 4400),
        (['{"id": "1"}'], 4400),
        (['{"type": "unknown"}'], 4400),
        ([b"\x00"], 4400),
        (["[" * 5000], 4400),
        (['{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}'], 4401),
        (['{"type": "connection_init", "payload": []}'], 4400),
        (['{"type": "connection_init"}', '{"type": "connection_init"}'], 4429),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1"}'], 4400),
        (
            ['{"type": "connection_init"}', '{"type": "subscribe", "id": "", "payload": {"query": "{a}"}}'],
            4400,
        ),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1", "payload": {"query": 1}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "complete"}'], 4400),
        (['{"type": "connection_init"}', '{"type": "complete", "id": "%s"}' % ("x" * 201)], 4400),
        (['{"type": "ping", "payload": "%s"}' % ("x" * 200_000)], 1009),
    ],
)
async def test_an_invalid_message_closes_the_socket(
    server: Running, messages: list[str | bytes], code: int
) -> None:
    async with websocket_client(server) as client:
        for message in messages:
            await client.connection.send(message)
        assert (await client.wait_closed())[0] == code


@pytest.mark.parametrize("protocol", [None, "graphql-ws"])
async def test_another_subprotocol_is_rejected(server: Running, protocol: str | None) -> None:
    async with websocket_client(server, protocol=protocol) as client:
        assert (await client.wait_closed())[0] == 4406


async def test_a_client_that_does_not_initialise_is_disconnected(settings: Settings, pool: Pool) -> None:
    async with running(settings, socket_init_timeout=0.1) as server, websocket_client(server) as client:
        assert await client.wait_closed() == (4408, "Connection initialisation timeout")


async def test_the_id_of_an_open_operation_cannot_be_reused(server: Running) -> None:
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(CHANGES)
        await client.subscribe(CHANGES)
        assert await client.wait_closed() == (4409, "Subscriber for 1 already exists")
    await until(lambda: server.subscribers == 0)


async def test_each_operation_over_the_limit_is_refused(settings: Settings, pool: Pool) -> None:
    async with running(settings, max_operations_per_socket=2) as server, websocket_client(server) as client:
        await client.initialise()
        for name in "123":
            await client.subscribe(CHANGES, name)
        refused = await client.receive()
        assert (refused["type"], refused["id"]) == ("error", "3")
        await client.send("complete", id="1")
        await client.subscribe(CHANGES, "3")
        await until(lambda: server.subscribers == 2)


async def test_too_many_messages_close_the_socket(settings: Settings, pool: Pool) -> None:
    async with running(settings, rate_limit_messages=5) as server, websocket_client(server) as client:
        await client.initialise()
        for _ in range(5):
            await client.send("ping")
        code, reason = await client.wait_closed()
        assert code == 1013
        assert reason is not None
        assert reason.startswith("Too many messages; try again in ")


async def test_operations_on_a_socket_count_towards_the_rate_limit_of_the_caller(
    settings: Settings, pool: Pool
) -> None:
    async with (
        running(settings, rate_limit_anonymous=3, **COUNTED) as server,
        websocket_client(server) as client,
    ):
        await client.initialise()
        for name in "12":
            await client.subscribe("{ __typename }", name)
            assert (await client.receive())["type"] == "next"
            assert (await client.receive())["type"] == "complete"
        await client.subscribe("{ __typename }", "3")
        refused = await client.receive()
        assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_the_number_of_connections_is_limited(settings: Settings, pool: Pool) -> None:
    async with running(settings, max_streams=1) as server, stream(server, CHANGES):
        async with stream(server, CHANGES) as refused:
            assert refused.response.status_code == 503
        with pytest.raises(InvalidStatus, match="503"):
            async with websocket_client(server):
                pass


async def test_a_socket_on_another_path_is_refused_with_a_problem_document(server: Running) -> None:
    for path in ("/healthz", "/unknown"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(server.socket_url.replace("/graphql", path))
        response = refused.value.response
        assert response.status_code == 404
        assert json.loads(response.body or b"")["code"] == "NOT_FOUND"


async def test_queries_and_mutations_are_answered_on_a_socket(server: Running, pool: Pool) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno)
    _, editor = await issue_key(pool)
    async with websocket_client(server) as client:
        await client.initialise(Authorization=editor["authorization"])
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}
        await client.subscribe(CORRECT, "a", input={"id": f"tariff_{tariff.id.hex}", "leistung": "60"})
        corrected = await client.receive()
        assert corrected["payload"]["data"]["correctTariff"] == {"tariff": {"version": 2}, "errors": []}
        assert await client.receive() == {"type": "complete", "id": "a"}
        await client.subscribe('{ dno(slug: "netze-a") { slug } }', 'b"\\')
        found = await client.receive()
        assert (found["id"], found["payload"]["data"]) == ('b"\\', {"dno": {"slug": "netze-a"}})


@pytest.mark.parametrize(
    "query",
    [
        "{ nothing }",
        "{",
        "query ($a: Int!) { coverage { totalDnos } }",
        "query A { __typename } query B { __typename }",
    ],
)
async def test_an_invalid_operation_gets_an_error_of_its_own(server: Running, query: str) -> None:
    async with websocket_client(server) as client:
        await client.initialise()
        await client.subscribe(query)
        refused = await client.receive()
        assert refused["type"] in ("error", "next")
        errors = refused["payload"] if refused["type"] == "error" else refused["payload"]["errors"]
        assert errors[0]["extensions"]["code"]


async def test_completing_and_disconnecting_release_subscriptions(server: Running) -> None:
    async with websocket_client(server) as client:
        await client.initialise()
        for name in ("1", "2"):
            await client.subscribe(CHANGES, name)
        await until(lambda: server.subscribers == 2)
        await client.send("complete", id="1")
        await until(lambda: server.subscribers == 1)
        await client.subscribe(CHANGES, "1")
        await until(lambda: server.subscribers == 2)
        client.connection.transport.abort()
        await until(lambda: server.subscribers == 0)
    async with stream(server, CHANGES):
        await until(lambda: server.subscribers == 1)
    await until(lambda: server.subscribers == 0)
    await until(lambda: len(server.server.server_state.tasks) == 0)


async def test_the_keep_alive_timeout_does_not_apply_to_sockets(settings: Settings, pool: Pool) -> None:
    async with running(settings, keep_alive_timeout=0.1) as server, websocket_client(server) as client:
        await client.initialise()
        with pytest.raises(TimeoutError):
            await client.receive(0.5)
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}


# Event streams


async def test_a_query_can_be_answered_as_an_event_stream(server: Running) -> None:
    async with stream(server, "{ __typename }") as events:
        name, answer = await events.event()
        assert (name, answer["data"]) == ("next", {"__typename": "Query"})
        assert await events.event() == ("complete", None)


async def test_a_client_that_accepts_json_gets_an_event_stream_only_for_a_subscription(
    server: Running,
) -> None:
    accept = {"accept": "application/json, text/event-stream"}
    async with stream(server, "{ __typename }", headers=accept) as answer:
        assert answer.response.headers["content-type"].startswith("application/json")
    async with stream(server, CHANGES, headers=accept) as answer:
        assert answer.response.headers["content-type"].startswith("text/event-stream")


async def test_a_head_that_accepts_a_stream_in_another_line_never_takes_the_fast_path(
    server: Running,
) -> None:
    accept = [
        ("accept", "application/json"),
        ("accept", "text/event-stream"),
        ("content-type", "application/json"),
    ]
    subscription = json.dumps({"query": CHANGES})
    query = json.dumps({"query": "{ __typename }"}).ljust(len(subscription))
    async with httpx.AsyncClient() as client:
        for _ in range(5):
            answer = await client.post(server.url, content=query, headers=accept)
            assert answer.json()["data"] == {"__typename": "Query"}
        async with client.stream("POST", server.url, content=subscription, headers=accept) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")


REJECTED = [
    ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
    ("subscription {", "GRAPHQL_PARSE_FAILED"),
    ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
    (f"{{ {' '.join(f'a{n}: __typename' for n in range(40))} }}", "LIMIT_EXCEEDED"),
]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(("document", "code"), REJECTED)
async def test_an_invalid_document_is_refused_in_a_stream_if_nothing_else_is_accepted(
    server: Running, document: str, code: str, method: str
) -> None:
    """graphql-sse requires it; a client that reads JSON as well gets JSON."""
    async with stream(server, document, method=method) as events:
        assert events.response.headers["content-type"] == "text/event-stream; charset=utf-8"
        name, refused = await events.event()
        assert (name, refused["errors"][0]["extensions"]["code"]) == ("next", code)
        assert await events.event() == ("complete", None)
    only_parts = {"accept": "multipart/mixed;subscriptionSpec=1.0"}
    async with stream(server, document, method=method, headers=only_parts) as answer:
        parts = Parts(answer)
        assert (await parts.payload())["payload"]["errors"][0]["extensions"]["code"] == code
        assert await parts.part() is None
    for accept in ("text/event-stream, application/json;q=0.1", "text/event-stream, */*", PARTS["accept"]):
        async with stream(server, document, method=method, headers={"accept": accept}) as refused_plainly:
            response = refused_plainly.response
            assert response.status_code == 200
            assert response.headers["content-type"].startswith("application/json")
            body = json.loads(await response.aread())
            assert body["errors"][0]["extensions"]["code"] == code


async def test_a_subscription_requires_an_event_stream_or_a_socket(server: Running) -> None:
    async with httpx.AsyncClient() as client:
        refused = await client.post(server.url, json={"query": CHANGES})
    assert refused.status_code == 406
    assert "text/event-stream" in refused.json()["errors"][0]["message"]


async def test_an_idle_stream_sends_keep_alive_comments(settings: Settings, pool: Pool) -> None:
    async with running(settings, socket_check_interval=0.05) as server, stream(server, CHANGES) as events:
        lines = [line async for line, _ in _take_lines(events, 6)]
        assert set(lines) == {":", ""}


async def _take_lines(events: Any, count: int) -> Any:
    for number in range(count):
        yield await anext(events._lines), number


# Subscriptions as parts of a multipart response

PARTS = {"accept": 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0",application/json'}


class Parts:
    """Reads a response as Apollo Client does: a part is complete when the boundary behind it has arrived."""

    def __init__(self, events: Stream) -> None:
        assert events.response.headers["content-type"].startswith("multipart/mixed")
        self._chunks = events.response.aiter_text()
        self._text = ""

    async def part(self) -> Any:
        """The JSON of the next part; None at the end of the response."""
        delimiter = "\r\n--graphql"
        async with asyncio.timeout(LIMIT):
            while True:
                before, found, rest = self._text.partition(delimiter)
                if found and before:
                    self._text = rest
                    head, _, body = before.partition("\r\n\r\n")
                    assert head == "\r\ncontent-type: application/json"
                    return json.loads(body)
                if found:
                    self._text = rest
                elif self._text == "--\r\n":
                    assert await anext(self._chunks, None) is None
                    return None
                else:
                    self._text += await anext(self._chunks)

    async def payload(self) -> Any:
        while (part := await self.part()) == {}:
            pass
        return part


async def test_changes_come_as_parts_between_signs_of_life(settings: Settings, pool: Pool) -> None:
    dno = await make.dno(pool)
    async with (
        running(settings, socket_check_interval=0.05) as server,
        stream(server, CHANGES, headers=PARTS) as events,
    ):
        parts = Parts(events)
        assert await parts.part() == {}
        await make.tariff(pool, dno)
        change = await parts.payload()
        assert list(change) == ["payload"]
        assert change["payload"]["data"]["dataChanged"]
        server.server.leave(signal.SIGTERM)
        last = await parts.payload()
        assert (last["payload"], last["errors"][0]["extensions"]["code"]) == (None, "UNAVAILABLE")
        assert await parts.part() is None


async def test_an_error_of_a_subscription_is_the_payload_of_a_part(server: Running) -> None:
    unknown = 'subscription { dataChanged(dno: "unknown") { kind } }'
    async with stream(server, unknown, headers=PARTS) as events:
        parts = Parts(events)
        assert (await parts.payload())["payload"]["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert await parts.part() is None
    async with stream(server, "{ __typename }", headers=PARTS) as answer:
        assert answer.response.headers["content-type"].startswith("application/json")
    async with stream(
        server, "{ __typename }", headers={"accept": "multipart/mixed;subscriptionSpec=1.0"}
    ) as answer:
        assert (await Parts(answer).payload())["payload"]["data"] == {"__typename": "Query"}


# Permissions


async def test_without_anonymous_reading_subscriptions_require_credentials(
    settings: Settings, pool: Pool
) -> None:
    _, reader = await issue_key(pool, Role.VIEWER)
    async with running(settings, anonymous_reading=False) as server:
        async with websocket_client(server) as client:
            await client.send("connection_init")
            assert (await client.wait_closed())[0] == 4403
        async with stream(server, CHANGES) as refused:
            assert refused.response.status_code == 401
        async with websocket_client(server) as client:
            await client.initialise(authorization=reader["authorization"])
        async with websocket_client(server, additional_headers=reader) as client:
            await client.initialise()


async def test_an_invalid_key_is_rejected(server: Running) -> None:
    async with websocket_client(server) as client:
        await client.send("connection_init", payload={"authorization": "Bearer dno_" + "A" * 43})
        assert (await client.wait_closed())[0] == 4403


@pytest.mark.parametrize(
    "params",
    [
        {"authorization": "Bearer {key}"},
        {"Authorization": " Bearer {key} ", "extra": 1},
        {"headers": {"Authorization": "Bearer {key}"}},
        {"headers": {"x-api-key": "{key}"}, "authorization": ""},
        {"x-api-key": "{key}"},
        {"apiKey": "{key}"},
        {"authToken": "Bearer {key}", "token": "{key}"},
        {"accessToken": "{key}"},
    ],
)
async def test_a_key_is_read_in_each_usual_spelling(
    settings: Settings, pool: Pool, params: dict[str, Any]
) -> None:
    _, reader = await issue_key(pool, Role.VIEWER)
    key = reader["authorization"].removeprefix("Bearer ")
    payload = json.loads(json.dumps(params).replace("{key}", key))
    async with running(settings, anonymous_reading=False) as server, websocket_client(server) as client:
        await client.initialise(**payload)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"Authorization": [1]}, MALFORMED),
        ({"authorization": 5}, MALFORMED),
        ({"headers": {"authorization": True}}, MALFORMED),
        ({"apiKey": {"key": "dno_"}}, MALFORMED),
        ({"token": "dno_a", "headers": {"authorization": "Bearer dno_b"}}, DIFFERENT),
    ],
)
async def test_malformed_and_contradictory_credentials_are_rejected(
    server: Running, params: dict[str, Any], reason: str
) -> None:
    async with websocket_client(server) as client:
        await client.send("connection_init", payload=params)
        assert await client.wait_closed() == (4403, reason)


@pytest.mark.parametrize("value", ["", " ", "Bearer", "bearer ", None])
async def test_empty_credentials_are_anonymous(server: Running, value: str | None) -> None:
    for payload in ({"Authorization": value}, {"headers": {"authorization": value}}, {"token": value}):
        async with websocket_client(server) as client:
            await client.initialise(**payload)


async def test_a_revoked_key_gets_no_further_events(server: Running, pool: Pool) -> None:
    key, reader = await issue_key(pool, Role.VIEWER)
    dno = await make.dno(pool)
    async with websocket_client(server) as client, stream(server, CHANGES, headers=reader) as events:
        await client.initialise(**reader)
        await client.subscribe(CHANGES)
        await until(lambda: server.subscribers == 2)
        async with unit_of_work(pool, ANONYMOUS) as work:
            await accounts.revoke_api_key(work, key.id)
        await until(lambda: not _has_cached_key(server, reader))
        await make.tariff(pool, dno)
        assert (await client.wait_closed())[0] == 4401
        name, refused = await events.event()
        assert (name, refused["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await events.event() == ("complete", None)


async def test_an_idle_connection_of_a_revoked_key_is_closed(settings: Settings, pool: Pool) -> None:
    key, reader = await issue_key(pool, Role.VIEWER)
    async with running(settings, socket_check_interval=0.1) as server, websocket_client(server) as client:
        await client.initialise(**reader)
        async with unit_of_work(pool, ANONYMOUS) as work:
            await accounts.revoke_api_key(work, key.id)
        assert (await client.wait_closed())[0] == 4401


def _has_cached_key(server: Running, headers: dict[str, str]) -> bool:
    secret = headers["authorization"].removeprefix("Bearer ")
    return server.resources.memory.get(f"account:key:{api_keys.digest(secret).hex()}") is not None


# Clients that do not read

PRICES = "{ id leistung arbeit leistungUnter2500h arbeitUnter2500h updatedAt verificationStatus }"
LARGE = f"""
subscription {{
  dataChanged {{
    entry {{ ... on Tariff {{ version }} }}
    dno {{ {" ".join(f"t{number}: tariffs {PRICES}" for number in range(8))} }}
  }}
}}
"""


@pytest.fixture
async def large(pool: Pool) -> Any:
    """An operator whose tariffs fill 100 kB."""
    dno = await make.dno(pool)
    return [await make.tariff(pool, dno, year, level) for year in range(2018, 2027) for level in VoltageLevel]


def socket_with_small_buffer(server: Running) -> socket.socket:
    connected = socket.socket()
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connected.connect(("127.0.0.1", int(server.url.split(":")[2].split("/")[0])))
    connected.setblocking(False)
    return connected


async def _change_often(pool: Pool, tariff: Any, count: int, receive: Any) -> None:
    for number in range(count):
        await pool.fetch("UPDATE netzentgelte_data SET leistung = $2 WHERE id = $1", tariff.id, number)
        await receive()


async def test_a_slow_subscription_ends_with_a_reason_and_does_not_affect_others(
    settings: Settings, pool: Pool, large: Any
) -> None:
    async with (
        running(settings, max_unread_changes=5, subscription_timeout=0.05) as server,
        websocket_client(server, sock=socket_with_small_buffer(server), max_queue=1, max_size=None) as slow,
        websocket_client(server) as quick,
    ):
        await server.delivered()
        for client, query in ((slow, LARGE), (quick, CHANGES)):
            await client.initialise()
            await client.subscribe(query)
        await until(lambda: server.subscribers == 2)
        # The first fill the buffers between server and client, the last the queue.
        await _change_often(pool, large[0], 60, quick.next_change)
        messages = [await slow.receive()]
        while messages[-1]["type"] == "next":
            messages.append(await slow.receive())
        assert messages[-1]["type"] == "error"
        assert messages[-1]["payload"][0]["extensions"]["code"] == "SLOW_SUBSCRIBER"
        versions = [
            message["payload"]["data"]["dataChanged"]["entry"]["version"] for message in messages[:-1]
        ]
        assert versions == sorted(versions)
        assert len(versions) < 60
        await slow.send("ping")
        assert await slow.receive() == {"type": "pong"}


async def test_a_client_that_never_reads_is_disconnected(settings: Settings, pool: Pool, large: Any) -> None:
    async with running(settings, write_timeout=0.3) as server, websocket_client(server) as quick:
        await server.delivered()
        await quick.initialise()
        await quick.subscribe(CHANGES)
        unread = socket_with_small_buffer(server)
        body = json.dumps({"query": LARGE}).encode()
        unread.send(
            b"POST /graphql HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nAccept: text/event-stream\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        async with websocket_client(
            server, sock=socket_with_small_buffer(server), max_queue=1, max_size=None, close_timeout=0.1
        ) as slow:
            await slow.initialise()
            await slow.subscribe(LARGE)
            await until(lambda: server.subscribers == 3)
            await _change_often(pool, large[0], 60, quick.next_change)
            await until(lambda: server.subscribers == 1)
            await until(lambda: len(server.server.server_state.connections) == 1)
        unread.close()


async def test_a_client_that_does_not_answer_pings_is_disconnected(settings: Settings, pool: Pool) -> None:
    async with running(settings, socket_check_interval=0.2) as server:
        loop = asyncio.get_running_loop()
        connected = socket_with_small_buffer(server)
        await loop.sock_sendall(
            connected,
            b"GET /graphql HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
        )
        assert b" 101 " in await loop.sock_recv(connected, 4096)
        for message in (
            b'{"type":"connection_init"}',
            b'{"type":"subscribe","id":"1","payload":{"query":"subscription{dataChanged{kind}}"}}',
        ):
            connected.send(bytes([0x81, 0x80 | len(message)]) + bytes(4) + message)
        await until(lambda: server.subscribers == 1)
        await until(lambda: server.subscribers == 0)
        connected.close()


# Stopping


async def test_a_stop_ends_each_transport_as_its_protocol_requires(server: Running) -> None:
    async with (
        websocket_client(server) as client,
        websocket_client(server) as idle,
        stream(server, CHANGES) as events,
    ):
        await client.initialise()
        await client.subscribe(CHANGES)
        await until(lambda: server.subscribers == 2)
        server.server.leave(signal.SIGTERM)
        code, reason = await client.wait_closed()
        assert (code, reason) == (1012, "The server is stopping; please connect again.")
        assert (await idle.wait_closed())[0] == 1012
        name, data = await events.event()
        assert (name, data["errors"][0]["extensions"]["code"]) == ("next", "UNAVAILABLE")
        assert await events.event() == ("complete", None)
    async with asyncio.timeout(LIMIT):
        await asyncio.shield(server.serving)
    with pytest.raises(ConnectionClosed):
        await client.receive()


async def test_a_mutation_on_a_socket_is_answered_before_the_server_stops(
    server: Running, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    _, editor = await issue_key(pool)
    async with websocket_client(server) as client:
        await client.initialise(**editor)
        async with pool.connection() as connection, connection.transaction():
            await connection.execute("SELECT FROM netzentgelte_data WHERE id = $1 FOR UPDATE", tariff.id)
            await client.subscribe(CORRECT, input={"id": f"tariff_{tariff.id.hex}", "leistung": "60"})
            while not await connection.fetchval(WAITS_FOR_LOCK):
                await asyncio.sleep(0.01)
            server.server.leave(signal.SIGTERM)
            await until(lambda: server.resources.broadcast._ended is not None)
        assert (await client.receive())["payload"]["data"]["correctTariff"]["tariff"] == {"version": 2}
        assert (await client.receive())["type"] == "complete"
        assert (await client.wait_closed())[0] == 1012


async def test_the_memory_of_open_subscriptions_is_limited_per_caller(settings: Settings, pool: Pool) -> None:
    """Variables are held as long as the subscription; the fourth exceeds the share of one caller."""
    async with running(settings, max_subscription_bytes=2**20) as server, websocket_client(server) as client:
        await client.initialise()
        for id in ("1", "2", "3", "4"):
            await client.subscribe(CHANGES, id, unused="x" * 18_000)
        refused = await client.receive()
        assert (refused["type"], refused["id"]) == ("error", "4")
        assert refused["payload"][0]["extensions"]["code"] == "OVERLOADED"
        await until(lambda: server.subscribers == 3)
        await client.send("complete", id="1")
        await until(lambda: server.subscribers == 2)
        await client.subscribe(CHANGES, "5", unused="x" * 18_000)
        await until(lambda: server.subscribers == 3)


async def test_a_document_shared_by_subscriptions_counts_once() -> None:
    """A document used by one caller counts in full."""
    held = OpenSubscriptions(2**20)
    documents = DocumentCache(schema, Settings())
    common = documents.get(CHANGES).operations[0]
    with ExitStack() as open_ones:
        for number in range(150):
            open_ones.enter_context(held.hold(f"caller {number}", common, {}))
        assert held.bytes == common.document.memory_use.bytes + 150 * (
            SUBSCRIPTION_BYTES + 2 * BYTES_PER_JSON_BYTE
        )
    assert held.bytes == 0
    opened = 0
    with ExitStack() as open_ones, suppress(Overloaded):
        for number in range(150):
            own = documents.get(CHANGES.replace("kind", f"k{number}: kind")).operations[0]
            open_ones.enter_context(held.hold("one caller", own, {}))
            opened += 1
    assert 0 < opened < 30
    assert (held.bytes, held._by_caller, held._documents) == (0, {}, {})
