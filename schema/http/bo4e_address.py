"""The address of an operator's BO4E price sheets of a year: /api/v1/dnos/{slug}/{year}/bo4e.json."""

from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request

from app.http.bo4e import OperatorYear, write_price_sheets
from app.http.exports import year_in_path
from schema.http.parameters import check_parameters
from schema.http.rest_operations import Map, OperationAddress, RestOperations, own_document

_DOCUMENT: Final = Path(__file__).with_suffix(".graphql").read_text(encoding="utf-8")


class Bo4eAddress(OperationAddress):
    """Published prices only: what was worked out by a rule is left out."""

    def __init__(self, operations: RestOperations) -> None:
        super().__init__(operations, own_document(_DOCUMENT).operation("bo4eYear"))

    def _variables(self, request: Request) -> Map:
        variables = {"slug": request.path_params["slug"], "year": year_in_path(request)}
        check_parameters(request.query_params)
        return variables

    def _write(self, result: bytes, request: Request) -> bytes:
        return write_price_sheets(_decode(result), year_in_path(request))


_decode = msgspec.json.Decoder(OperatorYear).decode
