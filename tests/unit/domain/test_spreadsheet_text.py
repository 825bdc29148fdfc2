"""Text that begins like a formula is escaped, and restored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.spreadsheet_text import escape_formula, unescape_formula


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+49 30 1234",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\tcmd",
        "\r\n=1",
        "  =1",
        "\ufeff=1",
        "＝1",
        "\u00a0@a",
        "'=1",
    ],
)
def test_text_that_begins_like_a_formula_gets_an_apostrophe(text):
    assert escape_formula(text) == f"'{text}"
    assert unescape_formula(f"'{text}") == text


@pytest.mark.parametrize("text", ["", "N-ERGIE", "1=1", "'s Gravenhage", "a\t=1", " a", "'", "''"])
def test_other_text_stays_as_it_is(text):
    assert escape_formula(text) == text
    assert unescape_formula(text) == text


@given(st.text(st.sampled_from("'=+-@ \t\r\n\ufeffaé1"), max_size=6))
def test_every_text_is_restored(text):
    assert unescape_formula(escape_formula(text)) == text
    assert not escape_formula(text).startswith(("=", "+", "-", "@", "\t", "\r"))
