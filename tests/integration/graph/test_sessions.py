"""Signing in and out by mutations: cookies, cross-site requests, limits, and outages of Redis."""

import asyncio
from typing import Any

import httpx
import msgspec
import pytest

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role, User
from app.resources import Resources, open_resources
from app.settings import Settings, as_environment
from tests import factories as make
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.graphql_client import client_of, execute
from tests.server_process import dno as command
from tests.servers import PrivateValkey
from tests.waiting import until_equal

# The limit of a second in production; a busy machine may take longer.
SECOND = 30

SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { viewer { id email role } token errors { code message field } }
}
"""
SIGN_OUT = "mutation { signOut { viewer { email } token errors { code } } }"
VIEWER = "{ viewer { email role } }"
FLAG = 'mutation { flag(input: {id: "x", reason: "y"}) { errors { code } } }'
FOREIGN = {"origin": "https://evil.example"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def ada(pool: Pool, settings: Settings) -> User:
    passwords = Passwords(settings)
    password_hash = await passwords.hash(PASSWORD)
    passwords.close()
    return await make.user(pool, "ada@example.org", Role.EDITOR, password_hash)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD, **headers: str) -> httpx.Response:
    variables = {"email": "ada@example.org", "password": password}
    return await client.post("/graphql", json={"query": SIGN_IN, "variables": variables}, headers=headers)


async def viewer(client: httpx.AsyncClient, **headers: str) -> Any:
    response = await client.post("/graphql", json={"query": VIEWER}, headers=headers)
    return response.json()["data"]["viewer"]


async def flag(client: httpx.AsyncClient, **request: Any) -> httpx.Response:
    return await client.post("/graphql", **({"json": {"query": FLAG}} | request))


def cookies_of(response: httpx.Response) -> list[tuple[str, set[str]]]:
    """Names and attributes of the cookies of session and device."""
    cookies = [line.split("; ") for line in response.headers.get_list("set-cookie")]
    return [(pair.partition("=")[0], set(attributes)) for pair, *attributes in cookies]


async def test_a_user_signs_in_is_authenticated_and_signs_out(client: httpx.AsyncClient, ada: User) -> None:
    response = await sign_in(client)
    session = response.json()["data"]["signIn"]
    assert session["errors"] == []
    assert session["viewer"] == {"id": f"user_{ada.id.hex}", "email": "ada@example.org", "role": "EDITOR"}
    assert await viewer(client) == {"email": "ada@example.org", "role": "EDITOR"}
    assert (await flag(client)).json()["data"]["flag"]["errors"] == [
        {"code": "INVALID"}
    ]  # permitted, but an invalid id

    token = {"authorization": f"Bearer {session['token']}"}
    assert await execute(client, SIGN_OUT) == {"signOut": {"viewer": None, "token": None, "errors": []}}
    assert [*client.cookies] == ["dno_device"]  # the device token, which authenticates nothing
    assert await viewer(client) is None
    assert (await client.post("/graphql", json={"query": VIEWER}, headers=token)).status_code == 401


@pytest.mark.parametrize(
    ("host", "prefix", "secure"),
    [("localhost:8000", "", False), ("api.example.org", "__Host-", True)],
)
async def test_the_cookies_have_the_attributes_of_first_party_cookies(
    client: httpx.AsyncClient, ada: User, host: str, prefix: str, secure: bool
) -> None:
    given = cookies_of(await sign_in(client, host=host))
    attributes = {"HttpOnly", "SameSite=Lax", "Path=/", *(["Secure"] if secure else [])}
    assert given == [
        (f"{prefix}dno_session", attributes | {"Max-Age=86400"}),
        (f"{prefix}dno_device", attributes | {"Max-Age=15552000"}),
    ]


async def test_a_personal_response_is_not_cached(
    client: httpx.AsyncClient, resources: Resources, ada: User
) -> None:
    response = await sign_in(client)
    assert response.headers["cache-control"] == "no-store"
    async with client_of(resources) as anonymous:
        for _ in range(2):
            assert await viewer(client) is not None
            assert await viewer(anonymous) is None
        repeated = await client.get("/graphql", params={"query": VIEWER})
    assert repeated.headers["cache-control"] in ("no-store", "no-cache")


async def test_every_sign_in_starts_a_new_session_and_ends_the_former(
    client: httpx.AsyncClient, resources: Resources, ada: User
) -> None:
    first, second = [(await sign_in(client)).json()["data"]["signIn"]["token"] for _ in range(2)]
    assert first != second
    async with client_of(resources) as other:
        assert (
            await other.post("/graphql", json={"query": VIEWER}, headers=bearer(first))
        ).status_code == 401
        assert await viewer(other, **bearer(second)) is not None


async def test_a_cookie_is_accepted_from_the_own_and_from_allowed_origins_only(
    resources: Resources, ada: User
) -> None:
    async with client_of(resources, allowed_origins=("https://front.example",)) as client:
        token = (await sign_in(client)).json()["data"]["signIn"]["token"]
        client.cookies.clear()
        sent = {"cookie": f"dno_session={token}"}
        for allowed in (
            {},
            {"origin": "http://localhost"},
            {"sec-fetch-site": "same-origin"},
        ):
            assert await viewer(client, **sent, **allowed) is not None
        for foreign in (FOREIGN, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            assert await viewer(client, **sent, **foreign) is None
            refused = await flag(client, headers=sent | foreign)
            assert refused.json()["data"]["flag"]["errors"] == [{"code": "UNAUTHENTICATED"}]
            # A browser does not send an Authorization header by itself.
            assert await viewer(client, **bearer(token), **foreign) is not None


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content-type": "application/x-www-form-urlencoded"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content-type": "multipart/form-data; boundary=x"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"content-type": "application/json"}, 200, None),
    ],
)
async def test_a_mutation_in_a_form_of_another_origin_is_refused(
    client: httpx.AsyncClient, ada: User, headers: dict[str, str], status: int, code: str | None
) -> None:
    await sign_in(client)
    body = msgspec.json.encode({"query": FLAG})
    response = await flag(client, json=None, content=body, headers=headers)
    assert response.status_code == status
    if code is not None:
        assert response.json()["errors"][0]["extensions"]["code"] == code


async def test_a_mutation_by_get_is_refused(client: httpx.AsyncClient, ada: User) -> None:
    await sign_in(client)
    for headers in ({}, {"apollo-require-preflight": "1"}):
        response = await client.get("/graphql", params={"query": FLAG}, headers=headers)
        assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_preflight_requests_are_granted_to_allowed_origins_only(
    resources: Resources, ada: User
) -> None:
    preflight = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-requested-with",
    }
    async with client_of(
        resources, allowed_origins=("https://front.example",), cross_origin_reading=False
    ) as client:
        allowed = await client.options("/graphql", headers=preflight | {"origin": "https://front.example"})
        refused = await client.options("/graphql", headers=preflight | FOREIGN)
    assert allowed.headers["access-control-allow-origin"] == "https://front.example"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in refused.headers


async def test_wrong_credentials_get_equal_responses_without_a_cookie(
    client: httpx.AsyncClient, ada: User
) -> None:
    refused = []
    for email, password in (("ada@example.org", "wrong"), ("unknown@example.org", PASSWORD)):
        variables = {"email": email, "password": password}
        response = await client.post("/graphql", json={"query": SIGN_IN, "variables": variables})
        assert "set-cookie" not in response.headers
        refused.append(response.json()["data"]["signIn"])
    assert refused[0] == refused[1]
    assert refused[0]["errors"][0]["code"] == "UNAUTHENTICATED"
    assert refused[0]["viewer"] is refused[0]["token"] is None


async def test_sign_in_attempts_are_limited(client: httpx.AsyncClient, settings: Settings, ada: User) -> None:
    for _ in range(settings.rate_limit_sign_in):
        assert (await errors_of(sign_in(client, "wrong")))[0]["code"] == "UNAUTHENTICATED"
    (limited,) = await errors_of(sign_in(client))
    assert limited["code"] == "RATE_LIMITED"
    assert limited["message"] == "Too many attempts to sign in; please wait."


async def test_a_known_device_can_sign_in_during_a_flood_from_its_address(
    resources: Resources, settings: Settings, ada: User
) -> None:
    """A flood of wrong passwords, anonymous requests and invalid credentials from the same address."""
    limits = {
        "rate_limit_anonymous": 60,
        "rate_limit_sign_in": settings.rate_limit_sign_in,
        "rate_limit_window": 3600.0,
    }
    async with (
        open_resources(msgspec.structs.replace(settings, **limits)) as limited,
        client_of(limited) as owner,
        client_of(limited) as attacker,
    ):
        await sign_in(owner)
        await execute(owner, SIGN_OUT)
        for _ in range(settings.rate_limit_sign_in):
            assert (await errors_of(sign_in(attacker, "wrong")))[0]["code"] == "UNAUTHENTICATED"
        assert (await errors_of(sign_in(attacker)))[0]["code"] == "RATE_LIMITED"
        async with asyncio.timeout(20):
            while (await attacker.post("/graphql", json={"query": VIEWER})).status_code != 429:
                pass
        assert (await errors_of(sign_in(owner))) == []
        assert await viewer(owner) is not None
        # Also once the session has ended without a sign-out.
        owner.cookies.set("dno_session", "A" * 43)
        assert (await errors_of(sign_in(owner))) == []
        forged = {"cookie": f"dno_device={ada.id.hex}.1.{'A' * 16}.{'A' * 43}"}
        assert (await attacker.post("/graphql", json={"query": VIEWER}, headers=forged)).status_code == 429


async def test_while_redis_is_unavailable_a_session_is_neither_ended_nor_authenticated(
    settings: Settings, pool: Pool, ada: User, valkey: PrivateValkey
) -> None:
    short_timeouts = {"redis_url": valkey.url, "redis_timeout": 0.2, "redis_connect_timeout": 0.2}
    settings = msgspec.structs.replace(settings, **short_timeouts)
    async with open_resources(settings) as resources, client_of(resources) as client:
        await sign_in(client)
        valkey.pause()
        unavailable = await client.post("/graphql", json={"query": VIEWER})
        assert unavailable.status_code == 503
        assert unavailable.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert "set-cookie" not in unavailable.headers
        async with client_of(resources) as anonymous:
            assert [error["code"] for error in await errors_of(sign_in(anonymous))] == ["UNAVAILABLE"]
            assert await viewer(anonymous) is None
        valkey.resume()

        async def status() -> int:
            return (await client.post("/graphql", json={"query": VIEWER})).status_code

        await until_equal(status, 200)
        assert await viewer(client) is not None


async def test_every_request_renews_the_lifetime_of_a_session(
    client: httpx.AsyncClient, resources: Resources, ada: User
) -> None:
    await sign_in(client)
    [key] = [key async for key in resources.shared.client.scan_iter("dno:session:*")]
    await resources.shared.client.expire(key, 100)
    assert await viewer(client) is not None
    assert 86_390 <= await resources.shared.client.ttl(key) <= 86_400


# From the command line


@pytest.fixture
async def open_session(client: httpx.AsyncClient, ada: User) -> httpx.AsyncClient:
    await sign_in(client)
    assert await viewer(client) is not None
    return client


async def dno(settings: Settings, *arguments: str, stdin: str = "") -> str:
    environment = as_environment(settings)
    done = await asyncio.to_thread(command, "user", *arguments, environment=environment, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_all_sessions_of_a_user_are_ended(open_session: httpx.AsyncClient, settings: Settings) -> None:
    assert "1 session" in await dno(settings, "sign-out", "Ada@example.org")
    assert await viewer(open_session) is None
    assert "0 sessions" in await dno(settings, "sign-out", "ada@example.org")


async def test_a_changed_role_applies_to_open_sessions(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    assert "VIEWER" in await dno(settings, "role", "ada@example.org", "viewer")
    await wait_for_viewer(open_session, {"email": "ada@example.org", "role": "VIEWER"})


async def test_a_changed_password_ends_all_sessions(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    await dno(settings, "password", "ada@example.org", stdin="another horse battery\n")
    assert await viewer(open_session) is None
    assert [error["code"] for error in await errors_of(sign_in(open_session))] == ["UNAUTHENTICATED"]
    assert await errors_of(sign_in(open_session, "another horse battery")) == []


async def test_a_deleted_user_is_not_authenticated(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    await dno(settings, "delete", "ada@example.org")
    await wait_for_viewer(open_session, None)
    assert "ada@example.org" not in await dno(settings, "list")


async def wait_for_viewer(client: httpx.AsyncClient, expected: Any) -> None:
    """Waits until the change of another process is invalidated here."""
    async with asyncio.timeout(SECOND):
        while await viewer(client) != expected:
            await asyncio.sleep(0.01)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def errors_of(response: Any) -> Any:
    return (await response).json()["data"]["signIn"]["errors"]
