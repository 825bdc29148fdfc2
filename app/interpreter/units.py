"""Units of consumption and of peak loads, as questions have them."""

from typing import Final

from app.interpreter.spelling import key

IN_KWH: Final = {"kwh": 1, "mwh": 10**3, "gwh": 10**6, "twh": 10**9}
IN_KW: Final = {"kw": 1, "mw": 10**3, "gw": 10**6}
# Between a number and its unit: "2,5 Millionen kWh".
SCALES: Final = {
    "mio": 10**6, "million": 10**6, "millionen": 10**6, "tsd": 10**3, "tausend": 10**3, "thousand": 10**3, "k": 10**3,
}  # fmt: skip
_PREFIXES: Final = {"k": "kilo", "m": "mega", "g": "giga", "t": "tera"}
# Of units that are written out: "kilowattstunde" is "kwh".
SYMBOLS: Final = {
    _PREFIXES[unit[0]] + name: unit
    for units, names in (
        (IN_KWH, ("wattstunde", "wattstunden", "watthour", "watthours")),
        (IN_KW, ("watt", "watts")),
    )
    for unit in units
    for name in names
}
# As keys: words for hours of use that are long enough to be recognised where they are misspelt.
HOURS_OF_USE: Final = frozenset(map(key, (
    "benutzungsstunden", "benutzungsdauer", "jahresbenutzungsstunden", "jahresbenutzungsdauer", "nutzungsstunden",
    "vollbenutzungsstunden", "volllaststunden",
)))  # fmt: skip
