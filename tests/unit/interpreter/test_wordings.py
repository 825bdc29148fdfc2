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
        ("Gilt Hochlast bei Westnetz auch am Wochenende?", date(2026, 12, 5)),
        ("Hochlast zwischen Weihnachten und Neujahr bei Westnetz", None),
    ],
)
def test_weekends_and_days_with_a_name_are_days(vocabulary: Vocabulary, said: str, day: date | None) -> None:
    assert interpret(said, vocabulary, TODAY).details.day == day


@pytest.mark.parametrize(
    "said", ["günstigste 3 Stunden morgen Westnetz", "Ladefenster Wallbox Westnetz diese Nacht"]
)
def test_the_cheapest_hours_are_those_of_14a_also_with_their_number(
    vocabulary: Vocabulary, said: str
) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.TIME_OF_USE


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
        "Was kostet eine Lastspitze von 100 kW mehr bei Westnetz MS?",
        "Was kostet eine Spitzenlast von 1500 kW bei Westnetz MS?",
    ],
)
def test_the_price_of_a_peak_load_is_no_question_about_windows(vocabulary: Vocabulary, said: str) -> None:
    assert interpret(said, vocabulary, TODAY).subject is QuestionTopic.NETZENTGELTE


def test_windows_for_a_load_remain_windows(vocabulary: Vocabulary) -> None:
    found = interpret("Zeitfenster Westnetz MS bei 800 kW", vocabulary, TODAY)
    assert found.subject is QuestionTopic.HLZF


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
