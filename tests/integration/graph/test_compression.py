"""Compression by a whole server: every address, each coding, cached in compressed form, and nothing that has secrets."""

import json
import re
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.tariff import Tariff
from app.http.compression import MAX_ON_LOOP, is_compressible
from app.http.content_coding import MINIMUM
from app.settings import Settings
from tests import factories as make
from tests.codings import CODINGS, compressions, decoded
from tests.integration.graph.running import Running, has_cached_response, issue_key, running
from tests.integration.graph.test_paths import PATHS
from tests.integration.graph.wire import Response, get, post, wire
from tests.integration.graph.work_browser import Browser
from tests.integration.graph.work_browser import add_user as add_user
from tests.integration.graph.work_browser import browser as browser
from tests.integration.graph.work_browser import editor as editor
from tests.integration.graph.writing import CORRECT_TARIFF, global_id

FIELDS = "id year voltageLevel leistung arbeit leistungUnter2500h arbeitUnter2500h publication"
PRICES = f'{{ dno(slug: "netze-a") {{ {" ".join(f"t{year}: tariffs(year: {year}) {{ {FIELDS} }}" for year in (2024, 2025))} }} }}'
LONG_NAME = "n" * 90
EXPORTS = ("/export/tariffs.csv", "/export/tariffs.ndjson", "/export/registry.csv")
WORKBENCH = re.compile(r"(?:/[a-z]{2})?/work(?:/|\?|\Z)")
# What differs between two requests, and the time that is left of a lifetime.
PER_REQUEST = ("date", "x-request-id", "ratelimit", "cache-control", "set-cookie", "transfer-encoding")


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    dno = await make.dno(pool, "netze-a")
    tariffs = [await make.tariff(pool, dno, year, leistung="58.21") for year in (2025, 2024)]
    for year in (2024, 2025):
        for level in ("MS", "HS", "NS"):
            if level != tariffs[0].voltage_level:
                await make.tariff(pool, dno, year, level)
    return tariffs[0]


