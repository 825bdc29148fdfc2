"""Levies: rates of the whole country, read by year, added, corrected, verified and reverted like entries of operators."""

import io
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from app.db.pool import Pool
from app.importers.checking import File
from app.importers.load import Kind, import_files
from app.importers.starter import FILES, FOLDER
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import execute
from tests.integration.graph.running import Running, issue_key, stream
from tests.integration.graph.writing import Caller, refusals, unknown_id

LEVIES = """query ($year: Int!) { levies(year: $year) {
  id version kind customerGroup value unit validFrom validTo inhabitantsFrom inhabitantsTo note verificationStatus
  source { url title } } }"""
MISSING = "query ($year: Int!) { missingLevies(year: $year) { kind customerGroup validFrom validTo reason } }"
KWKG = {"kind": "KWKG", "customerGroup": "non_privileged", "value": "0.446", "validFrom": "2026-01-01"}


@pytest.fixture
async def held(settings: Settings, pool: Pool) -> None:
    """The levies of the starter data."""
    names = FILES[Kind["LEVIES"]]
    files = [File(name, io.BytesIO((FOLDER / name).read_bytes())) for name in names]
    report = await import_files(settings.database_url, Kind["LEVIES"], files)
    assert (report.inserted, report.problems) == (97, ())


async def levies_of(caller: Caller, year: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await caller.execute(LEVIES, year=year))["levies"]
    return found


@pytest.mark.usefixtures("held")
async def test_levies_of_a_year_have_their_time_source_and_what_is_in_dispute(editor: Caller) -> None:
    found = await levies_of(editor, 2026)
    rates = {(each["kind"], each["customerGroup"]): each for each in found}
    assert rates["KWKG", "non_privileged"]["value"] == "0.446"
    surcharge = rates["PARAGRAF_19_STROM_NEV", "A'"]
    assert (surcharge["value"], surcharge["verificationStatus"]) == ("1.559", "UNVERIFIED")
    assert "reservation about the federal subsidy" in surcharge["note"]
    tax = rates["STROMSTEUER", "standard"]
    assert (tax["value"], tax["validFrom"], tax["validTo"]) == ("2.050", "2015-01-01", None)
    vat = rates["UMSATZSTEUER", "standard"]
    assert (vat["value"], vat["unit"], vat["validFrom"]) == ("19", "percent", "2021-01-01")
    fees = [each for each in found if each["kind"] == "KONZESSIONSABGABE"]
    assert {each["customerGroup"]: (each["value"], each["inhabitantsFrom"], each["inhabitantsTo"]) for each in fees} == {
        "S_SCHWACHLAST": ("0.61", None, None),
        "S_SONDERKUNDE": ("0.11", None, None),
        "S_TARIF_25000": ("1.32", None, 25_000),
        "S_TARIF_100000": ("1.59", 25_001, 100_000),
        "S_TARIF_500000": ("1.99", 100_001, 500_000),
        "S_TARIF_G_500000": ("2.39", 500_001, None),
    }  # fmt: skip
    assert all(each["validFrom"] is None for each in fees)
    assert all(each["source"]["url"].startswith("http") for each in found)
    assert [each["kind"] for each in await levies_of(editor, 2022)].count("EEG") == 2


@pytest.mark.usefixtures("held")
async def test_what_is_charged_and_not_held_is_listed(editor: Caller) -> None:
    async def missing(year: int) -> list[tuple[str, str | None]]:
        found = (await editor.execute(MISSING, year=year))["missingLevies"]
        return [(each["kind"], each["customerGroup"]) for each in found]

    surcharge = "PARAGRAF_19_STROM_NEV"
    assert await missing(2025) == []
    for year in (2023, 2024, 2026):
        assert await missing(year) == [(surcharge, "B'"), (surcharge, "C'")]
    assert await missing(2027) == [
        ("KWKG", "non_privileged"),
        ("OFFSHORE", "non_privileged"),
        (surcharge, "A'"),
        (surcharge, "B'"),
        (surcharge, "C'"),
    ]
    assert await missing(2015) == [("KWKG", "B"), ("KWKG", "C")]
    reason = (await editor.execute(MISSING, year=2027))["missingLevies"][0]["reason"]
    assert (
        reason
        == "No rate of KWKG for the customer group non_privileged is held for 2027-01-01 to 2027-12-31."
    )


