"""The customer's year that a bill is asked for: "3500 kWh Haushalt", "Wärmepumpe 6000 kWh Modul 2", "5 GWh bei 1500 kW brutto"."""

from decimal import Decimal
from itertools import pairwise
from typing import Final

from msgspec import structs

from app.domain.consumption import MODULES, BandConsumption, SpecialUse
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.domain.question import QuestionTopic, Usage
from app.interpreter.amounts import METERED_FROM_KWH, energies_of, in_thousands, number_at
from app.interpreter.asked import Asked
from app.interpreter.load_examples import HEAT_PUMP
from app.interpreter.positions import customers_of, devices_of, includes_levies, modules_of
from app.interpreter.reading import Read
from app.interpreter.sentence import Sentence
from app.interpreter.units import SCALES
from app.interpreter.words import Sign, Topic
from app.interpreter.years import is_a_year

BANDED: Final = 3  # the module with a price per band
_LOW: Final = {None, VoltageLevel.NS}
_BANDS: Final = ("ht", "st", "nt")
_NAMES_OF_BANDS: Final = {
    **{band: band for band in _BANDS},
    "hochtarif": "ht",
    "standardtarif": "st",
    "niedertarif": "nt",
    "high": "ht",
    "standard": "st",
    "low": "nt",
}
_PRICED: Final = frozenset({QuestionTopic.NETZENTGELTE, QuestionTopic.PRICES, QuestionTopic.TIME_OF_USE})
_OF_NO_BILL: Final = frozenset(
    {
        PriceKind.RESERVE_200H,
        PriceKind.RESERVE_400H,
        PriceKind.RESERVE_600H,
        PriceKind.BLINDARBEIT,
        PriceKind.SPERRUNG,
        PriceKind.ENTSPERRUNG,
        PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT,
        PriceKind.VERMIEDENE_NETZENTGELTE_LEISTUNG,
    }
)


def usage_of(read: Read, topic: Asked) -> Usage | None:
    """None: prices or an annual cost of the grid alone are asked for."""
    sentence, kwh, kw = read.sentence, read.amounts.kwh, read.amounts.kw
    bands = _bands(read)
    if bands is not None:
        kwh = bands.ht + bands.st + bands.nt
    if kwh is None or topic.topic not in _PRICED or not _OF_NO_BILL.isdisjoint(topic.kinds):
        return None
    inhabitants, gross = inhabitants_of(read), sentence.has(Sign.GROSS)
    gross = gross or (inhabitants is None and includes_levies(sentence))
    monthly = PriceKind.MONATSLEISTUNGSPREIS in topic.kinds
    if _is_of_a_device(read):
        kw = None
    if kw is not None:
        if not (gross or inhabitants is not None or monthly):
            return None
        return Usage(kwh, kw, monthly=monthly, inhabitants=inhabitants, gross=gross)
    module, use = _module(sentence, topic), use_of(sentence)
    small = kwh < METERED_FROM_KWH and read.level.level in _LOW
    if not (small or module or customers_of(sentence)):
        return None
    return Usage(kwh, module=module, use=use, bands=bands, inhabitants=inhabitants, gross=gross)


def _is_of_a_device(read: Read) -> bool:
    """ "Wallbox 11 kW, 2500 kWh Modul 1": the power of the device, and no peak load that is metered."""
    sentence, amounts = read.sentence, read.amounts
    small = amounts.kwh is not None and amounts.kwh < METERED_FROM_KWH and read.level.level in _LOW
    if not small or amounts.kw is None or amounts.kw >= _LARGEST_DEVICE or sentence.has(Sign.OF_A_FLEET):
        return False
    beside = {i for mark in devices_of(sentence) for i in range(mark.start - _BESIDE, mark.end + _BESIDE)}
    return any(sentence[i] == "kw" and not beside.isdisjoint({i, i - 1}) for i in amounts.tokens)


_LARGEST_DEVICE: Final = 30  # kW of a household
_BESIDE: Final = 2  # tokens: "Wärmepumpe mit 12 kW", "11-kW-Wallbox"


def use_of(sentence: Sentence) -> SpecialUse | None:
    """The first customer with prices of its own, unless it is a household."""
    uses = (_USES.get(kind) for kind in customers_of(sentence))
    return next((use for use in uses if use is not None), None)


_USES: Final = {PriceKind[f"{use}_ARBEITSPREIS"]: use for use in SpecialUse}


def module_is_missing(read: Read, usage: Usage) -> bool:
    """A heat pump has one of several prices since 2024, unless its contract is older."""
    if usage.module is not None or usage.use not in (SpecialUse.WAERMEPUMPE, SpecialUse.EMOBILITAET):
        return False
    keys = read.sentence.keys
    old = not _OLD_CONTRACTS.isdisjoint(keys) or ("old", "contract") in pairwise(keys)
    return read.year.year >= FIRST_YEAR_OF_MODULES and not old


def as_example(read: Read, usage: Usage) -> Usage:
    """A heat pump without a module, ranked or compared: Modul 2, or the price for heat pumps in years before the modules."""
    if usage.use is not HEAT_PUMP.use or (usage.module is not None and not usage.assumed):
        return usage
    has_modules = read.year.year >= FIRST_YEAR_OF_MODULES
    return structs.replace(usage, module=HEAT_PUMP.module if has_modules else None)


