"""The kinds of entries that lists and coverage count: those that are an operator's figures of a year."""

from typing import Final

from app.domain.families import FIGURES, DataType
from app.errors import BadInput

_COUNTED: Final = tuple(family.data_type for family in FIGURES)


def check_counted(data_type: DataType, argument: str) -> DataType:
    """The kind, if it is counted: of others it is not known which operators have some."""
    if data_type not in _COUNTED:
        raise BadInput(f"`{argument}` must be one of {', '.join(_COUNTED)}.", argument=argument)
    return data_type
