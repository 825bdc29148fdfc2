"""Bills over the graph: totals and figures, input that is refused, statements, and answers after a write."""

import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.consumption import Metering
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.importers.load import File, Kind, import_files
from app.importers.starter import FILES, FOLDER
from app.observability import operation_stats
from app.resources import Resources
from app.settings import Settings
from schema.batch_field import RESOLVER
from schema.context import Context
from schema.types.bill import bill
from schema.types.consumption_input import ConsumptionInput
from tests import factories as make
from tests.integration.graph.graphql_client import error_codes, execute
from tests.integration.graph.writing import Caller

MS = VoltageLevel.MS
BILL = """query ($slug: String!, $input: ConsumptionInput!) { dno(slug: $slug) { bill(input: $input) {
  positions { name quantity quantityUnit price priceUnit amount
    entry { __typename ... on Tariff { year voltageLevel } ... on Price { kind amount dno { slug } } ... on TimeOfUseTariff { year } }
    levy { kind customerGroup value source { title } } }
  network levies net vat gross vatPercent missing warnings { code message field } } } }"""
TOTALS = "query ($input: ConsumptionInput!) { dnos { nodes { slug bill(input: $input) { network gross missing } } } }"
HOUSEHOLD: dict[str, Any] = {
    "year": 2025,
    "voltageLevel": "NS",
    "metering": "SLP",
    "consumptionKwh": "3500",
    "municipalityInhabitants": 6500,
}
FACTORY: dict[str, Any] = HOUSEHOLD | {
    "voltageLevel": "MS",
    "metering": "RLM",
    "consumptionKwh": "1200000",
    "peakLoadKw": "400",
}


@pytest.fixture
async def malchow(settings: Settings, pool: Pool) -> Dno:
    return await _malchow(settings, pool)


@pytest.fixture(scope="module")
async def lasting_malchow(lasting_resources: Resources) -> Dno:
    """As `malchow`, in the database of `lasting_resources`."""
    return await _malchow(lasting_resources.settings, lasting_resources.pool)


async def _malchow(settings: Settings, pool: Pool) -> Dno:
    """As on the sheets of Stadtwerke Malchow for 2025, with the levies of the starter data."""
    dno = await make.dno(pool, "stadtwerke-malchow", name="Stadtwerke Malchow")
    await make.tariff(pool, dno, 2025, MS, "119.08", "1.09", "21.49", "5.00")
    await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, "60.00")
    await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "7.49")
    names = FILES[Kind["LEVIES"]]
    files = [File(name, io.BytesIO((FOLDER / name).read_bytes())) for name in names]
    await import_files(settings.database_url, Kind["LEVIES"], files)
    return dno


async def bill_of(client: httpx.AsyncClient, dno: Dno, **input: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await execute(client, BILL, slug=dno.slug, input=input))["dno"]["bill"]
    return found


def totals(bill: dict[str, Any]) -> list[str | None]:
    return [bill[name] for name in ("network", "levies", "net", "vat", "gross")]


async def test_a_household_is_billed_as_computed_by_hand(
    lasting_client: httpx.AsyncClient, lasting_malchow: Dno
) -> None:
    """The positions are those of tests/unit/domain/test_bill.py."""
    found = await bill_of(lasting_client, lasting_malchow, **HOUSEHOLD)
    assert totals(found) == ["322.15", "210.74", "532.89", "101.25", "634.14"]
    assert (found["vatPercent"], found["missing"]) == (19, [])
    base, *_, tax = found["positions"]
    assert base == {
        "name": "Grundpreis",
        "quantity": "1",
        "quantityUnit": "a",
        "price": "60.00",
        "priceUnit": "EUR/a",
        "amount": "60.00",
        "entry": {
            "__typename": "Price",
            "kind": "SLP_GRUNDPREIS",
            "amount": "60.00",
            "dno": {"slug": "stadtwerke-malchow"},
        },
        "levy": None,
    }
    assert (tax["amount"], tax["entry"], tax["levy"]["kind"], tax["levy"]["value"]) == (
        "71.75",
        None,
        "STROMSTEUER",
        "2.050",
    )
    assert found["warnings"][0] == {
        "code": "METERING_NOT_INCLUDED",
        "message": "Messstellenbetrieb is not included; `meter` names its price.",
        "field": ["input", "meter"],
    }


