"""Administrators list and manage users, sessions and API keys; users change their own password."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY

from app.auth import api_keys
from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.errors import Unavailable
from app.resources import Resources, open_resources
from app.settings import Settings
from tests import factories as make
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.running import issue_key, running
from tests.integration.graph.signing_in import SIGN_IN, signed_in
from tests.integration.graph.writing import Caller, refusals
from tests.servers import PrivateValkey

# The limit of a second in production; a busy computer may take longer.
SECOND = 30
OTHER_PASSWORD = "staple wrong zebra lamp"

KEYS = "{ apiKeys { id name role createdAt lastUsedAt expiresAt createdBy { email role } } }"
USERS = "{ users { id email role createdAt sessions { id startedAt lastUsedAt current } } }"
CREATE_USER = """
mutation ($email: String!, $role: Role! = EDITOR) {
  createUser(email: $email, role: $role) { user { id email role } password errors { code message field } }
}
"""
SET_ROLE = """
mutation ($id: ID!, $role: Role!) {
  setUserRole(id: $id, role: $role) { user { email role } errors { code message field } }
}
"""
RESET = "mutation ($id: ID!) { resetPassword(id: $id) { user { email } password endedSessions errors { code field } } }"
DELETE = "mutation ($id: ID!) { deleteUser(id: $id) { user { id } errors { code field } } }"
END = """
mutation ($id: ID!, $session: ID) {
  endSessions(id: $id, session: $session) { user { email } endedSessions errors { code field } }
}
"""
CHANGE = """
mutation ($current: String!, $password: String!) {
  changePassword(current: $current, password: $password) { user { email } endedSessions errors { code field } }
}
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def boss(resources: Resources, pool: Pool) -> AsyncIterator[Caller]:
    async with signed_in(resources, pool, Role.ADMIN, "boss@example.org") as caller:
        yield caller


@pytest.fixture
async def ada(resources: Resources, pool: Pool) -> AsyncIterator[Caller]:
    async with signed_in(resources, pool, Role.EDITOR, "ada@example.org") as caller:
        yield caller


async def user(boss: Caller, email: str) -> Any:
    [found] = [one for one in (await boss.execute(USERS))["users"] if one["email"] == email]
    return found


async def sign_in(resources: Resources, email: str, password: str) -> Any:
    async with client_of(resources) as client:
        return (await Caller(client, {}).execute(SIGN_IN, email=email, password=password))["signIn"]


async def is_signed_in(caller: Caller) -> bool:
    return (await caller.execute("{ viewer { email } }"))["viewer"] is not None


# Lists


async def test_keys_are_listed_with_their_makers_and_without_their_secrets(
    boss: Caller, resources: Resources, pool: Pool
) -> None:
    key, headers = await issue_key(pool, Role.EDITOR, "crawler")
    await resources.authenticator.principal(headers["authorization"], None)
    await resources.api_key_usage.flush()
    await issue_key(pool, Role.VIEWER, "expired")
    await pool.fetch("UPDATE api_keys SET expires_at = now() - interval '1 day' WHERE name = 'expired'")
    revoked, _ = await issue_key(pool, Role.VIEWER, "revoked")
    await pool.fetch("UPDATE api_keys SET revoked_at = now() WHERE id = $1", revoked.id)
    response = await boss.send(KEYS)
    assert response.headers["cache-control"] == "no-store"
    assert api_keys.PREFIX not in response.text
    expired, crawler = response.json()["data"]["apiKeys"]
    assert (expired["name"], expired["lastUsedAt"]) == ("expired", None)
    assert expired["expiresAt"] is not None
    assert (crawler["id"], crawler["name"], crawler["role"]) == (f"key_{key.id.hex}", "crawler", "EDITOR")
    assert crawler["lastUsedAt"] is not None
    assert crawler["createdBy"] == {"email": "crawler@example.org", "role": "ADMIN"}


