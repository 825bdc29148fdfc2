"""Which texts are codes of operators, and the operators that have them."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.domain.dno import DirectoryEntry
from app.domain.operator_code import code_index, read_code
from app.errors import Code
from tests.error_codes import raises_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SNB982046657236", "SNB982046657236"),
        (" snb982046657236\n", "SNB982046657236"),
        ("9907492000005", "9907492000005"),
        ("A00014369.DE", "A00014369.DE"),
        ("a0005854z.de", "A0005854Z.DE"),
        ("7156", "7156"),
        ("oaboR56jqSt8W4HXi", "oaboR56jqSt8W4HXi"),
    ],
)
def test_a_code_is_compared_in_capitals_but_for_letters_of_a_vnb_id(text, code):
    assert read_code(text, "code") == code


@pytest.mark.parametrize(
    "text",
    ["", "netze-bw", "80331", "SNB98204665723", "SNB9820466572361", "SNE982046657236", "990749200000٥", "A00014369", "12 34", "x" * 18],
)  # fmt: skip
def test_a_text_that_is_no_code_is_refused(text):
    with raises_code(Code.BAD_USER_INPUT) as refused:
        read_code(text, "code")
    assert "is no code: it must be a MaStR number" in str(refused.value)


def test_operators_can_have_a_code_in_common():
    def entry(number, **codes):
        return DirectoryEntry(
            UUID(int=number), f"n-{number}", "N", None, None, None, None, False, False, None, datetime.now(UTC), **codes
        )  # fmt: skip

    index = code_index(
        [
            entry(1, mastr_nr="SNB1", bdew_code="99", vnb_id="7"),
            entry(2, mastr_nr="SNB2", bdew_code="99", acer_code="a1.de"),
            entry(3),
        ]
    )
    assert {code: [dno_id.int for dno_id in ids] for code, ids in index.items()} == {
        "SNB1": [1], "SNB2": [2], "99": [1, 2], "7": [1], "A1.DE": [2],
    }  # fmt: skip
