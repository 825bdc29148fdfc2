"""The columns of operators' files are columns of their table, with the same types."""

from app.db.file_columns import OPERATOR_COLUMNS, SQL_TYPES

# Set by the database.
GENERATED = {"id", "version", "created_at", "updated_at", "deleted_at"}


async def test_operator_columns_are_those_of_the_table(pool):
    rows = await pool.fetch(
        "SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_name = 'dnos'"
    )
    stored = {row["column_name"]: row["data_type"] for row in rows if row["column_name"] not in GENERATED}
    assert stored == {name: SQL_TYPES[column] for name, column in OPERATOR_COLUMNS.items()}
