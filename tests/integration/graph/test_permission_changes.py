"""Open connections and long operations use the current permissions of their caller, not those at their start."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from starlette.routing import Router

from app.auth import api_keys
from app.db import accounts
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import ANONYMOUS, Role, User
from app.domain.entry import VoltageLevel
from app.http.exports import Exports
from app.http.request_state import RequestState
from app.settings import Settings
from tests import factories as make
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.running import Headers, Running, issue_key, running, stream, websocket_client
from tests.integration.graph.writing import global_id, mutation
from tests.servers import PrivateValkey
from tests.waiting import COUNTED, LIMIT, WAITS_FOR_LOCK, until

CHANGES = """
subscription { dataChanged { entry { ... on Tariff { version history(first: 1) { version changedBy } } } } }
"""
READ = "{ coverage { totalDnos } }"
SIGN_IN = """
mutation ($email: String!, $password: String!) { signIn(email: $email, password: $password) { token } }
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def limited(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    """The limit for anonymous requests is low, and credentials are checked only when an event is delivered."""
    async with running(settings, rate_limit_anonymous=3, socket_check_interval=600, **COUNTED) as server:
        yield server


async def exhaust(server: Running) -> None:
    async with httpx.AsyncClient() as client:
        async with asyncio.timeout(LIMIT):
            while (await client.post(server.url, json={"query": READ})).status_code != 429:
                pass


async def user_with_session(server: Running, pool: Pool, role: Role = Role.EDITOR) -> tuple[User, str]:
    """A user, and the token of a session."""
    password_hash = await server.resources.sign_in._passwords.hash(PASSWORD)
    user = await make.user(pool, "grace@example.org", role, password_hash)
    return user, await server.resources.authenticator._sessions.start(user.id)


def bearer(token: str) -> Headers:
    return {"authorization": f"Bearer {token}"}


def cookie(token: str) -> Headers:
    return {"cookie": f"dno_session={token}"}


async def revoke(server: Running, pool: Pool, key: Any) -> None:
    async with unit_of_work(pool, ANONYMOUS) as work:
        await accounts.revoke_api_key(work, key.id)
    digest = key_digest[key.id]
    await until(lambda: server.resources.memory.get(f"account:key:{digest.hex()}") is None)


key_digest: dict[Any, bytes] = {}


async def key_with_headers(pool: Pool, role: Role = Role.EDITOR) -> tuple[Any, Headers]:
    key, headers = await issue_key(pool, role)
    key_digest[key.id] = api_keys.digest(headers["authorization"].removeprefix("Bearer "))
    return key, headers


async def demote(server: Running, pool: Pool, user: User, role: Role = Role.VIEWER) -> None:
    async with unit_of_work(pool, ANONYMOUS) as work:
        await accounts.set_role(work, user.id, role)
    await until(lambda: server.resources.memory.get(f"account:user:{user.id}") is None)


# Connections that stay open


async def test_a_revoked_key_gets_no_event_while_its_address_is_over_the_rate_limit(
    limited: Running, pool: Pool
) -> None:
    key, headers = await key_with_headers(pool, Role.VIEWER)
    dno = await make.dno(pool)
    async with websocket_client(limited) as client, stream(limited, CHANGES, headers=headers) as events:
        await client.initialise(**headers)
        await client.subscribe(CHANGES)
        await until(lambda: limited.subscribers == 2)
        await exhaust(limited)
        await revoke(limited, pool, key)
        await make.tariff(pool, dno)
        assert (await client.wait_closed())[0] == 4401
        event, refused = await events.event()
        assert (event, refused["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")


@pytest.mark.parametrize("sent", [bearer, cookie])
async def test_an_ended_session_gets_no_event(
    limited: Running, pool: Pool, sent: Callable[[str], Headers]
) -> None:
    user, token = await user_with_session(limited, pool)
    dno = await make.dno(pool)
    headers = sent(token) | {"host": "localhost"}
    async with (
        websocket_client(limited, additional_headers=sent(token)) as client,
        stream(limited, CHANGES, headers=headers) as events,
    ):
        await client.initialise()
        await client.subscribe(CHANGES)
        await until(lambda: limited.subscribers == 2)
        await exhaust(limited)
        await limited.resources.authenticator._sessions.end_all(user.id)
        await make.tariff(pool, dno)
        assert (await client.wait_closed())[0] == 4401
        event, refused = await events.event()
        assert (event, refused["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")


async def test_a_ping_of_a_revoked_key_closes_the_connection(limited: Running, pool: Pool) -> None:
    key, headers = await key_with_headers(pool)
    async with websocket_client(limited) as client:
        await client.initialise(**headers)
        await client.send("ping")
        assert await client.receive() == {"type": "pong"}
        await exhaust(limited)
        await revoke(limited, pool, key)
        await client.send("ping")
        assert (await client.wait_closed())[0] == 4401


async def test_an_editor_with_a_lower_role_gets_no_names_of_authors(limited: Running, pool: Pool) -> None:
    user, token = await user_with_session(limited, pool)
    tariff = await make.tariff(pool, await make.dno(pool))
    await limited.delivered()
    _, editor = await issue_key(pool, name="other")

    async def correct(price: int) -> None:
        await limited.execute(
            mutation("correctTariff"), editor, input={"id": global_id(tariff), "leistung": f"{price}"}
        )

    async with websocket_client(limited) as client, stream(limited, CHANGES, headers=bearer(token)) as events:
        await client.initialise(**bearer(token))
        await client.subscribe(CHANGES)
        await until(lambda: limited.subscribers == 2)
        for price, role, shown in ((60, None, "other (API key)"), (61, Role.VIEWER, None)):
            if role is not None:
                await demote(limited, pool, user, role)
            await correct(price)
            for next_change in (client.next_change, events.next_change):
                assert [one["changedBy"] for one in (await next_change())["entry"]["history"]] == [shown]


async def test_a_deleted_user_gets_no_event(limited: Running, pool: Pool) -> None:
    user, token = await user_with_session(limited, pool)
    dno = await make.dno(pool)
    async with websocket_client(limited) as client:
        await client.initialise(**bearer(token))
        await client.subscribe(CHANGES)
        await until(lambda: limited.subscribers == 1)
        async with unit_of_work(pool, ANONYMOUS) as work:
            await accounts.delete_user(work, user.id)
        await until(lambda: limited.resources.memory.get(f"account:user:{user.id}") is None)
        await make.tariff(pool, dno)
        assert (await client.wait_closed())[0] == 4401


async def test_a_key_that_expires_during_a_subscription_gets_no_event(limited: Running, pool: Pool) -> None:
    key, headers = await key_with_headers(pool)
    await pool.fetch("UPDATE api_keys SET expires_at = now() + interval '1.5 seconds' WHERE id = $1", key.id)
    expires = datetime.now(UTC) + timedelta(seconds=1.5)
    tariff = await make.tariff(pool, await make.dno(pool))
    await limited.delivered()
    async with websocket_client(limited) as client:
        await client.initialise(**headers)
        await client.subscribe(CHANGES)
        await until(lambda: limited.subscribers == 1)
        while datetime.now(UTC) <= expires:
            await asyncio.sleep(0.05)
        await pool.fetch("UPDATE netzentgelte_data SET leistung = 61 WHERE id = $1", tariff.id)
        assert (await client.wait_closed())[0] == 4401


async def test_permissions_that_cannot_be_checked_are_valid_for_a_limited_time(
    settings: Settings, pool: Pool, valkey: PrivateValkey
) -> None:
    short_timeouts = msgspec.structs.replace(settings, redis_url=valkey.url, redis_timeout=0.2)
    async with running(short_timeouts, socket_check_interval=0.05, credential_check_timeout=0.6) as server:
        _, token = await user_with_session(server, pool)
        async with websocket_client(server) as client:
            await client.initialise(**bearer(token))
            began = asyncio.get_running_loop().time()
            valkey.pause()
            assert (await client.wait_closed())[0] == 1013
            assert asyncio.get_running_loop().time() - began > 0.5
            valkey.resume()


async def test_a_sign_out_on_a_socket_is_answered_before_the_socket_is_closed(
    limited: Running, pool: Pool
) -> None:
    _, token = await user_with_session(limited, pool)
    async with websocket_client(limited) as client:
        await client.initialise(**bearer(token))
        await client.subscribe("mutation { signOut { errors { code } } }")
        assert (await client.receive())["payload"]["data"] == {"signOut": {"errors": []}}
        assert (await client.receive())["type"] == "complete"
        await client.send("ping")
        assert (await client.wait_closed())[0] == 4401


async def test_a_thousand_sessions_are_checked_in_few_round_trips(limited: Running, pool: Pool) -> None:
    _, token = await user_with_session(limited, pool)
    authenticator = limited.resources.authenticator
    principal = await authenticator.principal(f"Bearer {token}", None)
    others = [msgspec.structs.replace(principal, session_id=f"{number:064x}") for number in range(999)]
    client = limited.resources.shared.client
    before = (await client.info("commandstats"))["cmdstat_get"]["calls"]
    commands = (await client.info("stats"))["total_reads_processed"]
    found = await asyncio.gather(
        *(authenticator.renewed(one) for one in (principal, *others)), return_exceptions=True
    )
    assert found[0] == principal
    assert all(isinstance(one, Exception) for one in found[1:])
    assert (await client.info("commandstats"))["cmdstat_get"]["calls"] - before >= 1000
    assert (await client.info("stats"))["total_reads_processed"] - commands < 100


# Slow writes


@asynccontextmanager
async def locked(pool: Pool, entry_id: Any) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """The entry is locked; `wait_until_blocked()` returns once another session waits for the lock."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT FROM netzentgelte_data WHERE id = $1 FOR UPDATE", entry_id)

        async def wait_until_blocked() -> None:
            await until(lambda: connection.fetchval(WAITS_FOR_LOCK))

        yield wait_until_blocked


async def test_a_write_that_waited_for_a_lock_is_not_committed_if_its_permission_has_ended(
    server: Running, pool: Pool
) -> None:
    user, token = await user_with_session(server, pool)
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58")
    correct = mutation("correctTariff")
    async with locked(pool, tariff.id) as wait_until_blocked:
        task = asyncio.create_task(
            server.execute(correct, bearer(token), input={"id": global_id(tariff), "leistung": "60"})
        )
        await wait_until_blocked()
        await demote(server, pool, user)
    payload = (await task)["correctTariff"]
    assert [error["code"] for error in payload["errors"]] == ["FORBIDDEN"]
    assert await pool.fetch("SELECT leistung, version FROM netzentgelte_data") == [(58, 1)]


async def test_permissions_are_checked_for_each_operation_of_a_batch_and_each_field_of_a_mutation(
    settings: Settings, pool: Pool
) -> None:
    first = await make.tariff(pool, await make.dno(pool))
    second = await make.tariff(pool, await make.dno(pool, "netze-b"))
    twice = """
    mutation ($a: CorrectTariffInput!, $b: CorrectTariffInput!) {
      a: correctTariff(input: $a) { errors { code } }
      b: correctTariff(input: $b) { errors { code } }
    }
    """
    given = {
        "a": {"id": global_id(first), "leistung": "60"},
        "b": {"id": global_id(second), "leistung": "60"},
    }
    once = "mutation ($b: CorrectTariffInput!) { b: correctTariff(input: $b) { errors { code } } }"
    async with running(settings, max_batch_operations=3) as server:
        user, token = await user_with_session(server, pool)
        batch = [
            {"query": twice, "variables": given},
            {"query": once, "variables": {"b": given["b"]}},
        ]
        async with httpx.AsyncClient(timeout=10) as client:
            async with locked(pool, first.id) as wait_until_blocked:
                task = asyncio.create_task(client.post(server.url, json=batch, headers=bearer(token)))
                await wait_until_blocked()
                await demote(server, pool, user)
            answers = (await task).json()
    assert answers[0]["data"]["a"]["errors"] == [{"code": "FORBIDDEN"}]
    assert answers[0]["data"]["b"]["errors"] == [{"code": "FORBIDDEN"}]
    assert answers[1]["data"]["b"]["errors"] == [{"code": "FORBIDDEN"}]
    assert await pool.fetch("SELECT count(*) FROM netzentgelte_data WHERE version > 1") == [(0,)]


# Downloads


async def test_a_download_ends_when_its_key_is_revoked(server: Running, pool: Pool) -> None:
    key, headers = await key_with_headers(pool, Role.VIEWER)
    dno = await make.dno(pool)
    for year in range(2010, 2030):
        for level in VoltageLevel:
            await make.tariff(pool, dno, year, level)
    principal = await server.resources.authenticator.principal(headers["authorization"], None)
    exports = Exports(server.resources.settings)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) == 2:
            await revoke(server, pool, key)

    async def receive() -> Any:
        await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/export/tariffs.csv",
        "headers": [],
        "query_string": b"",
        "state": {"request": RequestState(server.resources, principal=principal)},
    }
    await Router(routes=exports.routes)(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"]
