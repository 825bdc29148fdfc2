"""peakStatus, peakIntervals and peakStatuses of operators, and the year of a level as CSV."""

import csv
import io
import itertools
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.hlzf import Season
from app.importers.starter import load_starter
from app.observability import operation_stats
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute
from tests.integration.graph.test_plans import Comparison
from tests.waiting import until_equal

STATUS = """query ($slug: String!, $at: DateTime!, $level: VoltageLevel! = MS) { dno(slug: $slug) {
  isPeak(at: $at, voltageLevel: $level)
  peakStatus(at: $at, voltageLevel: $level) { peak reason note interval { start end } } } }"""
SPAN = """query ($slug: String!, $from: DateTime!, $to: DateTime!, $level: VoltageLevel! = MS) { dno(slug: $slug) {
  peakIntervals(from: $from, to: $to, voltageLevel: $level) { start end }
  peakStatuses(from: $from, to: $to, voltageLevel: $level) { peak reason interval { start end } } } }"""
CSV = "/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=MS"


async def status(client: httpx.AsyncClient, slug: str, at: str, level: str = "MS") -> Any:
    found = (await execute(client, STATUS, slug=slug, at=at, level=level))["dno"]
    assert found["isPeak"] is found["peakStatus"]["peak"]
    return found["peakStatus"]


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    dno = await make.dno(pool, "netze-a", region="Bayern")
    for season in (Season.WINTER, Season.SUMMER):
        await make.hlzf(pool, dno, 2025, season=season, windows="07:30-13:00, 17:00-19:00")
    await make.holiday_rule(pool, dno, bridge_days="WORKING_DAYS", holidays="STATE")
    return dno


# The starter data


async def test_the_starter_data_answers_as_the_operators_state_it(
    client: httpx.AsyncClient, pool: Pool, settings: Settings
) -> None:
    await load_starter(settings.database_url)
    rothenburg, bayreuth = "stadtwerke-rothenburg-o-d-t", "stadtwerke-bayreuth-energie-und-wasser"
    expected = {
        (rothenburg, "2026-01-02T10:00:00+01:00"): (False, "BRIDGE_DAY"),
        (rothenburg, "2026-01-05T10:00:00+01:00"): (False, "BRIDGE_DAY"),
        (rothenburg, "2026-01-06T10:00:00+01:00"): (None, "UNKNOWN"),  # which holidays count is not known
        (rothenburg, "2026-01-07T10:00:00+01:00"): (True, "WINDOW"),
        (rothenburg, "2026-04-14T10:00:00+02:00"): (False, "NO_WINDOW"),
        ("regensburg-netz", "2026-04-14T10:00:00+02:00"): (None, "UNKNOWN"),  # the sheet has no spring
        ("regensburg-netz", "2026-01-14T10:00:00+01:00"): (True, "WINDOW"),
        (bayreuth, "2026-01-02T17:30:00+01:00"): (None, "UNKNOWN"),  # one bridge day, not named
        (bayreuth, "2026-01-07T17:30:00+01:00"): (True, "WINDOW"),
        ("n-ergie-netz", "2026-01-02T17:30:00+01:00"): (True, "WINDOW"),  # bridge days are working days
        ("n-ergie-netz", "2026-01-06T17:30:00+01:00"): (False, "HOLIDAY"),  # in Bayern and Baden-Württemberg
        ("n-ergie-netz", "2026-12-28T17:30:00+01:00"): (False, "CHRISTMAS"),
        ("stadtwerke-schweinfurt", "2026-01-06T10:00:00+01:00"): (True, "WINDOW"),  # nationwide holidays only
        ("stadtwerke-passau", "2026-01-06T17:30:00+01:00"): (False, "HOLIDAY"),
    }
    found = {key: await status(client, *key) for key in expected}
    assert {key: (one["peak"], one["reason"]) for key, one in found.items()} == expected
    assert "does not say which" in found[bayreuth, "2026-01-02T17:30:00+01:00"]["note"]
    assert "15 minutes before" in found[bayreuth, "2026-01-07T17:30:00+01:00"]["note"]
    assert found[rothenburg, "2026-01-07T10:00:00+01:00"]["note"] is None
    assert found[rothenburg, "2026-01-02T10:00:00+01:00"]["interval"] == {
        "start": "2026-01-02T00:00:00+01:00",
        "end": "2026-01-03T00:00:00+01:00",
    }
    rules = "{ " + " ".join(
        f'_{n}: dno(slug: "{slug}") {{ holidayRule(year: 2026) {{ year bridgeDays holidays holidayStates workingDates christmas'
        " timeStamps bridgeDayWords source { url } } }"
        for n, slug in enumerate((rothenburg, "n-ergie-netz", "stadtwerke-passau", "stadtwerke-ratingen"))
    ) + " }"  # fmt: skip
    of_rothenburg, of_n_ergie, of_passau, of_ratingen = [
        one["holidayRule"] for one in (await execute(client, rules)).values()
    ]
    assert (of_rothenburg["year"], of_rothenburg["bridgeDays"]) == (None, "ALL_EXCLUDED")
    assert of_rothenburg["bridgeDayWords"] == "all bridge days off-peak (plural, no limit stated)"
    assert of_rothenburg["source"]["url"].startswith("https://www.stadtwerke-rothenburg.de/")
    assert (of_n_ergie["year"], of_n_ergie["holidays"]) == (2026, "NETWORK_AREA")
    assert of_n_ergie["holidayStates"] == ["Baden-Württemberg", "Bayern"]
    assert (of_n_ergie["workingDates"], of_n_ergie["christmas"]) == (["2026-08-15"], "ALL_EXCLUDED")
    assert (of_passau["holidays"], of_passau["timeStamps"]) == ("STATE", "UNKNOWN")
    assert of_ratingen["timeStamps"] == "CLOCK_TIME"


