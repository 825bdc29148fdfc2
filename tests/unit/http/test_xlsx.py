"""Workbooks hold every value exactly, as a number where Excel can compute with it."""

import io

import pytest

from app.db.file_columns import Column
from app.http import xlsx
from app.http.xlsx import Workbook
from tests.workbooks import read_rows, read_sheets

COLUMNS = {
    "slug": Column.TEXT,
    "year": Column.WHOLE,
    "flag": Column.FLAG,
    "price": Column.PRICE,
    "capacity": Column.MEGAWATTS,
}


def _written(rows, columns=COLUMNS, **options) -> bytes:
    target = io.BytesIO()
    workbook = Workbook(target, "a & b", columns, **options)
    workbook.write(workbook.convert(rows))
    workbook.close()
    return target.getvalue()


def _columns_of(count):
    return {f"c{n}": Column.TEXT for n in range(count)}


def test_numbers_keep_the_decimals_that_were_published():
    [row] = read_rows(_written([["a", "2026", "true", "58.20", "0.0001"]]))
    assert row["slug"] == ("inlineStr", "a", "")
    assert row["year"] == ("n", "2026", "")
    assert row["flag"] == ("b", "1", "")
    assert row["price"] == ("n", "58.20", "0.00")
    assert row["capacity"] == ("n", "0.0001", "0.0000")


def test_negative_numbers_are_numbers_and_no_formulas():
    [row] = read_rows(_written([["a", "2026", "false", "-0.5", "12"]]))
    assert row["price"] == ("n", "-0.5", "0.0")
    assert row["flag"] == ("b", "0", "")
    assert row["capacity"] == ("n", "12", "0")


@pytest.mark.parametrize("number", ["123456789.123456789012345", "0.12345678901234567", "9007199254740993"])
def test_numbers_that_excel_would_round_are_text(number):
    [row] = read_rows(_written([["a", "1", None, None, number]]))
    assert row["capacity"] == ("inlineStr", number, "")


@pytest.mark.parametrize("number", ["NaN", "1e30", "", "1,5", "=1"])
def test_what_is_no_number_is_refused_or_empty(number):
    columns = {"price": Column.PRICE}
    if not number:
        assert read_rows(_written([[number]], columns)) == [{}]
    else:
        with pytest.raises(ValueError, match="not a number"):
            _written([[number]], columns)


def test_leading_zeros_and_long_codes_are_text():
    columns = {"postal_code": Column.TEXT, "bdew_code": Column.TEXT}
    [row] = read_rows(_written([["01067", "9900001000001"]], columns))
    assert row["postal_code"] == ("inlineStr", "01067", "")
    assert row["bdew_code"] == ("inlineStr", "9900001000001", "")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (" a ", " a "),
        ("a\r\nb\rc\t", "a\r\nb\rc\t"),
        ("<a>&amp;\"'", "<a>&amp;\"'"),
        ("=1+1", "'=1+1"),
        ("a\x0bb\x1f", "a_x000B_b_x001F_"),
        ("_x000B_", "_x005F_x000B_"),
        ("\uffff\U0001f600", "_xFFFF_\U0001f600"),
        ("]]>", "]]>"),
    ],
)
def test_text_survives(text, written):
    [row] = read_rows(_written([[text]], {"a": Column.TEXT}))
    assert row["a"].text == written


def test_a_text_that_no_cell_holds_is_refused():
    assert read_rows(_written([["a" * xlsx.MAX_CELL_LENGTH]], {"a": Column.TEXT}))
    with pytest.raises(ValueError, match="a cell holds 32,767"):
        _written([["a" * (xlsx.MAX_CELL_LENGTH + 1)]], {"a": Column.TEXT})


def test_rows_beyond_the_limit_of_a_sheet_are_in_further_sheets_with_the_same_header():
    sheets = read_sheets(_written([[str(n)] for n in range(7)], {"a": Column.TEXT}, max_rows=4))
    texts = {name: [row["A"].text for row in rows] for name, rows in sheets.items()}
    assert texts == {
        "a & b": ["a", "0", "1", "2"],
        "a & b 2": ["a", "3", "4", "5"],
        "a & b 3": ["a", "6"],
    }


def test_columns_after_z_have_two_letters():
    [[header]] = read_sheets(_written([], _columns_of(28))).values()
    assert list(header)[-3:] == ["Z", "AA", "AB"]


def test_equal_rows_are_equal_bytes():
    assert _written([["a", "1", None, "2", None]]) == _written([["a", "1", None, "2", None]])
