"""The history as a download: one line per change, oldest first."""

import io
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest
from pyarrow import parquet
from starlette.routing import Router

from app.db import change_rows
from app.domain.account import ANONYMOUS, Principal, Role
from app.http.edge_headers import EdgeHeaders
from app.http.exports import Exports
from app.http.request_state import with_principal
from app.settings import Settings
from tests import factories as make
from tests.asgi import with_request_state


async def _lines(client, query=""):
    response = await client.get(f"/export/changes.ndjson{query}")
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


async def test_a_change_has_its_entry_author_reason_and_fields(client, pool):
    dno = await make.dno(pool)
    tariff = await make.tariff(pool, dno, leistung="58.20", source_url="https://example.org/a")
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT sign('Ada', 'misprint', NULL)")
        await connection.execute("UPDATE netzentgelte_data SET leistung = 58.30 WHERE id = $1", tariff.id)
    created, corrected = await _lines(client)
    assert created["kind"] == "CREATED"
    assert {"field": "leistung", "before": None, "after": "58.20"} in created["changes"]
    assert corrected == {
        "id": corrected["id"],
        "changed_at": corrected["changed_at"],
        "data_type": "NETZENTGELTE",
        "dno_slug": "netze-a",
        "year": 2025,
        "key": {"voltage_level": "MS"},
        "entry_id": str(tariff.id),
        "version": 2,
        "kind": "CORRECTED",
        "changed_by": None,
        "reason": "misprint",
        "changes": [{"field": "leistung", "before": "58.20", "after": "58.30"}],
    }
    assert datetime.fromisoformat(created["changed_at"]) < datetime.fromisoformat(corrected["changed_at"])


@pytest.mark.parametrize(
    ("role", "author"), [(None, None), (Role.VIEWER, None), (Role.EDITOR, "Ada"), (Role.ADMIN, "Ada")]
)
async def test_names_of_authors_are_for_editors_only(pool, role, author):
    dno = await make.dno(pool)
    async with pool.connection() as connection:
        await connection.execute("SELECT set_config('dno.actor', 'Ada', false)")
        await connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level) VALUES ($1, 2025, 'MS')", dno.id
        )
        await connection.execute("SELECT set_config('dno.actor', '', false)")
    exports = Router(Exports(Settings()).routes)

    async def signed_in(scope, receive, send):
        principal = ANONYMOUS if role is None else Principal(role=role)
        await exports(with_principal(scope, principal), receive, send)

    app = with_request_state(signed_in, SimpleNamespace(pool=pool, edge=EdgeHeaders(Settings())))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert [line["changed_by"] for line in await _lines(client)] == [author]


async def test_entries_of_all_families_have_their_key(client, pool):
    dno = await make.dno(pool)
    await make.hlzf(pool, dno, windows="07:30-13:00")
    await make.price(pool, dno, variant="Eintarif")
    await make.time_of_use(pool, dno)
    await make.holiday_rule(pool, dno)
    await make.levy(pool)
    found = {line["data_type"]: line for line in await _lines(client)}
    assert found["HLZF"]["key"] == {"season": "WINTER", "voltage_level": "MS"}
    assert found["PRICE"]["key"] == {
        "kind": "SLP_ARBEITSPREIS",
        "voltage_level": "NS",
        "variant": "Eintarif",
    }
    assert found["TIME_OF_USE"]["key"] == {}
    assert found["HOLIDAY_RULE"]["year"] is None
    assert found["LEVY"]["dno_slug"] is None
    assert found["LEVY"]["key"]["customer_group"] is None


async def test_changes_are_selected_by_time_operator_year_and_data_type(client, pool):
    a, b = await make.dno(pool, "a"), await make.dno(pool, "b", region="Hessen")
    await make.tariff(pool, a, 2025)
    await make.price(pool, b, 2026)
    first, second = await _lines(client)
    assert [first["dno_slug"], second["dno_slug"]] == ["a", "b"]
    assert await _lines(client, "?dno=a") == await _lines(client, "?year=2025") == [first]
    assert await _lines(client, "?region=Hessen") == await _lines(client, "?data_type=PRICE") == [second]
    assert await _lines(client, f"?since={second['changed_at']}") == [second]
    assert await _lines(client, f"?since={second['changed_at']}&since=2020-01-01") == [second]
    assert await _lines(client, "?since=2020-01-01") == [first, second]
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    assert await _lines(client, f"?since={later}") == []  # the + of its offset reads as a blank
    assert await _lines(client, f"?since={later[:10]}") == []


