"""Rows as bytes: CSV, also as Excel reads it, one JSON object per line, Excel workbooks, or Parquet."""

import importlib.util
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import closing
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from app.db.export import OnBroken, Rows
from app.db.file_columns import Column
from app.domain.spreadsheet_text import escape_formula
from app.errors import AppError, Code
from app.http.xlsx import Workbook

T = TypeVar("T")

# What is raised of a text that is no value of its column; pyarrow's own errors are ValueErrors, too.
_UNFIT = (ValueError, ArithmeticError, TypeError)


class Format(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    XLSX = "xlsx"
    PARQUET = "parquet"


class Dialect(StrEnum):
    """How CSV is written: as RFC 4180 has it, or as Excel opens it where the decimal sign is a comma."""

    STANDARD = "standard"
    EXCEL = "excel"


MEDIA_TYPES: Mapping[Format, str] = {
    Format.CSV: "text/csv; charset=utf-8; header=present",
    Format.NDJSON: "application/x-ndjson",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    Format.PARQUET: "application/vnd.apache.parquet",
}


def require(format: Format) -> None:
    """Raises NOT_IMPLEMENTED: Parquet is an extra of the package."""
    if format is Format.PARQUET and importlib.util.find_spec("pyarrow") is None:
        raise AppError(
            "This server cannot write Parquet: install dno-api[parquet], or ask for csv or ndjson.",
            Code.NOT_IMPLEMENTED,
        )


def encode(
    format: Format,
    columns: Mapping[str, Column],
    batches: AsyncIterator[Rows],
    on_broken: OnBroken,
    *,
    dialect: Dialect = Dialect.STANDARD,
    title: str = "export",
) -> AsyncGenerator[bytes, None]:
    """`on_broken` counts rows that the format cannot hold; they are left out, whatever the database thinks of them.

    `title`: of the sheet of a workbook.
    """
    if format is Format.CSV:
        return _excel_csv(columns, batches) if dialect is Dialect.EXCEL else _csv(columns, batches)
    if format is Format.XLSX:
        return _xlsx(columns, batches, on_broken, title)
    return {Format.NDJSON: _ndjson, Format.PARQUET: _parquet}[format](columns, batches, on_broken)


def _each(convert: Callable[[Rows], T], rows: Rows, on_broken: OnBroken) -> Iterator[T]:
    """The batch at once; where that fails, row by row without those at fault."""
    try:
        yield convert(rows)
    except _UNFIT:
        for row in rows:
            try:
                one = convert([row])
            except _UNFIT:
                on_broken(1)
            else:
                yield one


async def _csv(columns: Mapping[str, Column], batches: AsyncIterator[Rows]) -> AsyncGenerator[bytes, None]:
    # The header waits for the first rows, so that a statement that fails does so before anything was sent.
    header = ",".join(columns) + "\n"
    async for rows in batches:
        yield (header + "".join(",".join(map(_cell, row)) + "\n" for row in rows)).encode()
        header = ""
    yield header.encode()


_SPECIAL = re.compile('[",\r\n]')


def _cell(text: str | None) -> str:
    # Not csv.writer, which leaves a carriage return bare that csv.reader then takes for the end of a line.
    if not text:
        return ""
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text


async def _excel_csv(
    columns: Mapping[str, Column], batches: AsyncIterator[Rows]
) -> AsyncGenerator[bytes, None]:
    writers = [_EXCEL_CELLS.get(kind, _excel_text) for kind in columns.values()]

    def line(row: Sequence[str | None]) -> str:
        return ";".join([write(text) if text else "" for write, text in zip(writers, row, strict=True)])

    header = f"\ufeff{';'.join(columns)}\r\n"
    async for rows in batches:
        yield (header + "".join(line(row) + "\r\n" for row in rows)).encode()
        header = ""
    yield header.encode()


_EXCEL_SPECIAL = re.compile('[";\r\n]')


def _excel_text(text: str) -> str:
    text = escape_formula(text)
    return '"' + text.replace('"', '""') + '"' if _EXCEL_SPECIAL.search(text) else text


def _excel_number(text: str) -> str:
    return text.replace(".", ",")


_EXCEL_CELLS: Mapping[Column, Callable[[str], str]] = dict.fromkeys(
    (Column.WHOLE, Column.PRICE, Column.MEGAWATTS), _excel_number
)


async def _xlsx(
    columns: Mapping[str, Column], batches: AsyncIterator[Rows], on_broken: OnBroken, title: str
) -> AsyncGenerator[bytes, None]:
    sink = _Sink()
    with closing(Workbook(sink, title, columns)) as workbook:
        async for rows in batches:
            for cells in _each(workbook.convert, rows, on_broken):
                workbook.write(cells)
            yield sink.drain()
    yield sink.drain()


async def _ndjson(
    columns: Mapping[str, Column], batches: AsyncIterator[Rows], on_broken: OnBroken
) -> AsyncGenerator[bytes, None]:
    # Prices stay text, as in the API: a JSON number would pass through floats at the reader's.
    typed: dict[Column, Callable[[str], object]] = {
        Column.WHOLE: int,
        Column.FLAG: _flag,
        Column.JSON: _json,
    }
    readers = [(name, typed.get(kind, str)) for name, kind in columns.items()]
    encoder = msgspec.json.Encoder()

    def lines(rows: Rows) -> bytes:
        return encoder.encode_lines(
            [
                {
                    name: None if text is None else read(text)
                    for (name, read), text in zip(readers, row, strict=True)
                }
                for row in rows
            ]
        )

    async for rows in batches:
        for part in _each(lines, rows, on_broken):
            yield part


def _flag(text: str) -> bool:
    return text == "true"


def _json(text: str) -> object:
    return msgspec.Raw(text.encode())


async def _parquet(
    columns: Mapping[str, Column], batches: AsyncIterator[Rows], on_broken: OnBroken
) -> AsyncGenerator[bytes, None]:
    import pyarrow
    from pyarrow import parquet

    types = {
        Column.TEXT: (pyarrow.string(), str),
        Column.JSON: (pyarrow.string(), str),
        Column.WHOLE: (pyarrow.int32(), int),
        Column.FLAG: (pyarrow.bool_(), _flag),
        Column.PRICE: (pyarrow.decimal128(10, 4), Decimal),
        Column.MEGAWATTS: (pyarrow.decimal128(38, 15), Decimal),
    }
    schema = pyarrow.schema([(name, types[kind][0]) for name, kind in columns.items()])
    readers: list[Any] = [types[kind][1] for kind in columns.values()]
    sink = _Sink()

    def table(rows: Rows) -> Any:
        arrays = [
            pyarrow.array([None if text is None else read(text) for text in column], field.type)
            for read, column, field in zip(readers, zip(*rows, strict=True), schema, strict=True)
        ]
        return pyarrow.Table.from_arrays(arrays, schema=schema)

    with parquet.ParquetWriter(pyarrow.PythonFile(sink, mode="w"), schema) as writer:
        async for rows in batches:
            writer.write_table(pyarrow.concat_tables([schema.empty_table(), *_each(table, rows, on_broken)]))
            yield sink.drain()
    yield sink.drain()


class _Sink(io.RawIOBase):
    """A file that drops the bytes that were read from it, and still counts them in its length."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._waiting.append(bytes(data))
        self._length += len(self._waiting[-1])
        return len(self._waiting[-1])

    def tell(self) -> int:
        return self._length

    def drain(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken
