"""Rankings and comparisons by bill, in the graph."""

from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.bill_profile import BillProfile, consumption_of
from app.domain.bill_ranking import BillRanking
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.observability import operation_stats
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from schema.queries import bill_ranking
from schema.queries.bill_ranking import load_bill_ranking
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute, execute_with_errors

RANK = """
query (
  $profile: BillProfile, $year: Int, $input: ConsumptionInput, $region: String, $derived: Boolean! = false, $dearest: Boolean! = false
  $first: Int, $skip: Int! = 0, $publication: Publication
) {
  rankBills(
    profile: $profile, year: $year, input: $input, region: $region, includeDerived: $derived, dearest: $dearest, first: $first
    skip: $skip, publication: $publication
  ) {
    consumption { year voltageLevel metering consumptionKwh peakLoadKw module specialUse }
    bills { rank dno { slug } bill { network gross missing } difference derived preliminary }
    ranked derivedOnly otherPublication notKnown withoutData lowest highest
  }
}
"""
COMPARE = """
query ($slugs: [String!]!, $profile: BillProfile = HOUSEHOLD, $derived: Boolean! = false) {
  compareBills(slugs: $slugs, profile: $profile, year: 2025, includeDerived: $derived) {
    rank dno { slug } bill { network missing } difference derived
  }
}
"""


@pytest.fixture
async def market(pool: Pool) -> dict[str, Dno]:
    """Malchow and Netze ODR 2025 as published, ODR preliminary; one operator with Modul 3 only; one with neither; one without data."""
    made = {
        slug: await make.dno(pool, slug, name=slug.title(), region=region)
        for slug, region in (
            ("malchow", "Mecklenburg-Vorpommern"),
            ("odr", "Baden-Württemberg"),
            ("abgeleitet", "Bayern"),
            ("unbekannt", "Bayern"),
            ("leer", "Bayern"),
        )
    }
    for slug, base, work, publication in (
        ("malchow", "60.00", "7.49", "FINAL"),
        ("odr", "69.35", "6.41", "PRELIMINARY"),
    ):
        for kind, amount in ((PriceKind.SLP_GRUNDPREIS, base), (PriceKind.SLP_ARBEITSPREIS, work)):
            await make.price(pool, made[slug], 2025, kind, amount, publication=publication)
    await make.price(pool, made["abgeleitet"], 2025, PriceKind.SLP_GRUNDPREIS, "40.00")
    await make.time_of_use(pool, made["abgeleitet"], 2025, "10.84", "8.62", "3.45")
    await make.price(pool, made["unbekannt"], 2025, PriceKind.SLP_GRUNDPREIS, "1.00")
    await make.tariff(pool, made["malchow"], 2025, VoltageLevel.MS, "119.08", "1.09", "21.49", "5.00")
    return made


async def ranked(client: httpx.AsyncClient, **variables: Any) -> Any:
    wanted = {"profile": "HOUSEHOLD", "year": 2025} | variables
    return (await execute(client, RANK, **wanted))["rankBills"]


def shown(ranking: Any) -> list[tuple[int, str, str]]:
    return [(one["rank"], one["dno"]["slug"], one["bill"]["network"]) for one in ranking["bills"]]


