"""Rules are left out only where they can find nothing."""

import pytest
from graphql import NoSchemaIntrospectionCustomRule, parse, specified_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from schema.execution.syntax import validate
from schema.execution.validation_rules import applicable
from schema.root import schema

RULES = [*specified_rules, NoSchemaIntrospectionCustomRule]
# One error of each rule that may be left out, and documents without any.
SELECTIONS = (
    *("dno(slug: $x) { name }", "dno(slug: $s) { name }", "dnos(first: $s) { totalCount }", "dnos { totalCount }"),
    *("dno(slug: \"a\") { name @nothing }", "dno(slug: \"a\") { name @skip(if: true) @skip(if: true) }"),
    *("dnos @defer { totalCount }", "dno(slug: \"a\") { tariffs(year: 2025) @stream { id } }"),
    *("... on String { name }", "... on Tariff { id }", "...Unknown", "...F", "__schema { types { name } }"),
    *("dno(slug: \"$ @ ... fragment\") { name }", "dno { nothing }", "dno(slug: 5) { name { name } }"),
)  # fmt: skip
DEFINITIONS = (
    *("fragment F on Dno { name }", "fragment F on Query { ...F }", "fragment F on Query { dnos { totalCount } }"),
    *("fragment F on VoltageLevel { name }", "fragment G on Query { dnos { totalCount } }", "type T { a: Int }"),
)  # fmt: skip
HEADS = (
    "",
    "query Q ",
    "query($s: String!) ",
    "query($s: Dno) ",
    "query($s: String, $s: Int) ",
    "subscription S ",
)


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(SELECTIONS), min_size=1, max_size=3),
    st.lists(st.sampled_from(DEFINITIONS), max_size=2),
)
def test_the_errors_are_those_of_all_rules(head: str, selections: list[str], definitions: list[str]) -> None:
    text = f"{head}{{ {' '.join(selections)} }} {' '.join(definitions)}"
    document = parse(text)
    every, found = (
        validate(schema._schema, document, rules, max_errors=20, hide_suggestions=False)
        for rules in (RULES, applicable(RULES, text))
    )
    assert [(error.message, error.locations) for error in found] == [(error.message, error.locations) for error in every]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "left_out"),
    [
        ('{ dno(slug: "a") { name } }', 17),
        ("query($s: String!) { dno(slug: $s) { name } }", 12),
        ("{ ...F } fragment F on Query { __typename @skip(if: true) }", 5),
        ("query($s: Boolean!) { ... on Query { __typename @skip(if: $s) } }", 0),
    ],
)
def test_rules_about_what_a_text_does_not_have_are_left_out(text: str, left_out: int) -> None:
    rules = applicable(RULES, text)
    assert len(rules) == len(RULES) - left_out
    assert sorted(rules, key=RULES.index) == list(rules)
