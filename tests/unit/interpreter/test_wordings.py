"""Wordings beside those of the rules: what they ask for is read, or refused, and never taken for something near it."""

from datetime import date
from uuid import UUID

import pytest

from app.domain.entry import VoltageLevel
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
    ],
)
def test_units_that_are_written_out_mean_the_same(
    vocabulary: Vocabulary, said: str, short: str, written_out: str
) -> None:
    expected = interpret(said.format(short), vocabulary, TODAY)
    assert interpret(said.format(written_out), vocabulary, TODAY) == expected
