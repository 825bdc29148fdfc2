"""The answers about bills: totals with what is part of them, and what is missing in the words of the answer."""

import re
from decimal import Decimal
from typing import Any

import pytest
from msgspec import structs

from app.domain.bill import Bill, bill_of
from app.domain.bill_ranking import BillRanking, RankedBill
from app.domain.consumption import BandConsumption, Consumption, Metering, SpecialUse
from app.domain.entry import VoltageLevel
from app.domain.levy_charges import LevyRates, levy_charges
from app.domain.missing_figures import MissingFigure
from app.domain.network_charges import PriceSheet
from app.domain.question import Details, Interpretation, Language, QuestionTopic, Usage
from app.domain.question_figures import BillOfDno, Figures
from app.interpreter.answer import answer_of
from app.interpreter.answer_words import ENGLISH, GERMAN
from app.interpreter.bill_words import bill_words_of
from app.interpreter.missing_of_bills import missing_of_bill
from tests.architecture.repository import ROOT
from tests.unit.domain.bill_figures import ALL_YEARS, LEVIES, MS, NS, levies_of, price, tariff, time_of_use
from tests.unit.domain.test_bill import MALCHOW_2025, ODR_2025
from tests.unit.interpreter.test_topic_answers import NETZ, WERK, A, B

DE, EN = Language.GERMAN, Language.ENGLISH
HOUSEHOLD = Usage(Decimal(3500))


def asked(usage: Usage = HOUSEHOLD, language: Language = DE, year: int = 2025, **more: Any) -> Interpretation:
    given = {
        "dno_id": NETZ,
        "candidates": (NETZ,),
        "topic": QuestionTopic.BILL,
        "voltage_level": None,
        **more,
    }
    return Interpretation(
        data_type=None, year=year, confidence=0.9, language=language, details=Details(usage=usage), **given
    )


def bill(
    sheet: PriceSheet, usage: Usage = HOUSEHOLD, year: int = 2025, level: VoltageLevel | None = None
) -> Bill:
    consumption = usage.consumption(year, level)
    consumption.check()
    return bill_of(consumption, sheet, levy_charges(consumption, LevyRates.of(levies_of(year), year)))


def answered(meaning: Interpretation, sheet: PriceSheet) -> str:
    assert meaning.details.usage is not None
    assert meaning.year is not None
    found = bill(sheet, meaning.details.usage, meaning.year, meaning.voltage_level)
    return answer_of(meaning, dno=A, figures=Figures(bills=[BillOfDno(NETZ, found)]))


# 60.00 + 3,500 × 7.49 ct = 322.15; levies 9.70 + 28.56 + 54.53 + 71.75 = 164.54; 486.69 × 1.19 = 579.16.
@pytest.mark.parametrize(
    ("language", "text"),
    [
        (DE, "Netz A, 2025, 3.500 kWh ohne Leistungsmessung: Netznutzung 322,15 € im Jahr (Grundpreis 60,00 €, Arbeitspreis "
            "262,15 €), Umlagen, Abgaben und Stromsteuer 164,54 €, zusammen 486,69 € netto, mit 19 % Umsatzsteuer 579,16 €. "
            "Nicht enthalten: der Strom selbst, Messstellenbetrieb und Konzessionsabgabe."),
        (EN, "Netz A, 2025, 3,500 kWh without load metering: use of the grid €322.15 a year (Grundpreis €60.00, Arbeitspreis "
            "€262.15), levies, fees and electricity tax €164.54, together €486.69 net, with 19 % VAT €579.16. Not included: the "
            "electricity itself, metering point operation and the concession fee."),
    ],
)  # fmt: skip
def test_a_bill_is_answered_with_its_totals_and_what_is_not_part_of_them(
    language: Language, text: str
) -> None:
    assert answered(asked(language=language), MALCHOW_2025) == text


def test_the_customer_is_described() -> None:
    usage = Usage(Decimal(6000), use=SpecialUse.WAERMEPUMPE, module=2, inhabitants=30_000)
    text = answered(asked(usage), ODR_2025)
    assert text.startswith(
        "Netz A, 2025, 6.000 kWh ohne Leistungsmessung, Wärmepumpe, Modul 2 nach § 14a EnWG, Gemeinde mit 30.000 Einwohnern: "
        "Netznutzung 153,60 € im Jahr (Arbeitspreis Modul 2 153,60 €)"
    )
    assert "mit vorläufigen Preisen" in text
    assert "Konzessionsabgabe als Höchstsatz nach § 2 KAV" in text
    metered = Usage(Decimal(500_000), Decimal(200), monthly=True)
    text = answered(asked(metered, voltage_level=MS), MALCHOW_2025)
    assert text.startswith("Netz A, Mittelspannung, 2025, 500.000 kWh bei 200 kW, Monatspreise: Netznutzung ")


