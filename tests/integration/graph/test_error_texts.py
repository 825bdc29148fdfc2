"""Invalid input is refused with a code and a text of the API: no internal error, no traceback, no text of Python."""

import json
import re
from datetime import datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from app.settings import Settings
from schema.http.messages import ProtocolCode
from tests.integration.graph.running import running, websocket_client
from tests.integration.graph.writing import Caller, mutation

# Texts of errors of Python, msgspec and asyncpg, which must not be passed on to clients.
FOREIGN = re.compile(
    r"INTERNAL_SERVER_ERROR|Exceeds the limit|isoformat|Traceback|invalid literal|object at 0x|codec|must be in \d"
    r"|is out of range|recursion|malformed|ValueError|TypeError|Decimal\(|timedelta|Python|`(?:str|int|bool|float)\b"
    r"|truncated|\$\.|\\\\x\d\d"
)
DIGITS = "9" * 5000
DEEP = "[" * 900 + "]" * 900
DEEPER = '{"a":' * 5000 + "1" + "}" * 5000

LITERALS = [
    DIGITS, f"-{DIGITS}", f"{DIGITS}.5", f"1e{'9' * 300}", "1e999999", "-2147483648", "2147483648", "NaN", "X", "true", "null",
    "[]", "{}", "[[[]]]", "{a: {a: 1}}", "1.5", f'"{DIGITS}"', '"1E+1000000000"', '"-0"', '"NaN"', '"sNaN123"', '"\\u0000"', '""',
    '"10000-01-01"', '"0000-01-01"', '"2025-02-30"', '"20250101T99"', '"2025-01-01T25:00:00Z"', '"2025-01-01T00:00:00+99:99"',
    '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"25:00"', '"' + "x" * 3000 + '"', '"dno_' + "f" * 32 + '"',
    '"dno_' + "0" * 31 + '"', '"tariff_' + "\u0663" * 32 + '"', '"' + "A" * 900 + '"', '"k6ROQU1FoWGhYQ"', '"\u202e\ufdfa"',
]  # fmt: skip

RANKING = 'rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: "1", peakLoadKw: "1"'
HOUSEHOLD = 'dno(slug: "netze-d") { bill(input: {year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: "1"}) { gross } }'
FIELDS = [
    "dno(slug: %s) { name }",
    "dnos(first: %s) { totalCount }",
    "dnos(after: %s) { totalCount }",
    "dnos(orderBy: %s) { totalCount }",
    "dnos(filter: %s) { totalCount }",
    "dnos(filter: {region: %s}) { totalCount }",
    "dnos(filter: {search: %s}) { totalCount }",
    "dnos(filter: {hasDataForYear: %s}) { totalCount }",
    "dnos(filter: {transmission: %s}) { totalCount }",
    "searchDnos(query: %s) { score }",
    'searchDnos(query: "a", first: %s) { score }',
    "node(id: %s) { id }",
    "nodes(ids: %s) { id }",
    "nodes(ids: [%s]) { id }",
    RANKING.replace("2025", "%s") + ") { rank }",
    RANKING.replace("MS", "%s") + ") { rank }",
    RANKING.replace('Kwh: "1"', "Kwh: %s") + ") { rank }",
    RANKING.replace('Kw: "1"', "Kw: %s") + ") { rank }",
    RANKING + ", region: %s) { rank }",
    "naturalQuery(query: %s) { answer }",
    'naturalQuery(query: "netze d next year", today: %s) { answer }',
    'dno(slug: "netze-d") { tariffs(year: %s) { id } }',
    'dno(slug: "netze-d") { tariff(year: %s, voltageLevel: MS) { id } }',
    'dno(slug: "netze-d") { hlzf(season: %s) { id history(first: 1) { id } } }',
    'dno(slug: "netze-d") { isPeak(at: %s, voltageLevel: MS) }',
    'dno(slug: "netze-d") { tariffs { annualCost(consumptionKwh: %s, peakLoadKw: "1") { total } } }',
    'dno(slug: "netze-d") { tariffs { history(first: %s) { id } } }',
    HOUSEHOLD.replace("2025", "%s"),
    HOUSEHOLD.replace('"1"', "%s"),
    HOUSEHOLD.replace("}", ", module: 3, bandKwh: {ht: %s, st: 1, nt: 0}}", 1),
    HOUSEHOLD.replace("SLP", "RLM_MONTHLY").replace("}", ", monthlyPeakLoadKw: %s}", 1),
    "compareBills(slugs: %s, profile: HOUSEHOLD, year: 2025) { rank }",
    "__type(name: %s) { name }",
    "coverage @skip(if: %s) { totalDnos }",
]

