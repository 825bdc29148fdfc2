"""Questions about § 14a, peak load, costs, comparisons and rankings, with their figures; refused questions have none."""

import io
from typing import Any

import httpx
import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import Season
from app.domain.price import PriceKind
from app.importers.checking import File
from app.importers.load import Kind, import_files
from app.importers.starter import FILES, FOLDER
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import execute
from tests.waiting import until

QUESTION = """
query ($query: String!, $today: Date) { naturalQuery(query: $query, today: $today) {
  interpretation {
    dataType topic dno { slug } year voltageLevel day region consumptionKwh peakLoadKw consumptionAssumed module postalCode
    priceKinds levyKinds questions
    confidence candidates { slug }
  }
  unanswered
  operators { dno { slug } share locations basis }
  billRanking { bills { rank dno { slug } bill { network } } ranked notKnown }
  bills { dno { slug } bill { network levies gross positions { name amount } missing warnings { code } } }
  prices { kind amount unit voltageLevel dno { slug } } levies { kind value unit customerGroup validFrom }
  tariffs { leistung dno { slug } } hlzf { season dno { slug } } timeOfUse { bands { band price } dno { slug } }
  priceIntervals { start end band price }
  peak { voltageLevel statuses { peak reason interval { start end } } }
  costs { tariff { voltageLevel dno { slug } } cost { total } }
  ranking { rank tariff { dno { slug } } cost { total } }
  answer cached
} }
"""
FIGURES = (
    "operators",
    "billRanking",
    "bills",
    "prices",
    "levies",
    "tariffs",
    "hlzf",
    "timeOfUse",
    "priceIntervals",
    "peak",
    "costs",
    "ranking",
)
MONDAY = "2026-11-30"


@pytest.fixture
async def operators(pool: Pool) -> tuple[Dno, Dno]:
    first = await make.dno(
        pool,
        "netz-musterstadt",
        name="Netz Musterstadt",
        city="Musterstadt",
        region="Bayern",
        mastr_nr="SNB900000000001",
        bdew_code="9900000000011",
        vnb_id="4711",
    )
    second = await make.dno(pool, "werke-altdorf", name="Werke Altdorf", city="Altdorf", region="Bayern")
    await make.tariff(pool, first, 2026, leistung="100", arbeit="1.50")
    await make.tariff(pool, second, 2026, leistung="90", arbeit="1.50")
    await make.hlzf(pool, first, 2026, VoltageLevel.MS, Season.AUTUMN, "08:00-09:15")
    await make.time_of_use(
        pool, first, 2026, windows="4 00:00-06:00 NT, 4 06:00-17:00 ST, 4 17:00-20:00 HT, 4 20:00-24:00 ST"
    )
    return first, second


async def ask(client: httpx.AsyncClient, query: str, today: str = MONDAY) -> Any:
    return (await execute(client, QUESTION, query=query, today=today))["naturalQuery"]


def filled(found: Any) -> set[str]:
    return {name for name in FIGURES if found[name]}


async def test_the_cheapest_hours_of_a_day_come_with_their_prices(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "wann ist der Strom bei Netz Musterstadt heute am günstigsten?")
    assert found["interpretation"] | {"confidence": 1} == {
        "dataType": "TIME_OF_USE",
        "topic": "TIME_OF_USE",
        "dno": {"slug": "netz-musterstadt"},
        "year": 2026,
        "voltageLevel": None,
        "day": MONDAY,
        "region": None,
        "consumptionKwh": None,
        "peakLoadKw": None,
        "consumptionAssumed": False,
        "module": None,
        "postalCode": None,
        "priceKinds": [],
        "levyKinds": [],
        "questions": 1,
        "confidence": 1,
        "candidates": [{"slug": "netz-musterstadt"}],
    }
    assert filled(found) == {"timeOfUse", "priceIntervals"}
    assert [(one["band"], one["price"]) for one in found["priceIntervals"]] == [
        ("NT", "1.34"),
        ("ST", "6.70"),
        ("HT", "9.80"),
        ("ST", "6.70"),
    ]
    assert "am günstigsten 00:00–06:00 Uhr mit 1,34 ct/kWh (NT)" in found["answer"]
    assert found["unanswered"] is None


