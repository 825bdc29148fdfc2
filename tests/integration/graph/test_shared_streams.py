"""graphql-sse in its single connection mode: one event stream for many operations."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Role
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, Stream, issue_key, running
from tests.waiting import until

CHANGES = "subscription { dataChanged { kind } }"
TOKEN = "x-graphql-event-stream-token"


class Client:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.token = ""

    async def reserve(self) -> httpx.Response:
        answer = await self.http.put("")
        self.token = answer.text
        return answer

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Stream]:
        accept = {TOKEN: self.token, "accept": "text/event-stream"}
        async with self.http.stream("GET", "", headers=accept) as response:
            yield Stream(response)

    async def start(self, query: str, id: Any = "1", **headers: str) -> httpx.Response:
        body = {"query": query, "extensions": {"operationId": id}}
        return await self.http.post("", json=body, headers={TOKEN: self.token, **headers})

    async def stop(self, id: str = "1") -> httpx.Response:
        return await self.http.delete("", params={"operationId": id}, headers={TOKEN: self.token})


@asynccontextmanager
async def client_of(server: Running, headers: dict[str, str] | None = None) -> AsyncIterator[Client]:
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=20) as http:
        yield Client(http)


def code(answer: httpx.Response) -> str:
    body = answer.json()
    found: str = body["errors"][0]["extensions"]["code"] if "errors" in body else body["code"]
    return found


async def test_queries_and_subscriptions_share_one_stream(server: Running, pool: Pool) -> None:
    dno = await make.dno(pool)
    async with client_of(server) as client:
        reserved = await client.reserve()
        assert (reserved.status_code, len(client.token)) == (201, 43)
        assert (await client.start("{ __typename }", "early")).status_code == 202
        async with client.opened() as stream:
            assert stream.response.headers["content-type"].startswith("text/event-stream")
            name, data = await stream.event()
            assert (name, data["id"]) == ("next", "early")
            assert data["payload"]["data"] == {"__typename": "Query"}
            assert await stream.event() == ("complete", {"id": "early"})
            for id in ("a", "b"):
                accepted = await client.start(CHANGES, id)
                assert (accepted.status_code, accepted.content) == (202, b"")
            assert server.subscribers == 2
            assert (await client.stop("a")).status_code == 200
            await until(lambda: server.subscribers == 1)
            await make.tariff(pool, dno)
            name, data = await stream.event()
            assert (name, data["id"]) == ("next", "b")
            assert data["payload"]["data"]["dataChanged"]["kind"] == "CREATED"
        await until(lambda: server.subscribers == 0)
        assert code(await client.start("{ __typename }")) == "NOT_FOUND"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_query_string_with_too_many_parameters_is_refused(server: Running, method: str) -> None:
    headers = {"accept": "text/event-stream", "content-type": "application/json"}
    async with httpx.AsyncClient() as http:
        answer = await http.request(method, f"{server.url}?token=a{'&a=b' * 50}", headers=headers)
    assert code(answer) == "BAD_USER_INPUT"


async def test_requests_that_do_not_fit_a_stream_are_refused(settings: Settings, pool: Pool) -> None:
    _, reader = await issue_key(pool, Role.VIEWER)
    async with running(settings, max_operations_per_socket=1) as server, client_of(server) as client:
        assert code(await client.start(CHANGES)) == "NOT_FOUND"
        assert code(await client.stop()) == "NOT_FOUND"
        await client.reserve()
        async with client.opened(), client.opened() as second:
            assert second.response.status_code == 409
            assert code(await client.start(CHANGES, "1", **reader)) == "NOT_FOUND"
            assert code(await client.start(CHANGES, "")) == "BAD_USER_INPUT"
            assert code(await client.start("{ nothing }")) == "GRAPHQL_VALIDATION_FAILED"
            assert (await client.start(CHANGES, "1")).status_code == 202
            assert code(await client.start(CHANGES, "1")) == "CONFLICT"
            assert code(await client.start(CHANGES, "2")) == "RATE_LIMITED"
            assert (await client.stop("unknown")).status_code == 200
            assert server.subscribers == 1


async def test_reservations_count_as_streams_and_expire(settings: Settings, pool: Pool) -> None:
    async with running(settings, max_streams=1, socket_init_timeout=1) as server, client_of(server) as client:
        await client.reserve()
        assert code(await client.reserve()) == "OVERLOADED"
        while (await client.reserve()).status_code != 201:
            pass
        async with client.opened() as stream:
            assert stream.response.status_code == 200
    async with running(settings, workers=2) as server, client_of(server) as client:
        assert code(await client.reserve()) == "NOT_IMPLEMENTED"


async def test_a_stream_of_a_revoked_key_ends_with_the_reason_for_each_operation(
    settings: Settings, pool: Pool
) -> None:
    key, reader = await issue_key(pool, Role.VIEWER)
    async with running(settings, socket_check_interval=0.1) as server, client_of(server, reader) as client:
        await client.reserve()
        async with client.opened() as stream:
            assert (await client.start(CHANGES)).status_code == 202
            async with unit_of_work(pool, ANONYMOUS) as work:
                await accounts.revoke_api_key(work, key.id)
            name, data = await stream.event()
            assert (name, data["id"]) == ("next", "1")
            assert data["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            assert await stream.event() == ("complete", {"id": "1"})
        await until(lambda: server.subscribers == 0)


async def test_a_stop_of_the_server_ends_streams_with_and_without_operations(server: Running) -> None:
    async with client_of(server) as client, client_of(server) as idle:
        await client.reserve()
        await idle.reserve()
        async with client.opened() as stream, idle.opened() as empty:
            assert (await client.start(CHANGES)).status_code == 202
            server.server.leave(signal.SIGTERM)
            name, data = await stream.event()
            assert (name, data["payload"]["errors"][0]["extensions"]["code"]) == ("next", "UNAVAILABLE")
            assert await stream.event() == ("complete", {"id": "1"})
            assert [line async for line in empty.response.aiter_lines() if line.strip(":")] == []
