"""Coerces variables of scalar types directly; graphql-core coerces all others, and reports all errors."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT


def _is_boolean(value: Any) -> bool:
    return type(value) is bool


_PLAIN: Mapping[str, Callable[[Any], bool]] = {
    "String": _is_string,
    "ID": _is_string,
    "Int": _is_int,
    "Boolean": _is_boolean,
}


class _Plain(NamedTuple):
    name: str
    accepts: Callable[[Any], bool]
    required: bool


class _Sources(Mapping[str, VariableValueSource]):
    """Where each value came from: made when it is read, since only few operations do."""

    __slots__ = ("_given", "_signatures")

    def __init__(self, signatures: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        self._signatures = signatures
        self._given = given

    def __getitem__(self, name: str) -> VariableValueSource:
        signature = self._signatures[name]
        return VariableValueSource(signature, *([self._given[name]] if name in self._given else ()))

    def __iter__(self) -> Iterator[str]:
        return iter(self._signatures)

    def __len__(self) -> int:
        return len(self._signatures)


class PlainVariables:
    """For operations whose variables are all strings, IDs, integers or booleans without default values."""

    def __init__(self, variables: tuple[_Plain, ...], signatures: Mapping[str, Any]) -> None:
        self._variables = variables
        self._signatures = signatures

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "PlainVariables | None":
        plain, signatures = [], {}
        for definition in operation.variable_definitions or ():
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError) or definition.default_value is not None:
                return None
            required = is_non_null_type(signature.type)
            accepts = _PLAIN.get(str(signature.type).removesuffix("!"))
            if accepts is None:
                return None
            plain.append(_Plain(signature.name, accepts, required))
            signatures[signature.name] = signature
        return cls(tuple(plain), signatures)

    def read(self, raw_variables: dict[str, Any]) -> VariableValues | None:
        """None if a value is missing or of another type; graphql-core then reports the error."""
        given = 0
        for name, accepts, required in self._variables:
            value = raw_variables.get(name, Undefined)
            if value is Undefined:
                if required:
                    return None
                continue
            if not accepts(value) and (required or value is not None):
                return None
            given += 1
        # None for undeclared variables as well: the caller has to count their values.
        if given != len(raw_variables):
            return None
        return VariableValues(_Sources(self._signatures, raw_variables), raw_variables)  # type: ignore[arg-type]
