"""Entries of all kinds: filtered, page by page, and those with unusual values; never older than an answered write."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.db.family_tables import TABLES
from app.db.plausibility import PlausibilityCheck
from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import ANONYMOUS, Role
from app.domain.entry import VoltageLevel
from app.domain.entry_page import EntryFilter
from app.domain.families import BY_NAME
from app.domain.holiday_rule import WITHOUT_YEAR
from app.domain.levy import LevyKind
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.types import unusual_entries
from schema.types.unusual_entries import count_matching
from tests import factories as make
from tests.integration.graph.graphql_client import execute
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, global_id, mutation
from tests.waiting import until_equal

ENTRIES = """query ($filter: EntryFilter, $first: Int, $after: String) { entries(filter: $filter, first: $first, after: $after) {
  totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  nodes { __typename ... on Node { id } } edges { cursor node { ... on Node { id } } warnings { code message field } } } }"""
SWAPPED = {
    "leistung": "18.30",
    "arbeit": "2.86",
    "leistung_unter_2500h": "58.21",
    "arbeit_unter_2500h": "1.26",
}


async def page(caller: Caller, first: int = 50, after: str | None = None, **filter: Any) -> Any:
    return (await caller.execute(ENTRIES, filter=filter, first=first, after=after))["entries"]


def ids(page: Mapping[str, Any]) -> list[str]:
    found = [node["id"] for node in page["nodes"]]
    assert [edge["node"]["id"] for edge in page["edges"]] == found
    return found


@pytest.fixture
async def stored(pool: Pool) -> dict[str, str]:
    """Global ids by name, in the order of the list."""
    a, b = await make.dno(pool), await make.dno(pool, "netze-b")
    made = {
        "tariff a": await make.tariff(pool, a),
        "price a": await make.price(pool, a),
        "sheet a": await make.time_of_use(pool, a),
        "tariff b": await make.tariff(pool, b, **SWAPPED, verification_status="verified"),
        "hlzf b": await make.hlzf(pool, b, windows="06:00-22:00", publication="PRELIMINARY"),
    }
    levy = await make.levy(pool)
    return {name: global_id(entry) for name, entry in made.items()} | {"levy": f"levy_{levy.id.hex}"}


async def test_entries_of_all_kinds_are_listed_page_by_page(editor: Caller, stored: dict[str, str]) -> None:
    everything = await page(editor)
    assert (ids(everything), everything["totalCount"]) == ([*stored.values()], 6)
    assert everything["pageInfo"]["hasNextPage"] is everything["pageInfo"]["hasPreviousPage"] is False
    found: list[str] = []
    after, more = None, True
    while more:
        part = await page(editor, 4, after)
        assert (len(part["nodes"]), part["totalCount"]) == (min(4, 6 - len(found)), 6)
        assert part["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert part["pageInfo"]["endCursor"] == part["edges"][-1]["cursor"]
        found += ids(part)
        after, more = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
    assert found == [*stored.values()]


@pytest.mark.parametrize(
    ("filter", "names"),
    [
        ({"dno": "netze-b"}, ["tariff b", "hlzf b"]),
        ({"dno": "netze-x"}, []),
        ({"dataType": "HLZF"}, ["hlzf b"]),
        ({"dataType": "LEVY"}, ["levy"]),
        ({"year": 2026}, ["sheet a"]),
        ({"year": 2026, "dataType": "PRICE"}, []),
        ({"voltageLevel": "MS"}, ["tariff a", "tariff b", "hlzf b"]),
        ({"voltageLevel": "NS"}, ["price a"]),
        ({"voltageLevel": "NS", "dataType": "LEVY"}, []),
        ({"verificationStatus": "VERIFIED"}, ["tariff b"]),
        ({"publication": "PRELIMINARY"}, ["hlzf b"]),
        ({"implausible": True}, ["sheet a", "tariff b", "hlzf b"]),
        ({"implausible": True, "dno": "netze-b", "dataType": "NETZENTGELTE"}, ["tariff b"]),
        ({"implausible": False}, ["tariff a", "price a", "levy"]),
    ],
)
async def test_a_filter_selects_entries_to_which_all_of_it_applies(
    editor: Caller, stored: dict[str, str], filter: dict[str, Any], names: list[str]
) -> None:
    found = await page(editor, **filter)
    assert (ids(found), found["totalCount"]) == ([stored[name] for name in names], len(names))


async def test_a_year_selects_no_entries_without_a_year(admin: Caller, pool: Pool) -> None:
    """A rule whose operator names no year, and a levy whose first day is not known: a year stands in their rows."""
    await make.holiday_rule(pool, await make.dno(pool))
    begun = global_id(await make.levy(pool, LevyKind.EEG, "2000-04-01"))
    assert (await admin.write("addLevy", kind="STROMSTEUER", value="2.05"))["levy"]["validFrom"] is None
    assert (await page(admin))["totalCount"] == 3
    found = await page(admin, year=WITHOUT_YEAR)
    assert (ids(found), found["totalCount"]) == ([begun], 1)
    changes = "query ($filter: EntryFilter) { changes(filter: $filter) { totalCount nodes { entryId } } }"
    found = (await admin.execute(changes, filter={"year": WITHOUT_YEAR}))["changes"]
    assert found == {"totalCount": 1, "nodes": [{"entryId": begun}]}


async def test_an_edge_has_what_is_unusual_with_both_figures(editor: Caller, stored: dict[str, str]) -> None:
    found = await page(editor, implausible=True)
    assert [[warning["code"] for warning in edge["warnings"]] for edge in found["edges"]] == [
        ["FEW_QUARTERS"],
        ["UNUSUAL_ORDER", "UNUSUAL_ORDER"],
        ["MANY_HOURS"],
    ]
    assert found["edges"][1]["warnings"][1] == {
        "code": "UNUSUAL_ORDER",
        "message": "The Arbeitspreis under 2,500 h (1.26) is usually above the one from 2,500 h (2.86).",
        "field": ["input", "arbeitUnter2500h"],
    }
    assert [edge["warnings"] for edge in (await page(editor, implausible=False))["edges"]] == [[], [], []]


async def test_no_list_is_older_than_an_answered_write(editor: Caller, stored: dict[str, str]) -> None:
    for _ in range(2):  # the second answer may be a cached one
        assert stored["tariff b"] in ids(await page(editor, implausible=True, dno="netze-b"))
        assert len(ids(await page(editor, dataType="LEVY"))) == 1
    await editor.write(
        "correctTariff", id=stored["tariff b"], leistung="58.21", arbeit="1.26", leistungUnter2500h="18.30",
        arbeitUnter2500h="2.86",
    )  # fmt: skip
    assert ids(await page(editor, implausible=True, dno="netze-b")) == [stored["hlzf b"]]
    await editor.write("correctTariff", id=stored["tariff a"], leistung="999")
    assert stored["tariff a"] in ids(await page(editor, implausible=True))
    await editor.write("flag", id=stored["levy"], reason="in doubt")
    assert ids(await page(editor, verificationStatus="FLAGGED")) == [stored["levy"]]
    added = await editor.write("addLevy", kind="KWKG", value="1", validFrom="2030-01-01", customerGroup="x")
    assert added["levy"]["id"] in ids(await page(editor, dataType="LEVY"))


async def test_pages_of_entries_with_and_without_unusual_values_are_complete(
    editor: Caller, pool: Pool, stored: dict[str, str]
) -> None:
    for n in range(12):
        dno = await make.dno(pool, f"netze-c{n:02}")
        for level in (VoltageLevel.HS, VoltageLevel.NS):
            await make.tariff(pool, dno, voltage_level=level, **(SWAPPED if n % 3 else {}))
    for implausible in (True, False):
        everything = await page(editor, 100, implausible=implausible)
        found: list[str] = []
        after, more = None, True
        while more:
            part = await page(editor, 3, after, implausible=implausible)
            assert part["totalCount"] == everything["totalCount"] == len(ids(everything))
            found += ids(part)
            after, more = part["pageInfo"]["endCursor"], part["pageInfo"]["hasNextPage"]
        assert found == ids(everything)
        assert len(found) == (3 + 16 if implausible else 3 + 8)


async def test_a_figure_becomes_unusual_when_those_of_other_operators_change(
    editor: Caller, pool: Pool
) -> None:
    tariffs = [await make.tariff(pool, await make.dno(pool, f"netze-{n}")) for n in range(10)]
    prices = {"leistung": "9.70", "leistungUnter2500h": "3.05", "arbeit": "0.21", "arbeitUnter2500h": "0.476"}
    for n, tariff in enumerate(tariffs):
        # The median is that of the last five until the fifth is changed.
        await editor.write("correctTariff", id=global_id(tariff), **prices)
        found = await page(editor, implausible=True, dno="netze-0")
        assert [edge["warnings"][0]["code"] for edge in found["edges"]] == ["UNUSUAL_MAGNITUDE"] * (n < 4)
        assert found["totalCount"] == len(found["edges"])
    assert ids(await page(editor, implausible=True)) == []


async def test_a_write_is_followed_by_a_comparison_of_its_operator_only(
    editor: Caller, pool: Pool, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await page(editor, implausible=True)
    compared: list[set[UUID]] = []
    find = PlausibilityCheck.find_beside

    def find_beside(check: Any, connection: Any, usual: Any, dno_ids: Sequence[UUID], **wanted: Any) -> Any:
        compared.append({*dno_ids})
        return find(check, connection, usual, dno_ids, **wanted)

    monkeypatch.setattr(PlausibilityCheck, "find_beside", find_beside)
    payload = await editor.write("correctTariff", id=stored["tariff a"], leistung="999")
    found = await editor.execute(
        "{ entries(filter: {implausible: true}) { totalCount nodes { ... on Node { id } } } }"
    )
    assert found["entries"]["totalCount"] == 4
    a = await pool.fetch("SELECT id FROM dnos WHERE slug = 'netze-a'")
    assert payload["tariff"]["id"] == stored["tariff a"]
    assert compared
    assert all(dno_ids == {a[0]["id"]} for dno_ids in compared)


async def test_lists_equal_a_comparison_of_everything_after_each_of_many_corrections(
    editor: Caller, pool: Pool
) -> None:
    tariffs = [
        global_id(await make.tariff(pool, dno, year))
        for dno in [await make.dno(pool, f"netze-{n:02}") for n in range(10)]
        for year in (2024, 2025)
    ]
    random = Random(20261128)
    sizes = set()
    for _ in range(15):
        price = random.choice(["leistung", "arbeit", "leistungUnter2500h", "arbeitUnter2500h"])
        changed = {
            "id": random.choice(tariffs),
            price: random.choice(["0.25", "1.50", "2.86", "69.27", "600"]),
        }
        assert (await editor.write("correctTariff", **changed))["errors"] == []
        async with pool.connection() as connection, connection.transaction():
            expected = {
                global_id(entry): [warning.message for warning in warnings]
                async for entry, warnings in TABLES["tariffs"].plausibility.find(connection)
            }
        unusual, usual = await page(editor, 100, implausible=True), await page(editor, 100, implausible=False)
        assert {
            edge["node"]["id"]: [warning["message"] for warning in edge["warnings"]]
            for edge in unusual["edges"]
        } == expected
        assert {*ids(usual)} == {*tariffs} - {*expected}
        assert (unusual["totalCount"], usual["totalCount"]) == (len(expected), 20 - len(expected))
        sizes.add(len(expected))
    assert len(sizes) > 3


async def test_a_comparison_that_no_cache_has_is_charged(
    resources: Resources, stored: dict[str, str]
) -> None:
    charged = []
    for _ in range(2):
        context = Context(resources)
        assert await count_matching(context, EntryFilter(implausible=True)) == 3
        charged.append(context.budget.reads)
    # Two operators, and the figures without one.
    assert charged == [30, 0]


async def test_after_an_answered_write_no_instance_lists_what_was_unusual_before(
    server: Running, pool: Pool, settings: Settings, stored: dict[str, str]
) -> None:
    await server.delivered()
    _, editor = await issue_key(pool, Role.EDITOR)
    read = """{ entries(filter: {implausible: true}) { totalCount nodes { ... on Node { id } } }
      ofOne: entries(filter: {implausible: true, dno: "netze-b", dataType: NETZENTGELTE}) { totalCount edges { warnings { code } } }
      usual: entries(filter: {implausible: false}) { totalCount } }"""
    usual = {"leistung": "58.21", "arbeit": "1.26", "leistungUnter2500h": "18.30", "arbeitUnter2500h": "2.86"}
    swapped = {
        "leistung": "18.30",
        "arbeit": "2.86",
        "leistungUnter2500h": "58.21",
        "arbeitUnter2500h": "1.26",
    }
    async with running(settings) as other:
        for n in range(6):
            writer, reader = (server, other) if n % 2 else (other, server)
            prices = swapped if n % 2 else usual
            answer = await writer.execute(
                mutation("correctTariff"), editor, input={"id": stored["tariff b"], **prices}
            )
            assert answer["correctTariff"]["errors"] == []
            unusual = n % 2
            for instance in (writer, reader, writer):

                async def counts(instance: Running = instance) -> tuple[int, ...]:
                    data = await instance.execute(read)
                    assert len(data["entries"]["nodes"]) == data["entries"]["totalCount"]
                    assert len(data["ofOne"]["edges"]) == data["ofOne"]["totalCount"]
                    return tuple(data[name]["totalCount"] for name in ("entries", "ofOne", "usual"))

                expected = (2 + unusual, unusual, 4 - unusual)
                if instance is writer:
                    assert await counts() == expected
                else:
                    await until_equal(counts, expected)  # the message to another instance takes milliseconds


@pytest.mark.parametrize("after", ["", "nonsense", "wAE", "x" * 2000])
async def test_a_damaged_cursor_is_refused(editor: Caller, after: str) -> None:
    answer = await editor.execute_with_errors(ENTRIES, after=after)
    [error] = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("BAD_USER_INPUT", "after")


async def test_a_page_costs_a_statement_and_one_for_each_kind_on_it(
    resources: Resources, client: httpx.AsyncClient, pool: Pool
) -> None:
    for n in range(5):
        dno = await make.dno(pool, f"netze-{n}")
        await make.tariff(pool, dno)
        await make.hlzf(pool, dno)
    sent: list[str] = []
    listen = resources.pool.fetch

    async def fetch(statement: str, *arguments: object, name: str = "other") -> Any:
        sent.append(name)
        return await listen(statement, *arguments, name=name)

    resources.pool.fetch = fetch  # type: ignore[method-assign]
    answer = await execute(client, "{ entries { nodes { ... on Node { id } } } }")
    assert len(answer["entries"]["nodes"]) == 10
    # Background jobs send statements, too.
    assert sorted(name for name in sent if name in ("entries", *BY_NAME)) == ["entries", "hlzf", "tariffs"]


async def test_an_operator_that_was_deleted_while_its_entries_were_read_has_them_again_when_it_is_restored(
    editor: Caller, resources: Resources, stored: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [stored["sheet a"], stored["tariff b"], stored["hlzf b"]]
    load_directory = unusual_entries.load_directory

    async def set_deleted(moment: str) -> None:
        async with unit_of_work(resources.pool, ANONYMOUS) as work:
            await work.connection.execute(f"UPDATE dnos SET deleted_at = {moment} WHERE slug = 'netze-b'")
        await resources.invalidator.invalidate(tags.of_all(work.events))

    async def read_before_it_is_deleted(*arguments: Any) -> Any:
        directory = await load_directory(*arguments)
        await set_deleted("now()")
        return directory

    with monkeypatch.context() as patched:
        patched.setattr(unusual_entries, "load_directory", read_before_it_is_deleted)
        await page(editor, implausible=True)
    assert ids(await page(editor, implausible=True)) == expected[:1]
    await set_deleted("NULL")
    assert ids(await page(editor, implausible=True)) == expected