async def test_a_factory_is_billed_as_computed_by_hand(
    lasting_client: httpx.AsyncClient, lasting_malchow: Dno
) -> None:
    found = await bill_of(lasting_client, lasting_malchow, **FACTORY)
    assert totals(found) == ["60712.00", "54716.00", "115428.00", "21931.32", "137359.32"]
    assert found["positions"][0]["entry"] == {"__typename": "Tariff", "year": 2025, "voltageLevel": "MS"}
    surcharge = [
        one for one in found["positions"] if (one["levy"] or {}).get("kind") == "PARAGRAF_19_STROM_NEV"
    ]
    assert [(one["levy"]["customerGroup"], one["amount"]) for one in surcharge] == [
        ("A'", "15580.00"),
        ("B'", "100.00"),
    ]


async def test_modul_3_is_billed_from_the_time_of_use_sheet(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    await make.time_of_use(pool, malchow, 2025, "10.84", "7.49", "3.45")
    await make.price(pool, malchow, 2025, PriceKind.MODUL_1, "123.40")
    found = await bill_of(
        client, malchow, **HOUSEHOLD, module=3, bandKwh={"ht": "500", "st": "2500", "nt": "500"}
    )
    # 60.00 + 54.20 + 187.25 + 17.25 - 123.40
    assert found["network"] == "195.30"
    assert [(one["entry"] or {}).get("__typename") for one in found["positions"][:5]] == [
        "Price",
        *["TimeOfUseTariff"] * 3,
        "Price",
    ]


async def test_derived_prices_are_marked_and_give_way_to_published_ones(
    client: httpx.AsyncClient, pool: Pool, editor: Caller, malchow: Dno
) -> None:
    """E-Werk Wanfried 2025: ST 8.62, so that Modul 1 is 67.227 + 7.5 × 8.62 = 131.88."""
    wanfried = await make.dno(pool, "wanfried")
    await make.time_of_use(pool, wanfried, 2025, "10.84", "8.62", "3.45")
    await make.price(pool, wanfried, 2025, PriceKind.SLP_GRUNDPREIS, "50.00")
    found = await bill_of(client, wanfried, **HOUSEHOLD, module=1)
    # 50.00 + 301.70 - 131.88
    assert found["network"] == "219.82"
    [warning] = [one for one in found["warnings"] if one["code"] == "DERIVED_PRICES"]
    assert warning["message"].endswith(": Arbeitspreis; Pauschale Reduzierung Modul 1.")
    added = await editor.execute(
        "mutation ($input: AddPriceInput!) { addPrice(input: $input) { errors { message } } }",
        input={"dno": "wanfried", "year": 2025, "kind": "SLP_ARBEITSPREIS", "amount": "8.00"},
    )
    assert added["addPrice"]["errors"] == []
    found = await bill_of(client, wanfried, **HOUSEHOLD, module=1)
    # 50.00 + 280.00 - (67.227 + 60.00)
    assert found["network"] == "202.77"
    [warning] = [one for one in found["warnings"] if one["code"] == "DERIVED_PRICES"]
    assert warning["message"].endswith(": Pauschale Reduzierung Modul 1.")


async def test_an_operator_without_data_gets_a_list_of_what_is_missing(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    other = await make.dno(pool, "netze-a")
    found = await bill_of(client, other, **HOUSEHOLD)
    assert totals(found) == [None, "210.74", None, None, None]
    assert found["missing"] == [
        "Not known of 2025: the price SLP_GRUNDPREIS for NS.",
        "Not known of 2025: the price SLP_ARBEITSPREIS for NS.",
    ]


async def test_without_levies_the_charges_of_the_operator_are_still_answered(
    client: httpx.AsyncClient, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2025, MS, "119.08", "1.09", "21.49", "5.00")
    found = await bill_of(client, dno, **FACTORY)
    assert totals(found) == ["60712.00", None, None, None, None]
    assert (
        "Not known of 2025: the rate KONZESSIONSABGABE of the customer group S_SONDERKUNDE"
        in found["missing"][0]
    )


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"module": 3}, "bandKwh", "`bandKwh` is needed with module 3: the kWh in HT, ST and NT."),
        (
            {"module": 3, "bandKwh": {"ht": "1", "st": "2", "nt": "3"}},
            "bandKwh",
            "`bandKwh` adds up to 6 kWh, not to the 3500 of `consumptionKwh`.",
        ),
        ({"metering": "RLM"}, "peakLoadKw", "`peakLoadKw` is needed with RLM: the highest load of the year."),
        (
            {"voltageLevel": "MS"},
            "voltageLevel",
            "There are prices without load metering (SLP) for NS only, not for MS.",
        ),
        ({"module": 7}, "module", "`module` is 7; § 14a EnWG has the modules 1, 2 and 3."),
        ({"year": 2147483647}, "year", "A year lies between 2000 and 2100."),
        (
            {"consumptionKwh": "-1"},
            "consumptionKwh",
            "`consumptionKwh` lies between 0 and 1,000,000,000,000,000.",
        ),
    ],
)
async def test_input_that_cannot_be_is_refused_with_its_field(
    lasting_client: httpx.AsyncClient, lasting_malchow: Dno, changes: dict[str, Any], field: str, message: str
) -> None:
    body = {"query": BILL, "variables": {"slug": lasting_malchow.slug, "input": HOUSEHOLD | changes}}
    [error] = (await lasting_client.post("/graphql", json=body)).json()["errors"]
    assert (error["message"], error["extensions"]) == (
        message,
        {"code": "BAD_USER_INPUT", "field": ["input", *field.split(".")]},
    )