async def test_users_are_listed_with_their_open_sessions(
    boss: Caller, ada: Caller, resources: Resources, pool: Pool
) -> None:
    await sign_in(resources, "ada@example.org", PASSWORD)
    users = (await boss.execute(USERS))["users"]
    assert [(one["email"], one["role"], len(one["sessions"])) for one in users] == [
        ("ada@example.org", "EDITOR", 2),
        ("boss@example.org", "ADMIN", 1),
    ]
    newest, oldest = users[0]["sessions"]
    assert newest["startedAt"] > oldest["startedAt"]
    assert all(one["lastUsedAt"] >= one["startedAt"] for one in users[0]["sessions"])
    assert [one["current"] for one in users[0]["sessions"]] == [False, False]
    assert [one["current"] for one in users[1]["sessions"]] == [True]
    # As if it had expired: it is still in the list of its user.
    await resources.sessions._redis.delete(newest["id"].replace("session_", "dno:session:"))
    [left] = (await user(boss, "ada@example.org"))["sessions"]
    assert left["id"] == oldest["id"]


@pytest.mark.parametrize("field", ["apiKeys { id }", "users { id }"])
async def test_lists_are_for_administrators_only(
    callers: dict[Role | None, Caller], boss: Caller, field: str
) -> None:
    for _ in range(3):  # the last time a response of an administrator could be in the cache
        for role, caller in callers.items():
            response = await caller.execute_with_errors(f"{{ {field} }}")
            codes = [error["extensions"]["code"] for error in response.get("errors", ())]
            expected = {None: ["UNAUTHENTICATED"], Role.ADMIN: []}.get(role, ["FORBIDDEN"])
            assert codes == expected, role
            assert (response.get("data") is not None) == (role is Role.ADMIN)
        await boss.execute(f"{{ {field} }}")


async def test_a_new_key_and_a_new_user_are_in_the_next_list(boss: Caller) -> None:
    for number in range(1, 4):
        await boss.execute(KEYS)
        created = await boss.execute(
            'mutation { createApiKey(name: "x", role: VIEWER) { apiKey { id createdBy { email } } } }'
        )
        assert created["createApiKey"]["apiKey"]["createdBy"] == {"email": "boss@example.org"}
        assert len((await boss.execute(KEYS))["apiKeys"]) == number
        await boss.execute(CREATE_USER, email=f"u{number}@example.org")
        assert len((await boss.execute(USERS))["users"]) == number + 1


async def test_lists_take_few_statements(boss: Caller, pool: Pool, resources: Resources) -> None:
    for number in range(10):
        await issue_key(pool, Role.VIEWER, f"key-{number}")
    await boss.execute(KEYS)
    before = resources.pool.statements
    await boss.execute(KEYS)
    assert resources.pool.statements - before == 2
    await boss.execute(USERS)
    assert resources.pool.statements - before == 3


async def test_a_user_sees_the_own_sessions_and_no_others(ada: Caller, boss: Caller) -> None:
    mine = "{ viewer { email sessions { id current } } }"
    [session] = (await ada.execute(mine))["viewer"]["sessions"]
    assert session["current"]
    assert [one["id"] for one in (await user(boss, "ada@example.org"))["sessions"]] == [session["id"]]


# Users


async def test_a_created_user_signs_in_with_the_password_that_is_shown_once(
    boss: Caller, resources: Resources, pool: Pool
) -> None:
    created = (await boss.execute(CREATE_USER, email="eva@example.org"))["createUser"]
    assert (created["errors"], created["user"]["role"]) == ([], "EDITOR")
    assert re.fullmatch(r"[A-Za-z0-9_-]{24}", created["password"])
    stored = await pool.fetch("SELECT u::text AS row FROM users u WHERE email = 'eva@example.org'")
    assert created["password"] not in stored[0]["row"]
    signed = await sign_in(resources, "eva@example.org", created["password"])
    assert signed["viewer"] == {"email": "eva@example.org", "role": "EDITOR"}


async def test_an_address_that_is_taken_or_malformed_is_refused(boss: Caller, ada: Caller) -> None:
    for email, code in (
        ("ADA@example.org", "CONFLICT"),
        ("ada", "INVALID"),
        ("", "INVALID"),
        ("a b@example.org", "INVALID"),
        ("a" * 300 + "@example.org", "INVALID"),
    ):
        payload = (await boss.execute(CREATE_USER, email=email))["createUser"]
        assert refusals(payload) == [(code, ["email"])]
        assert (payload["user"], payload["password"]) == (None, None)


