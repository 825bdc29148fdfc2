"""Texts are split into literals and the rest as GraphQL's lexer reads them, without parsing."""

from typing import Any

import pytest
from graphql import GraphQLError, Lexer, Source, Token, TokenKind
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schema.execution.literals import Literals, literal_node, split_literals

LITERALS = (TokenKind.INT, TokenKind.FLOAT, TokenKind.STRING, TokenKind.BLOCK_STRING)
PIECES = st.sampled_from(
    (
        *('"', '""', '"""', '\\"', '\\"""', "\\", "\\n", "\\u0041", "\\u{1F600}", "\\q", "#", "\n", "\r", "\t", " ", ","),
        *("-", "-5", "0", "00", "7", "1.5", "1.", ".5", "1e3", "2E-4", "1ea", "a", "a1", "_9", "é", "٣", "\x00", "\x07"),
        *("{", "}", "(", ")", "[", "]", ":", "$", "@", "!", "...", '"a"', '"a b"', '""" x """', "# \"c\"\n", "\ud800"),
    )
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=12).map("".join)
TOKENS = st.one_of(
    st.sampled_from(('""', '"a"', '"# no"', '"\\u00e4"', '"\\q"', '"""a\n"b" """', "1", "-0", "12", "1.5", "3e8")),
    PIECES,
)  # fmt: skip


def lexed(text: str) -> list[Token] | None:
    """None for a text that the lexer refuses."""
    lexer = Lexer(Source(text))
    tokens = []
    try:
        while (token := lexer.lookahead()).kind is not TokenKind.EOF:
            tokens.append(token)
            lexer.token = token
    except GraphQLError:
        return None
    return tokens


@settings(max_examples=1000, deadline=None)
@given(TEXTS)
@example('{a(x:"""")}')
@example('["a""b"]')
def test_each_literal_is_a_whole_token_of_the_lexer(text: str) -> None:
    tokens, literals = lexed(text), split_literals(text)
    if tokens is None or literals is None:
        return
    spans = [
        (start, start + len(token)) for start, token in zip(literals.starts(), literals.tokens, strict=True)
    ]
    assert [text[start:end] for start, end in spans] == literals.tokens
    expected = {(token.start, token.end) for token in tokens if token.kind in LITERALS}
    assert {span for span in spans if text[span[0]] != "#"} <= expected, text
    if "-" not in text and "..." not in text:  # numbers beside these without a space are left in the rest
        assert len(expected) == sum(token[0] != "#" for token in literals.tokens), text
    for token in tokens:
        if token.kind in LITERALS:
            node: Any = literal_node(text[token.start : token.end])
            assert node.value == token.value


@settings(max_examples=1000, deadline=None)
@given(TEXTS, st.lists(TOKENS, min_size=12, max_size=12))
@example('{a(x:"""a""" y:5)}', ['""', '"b"'] + ["1"] * 10)
@example("{a(x:5 6)}", ["-5", "7"] + ["1"] * 10)
@example("{a(x:5-5)}", ["5", '"a"'] + ["1"] * 10)
def test_a_text_with_the_rest_of_a_valid_one_has_the_same_tokens(text: str, others: list[str]) -> None:
    tokens, literals = lexed(text), split_literals(text)
    if tokens is None or literals is None or any(token[0] == "#" for token in literals.tokens):
        return
    parts = literals.rest.split("\0")
    other = "".join(part + token for part, token in zip(parts, [*others, ""], strict=False))
    split = split_literals(other)
    if split is None or split.rest != literals.rest or len(split.tokens) != len(literals.tokens):
        return
    read = [each if each[0] == "#" else literal_node(each) for each in split.tokens]
    if None in read or any(isinstance(each, str) for each in read):
        return
    found = lexed(other)
    assert found is not None, other
    rest = [token.kind for token in found if token.kind not in LITERALS]
    assert rest == [token.kind for token in tokens if token.kind not in LITERALS], (text, other)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('{ a(x: "b", y: -1.5e3) }', ['"b"', "-1.5e3"]),
        ('{ a2(x: """b "c" \\""" """) } # "d" 1', ['"""b "c" \\""" """', '# "d" 1']),
        ('{ a(x: "\\"") b(y: "") }', ['"\\""', '""']),
    ],
)
def test_strings_numbers_and_comments_are_literals(text: str, tokens: list[str]) -> None:
    assert split_literals(text) == Literals(_rest(text, tokens), tokens)


def _rest(text: str, tokens: list[str]) -> str:
    for token in tokens:
        text = text.replace(token, "\0", 1)
    return text


@pytest.mark.parametrize(
    "text", ["{ a }", '{ a(x: "b) }', '{ a(x: "b\n") }', '{ a(x: """b" }', '{a(x:"\t")}', "{a(x:\0 1)}"]
)
def test_texts_without_literals_or_with_broken_ones_are_left_alone(text: str) -> None:
    assert split_literals(text) is None


@pytest.mark.parametrize("text", ['"\\"' * 9000, '"""' + '\\"""' * 6000, "1" * 20_000 + "x", '"a" ' * 5000, '""" ' * 6001])  # fmt: skip
def test_each_character_is_looked_at_a_few_times_at_most(text: str) -> None:
    """A text for which the time grows with the square of its length would take minutes."""
    for _ in range(50):
        split_literals(text)
