"""Who may: roles, API keys, and reading that is not for everybody."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.root import schema
from tests import factories as make
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, mutation, name, refusals

# What is promised within a second; a machine that runs many tests at once may take longer over it.
SECOND = 30

READ = "{ dnos { totalCount } }"
SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { viewer { email role } token errors { code message } }
}
"""
CREATE_KEY = """
mutation ($name: String! = "crawler", $role: Role! = EDITOR, $expiresAt: DateTime) {
  createApiKey(name: $name, role: $role, expiresAt: $expiresAt) {
    apiKey { id name role createdAt lastUsedAt expiresAt } secret errors { code message field }
  }
}
"""
REVOKE_KEY = """
mutation ($id: ID!) {
  revokeApiKey(id: $id) { apiKey { id name lastUsedAt } secret errors { code message field } }
}
"""
INVALIDATE = """
mutation ($pattern: String!) { invalidateCache(pattern: $pattern) { removed errors { code message field } } }
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@asynccontextmanager
async def signed_in(resources: Resources, pool: Pool, role: Role) -> AsyncIterator[Caller]:
    """A person with a session; a client of its own, for it keeps the cookie."""
    passwords = Passwords(resources.settings)
    user = await make.user(pool, role=role, password_hash=await passwords.hash(PASSWORD))
    passwords.close()
    async with client_of(resources) as client:
        person = Caller(client, {})
        data = await person.execute(SIGN_IN, email=user.email, password=PASSWORD)
        assert data["signIn"]["errors"] == []
        yield person


@pytest.fixture
async def chief(resources: Resources, pool: Pool) -> AsyncIterator[Caller]:
    """An administrator who has signed in."""
    async with signed_in(resources, pool, Role.ADMIN) as person:
        yield person


def keeper(client: httpx.AsyncClient, made: Any) -> Caller:
    return Caller(client, {"authorization": f"Bearer {made['secret']}"})


# Roles

LEAST = {
    "addTariff": Role.EDITOR,
    "correctTariff": Role.EDITOR,
    "addHlzf": Role.EDITOR,
    "correctHlzf": Role.EDITOR,
    "flag": Role.EDITOR,
    "verify": Role.ADMIN,
    "revert": Role.ADMIN,
    "invalidateCache": Role.ADMIN,
    "createApiKey": Role.ADMIN,
    "revokeApiKey": Role.ADMIN,
}


async def test_each_write_asks_for_its_role(callers: dict[Role | None, Caller], pool: Pool) -> None:
    dno = await make.dno(pool)
    tariff, hlzf = await make.tariff(pool, dno), await make.hlzf(pool, dno)
    added = {"dno": "netze-a", "voltageLevel": "MS"}
    inputs: dict[str, dict[str, Any]] = {
        "addTariff": added | {"year": 2030},
        "correctTariff": {"id": name(tariff), "leistung": "60"},
        "addHlzf": added | {"year": 2030, "season": "SUMMER", "windows": []},
        "correctHlzf": {"id": name(hlzf), "windows": []},
        "flag": {"id": name(tariff), "reason": "odd"},
        "verify": {"id": name(tariff)},
        "revert": {"revisionId": f"revision_{'0' * 32}"},
    }
    documents = {write: (mutation(write), {"input": given}) for write, given in inputs.items()}
    documents["invalidateCache"] = (INVALIDATE, {"pattern": "nothing"})
    documents["createApiKey"] = (CREATE_KEY, {})
    documents["revokeApiKey"] = (REVOKE_KEY, {"id": f"key_{'0' * 32}"})
    assert documents.keys() == LEAST.keys()
    for write, (document, variables) in documents.items():
        for role, caller in callers.items():
            payload = (await caller.execute(document, **variables))[write]
            told = {code for code, _ in refusals(payload)} & {"UNAUTHENTICATED", "FORBIDDEN"}
            if role is None:
                expected = {"UNAUTHENTICATED"}
            elif not role.includes(LEAST[write]) or write == "createApiKey":  # which no machine may
                expected = {"FORBIDDEN"}
            else:
                expected = set()
            assert told == expected, (write, role)


def test_every_mutation_is_in_the_table() -> None:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    assert {*mutations.fields} == {*LEAST, "signIn", "signOut"}


# Reading that is not for everybody


@pytest.fixture
async def closed(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    async with running(settings, anonymous_reading=False) as server:
        yield server


async def test_without_anonymous_reading_only_known_people_are_answered(closed: Running, pool: Pool) -> None:
    await make.dno(pool)
    _, viewer = await issue_key(pool, Role.VIEWER)
    async with httpx.AsyncClient() as client:
        for _ in range(3):  # the last times from memory, on a connection that is known
            known = await client.post(closed.url, json={"query": READ}, headers=viewer)
            assert known.json()["data"] == {"dnos": {"totalCount": 1}}
            for ask in (
                client.post(closed.url, json={"query": READ}),
                client.post(closed.url, json={"query": "{ __typename dnos { totalCount } }"}),
                client.get(closed.url, params={"query": READ}),
            ):
                stranger = await ask
                assert stranger.status_code == 401
                assert stranger.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
                assert "data" not in stranger.json()
        again = await client.get(closed.url, params={"query": READ}, headers=viewer)
    assert again.headers["cache-control"].startswith("private")


async def test_without_anonymous_reading_anybody_may_sign_in_and_look_at_the_schema(
    closed: Running, pool: Pool
) -> None:
    passwords = Passwords(closed.resources.settings)
    user = await make.user(pool, role=Role.VIEWER, password_hash=await passwords.hash(PASSWORD))
    passwords.close()
    for document in ("{ __typename }", "{ __schema { queryType { name } } }"):
        await closed.execute(document)
    data = await closed.execute(SIGN_IN, email=user.email, password=PASSWORD)
    session = {"authorization": f"Bearer {data['signIn']['token']}"}
    assert await closed.execute(READ, session) == {"dnos": {"totalCount": 0}}


# API keys


async def test_a_key_is_made_once_used_and_revoked(
    chief: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno)
    made = (await chief.execute(CREATE_KEY))["createApiKey"]
    assert (made["errors"], made["apiKey"]["role"], made["apiKey"]["lastUsedAt"]) == ([], "EDITOR", None)
    assert made["secret"].startswith("dno_")
    machine = keeper(client, made)
    corrected = await machine.write("correctTariff", id=name(tariff), leistung="60")
    assert corrected["revision"]["changedBy"] == "crawler (API key)"

    revoked = (await chief.execute(REVOKE_KEY, id=made["apiKey"]["id"]))["revokeApiKey"]
    assert (revoked["errors"], revoked["secret"]) == ([], None)
    refused = await machine.send(READ)
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    again = (await chief.execute(REVOKE_KEY, id=made["apiKey"]["id"]))["revokeApiKey"]
    assert refusals(again) == [("NOT_FOUND", ["id"])]


async def test_its_last_use_is_known(chief: Caller, client: httpx.AsyncClient, resources: Resources) -> None:
    made = (await chief.execute(CREATE_KEY))["createApiKey"]
    before = datetime.now(UTC)
    await keeper(client, made).execute(READ)
    await resources.api_key_usage.flush()
    revoked = (await chief.execute(REVOKE_KEY, id=made["apiKey"]["id"]))["revokeApiKey"]["apiKey"]
    assert before <= datetime.fromisoformat(revoked["lastUsedAt"]) <= datetime.now(UTC)


async def test_what_makes_no_key_is_refused_under_its_path(chief: Caller) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for wrong, path in (
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"expiresAt": past}, ["expiresAt"]),
    ):
        payload = (await chief.execute(CREATE_KEY, **wrong))["createApiKey"]
        assert (refusals(payload), payload["secret"]) == ([("INVALID", path)], None)
    assert refusals((await chief.execute(REVOKE_KEY, id="user_x"))["revokeApiKey"]) == [("INVALID", ["id"])]


async def test_a_key_ends_when_it_expires(chief: Caller, client: httpx.AsyncClient) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=0.5)
    made = (await chief.execute(CREATE_KEY, expiresAt=moment.isoformat()))["createApiKey"]
    machine = keeper(client, made)
    statuses = []
    async with asyncio.timeout(5):
        while statuses[-1:] != [401]:
            began = datetime.now(UTC)
            statuses.append((await machine.send(READ)).status_code)
            ended = datetime.now(UTC)
            assert statuses[-1] == 200 or ended >= moment
            assert statuses[-1] == 401 or began < moment
            await asyncio.sleep(0.01)  # a key's own limit must not end it first
    assert statuses[0] == 200


async def test_a_key_may_no_more_than_its_maker_may_today(
    chief: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    machine = keeper(client, (await chief.execute(CREATE_KEY, role="ADMIN"))["createApiKey"])
    assert refusals((await machine.execute(INVALIDATE, pattern="*"))["invalidateCache"]) == []
    await pool.fetch("UPDATE users SET role = 'EDITOR'")
    async with asyncio.timeout(SECOND):
        while not (told := refusals((await machine.execute(INVALIDATE, pattern="*"))["invalidateCache"])):
            await asyncio.sleep(0.01)
    assert told == [("FORBIDDEN", None)]


async def test_a_revocation_holds_at_once_here_and_within_a_second_elsewhere(
    settings: Settings, pool: Pool
) -> None:
    _, admin = await issue_key(pool, Role.ADMIN, "admin")
    async with running(settings) as here, running(settings) as elsewhere, httpx.AsyncClient() as client:
        for number in range(5):
            key, machine = await issue_key(pool, Role.VIEWER, f"machine-{number}")
            await asyncio.gather(*(server.execute(READ, machine) for server in (here, elsewhere)))
            revoked = await here.execute(REVOKE_KEY, admin, id=f"key_{key.id.hex}")
            assert revoked["revokeApiKey"]["errors"] == []
            assert (await status(client, here, machine)) == 401
            async with asyncio.timeout(SECOND):
                while await status(client, elsewhere, machine) != 401:
                    pass


async def status(client: httpx.AsyncClient, server: Running, headers: dict[str, str]) -> int:
    return (await client.post(server.url, json={"query": READ}, headers=headers)).status_code


async def test_an_outage_of_redis_ends_no_key_and_stops_no_write(
    settings: Settings, pool: Pool, valkey: Any
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    _, editor = await issue_key(pool, Role.EDITOR)
    settings = msgspec.structs.replace(
        settings, redis_url=valkey.url, rate_limit_api_key=0, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with open_resources(settings) as resources, client_of(resources) as client:
        machine = Caller(client, editor)
        await machine.execute(READ)
        valkey.kill()
        for price in range(60, 65):
            corrected = await machine.write("correctTariff", id=name(tariff), leistung=f"{price}")
            assert (corrected["errors"], corrected["tariff"]["leistung"]) == ([], f"{price}")
            data = await machine.execute(
                "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung } } }", id=name(tariff)
            )
            assert data["node"]["leistung"] == f"{price}"
