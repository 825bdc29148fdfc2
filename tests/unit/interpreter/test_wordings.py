"""Wordings beside those of the rules: what they ask for is read, or refused, and never taken for something near it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from msgspec.structs import replace

from app.domain.consumption import BandConsumption, SpecialUse
from app.domain.dno import Alias, DirectoryEntry
from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.domain.question import NotHeld, QuestionTopic
from app.interpreter.interpret import interpret
from app.interpreter.vocabulary import Vocabulary

TODAY = date(2026, 11, 30)


@pytest.mark.parametrize(
    "said",
    [
        "Welche Netzbetreiber sind günstiger als Westnetz MS 2025?",
        "Haben Stadtwerke günstigere Netzentgelte als Westnetz?",
        "Ist Westnetz der teuerste Netzbetreiber?",
        "Ist Westnetz der günstigste Netzbetreiber in NRW MS 2025?",
        "Is Westnetz the cheapest grid operator?",
        "Welche Netzbetreiber sind günstiger als die Westnetz in MS?",
    ],
)
def test_the_figures_of_one_operator_are_no_answer_where_it_is_compared_with_all_others(
    vocabulary: Vocabulary, said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.not_held, found.topic, found.dno_id) == (NotHeld.OTHER_RANKING, None, None)


@pytest.mark.parametrize(
    "said", ["Vergleich Modul 3 N-ERGIE und Netze BW", "Vergleich HLZF Netze BW und N-ERGIE"]
)
def test_a_word_between_two_operators_that_is_part_of_both_names_belongs_to_the_second(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.subject is QuestionTopic.COMPARISON
    assert {slugs[one] for one in found.candidates} == {"n-ergie-netz", "netze-bw"}


@pytest.mark.parametrize(
    "said",
    [
        "Wallbox 11 kW, 2500 kWh, Modul 1, Westnetz",
        "11-kW-Wallbox mit 2500 kWh und Modul 1 bei Westnetz",
        "Wärmepumpe mit 12 kW und 2500 kWh, nicht Modul 2, sondern Modul 1, Westnetz",
    ],
)
def test_the_power_of_a_device_is_no_peak_load_of_its_bill(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    usage = found.details.usage
    assert usage is not None
    assert (found.subject, usage.peak_load_kw, usage.module) == (QuestionTopic.BILL, None, 1)


@pytest.mark.parametrize(
    ("said", "kw"),
    [
        ("Netzkosten 80000 kWh bei 40 kW Westnetz NS inkl. Umlagen Wärmepumpe", 40),
        ("Netzkosten 80000 kWh bei 20 kW Westnetz NS inkl. Umlagen Wärmepumpe", 20),
        ("Netzkosten 90.000 kWh, 2000 h, Wärmepumpe, brutto, Westnetz NS", 45),
        ("Wärmepumpe 50 kW, 90.000 kWh, brutto, Westnetz NS", 50),
        ("20.000 kWh und 50 kW brutto Westnetz NS Modul 1", 50),
    ],
)
def test_a_metered_peak_load_stays_one_beside_a_device(vocabulary: Vocabulary, said: str, kw: int) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.peak_load_kw == kw


@pytest.mark.parametrize(
    "said",
    [
        "What are the lowest grid fees at Westnetz?",
        "highest network charges of Westnetz",
        "cheapest distribution fees Westnetz",
        "Netzentgelte vom günstigsten Netzbetreiber Westnetz",
        "Meine Rechnung ist höher als von Westnetz angekündigt: Netzentgelt 2026?",
        "Ist der Arbeitspreis höher als bei Westnetz letztes Jahr?",
        "Ist MS günstiger als in Westnetz NS?",
        "Warum ist es höher als im Westnetz Preisblatt",
        "Ist die Last höher als von Westnetz erlaubt in der Hochlastzeit?",
        "Mein Arbeitspreis ist höher als bei Westnetz angegeben",
    ],
)
def test_the_figures_of_an_operator_are_answered_where_it_is_not_compared_with_others(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.not_held, found.questions) == (None, 1)
    assert found.dno_id is not None
    assert slugs[found.dno_id] == "westnetz"


@pytest.mark.parametrize(
    "said",
    [
        "Netzentgelte Westnetz, die seit letztem Jahr gelten",
        "Ich wohne seit letztem Jahr in Essen, Netzentgelte Westnetz NS",
        "Wie hoch ist das gesenkte Netzentgelt der Westnetz?",
        "Die gesenkten Netzentgelte 2026 der Westnetz",
        "What are the raised grid fees of Westnetz?",
        "What are the lowered grid fees of Westnetz MS?",
        "Netzentgelte wie angegeben, Westnetz MS",
    ],
)
def test_no_change_is_asked_for_where_one_is_only_mentioned(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).questions == 1


def test_without_14a_no_consumption_per_band_is_asked_back_for(vocabulary: Vocabulary) -> None:
    usage = interpret("Wärmepumpe 6000 kWh ohne § 14a, Westnetz", vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.module is None


@pytest.mark.parametrize(
    "said",
    [
        "Wie stark sind die Netzentgelte der Westnetz seit letztem Jahr gestiegen?",
        "How much has the grid fee at Westnetz risen since last year?",
        "Hat Westnetz die Netzentgelte 2026 gesenkt?",
        "Sind die Netzentgelte der Westnetz teurer geworden?",
    ],
)
def test_a_change_until_now_is_a_question_about_this_year_and_another(
    vocabulary: Vocabulary, said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.questions) == (2026, 2)


@pytest.mark.parametrize(
    ("said", "of_metering"),
    [
        ("Was kostet die Messung bei Westnetz 2025 RLM MS?", True),
        ("Zählerpreis Westnetz 2025", True),
        ("Preis für Messung Westnetz 2025", True),
        ("Leistungspreis Westnetz MS 2025 mit MS-seitiger Messung", False),
        ("Entgelt Messung mit Arbeitspreis Westnetz MS 2025", False),
        ("Kosten für Messung 5 GWh 1500 kW Westnetz MS", False),
    ],
)
def test_prices_of_metering_are_no_grid_charges(vocabulary: Vocabulary, said: str, of_metering: bool) -> None:
    assert (PriceKind.MESSUNG in interpret(said, vocabulary, TODAY).details.kinds) is of_metering


@pytest.mark.parametrize(
    ("said", "groups"),
    [
        ("§ 19-Umlage Gruppe B' 2025", {"B'", "B"}),
        ("§ 19 StromNEV-Umlage 2025 Letztverbrauchergruppe C", {"C'", "C"}),
        ("§ 19-Umlage 2025 Gruppe A', B', C'", {"A'", "A", "B'", "B", "C'", "C"}),
        ("§ 19-Umlage 2025 Gruppe B' und C'", {"B'", "B", "C'", "C"}),
        ("§ 19-Umlage 2025 Gruppe A' oder Gruppe C'", {"A'", "A", "C'", "C"}),
        ("§ 19-Umlage 2025 Gruppen A bis C", {"A'", "A", "B'", "B", "C'", "C"}),
        ("§ 19-Umlage 2025 Gruppen A'–C'", {"A'", "A", "B'", "B", "C'", "C"}),
        ("KWKG levy 2016 for groups A and B", {"A'", "A", "B'", "B"}),
        ("KWKG levy 2016 for group A", {"A'", "A"}),
        ("How high is the KWKG levy 2016 in a group a company belongs to?", set()),
        ("Wie hoch ist die § 19-Umlage 2026 für die erste Million kWh?", {"A'", "A"}),
        ("Wie hoch ist die § 19-Umlage 2026 über 1 GWh?", {"B'", "B"}),
        ("Wie hoch ist die § 19-Umlage 2026 über 1.000.000 kWh?", {"B'", "B"}),
        ("Wie hoch ist die § 19-Umlage 2026 über 10 GWh?", {"B'", "B"}),
        ("Wie hoch ist die § 19-Umlage 2026 ab 1 GWh?", {"B'", "B"}),
        ("Wie hoch ist die § 19-Umlage 2026 über 5.000.000 kWh?", {"B'", "B"}),
        ("Wie hoch ist die § 19-Umlage 2026 über 100.000 kWh?", set()),
        ("KWKG-Umlage 2016 stromintensiv", {"C'", "C"}),
        ("Konzessionsabgabe Sondervertragskunden 2025", {"S_SONDERKUNDE"}),
        ("concession fee for special contract customers 2025", {"S_SONDERKUNDE"}),
        (
            "Konzessionsabgabe Tarifkunden",
            {f"S_TARIF_{n}" for n in ("25000", "100000", "500000", "G_500000")},
        ),
        ("Stromsteuer Landstrom", {"shore_power_commercial_shipping"}),
        ("electricity tax for railways", {"rail_and_trolleybus"}),
        (
            "Stromsteuer 2025 für Haushalte",
            {
                *(f"S_TARIF_{n}" for n in ("25000", "100000", "500000", "G_500000")),
                "standard",
                "A'",
                "A",
                "non_privileged",
            },
        ),
        ("Stromsteuer Landwirtschaft", {"manufacturing_and_agriculture_9b", "standard"}),
        ("Stromsteuer § 9b StromStG", {"manufacturing_and_agriculture_9b", "standard"}),
        ("Stromsteuer § 9c StromStG", {"public_transport_9c", "standard"}),
        ("Stromsteuer 2026 für Haushalte und Unternehmen", set()),
        ("Stromsteuer 2026 für Unternehmen, Schienenbahnen", set()),
        ("Stromsteuer 2026 für Schienenbahnen, nicht für Unternehmen", {"rail_and_trolleybus"}),
        (
            "Stromsteuer 2026 für Unternehmen des produzierenden Gewerbes",
            {"manufacturing_and_agriculture_9b", "standard"},
        ),
        (
            "KWKG-Umlage 2016 stromintensive Unternehmen und Schienenbahnen",
            {"C'", "C", "rail_and_trolleybus"},
        ),
        ("Wie hoch ist die § 19-Umlage 2026?", set()),
        ("§ 19-Umlage 2026 nicht stromintensiv", set()),
    ],
)
def test_the_customers_whose_levies_are_asked_for_are_known(
    vocabulary: Vocabulary, said: str, groups: set[str]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, set(found.details.levy_groups)) == (QuestionTopic.LEVIES, groups)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Ist Weihnachten Hochlast bei Westnetz?", date(2026, 12, 25)),
        ("Ist Silvester 2027 Hochlast bei Westnetz?", date(2027, 12, 31)),
        ("Ist an Neujahr Hochlast bei Westnetz?", date(2027, 1, 1)),
        ("Weihnachten letztes Jahr, Hochlast Westnetz?", date(2025, 12, 25)),
        ("Hochlast 2024 an Weihnachten bei Westnetz", date(2024, 12, 25)),
    ],
)
def test_a_day_with_a_name_is_the_next_one_or_that_of_the_year(
    vocabulary: Vocabulary, said: str, day: date
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.details.day, found.year) == (QuestionTopic.PEAK_STATUS, day, day.year)


@pytest.mark.parametrize(
    "said",
    [
        "Hochlast zwischen Weihnachten und Neujahr bei Westnetz",
        "Hochlast an Weihnachten und Silvester bei Westnetz",
        "Hochlast vor Weihnachten bei Westnetz",
        "Hochlast nach Weihnachten bei Westnetz",
        "Hochlastzeitfenster Westnetz außer an Silvester",
        "Hochlastzeitfenster Westnetz ohne Weihnachten",
        "Hochlastzeitfenster Westnetz ohne Wochenenden und Feiertage",
        "high load windows Westnetz excluding weekends",
        "Gilt Hochlast bei Westnetz auch am Wochenende?",
        "Hochlast letztes Wochenende bei Westnetz",
        "Hochlast an Weihnachten 2024 und 2025 bei Westnetz",
    ],
)
def test_weekends_and_days_that_are_excluded_or_several_are_answered_with_windows(
    vocabulary: Vocabulary, said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.details.day) == (QuestionTopic.HLZF, None)


def test_a_day_with_a_name_is_today_where_it_is(vocabulary: Vocabulary) -> None:
    found = interpret("Ist an Silvester Hochlast bei Westnetz?", vocabulary, date(2026, 12, 31))
    assert found.details.day == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("günstigste 3 Stunden morgen Westnetz", QuestionTopic.TIME_OF_USE),
        ("Ladefenster Wallbox Westnetz diese Nacht", QuestionTopic.TIME_OF_USE),
        ("günstig 2500 Stunden Westnetz", QuestionTopic.NETZENTGELTE),
    ],
)
def test_the_cheapest_hours_are_those_of_14a_also_with_their_number(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is topic


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        ("Westnetz und Hinterdupfing", 2),
        ("Westnetz sowie Hinterdupfing", 2),
        ("Westnetz oder andere", 1),
        ("Westnetz or similar", 1),
        ("Westnetz (oder RWE)", 1),
    ],
)
def test_an_unknown_operator_beside_another_is_a_second_question(
    vocabulary: Vocabulary, said: str, questions: int
) -> None:
    assert interpret(f"Netzentgelte {said} MS", vocabulary, TODAY).questions == questions


def test_neither_of_two_operators_is_meant_but_the_third(
    vocabulary: Vocabulary, slugs: dict[UUID, str]
) -> None:
    found = interpret("weder Westnetz noch Syna, sondern Bayernwerk MS 2025", vocabulary, TODAY)
    assert found.dno_id is not None
    assert slugs[found.dno_id] == "bayernwerk-netz"


@pytest.mark.parametrize(
    "said",
    [
        "Netzentgelte bei weder Westnetz noch Syna",
        "grid fees at neither Westnetz nor Syna",
        "weder bei Westnetz noch bei der Syna, Netzentgelte",
        "Netzentgelte Westnetz weder in MS noch in NS",
        "grid fees Westnetz, neither medium nor low voltage",
        "Netzentgelte Westnetz, weder 2024 noch 2025",
    ],
)
def test_of_two_that_are_not_meant_none_is_answered(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.not_held, found.dno_id) == (NotHeld.EXCEPTION, None)


def test_a_ranking_behind_states_that_are_not_meant_is_not_denied_with_them(vocabulary: Vocabulary) -> None:
    found = interpret("weder Bayern noch Hessen, günstigster Netzbetreiber MS", vocabulary, TODAY)
    assert found.not_held is NotHeld.OTHER_RANKING


def test_neither_of_two_modules_is_that_of_a_bill(vocabulary: Vocabulary) -> None:
    found = interpret("weder Modul 1 noch Modul 2, Wärmepumpe 6000 kWh Westnetz", vocabulary, TODAY)
    assert found.lacking
    assert found.details.usage is not None
    assert found.details.usage.module is None


def test_a_peak_load_in_a_month_of_a_year_is_asked_back_for(vocabulary: Vocabulary) -> None:
    found = interpret("Was kosten 40 MWh bei 1500 kW im Januar 2026 Westnetz MS?", vocabulary, TODAY)
    assert (found.topic, found.lacking, found.details.load) == (QuestionTopic.ANNUAL_COST, True, None)


def test_a_consumption_per_month_is_none_of_a_year(vocabulary: Vocabulary) -> None:
    details = interpret("500 kWh pro Januar Westnetz", vocabulary, TODAY).details
    assert (details.usage, details.load) == (None, None)


def test_noch_denies_nothing_of_itself(vocabulary: Vocabulary, slugs: dict[UUID, str]) -> None:
    found = interpret("Netzentgelte noch für Westnetz MS 2025", vocabulary, TODAY)
    assert found.dno_id is not None
    assert (slugs[found.dno_id], found.voltage_level) == ("westnetz", VoltageLevel.MS)


@pytest.mark.parametrize(
    "said",
    [
        "Was kostet eine Lastspitze von 100 kW mehr bei Westnetz MS?",
        "Was kostet eine Spitzenlast von 1500 kW bei Westnetz MS?",
    ],
)
def test_the_price_of_a_peak_load_is_no_question_about_windows(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.NETZENTGELTE


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("Zeitfenster Westnetz MS bei 800 kW", QuestionTopic.HLZF),
        ("Zeitfenster 800 kW Westnetz MS", QuestionTopic.HLZF),
        ("Wann ist die Spitzenlast bei Westnetz? Wir haben 800 kW", QuestionTopic.HLZF),
        ("When is peak load at Westnetz, 500 kW?", QuestionTopic.HLZF),
        ("Lastspitzen vermeiden, 100 kW, Westnetz", QuestionTopic.HLZF),
        ("Ist gerade Spitzenlast bei Westnetz, 500 kW", QuestionTopic.PEAK_STATUS),
        ("peak demand 500 kW now at Westnetz?", QuestionTopic.PEAK_STATUS),
    ],
)
def test_windows_for_a_load_remain_windows(vocabulary: Vocabulary, said: str, topic: QuestionTopic) -> None:
    assert interpret(said, vocabulary, TODAY).topic is topic


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("3500 kWh Nürnberg 2025", QuestionTopic.BILL),
        ("Nürnberg 3500 kWh", QuestionTopic.BILL),
        ("Gewerbe 20.000 kWh Nürnberg 2025", QuestionTopic.BILL),
        ("Gewerbekunde 20.000 kWh Westnetz 2025", QuestionTopic.BILL),
        ("Strom 3500 kWh Nürnberg", None),
        ("Gas 20.000 kWh Nürnberg", None),
        ("Wetter 3500 kWh Nürnberg", None),
    ],
)
def test_a_consumption_in_a_place_is_one_of_its_grid_unless_electricity_itself_is_named(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic | None
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is topic


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("Does Westnetz charge more than Bayernwerk in MV 2025?", VoltageLevel.MS),
        ("how much does Westnetz charge per kW in MV", VoltageLevel.MS),
        ("Netzentgelte Westnetz in MV 2025", None),
    ],
)
def test_mv_is_medium_voltage_in_english_and_a_federal_state_in_german(
    vocabulary: Vocabulary, said: str, level: VoltageLevel | None
) -> None:
    assert interpret(said, vocabulary, TODAY).voltage_level is level


@pytest.mark.parametrize(
    ("said", "dearest"),
    [
        ("which grid operator charges the least in Bavaria, medium voltage", False),
        ("which grid operator charges the most in Bavaria, medium voltage", True),
    ],
)
def test_who_charges_the_least_is_a_ranking(vocabulary: Vocabulary, said: str, dearest: bool) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.dearest) == (QuestionTopic.RANKING, dearest)


def test_one_operator_in_two_years_is_not_compared_with_others(vocabulary: Vocabulary) -> None:
    found = interpret("Ist Westnetz MS 2026 teurer als Westnetz 2025?", vocabulary, TODAY)
    assert (found.subject, found.questions) == (QuestionTopic.NETZENTGELTE, 2)


@pytest.mark.parametrize(
    ("said", "short", "written_out"),
    [
        ("Netzkosten Westnetz NS 300 {} letzten Monat", "kWh", "Kilowattstunden"),
        ("Netzkosten Westnetz NS 3500 {} im Winter", "kWh", "Kilowattstunden"),
        ("Was kostet 1 {} Netzentgelt bei Westnetz NS?", "kWh", "Kilowattstunde"),
        ("Rechnung 3500 {} Westnetz NS", "kWh", "Kilowattstunden"),
        ("Netzkosten Westnetz HS 1 {} bei 20 MW", "GWh", "Gigawattstunde"),
        ("Westnetz MS Lastspitze von 100 {}", "kW", "Kilowatt"),
        ("Westnetz MS Lastspitze von 1 {}", "MW", "Megawatt"),
        ("Wallbox 11 {} 2500 kWh Modul 1 Westnetz", "kW", "Kilowatt"),
        ("Rechnung Wärmepumpe 12 {} 5000 kWh brutto Westnetz NS Modul 1", "kW", "Kilowatt"),
        ("§ 19-Umlage 2026 ab 1 {}", "GWh", "Gigawattstunde"),
        ("1000 {0} HT 2000 {0} ST 500 {0} NT Modul 3 Westnetz", "kWh", "Kilowattstunde"),
        ("5 TWh bei 2 {} Westnetz HS", "GW", "Gigawatt"),
        ("5 {} bei 2 GW Westnetz HS", "TWh", "Terawattstunden"),
        ("annual cost 5000000 {} at 1500 kW Westnetz MV", "kWh", "kilowatthours"),
        ("Euro pro {} Westnetz MS", "kW", "Kilowatt"),
    ],
)
def test_units_that_are_written_out_mean_the_same(
    vocabulary: Vocabulary, said: str, short: str, written_out: str
) -> None:
    expected = interpret(said.format(short), vocabulary, TODAY)
    assert interpret(said.format(written_out), vocabulary, TODAY) == expected


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Hochlast letzten Freitag Westnetz MS", date(2026, 11, 27)),
        ("was it peak load last Tuesday at Westnetz", date(2026, 11, 24)),
        ("Hochlast nächsten Montag Westnetz", date(2026, 12, 7)),
        ("Hochlast am Montag Westnetz", date(2026, 11, 30)),
        ("Hochlast am übernächsten Dienstag Westnetz", date(2026, 12, 8)),
        ("Hochlast Montag in zwei Wochen Westnetz", date(2026, 12, 14)),
        ("Hochlast heute in einer Woche Westnetz", date(2026, 12, 7)),
        ("Hochlast Westnetz Montag nächster Woche", date(2026, 12, 7)),
        ("Hochlast Westnetz letzte Woche Montag", date(2026, 11, 23)),
        ("peak load Westnetz Monday next week", date(2026, 12, 7)),
        ("Hochlast Westnetz kommende Woche Dienstag", date(2026, 12, 8)),
        ("Hochlast Westnetz Dienstag, 5. Januar", date(2027, 1, 5)),
        ("Hochlast Westnetz Montag, 5. Januar 2026", date(2026, 1, 5)),
        ("Hochlast Westnetz am 24.12.", date(2026, 12, 24)),
        ("Hochlast Westnetz Montag in 14 Tagen", date(2026, 12, 14)),
        ("is it peak load on Friday in the afternoon at Westnetz", date(2026, 12, 4)),
        ("peak load Friday in the morning Westnetz", date(2026, 12, 4)),
        ("HLZF on Monday in the Bayernwerk area", date(2026, 11, 30)),
        ("Stand 1.1.2026: ist heute Hochlast bei Westnetz", date(2026, 11, 30)),
        ("Stand 1.1.2025: ist heute Hochlast bei Westnetz", date(2026, 11, 30)),
        ("HLZF Westnetz Stand 1.12.2026, am 5.1.2027", date(2027, 1, 5)),
        ("HLZF Westnetz ab Montag", date(2026, 11, 30)),
        ("Laut Website vom 1.11.2026 ist heute Hochlast bei Westnetz", date(2026, 11, 1)),
    ],
)
def test_a_weekday_is_the_one_that_is_meant_and_not_always_the_next(
    vocabulary: Vocabulary, said: str, day: date
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.details.day, found.questions) == (day, 1)


@pytest.mark.parametrize(
    "said",
    [
        "Hochlast jeden Montag Westnetz MS",
        "Hochlast am ersten Montag im Januar Westnetz",
        "Hochlast am letzten Freitag im Dezember Westnetz",
        "Hochlast von Montag bis Freitag Westnetz MS",
        "Hochlast vom Montag bis zum Freitag Westnetz MS",
        "Hochlast Freitag of the month Westnetz",
        "peak load Westnetz Monday - Friday",
        "Hochlast Westnetz vom 3.-5. Dezember",
        "Hochlast vom 1.1.2026 bis zum 31.12.2026 Westnetz",
        "Hochlast 01.12. bis 28.02. Westnetz",
        "Hochlast Westnetz Winter (1.12.-28.2.)",
        "Hochlast Westnetz zwischen dem 1.12. und dem 28.2.",
    ],
)
def test_days_that_are_no_single_day_leave_the_windows_of_the_year(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.day, found.year) == (QuestionTopic.HLZF, None, 2026)
    assert found.questions == 1


@pytest.mark.parametrize(
    "said",
    [
        "Hochlast am 1.5 MW Anschluss Westnetz",
        "HLZF für den 2.5 MW Anschluss",
        "I am 3.5 km away, is it peak load at Westnetz",
        "HLZF Westnetz am 10.5 Uhr",
        "HLZF Westnetz Leistung von 1.5 bis 2.5",
    ],
)
def test_a_decimal_is_no_day(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.day) == (QuestionTopic.HLZF, None)


@pytest.mark.parametrize(
    "said",
    [
        "Hochlast heute und morgen Westnetz",
        "Ist heute Hochlast bei Westnetz und am Freitag",
        "Hochlast Westnetz Montag, Dienstag",
        "günstigste Stunden N-ERGIE morgen und übermorgen",
        "Hochlast Westnetz am 3. und 4. Dezember",
        "Hochlast Westnetz am 3.12. und 4.12.",
    ],
)
def test_two_days_are_two_questions(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).questions == 2


@pytest.mark.parametrize("days", ["Montag, Dienstag und Mittwoch", "heute, morgen und übermorgen"])
def test_three_days_are_three_questions(vocabulary: Vocabulary, days: str) -> None:
    assert interpret(f"Hochlast Westnetz {days}", vocabulary, TODAY).questions == 3


@pytest.mark.parametrize(
    ("said", "minute"),
    [
        ("ist heute um 17 Uhr 30 Hochlast bei Westnetz MS", 17 * 60 + 30),
        ("ist heute um 17h30 Hochlast bei Westnetz", 17 * 60 + 30),
        ("Modul 3 N-ERGIE um 7 Uhr abends", 19 * 60),
        ("Modul 3 N-ERGIE heute Abend um 7", 19 * 60),
        ("Modul 3 N-ERGIE at 7 in the evening", 19 * 60),
        ("Modul 3 N-ERGIE um 7 Uhr heute Abend", 19 * 60),
        ("Modul 3 N-ERGIE at 7 this evening", 19 * 60),
        ("Guten Abend, wann ist morgen um 7 Uhr HT bei N-ERGIE Modul 3?", 7 * 60),
        ("Modul 3 N-ERGIE um 7 Uhr, abends ist es teurer", 7 * 60),
        ("Modul 3 zwischen 16 und 20 Westnetz", None),
        ("cheapest time to charge tomorrow between 10 and 14 Westnetz", None),
        ("günstig laden Westnetz ab 22", None),
        ("HLZF von 16 bis 20 Westnetz", None),
    ],
)
def test_hours_and_minutes_are_no_years(vocabulary: Vocabulary, said: str, minute: int | None) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.questions, found.details.minute) == (2026, 1, minute)


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("Modul 3 ab 25 Westnetz", 2025),
        ("HLZF ab 24 Westnetz", 2024),
        ("Wallbox laden: Netzentgelte von 24 Westnetz", 2024),
        ("Elektroauto laden Westnetz Preise ab 24", 2024),
        ("Netzentgelte Modul 3 ab 24", 2024),
        ("Entwicklung der HLZF von 22 bis 24 Westnetz MS", 2024),
        ("HLZF von 22 bis 24 Westnetz MS", 2024),
        ("Wallbox laden Netzentgelte von 22 bis 24 Westnetz", 2024),
    ],
)
def test_two_digits_behind_a_word_for_years_stay_a_year(vocabulary: Vocabulary, said: str, year: int) -> None:
    assert interpret(said, vocabulary, TODAY).year == year


@pytest.mark.parametrize(
    ("said", "year", "level"),
    [
        ("grid fees Westnetz not 2025 but 2024", 2024, None),
        ("grid fees Westnetz not MV but LV", 2026, VoltageLevel.NS),
        ("grid fees Westnetz 2025, not sure, but MV", 2025, VoltageLevel.MS),
        ("What does Westnetz charge in MV 2025?", 2025, VoltageLevel.MS),
        ("Netzentgelte Westnetz Wechsel von NS zu MS", 2026, None),
        ("Netzentgelte Westnetz Wechsel von MS zu NS", 2026, None),
        ("Netzentgelte Westnetz Umstieg von Mittel- auf Niederspannung", 2026, None),
        ("Netzentgelte, wenn wir bei Westnetz von NS zu MS wechseln", 2026, None),
        ("Netzentgelte Westnetz Vergleich MS zu NS", 2026, None),
        ("Netzentgelte Westnetz MS zu NS", 2026, VoltageLevel.MS_NS),
        ("Entgelte NS auf MS Westnetz 2025", 2025, VoltageLevel.MS_NS),
        ("grid fees LV to MV Westnetz", 2026, VoltageLevel.MS_NS),
        ("Netzentgelte Netzebene NS nach MS Westnetz", 2026, VoltageLevel.MS_NS),
        ("Netzentgelte Westnetz 10 kV auf 110 kV", 2026, VoltageLevel.HS_MS),
        ("Netzentgelte Westnetz Wechsel der Umspannung MS zu NS", 2026, VoltageLevel.MS_NS),
        ("Netzentgelte Westnetz 110.000/20.000 V", 2026, VoltageLevel.HS_MS),
        ("Netzentgelte Westnetz 20.000/400 V", 2026, VoltageLevel.MS_NS),
        ("Netzentgelte Westnetz 20 000/400 V", 2026, VoltageLevel.MS_NS),
    ],
)
def test_a_year_or_level_is_the_one_that_is_not_denied(
    vocabulary: Vocabulary, said: str, year: int, level: VoltageLevel | None
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.year, found.voltage_level) == (QuestionTopic.NETZENTGELTE, year, level)
    assert found.questions == 1


def test_a_change_of_the_level_is_no_transformation(vocabulary: Vocabulary) -> None:
    found = interpret("change from MV to LV Westnetz grid fees", vocabulary, TODAY)
    assert (found.subject, found.voltage_level) == (QuestionTopic.NETZENTGELTE, None)


def test_ms_auf_ns_is_a_transformation_in_a_comparison_too(vocabulary: Vocabulary) -> None:
    found = interpret("Vergleich Netzentgelte MS auf NS Westnetz 2025", vocabulary, TODAY)
    assert (found.subject, found.year, found.voltage_level) == (
        QuestionTopic.NETZENTGELTE,
        2025,
        VoltageLevel.MS_NS,
    )


def test_from_24_on_is_the_year(vocabulary: Vocabulary) -> None:
    assert interpret("Wallbox laden Tarif ab 24 Westnetz", vocabulary, TODAY).year == 2024
    assert interpret("Wallbox laden Tarif ab 22 Westnetz", vocabulary, TODAY).year == 2026


@pytest.mark.parametrize(
    "said", ["Vergleich Westnetz Syna MS zu NS", "Vergleich Netzentgelte MS zu NS Westnetz Syna"]
)
def test_operators_are_compared_at_a_transformation(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.voltage_level) == (QuestionTopic.COMPARISON, VoltageLevel.MS_NS)


@pytest.mark.parametrize(
    "said",
    [
        "What does Westnetz charge?",
        "What does the Westnetz GmbH charge in MV?",
        "what does my grid operator charge in MV",
        "what does it charge for Westnetz MV",
    ],
)
def test_what_an_operator_charges_is_no_definition(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.NETZENTGELTE


@pytest.mark.parametrize(
    "said",
    [
        "what does module 3 mean",
        "what does charge mean",
        "what does grid charge stand for",
        "What does the grid charge depend on",
        "what does the grid charge consist of",
        "what does the grid charge include",
    ],
)
def test_what_a_word_means_is_off_topic(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is None


def test_of_three_operators_none_is_left_out(vocabulary: Vocabulary, slugs: dict[UUID, str]) -> None:
    found = interpret("HLZF Westnetz, Bayernwerk und Syna MS", vocabulary, TODAY)
    assert {slugs[one] for one in found.candidates} == {"westnetz", "bayernwerk-netz", "syna"}
    assert found.dno_id is None


@pytest.mark.parametrize(
    ("said", "questions"),
    [
        ("Netzentgelte Westnetz und Heidelberg MS", 2),
        ("Netzentgelte Westnetz in Heidelberg und Mannheim MS", 1),
        ("Netzbetreiber 10115 oder 20095", 2),
        ("Netzentgelte 80331 und 50667", 2),
        ("Netzentgelte Westnetz 45127 und 45130 Essen", 1),
        ("Netzbetreiber 80331 München und 50667 Köln", 2),
        ("Netzbetreiber PLZ 80331, PLZ 50667 und in 20095", 3),
        ("Netzentgelte 80331/50667", 2),
        ("Netzbetreiber in 80331 Kundennummer 12345", 1),
        ("HLZF 80331 München Rechnungsnummer 44555", 1),
        ("PLZ 45127 und Zählernummer 12345 HLZF", 1),
        ("HLZF 50667 Köln, Vertragskonto 12345 und 23456", 1),
        ("HLZF 50667, Tel. 22112", 1),
        ("HLZF 45127 Essen, Lastgang 35040 Werte", 1),
        ("Kundennummer 12345, PLZ 80331 Netzbetreiber", 1),
        ("HLZF 45127–45359", 1),
        ("HLZF PLZ 45127 bis 45359", 1),
    ],
)
def test_a_second_place_is_a_second_question(vocabulary: Vocabulary, said: str, questions: int) -> None:
    assert interpret(said, vocabulary, TODAY).questions == questions


@pytest.mark.parametrize("said", ["VNB 80331", "VNB 50667 Köln"])
def test_five_digits_behind_vnb_are_a_postal_code(vocabulary: Vocabulary, said: str) -> None:
    place = interpret(said, vocabulary, TODAY).details.place
    assert place is not None
    assert place.postal_code == said.split()[1]


def test_five_digits_behind_vnbdigital_are_no_postal_code(vocabulary: Vocabulary) -> None:
    found = interpret("HLZF VNBdigital 12345", vocabulary, TODAY)
    assert (found.unknown, found.details.place) == ("12345", None)


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ("Netzentgelte Homburg MS", "hamburger-energienetze"),
        ("Stadtwerke Homburg MS", "hamburger-energienetze"),
        ("Netzentgelte in Homburg und Bayern", "hamburger-energienetze"),
        ("grid fees harburg", "hamburger-energienetze"),
        ("Modul 3 Dillingen", "stadtwerke-villingen-schwenningen"),
        ("Netzentgelte Esslingen", "stauferwerk"),
        ("Netzentgelte Stadtwerke Böblingen", "stadtwerke-balingen"),
        ("HLZF Wesel", "stadtwerke-wedel"),
        ("Netzentgelte 73728 Esslingen", "stauferwerk"),
    ],
)
def test_a_place_that_is_spelt_like_another_one_is_asked_back_for(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str, slug: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.dno_id, found.unknown) == (None, None)
    assert slugs[found.candidates[0]] == slug
    assert found.confidence < 0.9


@pytest.mark.parametrize(
    ("said", "slug"),
    [
        ("Netzentgelte Hamburg-Harburg MS", "hamburger-energienetze"),
        ("Netzentgelte Hmaburg MS", "hamburger-energienetze"),
        ("Netzentgelte Hamburgg MS", "hamburger-energienetze"),
        ("Netzentgelte Westnetz in Homburg MS", "westnetz"),
        ("Netzentgelte Stadtwerke Villingen-Schwenninken", "stadtwerke-villingen-schwenningen"),
        ("HLZF Westnets", "westnetz"),
        ("Netzentgelte Landshud MS", "stadtwerke-landshut"),
        ("Netzentgelte der Stadtwerke Heitelberg", "stadtwerke-heidelberg-netze"),
    ],
)
def test_a_slip_that_makes_no_other_place_asks_nothing_back(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str, slug: str
) -> None:
    dno_id = interpret(said, vocabulary, TODAY).dno_id
    assert dno_id is not None
    assert slugs[dno_id] == slug


def test_a_postal_code_elsewhere_rules_out_a_place_that_is_spelt_alike(
    vocabulary: Vocabulary, slugs: dict[UUID, str]
) -> None:
    assert interpret("Netzentgelte 66424 Homburg MS", vocabulary, TODAY).candidates == ()
    (found,) = interpret("Netzentgelte 20095 Hamborg MS", vocabulary, TODAY).candidates
    assert slugs[found] == "hamburger-energienetze"


def test_a_word_beside_a_place_that_is_ruled_out_is_no_name(vocabulary: Vocabulary) -> None:
    found = interpret("Netzentgelte 66424 Homburg (Saar)", vocabulary, TODAY)
    assert found == interpret("Netzentgelte 66424 Homburg", vocabulary, TODAY)
    assert interpret("Netzentgelte 66424 Homburg, Stadtwerke Saar", vocabulary, TODAY).unknown == "saar"


def test_a_postal_code_behind_a_consumption_is_one_where_its_place_is_named(vocabulary: Vocabulary) -> None:
    place = interpret("Netzentgelte Stromverbrauch 80331 München MS", vocabulary, TODAY).details.place
    assert place is not None
    assert place.postal_code == "80331"


def test_english_names_of_cities_are_known(vocabulary: Vocabulary) -> None:
    for english, german in (("munich", "münchen"), ("cologne", "köln"), ("nuremberg", "nürnberg")):
        found = interpret(f"grid fees {english} MV", vocabulary, TODAY)
        assert found == interpret(f"grid fees {german} MV", vocabulary, TODAY)
        assert found.dno_id is not None


def test_an_operator_that_is_called_like_a_unit_is_found_behind_a_year() -> None:
    name = "TWH Technische Werke GmbH"
    twh = DirectoryEntry(
        UUID(int=1), "twh", "TWH", name, "Bayern", "Ulm", "89073", False, False, 5, datetime(2026, 1, 1, tzinfo=UTC)
    )  # fmt: skip
    found = interpret("Netzentgelte 2025 TWH MS", Vocabulary.of([twh], ()), TODAY)
    assert found.dno_id == twh.id


@pytest.mark.parametrize(
    "said", ["Netzentgelte aller Netzbetreiber", "Netzkosten bei jedem Netzbetreiber MS"]
)
def test_a_word_for_all_is_no_name(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).unknown is None


@pytest.mark.parametrize(
    "said",
    [
        "Auf welchem Platz liegt Westnetz bei den Netzentgelten?",
        "Welchen Rang hat Bayernwerk MS 2026?",
        "rank of Westnetz among grid operators MV 2026",
        "Wer ist Schlusslicht bei den Netzentgelten in Bayern MS?",
        "Schlusslicht Netzentgelte MS 2026",
        "günstigster Netzbetreiber 80331 MS",
        "günstigster Netzbetreiber im Ruhrgebiet MS",
        "günstigster Netzbetreiber im Osten MS",
        "günstigster Netzbetreiber im Taunus MS",
        "günstigster Netzbetreiber im Schwarzwald MS",
        "günstigster Netzbetreiber im Münsterland MS",
        "günstigster Netzbetreiber im Breisgau MS",
        "günstigster Netzbetreiber im Erzgebirge MS",
        "günstigster Netzbetreiber im Hochtaunuskreis MS",
        "günstigster Netzbetreiber im Alpenraum MS",
        "günstigster Netzbetreiber mit mehr als 50 Kunden MS",
        "günstigster Netzbetreiber Jahresverbrauch 50000, 80331 MS",
        "günstigster Netzbetreiber mit mehr als 100.000 Kunden MS",
        "günstigster Netzbetreiber mit 5000 Kunden MS",
        "cheapest operator with more than 100,000 customers MV",
    ],
)
def test_a_ranking_of_something_else_is_not_held(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.not_held) == (None, NotHeld.OTHER_RANKING)


@pytest.mark.parametrize(
    ("said", "region"),
    [
        ("günstigster Netzbetreiber im Bundesland Hessen MS", "Hessen"),
        ("günstigster Netzbetreiber im Freistaat Bayern MS", "Bayern"),
        ("günstigster Netzbetreiber im Vergleich MS", None),
        ("günstigster Netzbetreiber im Deutschlandvergleich MS", None),
        ("günstigster Netzbetreiber im Bundesgebiet MS", None),
        ("günstigster Netzbetreiber im ganzen Land MS", None),
        ("günstigster Netzbetreiber im Inland MS", None),
        ("günstigster Netzbetreiber im Versorgungsgebiet MS", None),
        ("günstigster Netzbetreiber im Bereich MS", None),
        ("günstigster Netzbetreiber im Segment Mittelspannung", None),
        ("günstigster Netzbetreiber im Sektor Industrie MS", None),
        ("günstigster Netzbetreiber im Internetportal MS", None),
        ("günstigster Netzbetreiber im Abrechnungszeitraum 2026 MS", None),
        ("günstigster Netzbetreiber im Gewerbegebiet MS", None),
        ("günstigster Netzbetreiber im Industriegebiet MS", None),
        ("günstigster Netzbetreiber im Wohngebiet NS", None),
        ("günstigster Netzbetreiber im Neubaugebiet NS", None),
        ("günstigster Netzbetreiber im Stadtgebiet MS", None),
        ("günstigster Netzbetreiber im Marktgebiet MS", None),
        ("günstigster Netzbetreiber im Kundenkreis MS", None),
        ("günstigster Netzbetreiber im Serverraum MS", None),
        ("cheapest operator in the state of Hesse MV", "Hessen"),
        ("Top 5 Netzbetreiber Jahresverbrauch 50000 NS", None),
        ("günstigster Netzbetreiber Stromverbrauch von 50000 NS", None),
        ("cheapest operator consumption 20000", None),
        ("günstigster Netzbetreiber 2026 Kunden MS", None),
        ("günstigster Netzbetreiber Netzebene 5 Kunden MS", None),
        ("günstigster Netzbetreiber gesucht MS", None),
        ("teuerster Netzbetreiber überhaupt MS", None),
        ("cheapest grid operator for a steel plant, HV", None),
    ],
)
def test_a_ranking_of_a_state_or_of_all_is_answered(
    vocabulary: Vocabulary, said: str, region: str | None
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.region) == (QuestionTopic.RANKING, region)


def test_where_the_price_sheet_stands_is_no_rank(vocabulary: Vocabulary) -> None:
    found = interpret("An welcher Stelle finde ich die Netzentgelte von Westnetz MS?", vocabulary, TODAY)
    assert found.subject is QuestionTopic.NETZENTGELTE


@pytest.mark.parametrize(
    "said",
    [
        "300 kWh/Monat, was zahle ich bei Westnetz?",
        "Netzkosten 300 kWh pro Monat Haushalt Westnetz",
        "was kosten 10 kWh am Tag bei Westnetz",
        "Netzkosten 5 GWh + 10 % 1500 kW Westnetz MS",
        "Netzkosten der Hälfte von 3500 kWh Westnetz",
        "5 GWh minus 10 Prozent 1500 kW Westnetz MS",
        "5 GWh - 10 % 1500 kW Westnetz MS",
        "Netzkosten 5 GWh +/- 10 % 1500 kW Westnetz MS",
        "Rechnung Haushalt 3500 kWh +- 10 % Westnetz",
        "Günstigster Netzbetreiber mit 2 Anschlüssen 5 GWh 1500 kW MS",
        "Netzkosten 5 GWh 1500 kW Westnetz MS letzten Monat",
        "Netzkosten 5 GWh 1500 kW Westnetz MS für zwei Anschlüsse",
    ],
)
def test_no_cost_is_answered_for_another_amount_than_that_of_a_year(
    vocabulary: Vocabulary, said: str
) -> None:
    assert interpret(said, vocabulary, TODAY).not_held is NotHeld.AMOUNT


def test_a_consumption_of_a_month_asks_for_no_monthly_prices(vocabulary: Vocabulary) -> None:
    found = interpret("5 GWh pro Monat bei 1500 kW Westnetz MS", vocabulary, TODAY)
    assert (found.subject, found.details.kinds) == (QuestionTopic.NETZENTGELTE, ())
    assert interpret("300 kWh/Monat Westnetz", vocabulary, TODAY).details.usage is None


def test_a_peak_load_of_a_month_is_one(vocabulary: Vocabulary) -> None:
    usage = interpret("Kosten Westnetz MS 5 GWh/Jahr, 1500 kW/Monat", vocabulary, TODAY).details.usage
    assert usage is not None
    assert (usage.consumption_kwh, usage.peak_load_kw) == (5_000_000, 1500)


@pytest.mark.parametrize(
    "said",
    [
        "Netzkosten 5 GWh + 19 % Steuer 1500 kW Westnetz MS",
        "5 GWh, 1500 kW + 19% Westnetz MS",
        "5 GWh 1500 kW plus 19 Prozent Westnetz MS",
        "5 GWh 1500 kW minus 10% Rabatt Westnetz MS",
        "5 GWh 1500 kW, plus 10 % Reserve, Westnetz MS",
        "5 GWh 1500 kW 2500 h Westnetz MS",
        "5 GWh 1500 kW mindestens 7000 h Westnetz MS",
        "5 GWh 1500 kW, Betrieb 8760 h im Jahr, Westnetz MS",
        "bitte noch diese Woche: Netzkosten 5 GWh 1500 kW Westnetz MS",
    ],
)
def test_what_stands_beside_an_amount_of_a_year_leaves_it_one(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.ANNUAL_COST


@pytest.mark.parametrize(
    ("said", "inhabitants"),
    [
        ("What is the concession fee for a town of 50,000 people?", 50_000),
        ("Konzessionsabgabe Stadt mit 50.000 Bürgern", 50_000),
        ("concession fee for a city with a population of 600,000", 600_000),
        ("Konzessionsabgabe, Einwohnerzahl 30.000", 30_000),
        ("Konzessionsabgabe, Einwohnerzahl von 2.000", 2_000),
        ("concession fee for a town of 2000 people", 2_000),
        ("concession fee for 600,000 people in the city", 600_000),
        ("Konzessionsabgabe bei 50.000 Menschen", 50_000),
        ("KWKG-Umlage für 4 people", None),
        ("Konzessionsabgabe Stadt Köln, Haushalt mit 4 Menschen", None),
        ("Konzessionsabgabe Stadt Köln, 4 Menschen", None),
        ("Konzessionsabgabe Stadt, 1200 Haushalte, 2500 Menschen", None),
        ("Konzessionsabgabe Einwohnerzahl 2025", None),
        ("Konzessionsabgabe nach Einwohnerzahl 2026 in Köln", None),
        ("concession fee by population 2025", None),
    ],
)
def test_people_of_a_town_are_its_inhabitants(
    vocabulary: Vocabulary, said: str, inhabitants: int | None
) -> None:
    assert interpret(said, vocabulary, TODAY).details.inhabitants == inhabitants


@pytest.mark.parametrize(
    "said",
    [
        "5 GWh 1500 kW Westnetz MS, 2000 people",
        "Firma mit 1200 Menschen in der Stadt Köln, 5 GWh 1500 kW MS",
        "company of 1200 people in a town, 5 GWh 1500 kW Westnetz MV",
    ],
)
def test_the_people_of_a_company_are_no_inhabitants(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.usage) == (QuestionTopic.ANNUAL_COST, None)


def test_the_people_of_a_town_that_stands_before_them_are_inhabitants(vocabulary: Vocabulary) -> None:
    said = "city of more than 50,000 people, 5 GWh 1500 kW Westnetz MV"
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.inhabitants == 50_001


@pytest.mark.parametrize(
    "said",
    [
        "Westnetz 2 people household city 3500 kWh cost",
        "household of 4 people in the city, 3500 kWh, Westnetz",
    ],
)
def test_the_people_of_a_household_are_no_inhabitants(vocabulary: Vocabulary, said: str) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert (usage.consumption_kwh, usage.inhabitants) == (3500, None)


@pytest.mark.parametrize(
    ("said", "module", "gross"),
    [
        ("Wärmepumpe 4500 kWh, minus 60 % Modul 2 Westnetz", 2, False),
        ("Wärmepumpe 4500 kWh minus 60 % Westnetz", None, False),
        ("Haushalt 3500 kWh – 60 % Rabatt Modul 2 Westnetz", 2, False),
        ("Wärmepumpe 4500 kWh - 55 % Modul 2 Westnetz", 2, False),
        ("Haushalt 3500 kWh plus 19 % Westnetz", None, False),
        ("Haushalt 3500 kWh plus 19 % brutto Westnetz", None, True),
        ("Haushalt 3500 kWh + 7 % brutto Westnetz", None, True),
    ],
)
def test_discounts_and_taxes_are_no_change_of_the_consumption(
    vocabulary: Vocabulary, said: str, module: int | None, gross: bool
) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert (usage.module, usage.gross) == (module, gross)


def test_a_meter_of_its_own_belongs_to_the_heat_pump(vocabulary: Vocabulary) -> None:
    usage = interpret(
        "Wärmepumpe 4500 kWh Modul 2 Westnetz, mit eigenem Zähler", vocabulary, TODAY
    ).details.usage
    assert usage is not None
    assert usage.module == 2
    assert interpret("Was kostet ein eigener Zähler bei Westnetz?", vocabulary, TODAY).subject is None


@pytest.mark.parametrize(
    ("said", "kwh", "kw"),
    [
        ("5 gigawatt hours at 1500 kilowatts Westnetz MV", 5_000_000, 1500),
        ("800 megawatt hours with 4000 hours of use Westnetz MV", 800_000, 200),
        ("800 Megawatt-Stunden bei 200 kW Westnetz MS", 800_000, 200),
        ("2.5 million kilowatt-hours and 500 kW Westnetz MV", 2_500_000, 500),
        ("12 million kWh and 850 kilowatts for Westnetz MV", 12_000_000, 850),
        ("5 GW h und 1500 kW Westnetz MS", 5_000_000, 1500),
        ("5000 MW·h und 1500 kW Westnetz MS", 5_000_000, 1500),
        ("5000 MW*h und 1500 kW Westnetz MS", 5_000_000, 1500),
        ("5 GWh mit 2500 Jahresbenutzungsdauer Westnetz MS", 5_000_000, 2000),
        ("5 GWh mit 2500 Jahresbenutzungsstuden Westnetz MS", 5_000_000, 2000),
        ("5 GWh mit 2500 Nutzungsstuden Westnetz MS", 5_000_000, 2000),
        ("4,05 GWh mit 2025 Nutzungsstunden Westnetz MS", 4_050_000, 2000),
        ("4.05 GWh at 2025 full load hours Westnetz MV", 4_050_000, 2000),
        ("Kosten Westnetz MS 4,04 GWh und 2020 Benutzungsstunden", 4_040_000, 2000),
        ("Kosten Westnetz MS 4,06 GWh (2030 Benutzungsstunden)", 4_060_000, 2000),
        ("Kosten Westnetz MS 4,04 GWh, 2020 Benutzungsstunden", 4_040_000, 2000),
        ("Kosten Westnetz MS 4,04 GWh/a, 2020 Benutzungsstunden", 4_040_000, 2000),
        ("Kosten Westnetz MS 4,04 GWh pro Jahr sowie 2020 Benutzungsstunden", 4_040_000, 2000),
        ("Kosten Westnetz MS 5 GWh, 2500 (Benutzungsstunden)", 5_000_000, 2000),
        ("cost Westnetz MV 4.04 GWh and 2020 usage hours", 4_040_000, 2000),
        ("Kosten Westnetz MS 1500 kW / 2020 Benutzungsstunden", 3_030_000, 1500),
        ("Wir haben 2025 Benutzungsstunden und 4,05 GWh, Kosten Westnetz MS", 4_050_000, 2000),
        ("Kosten für 2025 Benutzungsstunden und 4,05 Mio. kWh Westnetz MS", 4_050_000, 2000),
        ("Kosten Westnetz MS 4,05 GWh bei uns ca. 2025 Benutzungsstunden", 4_050_000, 2000),
        ("Kosten Westnetz MS 2025: Benutzungsdauer 2500 h, 5 GWh", 5_000_000, 2000),
        ("5 GWh im Jahr bei 1500 kW Höchstlast Westnetz MS", 5_000_000, 1500),
        ("5 GWh at 2500 full load hours Westnetz MV", 5_000_000, 2000),
        ("5 GWh with 2500 utilisation hours Westnetz MV", 5_000_000, 2000),
        ("5 GWh mit 2.500 Jahresbenutzungsstunden Westnetz MS", 5_000_000, 2000),
        ("5 GWh mit 2500 Volllast-Stunden Westnetz MS", 5_000_000, 2000),
        ("5 GWh mit 2500 Vollbenutzungsstuden Westnetz MS", 5_000_000, 2000),
        ("5 Mio. Kilowatstunden und 1500 kW Westnetz MS", 5_000_000, 1500),
        ("2,5 Millionen Kilowattstunden und 500 kW Westnetz MS", 2_500_000, 500),
        ("What does 5 GWh at 1500 kW cost at Westnetz MV?", 5_000_000, 1500),
        ("What does it cost: 1500 kW with 2000 hours of use, Westnetz MV", 3_000_000, 1500),
    ],
)
def test_units_in_two_words_misspelt_or_behind_a_scale_are_read(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str, kwh: int, kw: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.subject is QuestionTopic.ANNUAL_COST
    assert found.dno_id is not None
    assert (slugs[found.dno_id], found.questions) == ("westnetz", 1)
    assert found.details.load is not None
    assert (found.details.load.consumption_kwh, found.details.load.peak_load_kw) == (kwh, kw)


@pytest.mark.parametrize(
    "said",
    [
        "What does the grid cost mean in kWh?",
        "What does kWh mean?",
        "What does a meter cost?",
        "What does kW in the cost of Westnetz stand for?",
        "What does the 5 GWh annual cost of Westnetz stand for?",
        "What does 5 GWh in the cost of Westnetz stand for?",
    ],
)
def test_what_something_means_is_no_cost(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is None


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("Welcher Netzbetreiber war 2024 am günstigsten, MS?", 2024),
        ("Wo waren die Netzentgelte der Netzbetreiber MS gültig ab 01.01.2024 am niedrigsten?", 2024),
        ("Welcher Netzbetreiber ist '25 am günstigsten, MS?", 2025),
        ("For 2024 we need the grid fees of Westnetz MV", 2024),
        ("Westnetz 2025 module 2 heat pump 5000 kWh", 2025),
        ("Netzentgelte Westnetz 2024 Haushalte", 2024),
        ("Netzentgelte Westnetz für einen Ort mit 2024 Kunden", 2026),
        ("Netzentgelte Westnetz bei 2025 Kunden", 2026),
        ("Netzentgelte Westnetz, 2020 Kunden, MS", 2026),
        ("Netzentgelte Westnetz (2020 Kunden)", 2026),
        ("Netzentgelte Westnetz 2024 Kunden versorgt", 2026),
        ("Netzentgelte Westnetz 2024 Haushalte mit je 3500 kWh", 2026),
        ("Netzentgelte Westnetz MS 2024: Benutzungsdauer unter 2500 h", 2024),
        ("Netzentgelte Westnetz MS 2025 - Benutzungsdauer", 2025),
        ("Netzentgelte Westnetz MS 2025 - Benutzungsstunden", 2025),
        ("Netzentgelte Westnetz MS 2025 (Benutzungsdauer > 2500 h)", 2025),
        ("Netzentgelte Westnetz MS 2025 / Benutzungsdauer", 2025),
        ("Netzentgelte Westnetz MS 2025-Benutzungsdauer", 2025),
        ("Preisblatt Westnetz 2024 - Jahresbenutzungsdauer", 2024),
        ("Kosten Westnetz MS 2025 Benutzungsdauer 2500 5 GWh", 2025),
        ("Kosten Westnetz MS 5 GWh, 2025 Benutzungsdauer 2500 h", 2025),
        ("Netzentgelte Westnetz MS 2025 Benutzungsdauer 500 kW", 2025),
        ("Kosten Westnetz MS 5 GWh 2025 Benutzungsstunden = 2500", 2025),
        ("Kosten Westnetz MS 5 GWh 2025 Benutzungsdauer unter 2500 h", 2025),
        ("Netzentgelte Westnetz, insgesamt 2025 Kunden", 2026),
        ("Westnetz versorgt 2025 Haushalte: Netzentgelte?", 2026),
        ("Netzentgelte Westnetz MS 2025 Jahresbenutzungsstunden über 2500", 2025),
        ("Netzentgelte Westnetz MS 2025 Nutzungsstunden", 2025),
        ("grid fees Westnetz MV 2025 full load hours above 2500", 2025),
        ("grid fees Westnetz 2024 operating hours MV", 2024),
        ("peak load windows Westnetz 2024 usage hours", 2024),
        ("Netzentgelte Westnetz MS, 2000 Kunden", 2026),
        ("Netzentgelte Westnetz MS nicht 2023, sondern letztes Jahr", 2025),
        ("grid fees Westnetz MV not 2023 but last year", 2025),
    ],
)
def test_a_year_before_a_word_that_can_be_a_unit_or_before_a_correction_is_read(
    vocabulary: Vocabulary, said: str, year: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.not_held) == (year, None)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("Netzentgelte Westnetz nicht Umspannung MS/NS, sondern NS", VoltageLevel.NS),
        ("Netzentgelte Westnetz nicht NS, sondern Umspannung zur NS", VoltageLevel.MS_NS),
        ("grid fees Westnetz at the MV level two years ago", VoltageLevel.MS),
        ("grid fees Westnetz at the MV level 2 years ago", VoltageLevel.MS),
        ("Netzentgelte Westnetz Netzebene 7 Jahre 2024", VoltageLevel.NS),
        ("Netzentgelte Westnetz NE 5 Jahre 2024 und 2025", VoltageLevel.MS),
        ("grid fees Westnetz level 5 years 2023 to 2025", VoltageLevel.MS),
        ("Netzentgelte Westnetz Netzebene fünf Jahre 2023 und 2024", VoltageLevel.MS),
        ("Netzentgelte Westnetz mitelspannungsseitig", VoltageLevel.MS),
    ],
)
def test_a_level_beside_one_that_is_taken_back_or_beside_years_is_read(
    vocabulary: Vocabulary, said: str, level: VoltageLevel
) -> None:
    assert interpret(said, vocabulary, TODAY).voltage_level is level


@pytest.mark.parametrize(
    ("said", "topic", "year"),
    [
        ("HLZF Westnetz ab 1.1.2027", QuestionTopic.HLZF, 2027),
        ("HLZF Westnetz, gültig ab dem 01.01.2025", QuestionTopic.HLZF, 2025),
        ("HLZF Westnetz Stand 1.1.2026", QuestionTopic.HLZF, 2026),
        ("HLZF Westnetz zum 1.1.2025", QuestionTopic.HLZF, 2025),
        ("HLZF Westnetz bis zum 1.2.2025", QuestionTopic.HLZF, 2025),
        ("peak load windows Westnetz valid from 1 January 2025", QuestionTopic.HLZF, 2025),
        ("peak load windows Westnetz as of 1.1.2025", QuestionTopic.HLZF, 2025),
        ("Modul 3 Zeitfenster Westnetz ab 01.04.2025", QuestionTopic.TIME_OF_USE, 2025),
    ],
)
def test_the_day_from_which_figures_hold_is_no_day_that_is_asked_about(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic, year: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.year, found.details.day) == (topic, year, None)


@pytest.mark.parametrize(
    "said", ["HLZF Westnetz am 05.01.2027", "Ist ab 5.1.2027 um 10 Uhr Hochlast bei Westnetz?"]
)
def test_another_day_or_one_with_a_time_is_asked_about(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.day) == (QuestionTopic.PEAK_STATUS, date(2027, 1, 5))


@pytest.mark.parametrize(
    "said",
    [
        "Netzentgelte Westnetz MS 2025? Danke und Gruß",
        "Netzentgelte Westnetz MS 2025. Vielen Dank und freundliche Grüße",
        "grid fees Westnetz MV 2025? Thanks and kind regards",
        "Was kosten 300 kW Leistung und 1 GWh bei Westnetz MS 2025?",
    ],
)
def test_greetings_and_amounts_that_are_joined_are_no_further_operators(
    vocabulary: Vocabulary, said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.dno_id is not None, found.questions) == (True, 1)


def test_an_operator_whose_name_begins_with_digits_is_no_amount(vocabulary: Vocabulary) -> None:
    assert interpret("Netzentgelte Hinterdupfing und 50Hertz", vocabulary, TODAY).questions == 2


@pytest.mark.parametrize(
    "said",
    [
        "2,5 Millionen Kilowattstunden und 500 kW Westnetz MS",
        "500 kW, 2,5 Mio. kWh, Netz: Westnetz MS",
        "Preis je Kilowattstunde Westnetz MS",
        "ct/kWh Netz Westnetz MS",
        "Westnetz MS, €/MWh, Netz",
        "€ / kWh Netz Westnetz MS",
        "Westnetz MS Arbeitspreis (ct/kWh) Netz",
        "Cent pro kWh Netz bei Westnetz MS",
        "Was kostet eine kWh Netz bei Westnetz",
    ],
)
def test_a_unit_is_no_part_of_a_name(entries: list[DirectoryEntry], said: str) -> None:
    of_units = replace(
        entries[0], id=UUID(int=1), slug="kwh-netz", name="KWH Netz", official_name="KWH Netz GmbH"
    )
    westnetz = next(entry for entry in entries if entry.slug == "westnetz")
    found = interpret(said, Vocabulary.of([of_units, westnetz], []), TODAY)
    assert (found.dno_id, found.questions) == (westnetz.id, 1)


@pytest.mark.parametrize(
    "said", ["Netzentgelte KWH Netz GmbH MS", "kwh netz ns 2025", "Netzentgelt ct/kWh bei KWH Netz"]
)
def test_a_name_that_begins_with_a_unit_is_read(entries: list[DirectoryEntry], said: str) -> None:
    of_units = replace(
        entries[0], id=UUID(int=1), slug="kwh-netz", name="KWH Netz", official_name="KWH Netz GmbH"
    )
    assert interpret(said, Vocabulary.of([of_units], []), TODAY).dno_id == of_units.id


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("HLZF Westnetz 2024 am 3. Januar", date(2024, 1, 3)),
        ("HLZF Westnetz nächstes Jahr am 3. Januar", date(2027, 1, 3)),
        ("HLZF 24. Dezember Westnetz", date(2026, 12, 24)),
        ("HLZF Westnetz 2028 am 29.2.2028", date(2028, 2, 29)),
        ("HLZF Westnetz am 3.1. 2024", date(2024, 1, 3)),
        ("HLZF Westnetz 2024 am 3. und 4. Januar", date(2024, 1, 3)),
        ("HLZF Westnetz 2025 am Montag, 6. Januar", date(2025, 1, 6)),
        ("In 2025, was January 3 peak load at Westnetz?", date(2025, 1, 3)),
        ("Ist am 15. Januar, im Jahr 2025, Hochlast bei Westnetz", date(2025, 1, 15)),
        ("Für das Jahr 2025: Hochlast am 15. Januar bei Westnetz", date(2025, 1, 15)),
        ("Hochlast bei Westnetz am 24.12., 25.12. und 26.12.2025", date(2025, 12, 24)),
        ("Hochlast bei Westnetz am 24.12. und 31.12. 2025", date(2025, 12, 24)),
        ("Hochlast bei Westnetz am 3. Januar oder 5. Februar 2027", date(2027, 1, 3)),
        ("Ist bei Westnetz am 15.01. um 18:00 Uhr in 2025 Hochlast", date(2025, 1, 15)),
    ],
)
def test_a_day_without_a_year_is_one_of_the_year_that_is_named(
    vocabulary: Vocabulary, said: str, day: date
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.details.day) == (day.year, day)


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("Wann ist bei Westnetz Hochlast am 31.12. und 1.1.2027", date(2026, 12, 31)),
        ("Ist bei Westnetz am 20. Dezember und 5. Januar 2027 Hochlast", date(2026, 12, 20)),
        ("Ist morgen, 1. Dezember, Hochlast bei Westnetz, Netzentgelte 2025", date(2026, 12, 1)),
        ("Ist morgen 1. Dezember Hochlast bei Westnetz 2025", date(2026, 12, 1)),
        ("Ist Dienstag, 5. Januar Hochlast bei Westnetz 2025", date(2027, 1, 5)),
        ("Letztes Jahr zahlten wir zu viel. Ist am 3. Januar Hochlast bei Westnetz", date(2026, 1, 3)),
        ("Kunde seit letztem Jahr, ist am 3. Januar Hochlast bei Westnetz", date(2026, 1, 3)),
        ("Ist am 3. Januar Hochlast wie im letzten Jahr bei Westnetz", date(2026, 1, 3)),
        ("Unlike last year is it peak load on 3 January at Westnetz", date(2026, 1, 3)),
        ("Im Vergleich zu 2024: ist am 3. Januar Hochlast bei Westnetz", date(2026, 1, 3)),
        ("HLZF Westnetz 2025/26 am 3. Januar", date(2026, 1, 3)),
        ("Letztes Jahr war am 15. Dezember Hochlast bei Westnetz, dieses Jahr auch?", date(2026, 12, 15)),
    ],
)
def test_a_day_without_a_year_is_of_no_year_of_something_else(
    vocabulary: Vocabulary, said: str, day: date
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.details.day) == (day.year, day)


@pytest.mark.parametrize("said", ["5 GWh and 2.500 usage hours", "5 GWh with 9 usage hours"])
def test_too_few_hours_of_use_give_no_peak_load(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(f"cost Westnetz MV {said}", vocabulary, TODAY)
    assert (found.details.load, found.lacking) == (None, True)


def test_an_initial_behind_a_power_is_no_hour(vocabulary: Vocabulary) -> None:
    found = interpret("Netzentgelte Westnetz Anschluss 5 MW H. Müller", vocabulary, TODAY)
    assert found.subject is QuestionTopic.NETZENTGELTE


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("capacity price and energy price N-ERGIE MV 2026", QuestionTopic.NETZENTGELTE),
        ("capacity price and energy prices at N-ERGIE 2026", QuestionTopic.NETZENTGELTE),
        ("energy price and base price for households at N-ERGIE 2026", QuestionTopic.PRICES),
        ("energy price N-ERGIE MV 2026", None),
        ("energy price cap Westnetz medium voltage", None),
        ("Which supplier has the best energy price in the Westnetz area, low voltage", None),
        ("base price and energy price for households at N-ERGIE 2026", QuestionTopic.PRICES),
        ("energy price N-ERGIE 2026", None),
        ("energy prices in MV Germany", None),
        ("base price and energy price for electricity at home", None),
    ],
)
def test_an_energy_price_beside_a_price_of_the_grid_is_one_of_the_grid(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic | None
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is topic


def test_a_day_is_of_no_year_that_has_no_figures(vocabulary: Vocabulary) -> None:
    found = interpret("HLZF Westnetz im Jahr 9999 am 31. Dezember", vocabulary, TODAY)
    assert found.details.day == date(2026, 12, 31)


def test_operators_are_compared_in_front_of_a_greeting(vocabulary: Vocabulary) -> None:
    found = interpret("Vergleich Westnetz und Syna MS 2025? Danke und Gruß", vocabulary, TODAY)
    assert (found.subject, len(found.candidates)) == (QuestionTopic.COMPARISON, 2)


@pytest.mark.parametrize(
    "place",
    [
        "im Sauerland", "Sauerland", "in Westfalen", "in Württemberg", "in Vorpommern", "im Rheinland", "in der Pfalz", "in Anhalt",
        "in Westphalia", "in Sachsen-Anhallt", "in Blankenburg", "im Saterland", "in Baden", "im Badischen", "in the Rhineland",
        "nicht in Westfalen", "in Baden und Württemberg", "in Bayern und der Pfalz",
    ],
)  # fmt: skip
def test_a_region_that_is_no_federal_state_becomes_neither_another_one_nor_all_of_germany(
    vocabulary: Vocabulary, place: str
) -> None:
    found = interpret(f"günstigster Netzbetreiber {place} MS 2026", vocabulary, TODAY)
    assert (found.not_held, found.topic) == (NotHeld.OTHER_RANKING, None)


@pytest.mark.parametrize(
    ("place", "state"),
    [
        ("im Saarlnad", "Saarland"),
        ("in Thueringn", "Thüringen"),
        ("in Baden-Würtemburg", "Baden-Württemberg"),
        ("in Nordrein-Westfahlen", "Nordrhein-Westfalen"),
        ("in Meck-Pomm", "Mecklenburg-Vorpommern"),
        ("in Ba-Wü", "Baden-Württemberg"),
        ("NRW-weit", "Nordrhein-Westfalen"),
        ("in Niedersaksen", "Niedersachsen"),
        ("in Thürringgen", "Thüringen"),
        ("in Branndenburrg", "Brandenburg"),
        ("in Meklenborg", "Mecklenburg-Vorpommern"),
        ("in Mecklenburg und Vorpommern", "Mecklenburg-Vorpommern"),
        ("Sachsen-Anhalts", "Sachsen-Anhalt"),
        ("in Bayern, nicht in Westfalen,", "Bayern"),
        ("in Mecklenburg und Western Pomerania", "Mecklenburg-Vorpommern"),
        ("in Westfalen (NRW)", "Nordrhein-Westfalen"),
        ("im Rheinland (NRW)", "Nordrhein-Westfalen"),
        ("im Rheinland (Rheinland-Pfalz)", "Rheinland-Pfalz"),
        ("Hessen-Industrie", "Hessen"),
    ],
)
def test_a_federal_state_that_is_misspelt_or_shortened_is_read(
    vocabulary: Vocabulary, place: str, state: str
) -> None:
    found = interpret(f"günstigster Netzbetreiber {place} MS 2026", vocabulary, TODAY)
    assert (found.subject, found.details.region) == (QuestionTopic.RANKING, state)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        ("die zehn teuersten Netzbetreiber MS", 10),
        ("die zwölf günstigsten Netzbetreiber MS", 12),
        ("the ten cheapest DSOs MV", 10),
        ("zehn günstigste Netzbetreiber MS", 10),
        ("Netzebene 7 günstigster Netzbetreiber", 5),
        ("Netzebene sieben günstigster Netzbetreiber", 5),
        ("level seven cheapest operator", 5),
    ],
)
def test_a_ranking_has_as_many_operators_as_are_asked_for_in_words(
    vocabulary: Vocabulary, said: str, first: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.details.first) == (QuestionTopic.RANKING, first)


def test_more_operators_in_words_than_a_ranking_has_are_refused(vocabulary: Vocabulary) -> None:
    for said in ("die dreißig günstigsten Netzbetreiber MS", "thirty cheapest operators MV"):
        assert interpret(said, vocabulary, TODAY).not_held is NotHeld.OTHER_RANKING


@pytest.mark.parametrize("said", ["SWN Rendsburg", "Rendsburg SWN"])
def test_the_place_beside_an_alias_decides_before_the_spelling_of_a_name(
    entries: list[DirectoryEntry], slugs: dict[UUID, str], said: str
) -> None:
    rendsburg = next(entry for entry in entries if entry.slug == "stadtwerke-rendsburg")
    vocabulary = Vocabulary.of(entries, [Alias("SWN", rendsburg.id, "https://example.org/")])
    found = interpret(f"Netzentgelte {said}", vocabulary, TODAY)
    assert [slugs[one] for one in found.candidates] == ["stadtwerke-rendsburg"]


@pytest.mark.parametrize(
    ("said", "year", "day"),
    [
        ("HLZF Dez 24 Syna", 2024, None),
        ("Hochlastzeitfenster Syna Nov. 25", 2025, None),
        ("HLZF Januar '25 Syna", 2025, None),
        ("HLZF 3. Dezember 24 Syna", 2024, date(2024, 12, 3)),
        ("HLZF Nov 25 Syna", 2026, date(2026, 11, 25)),
        ("peak load windows Syna November 25", 2026, date(2026, 11, 25)),
        ("Ist am Mittwoch, Dezember 23 Hochlast bei Syna?", 2026, date(2026, 12, 23)),
        ("Hochlast Dezember 24 um 17 Uhr Syna", 2026, date(2026, 12, 24)),
        ("HLZF Mai 25 17 Uhr Syna", 2026, date(2026, 5, 25)),
        ("HLZF Syna Dezember 24, 25", 2026, date(2026, 12, 24)),
        ("HLZF Syna Dezember 24, 2026", 2026, date(2026, 12, 24)),
        ("HLZF Syna 2026 Dezember 24", 2026, date(2026, 12, 24)),
        ("HLZF Syna Dezember 28 2026", 2026, date(2026, 12, 28)),
        ("Netzentgelte 2025 Syna Januar 24", 2025, None),
        ("Hochlast Syna Januar 25 nächstes Jahr", 2027, date(2027, 1, 25)),
        ("Hochlast Syna dieses Jahr Dezember 24", 2026, date(2026, 12, 24)),
        ("Hochlast Syna Dezember 24 morgens", 2026, date(2026, 12, 24)),
        ("Hochlast Syna Dezember 24 vor 17 Uhr", 2026, date(2026, 12, 24)),
        ("Hochlast Syna Dezember 24 (17 Uhr)", 2026, date(2026, 12, 24)),
        ("Um 17 Uhr Dezember 24 Hochlast Syna", 2026, date(2026, 12, 24)),
        ("Is dez 24 5pm peak load at Syna", 2026, date(2026, 12, 24)),
        ("Ist jetzt Hochlast bei Syna, Dezember 24?", 2026, date(2026, 12, 24)),
        ("Hochlast Do, Dezember 24 Syna", 2026, date(2026, 12, 24)),
        ("Hochlast Heiligabend Dezember 24 Syna", 2026, date(2026, 12, 24)),
        ("Hochlast Sonnabend, Dezember 26 Syna", 2026, date(2026, 12, 26)),
        ("Ist Dezember 24 Hochlast bei Syna?", 2026, date(2026, 12, 24)),
        ("Hochlast Ruhrgebiet Januar 24 Syna", 2024, None),
        ("Netzentgelte Nachtspeicher Januar 24 Syna", 2024, None),
        ("HLZF Syna am Dezember 24", 2026, date(2026, 12, 24)),
        ("Hochlast am 5. Januar 27 ab 17 Uhr bei Syna", 2027, date(2027, 1, 5)),
    ],
)
def test_two_digits_behind_a_german_month_are_a_year_unless_a_day_is_spoken_of(
    vocabulary: Vocabulary, said: str, year: int, day: date | None
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.details.day) == (year, day)


@pytest.mark.parametrize(
    ("said", "kwh", "kw"),
    [
        ("Netzkosten Syna MS Januar 25 Mio kWh 5 MW", 25_000_000, 5_000),
        ("Netzkosten Syna MS Januar 25 tausend kWh 50 kW", 25_000, 50),
        ("Netzkosten Syna MS Januar 25 000 kWh 50 kW", 25_000, 50),
        ("Netzkosten Syna MS 5. Januar 25 Mio kWh 5 MW", 25_000_000, 5_000),
    ],
)
def test_digits_of_an_amount_behind_a_month_are_no_year(
    vocabulary: Vocabulary, said: str, kwh: int, kw: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.details.load is not None
    assert (found.details.load.consumption_kwh, found.details.load.peak_load_kw) == (kwh, kw)
    assert found.year == TODAY.year


@pytest.mark.parametrize("said", ["1500 kW bzw. 1,5 MW", "1500 kW bzw. 1500 kW"])
def test_a_peak_load_that_is_said_again_is_one(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(f"Netzkosten Syna MS 5 GWh und {said}", vocabulary, TODAY)
    assert found.details.load is not None
    assert found.details.load.peak_load_kw == 1_500


@pytest.mark.parametrize(
    "said",
    [
        "5 Wp Syna Netzentgelt", "300 Wp Modul Syna Netzentgelt", "WP-Nummer Syna Netzentgelt", "Netzentgelte Windpark (WP) Syna",
        "WP Netzentgelte MS Syna",
    ],
)  # fmt: skip
def test_wp_is_no_heat_pump_behind_a_number_above_ns_and_beside_other_words(
    vocabulary: Vocabulary, said: str
) -> None:
    assert interpret(said, vocabulary, TODAY).topic is QuestionTopic.NETZENTGELTE


@pytest.mark.parametrize(
    "said",
    ["WP Netzentgelt Syna", "Netzentgelt WP Syna NS", "Netzentgelt für WP Syna", "Modul 1 für WP Syna"],
)
def test_wp_is_a_heat_pump_beside_charges(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).topic is QuestionTopic.PRICES


@pytest.mark.parametrize(
    "said",
    [
        "Wo ist das 5G Netz billiger, in Jena oder in Weimar?", "Wo ist D2 Netz billiger, Jena oder Weimar?",
        "Ist das D1 Netz in Jena teurer geworden?", "Ist das O2 Netz in Jena billiger geworden?",
    ],
)  # fmt: skip
def test_a_grid_that_is_named_more_closely_is_not_that_of_electricity(
    vocabulary: Vocabulary, said: str
) -> None:
    assert interpret(said, vocabulary, TODAY).topic is None


@pytest.mark.parametrize(
    "said", ["Was spare ich, wenn ich statt NS MS nehme, bei Syna?", "Wechsel statt NS in MS bei Syna"]
)
def test_levels_of_which_both_are_meant_are_not_replaced(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).voltage_level is None


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("Wärmepumpe Inbetriebnahme 2023 Netzentgelt Syna", 2026),
        ("Wallbox (eingebaut 2021) Netzentgelt Syna", 2026),
        ("Wir haben 2022 eine neue Wallbox gekauft, Modul 1 bei Syna?", 2026),
        ("Wärmepumpe 2024 eingebaut, 2025 Netzentgelt Syna", 2025),
        ("Wärmepumpe Inbetriebnahme: 2023, Netzentgelt Syna 2025", 2025),
        ("Netzentgelte 2025 Wallbox installiert Syna", 2025),
        ("Ich habe eine Wallbox installiert. 2025 Netzentgelt Syna", 2025),
        ("Wallbox installiert - 2025 Modul 1 Syna", 2025),
        ("Modul 1 2025 Wallbox installiert Syna", 2025),
        ("Netzentgelt für 2025 Wärmepumpe eingebaut Syna", 2025),
        ("Wärmepumpe wird 2027 eingebaut, welches Netzentgelt gilt bei Syna", 2027),
        ("Netzentgelte gekauft 2024 Syna", 2024),
        ("Netzentgelte Inbetriebnahme 2025 Syna", 2025),
        ("Die Wallbox wurde im Jahr 2023 von Elektro Müller installiert, Netzentgelt Syna", 2026),
        ("Welches Netzentgelt galt 2023 für eingebaute Wärmepumpen bei Syna?", 2023),
    ],
)
def test_the_year_in_which_a_device_was_installed_is_not_asked_for(
    vocabulary: Vocabulary, said: str, year: int
) -> None:
    assert interpret(said, vocabulary, TODAY).year == year


@pytest.mark.parametrize(
    ("said", "year", "questions"),
    [
        ("Netzentgelte Syna anstatt 2025 lieber 2024", 2024, 1),
        ("Netzentgelte Syna statt 2025 für 2024", 2024, 1),
        ("Netzentgelte Syna 2025 statt 2024", 2025, 1),
        ("NS statt MS 2025 statt 2024 Syna", 2025, 2),
        ("Netzentgelte Syna statt 2025, 2024 und 2023", 2025, 3),
        ("Netzentgelte Syna statt 2024 auch 2025", 2025, 2),
        ("Wie viel teurer statt 2025 2024 Syna", 2025, 2),
        ("Ersparnis statt 2025 2024 Netzentgelte Syna", 2025, 2),
        ("rather than 2025 2024 grid fees Syna", 2025, 2),
    ],
)
def test_what_stands_in_the_place_of_what_is_denied_is_meant(
    vocabulary: Vocabulary, said: str, year: int, questions: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.questions) == (year, questions)


def test_initials_of_a_company_with_the_town_in_its_name_are_meant(entries: list[DirectoryEntry]) -> None:
    waldeck = next(entry for entry in entries if entry.slug == "energie-waldeck-frankenberg")
    frankenberg = replace(
        waldeck,
        id=uuid4(),
        slug="egf-energiegesellschaft-frankenberg",
        name="EGF EnergieGesellschaft Frankenberg",
        official_name="EGF EnergieGesellschaft Frankenberg mbH",
        city="Frankenberg",
        connection_points=2_376,
    )
    alias = Alias("EWF", waldeck.id, "https://example.org/")
    found = interpret("EWF Frankenberg", Vocabulary.of([*entries, frankenberg], [alias]), TODAY)
    assert found.dno_id == waldeck.id


@pytest.mark.parametrize("said", ["SWU Unna", "SWU (Unna)", "SWU in Unna", "SWU Leistungspreis MS Unna"])
def test_initials_beside_another_town_are_those_of_its_stadtwerke(
    vocabulary: Vocabulary, slugs: dict[UUID, str], said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.dno_id is not None
    assert slugs[found.dno_id] == "stadtwerke-unna"
    assert found.confidence <= 0.9


@pytest.mark.parametrize(
    "when",
    [
        "im Winter",
        "im Januar",
        "am Wochenende",
        "jeden Montag",
        "Montag bis Freitag",
        "an Werktagen",
        "an Ostern",
        "am Ostermontag",
        "am zweiten Weihnachtsfeiertag",
        "in zwei Tagen",
        "nächste Woche",
        "am 3.",
        "am 31",
        "montags",
        "am Freitagabend",
        "am Sonntagmorgen",
        "jeden Abend",
        "jede Nacht",
        "in Q4",
        "im Winter z. B.",
        "im Winter in St. Ingbert",
        "2025",
        "letztes Jahr",
        "on Boxing Day",
        "on New Year's Eve",
        "on Good Friday",
        "in summer",
        "on public holidays",
        "on the 3rd",
        "on 12/03/2026",
        "on 25/12",
        "on Mondays",
        "every evening",
    ],
)
def test_a_time_on_a_day_that_is_not_understood_is_not_that_of_today(
    vocabulary: Vocabulary, when: str
) -> None:
    said = f"Ist {when} um 17 Uhr Hochlast bei Westnetz MS?"
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.details.day, found.details.minute) == (QuestionTopic.HLZF, None, None)


@pytest.mark.parametrize(
    "said",
    [
        "Ist um 17 Uhr Hochlast bei Westnetz MS?",
        "Ist um 17 Uhr immer noch Hochlast bei Westnetz MS?",
        "Ist jetzt am Montag um 17 Uhr Hochlast bei Westnetz MS?",
        "is it peak load at Westnetz MV at 5 pm? Have a good day",
        "Ist um 17 Uhr Hochlast bei Westnetz MS? Guten Tag, schönes Wochenende und frohe Ostern",
        "is it peak load at 5 pm at Westnetz MV? Have a great weekend",
        "Have a great day, is it peak load at 5 pm at Westnetz MV?",
        "Ist um 17 Uhr Hochlast bei Westnetz MS? Gutes Wochenende",
        "Ich habe 3 Tage Zeit. Ist um 17 Uhr Hochlast bei Westnetz MS?",
        "Ist um 17 Uhr Hochlast bei Westnetz MS? Leistungspreis pro Monat",
        "Ist um 17 Uhr noch immer Hochlast bei Westnetz MS?",
        "Is it usually peak load at 5 pm at Westnetz MV?",
        "Ist um 17 Uhr Hochlast bei Westnetz MS, Tel. 0201/12/3456",
        "Ist um 17 Uhr Hochlast bei Westnetz MS, Zähler 1/2/3",
        "Ist um 17 Uhr Hochlast bei Westnetz MS 2026?",
    ],
)
def test_a_time_without_another_day_is_today(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.details.minute) == (QuestionTopic.PEAK_STATUS, 17 * 60)
    assert found.details.day in {None, TODAY}


@pytest.mark.parametrize(
    ("said", "day"),
    [
        ("on 25/12/2026", date(2026, 12, 25)),
        ("on 12/25/2026", date(2026, 12, 25)),
        ("on 6/6/2026", date(2026, 6, 6)),
        ("on 12/03/2026", None),
        ("on 31/02/2026", None),
        ("by 25/12/2026", None),
        ("before 25/12/2026", None),
        ("on 3rd December 2026", date(2026, 12, 3)),
        ("on the 1st of May 2026", date(2026, 5, 1)),
        ("a week from today", date(2026, 12, 7)),
        ("2 weeks from Friday", date(2026, 12, 18)),
        ("Friday week", date(2026, 12, 11)),
        ("on Friday, week 49", date(2026, 12, 4)),
        ("on Christmas Day", date(2026, 12, 25)),
        ("on Christmas Eve 2027", date(2027, 12, 24)),
    ],
)
def test_days_are_read_as_they_are_written_in_english(
    vocabulary: Vocabulary, said: str, day: date | None
) -> None:
    found = interpret(f"is it peak load {said} at Westnetz MV?", vocabulary, TODAY)
    assert found.details.day == day


@pytest.mark.parametrize(
    ("said", "kwh"),
    [
        ("Netzkosten Haushalt 3,500 kWh Westnetz", 3500),
        ("household grid cost 3.500 kWh Westnetz", 3500),
        ("household grid cost 3.5 MWh Westnetz", 3500),
        ("household grid cost 1.250 MWh Westnetz", 1250),
        ("Netzkosten Haushalt 1,250 MWh Westnetz", 1250),
        ("Netzkosten Haushalt 1234,567 kWh Westnetz", Decimal("1234.567")),
        ("Netzkosten Haushalt 1.234,567 kWh Westnetz", Decimal("1234.567")),
        ("Netzkosten Westnetz Modul 1 500 kWh Wärmepumpe", 500),
        ("Netzkosten Westnetz Netzebene 7 800 kWh Haushalt", 800),
        ("Netzkosten Westnetz Haushalt 12 500 kWh", 12_500),
        ("Netzkosten Westnetz Haus 4 500 kWh", 4500),
        ("Netzkosten für mein Haus 12 000 kWh Westnetz", 12_000),
        ("Netzkosten Westnetz Wohnung 2 500 kWh", 2500),
    ],
)
def test_a_consumption_in_kwh_has_no_thousandths_and_begins_behind_a_numbered_word(
    vocabulary: Vocabulary, said: str, kwh: Decimal
) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.consumption_kwh == kwh


@pytest.mark.parametrize(
    ("said", "kwh", "kw"),
    [
        ("grid cost 5.000.000 kWh and 1.500 kW Westnetz MV", 5_000_000, 1500),
        ("Netzkosten 5,000,000 kWh und 1,500 kW Westnetz MS", 5_000_000, 1500),
        ("grid cost 5.000 MWh and 1,500 kW Westnetz MV", 5_000_000, 1500),
        ("grid cost 5 GWh and 1.250 MW Westnetz MV", 5_000_000, 1250),
        ("Netzkosten 5 GWh und 1,250 MW Westnetz MS", 5_000_000, 1250),
        ("Netzkosten 2,500 GWh und 1.500 kW Westnetz MS", 2_500_000, 1500),
        ("Netzkosten MS-Ebene 5 000 000 kWh 1 500 kW Westnetz", 5_000_000, 1500),
        ("Netzkosten Spannungsebene: 5 000 000 kWh 1 500 kW MS Westnetz", 5_000_000, 1500),
        ("grid cost at medium voltage level 5 000 000 kWh 1 500 kW Westnetz", 5_000_000, 1500),
        ("Netzkosten 2 GWh NE 5 500 kW Westnetz", 2_000_000, 500),
    ],
)
def test_of_two_notations_the_one_counts_that_a_year_can_have(
    vocabulary: Vocabulary, said: str, kwh: int, kw: int
) -> None:
    load = interpret(said, vocabulary, TODAY).details.load
    assert load is not None
    assert (load.consumption_kwh, load.peak_load_kw) == (kwh, kw)


@pytest.mark.parametrize(
    ("said", "not_held"),
    [
        ("günstigste Stadt in Bayern MS", NotHeld.OTHER_RANKING),
        ("In welcher Stadt sind die Netzentgelte am höchsten, MS?", NotHeld.OTHER_RANKING),
        ("cheapest region of Germany for MV grid fees", NotHeld.OTHER_RANKING),
        ("die teuersten Gemeinden in Hessen, Netzentgelte NS", NotHeld.OTHER_RANKING),
        ("which city's grid operator is the cheapest in MV?", None),
        ("günstigste Stadtwerke in Bayern MS", None),
        ("Städte mit den höchsten Netzentgelten NS", NotHeld.OTHER_RANKING),
        ("top 10 cities with the highest grid fees LV", NotHeld.OTHER_RANKING),
        ("Welcher Kreis hat die höchsten Netzentgelte MS?", NotHeld.OTHER_RANKING),
        ("teuerste Kreise, Netzentgelte NS", NotHeld.OTHER_RANKING),
        ("cheapest states, grid fees LV", NotHeld.OTHER_RANKING),
        ("cheapest areas, grid fees LV", NotHeld.OTHER_RANKING),
        ("which city has the highest grid fees for my company, LV?", NotHeld.OTHER_RANKING),
        ("which city grid company is the cheapest, MV?", None),
        ("which city network operator is cheapest MV", None),
        ("cheapest town utility MV", None),
        ("günstigste Stadt Netzgesellschaft in Sachsen MS", None),
        ("Der günstigste Netzbetreiber MS und in welcher Stadt sitzt er?", None),
        ("In which city is the cheapest grid operator based, MV?", None),
        ("günstigster Netzbetreiber für unsere Stadt in Bayern MS", None),
    ],
)
def test_towns_and_regions_are_not_ranked_by_their_operators(
    vocabulary: Vocabulary, said: str, not_held: NotHeld | None
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.not_held is not_held
    assert (found.topic is QuestionTopic.RANKING) == (not_held is None)


@pytest.mark.parametrize(
    "said",
    [
        "Modul 3 Westnetz: 1000 kWh HT, 2000 kWh ST, 500 kWh NT",
        "Modul 3 Westnetz: 1000 kWh HT 2000 kWh ST 500 kWh NT",
        "Modul 3 Westnetz: 1000 kWh, HT; 2000 kWh, ST; 500 kWh, NT",
        "Modul 3 Westnetz: NT 500 kWh HT 1000 kWh ST 2000 kWh",
        "Modul 3 Westnetz: HT 1000 kWh, 2000 kWh ST, NT 500 kWh",
        "Modul 3 Westnetz: 3500 kWh (HT 1000 kWh, ST 2000 kWh, NT 500 kWh)",
        "Modul 3 Westnetz: 3500 kWh HT 1000 kWh ST 2000 kWh NT 500 kWh",
        "Modul 3 Westnetz: 1000 kWh HT, 2000 kWh ST, 500 kWh NT, 3500 kWh gesamt",
    ],
)
def test_bands_stand_before_or_behind_their_amounts(vocabulary: Vocabulary, said: str) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.bands == BandConsumption(Decimal(1000), Decimal(2000), Decimal(500))


def test_a_tariff_of_a_time_in_the_year_of_today_is_that_of_today(vocabulary: Vocabulary) -> None:
    found = interpret("Modul 3 Syna 2026: welcher Tarif gilt um 17 Uhr?", vocabulary, TODAY)
    assert (found.topic, found.details.minute) == (QuestionTopic.TIME_OF_USE, 17 * 60)


@pytest.mark.parametrize(
    "said", ["Netzentgelte unter 100,000 kWh Westnetz", "network charges under 100.000 kWh Westnetz"]
)
def test_a_limit_of_load_metering_is_a_kind_of_customers_in_both_notations(
    vocabulary: Vocabulary, said: str
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.topic, found.not_held, found.details.usage) == (QuestionTopic.NETZENTGELTE, None, None)


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("Ist Montag Hochlast bei Westnetz MS 2024 oder 2025?", 2025),
        ("War am 3.1.2025 und 2026 Hochlast bei Westnetz MS?", 2025),
        ("Hochlast Westnetz MS am 21. Dezember 22. Dezember", 2026),
        ("Wallbox, Inbetriebnahme Mai 24, Netzentgelt Westnetz", 2026),
    ],
)
def test_the_year_of_a_day_is_one_that_is_named(vocabulary: Vocabulary, said: str, year: int) -> None:
    assert interpret(said, vocabulary, TODAY).year == year


def test_a_consumption_behind_a_module_is_no_further_module(vocabulary: Vocabulary) -> None:
    found = interpret("Modul 1, 3 500 kWh, Netzkosten Westnetz", vocabulary, TODAY)
    assert found.details.usage is not None
    assert found.details.usage.consumption_kwh == 3500


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (
            "Westnetz, statt Modul 1 bitte Modul 2",
            {PriceKind.MODUL_2_ARBEITSPREIS, PriceKind.MODUL_2_GRUNDPREIS},
        ),
        ("Haushalt Westnetz: Grundpreis statt Arbeitspreis", {PriceKind.SLP_GRUNDPREIS}),
        ("nicht der Arbeitspreis, sondern der Grundpreis Haushalt Westnetz", {PriceKind.SLP_GRUNDPREIS}),
        ("statt Grundpreis Arbeitspreis Haushalt Westnetz", {PriceKind.SLP_ARBEITSPREIS}),
    ],
)
def test_a_position_that_is_replaced_by_another_is_not_asked_for(
    vocabulary: Vocabulary, said: str, kinds: set[PriceKind]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, set(found.details.kinds)) == (QuestionTopic.PRICES, kinds)


@pytest.mark.parametrize(
    ("said", "use"),
    [
        ("ich habe keine Wallbox, aber eine Wärmepumpe 5000 kWh Modul 2 Westnetz", SpecialUse.WAERMEPUMPE),
        ("Netzkosten 3500 kWh Syna, keine PV, Wallbox, Wärmepumpe", None),
        ("Keine Solaranlage, Wallbox oder Wärmepumpe, Netzkosten Haushalt 3500 kWh Syna", None),
        ("keine Wärmepumpe, Wallbox oder Speicherheizung, Haushalt 3500 kWh Westnetz", None),
        ("Haushalt 3500 kWh Westnetz (keine Wärmepumpe, Wallbox)", None),
    ],
)
def test_devices_that_are_denied_in_a_list_are_not_those_of_the_bill(
    vocabulary: Vocabulary, said: str, use: SpecialUse | None
) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.use is use


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ("Umlagen 2026 außer KWKG", {LevyKind.KWKG}),
        (
            "Alle Umlagen 2026 außer KWKG, Offshore und § 19 StromNEV",
            {LevyKind.KWKG, LevyKind.OFFSHORE, LevyKind.PARAGRAF_19_STROM_NEV},
        ),
        ("Umlagen 2026 ohne Stromsteuer", {LevyKind.STROMSTEUER, LevyKind.STROMSTEUER_ENTLASTUNG}),
        ("Umlagen ohne Befreiung KWKG", set()),
        ("Umlagen ohne KWKG-Befreiung", set()),
        ("Die Umlagen gelten nicht? KWKG 2026", set()),
        ("alle Umlagen, nicht KWKG, sondern Offshore", set()),
    ],
)
def test_levies_that_are_left_out_are_not_among_all_levies(
    vocabulary: Vocabulary, said: str, left_out: set[LevyKind]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, set(found.details.levies)) == (QuestionTopic.LEVIES, set(LevyKind) - left_out)


def test_a_number_before_the_cheapest_is_how_many_are_asked_for(vocabulary: Vocabulary) -> None:
    assert interpret("10 günstigste Netzbetreiber MS 2025", vocabulary, TODAY).details.first == 10
    assert interpret("Bitte 10 günstigste Netzbetreiber MS", vocabulary, TODAY).details.first == 10
    assert interpret("20 kV günstigste Netzbetreiber", vocabulary, TODAY).details.first == 5
    assert interpret("25 günstigste Netzbetreiber MS", vocabulary, TODAY).not_held is NotHeld.OTHER_RANKING
    assert interpret("2025 günstigste Netzbetreiber MS", vocabulary, TODAY).details.first == 5


@pytest.mark.parametrize(
    ("said", "kw"),
    [
        ("5 GWh bei bisher 1500 kW, Netze BW MS", 1500),
        ("5 GWh bei 1500 kW, Anschlussleistung 2000 kW, Netze BW MS", 1500),
        ("5 GWh bei 1200 kW statt bisher 1500 kW, Netze BW MS", 1200),
        ("5 GWh bei 1500 kW, künftig auch PV mit 300 kW, Netze BW MS", 1500),
        ("5 GWh bei 1500 kW, künftig 300 kW PV, Netze BW MS", 1500),
        ("5 GWh bei 1500 kW, künftig mit 500 kW Speicher, Netze BW MS", 1500),
        ("5 GWh bei 1500 kW, später 100 kW Ladepark, Netze BW MS", 1500),
        ("5 GWh bei bisher 1500 kW, PV 300 kW, Netze BW MS", 1500),
        ("5 GWh bei 1500 kW, PV mit 100 kW, künftig 300 kW, Netze BW MS", 1500),
    ],
)
def test_a_peak_load_beside_one_that_is_no_other_one_of_the_customer_stays_one(
    vocabulary: Vocabulary, said: str, kw: int
) -> None:
    load = interpret(said, vocabulary, TODAY).details.load
    assert load is not None
    assert load.peak_load_kw == kw


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("hlzf 25 syna", 2025),
        ("Netzentgelt Syna 25 Wärmepumpe", 2025),
        ("Netzentgelte Syna 25 Wärmepumpen", 2025),
        ("Netzentgelte 24 Netze BW", 2024),
        ("in Halle 25 NS", 2025),
        ("Netzentgelte Syna MS, Geschäftsjahr 25", 2025),
    ],
)
def test_two_digits_that_count_nothing_stay_a_year(vocabulary: Vocabulary, said: str, year: int) -> None:
    assert interpret(said, vocabulary, TODAY).year == year


@pytest.mark.parametrize(
    "said",
    [
        "Netzentgelte Syna Baujahr 25 MS",
        "Netzentgelte Syna Mitgliedsjahr 25 MS",
        "Netzentgelt Syna NS, Bahndamm 25",
    ],
)
def test_two_digits_behind_other_labels_are_no_year(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).year == TODAY.year


def test_a_number_before_a_word_that_is_not_known_stays_a_year(vocabulary: Vocabulary) -> None:
    assert interpret("Netzentgelte Syna 12 Reklamationen", vocabulary, TODAY).year == 2012


@pytest.mark.parametrize(
    ("said", "year"),
    [
        ("Netzentgelte Syna MS im neuen Jahr", 2027),
        ("Netzentgelte Syna 2026 und im neuen Jahr", 2026),
        ("Netzentgelte Syna dieses Jahr und im neuen Jahr", 2026),
        ("Netzentgelte Syna jetzt und im neuen Jahr", 2026),
        ("Sind die Netzentgelte der Syna im neuen Jahr gestiegen?", 2026),
        ("Schöne Tage im neuen Jahr! Netzentgelte Syna", 2026),
        ("Netzentgelte Syna, viel Erfolg im neuen Jahr!", 2026),
        ("Netzentgelte Syna MS bitte. Danke und auf gute Zusammenarbeit im neuen Jahr.", 2026),
        ("Wir melden uns im neuen Jahr wieder. Netzentgelte Syna MS", 2026),
        ("Netzentgelte Syna MS, frohes Fest und bis bald im neuen Jahr", 2026),
        ("Netzentgelte Syna MS nicht im neuen Jahr", 2026),
        ("Alles Gute für das neue Jahr! Netzentgelte Syna", 2026),
        ("Schönes neues Jahr, Netzentgelte Syna", 2026),
        ("Netzentgelte Syna ab 1.1. letzten Jahres", 2025),
        ("Netzentgelte Syna ab 1.1. dieses Jahres", 2026),
        ("aktuelle Netzentgelte Syna ab Januar", 2026),
        ("Rechnung ab Januar, Netzentgelte Syna", 2026),
    ],
)
def test_the_new_year_is_the_next_one_where_nothing_else_is_said(
    vocabulary: Vocabulary, said: str, year: int
) -> None:
    assert interpret(said, vocabulary, TODAY).year == year


@pytest.mark.parametrize(
    "said", ["nicht 2024, 2025 Netzentgelte Syna", "nicht Samstag, Sonntag Hochlast Syna"]
)
def test_of_two_that_may_both_be_denied_none_is_left_out(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).questions == 2


@pytest.mark.parametrize(
    "said",
    ["Wie melde ich mich bei Westnetz an, und was kostet Modul 1?", "Wie hoch ist Modul 1 bei der Syna?"],
)
def test_a_procedure_beside_a_price_leaves_the_price_asked_for(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.PRICES


@pytest.mark.parametrize(
    ("said", "topic"),
    [
        ("Netzentgelte Westnetz MS 2026 und wie melde ich mich an", QuestionTopic.NETZENTGELTE),
        ("Wie melde ich mich an? Netzentgelte Westnetz", QuestionTopic.NETZENTGELTE),
        (
            "Netzkosten Wärmepumpe Westnetz 5000 kWh Modul 2 - und wie melde ich mich an",
            QuestionTopic.BILL,
        ),
        ("Preise Modul 1, 2 und 3 Westnetz und wie beantrage ich Modul 3", QuestionTopic.TIME_OF_USE),
        ("Wie melde ich eine Wärmepumpe an, Modul 2 Preise Westnetz 2026", QuestionTopic.PRICES),
        (
            "Wie kann ich Modul 3 nutzen ohne es anmelden zu müssen, Zeitfenster Westnetz",
            QuestionTopic.TIME_OF_USE,
        ),
        ("Wie kann ich Modul 3 nutzen ohne es anmelden zu müssen bei Westnetz", QuestionTopic.TIME_OF_USE),
        ("Wie kann man Netzentgelte bei Westnetz sparen ohne zu kündigen", QuestionTopic.NETZENTGELTE),
        ("wie melde ich mich an netzentgelte syna 2025", QuestionTopic.NETZENTGELTE),
        ("wie melde ich wallbox an kosten modul 1 syna", QuestionTopic.PRICES),
    ],
)
def test_a_procedure_beside_another_question_leaves_that_asked_for(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is topic


@pytest.mark.parametrize(
    "said",
    [
        "ohne Messung, Grundpreis",
        "ohne Umlagen, Blindstrom",
        "ohne Steuern (MwSt)",
        "keine PV, Einspeisung",
        "kein Durchschnitt, Prognose",
        "keine Rangliste, Vergleich",
        "nicht für Haushalte, SLP",
        "nicht für Wärmepumpen (Modul 2)",
        "nicht Modul 1, 2 sondern 3",
    ],
)
def test_what_is_denied_in_a_list_is_not_asked_for(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(f"Netzentgelte Westnetz {said}", vocabulary, TODAY)
    assert (found.subject, found.details.kinds, found.not_held) == (QuestionTopic.NETZENTGELTE, (), None)


@pytest.mark.parametrize(
    "said",
    [
        "nicht inkl. Umlagen, Mehrwertsteuer",
        "ohne Abgaben, Steuern, MwSt",
        "keine Wärmepumpe (Gas), Wallbox",
        "ohne Gas, Wärmepumpe",
    ],
)
def test_what_is_denied_in_a_list_is_no_part_of_the_bill(vocabulary: Vocabulary, said: str) -> None:
    usage = interpret(f"Netzkosten Haushalt 3500 kWh Westnetz, {said}", vocabulary, TODAY).details.usage
    assert usage is not None
    assert (usage.gross, usage.use) == (False, None)


@pytest.mark.parametrize(
    ("said", "levies"),
    [
        ("KWKG levy excluding VAT 2026", {LevyKind.KWKG}),
        ("Umlagen KWKG und Offshore ohne MwSt 2026", {LevyKind.KWKG, LevyKind.OFFSHORE}),
        ("KWKG levy without offshore 2026", {LevyKind.KWKG}),
        ("Umlagen ohne KWKG: wie hoch ist die Offshore-Umlage?", {LevyKind.OFFSHORE}),
    ],
)
def test_levies_that_are_named_beside_one_that_is_left_out_are_asked_for_alone(
    vocabulary: Vocabulary, said: str, levies: set[LevyKind]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, set(found.details.levies)) == (QuestionTopic.LEVIES, levies)


@pytest.mark.parametrize(
    ("said", "left_out"),
    [
        ("Welche Umlagen fallen an?", set()),
        ("Umlagen 2026 nicht für Haushalte, KWKG", set()),
        ("Umlagen außer KWKG-Umlage, außerdem Stromsteuer", {LevyKind.KWKG}),
    ],
)
def test_other_levies_than_those_left_out_are_all_asked_for(
    vocabulary: Vocabulary, said: str, left_out: set[LevyKind]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, set(found.details.levies)) == (QuestionTopic.LEVIES, set(LevyKind) - left_out)


@pytest.mark.parametrize(
    "said",
    [
        "Netzkosten Haushalt Westnetz 2026 statt bisher 3500 kWh",
        "Netzkosten Haushalt Westnetz Modul 1 statt 3500 kWh",
        "Netzkosten Haushalt Westnetz in 45127 statt 3500 kWh",
    ],
)
def test_other_numbers_before_statt_replace_no_consumption(vocabulary: Vocabulary, said: str) -> None:
    usage = interpret(said, vocabulary, TODAY).details.usage
    assert usage is not None
    assert usage.consumption_kwh == 3500


@pytest.mark.parametrize(
    "said",
    [
        "Unterschiede beim Netzentgelt in Lemgo, Westnetz",
        "Unterschied HLZF Winter Sommer Westnetz Avacon",
        "Unterschied MS NS Netzentgelte Westnetz Avacon",
        "Unterschied zum Vorjahr Netzentgelte Westnetz Avacon",
        "Unterschied Netzentgelte Grundpreis Westnetz Avacon",
        "Unterschied Süwag Syna",
    ],
)
def test_differences_between_others_than_two_companies_are_no_comparison(
    vocabulary: Vocabulary, said: str
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is not QuestionTopic.COMPARISON


@pytest.mark.parametrize(
    ("said", "level"),
    [("Netzentgelt Westnetz NSP 2025", VoltageLevel.NS), ("Netzentgelt Westnetz MSP 2025", VoltageLevel.MS)],
)
def test_abbreviations_of_levels_with_three_letters_are_read(
    vocabulary: Vocabulary, said: str, level: VoltageLevel
) -> None:
    assert interpret(said, vocabulary, TODAY).voltage_level is level


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ("Westnetz NS und MS 2026", (VoltageLevel.MS, VoltageLevel.NS)),
        ("mv, lv and hv westnetz", (VoltageLevel.HS, VoltageLevel.MS, VoltageLevel.NS)),
        ("Westnetz MS und Umspannung MS/NS", (VoltageLevel.MS, VoltageLevel.MS_NS)),
        ("Westnetz MS/NS", ()),
        ("Westnetz MS, Netzebene 5", ()),
        ("Westnetz nicht NS, sondern MS", ()),
        ("Westnetz", ()),
    ],
)
def test_several_levels_are_all_asked_for(
    vocabulary: Vocabulary, said: str, levels: tuple[VoltageLevel, ...]
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert found.details.levels == levels
    if levels:
        assert [level for level in VoltageLevel if found.asks_for_level(level)] == list(levels)


@pytest.mark.parametrize(
    ("said", "year", "questions"),
    [
        ("Netze BW MS bis 2024", 2024, 2),
        ("KWKG-Umlage seit 2024", 2026, 2),
        ("Offshore-Umlage bis 2025", 2025, 2),
        ("Wie ändern sich die Netzentgelte der Westnetz 2026?", 2026, 2),
        ("has the capacity charge at Westnetz dropped", 2026, 2),
        ("Netzentgelte Westnetz bis 2026", 2026, 1),
        ("24 günstigste Stunden N-ERGIE", 2026, 1),
        ("the 24 cheapest hours at N-ERGIE", 2026, 1),
        ("N-ERGIE HT NT 24", 2024, 1),
    ],
)
def test_until_and_since_a_year_are_several_years_and_a_number_of_hours_is_none(
    vocabulary: Vocabulary, said: str, year: int, questions: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.year, found.questions) == (year, questions)


@pytest.mark.parametrize(
    ("said", "topic", "level", "year"),
    [
        ("Netze BW HSP", QuestionTopic.NETZENTGELTE, VoltageLevel.HS, 2026),
        ("Avacon Netz MS RLM 2025", QuestionTopic.NETZENTGELTE, VoltageLevel.MS, 2025),
        ("E.DIS Netz HLZ 2026", QuestionTopic.HLZF, None, 2026),
        ("Was zahl ich in Wedel ans Netz?", QuestionTopic.NETZENTGELTE, None, 2026),
        ("vorläufige entgelte 2027 bayernwerk", QuestionTopic.NETZENTGELTE, None, 2027),
        ("Netze BW MV nxt year", QuestionTopic.NETZENTGELTE, VoltageLevel.MS, 2027),
    ],
)
def test_abbreviations_and_words_of_every_day_are_understood(
    vocabulary: Vocabulary, said: str, topic: QuestionTopic, level: VoltageLevel | None, year: int
) -> None:
    found = interpret(said, vocabulary, TODAY)
    assert (found.subject, found.voltage_level, found.year) == (topic, level, year)


@pytest.mark.parametrize(
    ("said", "minute"),
    [
        ("next Saturday 3am module 3 westnetz", 180),
        ("module 3 westnetz Saturday 3 am", 180),
        ("module 3 westnetz tomorrow 3 a.m.", 180),
        ("module 3 westnetz today noon", 720),
        ("module 3 westnetz today 5 o'clock", 300),
        ("module 3 westnetz today until noon", None),
        ("module 3 westnetz today from 5 to 7 o'clock", None),
        ("Modul 3 am Montag Westnetz", None),
    ],
)
def test_english_times_are_read(vocabulary: Vocabulary, said: str, minute: int | None) -> None:
    assert interpret(said, vocabulary, TODAY).details.minute == minute


@pytest.mark.parametrize("amount", ["10^6", "1,5 x 10^6", "10⁶", "1,5·10⁶", "1e6"])
def test_powers_of_ten_are_not_read_as_their_last_number(vocabulary: Vocabulary, amount: str) -> None:
    found = interpret(f"{amount} kWh und 200 kW Westnetz MS", vocabulary, TODAY)
    assert (found.not_held, found.details.load) == (NotHeld.AMOUNT, None)


@pytest.mark.parametrize(
    "said", ["monatlich 300 kWh", "300 kWh monatlich", "täglich 20 kWh", "monthly 300 kWh"]
)
def test_a_consumption_of_each_month_or_day_is_none_of_a_year(vocabulary: Vocabulary, said: str) -> None:
    found = interpret(f"Netzkosten Haushalt {said} Westnetz", vocabulary, TODAY)
    assert found.details.usage is None


def test_a_raised_digit_behind_a_year_is_no_part_of_it(vocabulary: Vocabulary) -> None:
    assert interpret("Netzentgelte Westnetz MS 2025¹", vocabulary, TODAY).year == 2025


@pytest.mark.parametrize(
    ("said", "inhabitants"),
    [
        ("1,5 Mio. Einwohner", 1_500_000),
        ("1.5 million inhabitants", 1_500_000),
        ("30 Tsd. Einwohnern", 30_000),
    ],
)
def test_inhabitants_may_be_millions(vocabulary: Vocabulary, said: str, inhabitants: int) -> None:
    concession = "concession fee of a town with" if "inhabitants" in said else "Konzessionsabgabe Stadt mit"
    assert interpret(f"{concession} {said}", vocabulary, TODAY).details.inhabitants == inhabitants
