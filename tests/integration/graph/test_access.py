"""Permissions: roles, API keys, and reading that requires credentials."""

import asyncio
from collections.abc import AsyncIterator
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
from tests.integration.graph.graphql_client import client_of, execute
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.signing_in import SIGN_IN, signed_in
from tests.integration.graph.writing import Caller, global_id, mutation, refusals
from tests.waiting import LIMIT

# The limit of a second in production; a busy computer may take longer.
SECOND = 30

READ = "{ dnos { totalCount } }"
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
CREATE_WEBHOOK = """
mutation ($input: CreateWebhookSubscriptionInput!) {
  createWebhookSubscription(input: $input) { subscription { id } secret errors { code message field } }
}
"""


def of_webhook(name: str) -> str:
    return f"mutation ($id: ID!) {{ {name}(id: $id) {{ subscription {{ id }} errors {{ code message field }} }} }}"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def signed_in_admin(resources: Resources, pool: Pool) -> AsyncIterator[Caller]:
    """An administrator who has signed in."""
    async with signed_in(resources, pool, Role.ADMIN) as caller:
        yield caller


def caller_with_key(client: httpx.AsyncClient, created: Any) -> Caller:
    return Caller(client, {"authorization": f"Bearer {created['secret']}"})


# Roles

OF_WEBHOOKS = (
    "pauseWebhookSubscription",
    "resumeWebhookSubscription",
    "testWebhookSubscription",
    "deleteWebhookSubscription",
    "replaceWebhookSecret",
    "redeliverWebhookMessages",
)
LEAST = {
    "addTariff": Role.EDITOR,
    "correctTariff": Role.EDITOR,
    "addHlzf": Role.EDITOR,
    "correctHlzf": Role.EDITOR,
    "addTimeOfUse": Role.EDITOR,
    "correctTimeOfUse": Role.EDITOR,
    "addPrice": Role.EDITOR,
    "correctPrice": Role.EDITOR,
    "addHolidayRule": Role.EDITOR,
    "correctHolidayRule": Role.EDITOR,
    "addLevy": Role.EDITOR,
    "correctLevy": Role.EDITOR,
    "writeEntries": Role.EDITOR,
    "flag": Role.EDITOR,
    "unflag": Role.EDITOR,
    "undo": Role.EDITOR,
    "delete": Role.ADMIN,
    "verify": Role.ADMIN,
    "revert": Role.ADMIN,
    "invalidateCache": Role.ADMIN,
    "createApiKey": Role.ADMIN,
    "revokeApiKey": Role.ADMIN,
    "createUser": Role.ADMIN,
    "setUserRole": Role.ADMIN,
    "resetPassword": Role.ADMIN,
    "deleteUser": Role.ADMIN,
    "endSessions": Role.ADMIN,
    "changePassword": Role.VIEWER,
    "createWebhookSubscription": Role.VIEWER,
    **dict.fromkeys(OF_WEBHOOKS, Role.VIEWER),
}
# Whatever its role.
NEVER_WITH_A_KEY = {
    "createApiKey",
    "createUser",
    "setUserRole",
    "resetPassword",
    "deleteUser",
    "changePassword",
}