VARIABLES = {
    "String!": "dno(slug: $v) { name }",
    "Int": "dnos(first: $v) { totalCount }",
    "DnoOrder": "dnos(orderBy: $v) { totalCount }",
    "DnoFilter": "dnos(filter: $v) { totalCount }",
    "ID!": "node(id: $v) { id }",
    "[ID!]!": "nodes(ids: $v) { id }",
    "Decimal!": RANKING.replace('Kwh: "1"', "Kwh: $v") + ") { rank }",
    "VoltageLevel!": RANKING.replace("MS", "$v") + ") { rank }",
    "Date": 'naturalQuery(query: "netze d vorjahr", today: $v) { answer }',
    "DateTime!": 'dno(slug: "netze-d") { isPeak(at: $v, voltageLevel: MS) }',
    "BillProfile": "rankBills(profile: $v, year: 2025) { ranked }",
    "ConsumptionInput!": 'dno(slug: "netze-d") { bill(input: $v) { gross } }',
    "Boolean!": "coverage @skip(if: $v) { totalDnos }",
}
JSON_VALUES = [text for text in LITERALS if not text.startswith(("X", "{a"))]
JSON_VALUES += ["-0", "1E400", '"\\ud83d"', DEEP, DEEPER, '"' + "9" * 70_000 + '"', "9" * 400]


@pytest.mark.usefixtures("lasting_operators")
@pytest.mark.parametrize("field", FIELDS)
async def test_literals_are_accepted_or_refused_with_a_text_of_the_api(
    lasting_client: httpx.AsyncClient, field: str
) -> None:
    for literal in LITERALS:
        document = json.dumps({"query": "{ " + field % literal + " }"})
        _check(await _post(lasting_client, document), f"{field}: {literal[:60]}")


@pytest.mark.usefixtures("lasting_operators")
@pytest.mark.parametrize("kind", VARIABLES)
async def test_variables_are_accepted_or_refused_with_a_text_of_the_api(
    lasting_client: httpx.AsyncClient, kind: str
) -> None:
    document = f"query ($v: {kind}) {{ {VARIABLES[kind]} }}"
    for value in JSON_VALUES:
        body = f'{{"query": {json.dumps(document)}, "variables": {{"v": {value}}}}}'
        _check(await _post(lasting_client, body), f"{kind}: {value[:60]}")
        params = {"query": document, "variables": f'{{"v": {value[:3000]}}}'}
        _check(await lasting_client.get("/graphql", params=params), f"GET {kind}: {value[:60]}")


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000, '{"a":' * 50_000, '{"query":' + "[" * 100_000, DIGITS, "NaN", '"', "\0", "", "null", "[]", "1",
        '{"query": 1}', '{"query": "{__typename}", "variables": []}', '{"query": "{__typename}", "operationName": 1}',
        f'{{"query": "{{__typename}}", "variables": {DEEPER}}}', f'{{"query": "{{__typename}}", "extensions": {{"a": {DEEP}}}}}',
        f'{{"query": "{{__typename}}", "variables": {{"a": {DIGITS}}}}}', f'{{"query": "{{__typename}}", "x": {DIGITS}}}',
        f'{{"query": "{{__typename}}", "documentId": {DIGITS}}}', '{"query": "\\ud800"}', '{"documentId": "\\ud800"}',
        '{"query": "{__typename}", "operationName": "\\u0000\\u202e"}', b'{"query": "\xff"}', b"\xff\xfe{",
        f'{{"query": "{{__typename}}", "extensions": {{"persistedQuery": {{"version": {DIGITS}, "sha256Hash": "x"}}}}}}',
        '{"query": "netze d ms 2025", "today": "0001-01-01"}', '{"query": "netze d vorjahr", "today": "9999-13-31"}',
        f'{{"query": {DIGITS}}}', f'{{"query": "a", "today": {DEEP}}}', json.dumps({"query": "\ufdfa" * 999}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/graphql", "/api/v1/query/natural"])
@pytest.mark.usefixtures("lasting_operators")
async def test_bodies_are_accepted_or_refused_with_a_text_of_the_api(
    lasting_client: httpx.AsyncClient, path: str, body: str | bytes
) -> None:
    _check(await _post(lasting_client, body, path), path)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/api/v1/dnos/netze-d/{year}" for year in (DIGITS, "-1", "0", "99999", "02025", "²", "٢٠٢٥", "1e3", "%00")),
        *(f"/dnos/netze-d/hlzf/{year}.ics" for year in (DIGITS, "-1", "0", "99999", "²", "٢٠٢٥", "1e3", "%00")),
        *(f"/api/v1/dnos/{slug}/2025" for slug in ("x" * 5000, "%00", "%ff", "%E2%80%AE", "'")),
        *(f"/dnos/{slug}/hlzf/2025.ics" for slug in ("x" * 5000, "%00", "%ff", "%E2%80%AE", "'")),
        *(f"/export/tariffs.csv?year={year}" for year in (DIGITS, "-1", "1e5", "NaN", "%00", "²")),
        "/export/tariffs.csv?verification_status=%00", f"/export/{'x' * 3000}.csv", f"/export/tariffs.{'x' * 3000}",
        f"/export/tariffs.csv?{'x' * 3000}=1", f"/dnos/netze-d/hlzf/2025.ics?voltage_level={DIGITS}",
        f"/graphql?query={{__typename}}&variables={DIGITS}", "/graphql?query={__typename}&variables=%ff", "/graphql?query=%ff",
        '/graphql?query={__typename}&extensions={"persistedQuery":{"version":1e999}}',
    ],
)  # fmt: skip
@pytest.mark.usefixtures("lasting_operators")
async def test_addresses_are_answered_or_refused_with_a_text_of_the_api(
    lasting_client: httpx.AsyncClient, path: str
) -> None:
    response = await lasting_client.get(path)
    _check(response, path[:60])
    assert response.status_code == 200 or response.json()
    assert "graphql" in path or response.status_code >= 400


