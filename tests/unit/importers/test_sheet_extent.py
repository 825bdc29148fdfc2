"""How large a sheet is, and which cell has no value, before the workbook is opened."""

import re

import pytest

from app.importers import sheet_extent
from app.importers.records import UnreadableFile
from app.importers.sheet_extent import SheetExtent
from tests.unit.importers.imported import imported
from tests.unit.importers.workbooks import workbook

FILLED = '<row r="2"><c r="C2" s="1"><v>1</v></c></row>'
FORMATTED = '<row r="1048576" s="1"><c r="A1048576" s="1"/><c r="XFD1048576" s="1"/></row>'


def extent_of(sheet: str, size: int = 1_000_000) -> SheetExtent:
    extent, data = SheetExtent(), f"<worksheet><sheetData>{sheet}</sheetData></worksheet>".encode()
    for first in range(0, len(data), size):
        extent.read(data[first : first + size])
    return extent


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize(
    ("sheet", "expected"),
    [
        (FILLED, (2, 3)),
        (FILLED + FORMATTED, (2, 3)),
        (FILLED + '<row r="9"><c r="AB9" t="s"><v>0</v></c></row>', (9, 28)),
        ("", (0, 0)),
    ],
)
def test_cells_with_values_count_and_those_that_are_only_formatted_do_not(sheet, expected, size):
    assert extent_of(sheet, size).size == expected


@pytest.mark.parametrize(
    "sheet",
    [
        '<row r="1048576"><c><v>1</v></c><c><v>1</v></c><c><v>1</v></c><c><v>1</v></c></row>',
        '<x:row r="1048576"><x:c r="D1048576"><x:v>1</x:v></x:c></x:row>',
        f'<row r="1048576"><c x="{"y" * 300}" r="D1048576"><v>1</v></c></row>',
        "<row r='1048576'><c r='D1048576'><v>1</v></c></row>",
        FORMATTED + "<row><c><v>1</v></c></row>",
    ],
)
def test_of_a_sheet_that_is_written_another_way_everything_counts(sheet):
    rows, columns = extent_of(sheet).size
    assert rows >= 1_048_576
    assert columns >= 4


@pytest.mark.parametrize("size", [*range(1, 60), 1_000])
@pytest.mark.parametrize(
    "cell",
    ['<c r="B3"><f>A1*2</f></c>', '<c r="B3" t="e"><v>#REF!</v></c>', '<c r="B3"><f t="shared" si="0"/></c>'],
)
def test_a_cell_without_its_value_is_found_wherever_chunks_meet(cell, size):
    assert extent_of(f'{FILLED}<row r="3">{cell}</row>', size).without_result == "B3"


@pytest.mark.parametrize("size", [*range(1, 60), 1_000])
@pytest.mark.parametrize("prefix", ["", "x:"])
@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B3"><f>A1*2</f><v></v></c>',
        '<c r="B3"><f>A1*2</f><v /></c>',
        '<c r="B3"><f t="shared" si="0"/><v/></c>',
        "<c t='e' r='B3'><v>#REF!</v></c>",
        '<c r = "B3" t  =  "e"><v>#REF!</v></c>',
        '<c r="B3"><f>A1*2</f> <v> </v> </c>',
    ],
)
def test_a_cell_without_its_value_is_found_however_a_program_writes_it(cell, prefix, size):
    """An empty value is what libraries write that calculate nothing."""
    sheet = f"<worksheet><sheetData>{FILLED}<row>{cell}</row></sheetData></worksheet>"
    data = re.sub("<(/?)", rf"<\1{prefix}", sheet).encode()
    extent = SheetExtent()
    for first in range(0, len(data), size):
        extent.read(data[first : first + size])
    assert extent.without_result == "B3"


@pytest.mark.parametrize("value", ["<v></v>", "<v/>", "<v>1</v>"])
@pytest.mark.parametrize("type", ['t="str"', "t  =  'str'"])
def test_formulas_with_results_have_values(value, type):
    assert extent_of(f'<row r="1"><c r="A1" {type}><f>B1</f>{value}</c></row>').without_result == ""


def test_another_encoding_is_refused():
    with pytest.raises(UnreadableFile, match="not UTF-8"):
        SheetExtent().read(FILLED.encode("utf-16"))


def test_a_workbook_that_is_formatted_to_its_last_row_is_read():
    names = ["dno_slug", "year", "voltage_level", "leistung"]
    sheet = workbook([names, ["netze-a", 2026, "MS", 58.2]])
    assert imported("tariffs", sheet).problems == []
    formatted = workbook([names, ["netze-a", 2026, "MS", 58.2]], after=FORMATTED)
    assert imported("tariffs", formatted).problems == []
    filled = FORMATTED.replace("/>", "><v>1</v></c>")
    [problem] = imported("tariffs", workbook([names], after=filled)).problems
    assert "1,048,576 rows and 16,384 columns" in problem[2]


def test_rows_whose_tags_are_not_closed_are_not_searched_for_hidden_ones():
    """Else each of many such tags costs as much as the longest tag that is read."""
    assert sheet_extent._ROW_TAG.findall(b'<row hidden="1" <row r="5">') == [b'<row r="5">']
    # The reader takes the number of such a row, which therefore counts.
    assert extent_of('<row spans="<" r="999999"><c><v>1</v></c></row>').size == (999_999, 1)