async def test_operators_are_ranked_by_published_prices_and_the_others_are_counted(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    """60.00 + 3,500 · 0.0749 = 322.15; 69.35 + 3,500 · 0.0641 = 293.70."""
    found = await ranked(client)
    assert shown(found) == [(1, "odr", "293.70"), (2, "malchow", "322.15")]
    assert [one["preliminary"] for one in found["bills"]] == [True, False]
    assert [one["difference"] for one in found["bills"]] == ["0.00", "28.45"]
    assert (found["ranked"], found["derivedOnly"], found["notKnown"], found["withoutData"]) == (2, 1, 1, 1)
    assert found["consumption"] == {
        "year": 2025,
        "voltageLevel": "NS",
        "metering": "SLP",
        "consumptionKwh": "3500",
        "peakLoadKw": None,
        "module": None,
        "specialUse": None,
    }


async def test_a_ranking_is_read_page_by_page_with_the_range_of_all_places(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    pages = [await ranked(client, derived=True, first=2, skip=skip) for skip in (0, 2, 4)]
    assert [shown(page) for page in pages] == [
        [(1, "odr", "293.70"), (2, "malchow", "322.15")],
        [(3, "abgeleitet", "341.70")],
        [],
    ]
    assert {(page["ranked"], page["lowest"], page["highest"]) for page in pages} == {(3, "293.70", "341.70")}
    assert pages[1]["bills"][0]["difference"] == "48.00"
    none = await ranked(client, year=2020)
    assert (none["bills"], none["lowest"], none["highest"]) == ([], None, None)
    for skip in (-1, 10_001):
        codes = await error_codes(client, RANK, profile="HOUSEHOLD", year=2025, skip=skip)
        assert codes == ["BAD_USER_INPUT"]


async def test_derived_prices_are_used_if_asked_for_and_marked(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    """The Arbeitspreis is that of the standard band: 40.00 + 3,500 · 0.0862 = 341.70."""
    found = await ranked(client, derived=True)
    assert shown(found)[2] == (3, "abgeleitet", "341.70")
    assert [one["derived"] for one in found["bills"]] == [False, False, True]
    # Modul 2 is 40 % of the Arbeitspreis; what it is derived from may be derived: 6,000 · 0.02564, · 0.02996, · 0.03448.
    heat_pump = await ranked(client, profile="HEAT_PUMP", derived=True)
    assert [slug for _, slug, _ in shown(heat_pump)] == ["odr", "malchow", "abgeleitet"]
    assert all(one["derived"] for one in heat_pump["bills"])
    assert (await ranked(client, profile="HEAT_PUMP"))["bills"] == []


async def test_a_ranking_can_be_limited_to_charges_of_one_publication(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    final = await ranked(client, publication="FINAL")
    assert shown(final) == [(1, "malchow", "322.15")]
    assert (final["ranked"], final["derivedOnly"], final["otherPublication"], final["notKnown"]) == (
        1,
        1,
        1,
        1,
    )
    preliminary = await ranked(client, publication="PRELIMINARY")
    assert shown(preliminary) == [(1, "odr", "293.70")]
    assert (await ranked(client))["otherPublication"] == 0


async def test_a_ranking_has_regions_a_length_and_both_directions(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    assert [slug for _, slug, _ in shown(await ranked(client, dearest=True))] == ["malchow", "odr"]
    assert [slug for _, slug, _ in shown(await ranked(client, first=1))] == ["odr"]
    bavaria = await ranked(client, region="Bayern")
    assert (bavaria["bills"], bavaria["derivedOnly"], bavaria["notKnown"], bavaria["withoutData"]) == (
        [],
        1,
        1,
        1,
    )
    industry = await ranked(client, profile="INDUSTRY")
    assert shown(industry) == [(1, "malchow", "233120.00")]  # 1,500 · 119.08 + 5,000,000 · 0.0109
    assert industry["notKnown"] == 3
    none = await ranked(client, year=2019)
    assert (none["bills"], none["withoutData"]) == ([], 5)


async def test_any_consumption_can_be_ranked(client: httpx.AsyncClient, market: dict[str, Dno]) -> None:
    wanted = {"year": 2025, "voltageLevel": "NS", "metering": "SLP", "consumptionKwh": "1000"}
    found = await ranked(client, profile=None, year=None, input=wanted)
    assert shown(found) == [(1, "odr", "133.45"), (2, "malchow", "134.90")]


async def test_a_comparison_has_each_operator_and_names_what_is_missing(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    slugs = ["unbekannt", "malchow", "odr", "malchow", "leer"]
    found = (await execute(client, COMPARE, slugs=slugs))["compareBills"]
    assert [(one["dno"]["slug"], one["rank"], one["difference"]) for one in found] == [
        ("unbekannt", None, None),
        ("malchow", 2, "28.45"),
        ("odr", 1, "0.00"),
        ("leer", None, None),
    ]
    assert [bool(one["bill"]["missing"]) for one in found][0:4:3] == [True, True]
    [derived] = (await execute(client, COMPARE, slugs=["abgeleitet"], derived=True))["compareBills"]
    assert (derived["bill"]["network"], derived["derived"]) == ("341.70", True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": None},
        {"year": None},
        {"input": {"year": 2025, "voltageLevel": "NS", "metering": "SLP", "consumptionKwh": "1000"}},
        {"year": 1800},
        {"region": "Atlantis"},
        {"first": 0},
        {"first": 101},
        {"profile": None, "year": None, "input": {"year": 2025, "voltageLevel": "MS", "metering": "SLP", "consumptionKwh": "1"}},
    ],
)  # fmt: skip
async def test_invalid_arguments_of_a_ranking_are_refused(
    client: httpx.AsyncClient, market: dict[str, Dno], wrong: dict[str, Any]
) -> None:
    assert await error_codes(client, RANK, **({"profile": "HOUSEHOLD", "year": 2025} | wrong)) == [
        "BAD_USER_INPUT"
    ]


async def test_a_year_that_cannot_be_is_refused_by_the_name_of_the_argument(
    client: httpx.AsyncClient, market: dict[str, Dno]
) -> None:
    response = await execute_with_errors(client, RANK, profile="HOUSEHOLD", year=1800)
    (error,) = response["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argument": "year"}


@pytest.mark.parametrize("slugs", [["malchow", "none"], [""], [f"n{number}" for number in range(21)]])
async def test_a_comparison_of_unknown_or_too_many_operators_is_refused(
    client: httpx.AsyncClient, market: dict[str, Dno], slugs: list[str]
) -> None:
    assert await error_codes(client, COMPARE, slugs=slugs) == ["BAD_USER_INPUT"]


async def _write(resources: Resources, pool: Pool, statement: str, *arguments: object) -> None:
    user = await make.user(pool)
    await Context(resources, principal=Principal(Role.EDITOR, user_id=user.id)).write(
        lambda work: work.connection.execute(statement, *arguments)
    )


async def test_a_ranking_is_current_after_every_write_that_it_depends_on(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, market: dict[str, Dno]
) -> None:
    for _ in range(2):  # the second from caches
        assert [slug for _, slug, _ in shown(await ranked(client, derived=True))] == [
            "odr",
            "malchow",
            "abgeleitet",
        ]
    await _write(resources, pool, "UPDATE prices SET amount = 5 WHERE dno_id = $1 AND kind = 'SLP_ARBEITSPREIS'", market["malchow"].id)  # fmt: skip
    assert shown(await ranked(client, derived=True))[0] == (1, "malchow", "235.00")
    # The price from which another one is derived.
    await _write(resources, pool, "UPDATE time_of_use_data SET price_st = 1")
    assert shown(await ranked(client, derived=True))[0] == (1, "abgeleitet", "75.00")
    # A published price takes the place of the derived one at once.
    await make.price(pool, market["abgeleitet"], 2025, PriceKind.SLP_ARBEITSPREIS, "2.00")
    await _write(resources, pool, "UPDATE dnos SET region = 'Hessen' WHERE id = $1", market["malchow"].id)
    hesse = await ranked(client, derived=True, region="Hessen")
    assert shown(hesse) == [(1, "malchow", "235.00")]


async def test_a_ranking_costs_one_statement_per_family_whatever_the_number_of_operators(
    settings: Settings, pool: Pool, market: dict[str, Dno], monkeypatch: pytest.MonkeyPatch
) -> None:
    uncached = msgspec.structs.replace(settings, entity_cache=False, response_cache=False)
    for number in range(40):
        dno = await make.dno(pool, f"n-{number}")
        await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, "1.00")
        await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "1.00")
    async with open_resources(uncached) as resources:

        async def rank() -> BillRanking:
            return await load_bill_ranking(
                Context(resources),
                consumption_of(BillProfile.HOUSEHOLD, 2025),
                None,
                include_derived=True,
                dearest=False,
                places=slice(100),
            )

        stats = operation_stats.begin()
        found = await rank()
        statements = stats.statements
        monkeypatch.setattr(bill_ranking, "OPERATORS_AT_ONCE", 7)  # as of thousands of operators
        assert await rank() == found
    assert found.ranked == 43
    assert statements <= 5, "the directory, operators with data, prices, time of use, levies"