def test_network_charges_are_answered_where_levies_are_not_known() -> None:
    sheet = PriceSheet(
        prices=[price("SLP_GRUNDPREIS", "60.00", 2030), price("SLP_ARBEITSPREIS", "7.49", 2030)]
    )
    text = answered(asked(year=2030), sheet)
    assert "Netznutzung 322,15 € im Jahr" in text
    assert (
        "mit Umlagen und Steuern nicht bekannt (es fehlt: KWKG-Umlage (ohne Begünstigung), Offshore-Netzumlage"
        in text
    )


def test_a_bill_that_is_not_known_names_what_is_missing_and_no_amount() -> None:
    sheet = PriceSheet(prices=[price("SLP_ARBEITSPREIS", "7.49")])
    assert answered(asked(), sheet) == (
        "Netz A, 2025, 3.500 kWh ohne Leistungsmessung: die Kosten sind nicht bekannt; es fehlt: Grundpreis ohne Leistungsmessung."
    )
    assert answer_of(asked(), dno=A).endswith("die Kosten lassen sich nicht berechnen.")


def test_a_price_that_is_published_for_variants_only_is_missing_with_these() -> None:
    sheet = PriceSheet(
        prices=[price("SLP_ARBEITSPREIS", "7.49"), price("SLP_GRUNDPREIS", "50", variant="kommunal")]
    )
    assert answered(asked(), sheet).endswith(
        "es fehlt: Grundpreis ohne Leistungsmessung (veröffentlicht nur für: kommunal)."
    )
    assert answered(asked(language=EN), sheet).endswith("(published only for: kommunal).")


def test_of_many_variants_the_first_three_are_named() -> None:
    groups = [price("SLP_GRUNDPREIS", "50", variant=name) for name in "abcd"]
    known = price("SLP_ARBEITSPREIS", "7.49")
    assert answered(asked(), PriceSheet(prices=[known, *groups])).endswith(
        "(veröffentlicht nur für: a; b; c; …)."
    )
    three = PriceSheet(prices=[known, *groups[:3]])
    assert answered(asked(), three).endswith("(veröffentlicht nur für: a; b; c).")


@pytest.mark.parametrize(
    ("usage", "text"),
    [
        (Usage(Decimal(6000), use=SpecialUse.WAERMEPUMPE), "bitte nennen Sie Modul 1 oder Modul 2, oder „Altvertrag“"),
        (Usage(Decimal(3500), module=3), "kWh je Tarifstufe"),
        (Usage(Decimal(5_000_000), Decimal(1500)), "Bitte nennen Sie die Spannungsebene"),
    ],
)  # fmt: skip
def test_what_a_bill_needs_is_asked_for(usage: Usage, text: str) -> None:
    assert text in answer_of(asked(usage, lacking=True), dno=A)


def test_bands_with_the_same_price_and_quantity_are_named_one_by_one() -> None:
    """Only the months of one price stand together."""
    sheet = PriceSheet(
        prices=[price("SLP_GRUNDPREIS", "60", 2026), price("MODUL_1", "120", 2026)],
        time_of_use=time_of_use(2026, "10", "5", "5"),
    )
    usage = Usage(Decimal(3000), module=3, bands=BandConsumption(Decimal(1000), Decimal(1000), Decimal(1000)))
    text = answered(asked(usage, year=2026), sheet)
    assert "Arbeitspreis ST (Modul 3) 50,00 €, Arbeitspreis NT (Modul 3) 50,00 €" in text


def test_compared_bills_begin_with_the_cheapest() -> None:
    usage = structs.replace(HOUSEHOLD, assumed=True)
    compared = asked(usage, dno_id=None, candidates=(NETZ, WERK), topic=QuestionTopic.COMPARISON)
    bills = [BillOfDno(NETZ, bill(MALCHOW_2025)), BillOfDno(WERK, bill(ODR_2025))]
    # 69.35 + 3,500 × 6.41 ct = 293.70.
    assert answer_of(compared, dno=None, candidates=[A, B], figures=Figures(bills=bills)) == (
        "2025, angenommene 3.500 kWh ohne Leistungsmessung: Werk B 293,70 €, mit 19 % Umsatzsteuer 545,31 €, mit vorläufigen "
        "Preisen; Netz A 322,15 €, mit 19 % Umsatzsteuer 579,16 € – Werk B ist um 28,45 € günstiger als Netz A (Netznutzung im "
        "Jahr, netto)"
    )
    bills[0] = BillOfDno(NETZ, bill(PriceSheet()))
    text = answer_of(compared, dno=None, candidates=[A, B], figures=Figures(bills=bills))
    assert text.endswith(
        "Netz A: die Kosten sind nicht bekannt (es fehlt: Grundpreis ohne Leistungsmessung, Arbeitspreis ohne Leistungsmessung)"
    )