@pytest.mark.parametrize("field", ["levies", "missingLevies"])
@pytest.mark.parametrize("year", [1999, 2101])
async def test_a_year_out_of_range_is_refused(client: httpx.AsyncClient, field: str, year: int) -> None:
    body = {"query": f"{{ {field}(year: {year}) {{ kind }} }}"}
    (error,) = (await client.post("/graphql", json=body)).json()["errors"]
    assert (error["extensions"]["code"], error["message"]) == (
        "BAD_USER_INPUT",
        "A year lies between 2000 and 2100.",
    )


async def test_an_added_levy_is_read_at_once_in_every_year_in_which_it_holds(editor: Caller) -> None:
    assert (
        await levies_of(editor, 2025) == await levies_of(editor, 2026) == await levies_of(editor, 2030) == []
    )
    added = await editor.write("addLevy", **KWKG, note="reports agree", sourceUrl="https://example.org/2026")
    assert added["errors"] == []
    changes = {change["field"]: change["after"] for change in added["revision"]["changes"]}
    assert changes["value"] == "0.446"
    assert (added["levy"]["unit"], added["levy"]["version"]) == ("ct/kWh", 1)
    for year in (2026, 2030):
        (found,) = await levies_of(editor, year)
        assert (found["id"], found["note"]) == (added["levy"]["id"], "reports agree")
    assert await levies_of(editor, 2025) == []
    done = await editor.write("correctLevy", id=added["levy"]["id"], validTo="2026-12-31", value="-0.1")
    assert done["revision"]["changes"] == [
        {"field": "validTo", "before": None, "after": "2026-12-31"},
        {"field": "value", "before": "0.446", "after": "-0.1"},
    ]
    assert await levies_of(editor, 2030) == []
    assert [each["value"] for each in await levies_of(editor, 2026)] == ["-0.1"]


@pytest.mark.usefixtures("held")
async def test_kinds_are_selected_and_each_rate_has_the_one_before_it(editor: Caller) -> None:
    query = """query ($year: Int!, $kinds: [LevyKind!]) { levies(year: $year, kinds: $kinds) {
      kind value previous { value validTo previous { value } } } }"""
    found = await editor.execute(query, year=2026, kinds=["OFFSHORE", "STROMSTEUER_ENTLASTUNG"])
    offshore, *relief = found["levies"]
    assert offshore == {
        "kind": "OFFSHORE",
        "value": "0.941",
        "previous": {"value": "0.816", "validTo": "2025-12-31", "previous": {"value": "0.656"}},
    }
    assert {(each["kind"], each["previous"]) for each in relief} == {("STROMSTEUER_ENTLASTUNG", None)}
    assert (await editor.execute(query, year=2026, kinds=[]))["levies"] == []


async def test_a_levy_is_verified_flagged_reverted_and_found_by_its_id(editor: Caller, admin: Caller) -> None:
    added = await editor.write("addLevy", **KWKG)
    id = added["levy"]["id"]
    done = await editor.write("correctLevy", id=id, value="0.5", note="a report", reason="page 2")
    verified = await admin.write("verify", id=id)
    assert verified["entry"]["verificationStatus"] == "VERIFIED"
    late = await editor.write("correctLevy", id=id, value="0.6", expectedVersion=1)
    assert refusals(late) == [("CONFLICT", ["input", "expectedVersion"])]
    undone = await admin.write("revert", revisionId=done["revision"]["id"])
    assert (undone["entry"]["value"], undone["entry"]["note"]) == ("0.446", None)
    await editor.write("flag", id=id, reason="in dispute")
    node = """query ($id: ID!) { node(id: $id) { ... on Levy {
        value verificationStatus history { kind version reason } } } }"""
    assert (await editor.execute(node, id=id))["node"] == {
        "value": "0.446",
        "verificationStatus": "FLAGGED",
        "history": [
            {"kind": "FLAGGED", "version": 5, "reason": "in dispute"},
            {"kind": "REVERTED", "version": 4, "reason": None},
            {"kind": "VERIFIED", "version": 3, "reason": None},
            {"kind": "CORRECTED", "version": 2, "reason": "page 2"},
            {"kind": "CREATED", "version": 1, "reason": None},
        ],
    }
    removed = await admin.write("revert", revisionId=added["revision"]["id"])
    assert (removed["entry"], removed["errors"]) == (None, [])
    assert (await editor.execute(node, id=id))["node"] is None
    assert await levies_of(editor, 2026) == []
    again = await editor.write("addLevy", **KWKG)
    assert (again["levy"]["id"], again["levy"]["version"]) == (id, 7)


