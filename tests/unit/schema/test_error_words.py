"""Messages of the library name null as GraphQL does, not as Python does."""

import pytest
from graphql import build_schema, graphql_sync

from schema.errors import formatted

SCHEMA = build_schema("input I { a: Int! } type Query { f(a: Int!, l: [Int!], i: I): Int }")


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        ("{ f(a: null) }", {}),
        ("{ f(a: 1, l: [null]) }", {}),
        ("{ f(a: 1, i: {a: null}) }", {}),
        ("query ($a: Int!) { f(a: $a) }", {"a": None}),
        ("query ($l: [Int!]) { f(a: 1, l: $l) }", {"l": [1, None]}),
        ("query ($i: I) { f(a: 1, i: $i) }", {"i": {"a": None}}),
        ("query ($a: Int = 1) { f(a: $a) }", {"a": None}),
    ],
)
def test_null_is_named_null(document: str, variables: dict[str, object]) -> None:
    errors = graphql_sync(SCHEMA, document, variable_values=variables).errors
    assert errors
    messages = [shown["message"] for shown in formatted(errors, "1", "BAD_USER_INPUT")]
    assert not [message for message in messages if "None" in message]
    assert [message for message in messages if "null" in message]
