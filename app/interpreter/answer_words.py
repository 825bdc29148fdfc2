"""What answers are made of in German and in English; braces are filled in."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from app.domain.entry import Publication, VoltageLevel
from app.domain.hlzf import Season
from app.domain.question import Interpretation, Language, NotHeld, QuestionTopic
from app.domain.working_days import PeakReason


class Words(NamedTuple):
    levels: dict[VoltageLevel, str]
    seasons: dict[Season, str]
    topics: dict[QuestionTopic, str]
    about: dict[QuestionTopic, str]  # the same behind a preposition
    capacity: str
    energy: str
    from_2500: str
    below_2500: str
    unpriced: str
    no_window: str
    windows: str
    both: str
    either: str
    nothing: dict[QuestionTopic, str]
    other_years: str
    other_levels: str
    unknown_levels: str
    no_year: str
    unknown_cost: str
    which: str
    perhaps: str
    several: str
    others: str
    off_topic: str
    not_held: dict[NotHeld, str]
    unknown: str
    load_missing: str
    level_missing: str
    module_missing: str
    bands_missing: str
    questions: str
    numbers: tuple[str, ...]
    by_seat: str
    one_answered: str
    none_answered: str
    modul_3: str
    quarter: str
    quarters: str
    all_quarters: str
    always: str
    no_time_variable: str
    cheapest: str
    dearest: str
    all_day: str
    not_variable: str
    at_moment: str
    only_grid: str
    day: str
    all_levels: str
    peak: str
    off_peak: str
    peak_unknown: str
    until: str
    reasons: dict[PeakReason, str]
    peak_hours: str
    cost: str
    load: str
    assumed: str
    net: str
    net_prices: str
    cheaper: str
    equal: str
    ranked: str
    euro: str
    no_ranking: str
    preliminary: str


_V, _S, _Q = VoltageLevel, Season, QuestionTopic
GERMAN = Words(
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
    topics={
        _Q.NETZENTGELTE: "Netzentgelte",
        _Q.HLZF: "Hochlastzeitfenster",
        _Q.TIME_OF_USE: "zeitvariable Netzentgelte (§ 14a EnWG, Modul 3)",
        _Q.PRICES: "Preise des Preisblatts",
        _Q.LEVIES: "Umlagen, Abgaben und Steuern",
        _Q.BILL: "Kosten der Netznutzung mit Umlagen und Steuern",
        _Q.GRID_OPERATOR: "Netzbetreiber",
    },
    about={
        _Q.NETZENTGELTE: "Netzentgelten",
        _Q.HLZF: "Hochlastzeitfenstern",
        _Q.TIME_OF_USE: "zeitvariablen Netzentgelten",
        _Q.PRICES: "Preisen des Preisblatts",
        _Q.LEVIES: "Umlagen, Abgaben und Steuern",
        _Q.BILL: "Kosten",
        _Q.GRID_OPERATOR: "Netzbetreibern",
    },
    capacity="Leistungspreis {} €/kW·a",
    energy="Arbeitspreis {} ct/kWh",
    from_2500="(ab 2.500 h/a)",
    below_2500="(unter 2.500 h/a)",
    unpriced="keine Preise veröffentlicht",
    no_window="keine",
    windows="{} Uhr",
    both=" und ",
    either=" oder ",
    nothing={
        _Q.NETZENTGELTE: "{}: keine Netzentgelte bekannt",
        _Q.HLZF: "{}: keine Hochlastzeitfenster bekannt",
        _Q.TIME_OF_USE: "{}: keine zeitvariablen Netzentgelte (§ 14a EnWG, Modul 3) bekannt",
        _Q.PRICES: "{}: nicht bekannt: {}",
        _Q.LEVIES: "{}: nicht bekannt: {}",
        _Q.BILL: "{}: die Kosten lassen sich nicht berechnen",
        _Q.GRID_OPERATOR: "{}: kein Netzbetreiber bekannt",
    },
    other_years="; Daten gibt es für {}",
    other_levels="; veröffentlicht sind sie für {}",
    unknown_levels="; nicht bekannt für {}",
    no_year="; auch für andere Jahre sind hier keine erfasst",
    unknown_cost="{}: die Kosten sind nicht bekannt, weil ein Preis, der dafür nötig ist, nicht erfasst ist.",
    which="{}: Bitte nennen Sie den Netzbetreiber, zum Beispiel „Netzentgelte Netze BW {} Mittelspannung“.",
    perhaps="{}: Meinen Sie {}?",
    several="{}: Mehrere Netzbetreiber passen – meinen Sie {}?",
    others="einen von {} weiteren",
    off_topic="Diese Frage kann ich nicht beantworten; ich kenne Netzentgelte und weitere Preise der Preisblätter, Hochlastzeitfenster,"
    " die Module nach § 14a EnWG, Umlagen und Netzkosten der deutschen Stromnetzbetreiber, zum Beispiel „Netzentgelte Netze BW 2025 Mittelspannung“.",
    not_held={
        NotHeld.OTHER_POSITION: "Diese Position des Preisblatts ist hier nicht erfasst.",
        NotHeld.MODULE_CHOICE: "Welches Modul nach § 14a EnWG günstiger ist, hängt vom Verbrauch und seinen Zeiten ab; ein Vergleich"
        " der Module ist hier nicht erfasst. Fragen Sie nach den Kosten mit einem Modul, zum Beispiel „Wärmepumpe 6000 kWh Modul 2“.",
        NotHeld.TIME_OF_USE_ABOVE_NS: "Zeitvariable Netzentgelte nach § 14a EnWG, Modul 3, gibt es nur in der Niederspannung.",
        NotHeld.AVERAGE: "Durchschnitte werden hier nicht gebildet; erfasst sind die Preise der einzelnen Netzbetreiber.",
        NotHeld.EXCEPTION: "Genannt ist nur, was nicht gemeint ist („außer“, „nicht“, „vor 2026“). Antworten gibt es hier, wenn"
        " Netzbetreiber, Jahr, Spannungsebene oder Bundesland selbst genannt sind.",
        NotHeld.AMOUNT: "Kosten gibt es hier für genau einen Verbrauch, nicht für Spannen („3000 bis 5000 kWh“), Grenzen („unter"
        " 5000 kWh“), mehrere Mengen oder Kunden, Teile eines Jahres oder negative Zahlen; bitte nennen Sie den Verbrauch eines"
        " Kunden in einem Jahr.",
        NotHeld.FORECAST: "Prognosen gibt es hier nicht; erfasst sind veröffentlichte Preise, auch vorläufige.",
        NotHeld.OTHER_RANKING: "Ranglisten gibt es hier nach den Jahreskosten der Netznutzung, für Deutschland oder ein"
        " Bundesland, bis Platz 20, zum Beispiel „günstigste Netzbetreiber in Bayern Mittelspannung 2026“.",
    },
    unknown="{}: Unter „{}“ ist kein Netzbetreiber erfasst.",
    load_missing="{}: Für Jahreskosten werden der Jahresverbrauch und die Jahreshöchstlast in kW (oder die Benutzungsdauer in"
    " Stunden) gebraucht, zum Beispiel „5 GWh bei 1500 kW“.",
    level_missing="{}: Bitte nennen Sie die Spannungsebene, zum Beispiel „Mittelspannung“.",
    module_missing="{}: Seit 2024 hängt das Netzentgelt vom Modul nach § 14a EnWG ab; bitte nennen Sie Modul 1 oder Modul 2, oder"
    " „Altvertrag“ für Verträge vor 2024.",
    bands_missing="{}: Für Modul 3 werden die kWh je Tarifstufe gebraucht, zum Beispiel „800 kWh HT, 2000 kWh ST, 700 kWh NT“.",
    questions="Das waren {} Fragen; ",
    numbers=("zwei", "drei", "vier"),
    by_seat="{} hat den Sitz in {}; ob auch das Netz dort dazugehört, ist hier nicht erfasst.",
    one_answered="beantwortet ist nur eine, zu {}. Bitte stellen Sie sie einzeln.",
    none_answered="bitte stellen Sie sie einzeln.",
    modul_3="{} (§ 14a EnWG, Modul 3, netto): {}",
    quarter="Quartal {}",
    quarters="Quartale {}",
    all_quarters="alle Quartale",
    always="{}: durchgehend {}",
    no_time_variable="{}: keine zeitvariablen Preise, es gilt ST",
    cheapest="am günstigsten {} mit {} ct/kWh ({})",
    dearest="am teuersten {} mit {} ct/kWh ({})",
    all_day="den ganzen Tag {} ct/kWh ({})",
    not_variable=", in diesem Quartal nicht zeitvariabel",
    at_moment="um {} Uhr {} ct/kWh ({}), bis {}",
    only_grid="Das ist nur das Netzentgelt, nicht der Strompreis.",
    day="{0:%d.%m.%Y}",
    all_levels="alle veröffentlichten Spannungsebenen",
    peak="Hochlast",
    off_peak="keine Hochlast ({})",
    peak_unknown="nicht bekannt, ob Hochlast ist",
    until="um {} Uhr {}, bis {}",
    reasons={
        PeakReason.WINDOW: "Zeitfenster",
        PeakReason.NO_WINDOW: "kein Zeitfenster",
        PeakReason.WEEKEND: "Wochenende",
        PeakReason.HOLIDAY: "Feiertag",
        PeakReason.BRIDGE_DAY: "Brückentag",
        PeakReason.CHRISTMAS: "Weihnachten",
        PeakReason.UNKNOWN: "nicht bekannt",
    },
    peak_hours="Hochlast {}",
    cost="{} € im Jahr (Leistung {} €, Arbeit {} €)",
    load="{} kWh bei {} kW",
    assumed="angenommenen {} kWh und {} kW",
    net="netto, ohne Umlagen und Steuern",
    net_prices="netto",
    cheaper="{} ist um {} € günstiger als {}",
    equal="gleich teuer",
    ranked="bei {}: {} (Jahreskosten, {})",
    euro="{} €",
    no_ranking="{}: keine Netzentgelte bekannt, nach denen sich Netzbetreiber ordnen lassen.",
    preliminary="vorläufig",
)
ENGLISH = Words(
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
    topics={
        _Q.NETZENTGELTE: "grid charges",
        _Q.HLZF: "peak-load windows",
        _Q.TIME_OF_USE: "time-variable grid charges (§ 14a EnWG, module 3)",
        _Q.PRICES: "prices of the price sheet",
        _Q.LEVIES: "levies and taxes",
        _Q.BILL: "costs of the use of the grid with levies and taxes",
        _Q.GRID_OPERATOR: "grid operator",
    },
    about={
        _Q.NETZENTGELTE: "grid charges",
        _Q.HLZF: "peak-load windows",
        _Q.TIME_OF_USE: "time-variable grid charges",
        _Q.PRICES: "prices of the price sheet",
        _Q.LEVIES: "levies and taxes",
        _Q.BILL: "costs",
        _Q.GRID_OPERATOR: "grid operators",
    },
    capacity="capacity price €{} per kW and year",
    energy="energy price {} ct/kWh",
    from_2500="(from 2,500 h/a)",
    below_2500="(below 2,500 h/a)",
    unpriced="no prices published",
    no_window="none",
    windows="{}",
    both=" and ",
    either=" or ",
    nothing={
        _Q.NETZENTGELTE: "{}: no grid charges known",
        _Q.HLZF: "{}: no peak-load windows known",
        _Q.TIME_OF_USE: "{}: no time-variable grid charges (§ 14a EnWG, module 3) known",
        _Q.PRICES: "{}: not known: {}",
        _Q.LEVIES: "{}: not known: {}",
        _Q.BILL: "{}: the cost cannot be worked out",
        _Q.GRID_OPERATOR: "{}: no grid operator known",
    },
    other_years="; there are data for {}",
    other_levels="; they are published for {}",
    unknown_levels="; not known for {}",
    no_year="; none are held for other years either",
    unknown_cost="{}: the cost is not known, since a price that this consumption needs is not held.",
    which="{}: please name the grid operator, for example “grid charges Netze BW {} medium voltage”.",
    perhaps="{}: do you mean {}?",
    several="{}: several grid operators fit – do you mean {}?",
    others="one of {} others",
    off_topic="I cannot answer this question; I know grid charges and other prices of the price sheets, peak-load windows, the modules"
    " of § 14a EnWG, levies and grid costs of the German electricity grid operators, for example “grid charges Netze BW 2025 medium voltage”.",
    not_held={
        NotHeld.OTHER_POSITION: "This position of the price sheet is not held here.",
        NotHeld.MODULE_CHOICE: "Which module of § 14a EnWG is cheaper depends on the consumption and its hours; a comparison of the"
        " modules is not held here. Ask for the cost with one of them, for example “heat pump 6000 kWh module 2”.",
        NotHeld.TIME_OF_USE_ABOVE_NS: "Time-variable grid charges of § 14a EnWG, module 3, exist in low voltage only.",
        NotHeld.AVERAGE: "Averages are not held here; the prices of each grid operator are.",
        NotHeld.EXCEPTION: "To name only what is not meant (“except”, “not”, “before 2026”) is not enough here; please name the"
        " operator, the year, the voltage level or the federal state that is meant.",
        NotHeld.AMOUNT: "Costs of ranges (“3000 to 5000 kWh”), limits (“less than 5000 kWh”), several consumptions or customers, parts"
        " of a year or negative numbers are not held here; please name what one customer consumes in a year.",
        NotHeld.FORECAST: "Forecasts are not held here; published prices are, also preliminary ones.",
        NotHeld.OTHER_RANKING: "Rankings are by annual cost of the use of the grid, in Germany or in one federal state, down to"
        " the 20th place, for example “cheapest grid operators in Bavaria medium voltage 2026”.",
    },
    unknown="{}: no grid operator is known as “{}”.",
    load_missing="{}: an annual cost needs the annual consumption and the peak load in kW (or the hours of use), for example"
    " “5 GWh at 1500 kW”.",
    level_missing="{}: please name the voltage level, for example “medium voltage”.",
    module_missing="{}: since 2024 the grid charge depends on the module of § 14a EnWG; please name module 1 or module 2, or"
    " “Altvertrag” for contracts made before 2024.",
    bands_missing="{}: module 3 needs the kWh of each band, for example “800 kWh HT, 2000 kWh ST, 700 kWh NT”.",
    questions="These were {} questions; ",
    numbers=("two", "three", "four"),
    by_seat="{} has its seat in {}; whether it operates the network there is not known here.",
    one_answered="only one is answered, about {}. Please ask them one by one.",
    none_answered="please ask them one by one.",
    modul_3="{} (§ 14a EnWG, module 3, net): {}",
    quarter="quarter {}",
    quarters="quarters {}",
    all_quarters="all quarters",
    always="{}: always {}",
    no_time_variable="{}: no time-variable prices, ST holds",
    cheapest="cheapest {} at {} ct/kWh ({})",
    dearest="most expensive {} at {} ct/kWh ({})",
    all_day="{} ct/kWh ({}) all day",
    not_variable=", not time-variable in this quarter",
    at_moment="at {} {} ct/kWh ({}), until {}",
    only_grid="This is the grid charge only, not the price of electricity.",
    day="{0:%Y-%m-%d}",
    all_levels="all published voltage levels",
    peak="peak load",
    off_peak="no peak load ({})",
    peak_unknown="not known whether it is peak load",
    until="at {} {}, until {}",
    reasons={
        PeakReason.WINDOW: "peak-load window",
        PeakReason.NO_WINDOW: "no window",
        PeakReason.WEEKEND: "weekend",
        PeakReason.HOLIDAY: "public holiday",
        PeakReason.BRIDGE_DAY: "bridge day",
        PeakReason.CHRISTMAS: "Christmas",
        PeakReason.UNKNOWN: "not known",
    },
    peak_hours="peak load {}",
    cost="€{} a year (capacity €{}, energy €{})",
    load="{} kWh at {} kW",
    assumed="an assumed {} kWh and {} kW",
    net="net, without levies and taxes",
    net_prices="net",
    cheaper="{} is €{} cheaper than {}",
    equal="equally expensive",
    ranked="with {}: {} (annual cost, {})",
    euro="€{}",
    no_ranking="{}: no grid charges known by which operators could be ranked.",
    preliminary="preliminary",
)


def words_of(meaning: Interpretation) -> Words:
    return ENGLISH if meaning.language is Language.ENGLISH else GERMAN


def listed(parts: Sequence[str], last: str) -> str:
    return last.join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def unknown_levels(words: Words, meaning: Interpretation, known: Iterable[VoltageLevel]) -> str:
    """Which of several levels that are named are missing; empty: none."""
    known = set(known)
    missing = [words.levels[level] for level in meaning.details.levels if level not in known]
    return words.unknown_levels.format(listed(missing, words.both)) if missing else ""


def marked(words: Words, text: str, publication: Publication) -> str:
    """With the remark that the operator may still change the figures."""
    return f"{text} ({words.preliminary})" if publication is Publication.PRELIMINARY else text


def number(words: Words, value: Decimal, decimals: int = 2) -> str:
    """All decimals that are published, at least two: "1.234,50" and "1,234.50"."""
    exponent = value.as_tuple().exponent
    shown = max(decimals, -exponent) if isinstance(exponent, int) else decimals
    text = f"{value:,.{shown}f}"
    return text.translate(_GERMAN_SIGNS) if words is GERMAN else text


def amount(words: Words, value: Decimal) -> str:
    """Without decimals that say nothing: "5.000.000", "1.500,5"."""
    whole = value.to_integral_value()
    return number(words, whole, 0) if whole == value else number(words, value.normalize(), 0)


_GERMAN_SIGNS: Final = str.maketrans(",.", ".,")
