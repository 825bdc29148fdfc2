"""What a request for § 14a prices asks for: operator, span, format, VAT and resolution."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from starlette.requests import Request

from app.domain.price_series import Resolution
from app.errors import AppError, BadInput, Code, quoted
from app.http.content_negotiation import JSON, preferred_of
from app.http.request_state import joined_header
from app.http.span_in_path import DaySpan, SpanFormat, read_span
from schema.http.parameters import check_parameters

MEDIA_TYPES: Final[Mapping[SpanFormat, str]] = {
    SpanFormat.JSON: JSON,
    SpanFormat.CSV: "text/csv; charset=utf-8; header=present",
    SpanFormat.YAML: "application/yaml",
    SpanFormat.ICS: "text/calendar; charset=utf-8",
}
_FORMATS: Final = {media_type.partition(";")[0]: each for each, media_type in MEDIA_TYPES.items()}
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}


class WantedPrices(NamedTuple):
    slug: str
    span: DaySpan
    format: SpanFormat
    gross: bool
    resolution: Resolution


def read_request(request: Request, now: datetime) -> WantedPrices:
    """Raises BadInput, and NOT_ACCEPTABLE for other media types."""
    check_parameters(request.query_params, "gross", "resolution")
    span, suffix = read_span(request.path_params["span"], now)
    gross = _parameter(request, "gross", _FLAGS, default=False)
    resolution = _parameter(request, "resolution", Resolution.__members__, default=None)
    if resolution is not None and span.moment is not None:
        raise BadInput(
            "`now` is the interval with the current price; `resolution` does not apply.",
            argument="resolution",
        )
    chosen = suffix or _accepted(request)
    if resolution is None:
        resolution = Resolution.CHANGES if chosen is SpanFormat.ICS else Resolution.QUARTER_HOUR
    return WantedPrices(request.path_params["slug"], span, chosen, gross, resolution)


def _parameter(request: Request, name: str, values: Mapping[str, Any], *, default: Any) -> Any:
    """In capital or small letters, at most once."""
    given = request.query_params.getlist(name)
    if not given:
        return default
    by_letters = {text.lower(): value for text, value in values.items()}
    if len(given) > 1 or given[0].lower() not in by_letters:
        raise BadInput(
            f"`{name}` cannot be {quoted(', '.join(given))}; it is one of {', '.join(values)}.", argument=name
        )
    return by_letters[given[0].lower()]


def _accepted(request: Request) -> SpanFormat:
    accept = joined_header(request.scope, b"accept")
    media_type = preferred_of(accept, tuple(_FORMATS))
    if media_type is None:
        raise AppError(f"The formats are {', '.join(_FORMATS)}.", Code.NOT_ACCEPTABLE)
    return _FORMATS[media_type]
