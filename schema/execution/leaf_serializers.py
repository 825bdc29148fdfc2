"""Leaf values as JSON text: for each scalar the Python expression that writes it."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from graphql import GraphQLEnumType, GraphQLLeafType, GraphQLScalarType
from strawberry.types.enum import StrawberryEnumDefinition

from schema.types.scalars import write_date, write_datetime, write_time

_LARGEST_INT = 2**31 - 1


class CannotWrite(Exception):
    """A value that is not of its type; the executor will say so in the specification's words."""


class Writers(dict[Any, Any]):
    """By a value or by its class; any other value is not of the type."""

    def __missing__(self, key: object) -> Any:
        raise CannotWrite


def some(value: Any) -> Any:
    """Rejects null."""
    if value is None:
        raise CannotWrite
    return value


def _string(value: object) -> str:
    if type(value) is not str:
        raise CannotWrite
    return encode_basestring(value)


def _int(value: object) -> str:
    if type(value) is not int or not -_LARGEST_INT - 1 <= value <= _LARGEST_INT:
        raise CannotWrite
    return str(value)


def _float(value: object) -> str:
    if type(value) is not float or value != value or value in (float("inf"), float("-inf")):
        raise CannotWrite
    return repr(value)


def _boolean(value: object) -> str:
    if type(value) is not bool:
        raise CannotWrite
    return "true" if value else "false"


def _decimal(value: object) -> str:
    if type(value) is not Decimal:
        raise CannotWrite
    text = str(value)
    return f'"{text}"' if "E" not in text else f'"{value:f}"'


def _date(value: object) -> str:
    if type(value) is not date:
        raise CannotWrite
    return f'"{write_date(value)}"'


def _datetime(value: object) -> str:
    if type(value) is not datetime:
        raise CannotWrite
    return f'"{write_datetime(value)}"'


def _time(value: object) -> str:
    if type(value) is not int:
        raise CannotWrite
    return f'"{write_time(value)}"'


SCALARS: Mapping[str, Callable[[Any], str]] = {
    "String": _string,
    "ID": _string,
    "Int": _int,
    "Float": _float,
    "Boolean": _boolean,
    "Decimal": _decimal,
    "Date": _date,
    "DateTime": _datetime,
    "Time": _time,
}


def writer(leaf: GraphQLLeafType) -> Callable[[Any], str] | None:
    """None for a leaf that nobody here knows."""
    if isinstance(leaf, GraphQLScalarType):
        return SCALARS.get(leaf.name)
    assert isinstance(leaf, GraphQLEnumType)
    definition = leaf.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryEnumDefinition):
        return None
    members: Iterable[Enum] = definition.wrapped_cls
    return Writers({member: f'"{member.name}"' for member in members}).__getitem__