async def test_a_levy_is_no_figure_of_an_operator(
    client: httpx.AsyncClient, editor: Caller, pool: Pool
) -> None:
    await make.dno(pool)
    await editor.write("addLevy", **KWKG)
    data = await execute(
        client,
        '{ dno(slug: "netze-a") { years } coverage { totalEntries byYear { year } } dnos { totalCount } }',
    )
    assert data == {
        "dno": {"years": []},
        "coverage": {"totalEntries": 0, "byYear": []},
        "dnos": {"totalCount": 1},
    }


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"value": "1000"}, "value"),
        ({"value": "0.12345"}, "value"),
        ({"validFrom": "1999-12-31"}, "validFrom"),
        ({"validTo": "2025-12-31"}, "validTo"),
        ({"customerGroup": "a\nb"}, "customerGroup"),
        ({"inhabitantsTo": 5}, "inhabitantsTo"),
        ({"note": "x" * 2001}, "note"),
        ({"articleId": "\0"}, "articleId"),
        ({"articleId": "1" * 101}, "articleId"),
        ({"sourceUrl": "example.org"}, "sourceUrl"),
        ({"kind": "UMSATZSTEUER", "customerGroup": "standard", "value": "20"}, "value"),
    ],
)
async def test_a_bad_levy_is_refused_with_the_field(
    editor: Caller, wrong: dict[str, Any], field: str
) -> None:
    refused = await editor.write("addLevy", **KWKG | wrong)
    assert refusals(refused) == [("INVALID", ["input", field])]
    assert await levies_of(editor, 2026) == []


async def test_a_correction_keeps_the_rules(editor: Caller) -> None:
    id = (await editor.write("addLevy", **KWKG))["levy"]["id"]
    for wrong, field in (
        ({"value": None}, "value"),
        ({"validTo": "2025-01-01"}, "validTo"),
        ({"inhabitantsFrom": 1}, "inhabitantsFrom"),
    ):
        assert refusals(await editor.write("correctLevy", id=id, **wrong)) == [("INVALID", ["input", field])]
    unknown = await editor.write("correctLevy", id=unknown_id("levy"), value="1")
    assert refusals(unknown) == [("NOT_FOUND", ["input", "id"])]
    same = await editor.write("correctLevy", id=id, value="0.446")
    assert (same["errors"], same["revision"]) == ([], None)


async def test_two_rates_of_a_customer_group_have_no_day_in_common(editor: Caller, admin: Caller) -> None:
    first = (await editor.write("addLevy", **KWKG))["levy"]["id"]
    same = await editor.write("addLevy", **KWKG)
    assert refusals(same) == [("CONFLICT", ["input", "validFrom"])]
    next_year = KWKG | {"validFrom": "2027-01-01", "value": "0.5"}
    early = await editor.write("addLevy", **next_year)
    assert refusals(early) == [("CONFLICT", ["input", "validFrom"])]
    assert "2026-01-01" in early["errors"][0]["message"]
    assert (await editor.write("addLevy", **next_year | {"customerGroup": "other"}))["errors"] == []
    await editor.write("correctLevy", id=first, validTo="2026-12-31")
    second = await editor.write("addLevy", **next_year)
    assert second["errors"] == []
    longer = await editor.write("correctLevy", id=first, validTo=None)
    assert refusals(longer) == [("CONFLICT", ["input", "validTo"])]
    unknown_start = await editor.write("addLevy", **KWKG | {"validFrom": None})
    assert refusals(unknown_start) == [("CONFLICT", ["input", "validFrom"])]
    before = KWKG | {"validFrom": None, "validTo": "2025-12-31"}
    assert (await editor.write("addLevy", **before))["errors"] == []


async def test_a_customer_group_is_the_same_whether_composed_or_not(editor: Caller) -> None:
    composed, decomposed = (KWKG | {"customerGroup": name} for name in ("f\u00fcr alle", "fu\u0308r alle"))
    added = await editor.write("addLevy", **decomposed)
    assert added["levy"]["customerGroup"] == composed["customerGroup"]
    for given in (composed, decomposed, decomposed | {"validFrom": "2026-07-01"}):
        assert refusals(await editor.write("addLevy", **given)) == [("CONFLICT", ["input", "validFrom"])]