async def test_a_role_holds_at_once_in_open_sessions(boss: Caller, ada: Caller) -> None:
    id = (await user(boss, "ada@example.org"))["id"]
    assert await error_codes_of(ada, KEYS) == ["FORBIDDEN"]
    for role, codes in (("ADMIN", []), ("VIEWER", ["FORBIDDEN"])):
        changed = (await boss.execute(SET_ROLE, id=id, role=role))["setUserRole"]
        assert (changed["errors"], changed["user"]["role"]) == ([], role)
        assert await error_codes_of(ada, KEYS) == codes


async def error_codes_of(caller: Caller, document: str) -> list[str]:
    response = await caller.execute_with_errors(document)
    return [error["extensions"]["code"] for error in response.get("errors", ())]


async def test_the_last_administrator_stays(boss: Caller, ada: Caller) -> None:
    id = (await user(boss, "boss@example.org"))["id"]
    refused = [
        (await boss.execute(SET_ROLE, id=id, role="EDITOR"))["setUserRole"],
        (await boss.execute(DELETE, id=id))["deleteUser"],
    ]
    assert [refusals(one) for one in refused] == [[("CONFLICT", ["id"])]] * 2
    ada_id = (await user(boss, "ada@example.org"))["id"]
    await boss.execute(SET_ROLE, id=ada_id, role="ADMIN")
    assert (await boss.execute(SET_ROLE, id=id, role="EDITOR"))["setUserRole"]["errors"] == []


async def test_administrators_who_remove_each_other_at_the_same_time_leave_one(
    boss: Caller, ada: Caller, pool: Pool
) -> None:
    ids = {name: (await user(boss, f"{name}@example.org"))["id"] for name in ("ada", "boss")}
    for _ in range(5):
        await pool.fetch("UPDATE users SET role = 'ADMIN'")
        async with asyncio.timeout(SECOND):
            while await error_codes_of(boss, KEYS) or await error_codes_of(ada, KEYS):
                pass
        await asyncio.gather(
            boss.execute(SET_ROLE, id=ids["ada"], role="VIEWER"),
            ada.execute(SET_ROLE, id=ids["boss"], role="VIEWER"),
        )
        assert await pool.fetch("SELECT count(*) FROM users WHERE role = 'ADMIN'") == [(1,)]


async def test_a_reset_password_replaces_the_old_one_and_ends_sessions(
    boss: Caller, ada: Caller, resources: Resources
) -> None:
    id = (await user(boss, "ada@example.org"))["id"]
    reset = (await boss.execute(RESET, id=id))["resetPassword"]
    assert (reset["errors"], reset["user"], reset["endedSessions"]) == ([], {"email": "ada@example.org"}, 1)
    assert not await is_signed_in(ada)
    old = await sign_in(resources, "ada@example.org", PASSWORD)
    assert [error["code"] for error in old["errors"]] == ["UNAUTHENTICATED"]
    new = await sign_in(resources, "ada@example.org", reset["password"])
    assert new["viewer"]["email"] == "ada@example.org"


async def test_sessions_are_ended_one_by_one_or_all(boss: Caller, ada: Caller, resources: Resources) -> None:
    await sign_in(resources, "ada@example.org", PASSWORD)
    found, own = await user(boss, "ada@example.org"), await user(boss, "boss@example.org")
    newest, oldest = [one["id"] for one in found["sessions"]]
    for session, count in ((newest, 1), (newest, 0), (own["sessions"][0]["id"], 0)):
        ended = (await boss.execute(END, id=found["id"], session=session))["endSessions"]
        assert (ended["errors"], ended["endedSessions"]) == ([], count)
    assert await is_signed_in(ada)
    assert [one["id"] for one in (await user(boss, "ada@example.org"))["sessions"]] == [oldest]
    assert (await boss.execute(END, id=found["id"]))["endSessions"]["endedSessions"] == 1
    assert not await is_signed_in(ada)
    assert await is_signed_in(boss)