def _missing() -> set[MissingFigure]:
    """All figures that a bill can lack: from empty sheets, and from levies that are not held or that changed."""
    base = Consumption(
        year=2025,
        voltage_level=MS,
        metering=Metering.RLM,
        consumption_kwh=Decimal(2_000_000),
        peak_load_kw=Decimal(500),
    )
    slp = structs.replace(
        base, voltage_level=NS, metering=Metering.SLP, peak_load_kw=None, municipality_inhabitants=30_000
    )
    bands = BandConsumption(Decimal(500_000), Decimal(1_000_000), Decimal(500_000))
    consumptions = [
        base, structs.replace(base, metering=Metering.RLM_MONTHLY), slp, structs.replace(slp, module=1),
        structs.replace(slp, module=2), structs.replace(slp, module=3, band_kwh=bands),
        *(structs.replace(slp, special_use=use) for use in SpecialUse),
        *(structs.replace(slp, year=year) for year in (2014, 2015, 2022, 2024, 2030)),
    ]  # fmt: skip
    sheets = [PriceSheet(), PriceSheet(tariffs=[tariff(2025, MS, None, None, None, None)])]
    rates = [ALL_YEARS, [], [*ALL_YEARS, *(one for year in LEVIES for one in LEVIES[year])]]
    found: set[MissingFigure] = set()
    for consumption in consumptions:
        consumption.check()
        for sheet in sheets:
            for levies in rates:
                charges = levy_charges(consumption, LevyRates.of(levies, consumption.year))
                found.update(bill_of(consumption, sheet, charges).missing)
    return found


_WITH_WARNINGS = ("bill", "bill_position", "consumption", "cost", "levy_charges", "network_charges")
# Customer groups and metering; a value without effect is none that a question has.
_NO_WARNINGS = {"S_TARIF", "S_SONDERKUNDE", "RLM_MONTHLY", "UNUSED_INPUT"}
_ENGLISH_WORDS = re.compile(r"\b(the|for|of|from|price|rate|before|Not|known)\b")


def test_everything_that_a_bill_can_lack_is_named_in_both_languages() -> None:
    figures = _missing()
    assert len(figures) > 25
    german = {figure: missing_of_bill(GERMAN, figure) for figure in figures}
    assert {figure: text for figure, text in german.items() if _ENGLISH_WORDS.search(text)} == {}
    english = {missing_of_bill(ENGLISH, figure) for figure in figures}
    assert not any("Not known of" in text or "_" in text for text in english)


def test_each_warning_has_words_in_both_languages() -> None:
    source = "".join((ROOT / "app/domain" / f"{name}.py").read_text() for name in _WITH_WARNINGS)
    codes = set(re.findall(r'"([A-Z][A-Z\d]+(?:_[A-Z\d]+)+)"', source)) - _NO_WARNINGS
    assert len(codes) > 10
    for words in (GERMAN, ENGLISH):
        of_bill = bill_words_of(words)
        assert codes - of_bill.hints.keys() - of_bill.left_out.keys() == set()


def test_each_use_has_a_name_in_both_languages() -> None:
    for words in (GERMAN, ENGLISH):
        assert bill_words_of(words).uses.keys() == set(SpecialUse)


def test_a_ranking_by_bill_counts_the_operators_without_a_rank() -> None:
    usage = structs.replace(HOUSEHOLD, assumed=True)
    ranked = asked(usage, dno_id=None, candidates=(), topic=QuestionTopic.RANKING)
    ranked = structs.replace(ranked, details=Details(usage=usage, region="Bayern"))
    first = RankedBill(1, WERK, bill(ODR_2025), Decimal(0), derived=False, preliminary=True)
    second = RankedBill(2, NETZ, bill(MALCHOW_2025), Decimal("28.45"), derived=False, preliminary=False)
    ranking = BillRanking(usage.consumption(2025, None), (first, second), 2, 3, 0, 4, 5)
    names = {NETZ: "Netz A", WERK: "Werk B"}
    assert answer_of(ranked, dno=None, figures=Figures(bill_ranking=ranking), names=names) == (
        "Bayern, 2025, angenommene 3.500 kWh ohne Leistungsmessung: 1. Werk B 293,70 €, mit 19 % Umsatzsteuer 545,31 €, mit "
        "vorläufigen Preisen, 2. Netz A 322,15 €, mit 19 % Umsatzsteuer 579,16 € (Netznutzung im Jahr, netto). Netzbetreiber mit "
        "Rang: 2; nur mit abgeleiteten Preisen: 3; ohne bekannte Preise: 9."
    )
    nothing = BillRanking(usage.consumption(2025, None), (), 0, 3, 0, 4, 5)
    text = answer_of(ranked, dno=None, figures=Figures(bill_ranking=nothing))
    assert text.endswith(
        "die Kosten sind nicht bekannt. Netzbetreiber mit Rang: 0; nur mit abgeleiteten Preisen: 3; ohne bekannte Preise: 9."
    )
