"""Serializes leaf values as JSON: one function for each scalar and enum, which checks the type of the value."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from json.encoder import encode_basestring
from typing import Any

from graphql import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT, GraphQLEnumType, GraphQLLeafType, GraphQLScalarType
from strawberry.types.enum import StrawberryEnumDefinition

from schema.types.scalars import write_date, write_datetime, write_time

Leaf = Callable[[Any], str]

_INFINITE = (float("inf"), float("-inf"))


class CannotWrite(Exception):
    """A value is not of its type, such as null for a non-null type. The executor then reports it with its path."""


class ByValue(dict[Any, Any]):
    """Maps values or their classes; a missing key raises CannotWrite."""

    def __missing__(self, key: object) -> Any:
        raise CannotWrite


# Each exists for a nullable and for a non-null type: null is checked only if the value is not of the type.


def _string(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        return encode_basestring(value) if type(value) is str else _null(value, nullable)

    return write


def _int(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        if type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT:
            return str(value)
        return _null(value, nullable)

    return write


def _float(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        if type(value) is float and value == value and value not in _INFINITE:
            return repr(value)
        return _null(value, nullable)

    return write


def _boolean(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        if type(value) is not bool:
            return _null(value, nullable)
        return "true" if value else "false"

    return write


def _decimal(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        if type(value) is not Decimal:
            return _null(value, nullable)
        text = str(value)
        return f'"{text}"' if "E" not in text else f'"{value:f}"'

    return write


def _date(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        return f'"{write_date(value)}"' if type(value) is date else _null(value, nullable)

    return write


def _datetime(nullable: bool) -> Leaf:
    def write(value: object) -> str:
        return f'"{write_datetime(value)}"' if type(value) is datetime else _null(value, nullable)

    return write


def _time(nullable: bool) -> Leaf:
    return _TIMES_OR_NULL if nullable else _TIMES


_TEXTS = {minutes: f'"{write_time(minutes)}"' for minutes in range(24 * 60 + 1)}
_TIMES, _TIMES_OR_NULL = ByValue(_TEXTS).__getitem__, ByValue(_TEXTS | {None: "null"}).__getitem__


def _null(value: object, nullable: bool) -> str:
    if value is None and nullable:
        return "null"
    raise CannotWrite


SCALARS: Mapping[str, Callable[[bool], Leaf]] = {
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


class UnknownLeaf(Exception):
    """There is no serializer for this scalar or enum."""


def serializer(leaf: GraphQLLeafType, *, nullable: bool) -> Leaf:
    if isinstance(leaf, GraphQLScalarType):
        scalar = SCALARS.get(leaf.name)
        if scalar is None:
            raise UnknownLeaf
        return scalar(nullable)
    assert isinstance(leaf, GraphQLEnumType)
    definition = leaf.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryEnumDefinition):
        raise UnknownLeaf
    members: Iterable[Enum] = definition.wrapped_cls
    texts = {member: f'"{member.name}"' for member in members}
    return ByValue(texts | ({None: "null"} if nullable else {})).__getitem__