@pytest.mark.parametrize(
    "since",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-01-01T00:00:00",
        "2026-01-01%2B01:00Z",
        "1999-12-31",
        "9999-12-31",
        "0001-01-01T00:00:00Z",
        "%00",
    ],
)
async def test_another_text_than_a_day_or_moment_is_refused_with_the_rule(client, since):
    response = await client.get(f"/export/changes.ndjson?since={since}")
    assert (response.status_code, response.json()["code"]) == (400, "BAD_USER_INPUT")
    assert "since" in response.json()["detail"]


async def test_a_table_has_no_filter_by_time(client):
    assert (await client.get("/export/tariffs.csv?since=2026-01-01")).status_code == 400
    assert (await client.get("/export/changes.csv?data_type=OPERATOR")).status_code == 400


async def test_the_other_formats_have_the_changes_as_json_text(client, pool):
    dno = await make.dno(pool)
    await make.tariff(pool, dno)
    [line] = await _lines(client)
    table = parquet.read_table(io.BytesIO((await client.get("/export/changes.parquet")).content))
    [row] = table.to_pylist()
    assert json.loads(row["changes"]) == line["changes"]
    assert json.loads(row["key"]) == {"voltage_level": "MS"}
    assert row["year"] == 2025


async def test_more_changes_than_a_batch_come_in_order(client, pool):
    dno = await make.dno(pool)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung)"
            " SELECT $1, 2000 + n % 100, (ARRAY['HS', 'HS_MS', 'MS', 'MS_NS', 'NS'])[1 + n / 100], n"
            " FROM generate_series(0, 499) AS n",
            dno.id,
        )
        for _ in range(2):
            await connection.execute("UPDATE netzentgelte_data SET leistung = leistung + 1")
    lines = await _lines(client)
    assert len({line["id"] for line in lines}) == len(lines) == 1500
    assert [line["version"] for line in lines] == [1] * 500 + [2] * 500 + [3] * 500
    assert [line["changed_at"] for line in lines] == sorted(line["changed_at"] for line in lines)


async def test_of_a_long_history_only_what_is_exported_is_read(client, pool):
    dno = await make.dno(pool)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung)"
            " SELECT $1, 2000 + n % 100, (ARRAY['HS', 'HS_MS', 'MS', 'MS_NS', 'NS'])[1 + n / 100], n"
            " FROM generate_series(0, 499) AS n",
            dno.id,
        )
        for _ in range(8):
            await connection.execute("UPDATE netzentgelte_data SET leistung = leistung + 1")
        await connection.execute("ANALYZE revisions")
        since = await connection.fetchval(
            "SELECT changed_at FROM revisions ORDER BY changed_at DESC OFFSET 19 LIMIT 1"
        )
        late = await connection.fetchval("SELECT count(*) FROM revisions WHERE changed_at >= $1", since)
        arguments = [None, None, None, None, since]
        async with connection.transaction():
            # Of a few thousand rows the planner may read all, whether the index serves or not.
            await connection.execute("SET LOCAL enable_seqscan = off")
            explained = await connection.fetchval(
                f"EXPLAIN (ANALYZE, FORMAT JSON) {change_rows._IDS}", *arguments
            )
    [plan] = json.loads(explained)
    nodes = [*_nodes(plan["Plan"])]
    [scan] = [node for node in nodes if node.get("Index Name") == "revisions_changed_at"]
    assert scan["Actual Rows"] == late < 100
    assert "revisions" not in [node.get("Relation Name") for node in nodes if node["Node Type"] == "Seq Scan"]
    assert len(await _lines(client, f"?since={since.isoformat().replace('+00:00', 'Z')}")) == late


def _nodes(plan):
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)
