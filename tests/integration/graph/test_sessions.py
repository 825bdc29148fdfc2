"""Signing in and out through the graph: cookies, foreign pages, limits, and Redis away."""

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
from tests.instances import dno as command
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.graphql_client import client_of, execute
from tests.servers import PrivateValkey

# What is promised within a second; a machine that runs many tests at once may take longer over it.
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
    answer = await client.post("/graphql", json={"query": VIEWER}, headers=headers)
    return answer.json()["data"]["viewer"]


async def flag(client: httpx.AsyncClient, **request: Any) -> httpx.Response:
    return await client.post("/graphql", **({"json": {"query": FLAG}} | request))


def cookies_of(answer: httpx.Response) -> list[tuple[str, set[str]]]:
    """Names and attributes: of the session, and of the device."""
    cookies = [line.split("; ") for line in answer.headers.get_list("set-cookie")]
    return [(pair.partition("=")[0], set(attributes)) for pair, *attributes in cookies]


async def test_a_person_signs_in_is_known_and_signs_out(client: httpx.AsyncClient, ada: User) -> None:
    answer = await sign_in(client)
    session = answer.json()["data"]["signIn"]
    assert session["errors"] == []
    assert session["viewer"] == {"id": f"user_{ada.id.hex}", "email": "ada@example.org", "role": "EDITOR"}
    assert await viewer(client) == {"email": "ada@example.org", "role": "EDITOR"}
    assert (await flag(client)).json()["data"]["flag"]["errors"] == [
        {"code": "INVALID"}
    ]  # allowed, but no id

    token = {"authorization": f"Bearer {session['token']}"}
    assert await execute(client, SIGN_OUT) == {"signOut": {"viewer": None, "token": None, "errors": []}}
    assert [*client.cookies] == ["dno_device"]  # the proof of having been here, which opens nothing
    assert await viewer(client) is None
    assert (await client.post("/graphql", json={"query": VIEWER}, headers=token)).status_code == 401


@pytest.mark.parametrize(
    ("host", "prefix", "secure"),
    [("localhost:8000", "", False), ("api.example.org", "__Host-", True)],
)
async def test_the_cookies_are_for_our_own_pages_only(
    client: httpx.AsyncClient, ada: User, host: str, prefix: str, secure: bool
) -> None:
    given = cookies_of(await sign_in(client, host=host))
    attributes = {"HttpOnly", "SameSite=Lax", "Path=/", *(["Secure"] if secure else [])}
    assert given == [
        (f"{prefix}dno_session", attributes | {"Max-Age=86400"}),
        (f"{prefix}dno_device", attributes | {"Max-Age=15552000"}),
    ]


async def test_an_answer_that_depends_on_who_asks_is_kept_for_nobody(
    client: httpx.AsyncClient, resources: Resources, ada: User
) -> None:
    answer = await sign_in(client)
    assert answer.headers["cache-control"] == "no-store"
    async with client_of(resources) as stranger:
        for _ in range(2):
            assert await viewer(client) is not None
            assert await viewer(stranger) is None
        kept = await client.get("/graphql", params={"query": VIEWER})
    assert kept.headers["cache-control"] in ("no-store", "no-cache")


async def test_every_sign_in_has_a_session_of_its_own_and_ends_the_former(
    client: httpx.AsyncClient, resources: Resources, ada: User
) -> None:
    first, second = [(await sign_in(client)).json()["data"]["signIn"]["token"] for _ in range(2)]
    assert first != second
    async with client_of(resources) as other:
        assert (
            await other.post("/graphql", json={"query": VIEWER}, headers=bearer(first))
        ).status_code == 401
        assert await viewer(other, **bearer(second)) is not None