@pytest.mark.parametrize("kwh", ["1e6", "NaN", 1.5, None, ["1"]])
async def test_amounts_that_are_no_decimals_are_refused(
    lasting_client: httpx.AsyncClient, lasting_malchow: Dno, kwh: object
) -> None:
    given = HOUSEHOLD | {"consumptionKwh": kwh}
    assert await error_codes(lasting_client, BILL, slug=lasting_malchow.slug, input=given) == [
        "BAD_USER_INPUT"
    ]


async def test_a_write_is_seen_by_the_next_bill(
    client: httpx.AsyncClient, editor: Caller, malchow: Dno
) -> None:
    for _ in range(3):  # a list is cached in parts, and as a whole on its second request
        assert (await bill_of(client, malchow, **HOUSEHOLD))["gross"] == "634.14"
        assert (await _listed(client)) == "634.14"
    found = await editor.execute(
        '{ dno(slug: "stadtwerke-malchow") { prices(kinds: [SLP_GRUNDPREIS]) { id } }'
        " levies(year: 2025) { id kind customerGroup } }"
    )
    [price] = found["dno"]["prices"]
    await editor.execute(
        'mutation ($id: ID!) { correctPrice(input: {id: $id, amount: "70.00"}) { errors { message } } }',
        id=price["id"],
    )
    # 10.00 and its VAT of 1.90 more
    assert totals(await bill_of(client, malchow, **HOUSEHOLD)) == [
        "332.15", "210.74", "542.89", "103.15", "646.04",
    ]  # fmt: skip
    [kwkg] = [each for each in found["levies"] if each["kind"] == "KWKG"]
    await editor.execute(
        'mutation ($id: ID!) { correctLevy(input: {id: $id, value: "1.000"}) { errors { message } } }',
        id=kwkg["id"],
    )
    # 35.00 instead of 9.70: 568.19 and its VAT of 107.9561
    assert totals(await bill_of(client, malchow, **HOUSEHOLD)) == [
        "332.15", "236.04", "568.19", "107.96", "676.15",
    ]  # fmt: skip
    assert (await _listed(client)) == "676.15"


async def _listed(client: httpx.AsyncClient) -> str:
    (node,) = (await execute(client, TOTALS, input=HOUSEHOLD))["dnos"]["nodes"]
    gross: str = node["bill"]["gross"]
    return gross


async def test_the_bills_of_a_level_take_one_statement_for_each_kind_of_record(
    resources: Resources, pool: Pool, malchow: Dno
) -> None:
    operators = [malchow, *[await make.dno(pool, f"netze-{number}") for number in range(5)]]
    resources.memory.switch_off()
    resources.shared.distrust("a test counts statements")
    resources.shared.trust = lambda since=None: False  # type: ignore[method-assign,assignment]
    resources.memory.switch_on = lambda *_: None  # type: ignore[method-assign]
    household = ConsumptionInput(
        year=2025,
        voltage_level=VoltageLevel.NS,
        metering=Metering.SLP,
        consumption_kwh=Decimal(3500),
    )
    factory = replace(household, voltage_level=MS, metering=Metering.RLM, peak_load_kw=Decimal(400))
    with_module = replace(factory, voltage_level=VoltageLevel.NS, module=1)
    batch = bill().metadata[RESOLVER].batch
    # Prices, § 14a prices and levies; tariffs and levies; all four.
    for given, statements in ((household, 3), (factory, 2), (with_module, 4)):
        spent = operation_stats.begin()
        assert len(await batch(operators, Context(resources), input=given)) == len(operators)
        assert spent.statements == statements, given


