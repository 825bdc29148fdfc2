"""The part of the OpenAPI document about the quarter-hours of a year at peak load."""

from app.domain.entry import VoltageLevel
from schema.http.openapi_parts import CACHED, IF_NONE_MATCH, NO_ANSWER, SLUG_AND_YEAR, Json, in_query

PATH = "/api/v1/dnos/{slug}/hlzf/{year}.csv"
OPERATION: Json = {
    "operationId": "hlzfYear",
    "summary": "Each quarter-hour of a year, and whether it is at peak load",
    "description": "Rows of `start,peak`: 1 in a Hochlastzeitfenster, 0 outside, empty where it is not "
    "known. German time with its offset; 35,040 rows, 35,136 in a leap year.",
    "parameters": [
        *SLUG_AND_YEAR,
        in_query("voltageLevel", {"type": "string", "enum": list(VoltageLevel)}) | {"required": True},
        IF_NONE_MATCH,
    ],
    "responses": {
        "200": {
            "description": "Found.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
            "headers": CACHED,
        },
        **NO_ANSWER,
    },
}