# Spans


async def test_intervals_of_a_span_are_its_windows_and_statuses_have_the_rest(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    span = {"from": "2025-02-28T08:00:00+01:00", "to": "2025-03-03T12:00:00+01:00"}
    found = (await execute(client, SPAN, slug="netze-a", **span))["dno"]
    assert found["peakIntervals"] == [
        {"start": "2025-02-28T08:00:00+01:00", "end": "2025-02-28T13:00:00+01:00"},
        {"start": "2025-02-28T17:00:00+01:00", "end": "2025-02-28T19:00:00+01:00"},
    ]
    statuses = found["peakStatuses"]
    assert [(one["peak"], one["reason"]) for one in statuses] == [
        (True, "WINDOW"),
        (False, "NO_WINDOW"),
        (True, "WINDOW"),
        (False, "NO_WINDOW"),
        (False, "WEEKEND"),
        (None, "UNKNOWN"),  # spring is not in the sheet
    ]
    assert statuses[0]["interval"]["start"] == span["from"]
    assert statuses[-1]["interval"] == {"start": "2025-03-03T00:00:00+01:00", "end": span["to"]}


async def test_intervals_are_null_where_nothing_is_known(client: httpx.AsyncClient, netze_a: Dno) -> None:
    for start, end, level, expected in (
        ("2025-04-14T00:00:00+02:00", "2025-04-15T00:00:00+02:00", "MS", None),
        ("2025-01-15T00:00:00+01:00", "2025-01-16T00:00:00+01:00", "NS", None),
        ("2024-01-15T00:00:00+01:00", "2024-01-16T00:00:00+01:00", "MS", None),
        ("2025-01-18T00:00:00+01:00", "2025-01-19T00:00:00+01:00", "MS", []),
        ("2025-01-15T00:00:00+01:00", "2025-01-15T00:00:00+01:00", "MS", []),
    ):
        span = {"from": start, "to": end}
        found = (await execute(client, SPAN, slug="netze-a", level=level, **span))["dno"]
        assert found["peakIntervals"] == expected, (start, level)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2025-01-02T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("2025-01-01T00:00:00Z", "2026-02-06T00:00:00Z"),
        ("1901-01-01T00:00:00Z", "2199-01-01T00:00:00Z"),
    ],
)
@pytest.mark.parametrize("field", ["peakIntervals { start }", "peakStatuses { peak }"])
async def test_a_span_is_refused_backwards_and_beyond_400_days(
    client: httpx.AsyncClient, netze_a: Dno, start: str, end: str, field: str
) -> None:
    name, selection = field.split(" ", 1)
    document = f"""query ($a: DateTime!, $b: DateTime!) {{ dno(slug: "netze-a") {{
        {name}(from: $a, to: $b, voltageLevel: MS) {selection} }} }}"""
    assert await error_codes(client, document, a=start, b=end) == ["BAD_USER_INPUT"]


