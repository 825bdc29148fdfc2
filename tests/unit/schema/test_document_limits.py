"""Each limit of documents holds exactly: the counted number is allowed, and rejected where one less is allowed."""

from typing import Any

import graphql
import msgspec
import pytest

from app.settings import Settings
from schema.execution.limits import MAX_DIGITS, Limits, count_values, limit_error
from schema.execution.syntax import parse

UNLIMITED = Settings(
    limit_fragments=1000,
    limit_operations=1000,
    limit_depth=1000,
    limit_fields=1000,
    limit_aliases=1000,
    limit_directives=1000,
    limit_arguments=1000,
    limit_variables=1000,
    limit_root_fields=1000,
    limit_repeats=1000,
)
COUNTED = [
    ("fragments", 2, "{ ...A ...B } fragment A on Query { a } fragment B on Query { a }"),
    ("fragments", 0, "{ a }"),
    ("operations", 3, "query A { a } query B { a } query C { a }"),
    ("depth", 4, "{ a { b { c { d } } } }"),
    ("depth", 4, "{ a { b } c { d { e { f } } } g }"),
    ("depth", 4, "{ a { ...F } } fragment F on A { b { ... { c { d } } } }"),
    ("depth", 3, "query A { a } query B { a { b { c } } } query C { a }"),
    # The usual introspection query is deeper.
    ("depth", 1, "query A { a } query B { __schema { a { b { c } } } __type { a { b } } __typename }"),
    ("depth", 4, "{ a { b } __schema { a { b { c } } } }"),
    ("fields", 6, "{ a { b c { d } } ... { e ...F } }  fragment F on Query { f }"),
    ("fields", 5, "{ a ...F ...F } fragment F on Query { b c }"),
    ("fields", 5, "query A { a ...F } query B { ...F } fragment F on Query { b ...Unknown }"),
    ("fields", 3, "{ a ...Unknown ...Unknown }"),
    # A fragment that no operation spreads, or whose name is taken, is validated as well.
    ("fields", 4, "{ a } fragment F on Query { b { c ...G } } fragment G on A { d }"),
    ("fields", 4, "{ ...F } fragment F on Query { a b c } fragment F on Query { d }"),
    ("arguments", 2, "{ a } fragment F on Query { b(x: 1, y: 2) }"),
    ("aliases", 3, "{ x: a { y: b c } ... { z: d } }"),
    ("aliases", 4, "query A { ...F ...F } query B { x: a y: b } fragment F on Query { z: c }"),
    ("directives", 5, "{ a @x b @x @y { c @x } ...F } fragment F on Query { d @z }"),
    ("directives", 5, "query A($v: Int @x @y) @z { a ... @x { b } ...F @y } fragment F on Query { c }"),
    ("arguments", 3, "{ a(x: 1) { b(x: 1, y: 2, z: 3) c(x: 1) } }"),
    ("arguments", 2, "{ a(x: 1) @d(x: 1, y: 2) @e(x: 1) }"),
    ("arguments", 2, "query ($v: Int @d(x: 1, y: 2)) @e(x: 1) { a }"),
    ("variables", 2, "query A($a: Int) { a } query B($a: Int, $b: Int) { a } query C { a }"),
    ("root fields", 4, "{ a a b ... { c { d e f } } }"),
    ("root fields", 3, "query A { a } query B { ...F } fragment F on Query { a b c }"),
    ("repeats", 4, "{ a { b b } a { b b } c }"),
    ("repeats", 3, "{ a { x: b } y: a { x: b } a { ... { x: c ...F } } } fragment F on A { x: d }"),
    ("repeats", 2, "{ a: x b: x a: y } "),
    ("repeats", 3, "{ a } fragment F on Query { b { c } b { c } ...G } fragment G on Query { b { c } }"),
    ("repeats", 3, "{ ...F } fragment F on Query { a a a } fragment F on Query { b }"),
    ("root fields", 1, "{ a } fragment F on Query { b c }"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "number", "text"), COUNTED)
