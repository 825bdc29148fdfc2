"""The address of what a consumption costs in a year, all in: /api/v1/dnos/{slug}/{year}/bill?voltageLevel=NS&metering=SLP&…"""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec
from starlette.requests import Request

from app.cache.responses import ResponseKey
from app.domain.consumption import Metering, SpecialUse
from app.domain.entry import VoltageLevel
from app.domain.time_of_use import TimeOfUseBand
from app.errors import AppError, BadInput
from app.http.buffered_response import BufferedResponse
from app.http.exports import year_in_path
from schema.http.parameters import check_parameters
from schema.http.rest_operations import Map, OperationAddress
from schema.types.scalars import read_decimal

_WHOLE: Final = re.compile(r"[0-9]{1,9}")
_BANDS: Final = tuple(band.lower() for band in TimeOfUseBand)


class BillAddress(OperationAddress):
    """The parameters of the query string are the fields of ConsumptionInput; `ht`, `st` and `nt` are those of `bandKwh`."""

    def _variables(self, request: Request) -> Map:
        given = _read(request)
        if missing := next((name for name in REQUIRED if name not in given), None):
            raise BadInput(f"The parameter {missing} is needed.", argument=missing)
        bands = {name: given.pop(name) for name in _BANDS if name in given}
        if bands and (missing := next((name for name in _BANDS if name not in bands), None)):
            raise BadInput(f"The parameter {missing} is needed with the other bands.", argument=missing)
        consumption = {"year": year_in_path(request), **given, **({"bandKwh": bands} if bands else {})}
        return {"slug": request.path_params["slug"], "input": consumption}

    def _write(self, result: bytes, request: Request) -> bytes:
        return bytes(_decode(result).bill)

    async def _respond(self, request: Request, key: ResponseKey, *, waits: bool = True) -> BufferedResponse:
        try:
            return await super()._respond(request, key, waits=waits)
        except AppError as error:
            if error.field:
                error.details["argument"] = _parameter(error.field[-1])
            raise


class _Dno(msgspec.Struct):
    bill: msgspec.Raw


_decode = msgspec.json.Decoder(_Dno).decode


def _parameter(field: str) -> str:
    """That with the value of a field of ConsumptionInput."""
    return _BANDS[0] if field == "bandKwh" else field


def _read(request: Request) -> dict[str, Any]:
    """Raises BadInput."""
    check_parameters(request.query_params, *PARAMETERS)
    given = {}
    for name in request.query_params:
        texts = request.query_params.getlist(name)
        if len(texts) > 1:
            raise BadInput(f"The parameter {name} is given {len(texts)} times.", argument=name)
        given[name] = PARAMETERS[name](name, texts[0])
    return given


def _text(name: str, text: str) -> str:
    return text


def _number(name: str, text: str) -> str:
    try:
        number: Decimal = read_decimal(text)
    except ValueError:
        raise BadInput(f"The parameter {name} is a number such as 58.21.", argument=name) from None
    return f"{number:f}"


def _numbers(name: str, text: str) -> list[str]:
    return [_number(name, part) for part in text.split(",")]


def _whole(name: str, text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise BadInput(f"The parameter {name} is a whole number.", argument=name)
    return int(text)


def _boolean(name: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise BadInput(f"The parameter {name} is true or false.", argument=name)
    return text == "true"


def _one_of(values: type[StrEnum]) -> Callable[[str, str], str]:
    def read(name: str, text: str) -> str:
        if text not in set(values):
            raise BadInput(f"The parameter {name} is one of {', '.join(values)}.", argument=name)
        return text

    return read


REQUIRED: Final = ("voltageLevel", "metering", "consumptionKwh")
PARAMETERS: Final[dict[str, Callable[[str, str], Any]]] = {
    "voltageLevel": _one_of(VoltageLevel),
    "metering": _one_of(Metering),
    "consumptionKwh": _number,
    "peakLoadKw": _number,
    "monthlyPeakLoadKw": _numbers,
    "module": _whole,
    **dict.fromkeys(_BANDS, _number),
    "specialUse": _one_of(SpecialUse),
    "municipalityInhabitants": _whole,
    "firstHalfKwh": _number,
    "meter": _text,
    "electricityTax": _boolean,
}
