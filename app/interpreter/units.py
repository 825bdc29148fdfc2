"""Units of consumption and of peak loads, as questions have them."""

from typing import Final

IN_KWH: Final = {
    "kwh": 1, "kilowattstunde": 1, "kilowattstunden": 1, "mwh": 10**3, "megawattstunde": 10**3, "megawattstunden": 10**3,
    "gwh": 10**6, "gigawattstunde": 10**6, "gigawattstunden": 10**6, "twh": 10**9,
}  # fmt: skip
IN_KW: Final = {"kw": 1, "kilowatt": 1, "mw": 10**3, "megawatt": 10**3, "gw": 10**6}
