"""Codes, amounts and moments in a sentence, and which of its language it is answered in."""

from datetime import date
from decimal import Decimal

import pytest

from app.domain.question import Details, Language
from app.interpreter.codes import code_of, split_codes
from app.interpreter.interpret import interpret
from app.interpreter.search import Names
from app.interpreter.vocabulary import Vocabulary
from benchmarks.interpreter import REGISTRY, read_registry

TODAY = date(2026, 11, 28)  # a Saturday


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("snb973875583315 ms", ("snb973875583315",)),
        ("snb 973875583315", ("snb973875583315",)),
        ("snb nne 2024", ()),
        ("9900479000006", ("9900479000006",)),
        ("99 00479 00000 6", ("9900479000006",)),
        ("990047900000", ("990047900000",)),
        ("5000000000 kwh", ()),
        ("acer-code a0003240m.de", ("a0003240m",)),
        ("vnb-id 219", ("vnb 219",)),
        ("vnb 479", ("vnb 479",)),
        ("vnb 2024", ()),
        ("vnb-nr. 2024", ("vnb 2024",)),
        ("vnbdigital id oabor56jqst8w4hxi", ("vnb oabor56jqst8w4hxi",)),
    ],
)
def test_codes_are_distinguished_from_other_numbers(text: str, codes: tuple[str, ...]) -> None:
    assert split_codes(text).codes == codes


def test_a_text_is_a_code_only_if_nothing_else_stands_there() -> None:
    assert code_of("snb973875583315") == "snb973875583315"
    assert code_of("snb973875583315 n-ergie") is None


def test_a_search_for_a_code_finds_its_operator_or_none() -> None:
    entries = read_registry(REGISTRY)
    names = Names(entries)
    (operator,) = [entry for entry in entries if entry.mastr_nr == "SNB973875583315"]
    for code in ("SNB973875583315", "9900479000006", "VNB-ID 479", "A0003240M.DE"):
        assert [match.dno_id for match in names.search(code, 5)] == [operator.id]
    for code in ("SNB973875583316", "9900479000007", "VNB-ID 999999", "A0003240X.DE"):
        assert names.search(code, 5) == []


def details(sentence: str, vocabulary: Vocabulary) -> Details:
    return interpret(sentence, vocabulary, TODAY).details


@pytest.mark.parametrize(
    ("said", "kwh", "kw"),
    [
        ("5 GWh bei 1500 kW", "5000000", "1500"),
        ("5.000.000 kWh, 1.500 kW", "5000000", "1500"),
        ("1,5 GWh und 0,4 MW", "1500000", "400"),
        ("5 Mio. kWh bei 1.500,5 kW", "5000000", "1500.5"),
        ("5 000 000 kWh 1 500 kW", "5000000", "1500"),
        ("800 MWh bei 4.000 Benutzungsstunden", "800000", "200"),
        ("1 TWh bei 200 MW", "1000000000", "200000"),
        ("100000 kWh mit 30 h", "100000", "3333.333"),
    ],
)
def test_amounts_are_read_as_germans_write_them(vocabulary: Vocabulary, said: str, kwh: str, kw: str) -> None:
    load = details(f"was kosten {said} bei der Syna in MS", vocabulary).load
    assert load is not None
    assert (load.consumption_kwh, load.peak_load_kw, load.assumed) == (Decimal(kwh), Decimal(kw), False)


@pytest.mark.parametrize(
    ("said", "kwh", "kw"),
    [
        ("5,000,000 kWh at 1,500 kW", "5000000", "1500"),
        ("1.5 GWh and 0.4 MW", "1500000", "400"),
        ("1.250 GWh and 400 kW", "1250000", "400"),
        ("5 million kWh with 2,500 hours", "5000000", "2000"),
    ],
)
def test_amounts_are_read_as_the_english_write_them(
    vocabulary: Vocabulary, said: str, kwh: str, kw: str
) -> None:
    load = details(f"how much do {said} cost at Syna in medium voltage", vocabulary).load
    assert load is not None
    assert (load.consumption_kwh, load.peak_load_kw) == (Decimal(kwh), Decimal(kw))


@pytest.mark.parametrize(
    "said", ["8x150 kW und 5 GWh", "5 GWh bei 0 kW", "20 kWh am Tag und 5 kW", "5 GWh bei 9000 h"]
)
def test_amounts_that_are_none_of_a_year_give_no_cost(vocabulary: Vocabulary, said: str) -> None:
    assert details(f"was kosten {said} bei der Syna in MS", vocabulary).load is None


