"""The one sentence that answers a question, in its language, or names what is missing and what to ask instead."""

from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from app.domain.clock import hh_mm
from app.domain.dno import Dno
from app.domain.entry import LEVEL_ORDER, VoltageLevel
from app.domain.families import HLZF, NETZENTGELTE, DataType
from app.domain.hlzf import SEASON_ORDER, Hlzf, Season
from app.domain.question import Interpretation, Language
from app.domain.tariff import Tariff

MAX_NAMES, MAX_YEARS = 5, 4  # more would not be read


class _Words(NamedTuple):
    """What the same answer is made of in either language; braces are filled in."""

    levels: dict[VoltageLevel, str]
    seasons: dict[Season, str]
    topics: dict[DataType, str]
    capacity: str
    energy: str
    from_2500: str
    below_2500: str
    unpriced: str
    no_window: str
    windows: str
    both: str
    either: str
    nothing: str
    other_years: str
    other_levels: str
    no_year: str
    which: str
    perhaps: str
    several: str
    others: str
    off_topic: str


_V, _S = VoltageLevel, Season
_GERMAN = _Words(
    levels={
        _V.HOES: "Höchstspannung",
        _V.HOES_HS: "Umspannung Höchst-/Hochspannung",
        _V.HS: "Hochspannung",
        _V.HS_MS: "Umspannung Hoch-/Mittelspannung",
        _V.MS: "Mittelspannung",
        _V.MS_NS: "Umspannung Mittel-/Niederspannung",
        _V.NS: "Niederspannung",
    },
    seasons={_S.WINTER: "Winter", _S.SPRING: "Frühling", _S.SUMMER: "Sommer", _S.AUTUMN: "Herbst"},
    topics={NETZENTGELTE: "Netzentgelte", HLZF: "Hochlastzeitfenster"},
    capacity="Leistungspreis {} €/kW·a",
    energy="Arbeitspreis {} ct/kWh",
    from_2500="(ab 2.500 h/a)",
    below_2500="(unter 2.500 h/a)",
    unpriced="keine Preise veröffentlicht",
    no_window="keine",
    windows="{} Uhr",
    both=" und ",
    either=" oder ",
    nothing="{}: keine {} bekannt",
    other_years="; Daten gibt es für {}",
    other_levels="; veröffentlicht sind sie für {}",
    no_year="; für diesen Netzbetreiber sind noch keine Daten erfasst",
    which="{}: Bitte nennen Sie den Netzbetreiber, zum Beispiel „Netzentgelte Netze BW {} Mittelspannung“.",
    perhaps="{}: Meinen Sie {}?",
    several="{}: Mehrere Netzbetreiber passen – meinen Sie {}?",
    others="einen von {} weiteren",
    off_topic="Diese Frage kann ich nicht beantworten; ich kenne Netzentgelte und Hochlastzeitfenster der deutschen"
    " Stromnetzbetreiber, zum Beispiel „Netzentgelte Netze BW 2025 Mittelspannung“.",
)
_ENGLISH = _Words(
    levels={
        _V.HOES: "extra-high voltage",
        _V.HOES_HS: "extra-high/high voltage transformation",
        _V.HS: "high voltage",
        _V.HS_MS: "high/medium voltage transformation",
        _V.MS: "medium voltage",
        _V.MS_NS: "medium/low voltage transformation",
        _V.NS: "low voltage",
    },
    seasons={_S.WINTER: "winter", _S.SPRING: "spring", _S.SUMMER: "summer", _S.AUTUMN: "autumn"},
    topics={NETZENTGELTE: "grid charges", HLZF: "peak-load windows"},
    capacity="capacity price €{} per kW and year",
    energy="energy price {} ct/kWh",
    from_2500="(from 2,500 h/a)",
    below_2500="(below 2,500 h/a)",
    unpriced="no prices published",
    no_window="none",
    windows="{}",
    both=" and ",
    either=" or ",
    nothing="{}: no {} known",
    other_years="; there are data for {}",
    other_levels="; they are published for {}",
    no_year="; there are no data of this operator yet",
    which="{}: please name the grid operator, for example “grid charges Netze BW {} medium voltage”.",
    perhaps="{}: do you mean {}?",
    several="{}: several grid operators fit – do you mean {}?",
    others="one of {} others",
    off_topic="I cannot answer this question; I know grid charges and peak-load windows of the German electricity"
    " grid operators, for example “grid charges Netze BW 2025 medium voltage”.",
)


