"""Every error has a code; unexpected errors are masked for clients and logged in full with the request id."""

import asyncio
import json
import logging
from typing import Any

import asyncpg
import httpx
import msgspec
import pytest
from prometheus_client import REGISTRY

from app.db.migrate import migrate
from app.db.pool import Pool
from app.observability import logs
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes
from tests.integration.graph.running import running
from tests.servers import PrivatePostgres


@pytest.mark.usefixtures("plans_fail")
async def test_unexpected_errors_are_masked_and_logged_in_full(
    settings: Settings, private_postgres: PrivatePostgres, capfd: pytest.CaptureFixture[str]
) -> None:
    await migrate(private_postgres.url)
    broken = await asyncpg.connect(private_postgres.url)
    await broken.execute("INSERT INTO dnos (slug, name) VALUES ('netze-a', 'Netze A')")
    # A row of which a column can only be divided by zero: an error of the statement, in no way an outage.
    columns = await broken.fetchval(
        "SELECT string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', ' ORDER BY attnum)"
        " FROM pg_attribute WHERE attrelid = 'hlzf_data'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attname NOT IN ('dno_id', 'year', 'version', 'deleted_at')"
    )
    await broken.execute("ALTER TABLE hlzf_data RENAME TO elsewhere")
    await broken.execute(
        "CREATE VIEW hlzf_data AS SELECT id AS dno_id, 2025 AS year, 1 / length(left(slug, 0)) AS version,"
        f" NULL::timestamptz AS deleted_at, {columns} FROM dnos"
    )
    await broken.close()
    logs.configure(Settings(log_format="json"))
    before = _errors("INTERNAL_SERVER_ERROR")
    try:
        async with (
            running(settings, database_url=private_postgres.url) as server,
            httpx.AsyncClient() as client,
        ):
            query = "query Secret($slug: String!) { dno(slug: $slug) { name hlzf(year: 2025) { year } } }"
            response = await client.post(
                server.url,
                json={"query": query, "variables": {"slug": "netze-a"}},
                headers={"x-request-id": "set-by-the-caller"},
            )
    finally:
        logging.basicConfig(force=True)
    body = response.json()
    assert response.status_code == 200
    for error in body["errors"]:
        assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR", "requestId": "set-by-the-caller"}
        assert error["message"] == "Something went wrong on our side; it has been noted."
        assert error["path"][:2] == ["dno", "hlzf"]
    assert "hlzf_data" not in response.text
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line["event"] == "unexpected error"][:1]
    assert line["request_id"] == "set-by-the-caller"
    assert "division by zero" in line["exception"]
    assert _errors("INTERNAL_SERVER_ERROR") == before + len(body["errors"])


def _errors(code: str) -> float:
    return REGISTRY.get_sample_value("dno_graphql_errors_total", {"code": code}) or 0.0


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "OPERATION_RESOLUTION_FAILURE"),
        ("query ($n: Int!) { dnos(first: $n) { totalCount } }", "BAD_USER_INPUT"),
        ("{ dnos(first: 0) { totalCount } }", "BAD_USER_INPUT"),
        ("{ dnos(first: 101) { totalCount } }", "BAD_USER_INPUT"),
        ('{ node(id: "nonsense") { id } }', "BAD_USER_INPUT"),
        ("subscription { dataChanged { kind } }", "NOT_ACCEPTABLE"),
    ],
)
async def test_each_error_has_its_code_and_is_counted(
    client: httpx.AsyncClient, query: str, code: str
) -> None:
    before = _errors(code)
    assert await error_codes(client, query) == [code]
    assert _errors(code) == before + 1


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "code"),
    [
        ("PATCH", "/graphql", b"", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/graphql?query=mutation%7B__typename%7D", b"", {}, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/graphql", b"{}", {"content-type": "text/csv"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "/graphql", b'{"query":"{__typename}"}', {"content-type": "application/json", "accept": "image/png"}, 406, "NOT_ACCEPTABLE"),
        ("POST", "/graphql", b"x" * 1_100_000, {"content-type": "application/json"}, 413, "PAYLOAD_TOO_LARGE"),
        ("POST", "/graphql", b"", {"content-type": "application/json"}, 400, "BAD_USER_INPUT"),
        ("POST", "/graphql", b"[]", {"content-type": "application/json"}, 400, "BAD_USER_INPUT"),
        ("POST", "/graphql", b'{"query":"{__typename}"}', {"content-type": "application/json", "authorization": "Bearer no"}, 401, "UNAUTHENTICATED"),
        ("GET", "/unknown", b"", {}, 404, "NOT_FOUND"),
        ("POST", "/healthz", b"", {}, 405, "METHOD_NOT_ALLOWED"),
    ],
)  # fmt: skip
async def test_every_refusal_over_http_has_a_code(
    client: httpx.AsyncClient,
    method: str,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    response = await client.request(method, path, content=content, headers=headers)
    body: Any = response.json()
    assert response.status_code == status
    assert (body["errors"][0]["extensions"] if "errors" in body else body)["code"] == code


async def test_a_mutation_without_preflight_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post(
        "/graphql", content=b'{"query":"mutation{__typename}"}', headers={"content-type": "text/plain"}
    )
    assert response.status_code == 415


async def test_a_slow_operation_is_logged_with_its_cost(
    settings: Settings, pool: Pool, capfd: pytest.CaptureFixture[str]
) -> None:
    await make.tariff(pool, await make.dno(pool, "netze-a"), 2025)
    logs.configure(Settings(log_format="json"))
    try:
        async with running(settings, slow_operation_threshold=0.000001) as server:
            query = 'query Prices { dno(slug: "netze-a") { tariffs(year: 2025) { leistung } } }'
            await server.execute(query)
            await server.execute(query + " ")
    finally:
        logging.basicConfig(force=True)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    cold, warm = (line for line in lines if line["event"] == "slow operation")
    assert (cold["operation"], cold["statements"], cold["keys"]) == (
        "Prices",
        2,
        {"dno_by_slug": 1, "tariffs": 1},
    )
    assert cold["layers"] == {"l1": 0, "l2": 0, "postgres": 2}
    assert cold["round_trips"] == 2  # a look-up or a lease for each of two levels
    assert set(cold["steps"]) == {"read", "wait", "execute"}
    assert len(cold["document"]) == 64
    assert (warm["statements"], warm["round_trips"]) == (0, 0)


async def test_a_trace_leads_from_the_operation_to_the_statement(
    settings: Settings, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from app.observability import traces

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "_provider", lambda _: provider)
    await make.dno(pool, "netze-a")
    async with running(settings) as server:
        with traces.open_tracing(msgspec.structs.replace(settings, tracing=True)):
            await server.execute("query Name($slug: String!) { dno(slug: $slug) { name } }", slug="netze-a")
            await asyncio.sleep(0)
        spans = {span.context.span_id: span for span in exporter.get_finished_spans()}
    sql = next(span for span in spans.values() if (span.attributes or {}).get("statement") == "dno_by_slug")
    path = [sql]
    while path[-1].parent is not None:
        path.append(spans[path[-1].parent.span_id])
    assert [span.name for span in path] == ["sql", "postgres", "loader", "query"]
    redis = [span for span in spans.values() if span.name == "redis"]
    assert {span.attributes["operation"] for span in redis if span.attributes} == {"get"}
    assert (path[-1].attributes or {})["graphql.operation.name"] == "Name"
    assert all("netze-a" not in str(span.attributes) for span in spans.values())