@pytest.mark.parametrize(
    ("said", "day", "minute"),
    [
        ("heute", date(2026, 11, 28), None),
        ("morgen um 9 Uhr", date(2026, 11, 29), 540),
        ("heute Morgen um 7:15", date(2026, 11, 28), 435),
        ("übermorgen gegen 17.30 Uhr", date(2026, 11, 30), 1050),
        ("am Samstag", date(2026, 11, 28), None),
        ("am Montag um 9", date(2026, 11, 30), 540),
        ("am 5.1.2026 um 10:00", date(2026, 1, 5), 600),
        ("am 24.12. um 10 Uhr", date(2026, 12, 24), 600),
        ("am 2026-01-05", date(2026, 1, 5), None),
        ("am 5. Januar 2026", date(2026, 1, 5), None),
        ("am 31.2.2026", None, None),
        ("heute zwischen 16 und 18 Uhr", date(2026, 11, 28), None),
        ("morgen vor 16 Uhr", date(2026, 11, 29), None),
        ("morgen von 16:00 bis 18:00", date(2026, 11, 29), None),
        ("morgen 16-18 Uhr", date(2026, 11, 29), None),
        ("morgen ab 17 Uhr", date(2026, 11, 29), 1020),
        ("morgens", None, None),
    ],
)
def test_a_moment_is_read(vocabulary: Vocabulary, said: str, day: date | None, minute: int | None) -> None:
    found = details(f"Ist {said} Hochlast bei der Syna in MS?", vocabulary)
    assert (found.day, found.minute) == (day, minute)


@pytest.mark.parametrize(
    ("said", "day", "minute"),
    [
        ("today", date(2026, 11, 28), None),
        ("tomorrow at 5 pm", date(2026, 11, 29), 1020),
        ("on January 5 2026 at 10:00", date(2026, 1, 5), 600),
        ("on Monday at 9 am", date(2026, 11, 30), 540),
        ("on Monday at 12 am", date(2026, 11, 30), 0),
    ],
)
def test_a_moment_is_read_in_english(
    vocabulary: Vocabulary, said: str, day: date, minute: int | None
) -> None:
    found = details(f"is there peak load {said} at Syna in medium voltage", vocabulary)
    assert (found.day, found.minute) == (day, minute)


def test_tomorrow_may_be_in_another_year(vocabulary: Vocabulary) -> None:
    found = interpret("Modul 3 Syna morgen", vocabulary, date(2026, 12, 31))
    assert (found.year, found.details.day) == (2027, date(2027, 1, 1))


@pytest.mark.parametrize(
    "said", ["N-ERGIE", "syna ms 2026", "NNE Syna", "14a Syna", "HLZF Main-Kinzig Netzdienste", "VNB-ID 479"]
)
def test_short_sentences_are_answered_in_german(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).language is Language.GERMAN


@pytest.mark.parametrize(
    "said",
    [
        "price",
        "syna grid fees",
        "peak load Syna now",
        "module 3 Syna",
        "cheapest hours Syna",
        "heat pump Syna grid",
    ],
)
def test_short_sentences_of_english_words_are_answered_in_english(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).language is Language.ENGLISH


@pytest.mark.parametrize(
    "words",
    [
        "Stadtwerke Bad Säckingen",
        "Säckingen Bad Stadtwerke",
        "Bad Stadtwerke Saeckingen",
        "STADTWERKE SACKINGEN BAD",
    ],
)
def test_the_words_of_a_name_may_stand_in_any_order(vocabulary: Vocabulary, words: str) -> None:
    found = interpret(f"Netzentgelte {words} MS 2026", vocabulary, TODAY)
    assert found.dno_id == next(
        entry.id for entry in read_registry(REGISTRY) if entry.slug == "stadtwerke-bad-saeckingen"
    )


@pytest.mark.parametrize(
    "said", ["§ 14a", "14 a EnWG", "§14a EnWG", "EnWG § 14a", "§ 14a Abs. 1 EnWG", "Paragraf 14a"]
)
def test_the_law_is_read_however_it_is_written(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(f"Netzentgelte nach {said} bei der Syna", vocabulary, TODAY).data_type == "TIME_OF_USE"


def test_a_number_of_an_address_is_no_law(vocabulary: Vocabulary) -> None:
    found = interpret("Netzentgelte Syna MS, Anschluss Hauptstraße 14a", vocabulary, TODAY)
    assert (found.data_type, found.voltage_level) == ("NETZENTGELTE", "MS")


def test_an_everyday_word_behind_a_negation_is_examined(vocabulary: Vocabulary) -> None:
    for sentence in ("nicht bitte waren", "kein Netz, bitte lauf", "Syna nicht welche essen"):
        assert interpret(sentence, vocabulary, TODAY).confidence <= 1
