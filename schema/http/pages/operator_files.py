"""The operators of a view of `/operators` as a file: the same filters and order, all pages of the table."""

from collections.abc import AsyncIterator
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from app.db.file_columns import Column
from app.errors import AppError, Code
from app.http.conditional_requests import etag, is_current
from app.http.export_formats import MEDIA_TYPES, Format, encode
from app.http.exports import LICENCE
from schema.execution.documents import Operation
from schema.http.pages.parameters import PageParameters
from schema.http.rest_operations import Map, RestOperations

_COLUMNS: Final = {
    "slug": Column.TEXT,
    "name": Column.TEXT,
    "city": Column.TEXT,
    "region": Column.TEXT,
    "years": Column.TEXT,
    "connection_points": Column.WHOLE,
}
_FORMATS: Final = (Format.CSV, Format.XLSX)


class OperatorFiles:
    """`operation` lists one page; its variables are those of the page and `after`."""

    def __init__(self, operations: RestOperations, operation: Operation) -> None:
        self._operations = operations
        self._operation = operation
        self._parameters = PageParameters(operation)

    async def respond(self, request: Request) -> Response:
        self._operations.check_reader(request)
        wanted = request.path_params["format"]
        if wanted not in _FORMATS:
            raise AppError(f"There is no such format; there are {', '.join(_FORMATS)}.", Code.NOT_FOUND)
        variables = self._parameters.variables({}, self._parameters.given(request))
        variables.pop("after", None)
        body = b"".join([part async for part in self._encoded(Format(wanted), variables, request)])
        headers = {"etag": etag(body), "cache-control": "no-cache", "link": LICENCE}
        if is_current(request.scope, headers["etag"]):
            return Response(status_code=304, headers=headers)
        headers["content-disposition"] = f'attachment; filename="operators.{wanted}"'
        return Response(body, headers=headers, media_type=MEDIA_TYPES[Format(wanted)])

    def _encoded(self, wanted: Format, variables: Map, request: Request) -> AsyncIterator[bytes]:
        # No row is left out: all texts of operators fit both formats.
        return encode(wanted, _COLUMNS, self._rows(variables, request), lambda _: None, title="operators")

    async def _rows(self, variables: Map, request: Request) -> AsyncIterator[list[list[str | None]]]:
        while True:
            result = await self._operations.run_fields(self._operation, variables, request)
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
