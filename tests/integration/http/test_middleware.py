"""The effects of the middleware on requests and responses."""

import asyncio
from typing import Any

import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from app.domain.account import Principal, Role
from app.errors import AppError, CannotStart, Code
from app.http.request_state import request_state
from app.middleware.client_address import ClientAddress
from app.observability import counting
from app.settings import Settings
from tests.asgi import with_request_state
from tests.integration.http.conftest import Keys, Limiters, application, client_of


async def answer(request: Request) -> Response:
    state = request_state(request.scope)
    return PlainTextResponse(f"{state.address} {state.principal.role}")


async def echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def page(request: Request) -> Response:
    return HTMLResponse("<p>", headers={"content-security-policy": "default-src 'self'"})


async def broken(request: Request) -> Response:
    raise RuntimeError("postgresql://user:hunter2@db/ is broken")


async def conflict(request: Request) -> Response:
    raise AppError("tariff 7 is at version 3", Code.CONFLICT, version=3)


async def charged(request: Request) -> Response:
    state = request_state(request.scope)
    state.verdict = await state.resources.limiter.charge("203.0.113.7", 5000)
    return PlainTextResponse("")


async def chat(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


ROUTES: list[BaseRoute] = [
    Route("/graphql", answer, methods=["GET", "POST"]),
    Route("/echo", echo, methods=["POST"]),
    Route("/page", page),
    Route("/broken", broken),
    Route("/things/{id}", conflict),
    Route("/charged", charged),
    Route("/healthz", lambda request: PlainTextResponse("up")),
    WebSocketRoute("/graphql", chat),
]


@pytest.fixture
def app_of(limiters: Limiters, redis_url: str) -> Any:
    def build(
        routes: list[BaseRoute] | None = None, authenticator: Keys | None = None, **settings: Any
    ) -> Any:
        return application(
            Settings(**settings),
            limiters(redis_url, **settings),
            routes or ROUTES,
            **({"authenticator": authenticator} if authenticator else {}),
        )

    return build


async def test_a_response_has_the_id_of_its_request(app_of: Any) -> None:
    async with client_of(app_of()) as client:
        made = [(await client.get("/graphql")).headers["x-request-id"] for _ in range(3)]
        assert len(set(made)) == 3
        sane = await client.get("/graphql", headers={"x-request-id": "trace-0815.a_b"})
        assert sane.headers["x-request-id"] == "trace-0815.a_b"
        strange = await client.get("/graphql", headers={"x-request-id": "<script>alert(1)</script>"})
        assert strange.headers["x-request-id"] not in ("<script>alert(1)</script>", made[-1])


async def test_the_rate_limit_is_announced_and_then_enforced(app_of: Any) -> None:
    async with client_of(app_of(rate_limit_anonymous=2)) as client:
        first = await client.get("/graphql")
        assert first.headers["ratelimit-policy"] == '"anonymous";q=2;w=60'
        assert first.headers["ratelimit"] == '"anonymous";r=1;t=30'
        await client.get("/graphql")
        refused = await client.post("/graphql", json={})
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "30"
        assert refused.headers.get_list("ratelimit") == ['"anonymous";r=0;t=30']
        error = refused.json()["errors"][0]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert error["extensions"]["requestId"] == refused.headers["x-request-id"]
        assert (await client.get("/healthz")).status_code == 200


async def test_the_cost_of_an_operation_is_charged_in_its_response(app_of: Any) -> None:
    async with client_of(app_of()) as client:
        assert (await client.get("/charged")).headers["ratelimit"].startswith('"anonymous";r=55;')


async def test_other_addresses_have_budgets_of_their_own(app_of: Any) -> None:
    app = app_of(rate_limit_anonymous=1)
    async with client_of(app, "203.0.113.1") as one, client_of(app, "203.0.113.2") as other:
        assert (await one.get("/graphql")).status_code == 200
        assert (await one.get("/graphql")).status_code == 429
        assert (await other.get("/graphql")).status_code == 200


async def test_an_untrusted_x_forwarded_for_is_ignored(app_of: Any) -> None:
    async with client_of(app_of(rate_limit_anonymous=1)) as client:
        seen = await client.get(
            "/graphql", headers={"x-forwarded-for": "1.2.3.4", "forwarded": "for=1.2.3.4"}
        )
        assert seen.text.startswith("203.0.113.7 ")
        again = await client.get("/graphql", headers={"x-forwarded-for": "5.6.7.8"})
        assert again.status_code == 429


async def test_a_network_of_ipv6_is_one_client(app_of: Any) -> None:
    app = app_of(rate_limit_anonymous=1)
    async with client_of(app, "2001:db8:1:2::7") as one, client_of(app, "2001:db8:1:2:ffff::1") as same:
        assert (await one.get("/graphql")).text.startswith("2001:db8:1:2::/64 ")
        assert (await same.get("/graphql")).status_code == 429
    async with client_of(app, "2001:db8:1:3::7") as other:
        assert (await other.get("/graphql")).status_code == 200


async def test_a_key_has_its_own_limit_and_a_wrong_one_is_rejected(app_of: Any) -> None:
    keys = Keys(good=Principal(role=Role.EDITOR, api_key_id="7"))  # type: ignore[arg-type]
    app = app_of(authenticator=keys, rate_limit_anonymous=2, rate_limit_api_key=5)
    async with client_of(app) as client:
        good = await client.get("/graphql", headers={"authorization": "Bearer good"})
        assert good.text.endswith(" EDITOR")
        assert good.headers["ratelimit-policy"] == '"api-key";q=5;w=60'
        wrong = [await client.get("/graphql", headers={"authorization": "Bearer wrong"}) for _ in range(4)]
        assert [response.status_code for response in wrong] == [401, 401, 429, 429]
        assert wrong[0].headers["www-authenticate"].startswith("Bearer")
        assert keys.lookups == 5  # also beyond the limit: a valid key would have been served


async def test_a_body_beyond_the_limit_is_rejected(app_of: Any) -> None:
    async with client_of(app_of(max_request_body_bytes=100)) as client:
        assert (await client.post("/echo", content=b"x" * 100)).text == "100"
        announced = await client.post("/echo", content=b"x" * 101)
        assert announced.status_code == 413
        assert announced.json()["code"] == "PAYLOAD_TOO_LARGE"

        async def pieces() -> Any:
            for _ in range(1000):
                yield b"x" * 50

        assert (await client.post("/echo", content=pieces())).status_code == 413


async def test_the_bytes_of_buffered_bodies_are_bounded_in_total(app_of: Any) -> None:
    """A large one is rejected while others use the budget; a small one is not; an answered request releases its bytes."""
    go_on, holding = asyncio.Event(), asyncio.Event()

    async def hold(request: Request) -> Response:
        await request.body()
        holding.set()
        await go_on.wait()
        return PlainTextResponse("")

    routes: list[BaseRoute] = [Route("/hold", hold, methods=["POST"]), *ROUTES]
    async with client_of(app_of(routes, max_held_body_bytes=100_000)) as client:
        held = asyncio.create_task(client.post("/hold", content=b"x" * 90_000))
        await holding.wait()
        refused = await client.post("/echo", content=b"x" * 50_000)
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert refused.headers["retry-after"] == "1"
        assert (await client.post("/echo", content=b"x" * 10_000)).text == "10000"
        go_on.set()
        assert (await held).status_code == 200
        assert (await client.post("/echo", content=b"x" * 50_000)).text == "50000"


async def test_an_unexpected_error_reveals_no_details(app_of: Any, capfd: Any) -> None:
    async with client_of(app_of()) as client:
        response = await client.get("/broken")
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "INTERNAL_SERVER_ERROR"
        assert response.json()["requestId"] == response.headers["x-request-id"]
        assert "hunter2" not in response.text
        assert "Traceback" not in response.text


async def test_application_errors_and_those_of_starlette_are_problem_documents(app_of: Any) -> None:
    async with client_of(app_of()) as client:
        refused = await client.get("/things/7")
        assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
        assert refused.json()["version"] == 3
        missing = await client.get("/nowhere")
        assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
        method = await client.get("/echo")
        assert (method.status_code, method.headers["allow"]) == (405, "POST")
        assert method.json()["status"] == 405


async def test_security_headers_are_on_every_response(app_of: Any) -> None:
    async with client_of(app_of()) as client:
        for path in ("/graphql", "/broken", "/nowhere", "/page"):
            headers = (await client.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            # A form of a page states its origin, which protects against those of other sites.
            assert headers["referrer-policy"] == ("same-origin" if path == "/page" else "no-referrer")
            assert len(headers.get_list("content-security-policy")) == 1
            assert "strict-transport-security" not in headers
        assert (await client.get("/page")).headers["content-security-policy"] == "default-src 'self'"
        assert "default-src 'none'" in (await client.get("/graphql")).headers["content-security-policy"]
        secure = await client.get("https://dno.test/graphql")
        assert secure.headers["strict-transport-security"] == "max-age=31536000"


async def test_only_listed_origins_may_read(app_of: Any) -> None:
    app = app_of(allowed_origins=("https://front.example",), cross_origin_reading=False)
    async with client_of(app) as client:
        listed = await client.get("/graphql", headers={"origin": "https://front.example"})
        assert listed.headers["access-control-allow-origin"] == "https://front.example"
        assert listed.headers["access-control-allow-credentials"] == "true"
        other = await client.get("/graphql", headers={"origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        preflight = await client.options(
            "/graphql",
            headers={
                "origin": "https://front.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type,authorization",
            },
        )
        assert preflight.status_code == 204


async def test_requests_are_counted_by_route_and_not_by_invented_paths_or_methods(app_of: Any) -> None:
    def counted(**labels: str) -> float:
        counting.flush()
        return REGISTRY.get_sample_value("dno_http_requests_total", labels) or 0

    before = counted(method="GET", route="/things/{id}", status="409")
    unknown = counted(method="unknown", route="unknown", status="404")
    async with client_of(app_of()) as client:
        await asyncio.gather(*(client.get(f"/things/{n}") for n in range(5)))
        await client.request("BREW", "/made/up")
    assert counted(method="GET", route="/things/{id}", status="409") - before == 5
    assert counted(method="unknown", route="unknown", status="404") - unknown == 1
    assert REGISTRY.get_sample_value("dno_http_requests_in_flight") == 0


async def close_code(app: Any, *headers: tuple[bytes, bytes]) -> int | None:
    """The close code of a server that cannot respond before the handshake; None if the socket was accepted."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "scheme": "ws",
        "headers": [(b"host", b"dno.test"), *headers],
        "client": ("203.0.113.7", 5000),
        "subprotocols": [],
        "extensions": {},
    }
    await app(scope, receive, send)
    return sent[0].get("code") if sent[0]["type"] == "websocket.close" else None


async def test_sockets_are_rate_limited_and_checked_for_their_origin(app_of: Any) -> None:
    app = app_of(
        rate_limit_anonymous=2, allowed_origins=("https://front.example",), cross_origin_reading=False
    )
    assert await close_code(app, (b"origin", b"https://evil.example")) == 1008
    assert await close_code(app, (b"origin", b"https://front.example")) is None
    assert await close_code(app, (b"origin", b"https://dno.test")) is None
    assert await close_code(app) == 1013


@pytest.mark.parametrize(
    ("peer", "headers", "address"),
    [
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.9"}, "198.51.100.9"),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 198.51.100.9, 10.0.0.2"}, "198.51.100.9"),
        ("10.0.0.1", {"x-forwarded-for": "10.0.0.3, 10.0.0.2"}, "10.0.0.3"),
        ("10.0.0.1", {"x-forwarded-for": "198.51.100.9:1234"}, "198.51.100.9"),
        ("10.0.0.1", {"x-forwarded-for": "nonsense, 10.0.0.2"}, "10.0.0.2"),
        ("10.0.0.1", {"forwarded": 'for="[2001:db8:cafe::17]:4711";proto=https'}, "2001:db8:cafe::/64"),
        ("10.0.0.1", {"forwarded": 'for="open, for=198.51.100.9'}, "198.51.100.9"),
        ("10.0.0.1", {"forwarded": "for=_hidden"}, "10.0.0.1"),
        ("10.0.0.1", {"forwarded": "for=1.1.1.1", "x-forwarded-for": "198.51.100.9"}, "198.51.100.9"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("::ffff:10.0.0.1", {"x-forwarded-for": "198.51.100.9"}, "198.51.100.9"),
        ("192.0.2.1", {"x-forwarded-for": "198.51.100.9"}, "192.0.2.1"),
    ],
)
async def test_forwarded_addresses_are_trusted_from_the_right(
    peer: str, headers: dict[str, str], address: str
) -> None:
    async def show_address(scope: Any, receive: Any, send: Any) -> None:
        await PlainTextResponse(request_state(scope).address)(scope, receive, send)

    settings = Settings(trusted_proxies=("10.0.0.0/8",))
    async with client_of(with_request_state(ClientAddress(show_address, settings)), peer) as client:
        assert (await client.get("/", headers=headers)).text == address


async def test_the_scheme_comes_from_the_proxy_as_well(app_of: Any) -> None:
    app = app_of(trusted_proxies=("203.0.113.7",))
    headers = {"x-forwarded-for": "198.51.100.9", "x-forwarded-proto": "https"}
    async with client_of(app) as client:
        response = await client.get("/graphql", headers=headers)
    assert "strict-transport-security" in response.headers


def test_a_wrong_network_is_named() -> None:
    with pytest.raises(CannotStart, match=r"TRUSTED_PROXIES.*10\.0\.0\.0/99"):
        ClientAddress(lambda *_: None, Settings(trusted_proxies=("10.0.0.0/99",)))  # type: ignore[arg-type, return-value]
