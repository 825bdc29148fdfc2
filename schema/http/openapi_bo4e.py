"""The part of the OpenAPI document about BO4E price sheets, generated from their structs."""

from app.http import bo4e_objects as bo4e
from app.http.content_negotiation import JSON
from schema.http.openapi_components import components_of
from schema.http.openapi_parts import Json

PATH = "/api/v1/dnos/{slug}/{year}/bo4e.json"
_SHEET = bo4e.PreisblattNetznutzung | bo4e.PreisblattMessung | bo4e.PreisblattDienstleistung
(_SCHEMA,), SCHEMAS = components_of([_SHEET])


def operation(parameters: list[Json], responses: Json, headers: Json) -> Json:
    """`responses`: those without price sheets; `headers`: those of a cached response."""
    return {
        "operationId": "bo4eYear",
        "summary": "The published prices of one operator and year as BO4E price sheets",
        "description": f"Business objects of BO4E {bo4e.VERSION}: PreisblattNetznutzung for each Bilanzierungsmethode, level, customer"
        " group and status, PreisblattMessung and PreisblattDienstleistung for metering and services. Prices are net, in the units of"
        " the sheet. The reduction of § 14a EnWG Modul 1 is below zero. What was worked out by a rule is left out, and so are"
        " avoided charges, which are paid to generators. zusatzAttribute has the id, version, verification status and source of"
        " each price.",
        "parameters": parameters,
        "responses": {
            "200": {
                "description": "Found; empty where nothing is published.",
                "content": {JSON: {"schema": {"type": "array", "items": _SCHEMA}}},
                "headers": headers,
            },
            **responses,
        },
    }