def test_the_counted_number_is_allowed_and_one_less_is_not(what: str, number: int, text: str) -> None:
    setting = f"limit_{what.replace(' ', '_')}"
    document = parse(text)
    exact = msgspec.structs.replace(UNLIMITED, **{setting: number})
    assert Limits(exact).check(document, text) == []
    lower = msgspec.structs.replace(UNLIMITED, **{setting: number - 1})
    (error,) = Limits(lower).check(document, text)
    assert error.message == f"The document has {number} {what}; at most {number - 1} are allowed here."
    assert error.extensions == {
        "code": "LIMIT_EXCEEDED",
        "limit": setting.upper(),
        "maximum": number - 1,
    }


@pytest.mark.parametrize("number", ["{}", "-{}", "{}.5", "-{}.5e10"])
def test_a_number_may_have_100_characters(number: str) -> None:
    digits = "1" * (MAX_DIGITS + 2 - len(number))
    text = f"{{ a(b: [1, {{c: {number.format(digits)}}}]) }}"
    assert Limits(UNLIMITED).check(parse(text), text) == []
    # Counted are digits in a row.
    text = f"{{ a(b: [1, {{c: {number.format('1' * (MAX_DIGITS + 1))}}}]) }}"
    (error,) = Limits(UNLIMITED).check(parse(text), text)
    assert error.message == (
        f"A number has {MAX_DIGITS - 1 + len(number)} digits; at most {MAX_DIGITS} are allowed."
    )


def test_digits_in_a_string_or_name_are_no_number() -> None:
    text = f'{{ a(b: "{"1" * 200}") x{"1" * 200} }}'
    assert Limits(UNLIMITED).check(parse(text), text) == []
    text = f"{{ a(b: {'1' * 101}) }}"
    (error,) = Limits(UNLIMITED).check(parse(text), text)
    assert error.message == "A number has 101 digits; at most 100 are allowed."


def test_a_fragment_that_spreads_itself_is_rejected() -> None:
    for text in (
        "{ ...A } fragment A on Query { a ...A }",
        "{ ...B } fragment B on Query { ...A } fragment A on Query { a { ...B } }",
        "{ a } fragment A on Query { a ...A }",
    ):
        (error,) = Limits(UNLIMITED).check(parse(text), text)
        assert error.message.endswith("spreads itself.")


def test_the_same_fragment_may_be_spread_repeatedly_without_a_cycle() -> None:
    text = "{ ...A ...B ...A } fragment A on Query { a ...C } fragment B on Query { ...C } fragment C on Query { c }"
    assert Limits(UNLIMITED).check(parse(text), text) == []


def test_a_document_that_is_nested_too_deeply_exceeds_the_depth() -> None:
    inner = graphql.SelectionSetNode(selections=(graphql.FieldNode(name=graphql.NameNode(value="a")),))
    for _ in range(20_000):
        inner = graphql.SelectionSetNode(
            selections=(graphql.FieldNode(name=graphql.NameNode(value="a"), selection_set=inner),)
        )
    operation = graphql.OperationDefinitionNode(
        operation=graphql.OperationType.QUERY, selection_set=inner, variable_definitions=(), directives=()
    )
    (error,) = Limits(UNLIMITED).check(graphql.DocumentNode(definitions=(operation,)))
    assert error.message == "The document has very many depth; at most 1000 are allowed here."


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ({}, 1),
        ([], 1),
        ({"a": 1}, 2),
        ({"a": [1, 2], "b": {"c": 3}}, 6),
        ([[1], [2], [[3]]], 8),
        ({"a": [[1, 2], [3, 4]], "b": [5, 6]}, 11),
        (["abc", "defg"], 3),
    ],
)
def test_values_are_counted_at_any_depth(value: Any, number: int) -> None:
    assert count_values(value, 1000) == number
    assert count_values(value, number) == number
    assert count_values(value, number - 1) > number - 1


def test_counting_values_ends_above_the_maximum() -> None:
    class Unread(list[Any]):
        def __len__(self) -> int:
            raise AssertionError

    assert count_values([1, 2, 3, Unread()], 4) == 5


def test_the_error_names_the_setting() -> None:
    error = limit_error("document letters", 7, 5)
    assert error.message == "The document has 7 letters; at most 5 are allowed here."
    assert error.extensions is not None
    assert error.extensions["limit"] == "LIMIT_DOCUMENT_LETTERS"
    assert limit_error("variable values", "more", 5, has="The request has").message == (
        "The request has more variable values; at most 5 are allowed here."
    )