async def test_operators_of_a_list_are_answered_with_a_statement_per_kind_of_record(
    resources: Resources, operators: list[Any]
) -> None:
    """Without caches: the directory, the operators, and for each of the two fields the sheets of all years and the rules."""
    document = """{ dnos { nodes {
        a: peakStatus(at: "2025-01-15T08:00:00+01:00", voltageLevel: MS) { peak reason }
        b: peakIntervals(from: "2023-12-31T00:00:00+01:00", to: "2025-01-03T00:00:00+01:00", voltageLevel: MS) { start }
        } } }"""
    comparison = Comparison(resources)
    resources.memory.switch_off()
    resources.shared.distrust("the test counts statements")
    operation = comparison.documents.get(document).operation(None)
    variables = operation.variables({})
    assert operation.plan(variables).root is not None
    spent = operation_stats.begin()
    answer = await comparison.executor.run(operation, variables, {}, Context(resources))
    assert answer.errors == 0
    assert b'"peak":true' in answer.body
    assert spent.statements == 6


# The year as CSV


def rows_of(response: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(response.text)))


async def test_the_csv_of_a_year_marks_each_quarter_hour(client: httpx.AsyncClient, netze_a: Dno) -> None:
    response = await client.get(CSV)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/csv")
    assert "max-age" in response.headers["cache-control"]
    rows = rows_of(response)
    assert len(rows) == 35_040
    marks = {row["start"]: row["peak"] for row in rows}
    assert marks["2025-01-15T07:15:00+01:00"] == "0"
    assert marks["2025-01-15T07:30:00+01:00"] == "1"
    assert marks["2025-07-15T12:45:00+02:00"] == "1"
    assert marks["2025-04-15T08:00:00+02:00"] == ""
    assert marks["2025-01-06T08:00:00+01:00"] == "0"
    moments = [datetime.fromisoformat(row["start"]) for row in rows]
    assert {later - earlier for earlier, later in itertools.pairwise(moments)} == {timedelta(minutes=15)}


async def test_the_csv_is_cached_until_windows_or_rules_change(
    client: httpx.AsyncClient, resources: Resources, netze_a: Dno, admin: Any
) -> None:
    first = await client.get(CSV)
    again = await client.get(CSV, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    async def statements_of_a_request() -> int:
        before = resources.pool.statements
        assert (await client.get(CSV)).content == first.content
        return resources.pool.statements - before

    # Events of earlier writes may arrive in between.
    await until_equal(statements_of_a_request, 0)
    added = await admin.write("addHolidayRule", dno="netze-a", year=2025, holidays="NATIONWIDE")
    assert added["errors"] == []
    changed = await client.get(CSV, headers={"if-none-match": first.headers["etag"]})
    assert changed.status_code == 200
    marks = {row["start"]: row["peak"] for row in rows_of(changed)}
    assert marks["2025-01-06T08:00:00+01:00"] == "1"  # Heilige Drei Könige no longer counts


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/api/v1/dnos/netze-a/hlzf/2025.csv", 400),
        ("/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=XS", 400),
        ("/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=MS&voltageLevel=NS", 400),
        ("/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=MS&year=1", 400),
        ("/api/v1/dnos/netze-a/hlzf/2025.csv?voltageLevel=NS", 404),
        ("/api/v1/dnos/netze-a/hlzf/2024.csv?voltageLevel=MS", 404),
        ("/api/v1/dnos/netze-a/hlzf/20255.csv?voltageLevel=MS", 404),
        ("/api/v1/dnos/unknown/hlzf/2025.csv?voltageLevel=MS", 404),
    ],
)
async def test_a_csv_that_cannot_be_made_is_refused(
    client: httpx.AsyncClient, netze_a: Dno, path: str, code: int
) -> None:
    response = await client.get(path)
    assert (response.status_code, response.headers["content-type"]) == (code, "application/problem+json")
    named = response.json().get("argument")
    assert named == (("year" if "year" in path else "voltageLevel") if code == 400 else None)
