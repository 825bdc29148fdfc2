"""Scalar variables that are coerced directly have the values of graphql-core; all others are left to it."""

from typing import Any

import pytest
from graphql import OperationDefinitionNode
from graphql.execution.values import VariableValues, get_variable_values

from app.settings import Settings
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import MAX_VALUES, Operation, RejectedDocument
from schema.execution.syntax import parse
from schema.execution.variables import PlainVariables
from schema.root import schema

ACCEPTED: list[tuple[str, Any]] = [
    *(("String", value) for value in ("", "a", "Ä")),
    *(("ID", value) for value in ("", "a", "1")),
    *(("Int", value) for value in (0, 1, -1, 2**31 - 1, -(2**31))),
    *(("Boolean", value) for value in (True, False)),
]
LEFT: list[tuple[str, Any]] = [
    *(("String", value) for value in (1, True, [], {}, ["a"])),
    *(("ID", value) for value in (1, True, 1.0, [])),
    *(("Int", value) for value in (2**31, -(2**31) - 1, 1.0, True, "1", [])),
    *(("Boolean", value) for value in (1, 0, "true", [])),
    *(("Float", value) for value in (1.5, 1)),
    *(("[String]", value) for value in (["a"], "a")),
    ("VoltageLevel", "MS"),
    ("Unknown", "a"),
]


def node(declaration: str) -> OperationDefinitionNode:
    definition = parse(f"query ({declaration}) {{ __typename }}").definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return definition


def read(declaration: str, raw: dict[str, Any]) -> VariableValues | None:
    plain = PlainVariables.of(schema._schema, node(declaration))
    return None if plain is None else plain.read(raw)


def by_library(declaration: str, raw: dict[str, Any]) -> Any:
    return get_variable_values(schema._schema, node(declaration).variable_definitions, raw)


def same(found: VariableValues | None, expected: Any) -> bool:
    assert isinstance(expected, VariableValues)
    if found is None:
        return False
    # Types of variables have no equality.
    return repr((dict(found.sources), found.coerced)) == repr((expected.sources, expected.coerced))


@pytest.mark.parametrize(("type_", "value"), ACCEPTED)
@pytest.mark.parametrize("required", [True, False])
def test_a_value_of_a_scalar_type_is_read_as_by_the_library(type_: str, value: Any, required: bool) -> None:
    declaration, raw = f"$a: {type_}{'!' if required else ''}", {"a": value}
    assert same(read(declaration, raw), by_library(declaration, raw))


@pytest.mark.parametrize(("type_", "value"), LEFT)
@pytest.mark.parametrize("required", [True, False])
def test_a_value_of_another_type_is_left_to_the_library(type_: str, value: Any, required: bool) -> None:
    assert read(f"$a: {type_}{'!' if required else ''}", {"a": value}) is None


@pytest.mark.parametrize("type_", ["String", "ID", "Int", "Boolean"])
def test_null_and_missing_values_are_allowed_for_nullable_types_only(type_: str) -> None:
    for raw in ({}, {"a": None}):
        assert same(read(f"$a: {type_}", raw), by_library(f"$a: {type_}", raw))
        assert read(f"$a: {type_}!", raw) is None


def test_several_variables_are_read_together() -> None:
    declaration, raw = "$a: Int!, $b: String, $c: ID, $d: Boolean", {"a": 1, "c": "x", "d": None}
    assert same(read(declaration, raw), by_library(declaration, raw))
    assert read(declaration, {"b": "x"}) is None
    assert read(declaration, {"a": 1, "b": 2}) is None


def test_default_values_and_undeclared_variables_are_left_to_the_library() -> None:
    assert read("$a: Int = 3", {"a": 1}) is None
    assert read("$a: Int = null", {}) is None
    assert read("$b: Int, $a: Int = 3", {}) is None
    assert read("$a: Int", {"a": 1, "b": 2}) is None
    assert read("$a: Int", {"b": 2}) is None


def operation(text: str) -> Operation:
    return DocumentCache(schema, Settings()).get(text).operation(None)


TEXT = "query ($f: DnoFilter, $n: Int) { dnos(first: $n, filter: $f) { totalCount } }"


def test_the_number_of_values_is_limited_exactly() -> None:
    raw = {"f": {"search": "a"}, "n": 1, "other": [1] * 4}
    coerced = operation(TEXT).variables(raw, max_values=9).coerced
    assert (coerced["f"]["search"], coerced["n"], len(coerced)) == ("a", 1, 2)
    with pytest.raises(RejectedDocument) as rejected:
        operation(TEXT).variables(raw, max_values=8)
    assert rejected.value.code == "BAD_USER_INPUT"
    (error,) = rejected.value.errors
    assert error.message == "The request has more variable values; at most 8 are allowed here."
    assert error.extensions == {"code": "LIMIT_EXCEEDED", "limit": "LIMIT_VARIABLE_VALUES", "maximum": 8}


def test_values_of_undeclared_variables_are_limited_as_well() -> None:
    text = "{ __typename }"
    assert operation(text).variables({"a": [1] * (MAX_VALUES - 2)}).coerced == {}
    with pytest.raises(RejectedDocument):
        operation(text).variables({"a": [1] * (MAX_VALUES - 1)})
    assert operation(text).variables({}) is operation(text).variables({})


def test_errors_are_those_of_the_library() -> None:
    raw = {"f": {"serch": "a"}, "n": "x"}
    for hidden in (False, True):
        with pytest.raises(RejectedDocument) as rejected:
            operation(TEXT).variables(raw, hide_suggestions=hidden)
        assert rejected.value.code == "BAD_USER_INPUT"
        messages = [error.message for error in rejected.value.errors]
        assert len(messages) == 2
        assert ("search" in messages[0]) is not hidden
    with pytest.raises(RejectedDocument) as rejected:
        operation("query ($i: [ID!]!) { nodes(ids: $i) { id } }").variables({"i": [None] * 200})
    assert len(rejected.value.errors) == 51
    assert "error limit reached" in rejected.value.errors[-1].message
