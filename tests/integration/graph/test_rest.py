"""The REST API returns the same data as the graph, with the same names."""

import asyncio
from pathlib import Path

import httpx
import msgspec
import pytest
import schemathesis
from graphql import parse, print_ast, separate_operations
from hypothesis import given
from hypothesis import settings as effort
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from schema.http.rest import DOCUMENT
from schema.http.rest_operations import own_document
from tests import factories as make
from tests.cache_control import assert_valid_for_a_minute
from tests.integration.graph.graphql_client import client_of, execute
from tests.integration.graph.running import Running
from tests.waiting import COUNTED, until, until_equal

YEAR = "/api/v1/dnos/netze-a/2025"
QUESTION = "/api/v1/query/natural"


@pytest.fixture
async def netze_a(pool: Pool) -> Dno:
    dno = await make.dno(pool, "netze-a", name="Netze A")
    await make.tariff(pool, dno, 2025, VoltageLevel.MS, leistung="58.20", leistung_unter_2500h=None)
    await make.hlzf(pool, dno, 2025, VoltageLevel.MS, Season.WINTER, windows="07:30-13:00, 22:00-24:00")
    await make.time_of_use(pool, dno, 2025)
    await make.holiday_rule(pool, dno)
    return dno


async def test_the_year_of_an_operator_has_the_field_names_of_the_graph(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    found = (await client.get(YEAR)).json()
    assert (found["slug"], found["name"], found["years"]) == ("netze-a", "Netze A", [2025])
    [tariff] = found["tariffs"]
    assert (tariff["voltageLevel"], tariff["leistung"], tariff["leistungUnter2500h"]) == ("MS", "58.20", None)
    [hlzf] = found["hlzf"]
    assert hlzf["windows"] == [{"start": "07:30", "end": "13:00"}, {"start": "22:00", "end": "24:00"}]
    [time_of_use] = found["timeOfUse"]
    assert time_of_use["bands"][0] == {"band": "HT", "price": "9.80"}
    assert (time_of_use["version"], time_of_use["publication"]) == (1, "FINAL")
    assert tariff["publication"] == hlzf["publication"] == "FINAL"


async def test_a_response_equals_the_data_of_the_graph(client: httpx.AsyncClient, netze_a: Dno) -> None:
    document = print_ast(separate_operations(parse(DOCUMENT))["dnoYear"])
    data = await execute(client, document, slug="netze-a", year=2025)
    assert (await client.get(YEAR)).json() == data["dno"]


async def test_a_year_without_data_is_empty_and_an_unknown_operator_is_not_found(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    empty = await client.get("/api/v1/dnos/netze-a/2019")
    assert (empty.status_code, empty.json()["tariffs"]) == (200, [])
    for path in ("/api/v1/dnos/unknown/2025", "/api/v1/dnos/netze-a/1999", f"/api/v1/dnos/netze-a/{10**30}"):
        missing = await client.get(path)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
        assert missing.json()["code"] == "NOT_FOUND"
        assert missing.json()["requestId"]


async def test_a_conditional_request_is_answered_with_304_until_the_data_changes(
    client: httpx.AsyncClient, resources: Resources, before_reads: float, pool: Pool, netze_a: Dno
) -> None:
    first = await client.get(YEAR)
    assert_valid_for_a_minute(first, before_reads)
    again = await client.get(YEAR, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])

    user = await make.user(pool)
    await Context(resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
        lambda work: work.connection.execute("UPDATE netzentgelte_data SET leistung = 60")
    )
    changed = await client.get(YEAR, headers={"if-none-match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["tariffs"][0]["leistung"]) == (200, "60")


async def test_a_repeated_request_costs_no_statement(
    client: httpx.AsyncClient, resources: Resources, netze_a: Dno
) -> None:
    first = await client.get(YEAR)

    async def statements_of_a_request() -> int:
        before = resources.pool.statements
        assert (await client.get(YEAR)).content == first.content
        return resources.pool.statements - before

    # Events of earlier writes may arrive in between.
    await until_equal(statements_of_a_request, 0)


async def test_paths_are_cached_separately(client: httpx.AsyncClient, netze_a: Dno) -> None:
    one, other = await client.get(YEAR), await client.get("/api/v1/dnos/netze-a/2024")
    assert one.content != other.content
    assert one.headers["etag"] != other.headers["etag"]


async def test_a_question_gets_the_answer_of_the_graph(client: httpx.AsyncClient, netze_a: Dno) -> None:
    body = {"query": "netzentgelte netze a ms", "today": "2025-05-01"}
    answer = await client.post(QUESTION, json=body)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    found = answer.json()
    assert found["interpretation"]["dno"]["slug"] == "netze-a"
    assert found["interpretation"]["year"] == 2025
    assert found["tariffs"][0]["leistung"] == "58.20"
    assert found["answer"].startswith("Netze A, Mittelspannung, 2025 (netto): Leistungspreis 58,20 €/kW·a")
    assert found["cached"] is False

    # An invalidation by the fixture's writes may still reject the first fill.
    async def cached() -> bool:
        return bool((await client.post(QUESTION, json=body)).json()["cached"])

    await until(cached)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"query": 7}', 400),
        (b'{"query": null}', 400),
        (b'{"query": "x", "today": "31.12.2025"}', 400),
        (b'{"query": "x", "today": 5}', 400),
        (b"{" * 5000, 400),
        (b'{"query": "' + b"x" * 1001 + b'"}', 400),
    ],
)
async def test_an_invalid_question_is_refused(
    lasting_client: httpx.AsyncClient, body: bytes, status: int
) -> None:
    answer = await lasting_client.post(QUESTION, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == "BAD_USER_INPUT"


async def test_a_question_must_be_json_and_sent_by_post(lasting_client: httpx.AsyncClient) -> None:
    assert (await lasting_client.post(QUESTION, content="query=x")).status_code == 415
    assert (await lasting_client.get(QUESTION)).status_code == 405


async def test_reading_can_require_credentials(settings: Settings, pool: Pool, netze_a: Dno) -> None:
    settings = msgspec.structs.replace(settings, anonymous_reading=False)
    async with open_resources(settings) as resources, client_of(resources) as client:
        refused = [await client.get(YEAR), await client.post(QUESTION, json={"query": "x"})]
    assert [one.status_code for one in refused] == [401, 401]


async def test_requests_count_towards_the_rate_limit_of_the_graph(
    settings: Settings, pool: Pool, netze_a: Dno
) -> None:
    settings = msgspec.structs.replace(settings, rate_limit_anonymous=2, **COUNTED)
    async with open_resources(settings) as resources, client_of(resources) as client:
        answers = [await client.get(YEAR), await client.get(YEAR), await client.get(YEAR)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_registered_documents_and_limits_do_not_apply_to_the_documents_of_rest(
    settings: Settings, pool: Pool, netze_a: Dno, tmp_path: Path
) -> None:
    (tmp_path / "documents.json").write_text("{}")
    settings = msgspec.structs.replace(
        settings, registered_documents=str(tmp_path / "documents.json"), limit_depth=1, limit_fields=1
    )
    async with open_resources(settings) as resources, client_of(resources) as client:
        assert (await client.get(YEAR)).status_code == 200


async def test_all_operations_are_answered_by_a_plan() -> None:
    document = own_document(DOCUMENT)
    span = {"from": "2025-01-01T00:00:00+01:00", "to": "2026-01-01T00:00:00+01:00"}
    household = {"year": 2025, "voltageLevel": "NS", "metering": "SLP", "consumptionKwh": "1"}
    given = {"slug": "netze-a", "year": 2025, "query": "x", "voltageLevel": "MS", "input": household, **span}
    given |= {"postalCode": "80331", "code": "7"}
    assert {one.plan(one.variables(given)).reason for one in document.operations} == {""}


async def test_the_openapi_description_is_valid_and_contains_every_field(
    client: httpx.AsyncClient, netze_a: Dno
) -> None:
    described = (await client.get("/api/v1/openapi.json")).json()
    validate(described)
    properties = described["components"]["schemas"]["OperatorYear"]["properties"]
    assert list(properties) == list((await client.get(YEAR)).json())


# Libraries of Schemathesis emit warnings.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        "dnoYear",
        "bo4eYear",
        "billYear",
        "timeOfUse",
        "naturalQuery",
        "atypicalUse",
        "postalCode",
        "operatorByCode",
    ],
)
async def test_generated_requests_are_answered_as_described(server: Running, netze_a: Dno, name: str) -> None:
    def run_all() -> None:
        described = schemathesis.openapi.from_url(server.url.replace("/graphql", "/api/v1/openapi.json"))

        @effort(max_examples=100, deadline=None, database=None, derandomize=True)
        @given(described.find_operation_by_id(name).as_strategy())
        def check(case: schemathesis.Case) -> None:
            # A pattern does not state which days exist, nor that a span ends after it begins; nor that SLP is for NS only.
            conditional = name in ("timeOfUse", "billYear")
            case.call_and_validate(excluded_checks=[positive_data_acceptance] if conditional else [])

        check()

    await asyncio.to_thread(run_all)


