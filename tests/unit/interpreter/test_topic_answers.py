"""The answers about § 14a, peak load, costs, comparisons and rankings, and about what is not held."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from msgspec import structs

from app.domain import clock
from app.domain.cost import Ranked, annual_cost
from app.domain.dno import Dno, GridStatistics
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.holiday_rule import HolidayRule, TimeStamps
from app.domain.peak import peak_status, peak_statuses
from app.domain.price_series import day_span, price_at, prices
from app.domain.question import Details, Interpretation, Language, Load, NotHeld, QuestionTopic
from app.domain.question_figures import Figures, PeakAtLevel, TariffCost
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff, TimeOfUseWindow
from app.interpreter.answer import answer_of
from tests.unit.domain.peak_sheets import rule

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NETZ, WERK = UUID(int=1), UUID(int=2)
MS = VoltageLevel.MS
MONDAY = date(2026, 11, 30)
LOAD = Load(Decimal(5_000_000), Decimal(1_500))
HT, ST, NT = TimeOfUseBand
DE, EN = Language.GERMAN, Language.ENGLISH


def dno(dno_id: UUID, name: str) -> Dno:
    return Dno(
        id=dno_id, slug=name.lower(), name=name, official_name=None, region="Bayern", city=None, postal_code=None,
        website=None, mastr_nr=None, bdew_code=None, acer_code=None, vnb_id=None, transmission=False,
        closed_network=False, statistics=GridStatistics(), version=1, updated_at=THEN,
    )  # fmt: skip


A, B = dno(NETZ, "Netz A"), dno(WERK, "Werk B")


def tariff(dno_id: UUID, leistung: str, arbeit: str) -> Tariff:
    return Tariff(
        id=uuid4(), dno_id=dno_id, year=2026, voltage_level=MS, leistung=Decimal(leistung), arbeit=Decimal(arbeit),
        leistung_unter_2500h=None, arbeit_unter_2500h=None, verification_status=VerificationStatus.VERIFIED,
        source_url=None, source_title=None, version=1, updated_at=THEN,
    )  # fmt: skip


def priced(one: Tariff) -> TariffCost:
    return TariffCost(one, annual_cost(one, LOAD.consumption_kwh, LOAD.peak_load_kw))


def sheet(*windows: tuple[int, int, int, TimeOfUseBand]) -> TimeOfUseTariff:
    return TimeOfUseTariff(
        id=uuid4(), dno_id=NETZ, year=2026, price_ht=Decimal("11.77"), price_st=Decimal("5.96"),
        price_nt=Decimal("2.38"), windows=tuple(TimeOfUseWindow(*window) for window in windows),
        verification_status=VerificationStatus.VERIFIED, source_url=None, source_title=None, version=1, updated_at=THEN,
    )  # fmt: skip


def quarter(number: int) -> list[tuple[int, int, int, TimeOfUseBand]]:
    return [(number, 0, 360, NT), (number, 360, 1080, ST), (number, 1080, 1260, HT), (number, 1260, 1440, ST)]


SHEET = sheet(*quarter(1), *quarter(4), (2, 0, 1440, ST))


def meaning(
    topic: QuestionTopic,
    data_type: DataType,
    language: Language = DE,
    level: VoltageLevel | None = MS,
    **more: object,
) -> Interpretation:
    given: dict[str, object] = {"candidates": (NETZ,), **more}
    return Interpretation(data_type, NETZ, 2026, level, 0.95, language=language, topic=topic, **given)  # type: ignore[arg-type]


def test_the_bands_of_a_year_are_answered_with_their_hours() -> None:
    asked = meaning(QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, level=None)
    assert answer_of(asked, dno=A, figures=Figures(time_of_use=[SHEET])) == (
        "Netz A, 2026 (§ 14a EnWG, Modul 3, netto): HT 11,77 ct/kWh, ST 5,96 ct/kWh, NT 2,38 ct/kWh; "
        "Quartale 1 und 4: HT 18:00–21:00 Uhr, NT 00:00–06:00 Uhr; Quartal 2: durchgehend ST; "
        "Quartal 3: keine zeitvariablen Preise, es gilt ST"
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (DE, "Netz A, 30.11.2026 (§ 14a EnWG, Modul 3, netto): am günstigsten 00:00–06:00 Uhr mit 2,38 ct/kWh (NT); am "
            "teuersten 18:00–21:00 Uhr mit 11,77 ct/kWh (HT). Das ist nur das Netzentgelt, nicht der Strompreis."),
        (EN, "Netz A, 2026-11-30 (§ 14a EnWG, module 3, net): cheapest 00:00–06:00 at 2.38 ct/kWh (NT); most expensive "
            "18:00–21:00 at 11.77 ct/kWh (HT). This is the grid charge only, not the price of electricity."),
    ],
)  # fmt: skip
def test_the_cheapest_hours_of_a_day_are_answered(language: Language, text: str) -> None:
    asked = meaning(
        QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, language, None, details=Details(day=MONDAY)
    )
    found = list(prices(SHEET, *day_span(MONDAY)))
    assert answer_of(asked, dno=A, figures=Figures(time_of_use=[SHEET], intervals=found)) == text


def test_a_day_with_one_price_has_no_cheapest_hour() -> None:
    day = date(2026, 5, 4)
    asked = meaning(QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, level=None, details=Details(day=day))
    text = answer_of(asked, dno=A, figures=Figures(intervals=list(prices(SHEET, *day_span(day)))))
    assert "den ganzen Tag 5,96 ct/kWh (ST)" in text
    assert "günstigsten" not in text
    day = date(2026, 8, 3)
    asked = meaning(QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, level=None, details=Details(day=day))
    text = answer_of(asked, dno=A, figures=Figures(intervals=list(prices(SHEET, *day_span(day)))))
    assert "den ganzen Tag 5,96 ct/kWh (ST), in diesem Quartal nicht zeitvariabel" in text


def test_the_price_at_a_moment_is_answered_with_its_end() -> None:
    at = datetime(2026, 11, 30, 18, 30, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, level=None, details=Details(now=True))
    found = price_at(SHEET, at)
    assert found is not None
    text = answer_of(asked, dno=A, figures=Figures(intervals=[found]), at=at)
    assert "um 18:30 Uhr 11,77 ct/kWh (HT), bis 30.11.2026 21:00" in text


WINTER = Hlzf(
    id=uuid4(), dno_id=NETZ, year=2026, voltage_level=MS, season=Season.AUTUMN, windows=(TimeWindow(480, 555),),
    verification_status=VerificationStatus.VERIFIED, source_url=None, source_title=None, version=1, updated_at=THEN,
)  # fmt: skip


@pytest.mark.parametrize(
    ("hour", "language", "text"),
    [
        (8, DE, "Netz A, Mittelspannung, 30.11.2026: um 08:00 Uhr Hochlast, bis 30.11.2026 09:15"),
        (12, DE, "Netz A, Mittelspannung, 30.11.2026: um 12:00 Uhr keine Hochlast (kein Zeitfenster), bis"),
        (8, EN, "Netz A, medium voltage, 2026-11-30: at 08:00 peak load, until 2026-11-30 09:15"),
    ],
)
def test_peak_load_at_a_moment_is_answered_with_reason_and_end(
    hour: int, language: Language, text: str
) -> None:
    at = datetime(2026, 11, 30, hour, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, language, details=Details(now=True))
    peak = [PeakAtLevel(MS, [peak_status(at, [WINTER], "Bayern")])]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak), at=at).startswith(text)


@pytest.mark.parametrize(
    ("publication", "hour", "text"),
    [
        (Publication.PRELIMINARY, 8, "um 08:00 Uhr Hochlast, bis 30.11.2026 09:15 (vorläufig)"),
        (
            Publication.PRELIMINARY,
            7,
            "um 07:00 Uhr keine Hochlast (kein Zeitfenster), bis 30.11.2026 08:00 (vorläufig)",
        ),
        (Publication.FINAL, 8, "um 08:00 Uhr Hochlast, bis 30.11.2026 09:15"),
    ],
)
def test_peak_load_by_preliminary_windows_is_marked(publication: Publication, hour: int, text: str) -> None:
    at = datetime(2026, 11, 30, hour, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, details=Details(now=True))
    peak = [PeakAtLevel(MS, [peak_status(at, [WINTER], "Bayern")], publication)]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak), at=at).endswith(f": {text}")


def test_a_weekend_is_no_peak_load_whatever_windows_are_published_in_the_end() -> None:
    at = datetime(2026, 11, 28, 8, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, details=Details(now=True))
    peak = [PeakAtLevel(MS, [peak_status(at, [WINTER], "Bayern")], Publication.PRELIMINARY)]
    assert "vorläufig" not in answer_of(asked, dno=A, figures=Figures(peak=peak), at=at)


def test_levels_with_the_same_answer_are_named_together() -> None:
    at = datetime(2026, 11, 28, 8, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, level=None, details=Details(now=True))
    peak = [PeakAtLevel(level, [peak_status(at, [WINTER], "Bayern")]) for level in (MS, VoltageLevel.NS)]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak), at=at) == (
        "Netz A, 28.11.2026, alle veröffentlichten Spannungsebenen: um 08:00 Uhr keine Hochlast (Wochenende), bis 30.11.2026"
        " 00:00"
    )


def test_peak_load_of_a_season_that_no_sheet_mentions_is_not_known() -> None:
    at = datetime(2026, 1, 14, 8, tzinfo=clock.GERMANY)
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, details=Details(now=True))
    peak = [PeakAtLevel(MS, [peak_status(at, [WINTER], "Bayern")])]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak), at=at).endswith(
        "nicht bekannt, ob Hochlast ist (das Blatt nennt diese Jahreszeit nicht)"
    )


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (MONDAY, "Netz A, Mittelspannung, 30.11.2026: Hochlast 08:00–09:15 Uhr"),
        (date(2026, 11, 28), "Netz A, Mittelspannung, 28.11.2026: keine Hochlast (Wochenende)"),
    ],
)
def test_peak_load_of_a_day_is_answered_with_its_hours(day: date, text: str) -> None:
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, details=Details(day=day))
    peak = [PeakAtLevel(MS, peak_statuses([WINTER], "Bayern", (), *day_span(day)))]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak)) == text


@pytest.mark.parametrize(
    ("language", "day", "rule_of_year", "text"),
    [
        (
            DE,
            MONDAY,
            rule(time_stamps=TimeStamps.INTERVAL_END),
            "Hochlast 08:00–09:15 Uhr, 07:45–08:00 Uhr: nicht bekannt, ob Hochlast ist (der Netzbetreiber druckt das Ende jeder"
            " Messviertelstunde: seine Zeitfenster beginnen 15 Minuten vor den hier verwendeten Zeiten)",
        ),
        (
            EN,
            date(2026, 11, 18),
            None,
            "08:00–09:15: not known whether it is peak load (Buß- und Bettag: which regional holidays count is not known for this"
            " operator)",
        ),
        (DE, date(2026, 1, 14), None, "nicht bekannt, ob Hochlast ist (das Blatt nennt diese Jahreszeit nicht)"),
    ],
)  # fmt: skip
def test_hours_of_a_day_of_which_peak_load_is_not_known_are_named_with_the_reason(
    language: Language, day: date, rule_of_year: HolidayRule | None, text: str
) -> None:
    asked = meaning(QuestionTopic.PEAK_STATUS, DataType.HLZF, language, details=Details(day=day))
    rules = [rule_of_year] if rule_of_year else []
    peak = [PeakAtLevel(MS, peak_statuses([WINTER], "Sachsen", rules, *day_span(day)))]
    assert answer_of(asked, dno=A, figures=Figures(peak=peak)).endswith(f": {text}")


def test_an_annual_cost_is_answered_with_its_parts() -> None:
    asked = meaning(QuestionTopic.ANNUAL_COST, DataType.NETZENTGELTE, details=Details(load=LOAD))
    assert answer_of(asked, dno=A, figures=Figures(costs=[priced(tariff(NETZ, "100", "1.50"))])) == (
        "Netz A, Mittelspannung, 2026, 5.000.000 kWh bei 1.500 kW: 225.000,00 € im Jahr (Leistung 150.000,00 €, Arbeit "
        "75.000,00 €), netto, ohne Umlagen und Steuern"
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        (DE, "Netz A, Mittelspannung, 2026: die Kosten sind nicht bekannt, weil ein Preis, der dafür nötig ist, nicht erfasst ist."),
        (EN, "Netz A, medium voltage, 2026: the cost is not known, since a price that this consumption needs is not held."),
    ],
)  # fmt: skip
def test_a_cost_that_lacks_a_price_does_not_deny_the_prices_that_are_known(
    language: Language, text: str
) -> None:
    asked = meaning(QuestionTopic.ANNUAL_COST, DataType.NETZENTGELTE, language, details=Details(load=LOAD))
    known = Figures(tariffs=[structs.replace(tariff(NETZ, "100", "1.50"), arbeit=None)])
    assert answer_of(asked, dno=A, figures=known, levels=[VoltageLevel.MS, VoltageLevel.NS]) == text


def test_compared_operators_stand_beside_each_other_with_the_difference() -> None:
    two = [tariff(NETZ, "100", "1.50"), tariff(WERK, "90", "1.50")]
    asked = meaning(
        QuestionTopic.COMPARISON,
        DataType.NETZENTGELTE,
        candidates=(NETZ, WERK),
        details=Details(load=Load(LOAD.consumption_kwh, LOAD.peak_load_kw, assumed=True)),
    )
    text = answer_of(
        asked, dno=None, candidates=[A, B], figures=Figures(tariffs=two, costs=[*map(priced, two)])
    )
    assert text.startswith("Netz A, Mittelspannung, 2026 (netto): Leistungspreis 100,00 €/kW·a")
    assert "Werk B, Mittelspannung, 2026 (netto): Leistungspreis 90,00 €/kW·a" in text
    assert text.endswith(
        "bei angenommenen 5.000.000 kWh und 1.500 kW: Mittelspannung: Werk B 210.000,00 €, Netz A 225.000,00 € – Werk B "
        "ist um 15.000,00 € günstiger als Netz A (Jahreskosten, netto, ohne Umlagen und Steuern)"
    )


def test_a_compared_operator_without_figures_is_named_as_such() -> None:
    asked = meaning(QuestionTopic.COMPARISON, DataType.NETZENTGELTE, candidates=(NETZ, WERK))
    text = answer_of(
        asked, dno=None, candidates=[A, B], figures=Figures(tariffs=[tariff(NETZ, "100", "1.50")])
    )
    assert "Werk B, Mittelspannung, 2026: keine Netzentgelte bekannt" in text


def test_a_ranking_is_answered_with_its_region_and_the_assumed_load() -> None:
    one = tariff(NETZ, "100", "1.50")
    ranking = [Ranked(1, one, priced(one).cost)]
    asked = meaning(
        QuestionTopic.RANKING,
        DataType.NETZENTGELTE,
        EN,
        details=Details(region="Bayern", load=Load(LOAD.consumption_kwh, LOAD.peak_load_kw, assumed=True)),
    )
    assert answer_of(asked, dno=None, figures=Figures(ranking=ranking), names={NETZ: "Netz A"}) == (
        "medium voltage, Bayern, 2026, with an assumed 5,000,000 kWh and 1,500 kW: 1. Netz A €225,000.00 (annual cost, net, "
        "without levies and taxes)"
    )
    assert "keine Netzentgelte bekannt" in answer_of(
        meaning(QuestionTopic.RANKING, DataType.NETZENTGELTE, details=Details(load=LOAD)), dno=None
    )


def test_preliminary_prices_behind_costs_and_rankings_are_marked() -> None:
    preliminary = structs.replace(tariff(NETZ, "100", "1.50"), publication=Publication.PRELIMINARY)
    asked = meaning(QuestionTopic.ANNUAL_COST, DataType.NETZENTGELTE, details=Details(load=LOAD))
    text = answer_of(asked, dno=A, figures=Figures(costs=[priced(preliminary)]))
    assert "Arbeit 75.000,00 €) (vorläufig), netto" in text
    ranked = meaning(QuestionTopic.RANKING, DataType.NETZENTGELTE, EN, details=Details(load=LOAD))
    ranking = [
        Ranked(1, preliminary, priced(preliminary).cost),
        Ranked(2, two := tariff(WERK, "110", "1.50"), priced(two).cost),
    ]
    text = answer_of(
        ranked, dno=None, figures=Figures(ranking=ranking), names={NETZ: "Netz A", WERK: "Werk B"}
    )
    assert "1. Netz A €225,000.00 (preliminary), 2. Werk B €240,000.00 (annual cost" in text


@pytest.mark.parametrize("day", [None, MONDAY])
def test_preliminary_prices_of_modul_3_are_marked(day: date | None) -> None:
    asked = meaning(QuestionTopic.TIME_OF_USE, DataType.TIME_OF_USE, level=None, details=Details(day=day))
    preliminary = structs.replace(SHEET, publication=Publication.PRELIMINARY)
    intervals = list(prices(preliminary, *day_span(MONDAY)))
    text = answer_of(asked, dno=A, figures=Figures(time_of_use=[preliminary], intervals=intervals))
    assert text.startswith("Netz A (vorläufig), ")


def test_more_hours_than_a_year_has_are_remarked_on() -> None:
    load = Load(Decimal(10_000), Decimal(1))
    one = tariff(NETZ, "100", "1.50")
    cost = TariffCost(one, annual_cost(one, load.consumption_kwh, load.peak_load_kw))
    asked = meaning(QuestionTopic.ANNUAL_COST, DataType.NETZENTGELTE, details=Details(load=load))
    text = answer_of(asked, dno=A, figures=Figures(costs=[cost]))
    assert "10.000 kWh bei 1 kW, mehr als 8.784 Benutzungsstunden: 250,00 € im Jahr" in text


def test_what_is_missing_for_a_cost_or_a_ranking_is_asked_for() -> None:
    cost = meaning(QuestionTopic.ANNUAL_COST, DataType.NETZENTGELTE, lacking=True)
    assert "Jahreshöchstlast" in answer_of(cost, dno=A)
    without_level = meaning(
        QuestionTopic.RANKING, DataType.NETZENTGELTE, level=None, lacking=True, details=Details(load=LOAD)
    )
    assert "Spannungsebene" in answer_of(without_level, dno=None)
    without_load = meaning(QuestionTopic.RANKING, DataType.NETZENTGELTE, EN, lacking=True)
    assert "peak load in kW" in answer_of(without_load, dno=None)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("kind", NotHeld)
def test_what_is_not_held_is_named_in_both_languages_without_a_figure(
    kind: NotHeld, language: Language
) -> None:
    asked = Interpretation(None, None, None, None, 0.3, (), language, not_held=kind)
    text = answer_of(asked, dno=None)
    assert "€" not in text
    assert "ct/kWh" not in text
    assert any(
        word in text
        for word in (
            "nicht erfasst",
            "gibt es",
            "not held",
            "exist in",
            "Rankings are",
            "nicht gebildet",
            "is not enough",
        )
    )


def test_an_unknown_operator_is_named_as_it_was_written() -> None:
    asked = Interpretation(DataType.NETZENTGELTE, None, 2026, MS, 0.4, (), DE, unknown="hinterdupfing")
    assert answer_of(asked, dno=None) == (
        "Netzentgelte, Mittelspannung, 2026: Unter „hinterdupfing“ ist kein Netzbetreiber erfasst."
    )


def test_further_questions_are_mentioned() -> None:
    asked = meaning(QuestionTopic.NETZENTGELTE, DataType.NETZENTGELTE, questions=2)
    text = answer_of(asked, dno=A, figures=Figures(tariffs=[tariff(NETZ, "100", "1.50")]))
    assert text.endswith(
        "– Das waren zwei Fragen; beantwortet ist nur eine, zu Netzentgelten. Bitte stellen Sie sie einzeln."
    )
    assert "These were three questions; only one is answered, about peak-load windows." in answer_of(
        meaning(QuestionTopic.HLZF, DataType.HLZF, EN, questions=3), dno=A, figures=Figures(hlzf=[WINTER])
    )


def test_of_several_questions_without_an_answer_each_is_to_be_asked_alone() -> None:
    asked = Interpretation(
        None, None, None, None, 0.3, (), DE, not_held=NotHeld.TIME_OF_USE_ABOVE_NS, questions=2
    )
    assert answer_of(asked, dno=None).endswith(
        "gibt es nur in der Niederspannung. – Das waren zwei Fragen; bitte stellen Sie sie einzeln."
    )
