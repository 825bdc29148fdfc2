"""Import and export files have the same columns, each named in one place."""

import pytest

from app.db.export import COLUMNS, Table
from app.db.file_columns import OPERATOR_COLUMNS
from app.importers.load import SOURCES, Kind
from app.importers.registry import PARSERS
from app.importers.source import References

NOTHING_STORED = References({}, frozenset())


# The history is exported only.
@pytest.mark.parametrize("table", [table for table in Table if table is not Table.CHANGES])
def test_an_import_file_has_the_columns_of_the_export(table: Table) -> None:
    layouts = SOURCES[Kind(table)](NOTHING_STORED).layouts
    assert layouts[-1].names == tuple(COLUMNS[table])


def test_each_column_of_operators_has_a_parser_and_no_other() -> None:
    assert PARSERS.keys() == OPERATOR_COLUMNS.keys()
