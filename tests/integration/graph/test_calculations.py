"""Computed fields: costs, ranks, peak times, the previous year, coverage and the search for operators."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain import clock
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.resources import Resources
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute

MS, NS = VoltageLevel.MS, VoltageLevel.NS


@pytest.fixture
async def malchow(pool: Pool) -> Dno:
    """Medium voltage as on the sheets of Stadtwerke Malchow for 2024 and 2025."""
    dno = await make.dno(
        pool, "stadtwerke-malchow", name="Stadtwerke Malchow", region="Mecklenburg-Vorpommern"
    )
    await make.tariff(pool, dno, 2024, MS, "147.22", "1.46", "27.55", "6.25")
    await make.tariff(pool, dno, 2025, MS, "119.08", "1.09", "21.49", "5.00")
    return dno


# annualCost

COST = """
query ($slug: String!, $level: VoltageLevel!, $kwh: Decimal!, $kw: Decimal!) {
  dno(slug: $slug) { tariff(year: 2025, voltageLevel: $level) {
    annualCost(consumptionKwh: $kwh, peakLoadKw: $kw) { utilisationHours capacityCharge energyCharge total }
  } }
}
"""


async def _cost(client: httpx.AsyncClient, dno: Dno, kwh: str, kw: str, level: str = "MS") -> list[Any]:
    data = await execute(client, COST, slug=dno.slug, level=level, kwh=kwh, kw=kw)
    return list(data["dno"]["tariff"]["annualCost"].values())


@pytest.mark.parametrize(
    ("kwh", "kw", "expected"),
    [
        # 1,200,000 / 400 = 3000 h: 400 · 119.08; 1,200,000 · 0.0109
        ("1200000", "400", ["3000.00", "47632.00", "13080.00", "60712.00"]),
        # 500,000 / 400 = 1250 h: 400 · 21.49; 500,000 · 0.05
        ("500000", "400", ["1250.00", "8596.00", "25000.00", "33596.00"]),
        # Exactly 2500 h, and one watt-hour less.
        ("1000000", "400", ["2500.00", "47632.00", "10900.00", "58532.00"]),
        ("999999.999", "400", ["2500.00", "8596.00", "50000.00", "58596.00"]),
        ("0", "0.5", ["0.00", "10.75", "0.00", "10.75"]),  # 0.5 · 21.49 = 10.745
    ],
)
async def test_the_annual_cost_of_a_published_sheet_equals_the_manual_calculation(
    client: httpx.AsyncClient, malchow: Dno, kwh: str, kw: str, expected: list[str]
) -> None:
    assert await _cost(client, malchow, kwh, kw) == expected


async def test_impossible_hours_are_answered_with_the_price_pair_and_a_warning(
    client: httpx.AsyncClient, malchow: Dno
) -> None:
    data = await execute(
        client,
        '{ dno(slug: "stadtwerke-malchow") { tariff(year: 2025, voltageLevel: MS) {'
        ' annualCost(consumptionKwh: "9000000", peakLoadKw: "1000") { total'
        " pricePair { below2500h leistung arbeit } warnings { code message field } } } } }",
    )
    assert data["dno"]["tariff"]["annualCost"] == {
        "total": "217180.00",  # 1000 · 119.08; 9,000,000 · 0.0109
        "pricePair": {"below2500h": False, "leistung": "119.08", "arbeit": "1.09"},
        "warnings": [
            {
                "code": "IMPOSSIBLE_UTILISATION",
                "message": "A utilisation of 9,000.00 h is impossible: a year has at most 8,784 h.",
                "field": ["peakLoadKw"],
            }
        ],
    }


async def test_unpublished_prices_are_null_and_not_zero(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    await make.tariff(pool, malchow, 2025, NS, None, "2.22", "34.29", None)
    assert await _cost(client, malchow, "300000", "100", "NS") == ["3000.00", None, "6660.00", None]
    assert await _cost(client, malchow, "100000", "100", "NS") == ["1000.00", "3429.00", None, None]


@pytest.mark.parametrize(
    ("kwh", "kw"), [("-1", "1"), ("1", "0"), ("1", "-1"), ("1" + "0" * 15, "1"), ("1", "0.0000001")]
)
async def test_impossible_consumptions_are_refused(
    client: httpx.AsyncClient, malchow: Dno, kwh: str, kw: str
) -> None:
    assert await error_codes(client, COST, slug=malchow.slug, level="MS", kwh=kwh, kw=kw) == [
        "BAD_USER_INPUT"
    ]


@pytest.mark.parametrize("kwh", ["1e6", "NaN", "Infinity", "1,5", "", 1.5, True, None, " 1"])
async def test_invalid_decimals_are_refused(client: httpx.AsyncClient, malchow: Dno, kwh: object) -> None:
    assert await error_codes(client, COST, slug=malchow.slug, level="MS", kwh=kwh, kw="1") == [
        "BAD_USER_INPUT"
    ]


# previousYear


async def test_the_previous_year_is_the_tariff_of_the_same_level_a_year_earlier(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    await make.tariff(pool, malchow, 2025, NS)
    data = await execute(
        client,
        '{ dno(slug: "stadtwerke-malchow") { tariffs { year voltageLevel previousYear { year leistung'
        " previousYear { year } } } } }",
    )
    assert data["dno"]["tariffs"] == [
        {
            "year": 2025,
            "voltageLevel": "MS",
            "previousYear": {"year": 2024, "leistung": "147.22", "previousYear": None},
        },
        {"year": 2025, "voltageLevel": "NS", "previousYear": None},
        {"year": 2024, "voltageLevel": "MS", "previousYear": None},
    ]


# rankTariffs

RANK = """
query ($year: Int = 2025, $kwh: Decimal = "1200000", $kw: Decimal = "400", $region: String, $first: Int) {
  rankTariffs(
    year: $year, voltageLevel: MS, consumptionKwh: $kwh, peakLoadKw: $kw, region: $region, first: $first
  ) { rank tariff { dno { slug } } cost { utilisationHours total } }
}
"""


@pytest.fixture
async def market(pool: Pool, malchow: Dno) -> None:
    """As published for 2025; two operators with equal prices, and one without the prices from 2500 h."""
    odr = await make.dno(pool, "netze-odr", name="Netze ODR", region="Baden-Württemberg")
    await make.tariff(pool, odr, 2025, MS, "191.79", "1.58", "16.53", "8.59")
    for name in ("Zwilling", "Anderer Zwilling"):
        twin = await make.dno(pool, name.lower().replace(" ", "-"), name=name, region="Bayern")
        await make.tariff(pool, twin, 2025, MS, "119.08", "1.09", "21.49", "5.00")
    partly = await make.dno(pool, "teilnetz", name="Teilnetz", region="Bayern")
    await make.tariff(pool, partly, 2025, MS, None, "0.01", "0.01", "0.01")


async def _ranked(client: httpx.AsyncClient, **variables: Any) -> list[tuple[Any, ...]]:
    data = await execute(client, RANK, **variables)
    return [(row["rank"], row["tariff"]["dno"]["slug"], row["cost"]["total"]) for row in data["rankTariffs"]]


async def test_a_ranking_is_sorted_by_cost_and_then_by_name(client: httpx.AsyncClient, market: None) -> None:
    assert await _ranked(client) == [
        (1, "anderer-zwilling", "60712.00"),
        (2, "stadtwerke-malchow", "60712.00"),
        (3, "zwilling", "60712.00"),
        (4, "netze-odr", "95676.00"),  # 400 · 191.79 = 76,716; 1,200,000 · 0.0158 = 18,960
    ]


async def test_below_2500_hours_the_other_prices_are_ranked(client: httpx.AsyncClient, market: None) -> None:
    assert [row[1] for row in await _ranked(client, kwh="500000")] == [
        "teilnetz",
        "anderer-zwilling",
        "stadtwerke-malchow",
        "zwilling",
        "netze-odr",
    ]


async def test_a_ranking_can_be_limited_to_a_region_and_in_length(
    client: httpx.AsyncClient, market: None
) -> None:
    assert [row[1] for row in await _ranked(client, region="Bayern")] == ["anderer-zwilling", "zwilling"]
    assert [row[1] for row in await _ranked(client, first=1)] == ["anderer-zwilling"]
    assert await _ranked(client, region="Sachsen") == []
    assert await _ranked(client, year=1999) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"region": "Atlantis"},
        {"region": ""},
        {"first": 0},
        {"first": 101},
        {"kw": "0"},
        {"kwh": "-1"},
        {"kwh": "x"},
    ],
)
async def test_invalid_arguments_of_a_ranking_are_refused(
    client: httpx.AsyncClient, market: None, wrong: dict[str, Any]
) -> None:
    assert await error_codes(client, RANK, **wrong) == ["BAD_USER_INPUT"]


# isPeak


@pytest.fixture(scope="module")
async def peaks(lasting_resources: Resources) -> None:
    """07:30 to 13:00 all year, in winter also 22:00 to 24:00; the same in two federal states."""
    pool = lasting_resources.pool
    for slug, region in (("bayern", "Bayern"), ("hessen", "Hessen"), ("ohne-land", None)):
        dno = await make.dno(pool, slug, region=region)
        for season in Season:
            windows = "07:30-13:00, 22:00-24:00" if season is Season.WINTER else "07:30-13:00"
            await make.hlzf(pool, dno, 2025, MS, season, windows=windows)
        await make.hlzf(pool, dno, 2026, MS, Season.WINTER, windows="")


async def _peak(client: httpx.AsyncClient, at: str, slug: str = "bayern", level: str = "MS") -> Any:
    query = """query ($slug: String!, $at: DateTime!, $level: VoltageLevel!) {
        dno(slug: $slug) { isPeak(at: $at, voltageLevel: $level) } }"""
    return (await execute(client, query, slug=slug, at=at, level=level))["dno"]["isPeak"]


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2025-01-15T07:29:59+01:00", False),
        ("2025-01-15T07:30:00+01:00", True),
        ("2025-01-15T12:59:59+01:00", True),
        ("2025-01-15T13:00:00+01:00", False),  # the end of a window is exclusive
        ("2025-01-15T01:30:00-05:00", True),  # 07:30 in Germany, written with the offset of New York
        # 24:00 is the end of the day, not the beginning of the next.
        ("2025-01-15T21:59:59+01:00", False),
        ("2025-01-15T23:59:59+01:00", True),
        ("2025-01-16T00:00:00+01:00", False),
        # Saturday, Sunday
        ("2025-01-18T08:00:00+01:00", False),
        ("2025-01-19T08:00:00+01:00", False),
        # Summer time begins on 30 March and ends on 26 October: 05:30 UTC is 06:30, then 07:30.
        ("2025-03-28T05:30:00Z", False),
        ("2025-03-31T05:30:00Z", True),
        ("2025-10-24T05:30:00Z", True),
        ("2025-10-27T05:30:00Z", False),
        ("2025-10-27T06:30:00Z", True),
        # The nights of the change are Sundays; 02:30 occurs twice in autumn, and is no peak either time.
        ("2025-03-30T01:30:00Z", False),
        ("2025-10-26T00:30:00Z", False),
        ("2025-10-26T01:30:00Z", False),
        # Holidays of the whole country: Good Friday, German Unity Day (a Friday)
        ("2025-04-18T08:00:00+02:00", False),
        ("2025-10-03T08:00:00+02:00", False),
        # From 24 December to 1 January
        ("2025-12-23T08:00:00+01:00", True),
        ("2025-12-24T08:00:00+01:00", False),
        ("2025-12-31T08:00:00+01:00", False),
        ("2025-01-01T08:00:00+01:00", False),
        ("2025-01-02T08:00:00+01:00", True),
    ],
)
async def test_a_moment_is_a_peak_on_working_days_within_a_window(
    lasting_client: httpx.AsyncClient, peaks: None, at: str, expected: bool
) -> None:
    assert await _peak(lasting_client, at) is expected


async def test_whether_holidays_of_a_federal_state_count_is_not_known_without_a_rule(
    lasting_client: httpx.AsyncClient, peaks: None
) -> None:
    """Epiphany, a Monday in 2025, is one in Bavaria and none in Hesse; Corpus Christi is one in both."""
    epiphany, corpus_christi = "2025-01-06T08:00:00+01:00", "2025-06-19T08:00:00+02:00"
    slugs = ("bayern", "hessen", "ohne-land")
    assert [await _peak(lasting_client, epiphany, slug) for slug in slugs] == [None, True, None]
    assert [await _peak(lasting_client, corpus_christi, slug) for slug in slugs] == [None, None, None]


async def test_without_published_windows_a_peak_is_null_and_with_an_empty_list_it_is_false(
    lasting_client: httpx.AsyncClient, peaks: None
) -> None:
    assert await _peak(lasting_client, "2024-01-15T08:00:00+01:00") is None
    assert await _peak(lasting_client, "2025-01-15T08:00:00+01:00", level="HS") is None
    assert await _peak(lasting_client, "2026-01-15T08:00:00+01:00") is False


async def test_the_year_of_a_moment_is_that_of_german_local_time(
    lasting_client: httpx.AsyncClient, peaks: None
) -> None:
    assert await _peak(lasting_client, "2024-12-31T22:30:00Z") is None, (
        "still 2024, of which nothing is known"
    )
    assert await _peak(lasting_client, "2024-12-31T23:30:00Z") is False, "2025 already"


@pytest.mark.parametrize("at", ["2025-01-15T08:00:00", "2025-01-15", "yesterday", 5, "2025-13-01T00:00:00Z"])
async def test_a_moment_requires_an_offset(
    lasting_client: httpx.AsyncClient, peaks: None, at: object
) -> None:
    query = 'query ($at: DateTime!) { dno(slug: "bayern") { isPeak(at: $at, voltageLevel: MS) } }'
    assert await error_codes(lasting_client, query, at=at) == ["BAD_USER_INPUT"]


# coverage


async def test_coverage_counts_operators_and_entries(client: httpx.AsyncClient, pool: Pool) -> None:
    this_year = datetime.now(clock.GERMANY).year
    one = await make.dno(pool, "one", region="Bayern")
    await make.tariff(pool, one, this_year, verification_status="verified")
    await make.tariff(pool, one, 2020, NS)
    await make.hlzf(pool, one, 2020)
    other = await make.dno(pool, "other", region="Hessen")
    await make.time_of_use(pool, other, this_year)
    await make.dno(pool, "third", region="Bayern")
    data = await execute(
        client,
        "{ coverage { totalDnos totalEntries verifiedEntries currentYearCoverage"
        " byYear { year dnos tariffs hlzf verified } byRegion { region dnos dnosWithData } } }",
    )
    assert data["coverage"] == {
        "totalDnos": 3,
        "totalEntries": 4,
        "verifiedEntries": 1,
        "currentYearCoverage": 2,
        "byYear": [
            {"year": this_year, "dnos": 2, "tariffs": 1, "hlzf": 0, "verified": 1},
            {"year": 2020, "dnos": 1, "tariffs": 1, "hlzf": 1, "verified": 0},
        ],
        "byRegion": [
            {"region": "Bayern", "dnos": 2, "dnosWithData": 1},
            {"region": "Hessen", "dnos": 1, "dnosWithData": 1},
        ],
    }


async def test_coverage_of_an_empty_database_is_zero(client: httpx.AsyncClient, pool: Pool) -> None:
    data = await execute(
        client, "{ coverage { totalDnos totalEntries currentYearCoverage byYear { year } } }"
    )
    assert data["coverage"] == {"totalDnos": 0, "totalEntries": 0, "currentYearCoverage": 0, "byYear": []}


# searchDnos


async def _search(client: httpx.AsyncClient, query: str, first: int | None = None) -> Sequence[Any]:
    document = "query ($q: String!, $n: Int) { searchDnos(query: $q, first: $n) { score dno { slug } } }"
    found: Sequence[Any] = (await execute(client, document, q=query, n=first))["searchDnos"]
    return found


async def test_a_name_is_found_with_typos_and_without_umlauts(client: httpx.AsyncClient, pool: Pool) -> None:
    for slug, name in (
        ("stadtwerke-muenchen", "SWM Infrastruktur München"),
        ("netze-bw", "Netze BW"),
        ("stadtwerke-zirndorf", "Stadtwerke Zirndorf"),
    ):
        await make.dno(pool, slug, name=name)
    for typed, expected in (
        ("Netze BW", "netze-bw"),
        ("netzebw", "netze-bw"),
        ("munchen", "stadtwerke-muenchen"),
        ("Stadtwerke Zirndrof", "stadtwerke-zirndorf"),
    ):
        best, *others = await _search(client, typed)
        assert best["dno"]["slug"] == expected, typed
        assert 0 < best["score"] <= 1
        assert all(other["score"] <= best["score"] for other in others)
    assert len(await _search(client, "stadtwerke", first=1)) == 1
    assert await _search(client, "") == []
    assert await _search(client, "qqqqqqqqqq") == []
