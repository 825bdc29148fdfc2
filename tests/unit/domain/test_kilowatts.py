"""Numbers of kW in German and English notation are read exactly, and not guessed."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.kilowatts import SCALE, DecimalMark, InvalidNumber, KilowattReader

COMMA, POINT = DecimalMark.COMMA, DecimalMark.POINT


def numbers(*texts: str, mark: DecimalMark | None = None) -> list[Decimal]:
    reader = KilowattReader(mark)
    return [Decimal(reader.read(text)) / SCALE for text in texts]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("007", "7"),
        ("+5", "5"),
        ("12,5", "12.5"),
        ("12.5", "12.5"),
        ("0,000000001", "0.000000001"),
        ("1.234,5", "1234.5"),
        ("1,234.5", "1234.5"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("999.999.999,999999999", "999999999.999999999"),
    ],
)
def test_both_notations_are_read(text: str, value: str) -> None:
    assert numbers(text) == [Decimal(value)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no number"),
        ("-1", "negative"),
        ("\N{MINUS SIGN}1", "negative"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        ("1e3", "not a number"),
        ("1,", "not a number"),
        (",5", "not a number"),
        ("1 000", "not a number"),
        ("12.34.5", "not a number"),
        ("1.234,567.8", "more than nine digits before or behind"),
        ("٣", "not a number"),
        ("²", "not a number"),
        ("12 kW", "not a number"),
        ("1234567890", "nine digits"),
        ("0.1234567891", "nine digits"),
    ],
)
def test_other_texts_are_refused_with_their_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidNumber, match=reason):
        numbers(text)


def test_a_file_has_one_decimal_mark() -> None:
    for texts in (
        ("12,5", "12.5"),
        ("12.5", "12,5"),
        ("12,5", "1,234.5"),
        ("1.234", "12,5"),
        ("12,5", "0.500"),
    ):
        with pytest.raises(InvalidNumber, match="another decimal mark"):
            numbers(*texts)


@pytest.mark.parametrize(
    ("texts", "mark"),
    [(("1.234", "987,5"), "COMMA"), (("1,234", "987.5"), "POINT"), (("1.234", "1.234,5"), "COMMA")],
)
def test_a_refusal_names_the_decimal_mark_by_which_all_numbers_so_far_can_be_read(
    texts: tuple[str, ...], mark: str
) -> None:
    with pytest.raises(InvalidNumber, match=f"then decimalMark={mark} is needed"):
        numbers(*texts)
    assert len(numbers(*texts, mark=DecimalMark(mark))) == len(texts)


@pytest.mark.parametrize(
    "texts", [("1.234", "1,234"), ("1,234", "1.234"), ("12,5", "12.5"), ("12,5", "1,234.5")]
)
def test_a_refusal_names_no_decimal_mark_where_more_than_one_or_none_reads_all_numbers(
    texts: tuple[str, ...],
) -> None:
    with pytest.raises(InvalidNumber) as refused:
        numbers(*texts)
    assert str(refused.value) == f"'{texts[1]}' has another decimal mark than the file or decimalMark states"


@pytest.mark.parametrize("texts", [("1.234", "987,5"), ("1,234", "987.5")])
def test_a_refusal_has_no_example_that_contradicts_its_decimal_mark(texts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidNumber) as refused:
        numbers(*texts)
    assert f"unless the marks in these are between thousands ({texts[0]} is 1234): then" in str(refused.value)


def test_groups_of_three_are_read_by_the_decimal_mark_of_rows_before() -> None:
    assert numbers("12,5", "1.234") == [Decimal("12.5"), Decimal(1234)]
    assert numbers("12.5", "1,234") == [Decimal("12.5"), Decimal(1234)]
    assert numbers("1.234", mark=COMMA) == [Decimal(1234)]
    assert numbers("1.234", mark=POINT) == [Decimal("1.234")]


@pytest.mark.parametrize(
    ("texts", "ambiguous"),
    [
        (["1.234", "987", "12.500"], True),
        (["1,234"], True),
        (["0.234"], False),
        (["1.2345"], False),
        (["1234.567"], False),
        (["1.234", "0.5"], False),
        (["987"], False),
    ],
)
def test_it_is_known_whether_all_numbers_could_be_read_in_both_notations(
    texts: list[str], ambiguous: bool
) -> None:
    reader = KilowattReader()
    for text in texts:
        reader.read(text)
    assert reader.ambiguous is ambiguous


@settings(max_examples=50)
@given(st.integers(0, 999_999_999), st.integers(0, 10**9 - 1), st.sampled_from(DecimalMark))
def test_a_written_number_is_read_back_exactly(whole: int, billionths: int, mark: DecimalMark) -> None:
    decimal, group = (",", ".") if mark is COMMA else (".", ",")
    for text in (
        f"{whole}{decimal}{billionths:09}",
        f"{whole:,}".replace(",", group) + f"{decimal}{billionths:09}",
    ):
        assert KilowattReader(mark).read(text) == whole * SCALE + billionths


@settings(max_examples=100)
@given(st.text(alphabet="0123456789.,+-e ", max_size=14))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        value = KilowattReader().read(text)
    except InvalidNumber:
        return
    assert 0 <= value < 10**18
