"""All families of published figures. Enums, SQL over all tables, loaders and exports are made from this list."""

from enum import StrEnum
from typing import Final

from app.domain import hlzf, holiday_rule, levy, price, tariff, time_of_use
from app.domain.family import Family

FAMILIES: Final[tuple[Family, ...]] = (
    tariff.FAMILY,
    hlzf.FAMILY,
    time_of_use.FAMILY,
    price.FAMILY,
    holiday_rule.FAMILY,
    levy.FAMILY,
)

BY_NAME: Final = {family.name: family for family in FAMILIES}

# Families whose entries count as published data of an operator and year.
FIGURES: Final = tuple(family for family in FAMILIES if family.figures)

DataType = StrEnum(  # type: ignore[misc]  # its members are the families'
    "DataType", {family.data_type: family.data_type for family in FAMILIES}, module=__name__
)
NETZENTGELTE: Final = DataType["NETZENTGELTE"]
HLZF: Final = DataType["HLZF"]
TIME_OF_USE: Final = DataType["TIME_OF_USE"]
PRICE: Final = DataType["PRICE"]
LEVY: Final = DataType["LEVY"]

OF_DATA_TYPE: Final = {DataType[family.data_type]: family for family in FAMILIES}
