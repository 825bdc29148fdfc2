"""Units of consumption and of peak loads, as questions have them."""

from typing import Final

IN_KWH: Final = {"kwh": 1, "mwh": 10**3, "gwh": 10**6, "twh": 10**9}
IN_KW: Final = {"kw": 1, "mw": 10**3, "gw": 10**6}
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
