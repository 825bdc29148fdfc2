"""The answers about positions of a price sheet, and about levies and taxes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest

from app.domain.derived_prices import STANDARD_PRICE_RULE, prices_with_derived
from app.domain.entry import DnoYear, Publication, VerificationStatus, VoltageLevel
from app.domain.families import LEVY, PRICE
from app.domain.levy import Levy, LevyKind, unit_of
from app.domain.missing_levies import MissingLevy
from app.domain.price import Price, PriceKind
from app.domain.price import unit_of as unit_of_price
from app.domain.question import Details, Interpretation, Language, QuestionTopic
from app.domain.question_figures import Figures
from app.interpreter.answer import answer_of
from app.interpreter.answer_words import ENGLISH, GERMAN
from app.interpreter.levy_words import levy_words_of
from app.interpreter.price_words import price_words_of
from tests.unit.interpreter.test_topic_answers import NETZ, SHEET, WERK, A, B

THEN = datetime(2026, 1, 1, tzinfo=UTC)
DE, EN = Language.GERMAN, Language.ENGLISH
K, L, V = PriceKind, LevyKind, VoltageLevel
SLP = (K.SLP_GRUNDPREIS, K.SLP_ARBEITSPREIS)


def price(kind: PriceKind, amount: str, level: VoltageLevel | None = V.NS, **more: object) -> Price:
    given: dict[str, object] = {"variant": None, "dno_id": NETZ, **more}
    return Price(
        id=uuid4(), year=2026, kind=kind, voltage_level=level, amount=Decimal(amount), unit=unit_of_price(kind),
        verification_status=VerificationStatus.VERIFIED, source_url=None, source_title=None, version=1, updated_at=THEN,
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


def asked(kinds: tuple[PriceKind, ...], language: Language = DE, **more: object) -> Interpretation:
    given: dict[str, object] = {"dno_id": NETZ, "candidates": (NETZ,), "topic": QuestionTopic.PRICES, **more}
    return Interpretation(
        data_type=PRICE, year=2026, voltage_level=None, confidence=0.95, language=language, details=Details(kinds=kinds), **given  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (DE, "Netz A, 2026 (netto): Grundpreis ohne Leistungsmessung 60,00 €/a, Arbeitspreis ohne Leistungsmessung 7,49 ct/kWh"),
        (EN, "Netz A, 2026 (net): base price without load metering €60.00 per year, energy price without load metering 7.49 "
            "ct/kWh"),
    ],
)  # fmt: skip
def test_prices_are_answered_with_kind_and_unit(language: Language, text: str) -> None:
    prices = [price(K.SLP_ARBEITSPREIS, "7.49"), price(K.SLP_GRUNDPREIS, "60")]
    assert answer_of(asked(SLP, language), dno=A, figures=Figures(prices=prices)) == text


def test_a_part_of_the_prices_is_answered_with_what_is_not_known() -> None:
    text = answer_of(asked(SLP), dno=A, figures=Figures(prices=[price(K.SLP_ARBEITSPREIS, "7.49")]))
    assert text.endswith("7,49 ct/kWh; nicht bekannt: Grundpreis ohne Leistungsmessung")


def test_derived_and_preliminary_prices_are_marked() -> None:
    prices = [
        price(K.SLP_ARBEITSPREIS, "7.49", derived_from=STANDARD_PRICE_RULE),
        price(K.SLP_GRUNDPREIS, "60", publication=Publication.PRELIMINARY),
    ]
    text = answer_of(asked(SLP), dno=A, figures=Figures(prices=prices))
    assert "60,00 €/a (vorläufig)" in text
    assert (
        "7,49 ct/kWh (nicht veröffentlicht, sondern abgeleitet: Arbeitspreis ohne Leistungsmessung = ST-Preis von Modul 3)"
        in text
    )


def test_a_price_that_is_derived_from_a_derived_one_has_both_rules() -> None:
    derived = prices_with_derived(DnoYear(NETZ, 2026), (), SHEET)
    text = answer_of(
        asked((K.MODUL_1, K.MODUL_2_ARBEITSPREIS), EN), dno=A, figures=Figures(prices=derived[1:])
    )
    assert (
        "module 1 of § 14a EnWG (lump-sum reduction) €111.93 per year (not published but derived: module 1 = €67.227"
        in text
    )
    assert text.count("energy price without load metering = ST price of module 3") == 2


def test_prices_of_several_levels_and_variants_stand_beside_each_other() -> None:
    prices = [
        price(K.MONATSLEISTUNGSPREIS, "12.5", V.MS),
        price(K.MONATSLEISTUNGSPREIS, "10", V.HS),
        price(K.MONATS_ARBEITSPREIS, "0.9", V.MS, variant="group 1"),
    ]
    kinds = (K.MONATSLEISTUNGSPREIS, K.MONATS_ARBEITSPREIS)
    assert answer_of(asked(kinds), dno=A, figures=Figures(prices=prices)) == (
        "Netz A, 2026 (netto): Hochspannung Monatsleistungspreis 10,00 €/kW·Monat; Mittelspannung Monatsleistungspreis 12,50 "
        "€/kW·Monat, Arbeitspreis im Monatsleistungspreissystem 0,90 ct/kWh (group 1)"
    )


def test_a_price_that_is_not_known_is_named_and_none_stands_in_its_place() -> None:
    heat_pump = (K.WAERMEPUMPE_GRUNDPREIS, K.WAERMEPUMPE_ARBEITSPREIS)
    assert answer_of(asked(heat_pump), dno=A, years=[2025]) == (
        "Netz A, 2026: nicht bekannt: Arbeitspreis Wärmepumpe (Verträge vor 2024); Daten gibt es für 2025."
    )
    unnamed = asked(SLP, dno_id=None, candidates=())
    assert answer_of(unnamed, dno=None).startswith(
        "Grundpreis ohne Leistungsmessung und Arbeitspreis ohne Leistungsmessung, 2026: Bitte nennen Sie den Netzbetreiber"
    )


def test_compared_prices_stand_beside_each_other() -> None:
    compared = asked(SLP, dno_id=None, candidates=(NETZ, WERK), topic=QuestionTopic.COMPARISON)
    prices = [price(kind, "7.49") for kind in SLP]
    text = answer_of(compared, dno=None, candidates=[A, B], figures=Figures(prices=prices))
    first, second = text.split(" | ")
    assert first.startswith("Netz A, 2026 (netto): Grundpreis")
    assert second.startswith("Werk B, 2026: nicht bekannt: Grundpreis")


def levy(kind: LevyKind, value: str, group: str | None = None, year: int = 2026, **more: object) -> Levy:
    given: dict[str, object] = {
        "valid_from": date(year, 1, 1), "valid_to": date(year, 12, 31), "inhabitants_from": None, "inhabitants_to": None,
        "verification_status": VerificationStatus.VERIFIED, **more,
    }  # fmt: skip
    return Levy(
        id=uuid4(), dno_id=NETZ, year=year, kind=kind, customer_group=group, value=Decimal(value), unit=unit_of(kind),
        legal_basis=None, article_id=None, note=None, source_url=None, source_title=None, version=1, updated_at=THEN,
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


def about(*kinds: LevyKind, year: int = 2026, language: Language = DE) -> Interpretation:
    return Interpretation(
        LEVY, None, year, None, 0.94, (), language, topic=QuestionTopic.LEVIES, details=Details(levies=kinds)
    )


def test_levies_are_answered_with_customers_and_doubts() -> None:
    found = [
        levy(L.KWKG, "0.446", "non_privileged"),
        levy(L.PARAGRAF_19_STROM_NEV, "1.559", "A'", verification_status=VerificationStatus.UNVERIFIED),
    ]
    gap = MissingLevy(L.PARAGRAF_19_STROM_NEV, "B'", date(2026, 1, 1), date(2026, 12, 31))
    text = answer_of(
        about(L.KWKG, L.PARAGRAF_19_STROM_NEV), dno=None, figures=Figures(levies=found, missing_levies=[gap])
    )
    assert text == (
        "Deutschland, 2026 (netto): KWKG-Umlage 0,446 ct/kWh (ohne Begünstigung); Umlage nach § 19 StromNEV 1,559 ct/kWh (erste "
        "1.000.000 kWh, ungeprüft); nicht bekannt: Umlage nach § 19 StromNEV (über 1.000.000 kWh)"
    )


def test_the_concession_fee_is_answered_by_inhabitants_and_as_a_highest_rate() -> None:
    found = [
        levy(L.KONZESSIONSABGABE, "1.32", "S_TARIF_25000", inhabitants_to=25_000),
        levy(L.KONZESSIONSABGABE, "1.59", "S_TARIF_100000", inhabitants_from=25_001, inhabitants_to=100_000),
        levy(L.KONZESSIONSABGABE, "2.39", "S_TARIF_G_500000", inhabitants_from=500_001),
        levy(L.KONZESSIONSABGABE, "0.11", "S_SONDERKUNDE"),
    ]
    asked_for = about(L.KONZESSIONSABGABE, language=EN)
    assert answer_of(asked_for, dno=None, figures=Figures(levies=found)) == (
        "Germany, 2026 (net): concession fee 1.32 ct/kWh (up to 25,000 inhabitants), 1.59 ct/kWh (25,001 to 100,000 inhabitants), "
        "2.39 ct/kWh (from 500,001 inhabitants), 0.11 ct/kWh (customers with special contracts) (at most, § 2 KAV; it is agreed "
        "with each municipality)"
    )


def test_a_rate_of_a_part_of_the_year_has_its_days() -> None:
    found = [
        levy(L.EEG, "3.723", "non_privileged", 2022, valid_to=date(2022, 6, 30)),
        levy(L.EEG, "0", "non_privileged", 2022, valid_from=date(2022, 7, 1)),
        levy(L.UMSATZSTEUER, "16", "standard", 2022, valid_from=date(2022, 3, 1), valid_to=date(2022, 4, 30)),
    ]
    text = answer_of(about(L.EEG, L.UMSATZSTEUER, year=2022), dno=None, figures=Figures(levies=found))
    assert (
        "3,723 ct/kWh (ohne Begünstigung, bis 30.06.2022), 0,00 ct/kWh (ohne Begünstigung, ab 01.07.2022)"
        in text
    )
    assert text.endswith("Umsatzsteuer 16 % (01.03.2022 bis 30.04.2022)")


def test_a_levy_without_a_rate_is_named_with_the_years_that_have_one() -> None:
    assert answer_of(about(L.EEG), dno=None, years=[2021, 2022]) == (
        "EEG-Umlage, 2026: kein Satz, soweit hier bekannt; Daten gibt es für 2022 und 2021."
    )
    gap = MissingLevy(L.KWKG, "non_privileged", date(2027, 1, 1), date(2027, 12, 31))
    text = answer_of(about(L.KWKG, year=2027), dno=None, figures=Figures(missing_levies=[gap]), years=[2026])
    assert text == "Deutschland, 2027 (netto): nicht bekannt: KWKG-Umlage; Daten gibt es für 2026."


def test_each_kind_has_a_name_in_both_languages() -> None:
    for words in (GERMAN, ENGLISH):
        assert price_words_of(words).kinds.keys() == set(PriceKind)
        assert levy_words_of(words).kinds.keys() == set(LevyKind)
