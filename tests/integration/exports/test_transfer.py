"""How exports are sent: compressed on request, and as headers alone."""

import asyncio

import httpx
import pytest

from app.importers.starter import load_starter
from tests import factories as make
from tests.codings import CODINGS, decoded
from tests.integration.exports.slow_reader import SlowReader

ALL = ["tariffs.csv", "tariffs.csv?dialect=excel", "tariffs.ndjson", "tariffs.xlsx", "tariffs.parquet"]


async def _raw(client, path, accept):
    async with client.stream("GET", f"/export/{path}", headers={"accept-encoding": accept}) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


@pytest.mark.parametrize("path", ALL[:3])
async def test_text_is_compressed_for_clients_that_accept_it(client, settings, path):
    await load_starter(settings.database_url)
    plain, content = await _raw(client, path, "identity")
    assert "content-encoding" not in plain.headers
    for coding in CODINGS:
        compressed, raw = await _raw(client, path, f"{coding}, identity;q=0.5")
        assert compressed.headers["content-encoding"] == coding
        assert decoded(coding, raw) == content
        assert len(raw) < len(content) / 4


@pytest.mark.parametrize("accept", ["", "deflate", "gzip;q=0", "gzip;q=0.0, identity"])
async def test_it_is_not_compressed_for_others(client, pool, accept):
    response, content = await _raw(client, "tariffs.csv", accept)
    assert "content-encoding" not in response.headers
    assert content.startswith(b"dno_slug")


@pytest.mark.parametrize("path", ALL[3:])
async def test_formats_that_are_compressed_are_not_compressed_again(client, pool, path):
    response, _ = await _raw(client, path, "gzip")
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("accept", ["identity", "gzip"])
@pytest.mark.parametrize("path", ALL)
async def test_head_has_the_headers_of_get_and_no_content(client, pool, path, accept):
    dno = await make.dno(pool)
    await make.tariff(pool, dno)
    headers = {"accept-encoding": accept}
    head = await client.head(f"/export/{path}", headers=headers)
    got = await client.get(f"/export/{path}", headers=headers)
    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(got.headers)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("tariffs.csv?region=Atlantis", 400),
        ("tariffs.csv?dialect=x", 400),
        ("tariffs.xml", 404),
        ("users.csv", 404),
    ],
)
async def test_head_is_refused_as_get_is(client, pool, path, status):
    assert (await client.head(f"/export/{path}")).status_code == status
    assert (await client.get(f"/export/{path}")).status_code == status


async def test_head_has_no_connection_left_open(downloads, pool):
    transport = httpx.ASGITransport(downloads(max_exports=1))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for _ in range(3):
            assert (await client.head("/export/tariffs.csv")).status_code == 200
        assert (await client.get("/export/tariffs.csv")).status_code == 200
    assert not await pool.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )


async def test_a_client_that_disconnects_from_a_compressed_download_releases_the_connection(downloads, pool):
    dno = await make.dno(pool)
    for year in range(2000, 2100):
        await make.tariff(pool, dno, year)
    reader = SlowReader()
    path = "/export/tariffs.csv"
    reading = asyncio.create_task(reader.read(downloads(), path, [(b"accept-encoding", b"gzip")]))
    await reader.began.wait()
    reader.disconnects.set()
    await asyncio.sleep(0)
    reader.resumes.set()
    await reading
    assert (b"content-encoding", b"gzip") in reader.messages[0]["headers"]
    assert not reader.complete
    assert not await pool.fetch(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'"
    )


async def test_the_limit_of_bytes_is_that_of_the_content(downloads, settings):
    await load_starter(settings.database_url)
    transport = httpx.ASGITransport(downloads(limit_export_bytes=1000))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for accept in ("gzip", "identity"):
            response = await client.get("/export/tariffs.csv", headers={"accept-encoding": accept})
            assert (response.status_code, response.json()["code"]) == (400, "LIMIT_EXCEEDED")