async def test_the_bands_of_a_year_come_without_prices_of_a_day(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Modul 3 Zeitfenster Netz Musterstadt 2026 HT NT")
    assert filled(found) == {"timeOfUse"}
    assert "HT 17:00–20:00 Uhr, NT 00:00–06:00 Uhr" in found["answer"]


async def test_the_price_at_a_moment_is_one_interval(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Was kostet Modul 3 bei Netz Musterstadt morgen um 18 Uhr?")
    assert [(one["band"], one["price"]) for one in found["priceIntervals"]] == [("HT", "9.80")]
    now = await ask(client, "Was kostet Modul 3 jetzt bei Netz Musterstadt?")
    assert len(now["priceIntervals"]) == 1
    assert now["interpretation"]["day"] is None


async def test_peak_load_comes_with_reason_and_interval(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Ist heute um 8:30 Uhr Hochlast bei Netz Musterstadt in MS?")
    assert found["interpretation"]["topic"] == "PEAK_STATUS"
    assert filled(found) == {"hlzf", "peak"}
    [level] = found["peak"]
    [status] = level["statuses"]
    assert (level["voltageLevel"], status["peak"], status["reason"]) == ("MS", True, "WINDOW")
    assert "Hochlast, bis 30.11.2026 09:15" in found["answer"]
    of_day = await ask(client, "Wann ist heute Hochlast bei Netz Musterstadt?")
    assert [one["peak"] for one in of_day["peak"][0]["statuses"]] == [False, True, False]
    assert of_day["answer"].endswith("Mittelspannung Hochlast 08:00–09:15 Uhr")


async def test_peak_load_by_preliminary_windows_of_the_season_is_marked(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    first, _ = operators
    await make.hlzf(
        pool,
        first,
        2026,
        VoltageLevel.MS,
        Season.WINTER,
        "08:00-09:15",
        publication=Publication.PRELIMINARY,
    )
    winter = await ask(client, "Wann ist am 9.12.2026 Hochlast bei Netz Musterstadt in MS?")
    assert winter["answer"].endswith("Hochlast 08:00–09:15 Uhr (vorläufig)")
    autumn = await ask(client, "Wann ist heute Hochlast bei Netz Musterstadt in MS?")
    assert autumn["answer"].endswith("Hochlast 08:00–09:15 Uhr")


async def test_peak_load_now_is_answered_from_the_clock(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "ist bei Netz Musterstadt gerade Hochlast?")
    assert found["interpretation"]["day"] is None
    [level] = found["peak"]
    assert len(level["statuses"]) == 1
    # Today is a Monday in November to the question, and the time of day is that of the test.
    assert level["statuses"][0]["reason"] in {"WINDOW", "NO_WINDOW"}


async def test_only_years_with_figures_of_the_same_kind_are_offered(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    first, _ = operators
    await make.tariff(pool, first, 2025, leistung="100", arbeit="1.50")
    prices = await ask(client, "Netzentgelte Netz Musterstadt MS 2019")
    assert prices["answer"].endswith("keine Netzentgelte bekannt; Daten gibt es für 2026 und 2025.")
    windows = await ask(client, "Hochlastzeitfenster Netz Musterstadt 2025")
    assert windows["answer"].endswith("keine Hochlastzeitfenster bekannt; Daten gibt es für 2026.")
    of_second = await ask(client, "Hochlastzeitfenster Werke Altdorf 2026")
    assert of_second["answer"].endswith(
        "keine Hochlastzeitfenster bekannt; auch für andere Jahre sind hier keine erfasst."
    )


async def test_an_unknown_peak_is_no_answer(client: httpx.AsyncClient, operators: tuple[Dno, Dno]) -> None:
    found = await ask(client, "Ist am 14.1.2026 um 10 Uhr Hochlast bei Netz Musterstadt in MS?")
    assert found["peak"][0]["statuses"][0]["peak"] is None
    assert found["interpretation"]["confidence"] <= 0.5
    assert found["unanswered"] == "NO_DATA"


async def test_an_annual_cost_comes_with_its_tariff(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "was kosten 5 GWh bei 1500 kW in Musterstadt MS")
    assert filled(found) == {"tariffs", "costs"}
    assert found["costs"] == [
        {
            "tariff": {"voltageLevel": "MS", "dno": {"slug": "netz-musterstadt"}},
            "cost": {"total": "225000.00"},
        }
    ]
    assert (found["interpretation"]["consumptionKwh"], found["interpretation"]["peakLoadKw"]) == (
        "5000000",
        "1500",
    )


async def test_compared_operators_come_with_tariffs_and_costs(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Vergleich Netz Musterstadt und Werke Altdorf MS 2026")
    assert [one["slug"] for one in found["interpretation"]["candidates"]] == [
        "netz-musterstadt",
        "werke-altdorf",
    ]
    assert filled(found) == {"tariffs", "costs"}
    assert [one["tariff"]["dno"]["slug"] for one in found["costs"]] == ["werke-altdorf", "netz-musterstadt"]
    assert found["interpretation"]["consumptionAssumed"] is True
    assert "Werke Altdorf ist um 15.000,00 € günstiger als Netz Musterstadt" in found["answer"]
    half = await ask(client, "Vergleich Modul 3 Netz Musterstadt und Werke Altdorf 2026")
    assert half["unanswered"] == "NO_DATA"
    assert half["interpretation"]["confidence"] <= 0.5


async def test_a_ranking_comes_in_the_order_that_is_asked_for(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "günstigster Netzbetreiber in Bayern MS 2026")
    assert filled(found) == {"tariffs", "ranking"}
    ranked = [(one["rank"], one["tariff"]["dno"]["slug"]) for one in found["ranking"]]
    assert ranked == [(1, "werke-altdorf"), (2, "netz-musterstadt")]
    assert found["interpretation"]["region"] == "Bayern"
    assert found["cached"] is False
    dearest = await ask(client, "most expensive grid operators in Bavaria, medium voltage, 2026")
    assert [one["tariff"]["dno"]["slug"] for one in dearest["ranking"]] == [
        "netz-musterstadt",
        "werke-altdorf",
    ]
    assert (await ask(client, "günstigster Netzbetreiber in Hessen MS 2026"))["unanswered"] == "NO_DATA"


async def test_a_code_finds_its_operator(client: httpx.AsyncClient, operators: tuple[Dno, Dno]) -> None:
    for query in ("SNB900000000001 MS 2026", "Netzentgelte 9900000000011 MS 2026", "VNB-ID 4711 MS 2026"):
        found = await ask(client, query)
        assert found["interpretation"]["dno"] == {"slug": "netz-musterstadt"}, query
        assert [one["leistung"] for one in found["tariffs"]] == ["100"], query


async def test_prices_of_customers_without_load_metering_come_with_their_kinds(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    first, second = operators
    await make.price(pool, first, 2026, PriceKind.SLP_GRUNDPREIS, "60")
    await make.price(pool, first, 2026, PriceKind.SLP_ARBEITSPREIS, "7.49")
    await make.price(pool, second, 2026, PriceKind.SLP_GRUNDPREIS, "55")
    await make.price(pool, first, 2025, PriceKind.WAERMEPUMPE_ARBEITSPREIS, "2.80")
    await make.price(pool, first, 2026, PriceKind.MONATSLEISTUNGSPREIS, "12.5", VoltageLevel.MS)
    found = await ask(client, "Was zahlt ein Haushalt bei Netz Musterstadt an Netzentgelt?")
    assert filled(found) == {"prices"}
    assert [(one["kind"], one["amount"], one["unit"]) for one in found["prices"]] == [
        ("SLP_GRUNDPREIS", "60", "EUR_PER_YEAR"),
        ("SLP_ARBEITSPREIS", "7.49", "CT_PER_KWH"),
    ]
    assert (found["interpretation"]["topic"], found["interpretation"]["dataType"]) == ("PRICES", "PRICE")
    assert found["interpretation"]["priceKinds"] == ["SLP_GRUNDPREIS", "SLP_ARBEITSPREIS"]
    assert found["unanswered"] is None
    energy = await ask(client, "Arbeitspreis SLP Netz Musterstadt 2026")
    assert [one["kind"] for one in energy["prices"]] == ["SLP_ARBEITSPREIS"]
    heat_pump = await ask(client, "Netzentgelt Wärmepumpe Netz Musterstadt 2026")
    assert heat_pump["unanswered"] == "NO_DATA"
    assert heat_pump["answer"].endswith("Daten gibt es für 2025.")
    monthly = await ask(client, "monthly capacity price Netz Musterstadt high voltage 2026")
    assert monthly["unanswered"] == "NO_DATA"
    assert monthly["answer"].endswith("they are published for medium voltage.")
    compared = await ask(client, "Vergleich Arbeitspreis SLP Netz Musterstadt und Werke Altdorf 2026")
    assert (compared["unanswered"], filled(compared)) == ("NO_DATA", {"prices"})
    compared = await ask(client, "Vergleich Grundpreis Netz Musterstadt und Werke Altdorf 2026")
    assert [one["dno"]["slug"] for one in compared["prices"]] == ["netz-musterstadt", "werke-altdorf"]
    assert compared["unanswered"] is None


async def test_derived_prices_are_marked_as_such(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Modul 1 und Modul 2 Netz Musterstadt 2026")
    # From the ST price, 6.70 ct/kWh: 67.227 EUR + 7.5 × 6.70, and 40 %.
    assert [(one["kind"], one["amount"]) for one in found["prices"]] == [
        ("MODUL_1", "117.48"),
        ("MODUL_2_ARBEITSPREIS", "2.68"),
    ]
    assert found["answer"].count("nicht veröffentlicht, sondern abgeleitet") == 2
    household = await ask(client, "Was zahlt ein Haushalt bei Netz Musterstadt 2026 an Netzentgelt?")
    assert household["answer"].endswith("; nicht bekannt: Grundpreis ohne Leistungsmessung")


async def test_levies_come_without_an_operator(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], settings: Settings
) -> None:
    await import_levies(settings)
    found = await ask(client, "Wie hoch ist die KWKG-Umlage 2026?")
    assert filled(found) == {"levies"}
    assert found["levies"] == [
        {
            "kind": "KWKG",
            "value": "0.446",
            "unit": "ct/kWh",
            "customerGroup": "non_privileged",
            "validFrom": "2026-01-01",
        }
    ]
    assert (
        found["answer"]
        == "Deutschland, 2026 (netto): KWKG-Umlage 0,446 ct/kWh (ohne Begünstigung, ungeprüft)"
    )
    assert found["unanswered"] is None
    of_railways = await ask(client, "Stromsteuer für Schienenbahnen 2026")
    assert [one["customerGroup"] for one in of_railways["levies"]] == ["rail_and_trolleybus"]
    undivided = await ask(client, "KWKG-Umlage 2026 Gruppe B'")
    assert [one["customerGroup"] for one in undivided["levies"]] == ["non_privileged"]
    reduced = await ask(client, "KWKG-Umlage 2026 stromintensiv")
    assert (reduced["unanswered"], filled(reduced)) == ("NO_DATA", set())
    assert reduced["answer"] == (
        "Deutschland, 2026 (netto): nicht bekannt: KWKG-Umlage (über 1.000.000 kWh, stromintensiv); "
        "Daten gibt es für 2016."
    )
    both = await ask(client, "KWKG-Umlage 2026 Gruppe B' und C'")
    assert [one["customerGroup"] for one in both["levies"]] == ["non_privileged"]
    assert "nicht bekannt: KWKG-Umlage (über 1.000.000 kWh, stromintensiv)" in both["answer"]
    railways = await ask(client, "KWKG-Umlage 2026 Schienenbahnen")
    assert (railways["unanswered"], filled(railways)) == ("NO_DATA", set())
    held = await ask(client, "KWKG-Umlage 2016 stromintensiv")
    assert [one["customerGroup"] for one in held["levies"]] == ["C'"]
    not_known = await ask(client, "§ 19-Umlage 2026 Gruppe B'")
    assert (not_known["unanswered"], filled(not_known)) == ("NO_DATA", set())
    assert "Umlage nach § 19 StromNEV (über 1.000.000 kWh); Daten gibt es für 2025" in not_known["answer"]
    past = await ask(client, "EEG-Umlage 2022")
    assert [one["value"] for one in past["levies"]] == ["3.723", "0.000"]
    abolished = await ask(client, "EEG-Umlage")
    assert (abolished["unanswered"], filled(abolished)) == ("NO_DATA", set())
    assert (
        abolished["answer"]
        == "EEG-Umlage, 2026: kein Satz, soweit hier bekannt; Daten gibt es für 2022, 2021, 2020 und 2019."
    )


async def test_a_bill_comes_with_its_positions(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool, settings: Settings
) -> None:
    first, second = operators
    for dno, base in ((first, "60"), (second, "40")):
        await make.price(pool, dno, 2025, PriceKind.SLP_GRUNDPREIS, base)
        await make.price(pool, dno, 2025, PriceKind.SLP_ARBEITSPREIS, "7.49")
    before = await ask(client, "was kosten 3500 kWh Netz bei Netz Musterstadt 2025 brutto")
    assert (before["unanswered"], filled(before)) == ("NO_DATA", set())  # no levies are held
    await import_levies(settings)

    async def holds_levies() -> bool:
        found = await ask(client, "was kosten 3500 kWh Netz bei Netz Musterstadt 2025 brutto")
        return found["unanswered"] is None

    await until(holds_levies)
    found = await ask(client, "Haushalt 3500 kWh Netzkosten Netz Musterstadt 2025")
    assert filled(found) == {"bills"}
    [one] = found["bills"]
    # 60.00 + 3,500 × 7.49 ct; levies 9.70 + 28.56 + 54.53 + 71.75; 19 % VAT.
    assert (one["bill"]["network"], one["bill"]["levies"], one["bill"]["gross"]) == (
        "322.15",
        "164.54",
        "579.16",
    )
    assert found["interpretation"]["topic"] == "BILL"
    assert found["interpretation"]["consumptionKwh"] == "3500"
    assert "mit 19 % Umsatzsteuer 579,16 €" in found["answer"]
    compared = await ask(client, "Vergleich Netz Musterstadt und Werke Altdorf Haushalt 3500 kWh 2025")
    assert [one["dno"]["slug"] for one in compared["bills"]] == ["netz-musterstadt", "werke-altdorf"]
    assert "Werke Altdorf ist um 20,00 € günstiger als Netz Musterstadt" in compared["answer"]
    half = await ask(client, "Netzkosten 3500 kWh Haushalt Netz Musterstadt 2026")
    assert half["unanswered"] == "NO_DATA"
    assert "es fehlt: Grundpreis ohne Leistungsmessung" in half["answer"]


async def test_a_ranking_by_bill_comes_in_the_order_that_is_asked_for(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    first, second = operators
    for dno, base in ((first, "60"), (second, "40")):
        await make.price(pool, dno, 2026, PriceKind.SLP_GRUNDPREIS, base)
        await make.price(pool, dno, 2026, PriceKind.SLP_ARBEITSPREIS, "7.49")
        await make.price(pool, dno, 2026, PriceKind.MODUL_2_ARBEITSPREIS, "3.00")
    found = await ask(client, "günstigster Netzbetreiber für Haushalte in Bayern 2026")
    assert filled(found) == {"billRanking"}, found
    ranked = [
        (one["rank"], one["dno"]["slug"], one["bill"]["network"]) for one in found["billRanking"]["bills"]
    ]
    assert ranked == [(1, "werke-altdorf", "302.15"), (2, "netz-musterstadt", "322.15")]
    assert found["interpretation"]["consumptionAssumed"] is True
    assert (
        "Bayern, 2026, angenommene 3.500 kWh ohne Leistungsmessung: 1. Werke Altdorf 302,15 €"
        in found["answer"]
    )
    dearest = await ask(client, "most expensive grid operators for households in Bavaria 2026")
    assert [one["dno"]["slug"] for one in dearest["billRanking"]["bills"]] == [
        "netz-musterstadt",
        "werke-altdorf",
    ]
    heat_pump = await ask(client, "günstigste Netzentgelte Wärmepumpe Bayern 2026")
    assert [one["bill"]["network"] for one in heat_pump["billRanking"]["bills"]] == ["180.00", "180.00"]
    assert heat_pump["interpretation"]["module"] == 2
    for query in (
        "günstigster Netzbetreiber für Haushalte in Hessen 2026",
        "günstigster Netzbetreiber Haushalte Bayern 1999",
    ):
        assert ((await ask(client, query))["unanswered"], query) == ("NO_DATA", query)


async def test_a_postal_code_stands_for_the_operator_of_its_network(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    first, second = operators
    await make.place(pool, first, "80331", locations=98)
    await make.place(pool, second, "80331", locations=2)
    await make.place(pool, first, "80333", locations=5)
    found = await ask(client, "Wer ist mein Netzbetreiber in 80331 München?")
    assert [(one["dno"]["slug"], one["share"], one["basis"]) for one in found["operators"]] == [
        ("netz-musterstadt", 0.98, "REGISTERED_UNITS"),
        ("werke-altdorf", 0.02, "REGISTERED_UNITS"),
    ]
    assert (found["unanswered"], found["interpretation"]["topic"]) == (None, "GRID_OPERATOR")
    assert "Netz Musterstadt (98 % von 100 erfassten Standorten)" in found["answer"]
    only = await ask(client, "Netzbetreiber 80333")
    assert (only["interpretation"]["dno"], only["unanswered"]) == ({"slug": "netz-musterstadt"}, None)
    one = await ask(client, "Netzentgelte 80333 MS 2026")
    assert (one["interpretation"]["dno"], one["interpretation"]["postalCode"]) == (
        {"slug": "netz-musterstadt"},
        "80333",
    )
    assert filled(one) == {"tariffs"}
    several = await ask(client, "Netzentgelte 80331 MS 2026")
    assert (several["unanswered"], filled(several)) == ("SEVERAL_OPERATORS", set())
    assert [one["slug"] for one in several["interpretation"]["candidates"]] == [
        "netz-musterstadt",
        "werke-altdorf",
    ]
    named = await ask(client, "Netzentgelte 80331 Altdorf MS 2026")  # the place beside the code decides
    assert named["interpretation"]["dno"] == {"slug": "werke-altdorf"}
    code = await ask(client, "Welcher Netzbetreiber hat die Nummer SNB900000000001?")
    assert (code["unanswered"], code["answer"]) == (None, "Netz Musterstadt (SNB900000000001, 9900000000011)")


async def test_a_seat_gives_candidates_and_no_operator(client: httpx.AsyncClient, pool: Pool) -> None:
    await make.dno(pool, "werke-seedorf", name="Werke Seedorf", city="Seedorf", postal_code="17209")
    found = await ask(client, "Netzbetreiber 17209")
    assert [(one["dno"]["slug"], one["basis"]) for one in found["operators"]] == [("werke-seedorf", "SEAT")]
    assert (found["unanswered"], found["interpretation"]["confidence"] <= 0.5) == ("NO_DATA", True)
    assert "Wessen Netz dort liegt, ist hier nicht erfasst" in found["answer"]
    prices = await ask(client, "Netzentgelte 17209 MS 2026")
    assert (prices["unanswered"], prices["interpretation"]["dno"]) == ("SEVERAL_OPERATORS", None)
    assert prices["answer"].endswith("Meinen Sie Werke Seedorf?")
    nothing = await ask(client, "Netzentgelte 99998 MS 2026")
    assert (nothing["unanswered"], filled(nothing)) == ("UNKNOWN_OPERATOR", set())


async def test_places_that_change_change_the_next_answer(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    assert (await ask(client, "Netzbetreiber 80335"))["operators"] == []
    await make.place(pool, operators[0], "80335", locations=5)

    async def is_known() -> bool:
        return bool((await ask(client, "Netzbetreiber 80335"))["operators"])

    await until(is_known)


async def test_compared_bills_need_no_more_statements_than_one(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool, resources: Resources
) -> None:
    for dno in operators:
        await make.price(pool, dno, 2026, PriceKind.SLP_GRUNDPREIS, "60")
        await make.price(pool, dno, 2026, PriceKind.SLP_ARBEITSPREIS, "7.49")

    async def statements_of(query: str, bills: int) -> int:
        """The fewest of three: jobs run statements in between."""
        counts = []
        for _ in range(3):
            before = resources.pool.statements
            assert len((await ask(client, query))["bills"]) == bills
            counts.append(resources.pool.statements - before)
        return min(counts)

    resources.memory.switch_off()
    resources.shared.distrust("a test counts statements")
    resources.shared.trust = lambda since=None: False  # type: ignore[method-assign,assignment]
    resources.memory.switch_on = lambda *_: None  # type: ignore[method-assign]
    one = await statements_of("Haushalt 3500 kWh Netzkosten Netz Musterstadt 2026", 1)
    two = await statements_of("Vergleich Haushalt 3500 kWh Netz Musterstadt und Werke Altdorf 2026", 2)
    assert 0 < two <= one


async def import_levies(settings: Settings) -> None:
    names = FILES[Kind["LEVIES"]]
    files = [File(name, io.BytesIO((FOLDER / name).read_bytes())) for name in names]
    await import_files(settings.database_url, Kind["LEVIES"], files)


REFUSED = [
    ("Netzentgelte SLP Netz Musterstadt 2024", "NO_DATA"),
    ("Netzentgelt ohne Leistungsmessung Netz Musterstadt MS", "NO_DATA"),
    ("grid fee for households at Werke Altdorf", "NO_DATA"),
    ("was kosten 3500 kWh Netz bei Netz Musterstadt", "NO_DATA"),
    ("Netzentgelt Wärmepumpe Netz Musterstadt", "NO_DATA"),
    ("Monatsleistungspreis Netz Musterstadt MS 2026", "NO_DATA"),
    ("Modul 1 Werke Altdorf", "NO_DATA"),
    ("§14a Modul 2 Werke Altdorf", "NO_DATA"),
    ("Grundpreis SLP Netz Musterstadt 2026", "NO_DATA"),
    ("Blindarbeit Netz Musterstadt MS", "NO_DATA"),
    ("Umlagen 2027", "NO_DATA"),
    ("Netzbetreiber 99998", "NO_DATA"),
    ("Wer ist mein Netzbetreiber?", "DETAILS_MISSING"),
    ("Welcher Netzbetreiber ist für Musterstadt zuständig?", "DETAILS_MISSING"),
    ("Netzkosten Modul 3 bei Netz Musterstadt 2024: 100 kWh HT, 100 kWh ST, 100 kWh NT", "NO_DATA"),
    ("Wärmepumpe 6000 kWh Netzkosten Netz Musterstadt", "DETAILS_MISSING"),
    ("Modul 3 3500 kWh Kosten Netz Musterstadt", "DETAILS_MISSING"),
    ("5 GWh 1500 kW brutto Netz Musterstadt", "DETAILS_MISSING"),
    ("Vergleich Netz Musterstadt und Werke Altdorf Haushalt 3500 kWh", "NO_DATA"),
    ("Modul 1 oder Modul 3 bei Netz Musterstadt?", "NOT_HELD"),
    ("individuelles Netzentgelt Netz Musterstadt MS", "NOT_HELD"),
    ("Modul 3 Mittelspannung Netz Musterstadt", "NOT_HELD"),
    ("durchschnittliche Netzentgelte Netz Musterstadt MS", "NOT_HELD"),
    ("niedrigster Leistungspreis in Bayern MS 2026", "NOT_HELD"),
    ("Netzentgelte Netz Musterstadt MS 2019", "NO_DATA"),
    ("Netzentgelte Netz Musterstadt HS 2026", "NO_DATA"),
    ("Modul 3 Netz Musterstadt 2024", "NO_DATA"),
    ("Modul 3 Werke Altdorf", "NO_DATA"),
    ("Modul 3 Netz Musterstadt morgen 2025", "NO_DATA"),
    ("Ist gerade Hochlast bei Werke Altdorf?", "NO_DATA"),
    ("was kosten 5 GWh bei 1500 kW in Musterstadt HS", "NO_DATA"),
    ("was kosten 5 GWh bei 5000 kW in Musterstadt MS 2025", "NO_DATA"),
    ("günstigster Netzbetreiber in Bayern NS 2026", "NO_DATA"),
    ("Netzentgelte Stadtwerke Hinterdupfing MS 2026", "UNKNOWN_OPERATOR"),
    ("SNB900000000002 MS 2026", "UNKNOWN_OPERATOR"),
    ("Netzentgelte 9900000000012", "UNKNOWN_OPERATOR"),
    ("VNB-ID 4712 HLZF", "UNKNOWN_OPERATOR"),
    ("Vergleich Netz Musterstadt und Hinterdupfing MS 2026", "UNKNOWN_OPERATOR"),
    ("Netzentgelte MS 2026", "OPERATOR_MISSING"),
    ("Netzentgelte Netz Musterstadt und Werke Altdorf MS 2026", "SEVERAL_OPERATORS"),
    ("was kosten 5 GWh bei Netz Musterstadt MS", "DETAILS_MISSING"),
    ("günstigster Netzbetreiber in Bayern 2026", "DETAILS_MISSING"),
    ("günstigster Stromanbieter in Bayern", "OFF_TOPIC"),
    ("dynamischer Stromtarif Musterstadt", "OFF_TOPIC"),
]


async def test_what_cannot_be_answered_has_a_reason_no_figures_and_little_confidence(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    for query, reason in REFUSED:
        found = await ask(client, query)
        assert (found["unanswered"], filled(found)) == (reason, set()), query
        assert found["interpretation"]["confidence"] <= 0.5, query
        assert found["answer"], query
        assert not any(unit in found["answer"] for unit in ("€", "ct/kWh")), query


async def test_days_beyond_the_calendar_have_no_figures(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    for today in ("0001-01-01", "9999-12-31"):
        for query in (
            "Modul 3 Netz Musterstadt jetzt",
            "Modul 3 Netz Musterstadt morgen",
            "Modul 3 Netz Musterstadt gestern",
            "Ist gerade Hochlast bei Netz Musterstadt?",
            "HLZF heute Netz Musterstadt",
            "HLZF am Montag um 10 Uhr Netz Musterstadt",
        ):
            found = await ask(client, query, today=today)
            assert (found["unanswered"], filled(found)) == ("NO_DATA", set()), (today, query)
    for query in ("Modul 3 Netz Musterstadt am 1.1.0001", "Hochlast am 9999-12-31 um 24:00 Netz Musterstadt"):
        assert (await ask(client, query))["interpretation"]["day"] is None


async def test_two_questions_are_said_to_be_two(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno]
) -> None:
    found = await ask(client, "Netzentgelte und Hochlastzeitfenster Netz Musterstadt MS 2026")
    assert found["interpretation"]["questions"] == 2
    assert filled(found) == {"tariffs"}
    assert found["answer"].endswith(
        "Das waren zwei Fragen; beantwortet ist nur eine, zu Netzentgelten. Bitte stellen Sie sie einzeln."
    )


async def test_a_correction_is_in_the_next_answer(
    client: httpx.AsyncClient, operators: tuple[Dno, Dno], pool: Pool
) -> None:
    question = "Wann ist der Strom bei Netz Musterstadt heute am günstigsten?"
    assert "1,34 ct/kWh" in (await ask(client, question))["answer"]
    async with pool.connection() as connection:
        await connection.execute("UPDATE time_of_use_data SET price_nt = 1.00")

    async def is_corrected() -> bool:
        return "1,00 ct/kWh" in (await ask(client, question))["answer"]

    await until(is_corrected)