async def test_each_mutation_requires_its_role(callers: dict[Role | None, Caller], pool: Pool) -> None:
    dno = await make.dno(pool)
    tariff, hlzf = await make.tariff(pool, dno), await make.hlzf(pool, dno)
    time_of_use = await make.time_of_use(pool, dno)
    price = await make.price(pool, dno)
    rule, levy = await make.holiday_rule(pool, dno), await make.levy(pool)
    added = {"dno": "netze-a", "voltageLevel": "MS"}
    inputs: dict[str, dict[str, Any]] = {
        "addTariff": added | {"year": 2030},
        "correctTariff": {"id": global_id(tariff), "leistung": "60"},
        "addHlzf": added | {"year": 2030, "season": "SUMMER", "windows": []},
        "correctHlzf": {"id": global_id(hlzf), "windows": []},
        "addTimeOfUse": {"dno": "netze-a", "year": 2030, "bands": [], "windows": []},
        "correctTimeOfUse": {"id": f"tou_{time_of_use.id.hex}", "windows": []},
        "addPrice": {"dno": "netze-a", "year": 2030, "kind": "SLP_GRUNDPREIS", "amount": "60"},
        "correctPrice": {"id": global_id(price), "amount": "8"},
        "addHolidayRule": {"dno": "netze-a", "year": 2030},
        "correctHolidayRule": {"id": f"rule_{rule.id.hex}", "bridgeDays": "ALL_EXCLUDED"},
        "addLevy": {"kind": "OFFSHORE", "value": "0.9"},
        "correctLevy": {"id": f"levy_{levy.id.hex}", "value": "0.3"},
        "flag": {"id": global_id(tariff), "reason": "odd"},
        "unflag": {"id": global_id(tariff)},
        "delete": {"id": global_id(hlzf), "reason": "odd"},
        "verify": {"id": global_id(tariff)},
        "revert": {"revisionId": f"revision_{'0' * 32}"},
        "undo": {"revisionId": f"revision_{'0' * 32}"},
    }
    documents = {write: (mutation(write), {"input": given}) for write, given in inputs.items()}
    documents["writeEntries"] = (
        "mutation ($input: WriteEntriesInput!) { writeEntries(input: $input) { errors { code field } } }",
        {"input": {"writes": [{"flag": {"id": global_id(tariff), "reason": "odd"}}]}},
    )
    documents["invalidateCache"] = (INVALIDATE, {"pattern": "nothing"})
    documents["createApiKey"] = (CREATE_KEY, {})
    documents["revokeApiKey"] = (REVOKE_KEY, {"id": f"key_{'0' * 32}"})
    unknown = f'id: "user_{"0" * 32}"'
    for write, arguments in {
        "createUser": 'email: "eve@example.org", role: ADMIN',
        "setUserRole": f"{unknown}, role: ADMIN",
        "resetPassword": unknown,
        "deleteUser": unknown,
        "endSessions": unknown,
        "changePassword": f'current: "{PASSWORD}", password: "{PASSWORD}"',
    }.items():
        documents[write] = (f"mutation {{ {write}({arguments}) {{ errors {{ code field }} }} }}", {})
    documents["createWebhookSubscription"] = (CREATE_WEBHOOK, {"input": {"url": "https://10.0.0.1/"}})
    documents |= {name: (of_webhook(name), {"id": f"webhook_{'0' * 32}"}) for name in OF_WEBHOOKS}
    assert documents.keys() == LEAST.keys()
    for write, (document, variables) in documents.items():
        for role, caller in callers.items():
            payload = (await caller.execute(document, **variables))[write]
            codes = {code for code, _ in refusals(payload)} & {"UNAUTHENTICATED", "FORBIDDEN"}
            if role is None:
                expected = {"UNAUTHENTICATED"}
            elif not role.includes(LEAST[write]) or write in NEVER_WITH_A_KEY:
                expected = {"FORBIDDEN"}
            else:
                expected = set()
            assert codes == expected, (write, role)


def test_every_mutation_is_in_the_table() -> None:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    assert {*mutations.fields} == {*LEAST, "signIn", "signOut"}


# Reading with credentials only


