"""The sentence that answers a question."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

from msgspec import structs

from app.domain.dno import Dno, GridStatistics
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.question import Details, Interpretation, Language
from app.domain.question_figures import Figures
from app.domain.tariff import Tariff
from app.interpreter.answer import answer_of

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NETZE = UUID(int=1)


def dno(name: str = "Netze BW", official_name: str | None = None) -> Dno:
    return Dno(
        id=NETZE, slug=name.lower().replace(" ", "-"), name=name, official_name=official_name, region=None, city=None,
        postal_code=None, website=None, mastr_nr=None, bdew_code=None, acer_code=None, vnb_id=None, transmission=False,
        closed_network=False, statistics=GridStatistics(), version=1, updated_at=THEN,
    )  # fmt: skip


def tariff(level: VoltageLevel = VoltageLevel.MS, **prices: str) -> Tariff:
    known = ("leistung", "arbeit", "leistung_unter_2500h", "arbeit_unter_2500h")
    return Tariff(
        id=uuid4(), dno_id=NETZE, year=2024, voltage_level=level, verification_status=VerificationStatus.VERIFIED,
        source_url=None, source_title=None, version=1, updated_at=THEN,
        **{name: Decimal(prices[name]) if name in prices else None for name in known},
    )  # fmt: skip


def hlzf(season: Season, *windows: tuple[int, int], level: VoltageLevel = VoltageLevel.MS) -> Hlzf:
    return Hlzf(
        id=uuid4(), dno_id=NETZE, year=2024, voltage_level=level, season=season,
        windows=tuple(TimeWindow(*window) for window in windows), verification_status=VerificationStatus.VERIFIED,
        source_url=None, source_title=None, version=1, updated_at=THEN,
    )  # fmt: skip


def meaning(
    data_type: DataType | None = DataType.NETZENTGELTE,
    language: Language = Language.GERMAN,
    level: VoltageLevel | None = VoltageLevel.MS,
) -> Interpretation:
    return Interpretation(data_type, NETZE, 2024, level, 0.95, (NETZE,), language)


ENGLISH = meaning(language=Language.ENGLISH)
PRICES = {"leistung": "109.86", "arbeit": "1.73"}


def test_prices_have_their_units_and_german_notation() -> None:
    assert answer_of(meaning(), dno=dno(), figures=Figures(tariffs=[tariff(**PRICES)])) == (
        "Netze BW, Mittelspannung, 2024 (netto): Leistungspreis 109,86 €/kW·a, Arbeitspreis 1,73 ct/kWh (ab 2.500 h/a)"
    )


def test_prices_have_their_units_and_english_notation() -> None:
    assert answer_of(ENGLISH, dno=dno(), figures=Figures(tariffs=[tariff(**PRICES)])) == (
        "Netze BW, medium voltage, 2024 (net): capacity price €109.86 per kW and year, energy price 1.73 ct/kWh"
        " (from 2,500 h/a)"
    )


def test_preliminary_figures_are_marked() -> None:
    """Of several levels or seasons only those that are."""
    preliminary = structs.replace(tariff(**PRICES), publication=Publication.PRELIMINARY)
    final = tariff(VoltageLevel.NS, arbeit="2.5")
    text = answer_of(meaning(level=None), dno=dno(), figures=Figures(tariffs=[preliminary, final]))
    assert text.endswith(
        "1,73 ct/kWh (ab 2.500 h/a) (vorläufig); Niederspannung Arbeitspreis 2,50 ct/kWh (ab 2.500 h/a)"
    )
    winter = structs.replace(hlzf(Season.WINTER, (600, 660)), publication=Publication.PRELIMINARY)
    windows = Figures(hlzf=[winter, hlzf(Season.SUMMER)])
    text = answer_of(meaning(DataType.HLZF, Language.ENGLISH), dno=dno(), figures=windows)
    assert text.endswith("winter 10:00–11:00 (preliminary), summer none")


def test_both_price_lines_keep_all_their_decimals() -> None:
    text = answer_of(
        meaning(),
        dno=dno(),
        figures=Figures(
            tariffs=[
                tariff(leistung="1234.5", arbeit="0.875", leistung_unter_2500h="0", arbeit_unter_2500h="8")
            ]
        ),
    )
    assert text.endswith(
        "Leistungspreis 1.234,50 €/kW·a, Arbeitspreis 0,875 ct/kWh (ab 2.500 h/a), "
        "Leistungspreis 0,00 €/kW·a, Arbeitspreis 8,00 ct/kWh (unter 2.500 h/a)"
    )


def test_unpublished_prices_are_left_out() -> None:
    text = answer_of(meaning(), dno=dno(), figures=Figures(tariffs=[tariff(arbeit_unter_2500h="8.01")]))
    assert text == "Netze BW, Mittelspannung, 2024 (netto): Arbeitspreis 8,01 ct/kWh (unter 2.500 h/a)"
    assert "keine Preise veröffentlicht" in answer_of(
        meaning(), dno=dno(), figures=Figures(tariffs=[tariff()])
    )


def test_without_a_level_all_levels_are_listed_from_the_top_down() -> None:
    tariffs = [tariff(VoltageLevel.NS, arbeit="3.1"), tariff(VoltageLevel.HS_MS, arbeit="1.1")]
    assert answer_of(meaning(level=None), dno=dno(), figures=Figures(tariffs=tariffs)) == (
        "Netze BW, 2024 (netto): Umspannung Hoch-/Mittelspannung Arbeitspreis 1,10 ct/kWh (ab 2.500 h/a); "
        "Niederspannung Arbeitspreis 3,10 ct/kWh (ab 2.500 h/a)"
    )


def test_of_several_levels_that_are_named_the_missing_ones_are_named_as_well() -> None:
    both = structs.replace(
        meaning(level=None), details=Details(levels=(VoltageLevel.HS, VoltageLevel.MS, VoltageLevel.NS))
    )
    text = answer_of(both, dno=dno(), figures=Figures(tariffs=[tariff(VoltageLevel.NS, arbeit="3.1")]))
    assert text == (
        "Netze BW, 2024 (netto): Niederspannung Arbeitspreis 3,10 ct/kWh (ab 2.500 h/a);"
        " nicht bekannt für Hochspannung und Mittelspannung"
    )
    assert answer_of(both, dno=dno(), levels=[VoltageLevel.HS_MS]) == (
        "Netze BW, Hochspannung, Mittelspannung und Niederspannung, 2024: keine Netzentgelte bekannt;"
        " veröffentlicht sind sie für Umspannung Hoch-/Mittelspannung."
    )


def test_prices_of_an_operator_that_only_has_its_seat_at_the_place_are_marked() -> None:
    """Where nothing is known of the operator, nothing needs to be marked."""
    by_seat = structs.replace(meaning(), by_seat=True)
    here = structs.replace(dno(), city="Stuttgart")
    figures = Figures(tariffs=[tariff(**PRICES)])
    assert answer_of(by_seat, dno=here, figures=figures).endswith(
        "(ab 2.500 h/a) – Netze BW hat den Sitz in Stuttgart; ob auch das Netz dort dazugehört, ist hier nicht erfasst."
    )
    in_english = structs.replace(by_seat, language=Language.ENGLISH)
    assert answer_of(in_english, dno=here, figures=figures).endswith(
        "– Netze BW has its seat in Stuttgart; whether it operates the network there is not known here."
    )
    for text in (answer_of(by_seat, dno=here), answer_of(meaning(), dno=here, figures=figures)):
        assert "Sitz" not in text


def test_windows_are_listed_by_season() -> None:
    windows = [
        hlzf(Season.AUTUMN, (1020, 1140)),
        hlzf(Season.SUMMER),
        hlzf(Season.WINTER, (450, 780), (960, 1440)),
    ]
    assert answer_of(meaning(DataType.HLZF), dno=dno(), figures=Figures(hlzf=windows)) == (
        "Netze BW, Mittelspannung, 2024: Hochlastzeitfenster Winter 07:30–13:00 und 16:00–24:00 Uhr, Sommer keine, "
        "Herbst 17:00–19:00 Uhr"
    )
    assert answer_of(
        meaning(DataType.HLZF, Language.ENGLISH), dno=dno(), figures=Figures(hlzf=windows[:2])
    ) == ("Netze BW, medium voltage, 2024: peak-load windows summer none, autumn 17:00–19:00")


def test_a_year_without_data_is_answered_with_years_that_have_some() -> None:
    assert answer_of(meaning(), dno=dno(), years=[2026, 2025]) == (
        "Netze BW, Mittelspannung, 2024: keine Netzentgelte bekannt; Daten gibt es für 2026 und 2025."
    )
    assert answer_of(ENGLISH, dno=dno(), years=[2026]) == (
        "Netze BW, medium voltage, 2024: no grid charges known; there are data for 2026."
    )


def test_a_level_without_data_is_answered_with_levels_that_have_some() -> None:
    levels = [VoltageLevel.NS, VoltageLevel.HS]
    assert answer_of(meaning(), dno=dno(), years=[2024], levels=levels) == (
        "Netze BW, Mittelspannung, 2024: keine Netzentgelte bekannt;"
        " veröffentlicht sind sie für Hochspannung und Niederspannung."
    )


def test_an_operator_without_any_data_is_answered_as_such() -> None:
    assert answer_of(meaning(DataType.HLZF), dno=dno()) == (
        "Netze BW, Mittelspannung, 2024: keine Hochlastzeitfenster bekannt;"
        " auch für andere Jahre sind hier keine erfasst."
    )


def test_a_missing_operator_is_asked_for() -> None:
    assert answer_of(meaning(), dno=None) == (
        "Netzentgelte, Mittelspannung, 2024: Bitte nennen Sie den Netzbetreiber,"
        " zum Beispiel „Netzentgelte Netze BW 2024 Mittelspannung“."
    )
    assert answer_of(ENGLISH, dno=None).startswith(
        "Grid charges, medium voltage, 2024: please name the grid operator"
    )


def test_several_operators_are_named() -> None:
    fitting = [dno("SWE Netz (Erfurt)"), dno("SWE Netz (Ettlingen)")]
    assert answer_of(meaning(level=None), dno=None, candidates=fitting) == (
        "Netzentgelte, 2024: Mehrere Netzbetreiber passen – meinen Sie SWE Netz (Erfurt) oder SWE Netz (Ettlingen)?"
    )
    assert "do you mean SWE Netz (Erfurt)?" in answer_of(ENGLISH, dno=None, candidates=fitting[:1])
    assert "einen von 3 weiteren?" in answer_of(
        meaning(), dno=None, candidates=[dno(f"Netz {n}") for n in range(8)]
    )


def test_operators_of_one_name_are_shown_with_their_official_names() -> None:
    fitting = [dno("SH Netz", "SH Netz AG"), dno("SH Netz", "SH Netz GmbH")]
    assert "SH Netz AG oder SH Netz GmbH?" in answer_of(meaning(), dno=None, candidates=fitting)


def test_an_off_topic_question_is_answered_with_the_supported_topics() -> None:
    assert answer_of(meaning(data_type=None), dno=None).startswith("Diese Frage kann ich nicht beantworten")
    off_topic = meaning(data_type=None, language=Language.ENGLISH)
    assert answer_of(off_topic, dno=None).startswith("I cannot answer this question")


def test_time_variable_charges_that_are_not_known_are_named_in_good_german() -> None:
    assert answer_of(meaning(DataType.TIME_OF_USE, level=None), dno=dno(), years=[2026]) == (
        "Netze BW, 2024: keine zeitvariablen Netzentgelte (§ 14a EnWG, Modul 3) bekannt; Daten gibt es für 2026."
    )
