"""The addresses of whose grid it is: operators at a postal code, and an operator by a code."""

from starlette.requests import Request

from app.domain.entry import VoltageLevel
from app.errors import BadInput, quoted
from schema.http.parameters import check_parameters
from schema.http.rest_operations import Map, OperationAddress

_CITY, _LEVEL = "city", "voltageLevel"


class PostalCodeAddress(OperationAddress):
    """/api/v1/postal-codes/{postalCode}, with `city` and `voltageLevel` as `dnosAt` has them."""

    def _variables(self, request: Request) -> Map:
        check_parameters(request.query_params, _CITY, _LEVEL)
        level = _given(request, _LEVEL)
        if level is not None and level not in set(VoltageLevel):
            raise BadInput(f"{_LEVEL} must be one of {', '.join(VoltageLevel)}.", argument=_LEVEL)
        return {**request.path_params, _CITY: _given(request, _CITY), _LEVEL: level}

    def _write(self, result: bytes, request: Request) -> bytes:
        return result


class CodeAddress(OperationAddress):
    """/api/v1/codes/{code}."""

    def _variables(self, request: Request) -> Map:
        check_parameters(request.query_params)
        return {**request.path_params}

    def _absent(self, variables: Map) -> str:
        return f"No operator has the code {quoted(variables['code'])}."

    def _write(self, result: bytes, request: Request) -> bytes:
        return result


def _given(request: Request, name: str) -> str | None:
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise BadInput(f"{name} is given {len(values)} times.", argument=name)
    return values[0] if values else None