INPUTS = [
    ("addTariff", {"dno": "netze-a", "year": "%s", "voltageLevel": "MS", "leistung": "1"}),
    ("addTariff", {"dno": "%s", "year": 2025, "voltageLevel": "MS", "leistung": "1"}),
    ("addTariff", {"dno": "netze-a", "year": 2025, "voltageLevel": "MS", "leistung": "%s"}),
    ("correctTariff", {"id": "%s", "leistung": "1"}),
    ("correctTariff", {"id": "tariff_" + "0" * 32, "leistung": "1", "expectedVersion": "%s"}),
    ("correctTariff", {"id": "tariff_" + "0" * 32, "leistung": "1", "reason": "%s"}),
    ("addHlzf", {"dno": "netze-a", "year": "%s", "voltageLevel": "MS", "season": "WINTER", "windows": []}),
    ("addHlzf", {"dno": "netze-a", "year": 2030, "voltageLevel": "MS", "season": "WINTER", "windows": "%s"}),
    (
        "addHlzf",
        {
            "dno": "netze-a",
            "year": 2030,
            "voltageLevel": "MS",
            "season": "WINTER",
            "windows": [{"start": "%s", "end": "24:00"}],
        },
    ),
    ("revert", {"revisionId": "%s"}),
]


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize(("name", "input"), INPUTS)
async def test_mutations_are_accepted_or_refused_with_a_text_of_the_api(
    client: httpx.AsyncClient, editor: Caller, name: str, input: dict[str, Any]
) -> None:
    for value in JSON_VALUES:
        given_input = json.dumps(input).replace('"%s"', value)
        body = f'{{"query": {json.dumps(mutation(name))}, "variables": {{"input": {given_input}}}}}'
        headers = {"content-type": "application/json", **editor.headers}
        _check(await client.post("/graphql", content=body, headers=headers), f"{name} {input}: {value[:60]}")