async def raw(
    client: httpx.AsyncClient, path: str, coding: str | None, method: str = "GET", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    accepted = {"accept-encoding": coding or "identity", **headers}
    async with client.stream(method, path, headers=accepted) as response:
        body = b"".join([part async for part in response.aiter_raw()])
        return response.status_code, dict(response.headers), body


def client_of(server: Running, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url.removesuffix("/graphql"), headers=headers, timeout=30)


def stripped(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in PER_REQUEST}


async def test_every_address_sends_what_is_longer_than_1_kb_in_the_coding_that_is_accepted(
    server: Running, tariff: Tariff
) -> None:
    """And the workbench, whose pages have tokens, in none."""
    encoded = set()
    async with client_of(server, accept="text/html, */*;q=0.1") as client:
        for path in (*PATHS, *EXPORTS):
            status, plain, body = await raw(client, path, None)
            assert "accept-encoding" in plain["vary"], path
            assert "content-encoding" not in plain, path
            may = not WORKBENCH.match(path) and is_compressible(plain.get("content-type", "").encode())
            tags = {plain.get("etag")}
            for coding in CODINGS:
                _, headers, sent = await raw(client, path, coding)
                long = len(body) > MINIMUM or "content-length" not in plain
                expected = coding if may and long else None
                assert headers.get("content-encoding") == expected, (path, len(body), headers)
                if status < 400 and "cache-control" in headers:
                    assert decoded(expected, sent) == body, path
                assert headers.get("content-length", str(len(sent))) == str(len(sent)), path
                _, head, _ = await raw(client, path, coding, "HEAD")
                assert head.get("content-encoding") == expected, path
                if status < 400:
                    assert stripped(head) == stripped(headers), path
                if expected and "etag" in headers:
                    encoded.add(path)
                    tags.add(headers["etag"])
                    known = await raw(client, path, None, **{"if-none-match": headers["etag"]})
                    assert (known[0], known[1]["etag"]) == (304, headers["etag"]), path
                    assert "accept-encoding" in known[1]["vary"]
            assert len(tags) == (1 if "etag" not in plain or not expected else 1 + len(CODINGS)), path
    assert {
        "/operators",
        "/docs/reading",
        "/schema.graphql",
        "/api/v1/openapi.json",
        "/changes.atom",
    } <= encoded


async def warm(server: Running, data: bytes) -> Response:
    """Repeats the request until its response is sent from memory, in the coding that it accepts."""
    async with wire(server.url) as connection:
        for _ in range(10):
            response = await connection.exchange(data)
            if has_cached_response(server, data):
                return response
    raise AssertionError("the response is not cached")


def page(coding: str) -> bytes:
    return (
        f"GET /de/operators/netze-a HTTP/1.1\r\nHost: dno.test\r\nAccept-Encoding: {coding}\r\n\r\n".encode()
    )


def requests_in(coding: str) -> list[bytes]:
    line = f"Accept-Encoding: {coding}"
    rest = f"GET /api/v1/dnos/netze-a/2025 HTTP/1.1\r\nHost: dno.test\r\n{line}\r\n\r\n".encode()
    return [post(PRICES, line), get(PRICES, line), page(coding), rest]


async def test_a_hundred_hits_take_one_compression_and_a_correction_changes_the_next_answer_in_each_coding(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    _, steward = await issue_key(pool)
    requests = {
        (number, coding): data for coding in CODINGS for number, data in enumerate(requests_in(coding))
    }
    plain = [await warm(server, data) for data in requests_in("identity")]
    before = compressions()
    for data in requests.values():
        await warm(server, data)
    assert compressions() == before + len(requests)
    async with wire(server.url) as connection:
        for (number, coding), data in requests.items():
            for _ in range(100):
                response = await connection.exchange(data)
            assert response.headers["content-encoding"] == coding
            assert decoded(coding, response.body) == plain[number].body
            assert len(response.body) < len(plain[number].body)
            assert "58,21" in plain[number].body.decode() or "58.21" in plain[number].body.decode()
        assert compressions() == before + len(requests)

        await server.execute(CORRECT_TARIFF, steward, input={"id": global_id(tariff), "leistung": "61.37"})
        for (number, coding), data in requests.items():
            response = await connection.exchange(data)
            assert response.headers["content-encoding"] == coding
            assert re.search(rb"61[.,]37", decoded(coding, response.body)), (number, coding)


async def test_codings_count_as_memory_of_the_cache_and_are_dropped_with_their_response(
    server: Running, pool: Pool, tariff: Tariff
) -> None:
    _, steward = await issue_key(pool)
    identity, *_ = requests_in("identity")
    await warm(server, identity)
    memory = server.resources.memory
    sizes = []
    for coding in CODINGS:
        data, *_ = requests_in(coding)
        response = await warm(server, data)
        sizes.append(len(response.body))
    (entry,) = [e for e in memory._entries.values() if getattr(e.value, "encoded", None)]
    assert sorted(map(len, entry.value.encoded.values())) == sorted(sizes)
    assert entry.size > len(entry.value.body) + sum(sizes)
    assert memory.bytes == sum(e.size for e in memory._entries.values())
    assert memory.bytes == sum(segment.bytes for segment in memory._segments)
    await server.execute(CORRECT_TARIFF, steward, input={"id": global_id(tariff), "leistung": "61.37"})
    assert entry not in memory._entries.values()
    assert memory.bytes == sum(e.size for e in memory._entries.values())


async def test_a_long_answer_is_encoded_for_later_clients_without_being_executed_again(
    server: Running,
) -> None:
    query = "{ __schema { types { name description fields { name description type { name } } } } }"
    plain = await warm(server, post(query, "Accept-Encoding: identity"))
    before = compressions()
    async with wire(server.url) as connection:
        for coding in CODINGS:
            for _ in range(4):
                response = await connection.exchange(post(query, f"Accept-Encoding: {coding}"))
                assert response.headers["content-encoding"] == coding
                assert decoded(coding, response.body) == plain.body
    assert len(plain.body) > MAX_ON_LOOP
    assert compressions() == before + len(CODINGS)


async def test_batches_and_answers_that_are_not_cached_are_compressed_on_both_paths(
    settings: Settings, pool: Pool, tariff: Tariff
) -> None:
    body = json.dumps([{"query": PRICES}] * 3)
    async with (
        running(settings, response_cache=False, max_batch_operations=5) as server,
        client_of(server) as client,
    ):
        for coding in CODINGS:
            headers = {"content-type": "application/json", "accept-encoding": coding}
            for content in (body, json.dumps({"query": PRICES})):
                for _ in range(4):  # the later ones on the fast path
                    response = await client.post("/graphql", content=content, headers=headers)
                    assert response.headers["content-encoding"] == coding
                    assert response.headers["vary"].count("accept-encoding") == 1
                    if coding != "zstd":  # which the client cannot read
                        assert "58.21" in response.text


async def test_a_response_with_a_secret_or_to_a_session_is_not_compressed(
    server: Running, settings: Settings, pool: Pool, editor: Browser, tariff: Tariff
) -> None:
    """Except for what all callers of a role get: cached pages and answers, and static files."""
    client, accepted = editor.client, {"accept-encoding": "gzip, br"}
    for path in PATHS:
        if WORKBENCH.match(path):
            response = await client.get(path, headers=accepted)
            assert "content-encoding" not in response.headers, path
            assert response.status_code != 200 or len(response.content) > MINIMUM, path
    for path in ("/none?" + LONG_NAME * 10, "/graphql", "/export/tariffs.csv"):
        assert "content-encoding" not in (await client.get(path, headers=accepted)).headers, path
    for path in ("/operators", "/api/v1/dnos/netze-a/2025", "/docs/reading"):
        assert "content-encoding" in (await client.get(path, headers=accepted)).headers, path

    _, steward = await issue_key(pool, Role.ADMIN)
    refuses_identity = {"accept-encoding": "br, identity;q=0", **steward}
    async with (
        running(settings, max_batch_operations=5) as batching,
        client_of(batching, **refuses_identity) as caller,
    ):
        assert "content-encoding" in (await caller.post("/graphql", json={"query": PRICES})).headers
        for query, variables in own_operations(tariff):
            operation = {"query": query, "variables": variables}
            for content in (*[operation] * 3, [{"query": PRICES}, operation]):
                response = await caller.post("/graphql", json=content)
                assert "errors" not in response.text.replace('"errors":[]', "")
                assert "content-encoding" not in response.headers, content


def own_operations(tariff: Tariff) -> list[tuple[str, dict[str, Any]]]:
    """Of a caller with a key: what it changes, and what it reads of accounts. New keys and webhooks are mutations, too."""
    return [
        (CORRECT_TARIFF, {"input": {"id": global_id(tariff), "leistung": "61.37"}}),
        ("{ viewer { email role } }", {}),
        ("{ apiKeys { id name } }", {}),
    ]
