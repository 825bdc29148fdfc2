"""The address of a year of peak load in quarter-hours: /api/v1/dnos/{slug}/hlzf/{year}.csv?voltageLevel=MS."""

from datetime import datetime

import msgspec
from starlette.requests import Request

from app.domain.entry import VoltageLevel
from app.errors import AppError, BadInput, Code
from app.http.export_formats import MEDIA_TYPES, Format
from app.http.exports import year_in_path
from app.http.quarter_hours import Stretch, write_quarter_hours, year_of
from schema.http.parameters import check_parameters
from schema.http.rest_operations import Map, OperationAddress

_LEVEL = "voltageLevel"


class QuarterHoursAddress(OperationAddress):
    """The year of a voltage level, as CSV."""

    media_type = MEDIA_TYPES[Format.CSV]

    def _variables(self, request: Request) -> Map:
        year, level = year_in_path(request), _voltage_level(request)
        start, end = (moment.isoformat() for moment in year_of(year))
        return {"slug": request.path_params["slug"], "from": start, "to": end, "voltageLevel": level}

    def _write(self, result: bytes, request: Request) -> bytes:
        year = year_in_path(request)
        stretches = [one.stretch for one in _decode_peaks(result).peak_statuses]
        if len(stretches) == 1 and stretches[0].peak is None:
            level = _voltage_level(request)
            raise AppError(f"No Hochlastzeitfenster are known for {year} and {level}.", Code.NOT_FOUND)
        return write_quarter_hours(year, stretches)


class _Interval(msgspec.Struct):
    start: datetime
    end: datetime


class _PeakStatus(msgspec.Struct):
    peak: bool | None
    interval: _Interval

    @property
    def stretch(self) -> Stretch:
        return Stretch(self.interval.start, self.interval.end, self.peak)


class _Peaks(msgspec.Struct, rename="camel"):
    peak_statuses: list[_PeakStatus]


_decode_peaks = msgspec.json.Decoder(_Peaks).decode


def _voltage_level(request: Request) -> str:
    """The one parameter of the query string. Raises BadInput."""
    check_parameters(request.query_params, _LEVEL)
    given = request.query_params.getlist(_LEVEL)
    if len(given) != 1 or given[0] not in set(VoltageLevel):
        raise BadInput(f"{_LEVEL} must be one of {', '.join(VoltageLevel)}.", argument=_LEVEL)
    return given[0]
