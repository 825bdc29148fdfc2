"""The answer about § 14a EnWG, Modul 3: bands and windows of a year, the hours of a day, the price at a moment."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from app.domain import clock
from app.domain.price_series import PriceInterval
from app.domain.question import Interpretation
from app.domain.time_of_use import TimeOfUseBand, TimeOfUseTariff, TimeOfUseWindow
from app.interpreter.answer_words import Words, listed, marked, number

QUARTERS = (1, 2, 3, 4)
_BAND_ORDER = {band: rank for rank, band in enumerate(TimeOfUseBand)}


def bands_and_windows(words: Words, name: str, sheets: Sequence[TimeOfUseTariff]) -> str | None:
    """The price of each band, and when HT and NT hold; None without a sheet."""
    if not sheets:
        return None
    sheet = sheets[0]
    bands = sorted(sheet.bands, key=lambda one: _BAND_ORDER[one.band])
    prices = ", ".join(f"{one.band} {number(words, one.price)} ct/kWh" for one in bands)
    days = [_windows_of(words, [w for w in sheet.windows if w.quarter == quarter]) for quarter in QUARTERS]
    texts = [
        text.format(_quarters(words, [q for q in QUARTERS if days[q - 1] == text]))
        for text in dict.fromkeys(days)
    ]
    subject = f"{marked(words, name, sheet.publication)}, {sheet.year}"
    return words.modul_3.format(subject, "; ".join([prices, *texts]))


def _windows_of(words: Words, windows: Sequence[TimeOfUseWindow]) -> str:
    """The hours of a quarter, with a brace for its name."""
    if not windows:
        return words.no_time_variable
    bands = dict.fromkeys(window.band for window in windows)
    if len(bands) == 1:
        return words.always.format("{}", *bands)
    texts = [
        f"{band} {words.windows.format(_spans(words, [w for w in windows if w.band is band]))}"
        for band in (TimeOfUseBand.HT, TimeOfUseBand.NT)
        if band in bands
    ]
    return "{}: " + ", ".join(texts)


def _spans(words: Words, windows: Iterable[TimeOfUseWindow]) -> str:
    spans = [f"{clock.hh_mm(one.start)}–{clock.hh_mm(one.end)}" for one in sorted(windows)]
    return listed(spans, words.both)


def _quarters(words: Words, quarters: Sequence[int]) -> str:
    if len(quarters) == len(QUARTERS):
        return words.all_quarters
    text = words.quarter if len(quarters) == 1 else words.quarters
    return text.format(listed([str(quarter) for quarter in quarters], words.both))


def hours_of_a_day(
    words: Words, meaning: Interpretation, name: str, prices: Sequence[PriceInterval]
) -> str | None:
    """When the network is cheapest and most expensive on the day that is asked about."""
    if not prices:
        return None
    day = words.day.format(meaning.details.day)
    lowest, highest = (pick(prices, key=lambda one: one.price) for pick in (min, max))
    if lowest.price == highest.price:
        text = words.all_day.format(number(words, lowest.price), lowest.band) + _constancy(words, lowest)
    else:
        texts = [
            said.format(_hours_of(words, prices, one), number(words, one.price), one.band)
            for said, one in ((words.cheapest, lowest), (words.dearest, highest))
        ]
        text = "; ".join(reversed(texts) if meaning.details.dearest else texts)
    return words.modul_3.format(f"{name}, {day}", f"{text}. {words.only_grid}")


def _hours_of(words: Words, prices: Sequence[PriceInterval], wanted: PriceInterval) -> str:
    spans = [f"{_time(one.start)}–{_end(one)}" for one in prices if one.price == wanted.price]
    return words.windows.format(listed(spans, words.both))


def price_at_a_moment(words: Words, name: str, prices: Sequence[PriceInterval], at: datetime) -> str | None:
    if not prices:
        return None
    (now,) = prices
    day = words.day.format(at.astimezone(clock.GERMANY))
    until = now.end.astimezone(clock.GERMANY)
    end = f"{words.day.format(until)} {until:%H:%M}"
    text = words.at_moment.format(_time(at), number(words, now.price), now.band, end) + _constancy(words, now)
    return words.modul_3.format(f"{name}, {day}", f"{text}. {words.only_grid}")


def _constancy(words: Words, interval: PriceInterval) -> str:
    return "" if interval.time_variable else words.not_variable


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(clock.GERMANY):%H:%M}"


def _end(interval: PriceInterval) -> str:
    """Midnight at the end of a day is 24:00."""
    end = _time(interval.end)
    return "24:00" if end == "00:00" else end
