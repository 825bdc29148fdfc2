"""Loads the figures that a question asks for: all of one kind with one statement, whatever the topic."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from typing import Any, NamedTuple
from uuid import UUID

from msgspec import structs

from app.db import tariffs as tariff_table
from app.domain import clock, tags
from app.domain.cost import Ranked, annual_cost
from app.domain.directory_parts import Part
from app.domain.dno import Dno
from app.domain.entry import LEVEL_ORDER, DnoYear, Publication, VoltageLevel
from app.domain.families import HLZF, PRICE, TIME_OF_USE
from app.domain.hlzf import Hlzf
from app.domain.holiday_rule import HolidayRule
from app.domain.levy import LevyKind
from app.domain.peak import peak_status, peak_statuses
from app.domain.place import DnoAtPlace, PlaceBasis
from app.domain.price_series import day_span, price_at, prices
from app.domain.question import Interpretation, Load, QuestionTopic, Unanswered
from app.domain.question_figures import BillOfDno, Figures, PeakAtLevel, TariffCost
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff
from app.interpreter.years import FIRST, LAST
from schema.context import Context
from schema.directory import load_directory
from schema.queries.dnos import regions_named
from schema.queries.natural_bills import load_bills, load_ranking_by_bills
from schema.queries.natural_found import Found
from schema.queries.natural_levies import load_levies

MAX_OTHER_YEARS = 30  # newest first, in which figures of the same kind are looked for
_TIMED = {QuestionTopic.TIME_OF_USE, QuestionTopic.PEAK_STATUS}


async def load_figures(
    context: Context, meaning: Interpretation, today: date, operators: Sequence[DnoAtPlace] = ()
) -> Found:
    """`operators`: at the place that is asked about."""
    if meaning.about is QuestionTopic.LEVIES:
        return await load_levies(context, meaning)
    if meaning.about is QuestionTopic.BILL:
        by_bills = meaning.topic is QuestionTopic.RANKING
        return await (load_ranking_by_bills if by_bills else load_bills)(context, meaning)
    if meaning.topic is QuestionTopic.RANKING:
        return await _ranking(context, meaning)
    if meaning.about is QuestionTopic.GRID_OPERATOR:
        return await _operators(context, meaning, operators)
    at = _moment(meaning, today)
    loaders = context.loaders
    several = meaning.candidates if meaning.topic is QuestionTopic.COMPARISON else ()
    asked = [meaning.dno_id] if meaning.dno_id is not None else list(several)
    year = meaning.year if at is None else at.year
    keys = [DnoYear(dno_id, year) for dno_id in asked] if year is not None else []
    records = _records(context, meaning)
    about_peak = meaning.topic is QuestionTopic.PEAK_STATUS
    dnos, years, candidates, published, rules = await asyncio.gather(
        loaders.dno_by_id.load_many([] if meaning.dno_id is None else [meaning.dno_id]),
        loaders.years_by_dno.load_many([] if meaning.dno_id is None else [meaning.dno_id]),
        loaders.dno_by_id.load_many(list(meaning.candidates)),
        records.loader.load_many(keys),
        loaders.holiday_rules_by_dno.load_many(asked if about_peak else []),
    )
    used = {tags.operator(dno_id) for dno_id in (*asked, *meaning.candidates)}
    used |= {tags.years(dno_id) for dno_id in asked} | records.tags_of(keys)
    used |= {tags.holiday_rules_of(dno_id) for dno_id in asked if about_peak}
    dno = dnos[0] if dnos else None
    with_data: Sequence[int] = (years[0] if years else None) or ()
    rows = _asked_for(meaning, [row for found in published for row in found or ()])
    if dno is not None and not rows:
        others = [DnoYear(dno.id, one) for one in with_data if one != year][:MAX_OTHER_YEARS]
        held = await records.loader.load_many(others)
        with_data = [
            key.year for key, found in zip(others, held, strict=True) if _asked_for(meaning, found or ())
        ]
        used |= records.tags_of(others)
    return Found(
        figures=_figures(meaning, dno, rows, [rule for found in rules for rule in found or ()], at),
        dno=dno,
        candidates=[candidate for candidate in candidates if candidate is not None],
        names={},
        years=with_data,
        levels=_levels(meaning, rows),
        at=at,
        used=used,
    )


async def _operators(context: Context, meaning: Interpretation, operators: Sequence[DnoAtPlace]) -> Found:
    named = [] if meaning.dno_id is None else [meaning.dno_id]
    dnos, candidates = await asyncio.gather(
        context.loaders.dno_by_id.load_many(named),
        context.loaders.dno_by_id.load_many(list(meaning.candidates)),
    )
    return Found(
        Figures(operators=operators),
        dno=dnos[0] if dnos else None,
        candidates=[candidate for candidate in candidates if candidate is not None],
        used={tags.operator(dno_id) for dno_id in (*named, *meaning.candidates)},
    )


def _asked_for(meaning: Interpretation, rows: Iterable[Any]) -> list[Any]:
    """Of prices those of the kinds that are asked for."""
    if meaning.data_type is not PRICE:
        return list(rows)
    return [row for row in rows if row.kind in meaning.details.kinds]


def _levels(meaning: Interpretation, rows: Iterable[Any]) -> list[VoltageLevel]:
    """Those that can be offered instead of another."""
    if meaning.data_type is TIME_OF_USE:
        return []
    return [row.voltage_level for row in rows if row.voltage_level is not None]


class _Records(NamedTuple):
    """Where figures come from: their loader, and the tags of what it reads."""

    loader: Any
    tags: tuple[Callable[[DnoYear], str], ...]

    def tags_of(self, keys: Iterable[DnoYear]) -> set[str]:
        return {tag(key) for key in keys for tag in self.tags}


def _records(context: Context, meaning: Interpretation) -> _Records:
    loaders = context.loaders
    if meaning.data_type is TIME_OF_USE:
        return _Records(loaders.time_of_use_by_dno_year, (tags.time_of_use,))
    if meaning.data_type is HLZF:
        return _Records(loaders.hlzf_by_dno_year, (tags.hlzf,))
    if meaning.data_type is PRICE:
        return _Records(loaders.prices_with_derived, (tags.prices, tags.time_of_use))
    return _Records(loaders.tariffs_by_dno_year, (tags.tariffs,))


def _moment(meaning: Interpretation, today: date) -> datetime | None:
    """The moment that is asked about; None: a whole day, or a year."""
    details = meaning.details
    if meaning.subject not in _TIMED or not FIRST <= (details.day or today).year <= LAST:
        return None
    if details.minute is not None:
        hour, minute = divmod(details.minute, 60)
        return datetime.combine(details.day or today, time(hour, minute), clock.GERMANY)
    if details.now:
        now = datetime.now(clock.GERMANY)
        return now if now.date() == today else datetime.combine(today, now.time(), clock.GERMANY)
    return None


def _figures(
    meaning: Interpretation, dno: Dno | None, rows: list[Any], rules: list[HolidayRule], at: datetime | None
) -> Figures:
    if meaning.data_type is TIME_OF_USE:
        return _time_of_use(meaning, rows, at)
    if meaning.data_type is PRICE:  # some have no level
        of_level = [
            row for row in rows if row.voltage_level is None or meaning.asks_for_level(row.voltage_level)
        ]
        return Figures(prices=of_level)
    chosen = [row for row in rows if meaning.asks_for_level(row.voltage_level)]
    if meaning.data_type is not HLZF:
        return Figures(tariffs=chosen, costs=_costs(chosen, meaning.details.load))
    if meaning.topic is QuestionTopic.PEAK_STATUS and dno is not None:
        return Figures(hlzf=chosen, peak=_peak(meaning, dno, chosen, rules, at))
    return Figures(hlzf=chosen)


def _time_of_use(meaning: Interpretation, rows: list[TimeOfUseTariff], at: datetime | None) -> Figures:
    if at is not None:
        found = [price for row in rows if (price := price_at(row, at)) is not None]
    elif (day := meaning.details.day) is not None:
        found = [price for row in rows for price in prices(row, *day_span(day))]
    else:
        return Figures(time_of_use=rows)
    return Figures(time_of_use=rows if found else (), intervals=found)


def _costs(tariffs: Iterable[Tariff], load: Load | None) -> list[TariffCost]:
    """Only of tariffs that have both prices; by level, then the cheapest first."""
    if load is None:
        return []
    costs = [
        TariffCost(tariff, annual_cost(tariff, load.consumption_kwh, load.peak_load_kw)) for tariff in tariffs
    ]
    known = [(one.cost.total, one) for one in costs if one.cost.total is not None]
    known.sort(key=lambda pair: (LEVEL_ORDER[pair[1].tariff.voltage_level], pair[0]))
    return [one for _, one in known]


def _peak(
    meaning: Interpretation, dno: Dno, hlzf: list[Hlzf], rules: list[HolidayRule], at: datetime | None
) -> list[PeakAtLevel]:
    day = meaning.details.day if at is None else at.astimezone(clock.GERMANY).date()
    if day is None:
        return []
    by_level: dict[VoltageLevel, list[Hlzf]] = {}
    for one in sorted(hlzf, key=lambda one: LEVEL_ORDER[one.voltage_level]):
        by_level.setdefault(one.voltage_level, []).append(one)
    found = []
    for level, of_level in by_level.items():
        if at is not None:
            statuses = [peak_status(at, of_level, dno.region, rules)]
        else:
            statuses = peak_statuses(of_level, dno.region, rules, *day_span(day))
        published = (
            one.publication for one in of_level if (one.year, one.season) == (day.year, clock.season(day))
        )
        found.append(PeakAtLevel(level, statuses, next(published, Publication.FINAL)))
    return found


async def _ranking(context: Context, meaning: Interpretation) -> Found:
    details, level, year = meaning.details, meaning.voltage_level, meaning.year
    ranking: tuple[Ranked, ...] = ()
    names: dict[UUID, str] = {}
    if details.load is not None and level is not None and year is not None:
        regions = None if details.region is None else await regions_named(context, details.region)
        ranking = await tariff_table.fetch_ranking(
            context.resources.pool,
            year,
            level,
            details.load.consumption_kwh,
            details.load.peak_load_kw,
            regions,
            details.first,
            dearest=details.dearest,
        )
        by_id = (await load_directory(context, Part.BY_ID)).by_id
        names = {
            one.tariff.dno_id: by_id[one.tariff.dno_id].name for one in ranking if one.tariff.dno_id in by_id
        }
    figures = Figures(tariffs=[one.tariff for one in ranking], ranking=ranking)
    return Found(figures, names=names, used={tags.DIRECTORY}, uncached=True)


_WITHOUT_OPERATOR = (
    QuestionTopic.RANKING,
    QuestionTopic.COMPARISON,
    QuestionTopic.LEVIES,
    QuestionTopic.GRID_OPERATOR,
)


def why_unanswered(meaning: Interpretation, found: Found) -> Unanswered | None:
    """None: the answer holds what was asked for."""
    if meaning.subject is None:
        return Unanswered.OFF_TOPIC if meaning.not_held is None else Unanswered.NOT_HELD
    if meaning.unknown is not None:
        return Unanswered.UNKNOWN_OPERATOR
    if meaning.topic is QuestionTopic.GRID_OPERATOR and meaning.details.place is None and meaning.lacking:
        return Unanswered.DETAILS_MISSING
    if found.dno is None and meaning.topic not in _WITHOUT_OPERATOR:
        return Unanswered.SEVERAL_OPERATORS if meaning.candidates else Unanswered.OPERATOR_MISSING
    if meaning.lacking:
        return Unanswered.DETAILS_MISSING
    return None if _is_answered(meaning, found.figures) else Unanswered.NO_DATA


def answering_figures(meaning: Interpretation, found: Found, unanswered: Unanswered | None) -> Figures:
    """Without those that do not answer the question: prices where a cost is asked for that cannot be worked out."""
    if unanswered is None:
        return found.figures
    if meaning.topic is QuestionTopic.COMPARISON:
        known = [one for one in found.figures.bills if _is_known(meaning, one)]
        return structs.replace(found.figures, bills=known)
    if meaning.topic is QuestionTopic.GRID_OPERATOR:
        return Figures(operators=found.figures.operators)  # each has its basis
    if meaning.topic is QuestionTopic.LEVIES:
        return found.figures  # those that are known
    if meaning.topic is QuestionTopic.PEAK_STATUS:
        return Figures(peak=found.figures.peak)  # each has the reason why it is not known
    return Figures()


def _charged(figures: Figures) -> set[LevyKind]:
    """The levies that are charged and not held, at least for some customers or days."""
    return {one.kind for one in figures.missing_levies}


def _knows_the_grid(meaning: Interpretation, figures: Figures) -> bool:
    """A seat is no evidence of a network; a code belongs to its operator."""
    if meaning.details.place is None:
        return meaning.dno_id is not None
    return any(one.basis is not PlaceBasis.SEAT for one in figures.operators)


def _is_known(meaning: Interpretation, one: BillOfDno) -> bool:
    """With levies and taxes only where these are asked for."""
    usage = meaning.details.usage
    with_taxes = usage is not None and usage.gross
    return one.bill.network is not None and (not with_taxes or one.bill.gross is not None)


def _is_answered(meaning: Interpretation, figures: Figures) -> bool:
    details = meaning.details
    match meaning.subject:
        case QuestionTopic.TIME_OF_USE if (
            details.now or details.minute is not None or details.day is not None
        ):
            return bool(figures.intervals)
        case QuestionTopic.PEAK_STATUS:
            return any(one.known for one in figures.peak)
        case QuestionTopic.ANNUAL_COST:
            return bool(figures.costs)
        case QuestionTopic.RANKING:
            return bool(figures.ranking or (figures.bill_ranking and figures.bill_ranking.bills))
        case QuestionTopic.LEVIES:
            return bool(figures.levies) and _charged(figures) <= {one.kind for one in figures.levies}
        case QuestionTopic.BILL:
            return any(_is_known(meaning, one) for one in figures.bills)
        case QuestionTopic.COMPARISON if details.usage is not None:
            known = {one.dno_id for one in figures.bills if _is_known(meaning, one)}
            return known >= set(meaning.candidates)
        case QuestionTopic.GRID_OPERATOR:
            return _knows_the_grid(meaning, figures)
        case QuestionTopic.COMPARISON:
            rows: Sequence[Any] = (*figures.tariffs, *figures.hlzf, *figures.time_of_use, *figures.prices)
            return {row.dno_id for row in rows} >= set(meaning.candidates)
        case _:
            return bool(figures.tariffs or figures.hlzf or figures.time_of_use or figures.prices)
