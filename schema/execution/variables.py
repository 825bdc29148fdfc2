"""Coerces variables of scalar types directly; graphql-core coerces all others, and reports all errors."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, is_non_null_type
from graphql.execution.get_variable_signature import get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

_MAX_INT = 2**31 - 1


def _is_string(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and -_MAX_INT - 1 <= value <= _MAX_INT


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
    signature: Any


class PlainVariables:
    """For operations whose variables are all strings, IDs, integers or booleans without default values."""

    def __init__(self, variables: tuple[_Plain, ...]) -> None:
        self._variables = variables

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "PlainVariables | None":
        plain = []
        for definition in operation.variable_definitions or ():
            signature = get_variable_signature(schema, definition)
            if isinstance(signature, GraphQLError) or definition.default_value is not None:
                return None
            required = is_non_null_type(signature.type)
            accepts = _PLAIN.get(str(signature.type).removesuffix("!"))
            if accepts is None:
                return None
            plain.append(_Plain(signature.name, accepts, required, signature))
        return cls(tuple(plain))

    def read(self, raw_variables: Mapping[str, Any]) -> VariableValues | None:
        """None if a value is missing or of another type; graphql-core then reports the error."""
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for name, accepts, required, signature in self._variables:
            if name not in raw_variables:
                if required:
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            value = raw_variables[name]
            if not accepts(value) and (required or value is not None):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        # None for undeclared variables as well: the caller has to count their values.
        return VariableValues(sources, coerced) if len(coerced) == len(raw_variables) else None
