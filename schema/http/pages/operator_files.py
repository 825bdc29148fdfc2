"""The operators of a view of `/operators` as a file: the same filters and order, all pages of the table."""

from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.requests import Request

from app.cache.read_set import ReadSet
from app.db.file_columns import Column
from schema.http.pages.files import Rows, TableFiles
from schema.http.rest_operations import Map

_COLUMNS: Final = {
    "slug": Column.TEXT,
    "name": Column.TEXT,
    "city": Column.TEXT,
    "region": Column.TEXT,
    "years": Column.TEXT,
    "connection_points": Column.WHOLE,
}


class OperatorFiles(TableFiles):
    name = "operators"
    computed = frozenset(("after",))
    columns = _COLUMNS

    async def rows(self, variables: Map, request: Request, read: ReadSet) -> AsyncIterator[Rows]:
        while True:
            result = await self._operations.run_fields(self._operation, variables, request)
            read.merge(result.read_set)
            page = result.data["dnos"]
            yield [_row(dno) for dno in page["nodes"]]
            if not page["pageInfo"]["hasNextPage"]:
                return
            variables = {**variables, "after": page["pageInfo"]["endCursor"]}


def _row(dno: Map) -> list[str | None]:
    points = (dno["statistics"] or {}).get("connectionPoints")
    years: Any = " ".join(map(str, dno["years"]))
    return [
        dno["slug"],
        dno["name"],
        dno["city"],
        dno["region"],
        years,
        None if points is None else str(points),
    ]
