"""From bytes to rows, whatever the bytes."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.file_columns import Column
from app.http.export_formats import Format as ExportFormat
from app.http.export_formats import encode
from app.importers import cells
from app.importers.layout import Layout, Row
from app.importers.problems import Problem
from app.importers.reading import read
from app.importers.records import Format, ReadOptions

LAYOUT = Layout({"name": cells.text, "year": cells.year})


def rows_of(data: bytes | str, *layouts: Layout, format: Format | None = None):
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(read(stream, "f.csv", layouts or (LAYOUT,), ReadOptions(format=format)))


def cells_of(data: bytes | str, **options) -> list[list[str]]:
    found = rows_of(data, **options)
    assert not [item for item in found if isinstance(item, Problem)], found
    return [list(row.cells) for row in found]


def problems_of(data: bytes | str, **options) -> list[tuple[int, str | None, str]]:
    """Of the shape as well as of the cells."""
    problems = []
    for item in rows_of(data, **options):
        problems += [item] if isinstance(item, Problem) else item.layout.problems(item)
    return [(problem.location.line, problem.column, problem.reason) for problem in problems]


def test_columns_may_come_in_any_order():
    assert cells_of("year,name\n2025,a\n") == [["a", "2025"]]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_ending_is_accepted_also_none_at_the_end(end):
    assert cells_of(end.join(["name,year", "a,2025", "b,2026"])) == [["a", "2025"], ["b", "2026"]]


def test_a_byte_order_mark_and_blank_lines_are_ignored():
    assert cells_of(b"\xef\xbb\xbfname,year\n\na,2025\n\n") == [["a", "2025"]]
    assert cells_of(b'\xef\xbb\xbf\n{"name": "a", "year": 2025}\n', format=Format.NDJSON) == [["a", "2025"]]


def test_the_line_of_a_row_is_its_first_even_if_a_cell_spans_lines():
    rows = rows_of('name,year\n"one\ntwo",2025\nb,2026\n')
    assert [(row.location.line, row.cells[0]) for row in rows] == [(2, "one\ntwo"), (4, "b")]


def test_bytes_that_are_not_utf_8_are_reported_with_their_cell():
    assert problems_of("name,year\nok,2025\nM\x81nchen,2025\n".encode("latin-1")) == [
        (3, "name", "is not UTF-8; save the file as UTF-8")
    ]


def test_a_nul_character_is_reported_with_its_cell():
    assert problems_of("name,year\na\0b,2025\n") == [(2, "name", "holds a NUL character")]


def test_ragged_rows_do_not_hide_those_behind_them():
    assert problems_of("name,year\na\nb,2025,x\nc,1\n") == [
        (2, None, "the row has 1 cells, the header 2"),
        (3, None, "the row has 3 cells, the header 2"),
        (4, "year", "must be a year from 2000 to 2100"),
    ]


def test_broken_quotes_are_reported_with_their_position():
    problems = problems_of('name,year\n"a"b,2025\nc,1\n')
    assert [line for line, _, _ in problems] == [2, 3]
    assert "no CSV" in problems[0][2]


def test_an_unclosed_quote_is_one_problem_at_its_opening():
    [(line, column, reason)] = problems_of('name,year\na,2025\n"b,2025\nc,2025\n')
    assert (line, column) == (3, None)
    assert "unexpected end of data" in reason


def test_a_huge_cell_is_refused():
    problems = problems_of("name,year\n" + "x" * 20_000 + ",2025\n" + "y" * 200_000 + ",2025\n")
    assert [line for line, _, _ in problems] == [2, 3]


def test_a_line_without_end_is_not_read_into_memory():
    [problem] = problems_of("name,year\n" + "x" * 3_000_000)
    assert "longer than" in problem[2]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("name", ("year", "this column is missing")),
        ("name,year,note", ("note", "there is no such column; known are name, year")),
        ("name,year,name", ("name", "this column is there twice")),
        ("name,year,Jahr", ("year", "this column is there twice: as year and as Jahr")),
    ],
)
def test_a_wrong_header_is_reported_once_and_no_row_is_read(header, expected):
    assert problems_of(f"{header}\na,b\nc,d\n") == [(1, *expected)]


@pytest.mark.parametrize(("data", "reason"), [("", "the file is empty"), ("\n\n", "the header is missing")])
def test_a_file_without_a_header_is_refused(data, reason):
    assert [problem[2] for problem in problems_of(data)] == [reason]


def test_a_header_alone_is_no_row():
    assert cells_of("name,year\n") == []


def test_the_layout_that_fits_the_header_best_is_taken():
    other = Layout({"name": cells.text, "price": cells.price})
    assert rows_of("name,price\na,1\n", LAYOUT, other)[0].layout is other
    assert rows_of("name,yeah\na,1\n", other, LAYOUT)[0].reason == "this column is missing"


def test_json_scalars_are_read_as_their_csv_text():
    layout = Layout(dict.fromkeys(("a", "b", "c", "d", "e"), cells.text))
    line = '{"a": null, "b": true, "c": 58.20, "d": 2025, "e": "x"}'
    assert list(rows_of(line, layout)[0].cells) == ["", "true", "58.20", "2025", "x"]


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"name": "a"}', "year", "this column is missing"),
        ('{"name": "a", "year": 2025, "x": 1}', "x", "there is no such column"),
        ('{"name": "a", "name": "b", "year": 2025}', "name", "twice"),
        ('{"name": ["a"], "year": 2025}', "name", "must be text"),
        ('{"name": {}, "year": 2025}', "name", "must be text"),
        ('{"name": NaN, "year": 2025}', None, "NaN is no number"),
        ('{"name": "a", "year": 2025', None, "no JSON"),
        ('{"name": "a", "year": 2025} {}', None, "no JSON"),
        ("[1]", None, "no JSON object"),
        ('"name"', None, "no JSON object"),
        ("[" * 100_000, None, "no JSON"),
        ('{"name": "a\\u0000", "year": 2025}', "name", "NUL"),
        ('{"name": "a\\ud800", "year": 2025}', "name", "UTF-8"),
        ('{"name": "a", "year": 2025.5}', "year", "2000 to 2100"),
    ],
)
def test_a_bad_line_of_json_does_not_hide_the_next(line, column, reason):
    good = '{"name": "a", "year": 2025}'
    [(number, where, why)] = problems_of(f"{good}\n{line}\n{good}\n")
    assert (number, where) == (2, column)
    assert reason in why


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"))


def _no_broken_row(count: int) -> None:
    pytest.fail(f"{count} rows were left out")


@pytest.mark.parametrize("format", [ExportFormat.CSV, ExportFormat.NDJSON])
@given(names=st.lists(texts, min_size=1))
async def test_every_text_survives_export_and_import(format, names):
    async def batches():
        yield [(name or None, "2025") for name in names]

    columns = {"name": Column.TEXT, "year": Column.WHOLE}
    data = b"".join([chunk async for chunk in encode(format, columns, batches(), _no_broken_row)])
    assert cells_of(data) == [[name, "2025"] for name in names]


@given(st.binary(), st.sampled_from([None, *Format]))
def test_any_bytes_are_rows_or_problems(data, format):
    """Nothing is raised."""
    for item in rows_of(b"name,year\n" + data, format=format) + rows_of(data, format=format):
        assert isinstance(item, Row | Problem)
