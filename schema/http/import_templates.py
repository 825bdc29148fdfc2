"""GET /api/v1/import/{kind}/template.csv and .xlsx: the header of an import and an example.

The example is a stored entry, so that a template that is sent back as it is changes nothing: one row, or the rows of an entry
that has several. Where none is stored, it names an operator that does not exist, and is refused.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.auth.roles import require_reader
from app.db.export import COLUMNS, HAS_OPERATORS, Rows, Table, fetch_example
from app.errors import AppError, BadInput, Code
from app.http.export_formats import MEDIA_TYPES, Dialect, Format, encode
from app.http.exports import LICENCE
from app.http.request_state import request_state
from app.settings import Settings
from schema.http.import_parameters import kind_of, table_of
from schema.http.parameters import check_parameters

FORMATS: Final = (Format.CSV, Format.XLSX)

# By column; others are empty.
_NOT_STORED: Final[Mapping[Table, Mapping[str, str]]] = {
    Table["REGISTRY"]: {
        "slug": "beispiel-netz",
        "name": "Beispiel Netz",
        "official_name": "Beispiel Netz GmbH",
        "closed_network": "false",
        "transmission": "false",
    },
    Table["PLACES"]: {
        "postal_code": "01067",
        "dno_slug": "beispiel-netz",
        "voltage_level": "NS",
        "basis": "PUBLISHED",
    },
    Table["TARIFFS"]: {
        "dno_slug": "beispiel-netz",
        "year": "2026",
        "voltage_level": "MS",
        "leistung": "58.20",
        "arbeit": "1.26",
        "leistung_unter_2500h": "12.50",
        "arbeit_unter_2500h": "3.09",
        "verification_status": "unverified",
        "source_url": "https://example.org/preisblatt-2026.pdf",
    },
    Table["HLZF"]: {
        "dno_slug": "beispiel-netz",
        "year": "2026",
        "voltage_level": "MS",
        "season": "WINTER",
        "start": "16:30",
        "end": "19:30",
        "verification_status": "unverified",
    },
}


class ImportTemplates:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/api/v1/import/{kind}/template.{format}", self._get)]

    async def _get(self, request: Request) -> Response:
        state = request_state(request.scope)
        require_reader(state.principal, anonymous_reading=self._settings.anonymous_reading)
        kind, form = kind_of(request), _format(request)
        table, dialect = table_of(kind), _dialect(request.query_params, form)
        example = await fetch_example(state.resources.pool, table) or _not_stored(table)
        body = await _written(table, example, form, dialect)
        headers = {
            "content-disposition": f'attachment; filename="{kind}-template.{form}"',
            "cache-control": "no-store",
        }
        if HAS_OPERATORS[table]:
            headers["link"] = LICENCE
        return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


def _not_stored(table: Table) -> Rows:
    """None for a family without an example."""
    example = _NOT_STORED.get(table)
    return [] if example is None else [[example.get(name) for name in COLUMNS[table]]]


async def _written(table: Table, example: Rows, form: Format, dialect: Dialect) -> bytes:
    async def rows() -> AsyncIterator[Rows]:
        yield example

    parts = encode(form, COLUMNS[table], rows(), lambda count: None, dialect=dialect, title=table)
    return b"".join([part async for part in parts])


def _format(request: Request) -> Format:
    given: str = request.path_params["format"]
    if given not in FORMATS:
        raise AppError(f"There is no such template; there are {', '.join(FORMATS)}.", Code.NOT_FOUND)
    return Format(given)


def _dialect(parameters: QueryParams, form: Format) -> Dialect:
    """The one parameter."""
    check_parameters(parameters, "dialect")
    given = parameters.getlist("dialect")
    if len(given) > 1 or not set(given) <= set(Dialect) or (given and form is not Format.CSV):
        raise BadInput(f"The parameter dialect is one of {', '.join(Dialect)}, for csv.", argument="dialect")
    return Dialect(given[0]) if given else Dialect.STANDARD
