"""Splits the text of a document into its literals and the rest, without parsing it.

Texts with the same rest have the same tokens except for their literals, because each literal is a whole token wherever it stands.
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from graphql import (
    ConstValueNode,
    FloatValueNode,
    GraphQLError,
    IntValueNode,
    Lexer,
    Source,
    StringValueNode,
    TokenKind,
)

from schema.execution.limits import MAX_DIGITS

# Strings, numbers and comments, which may contain what looks like the others. A quotation mark that begins no whole string
# takes the rest of the text with it, outside the group: so no quotation mark is tried twice, and the text is left alone.
_LITERAL: Final = re.compile(
    r'(?=["#0-9-])(?:'  # most characters are none of these
    r'("""(?:[^"\\]+|\\"""|\\(?!""")|"(?!""))*+"""'
    r'|"(?:[^"\\\x00-\x1f\ud800-\udfff]++|\\[^\x00-\x1f\ud800-\udfff])*+"(?!")'
    r"|#[^\n\r]*"
    r"|(?<![A-Za-z0-9_.-])-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_.-]))"
    r'|"[\s\S]*)'
)
_BETWEEN: Final = "\0"


class Literals(NamedTuple):
    """`rest`: the text without its literals. `tokens`: strings, numbers and comments as they are written."""

    rest: str
    tokens: list[str]

    def with_tokens(self, tokens: Sequence[str]) -> str:
        """The text with others in place of its tokens, as many of them."""
        return "".join(
            part + token for part, token in zip(self.rest.split(_BETWEEN), [*tokens, ""], strict=True)
        )

    def starts(self) -> list[int]:
        """The position of each token in the text."""
        starts, position = [], 0
        for before, token in zip(self.rest.split(_BETWEEN), self.tokens, strict=False):
            position += len(before)
            starts.append(position)
            position += len(token)
        return starts


def split_literals(text: str) -> Literals | None:
    """None for a text without literals, and for one that is no valid document in any case."""
    parts = _LITERAL.split(text)
    if len(parts) == 1 or _BETWEEN in text or None in parts:
        return None
    return Literals(_BETWEEN.join(parts[::2]), parts[1::2])


def literal_node(token: str) -> ConstValueNode | None:
    """The value of a token as the parser returns it, without its location; None for what the parser would refuse, and for a comment."""
    if token[0] == '"':
        text = string_value(token)
        return None if text is None else StringValueNode(value=text, block=token.startswith('"""'))
    if token[0] == "#" or len(token) > MAX_DIGITS:  # an ID may be a number of any form
        return None
    return FloatValueNode(value=token) if set(token) & set(".eE") else IntValueNode(value=token)


def string_value(token: str) -> str | None:
    if "\\" not in token and not token.startswith('"""'):
        return token[1:-1]
    try:
        read = Lexer(Source(token)).advance()
    except GraphQLError:
        return None
    return read.value if read.kind in (TokenKind.STRING, TokenKind.BLOCK_STRING) else None
