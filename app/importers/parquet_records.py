"""Records of a Parquet file, in batches."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from app.importers.decimals import Decimal
from app.importers.problems import RowLocation
from app.importers.records import Record, Table, UnreadableFile
from app.importers.typed_values import text_of

if TYPE_CHECKING:
    import pyarrow

_BATCH: Final = 2_000
_MAX_ROW_GROUP: Final = 2**28  # bytes without compression


def parquet_table(stream: BinaryIO, file: str, on_characters: Callable[[int], None]) -> Table:
    """Lines are numbers of rows, from 1."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UnreadableFile("Parquet needs the extra dno-api[parquet]") from None
    stream.seek(0)
    try:
        opened = parquet.ParquetFile(stream)
        groups = [opened.metadata.row_group(n).total_byte_size for n in range(opened.metadata.num_row_groups)]
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UnreadableFile(f"the file is no Parquet: {error}") from None
    if max(groups, default=0) > _MAX_ROW_GROUP:
        raise UnreadableFile("a row group has more than 256 MB")
    names = tuple(opened.schema_arrow.names)

    def records() -> Iterator[Record]:
        line = 0
        try:
            for batch in opened.iter_batches(_BATCH):
                on_characters(batch.nbytes)
                for row in zip(*map(_values, batch.columns), strict=True):
                    line += 1
                    yield Record(RowLocation(file, line), names, [text_of(value) for value in row])
        except OverflowError:  # of Arrow's dates and durations, most are none of Python
            raise UnreadableFile(
                "the rest of the file has a date or a duration that is out of range"
            ) from None
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise UnreadableFile(f"the rest of the file is no Parquet: {error}") from None

    return Table("Parquet", (RowLocation(file, 1), names), records(), Decimal.POINT)


def _values(column: "pyarrow.Array[Any]") -> list[Any]:
    """Floats of 32 bits as their shortest decimals: 58.2, not 58.2000007629395."""
    if str(column.type) != "float":
        values: list[Any] = column.to_pylist()
        return values
    return [None if text is None else float(text) for text in column.cast("string").to_pylist()]