@pytest.fixture
async def closed(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    async with running(settings, anonymous_reading=False) as server:
        yield server


async def test_without_anonymous_reading_only_callers_with_credentials_are_answered(
    closed: Running, pool: Pool
) -> None:
    await make.dno(pool)
    _, viewer = await issue_key(pool, Role.VIEWER)
    async with httpx.AsyncClient() as client:
        for _ in range(3):  # the last times from the response cache, with a cached request head
            response = await client.post(closed.url, json={"query": READ}, headers=viewer)
            assert response.json()["data"] == {"dnos": {"totalCount": 1}}
            for request in (
                client.post(closed.url, json={"query": READ}),
                client.post(closed.url, json={"query": "{ __typename dnos { totalCount } }"}),
                client.get(closed.url, params={"query": READ}),
            ):
                anonymous = await request
                assert anonymous.status_code == 401
                assert anonymous.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
                assert "data" not in anonymous.json()
        again = await client.get(closed.url, params={"query": READ}, headers=viewer)
    assert again.headers["cache-control"].startswith("private")


async def test_without_anonymous_reading_signing_in_and_introspection_stay_possible(
    closed: Running, pool: Pool
) -> None:
    passwords = Passwords(closed.resources.settings)
    user = await make.user(pool, role=Role.VIEWER, password_hash=await passwords.hash(PASSWORD))
    passwords.close()
    in_fragment = "{ ...I } fragment I on Query { __schema { queryType { name } } }"
    for document in ("{ __typename }", "{ __schema { queryType { name } } }", in_fragment):
        await closed.execute(document)
    data = await closed.execute(SIGN_IN, email=user.email, password=PASSWORD)
    session = {"authorization": f"Bearer {data['signIn']['token']}"}
    assert await closed.execute(READ, session) == {"dnos": {"totalCount": 0}}


# API keys


async def test_a_key_is_created_used_and_revoked(
    signed_in_admin: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno)
    created = (await signed_in_admin.execute(CREATE_KEY))["createApiKey"]
    assert (created["errors"], created["apiKey"]["role"], created["apiKey"]["lastUsedAt"]) == (
        [],
        "EDITOR",
        None,
    )
    assert created["secret"].startswith("dno_")
    key_caller = caller_with_key(client, created)
    corrected = await key_caller.write("correctTariff", id=global_id(tariff), leistung="60")
    assert corrected["revision"]["changedBy"] == "crawler (API key)"

    revoked = (await signed_in_admin.execute(REVOKE_KEY, id=created["apiKey"]["id"]))["revokeApiKey"]
    assert (revoked["errors"], revoked["secret"]) == ([], None)
    refused = await key_caller.send(READ)
    assert refused.status_code == 401
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    again = (await signed_in_admin.execute(REVOKE_KEY, id=created["apiKey"]["id"]))["revokeApiKey"]
    assert refusals(again) == [("NOT_FOUND", ["id"])]


async def test_the_last_use_of_a_key_is_recorded(
    signed_in_admin: Caller, client: httpx.AsyncClient, resources: Resources
) -> None:
    created = (await signed_in_admin.execute(CREATE_KEY))["createApiKey"]
    before = datetime.now(UTC)
    await caller_with_key(client, created).execute(READ)
    await resources.api_key_usage.flush()
    revoked = (await signed_in_admin.execute(REVOKE_KEY, id=created["apiKey"]["id"]))["revokeApiKey"][
        "apiKey"
    ]
    assert before <= datetime.fromisoformat(revoked["lastUsedAt"]) <= datetime.now(UTC)


async def test_invalid_values_of_a_key_are_refused_with_their_path(signed_in_admin: Caller) -> None:
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    for wrong, path in (
        ({"name": " "}, ["name"]),
        ({"name": "x" * 201}, ["name"]),
        ({"expiresAt": past}, ["expiresAt"]),
    ):
        payload = (await signed_in_admin.execute(CREATE_KEY, **wrong))["createApiKey"]
        assert (refusals(payload), payload["secret"]) == ([("INVALID", path)], None)
    assert refusals((await signed_in_admin.execute(REVOKE_KEY, id="user_x"))["revokeApiKey"]) == [
        ("INVALID", ["id"])
    ]


async def test_a_key_is_rejected_once_it_has_expired(
    signed_in_admin: Caller, client: httpx.AsyncClient
) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=0.5)
    created = (await signed_in_admin.execute(CREATE_KEY, expiresAt=moment.isoformat()))["createApiKey"]
    key_caller = caller_with_key(client, created)
    statuses = []
    async with asyncio.timeout(LIMIT):
        while statuses[-1:] != [401]:
            began = datetime.now(UTC)
            statuses.append((await key_caller.send(READ)).status_code)
            ended = datetime.now(UTC)
            assert statuses[-1] == 200 or ended >= moment
            assert statuses[-1] == 401 or began < moment
            await asyncio.sleep(0.01)  # the rate limit of the key must not be reached before
    assert statuses[0] == 200