async def test_a_deleted_user_can_do_nothing_and_is_listed_no_more(
    boss: Caller, ada: Caller, resources: Resources
) -> None:
    id = (await user(boss, "ada@example.org"))["id"]
    assert (await boss.execute(DELETE, id=id))["deleteUser"] == {"user": None, "errors": []}
    assert not await is_signed_in(ada)
    gone = await sign_in(resources, "ada@example.org", PASSWORD)
    assert [error["code"] for error in gone["errors"]] == ["UNAUTHENTICATED"]
    assert [one["email"] for one in (await boss.execute(USERS))["users"]] == ["boss@example.org"]


@pytest.mark.parametrize("document", [SET_ROLE, RESET, DELETE, END])
async def test_unknown_and_malformed_ids_are_refused(boss: Caller, document: str) -> None:
    variables = {"role": "EDITOR"} if document is SET_ROLE else {}
    for id, code in (
        (f"user_{'0' * 32}", "NOT_FOUND"),
        ("user_x", "INVALID"),
        (f"key_{'0' * 32}", "INVALID"),
    ):
        [payload] = (await boss.execute(document, id=id, **variables)).values()
        assert [error["code"] for error in payload["errors"]] == [code]


async def test_a_malformed_session_is_refused(boss: Caller) -> None:
    id = (await user(boss, "boss@example.org"))["id"]
    for session in ("", "session_", f"session_{'0' * 63}", f"session_{'g' * 64}", "*"):
        payload = (await boss.execute(END, id=id, session=session))["endSessions"]
        assert refusals(payload) == [("INVALID", ["session"])]
    assert await is_signed_in(boss)


# The own password


async def test_a_user_changes_the_own_password_and_keeps_only_this_session(
    ada: Caller, resources: Resources
) -> None:
    async with client_of(resources) as client:
        other = Caller(client, {})
        await other.execute(SIGN_IN, email="ada@example.org", password=PASSWORD)
        changed = (await ada.execute(CHANGE, current=PASSWORD, password=OTHER_PASSWORD))["changePassword"]
        assert changed == {"user": {"email": "ada@example.org"}, "endedSessions": 1, "errors": []}
        assert not await is_signed_in(other)
    assert await is_signed_in(ada)
    assert (await sign_in(resources, "ada@example.org", PASSWORD))["viewer"] is None
    assert (await sign_in(resources, "ada@example.org", OTHER_PASSWORD))["viewer"] is not None


async def test_wrong_and_easy_passwords_change_nothing(ada: Caller, resources: Resources) -> None:
    for current, password, path in (
        (OTHER_PASSWORD, OTHER_PASSWORD, ["current"]),
        (PASSWORD, "short", ["password"]),
        (PASSWORD, "Ada.Example.2026", ["password"]),
        (PASSWORD, "x" * 1025, ["password"]),
    ):
        payload = (await ada.execute(CHANGE, current=current, password=password))["changePassword"]
        assert refusals(payload) == [("INVALID", path)]
    assert (await sign_in(resources, "ada@example.org", PASSWORD))["viewer"] is not None


async def test_attempts_at_the_own_password_are_limited(ada: Caller) -> None:
    codes = []
    for _ in range(8):
        payload = (await ada.execute(CHANGE, current=OTHER_PASSWORD, password=OTHER_PASSWORD))[
            "changePassword"
        ]
        codes.append(payload["errors"][0]["code"])
    assert codes == ["INVALID"] * 5 + ["RATE_LIMITED"] * 3


# Outages