async def test_a_list_of_operators_has_one_bill_each(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    await make.dno(pool, "netze-a")
    nodes = (await execute(client, TOTALS, input=HOUSEHOLD))["dnos"]["nodes"]
    assert {node["slug"]: (node["bill"]["network"], node["bill"]["gross"]) for node in nodes} == {
        "netze-a": (None, None),
        "stadtwerke-malchow": ("322.15", "634.14"),
    }


# REST

ADDRESS = "/api/v1/dnos/stadtwerke-malchow/2025/bill"
PLAIN = {"voltageLevel": "NS", "metering": "SLP", "consumptionKwh": "3500"}


async def test_the_address_of_a_bill_takes_the_fields_of_the_input(
    client: httpx.AsyncClient, pool: Pool, malchow: Dno
) -> None:
    await make.time_of_use(pool, malchow, 2025, "10.84", "7.49", "3.45")
    await make.price(pool, malchow, 2025, PriceKind.MODUL_1, "123.40")
    response = await client.get(ADDRESS, params={**PLAIN, "municipalityInhabitants": "6500"})
    found = response.json()
    assert totals(found) == ["322.15", "210.74", "532.89", "101.25", "634.14"]
    assert (found["positions"][0]["name"], found["missing"], found["vatPercent"]) == ("Grundpreis", [], 19)
    base, levy = found["positions"][0], found["positions"][-1]
    assert (base["entry"]["kind"], base["entry"]["id"][:6], base["levy"]) == (
        "SLP_GRUNDPREIS",
        "price_",
        None,
    )
    assert (levy["levy"]["kind"], levy["levy"]["value"], levy["entry"]) == ("STROMSTEUER", "2.050", None)
    again = await client.get(
        ADDRESS,
        params={**PLAIN, "municipalityInhabitants": "6500"},
        headers={"if-none-match": response.headers["etag"]},
    )
    assert again.status_code == 304
    bands = {"module": "3", "ht": "500", "st": "2500", "nt": "500", "electricityTax": "false"}
    found = (await client.get(ADDRESS, params={**PLAIN, **bands})).json()
    assert (found["network"], found["positions"][-1]["name"][:9]) == ("195.30", "Aufschlag")
    band = found["positions"][1]["entry"]
    assert (band["id"][:4], band["year"], "kind" in band) == ("tou_", 2025, False)
    by_month = {
        "voltageLevel": "MS",
        "metering": "RLM_MONTHLY",
        "monthlyPeakLoadKw": ",".join(["0"] * 11 + ["5"]),
    }
    found = (await client.get(ADDRESS, params={**PLAIN, **by_month})).json()
    assert found["missing"][0] == "Not known of 2025: the price MONATSLEISTUNGSPREIS for MS."


@pytest.mark.parametrize(
    ("changes", "argument", "detail"),
    [
        ({"consumptionKwh": None}, "consumptionKwh", "The parameter consumptionKwh is needed."),
        (
            {"consumptionKwh": "1e3"},
            "consumptionKwh",
            "The parameter consumptionKwh is a number such as 58.21.",
        ),
        (
            {"monthlyPeakLoadKw": "1,x"},
            "monthlyPeakLoadKw",
            "The parameter monthlyPeakLoadKw is a number such as 58.21.",
        ),
        ({"metering": "slp"}, "metering", "The parameter metering is one of RLM, SLP, RLM_MONTHLY."),
        ({"module": "1.0"}, "module", "The parameter module is a whole number."),
        ({"electricityTax": "no"}, "electricityTax", "The parameter electricityTax is true or false."),
        ({"ht": "1"}, "st", "The parameter st is needed with the other bands."),
        ({"module": "3"}, "ht", "`bandKwh` is needed with module 3: the kWh in HT, ST and NT."),
        (
            {"voltageLevel": "MS"},
            "voltageLevel",
            "There are prices without load metering (SLP) for NS only, not for MS.",
        ),
        (
            {"ht": "1", "st": "2", "nt": "3", "module": "3"},
            "ht",
            "`bandKwh` adds up to 6 kWh, not to the 3500 of `consumptionKwh`.",
        ),
    ],
)
async def test_a_parameter_that_cannot_be_is_refused_in_one_sentence(
    lasting_client: httpx.AsyncClient,
    lasting_malchow: Dno,
    changes: dict[str, str | None],
    argument: str,
    detail: str,
) -> None:
    given = {name: value for name, value in {**PLAIN, **changes}.items() if value is not None}
    response = await lasting_client.get(ADDRESS, params=given)
    problem = response.json()
    assert (response.status_code, problem["detail"], problem["argument"]) == (400, detail, argument)


async def test_other_parameters_and_operators_are_refused(
    lasting_client: httpx.AsyncClient, lasting_malchow: Dno
) -> None:
    response = await lasting_client.get(ADDRESS, params={**PLAIN, "kwh": "1"})
    assert response.json()["detail"].startswith(
        "There is no parameter 'kwh'; there are voltageLevel, metering, "
    )
    response = await lasting_client.get(f"{ADDRESS}?metering=SLP&metering=SLP")
    assert response.json()["detail"] == "The parameter metering is given 2 times."
    assert (await lasting_client.get("/api/v1/dnos/none/2025/bill", params=PLAIN)).status_code == 404