async def test_a_key_has_at_most_the_current_role_of_its_creator(
    signed_in_admin: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    key_caller = caller_with_key(
        client, (await signed_in_admin.execute(CREATE_KEY, role="ADMIN"))["createApiKey"]
    )
    assert refusals((await key_caller.execute(INVALIDATE, pattern="*"))["invalidateCache"]) == []
    await pool.fetch("UPDATE users SET role = 'EDITOR'")
    async with asyncio.timeout(SECOND):
        while not (codes := refusals((await key_caller.execute(INVALIDATE, pattern="*"))["invalidateCache"])):
            await asyncio.sleep(0.01)
    assert codes == [("FORBIDDEN", None)]


async def test_a_revoked_key_is_rejected_at_once_by_this_instance_and_within_a_second_by_another(
    settings: Settings, pool: Pool
) -> None:
    _, admin = await issue_key(pool, Role.ADMIN, "admin")
    async with running(settings) as first, running(settings) as second, httpx.AsyncClient() as client:
        for number in range(5):
            key, key_caller = await issue_key(pool, Role.VIEWER, f"key_caller-{number}")
            await asyncio.gather(*(server.execute(READ, key_caller) for server in (first, second)))
            revoked = await first.execute(REVOKE_KEY, admin, id=f"key_{key.id.hex}")
            assert revoked["revokeApiKey"]["errors"] == []
            assert (await status(client, first, key_caller)) == 401
            async with asyncio.timeout(SECOND):
                while await status(client, second, key_caller) != 401:
                    pass


async def status(client: httpx.AsyncClient, server: Running, headers: dict[str, str]) -> int:
    return (await client.post(server.url, json={"query": READ}, headers=headers)).status_code


async def test_keys_and_writes_work_during_an_outage_of_redis(
    settings: Settings, pool: Pool, valkey: Any
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool))
    _, editor = await issue_key(pool, Role.EDITOR)
    settings = msgspec.structs.replace(
        settings, redis_url=valkey.url, rate_limit_api_key=0, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with open_resources(settings) as resources, client_of(resources) as client:
        key_caller = Caller(client, editor)
        await key_caller.execute(READ)
        valkey.kill()
        for price in range(60, 65):
            corrected = await key_caller.write("correctTariff", id=global_id(tariff), leistung=f"{price}")
            assert (corrected["errors"], corrected["tariff"]["leistung"]) == ([], f"{price}")
            data = await key_caller.execute(
                "query ($id: ID!) { node(id: $id) { ... on Tariff { leistung } } }", id=global_id(tariff)
            )
            assert data["node"]["leistung"] == f"{price}"


async def test_an_account_as_a_node_is_visible_to_its_owner_and_to_administrators(
    resources: Resources, signed_in_admin: Caller, client: httpx.AsyncClient, pool: Pool
) -> None:
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { ... on User { email sessions { current } } } }"
    viewer = "{ viewer { id email } }"
    async with signed_in(resources, pool, Role.EDITOR) as editor:
        callers = [signed_in_admin, editor]
        admin_account, own_account = [(await caller.execute(viewer))["viewer"] for caller in callers]
        ids = [admin_account["id"], own_account["id"], f"user_{'0' * 32}"]
        by_admin = (await signed_in_admin.execute(query, ids=ids))["nodes"]
        by_owner = (await editor.execute(query, ids=ids))["nodes"]
        created = (await signed_in_admin.execute(CREATE_KEY))["createApiKey"]
        by_key = (await caller_with_key(client, created).execute(query, ids=ids))["nodes"]
        anonymously = (await execute(client, query, ids=ids))["nodes"]
    assert [node and node["email"] for node in by_admin] == [
        admin_account["email"],
        own_account["email"],
        None,
    ]
    assert by_owner == [None, {"email": own_account["email"], "sessions": [{"current": True}]}, None]
    assert by_key == anonymously == [None, None, None]