async def test_a_cookie_counts_from_our_own_and_from_allowed_pages_only(
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
            # What a page has to be given to send is not sent by the browser on its own.
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
async def test_what_a_form_of_a_foreign_page_can_send_changes_nothing(
    client: httpx.AsyncClient, ada: User, headers: dict[str, str], status: int, code: str | None
) -> None:
    await sign_in(client)
    body = msgspec.json.encode({"query": FLAG})
    answer = await flag(client, json=None, content=body, headers=headers)
    assert answer.status_code == status
    if code is not None:
        assert answer.json()["errors"][0]["extensions"]["code"] == code


async def test_a_get_changes_nothing(client: httpx.AsyncClient, ada: User) -> None:
    await sign_in(client)
    for headers in ({}, {"apollo-require-preflight": "1"}):
        answer = await client.get("/graphql", params={"query": FLAG}, headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_browser_lets_only_allowed_pages_send_and_read(resources: Resources, ada: User) -> None:
    asks = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-requested-with",
    }
    async with client_of(resources, allowed_origins=("https://front.example",)) as client:
        allowed = await client.options("/graphql", headers=asks | {"origin": "https://front.example"})
        refused = await client.options("/graphql", headers=asks | FOREIGN)
    assert allowed.headers["access-control-allow-origin"] == "https://front.example"
    assert allowed.headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in refused.headers


async def test_wrong_words_are_refused_alike_and_leave_no_cookie(
    client: httpx.AsyncClient, ada: User
) -> None:
    refused = []
    for email, password in (("ada@example.org", "wrong"), ("nobody@example.org", PASSWORD)):
        variables = {"email": email, "password": password}
        answer = await client.post("/graphql", json={"query": SIGN_IN, "variables": variables})
        assert "set-cookie" not in answer.headers
        refused.append(answer.json()["data"]["signIn"])
    assert refused[0] == refused[1]
    assert refused[0]["errors"][0]["code"] == "UNAUTHENTICATED"
    assert refused[0]["viewer"] is refused[0]["token"] is None


async def test_attempts_are_limited(client: httpx.AsyncClient, settings: Settings, ada: User) -> None:
    for _ in range(settings.rate_limit_sign_in):
        assert (await errors_of(sign_in(client, "wrong")))[0]["code"] == "UNAUTHENTICATED"
    (limited,) = await errors_of(sign_in(client))
    assert limited["code"] == "RATE_LIMITED"
    assert limited["message"] == "Too many attempts to sign in; please wait."


async def test_a_browser_that_was_signed_in_before_can_sign_in_beside_a_flood(
    resources: Resources, settings: Settings, ada: User
) -> None:
    """Of wrong passwords, of anonymous requests and of invalid credentials, all from its own address."""
    limits = {"rate_limit_anonymous": 60, "rate_limit_sign_in": settings.rate_limit_sign_in}
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
        made_up = {"cookie": f"dno_device={ada.id.hex}.1.{'A' * 16}.{'A' * 43}"}
        assert (await attacker.post("/graphql", json={"query": VIEWER}, headers=made_up)).status_code == 429


async def test_while_redis_is_away_a_session_is_neither_over_nor_taken_for_somebody(
    settings: Settings, pool: Pool, ada: User, valkey: PrivateValkey
) -> None:
    hasty = {"redis_url": valkey.url, "redis_timeout": 0.2, "redis_connect_timeout": 0.2}
    settings = msgspec.structs.replace(settings, **hasty)
    async with open_resources(settings) as resources, client_of(resources) as client:
        await sign_in(client)
        valkey.pause()
        waiting = await client.post("/graphql", json={"query": VIEWER})
        assert waiting.status_code == 503
        assert waiting.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
        assert "set-cookie" not in waiting.headers
        async with client_of(resources) as stranger:
            assert [error["code"] for error in await errors_of(sign_in(stranger))] == ["UNAVAILABLE"]
            assert await viewer(stranger) is None
        valkey.resume()
        async with asyncio.timeout(5):
            while (await client.post("/graphql", json={"query": VIEWER})).status_code == 503:
                await asyncio.sleep(0.05)
        assert await viewer(client) is not None


async def test_every_visit_lets_a_session_live_longer(
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


async def dno(settings: Settings, *words: str, stdin: str = "") -> str:
    environment = as_environment(settings)
    done = await asyncio.to_thread(command, "user", *words, environment=environment, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_all_sessions_of_a_person_are_ended(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    assert "1 session" in await dno(settings, "sign-out", "Ada@example.org")
    assert await viewer(open_session) is None
    assert "0 sessions" in await dno(settings, "sign-out", "ada@example.org")


async def test_another_role_holds_for_open_sessions(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    assert "VIEWER" in await dno(settings, "role", "ada@example.org", "viewer")
    await until(open_session, {"email": "ada@example.org", "role": "VIEWER"})


async def test_another_password_ends_all_sessions(
    open_session: httpx.AsyncClient, settings: Settings
) -> None:
    await dno(settings, "password", "ada@example.org", stdin="another horse battery\n")
    assert await viewer(open_session) is None
    assert [error["code"] for error in await errors_of(sign_in(open_session))] == ["UNAUTHENTICATED"]
    assert await errors_of(sign_in(open_session, "another horse battery")) == []


async def test_who_is_deleted_is_nobody(open_session: httpx.AsyncClient, settings: Settings) -> None:
    await dno(settings, "delete", "ada@example.org")
    await until(open_session, None)
    assert "ada@example.org" not in await dno(settings, "list")


async def until(client: httpx.AsyncClient, expected: Any) -> None:
    """What another process has written arrives soon."""
    async with asyncio.timeout(SECOND):
        while await viewer(client) != expected:
            await asyncio.sleep(0.01)


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def errors_of(answer: Any) -> Any:
    return (await answer).json()["data"]["signIn"]["errors"]