async def test_a_password_that_was_changed_while_sessions_cannot_be_ended_is_reported_as_changed(
    ada: Caller, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end_all(*_: object, **__: object) -> int:
        raise Unavailable("Redis does not answer.")

    changed = CHANGE.replace("code field", "code message")
    with monkeypatch.context() as patch:
        patch.setattr(resources.sessions, "end_all", end_all)
        refused = (await ada.execute(changed, current=PASSWORD, password=OTHER_PASSWORD))["changePassword"]
    assert (refused["user"], refused["endedSessions"]) == ({"email": "ada@example.org"}, 0)
    [error] = refused["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert error["message"].startswith("Your password was changed, but")
    again = (await ada.execute(changed, current=OTHER_PASSWORD, password=PASSWORD))["changePassword"]
    assert again["errors"] == []


async def test_a_password_that_was_reset_while_sessions_cannot_be_ended_is_in_the_payload(
    ada: Caller, boss: Caller, resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = (await user(boss, "ada@example.org"))["id"]
    answered = [1]

    async def end_all(user_id: UUID) -> int:
        if not answered:
            raise Unavailable("Redis does not answer.")
        return answered.pop()

    monkeypatch.setattr(resources.sessions, "end_all", end_all)
    before = REGISTRY.get_sample_value("dno_graphql_errors_total", {"code": "UNAVAILABLE"}) or 0
    reset = (await boss.execute(RESET.replace("code field", "code message"), id=id))["resetPassword"]
    assert (reset["user"], reset["endedSessions"]) == ({"email": "ada@example.org"}, 1)
    [error] = reset["errors"]
    assert error["code"] == "UNAVAILABLE"
    assert error["message"].startswith("The password was replaced, but")
    assert REGISTRY.get_sample_value("dno_graphql_errors_total", {"code": "UNAVAILABLE"}) == before + 1
    new = await sign_in(resources, "ada@example.org", reset["password"])
    assert new["viewer"]["email"] == "ada@example.org"


async def test_without_redis_keys_and_users_are_listed_and_sessions_are_unknown(
    settings: Settings, pool: Pool, valkey: PrivateValkey
) -> None:
    _, admin = await issue_key(pool, Role.ADMIN)
    without = msgspec.structs.replace(
        settings, redis_url=valkey.url, rate_limit_api_key=0, redis_timeout=0.2, redis_connect_timeout=0.2
    )
    async with open_resources(without) as resources, client_of(resources) as client:
        valkey.kill()
        response = await Caller(client, admin).execute_with_errors(
            "{ apiKeys { name } users { email sessions { id } } }"
        )
        assert response["data"] == {
            "apiKeys": [{"name": "steward"}],
            "users": [{"email": "steward@example.org", "sessions": None}],
        }
        assert [error["extensions"]["code"] for error in response["errors"]] == ["UNAVAILABLE"]
        id = f"user_{(await pool.fetch('SELECT id FROM users'))[0]['id'].hex}"
        refused = (await Caller(client, admin).execute(END, id=id))["endSessions"]
        assert refusals(refused) == [("UNAVAILABLE", None)]


# Other instances


async def test_another_instance_applies_roles_and_revocations_within_a_second(
    settings: Settings, pool: Pool
) -> None:
    passwords = Passwords(settings)
    hashed = await passwords.hash(PASSWORD)
    passwords.close()
    await make.user(pool, "boss@example.org", Role.ADMIN, hashed)
    ada = await make.user(pool, "ada@example.org", Role.VIEWER, hashed)
    async with running(settings) as first, running(settings) as second, httpx.AsyncClient() as client:

        async def session(email: str) -> dict[str, str]:
            token = (await first.execute(SIGN_IN, email=email, password=PASSWORD))["signIn"]["token"]
            return {"authorization": f"Bearer {token}"}

        boss, other = await session("boss@example.org"), await session("ada@example.org")

        async def until_answered(codes: list[str]) -> None:
            async with asyncio.timeout(SECOND):
                while True:
                    response = await client.post(second.url, json={"query": KEYS}, headers=other)
                    if [each["extensions"]["code"] for each in response.json().get("errors", ())] == codes:
                        return

        id = f"user_{ada.id.hex}"
        await until_answered(["FORBIDDEN"])
        for role, codes in (("ADMIN", []), ("EDITOR", ["FORBIDDEN"])) * 2:
            await first.execute(SET_ROLE, boss, id=id, role=role)
            await until_answered(codes)
        await first.execute(RESET, boss, id=id)
        await until_answered(["UNAUTHENTICATED"])