MESSAGES = [
    DEEP, DEEPER, "nonsense", "1", "\0", DIGITS, '{"type": "nope"}', '{"type": 1}', f'{{"type": {DIGITS}}}', "{}",
    f'{{"type": "connection_init", "payload": {{"a": {DEEP * 3}}}}}', f'{{"type": "connection_init", "payload": {DEEPER}}}',
    f'{{"type": "connection_init", "payload": {{"a": {DIGITS}}}}}', '{"type": "connection_init", "payload": 1}',
    f'{{"type": "ping", "payload": {DEEPER}}}', f'{{"type": "ping", "payload": {{"a": {DIGITS}}}}}x',
]  # fmt: skip
SUBSCRIBES = [
    DEEP, DEEPER, "1", "{}", '{"query": 1}', f'{{"query": "{{__typename}}", "variables": {DEEPER}}}',
    f'{{"query": "{{__typename}}", "variables": {{"a": {DEEP}}}}}', f'{{"query": "{{__typename}}", "variables": {{"a": {DIGITS}}}}}',
    f'{{"query": "{{dnos(first: {DIGITS}) {{totalCount}}}}"}}', f'{{"query": "{{node(id: {DIGITS}) {{id}}}}"}}',
    '{"query": "subscription($s: String) {dataChanged(dno: $s) {kind}}", "variables": {"s": "\\ud800"}}',
    '{"query": "subscription($s: String) {dataChanged(dno: $s) {kind}}", "variables": {"s": "\\u0000"}}',
    f'{{"query": "subscription {{dataChanged {{kind}}}}", "variables": {{"a": {DEEP}}}}}',
    f'{{"query": "subscription {{dataChanged(dno: {DIGITS}) {{kind}}}}"}}',
]  # fmt: skip


async def test_websocket_messages_are_answered_or_refused_with_a_text_of_the_api(settings: Settings) -> None:
    """Each socket gets a message or a close frame; none fails."""
    async with running(settings) as server:
        for message in MESSAGES:
            async with websocket_client(server) as client:
                await client.connection.send(message)
                code, reason = await client.wait_closed()
            assert code == ProtocolCode.BAD_REQUEST, (message[:80], code, reason)
            assert reason is not None
            assert not FOREIGN.search(reason), (message[:80], reason)
        for id in ("1" * 201, "\\ud800"):
            async with websocket_client(server) as client:
                await client.initialise()
                await client.connection.send(f'{{"type": "subscribe", "id": "{id}", "payload": {{}}}}')
                assert (await client.wait_closed())[0] == ProtocolCode.BAD_REQUEST
        for payload in SUBSCRIBES:
            async with websocket_client(server) as client:
                await client.initialise()
                await client.connection.send(f'{{"type": "subscribe", "id": "1", "payload": {payload}}}')
                await client.send("ping")
                try:
                    received = str(await client.receive())
                except Exception:
                    assert client.connection.close_code == ProtocolCode.BAD_REQUEST, payload[:80]
                    received = str(client.connection.close_reason)
            assert not FOREIGN.search(received), (payload[:80], received)


TEXTS = (
    st.text(max_size=40)
    | st.from_regex(r"[0-9T:.+Z\-W]{1,40}", fullmatch=True)
    | st.datetimes().map(datetime.isoformat)
)
SOME = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.usefixtures("operators")
async def test_refused_variables_one_after_the_other_take_no_places_of_operations(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    body = '{"query": "query ($v: Int) { dnos(first: $v) { totalCount } }", "variables": {"v": "x"}}'
    for _ in range(settings.max_operations + settings.max_queued_operations + 1):
        assert (await _post(client, body)).status_code < 500


@pytest.mark.usefixtures("lasting_operators")
@effort(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(kind=st.sampled_from(sorted(VARIABLES)), value=SOME)
async def test_generated_variables_are_accepted_or_refused_with_a_text_of_the_api(
    lasting_client: httpx.AsyncClient, kind: str, value: Any
) -> None:
    document = f"query ($v: {kind}) {{ {VARIABLES[kind]} }}"
    body = json.dumps({"query": document, "variables": {"v": value}})
    _check(await _post(lasting_client, body), repr(value))


async def _post(client: httpx.AsyncClient, body: str | bytes, path: str = "/graphql") -> httpx.Response:
    return await client.post(path, content=body, headers={"content-type": "application/json"})


def _check(response: httpx.Response, what: str) -> None:
    assert response.status_code < 500, (what, response.text[:300])
    found = FOREIGN.search(response.text)
    assert found is None, (what, response.text[max(0, found.start() - 150) : found.end() + 150])
    assert len(response.content) < 64 * 1024, what