async def test_levies_of_a_year_and_what_is_missing_of_them_are_lists(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    await make.levy(pool, customer_group="non_privileged", note="reports agree")
    (levy,) = (await client.get("/api/v1/levies/2026")).json()
    assert (levy["kind"], levy["value"], levy["note"]) == ("KWKG", "0.275", "reports agree")
    missing = (await client.get("/api/v1/levies/2026/missing")).json()
    assert "OFFSHORE" in {each["kind"] for each in missing}
    assert "KWKG" not in {each["kind"] for each in missing}
    assert (await client.get("/api/v1/levies/1999")).status_code == 404
    assert (await client.get("/api/v1/levies/2020")).json() == []


@pytest.mark.parametrize(
    "path",
    ["levies/2026", "levies/2026/missing", "codes/SNB900000000001", "dnos/netze-a/2025/bo4e.json"],
)
async def test_a_parameter_of_the_graph_that_an_address_does_not_have_is_no_filter_without_effect(
    lasting_client: httpx.AsyncClient, path: str
) -> None:
    refused = await lasting_client.get(f"/api/v1/{path}?kinds=KWKG")
    assert (refused.status_code, refused.json()["code"], refused.json()["argument"]) == (
        400,
        "BAD_USER_INPUT",
        "kinds",
    )
    assert refused.json()["detail"] == "There is no parameter 'kinds'; this address has none."


@pytest.mark.parametrize(
    ("path", "there_are"),
    [
        ("dnos/netze-a/2025", "there is publication"),
        ("dnos/netze-a/hlzf/2026.csv", "there is voltageLevel"),
        ("dnos/netze-a/time-of-use/2026", "there are gross and resolution"),
        ("dnos/netze-a/2025/bill", "there are voltageLevel, metering, "),
        ("postal-codes/80331", "there are city and voltageLevel"),
    ],
)
async def test_refusals_of_parameters_that_an_address_does_not_have_name_those_that_it_has(
    lasting_client: httpx.AsyncClient, path: str, there_are: str
) -> None:
    problem = (await lasting_client.get(f"/api/v1/{path}?colour=red")).json()
    assert (problem["code"], problem["argument"]) == ("BAD_USER_INPUT", "colour")
    assert problem["detail"].startswith(f"There is no parameter 'colour'; {there_are}")


async def test_the_address_of_questions_has_no_parameters(lasting_client: httpx.AsyncClient) -> None:
    refused = await lasting_client.post(
        "/api/v1/query/natural?language=de", json={"query": "netze a ms 2025"}
    )
    assert (refused.status_code, refused.json()["argument"]) == (400, "language")
    assert refused.json()["detail"] == "There is no parameter 'language'; this address has none."


async def test_a_question_has_no_members_but_its_own(lasting_client: httpx.AsyncClient) -> None:
    """A misspelt `today` would be answered as of the current day."""
    question = {"query": "netze a ms letztes jahr", "todya": "2026-03-01"}
    refused = await lasting_client.post(QUESTION, json=question)
    assert (refused.status_code, refused.json()["argument"]) == (400, "todya")
    assert refused.json()["detail"] == "There is no parameter 'todya'; there are query and today."


@pytest.mark.parametrize(
    ("question", "argument"),
    [({"query": 5}, "query"), ({}, "query"), ({"query": "netze a", "today": "2026-02-30"}, "today")],
)
async def test_refusals_of_values_of_a_question_name_the_member(
    lasting_client: httpx.AsyncClient, question: dict[str, object], argument: str
) -> None:
    refused = await lasting_client.post(QUESTION, json=question)
    assert (refused.status_code, refused.json()["argument"]) == (400, argument)


@pytest.mark.parametrize(
    "path", ["dnos/netze-a/1999", "dnos/netze-a/1999/bo4e.json", "levies/1999", "levies/1999/missing"]
)
async def test_a_year_that_is_none_of_the_service_is_not_found_whatever_parameters_there_are(
    lasting_client: httpx.AsyncClient, path: str
) -> None:
    assert (await lasting_client.get(f"/api/v1/{path}?colour=red")).status_code == 404
