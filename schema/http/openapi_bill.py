"""The part of the OpenAPI document about bills: the parameters are the fields of the graph's input."""

from collections.abc import Callable, Iterator
from typing import Any

from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type

from app.http.content_negotiation import JSON
from schema.http.bill_address import PARAMETERS, REQUIRED
from schema.http.openapi_parts import Json

PATH = "/api/v1/dnos/{slug}/{year}/bill"


def parameters(
    consumption: GraphQLInputObjectType, bands: GraphQLInputObjectType, schema_of: Callable[[Any], Json]
) -> Iterator[Json]:
    """Those of the query string. `schema_of`: that of a type of the graph."""
    for name in PARAMETERS:
        field = (bands if name in bands.fields else consumption).fields[name]
        type_ = get_nullable_type(field.type)
        described = {
            "name": name,
            "in": "query",
            "description": field.description,
            "schema": schema_of(type_),
        }
        if is_list_type(type_):
            described |= {"style": "form", "explode": False}  # separated by commas
        yield described | ({"required": True} if name in REQUIRED else {})


def operation(parameters: list[Json], responses: Json, headers: Json) -> Json:
    """`responses`: those without a bill; `headers`: those of a cached response."""
    return {
        "operationId": "billYear",
        "summary": "What a consumption costs with one operator in a year, all in",
        "description": "Charges of the operator, levies, taxes and VAT, each position rounded half up to the cent. A total is null"
        " where something that it needs is not known; `missing` lists it. `ht`, `st` and `nt` are needed with module 3.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "The bill.",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/Bill"}}},
                "headers": headers,
            },
            **responses,
        },
    }
