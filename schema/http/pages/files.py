"""The rows of a view as a file: the parameters of the page, and all of its pages."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping
from typing import Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from app.cache.read_set import ReadSet
from app.db.file_columns import Column
from app.errors import AppError, Code
from app.http.conditional_requests import known_version
from app.http.entity_tags import etag
from app.http.export_formats import MEDIA_TYPES, Format, encode
from app.http.exports import LICENCE
from app.http.request_state import request_state
from schema.execution.documents import Operation
from schema.http.pages.parameters import PageParameters
from schema.http.rest_operations import Map, RestOperations

Rows: TypeAlias = list[list[str | None]]

_FORMATS: Final = (Format.CSV, Format.XLSX)
_PLACE: Final = ("after", "page")


class TableFiles:
    """`operation` lists one page. `name` is that of the file; `computed` and `further` are those of the page."""

    name = ""
    computed = frozenset[str]()
    further: Mapping[str, str] = {}
    columns: Mapping[str, Column] = {}

    def __init__(self, operations: RestOperations, operation: Operation) -> None:
        self._operations = operations
        self._operation = operation
        self._parameters = PageParameters(operation, self.computed, self.further)

    async def respond(self, request: Request) -> Response:
        self._operations.check_reader(request)
        wanted = request.path_params["format"]
        if wanted not in _FORMATS:
            raise AppError(f"There is no such format; there are {', '.join(_FORMATS)}.", Code.NOT_FOUND)
        variables = self._parameters.variables({}, self._parameters.given(request))
        variables = {name: value for name, value in variables.items() if name not in _PLACE}
        read = ReadSet()
        body = b"".join([part async for part in self._encoded(Format(wanted), variables, request, read)])
        edge = request_state(request.scope).resources.edge.headers_of(request.scope, read)
        headers = {
            "etag": etag(body),
            "cache-control": "no-cache",
            "vary": "authorization, cookie",
            "link": LICENCE,
            **{name.decode(): value.decode() for name, value in edge},
        }
        if (known := known_version(request.scope, headers["etag"])) is not None:
            return Response(status_code=304, headers=headers | {"etag": known})
        headers["content-disposition"] = f'attachment; filename="{self.name}.{wanted}"'
        return Response(body, headers=headers, media_type=MEDIA_TYPES[Format(wanted)])

    def _encoded(
        self, wanted: Format, variables: Map, request: Request, read: ReadSet
    ) -> AsyncIterator[bytes]:
        # No row is left out: all texts of operators fit both formats.
        return encode(
            wanted, self.columns, self.rows(variables, request, read), lambda _: None, title=self.name
        )

    @abstractmethod
    def rows(self, variables: Map, request: Request, read: ReadSet) -> AsyncIterator[Rows]:
        """The rows of the view, in parts; what they are read from is added to `read`."""