def bands_are_missing(usage: Usage) -> bool:
    return usage.module == BANDED and usage.bands is None


FIRST_YEAR_OF_MODULES: Final = min(MODULES.values())
_OLD_CONTRACTS: Final = frozenset(
    [
        "altvertrag",
        "altvertrage",
        "altanlage",
        "altanlagen",
        "bestandsvertrag",
        "bestandsanlage",
        "bestandsanlagen",
    ]
)


def _module(sentence: Sentence, topic: Asked) -> int | None:
    """Modul 3 contains Modul 1; of several modules none."""
    named = modules_of(sentence)
    denied = all(  # "ohne § 14a"
        sentence.denied(mark.start)
        for mark in sentence.marks
        if isinstance(mark.meaning, Topic) and mark.meaning.topic is QuestionTopic.TIME_OF_USE
    )
    if sentence.has(Sign.OF_MODULE_3) or (topic.topic is QuestionTopic.TIME_OF_USE and not denied):
        return BANDED
    if PriceKind.MODUL_1 in named:
        return 1
    return 2 if PriceKind.MODUL_2_ARBEITSPREIS in named else None


def _bands(read: Read) -> BandConsumption | None:
    """ "1000 kWh HT, 2000 kWh ST, 500 kWh NT" or "HT 1000 kWh, ST 2000 kWh, NT 500 kWh": all three, in any order. The total that
    "3500 kWh (HT 1000 kWh, ST 2000 kWh, NT 500 kWh)" begins with is none of them."""
    sentence = read.sentence
    before: dict[str, Decimal] = {}
    beside: dict[str, Decimal] = {}
    for start, end, kwh in energies_of(sentence, read.language):
        first = _NAMES_OF_BANDS.get(sentence[start - 1])
        if first is not None and _PAUSES.isdisjoint(sentence.gap(start)):
            before.setdefault(first, kwh)
        if (band := _NAMES_OF_BANDS.get(sentence[end]) or first) is not None:
            beside.setdefault(band, kwh)
    found = before if len(before) == len(_BANDS) else beside
    return BandConsumption(**found) if len(found) == len(_BANDS) else None


_PAUSES: Final = frozenset(",;")


def inhabitants_of(read: Read) -> int | None:
    """ "Gemeinde mit 30.000 Einwohnern", "1,5 Mio. Einwohner": the concession fee depends on it."""
    sentence = read.sentence
    for i in range(len(sentence.keys)):
        number, end = number_at(sentence, i, read.language)
        if number is not None and (scale := SCALES.get(sentence[end])) is not None:
            number, end = number * scale, end + 1  # "1,5 Mio. Einwohner"
        else:
            number = in_thousands(sentence[i]) or number
        if number is None or number != int(number):
            continue
        if sentence[end] in _INHABITANTS or (sentence[end] in _PEOPLE and _is_of_a_town(sentence, i, number)):
            return int(number) + _beyond(sentence[i - 2], sentence[i - 1])
        is_named = (
            sentence[i - 1] in _NUMBER_OF_INHABITANTS or sentence.keys[max(i - 2, 0) : i] in _POPULATION
        )
        if is_named and not is_a_year(sentence[i]):
            return int(number)
    return None


def _is_of_a_town(sentence: Sentence, i: int, people: Decimal) -> bool:
    """ "Stadt mit 50.000 Menschen"; not "household of 4 people in the city", "Firma mit 1200 Menschen in der Stadt"."""
    keys = sentence.keys
    named = not _FEES.isdisjoint(keys) or not _TOWNS.isdisjoint(keys[max(i - _TOWN_WITHIN, 0) : i])
    return people >= _SMALL_TOWN and named and _HOUSEHOLDS.isdisjoint(keys)


def _beyond(second: str, before: str) -> int:
    """ "Über 500.000 Einwohner": the number itself belongs to the group below."""
    word = second if before in _THAN else before
    if word in _ABOVE:
        return 1
    return -1 if word in _BELOW else 0


_THAN: Final = frozenset({"als", "than"})
_ABOVE: Final = frozenset({"uber", "mehr", "over", "above", "more"})
_BELOW: Final = frozenset({"unter", "weniger", "under", "below", "fewer", "less"})


_INHABITANTS: Final = frozenset({"einwohner", "einwohnern", "einwohnerinnen", "inhabitants", "residents"})
_PEOPLE: Final = frozenset({"menschen", "burger", "burgern", "people"})
_SMALL_TOWN: Final = 1000
_HOUSEHOLDS: Final = frozenset({"haushalt", "haushalte", "haushalten", "household", "households", "personen"})
# Without such a word it may be the people of a household or a company.
_TOWNS: Final = frozenset(
    [
        "stadt",
        "gemeinde",
        "kommune",
        "ort",
        "town",
        "city",
        "municipality",
        "village",
    ]
)
_TOWN_WITHIN: Final = 4  # tokens: "city of more than 50,000 people"
_FEES: Final = frozenset({"konzessionsabgabe", "concession"})
_NUMBER_OF_INHABITANTS: Final = frozenset({"einwohnerzahl", "population"})
_POPULATION: Final = (["einwohnerzahl", "von"], ["population", "of"])
