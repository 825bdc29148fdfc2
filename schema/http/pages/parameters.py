"""The variables of a page's operation, from the path and the query string."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from graphql import (
    GraphQLEnumType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    TypeNode,
    get_nullable_type,
    parse_type,
    type_from_ast,
)
from starlette.requests import Request

from app.errors import AppError, BadInput, Code, quoted
from schema.execution.documents import Operation
from schema.root import schema

Parameters = Sequence[tuple[str, str]]

# Appended to shared links by mail and social media; they mean nothing here.
_TRACKING: Final = re.compile(r"utm_\w+|fbclid|gclid|msclkid|mc_[ce]id", re.ASCII)
MAX_PARAMETERS: Final = 50  # links of a page repeat them: their number would count twice in its size
_WHOLE_NUMBER: Final = re.compile(r"-?\d{1,9}", re.ASCII)
_BOOLEANS: Final = {"true": True, "false": False}


class PageParameters:
    """Read as the types of the operation's variables require; each is one parameter, a list may be repeated."""

    def __init__(
        self, operation: Operation, computed: Collection[str] = (), further: Mapping[str, str] | None = None
    ) -> None:
        """`computed`: variables that are no parameters. `further`: parameters that are no variables, with their types."""
        types = {name: _type_of(node) for name, node in operation.variable_types.items()}
        types |= {name: _type_of(parse_type(text)) for name, text in (further or {}).items()}
        self._types = {name: given for name, given in types.items() if name not in computed}

    def has(self, name: str) -> bool:
        return name in self._types

    def given(self, request: Request) -> Parameters:
        """Those of the query string, without empty ones, which forms send. Raises BadInput for an unknown one."""
        given = [each for each in request.query_params.multi_items() if not _TRACKING.fullmatch(each[0])]
        if len(given) > MAX_PARAMETERS:
            raise BadInput(f"There are {len(given)} parameters; at most {MAX_PARAMETERS} are allowed.")
        known = [name for name in self._types if name not in request.path_params]
        for name, _ in given:
            if name not in known:
                there_is = f"; there are {', '.join(known)}" if known else ""
                raise BadInput(f"There is no parameter {quoted(name)}{there_is}.", argument=name)
        return [(name, text) for name, text in given if text.strip()]

    def variables(self, path_params: Mapping[str, str], given: Parameters) -> dict[str, Any]:
        """Raises BadInput with the name of a parameter, NOT_FOUND for a part of the path."""
        try:
            found = self._read([*path_params.items()])
        except BadInput as error:
            raise AppError(error.message, Code.NOT_FOUND) from None
        return {**found, **self._read(given)}

    def _read(self, given: Parameters) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, text in given:
            wanted = get_nullable_type(self._types[name])
            if isinstance(wanted, GraphQLList):
                found.setdefault(name, []).append(_read(name, text, get_nullable_type(wanted.of_type)))
            elif name in found:
                raise BadInput(f"The parameter {name} is given several times.", argument=name)
            else:
                found[name] = _read(name, text, wanted)
        return found


def _type_of(node: TypeNode) -> GraphQLInputType:
    found = type_from_ast(schema._schema, node)
    assert found is not None
    return found  # type: ignore[return-value]


def _read(name: str, text: str, wanted: Any) -> object:
    assert not isinstance(wanted, GraphQLNonNull)
    if isinstance(wanted, GraphQLEnumType):
        if text not in wanted.values:
            raise BadInput(f"{name} must be one of {', '.join(wanted.values)}.", argument=name)
        return text
    if wanted.name == "Int":
        if not _WHOLE_NUMBER.fullmatch(text.strip()):
            raise BadInput(f"{name} must be a whole number.", argument=name)
        return int(text)
    if wanted.name == "Boolean":
        if text not in _BOOLEANS:
            raise BadInput(f"{name} must be true or false.", argument=name)
        return _BOOLEANS[text]
    return text