async def test_empty_texts_of_a_levy_are_none(editor: Caller) -> None:
    texts = {"note": "", "legalBasis": "", "articleId": ""}
    added = await editor.write("addLevy", **KWKG | texts)
    assert (added["errors"], added["levy"]["note"]) == ([], None)
    fields = [change["field"] for change in added["revision"]["changes"]]
    assert not {*texts} & {*fields}
    id = added["levy"]["id"]
    unchanged = await editor.write("correctLevy", id=id, **texts)
    assert (unchanged["errors"], unchanged["revision"]) == ([], None)
    await editor.write("correctLevy", id=id, note="in dispute")
    cleared = await editor.write("correctLevy", id=id, note="")
    assert cleared["revision"]["changes"] == [{"field": "note", "before": "in dispute", "after": None}]


async def test_changes_of_levies_come_by_a_subscription_of_their_own(server: Running, pool: Pool) -> None:
    await make.dno(pool)
    _, headers = await issue_key(pool, "EDITOR")
    subscription = "subscription { levyChanged { kind changedAt levy { kind value } } }"
    of_operators = "subscription { dataChanged { dataType dno { slug } } }"
    add = """mutation ($input: AddLevyInput!) { addLevy(input: $input) { levy { id } errors { message } } }"""
    tariff = """mutation { addTariff(input: {dno: "netze-a", year: 2026, voltageLevel: MS}) { errors { message } } }"""
    async with (
        stream(server, subscription) as levies,
        stream(server, of_operators) as operators,
    ):
        await server.execute(add, headers, input=KWKG)
        await server.execute(tariff, headers)
        change = await levies.next_change()
        assert change.pop("changedAt")
        assert change == {"kind": "CREATED", "levy": {"kind": "KWKG", "value": "0.446"}}
        # Not the levy, which came before.
        assert await operators.next_change() == {"dataType": "NETZENTGELTE", "dno": {"slug": "netze-a"}}


@pytest.mark.usefixtures("held")
async def test_all_years_are_read_with_one_statement(client: httpx.AsyncClient, resources: Resources) -> None:
    before = resources.pool.statements
    for year in (2015, 2026):
        query = f"{{ levies(year: {year}) {{ value }} missingLevies(year: {year}) {{ kind }} }}"
        assert (await execute(client, query))["levies"]
    assert resources.pool.statements == before + 1


async def test_a_change_by_another_writer_is_read_and_delivered(server: Running, pool: Pool) -> None:
    async with stream(server, "subscription { levyChanged { kind levy { value } } }") as changes:
        assert (await server.execute(LEVIES, year=2026))["levies"] == []
        levy = await make.levy(pool)
        await server.delivered()
        assert [each["value"] for each in (await server.execute(LEVIES, year=2026))["levies"]] == ["0.275"]
        assert await changes.next_change() == {"kind": "CREATED", "levy": {"value": "0.275"}}
        async with pool.connection() as connection:
            await connection.execute("DELETE FROM levies WHERE id = $1", levy.id)
        await server.delivered()
        assert (await server.execute(LEVIES, year=2026))["levies"] == []
        assert await changes.next_change() == {"kind": "DELETED", "levy": None}


async def test_the_database_refuses_what_mutations_refuse(pool: Pool) -> None:
    await make.levy(pool, customer_group="A")
    for wrong in (
        {"customer_group": "A", "valid_from": "2025-01-01"},  # overlaps
        {"customer_group": "B", "unit": "percent"},
        {"customer_group": "B", "value": "1000"},
        {"customer_group": "B", "value": "NaN"},
        {"customer_group": "B", "year": 2023},
        {"customer_group": "B", "valid_to": date(2023, 12, 31)},
        {"customer_group": "B", "inhabitants_to": 5},
        {"customer_group": "B", "dno_id": UUID(int=1)},
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await make.levy(pool, **wrong)


async def test_data_changes_of_levies_are_refused_with_the_name_of_their_subscription(
    server: Running,
) -> None:
    async with stream(server, "subscription { dataChanged(dataType: LEVY) { kind } }") as changes:
        _, answer = await changes.event()
    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["message"]) == (
        "BAD_USER_INPUT",
        "Levies have no operator; their changes come by `levyChanged`.",
    )
