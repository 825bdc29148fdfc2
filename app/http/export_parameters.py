"""What an export is asked for: table, format, dialect and filters, from the address."""

import re
from typing import Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request

from app.db.export import FILTERS, Filter, Table
from app.domain.clock import read_moment
from app.domain.place import read_postal_code
from app.errors import AppError, BadInput, Code, quoted
from app.http.export_formats import Dialect, Format

_DIALECT: Final = "dialect"
# What an offset such as +01:00 becomes in a query string without encoding.
_UNENCODED_PLUS: Final = re.compile(r" (?=\d\d:\d\d\Z)")


class ExportRequest(msgspec.Struct, frozen=True):
    table: Table
    format: Format
    dialect: Dialect
    wanted: Filter


def read_export(request: Request) -> ExportRequest:
    """Raises NOT_FOUND for another table or format, BadInput with the name of a parameter."""
    table, as_format = _table(request), _format(request)
    parameters = request.query_params
    filters = QueryParams([each for each in parameters.multi_items() if each[0] != _DIALECT])
    wanted = read_filter(filters, FILTERS[table])
    return ExportRequest(table, as_format, _dialect(parameters, as_format), wanted)


def read_filter(parameters: QueryParams, allowed: tuple[str, ...]) -> Filter:
    """`year=2025&year=2026` selects both. Raises BadInput with the name of the parameter."""
    if unknown := sorted(set(parameters) - set(allowed)):
        raise BadInput(
            f"There is no filter {quoted(unknown[0])}; there are {', '.join(allowed)}.",
            argument=unknown[0][:80],
        )
    texts = {name: [_text(name, text) for text in parameters.getlist(name)] for name in parameters}
    for name, given in texts.items():
        try:
            msgspec.convert({name: given}, Filter, strict=False)
        except msgspec.ValidationError:
            raise BadInput(
                f"The filter {name} cannot be {quoted(', '.join(given))}.", argument=name
            ) from None
    return msgspec.convert(texts, Filter, strict=False)


def _text(name: str, text: str) -> str:
    if "\x00" in text:
        raise BadInput(f"The filter {name} holds a NUL character.", argument=name)
    if name == "since":
        return _moment(text)
    if name == "postal_code":
        return _postal_code(text)
    # Statuses are in capitals in the API and in small letters in files.
    return text.lower() if name == "verification_status" else text


def _moment(text: str) -> str:
    try:
        return read_moment(_UNENCODED_PLUS.sub("+", text)).isoformat()
    except ValueError as error:
        raise BadInput(f"The filter since {error}.", argument="since") from None


def _postal_code(text: str) -> str:
    try:
        return read_postal_code(text)
    except ValueError as error:
        raise BadInput(
            f"The filter postal_code cannot be {quoted(text)}: it {error}.", argument="postal_code"
        ) from None


def _dialect(parameters: QueryParams, format: Format) -> Dialect:
    given = parameters.getlist(_DIALECT)
    if not given:
        return Dialect.STANDARD
    if len(given) > 1 or given[0] not in set(Dialect):
        raise BadInput(f"The {_DIALECT} must be one of {', '.join(Dialect)}.", argument=_DIALECT)
    if format is not Format.CSV:
        raise BadInput(f"Only csv has a {_DIALECT}.", argument=_DIALECT)
    return Dialect(given[0])


def _table(request: Request) -> Table:
    try:
        return Table(request.path_params["table"])
    except ValueError:
        raise AppError(f"There is no such export; there are {', '.join(Table)}.", Code.NOT_FOUND) from None


def _format(request: Request) -> Format:
    try:
        return Format(request.path_params["format"])
    except ValueError:
        raise AppError(f"There is no such format; there are {', '.join(Format)}.", Code.NOT_FOUND) from None