def answer_of(
    meaning: Interpretation,
    *,
    dno: Dno | None,
    candidates: Sequence[Dno] = (),
    tariffs: Sequence[Tariff] = (),
    hlzf: Sequence[Hlzf] = (),
    years: Sequence[int] = (),
    levels: Iterable[VoltageLevel] = (),
) -> str:
    """`years` and `levels`: those for which this operator has data, to offer where there is no value."""
    words = _ENGLISH if meaning.language is Language.ENGLISH else _GERMAN
    if meaning.data_type is None:
        return words.off_topic
    if dno is None:
        return _unnamed(words, meaning, candidates)
    parts = _prices(words, tariffs) if meaning.data_type is NETZENTGELTE else _hours(words, hlzf)
    if not parts:
        return _nothing(words, meaning, dno, years, levels)
    if meaning.voltage_level is not None and len(parts) == 1:
        ((level, text),) = parts
        return f"{dno.name}, {words.levels[level]}, {meaning.year}: {text}"
    return f"{dno.name}, {meaning.year}: " + "; ".join(
        f"{words.levels[level]} {text}" for level, text in parts
    )


def _prices(words: _Words, tariffs: Sequence[Tariff]) -> list[tuple[VoltageLevel, str]]:
    ordered = sorted(tariffs, key=lambda tariff: LEVEL_ORDER[tariff.voltage_level])
    return [(tariff.voltage_level, _price(words, tariff)) for tariff in ordered]


def _price(words: _Words, tariff: Tariff) -> str:
    pairs = (
        (tariff.leistung, tariff.arbeit, words.from_2500),
        (tariff.leistung_unter_2500h, tariff.arbeit_unter_2500h, words.below_2500),
    )
    parts = [f"{prices} {hours}" for *pair, hours in pairs if (prices := _pair(words, *pair))]
    return ", ".join(parts) or words.unpriced


def _pair(words: _Words, leistung: Decimal | None, arbeit: Decimal | None) -> str:
    priced = ((words.capacity, leistung), (words.energy, arbeit))
    return ", ".join(text.format(_number(words, price)) for text, price in priced if price is not None)


def _number(words: _Words, price: Decimal) -> str:
    """All decimals that are published, at least two: "1.234,50" and "1,234.50"."""
    exponent = price.as_tuple().exponent
    decimals = max(2, -exponent) if isinstance(exponent, int) else 2
    text = f"{price:,.{decimals}f}"
    return text.translate(str.maketrans(",.", ".,")) if words is _GERMAN else text


def _hours(words: _Words, hlzf: Sequence[Hlzf]) -> list[tuple[VoltageLevel, str]]:
    ordered = sorted(hlzf, key=lambda one: (LEVEL_ORDER[one.voltage_level], SEASON_ORDER[one.season]))
    return [
        (level, f"{words.topics[HLZF]} " + ", ".join(_season(words, one) for one in same))
        for level, same in groupby(ordered, key=lambda one: one.voltage_level)
    ]


def _season(words: _Words, hlzf: Hlzf) -> str:
    season = words.seasons[hlzf.season]
    if not hlzf.windows:
        return f"{season} {words.no_window}"
    spans = [f"{hh_mm(window.start)}–{hh_mm(window.end)}" for window in sorted(hlzf.windows)]
    return f"{season} {words.windows.format(_listed(spans, words.both))}"


def _nothing(
    words: _Words, meaning: Interpretation, dno: Dno, years: Sequence[int], levels: Iterable[VoltageLevel]
) -> str:
    assert meaning.data_type is not None
    text = words.nothing.format(_asked(words, meaning, dno.name), words.topics[meaning.data_type])
    published = sorted(set(levels) - {meaning.voltage_level}, key=lambda level: LEVEL_ORDER[level])
    if published:
        return (
            text
            + words.other_levels.format(_listed([words.levels[one] for one in published], words.both))
            + "."
        )
    if years:
        newest = sorted(years, reverse=True)[:MAX_YEARS]
        return text + words.other_years.format(_listed([str(year) for year in newest], words.both)) + "."
    return text + words.no_year + "."


def _unnamed(words: _Words, meaning: Interpretation, candidates: Sequence[Dno]) -> str:
    assert meaning.data_type is not None
    asked = _asked(words, meaning, words.topics[meaning.data_type])
    names = _distinct_names(candidates)
    if not names:
        return words.which.format(asked, meaning.year)
    more = len(names) - MAX_NAMES
    shown = [*names[:MAX_NAMES], words.others.format(more)] if more > 0 else names
    return (words.perhaps if len(names) == 1 else words.several).format(asked, _listed(shown, words.either))


def _asked(words: _Words, meaning: Interpretation, first: str) -> str:
    level = words.levels[meaning.voltage_level] if meaning.voltage_level is not None else None
    text = ", ".join(part for part in (first, level, str(meaning.year)) if part)
    return text[:1].upper() + text[1:] if first in words.topics.values() else text


def _distinct_names(candidates: Sequence[Dno]) -> list[str]:
    """Names; where two have the same, with what the register has to distinguish them."""
    same = Counter(dno.name for dno in candidates)
    return [
        dno.name if same[dno.name] == 1 else dno.official_name or f"{dno.name} ({dno.slug})"
        for dno in candidates
    ]


def _listed(parts: Sequence[str], last: str) -> str:
    return last.join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
