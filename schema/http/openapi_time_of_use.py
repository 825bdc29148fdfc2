"""The part of the OpenAPI document about time-of-use prices."""

from app.http.content_negotiation import JSON
from schema.http.openapi_parts import (
    CACHED,
    IF_NONE_MATCH,
    NOT_MODIFIED,
    PROBLEM_RESPONSE,
    SLUG,
    Json,
    in_path,
    in_query,
)

PATH = "/api/v1/dnos/{slug}/time-of-use/{span}"
_DAY = r"\d{4}-\d{2}-\d{2}|[1-9]\d{3}|today|tomorrow"
_PRICES: Json = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["start", "end", "value"],
        "properties": {
            "start": {"type": "string", "format": "date-time", "description": "The first moment."},
            "end": {"type": "string", "format": "date-time", "description": "The first moment after it."},
            "value": {"type": "number", "description": "EUR per kWh, net unless `gross` is set."},
        },
    },
}
OPERATION: Json = {
    "operationId": "timeOfUse",
    "summary": "Time-of-use prices (§ 14a EnWG, Modul 3) for programs",
    "description": "Times without a known price have no entry; without any known price the response is 404. JSON is what evcc "
    "reads as a forecast; YAML are `charges` and `chargesZones` of its configuration, of the whole year; the calendar has the "
    "hours in the bands NT and HT.",
    "parameters": [
        in_path("slug", SLUG),
        in_path(
            "span",
            {
                "type": "string",
                "pattern": rf"^(now|({_DAY})(\.\.({_DAY}))?)(\.(json|csv|yaml|ics))?$",
                "description": "Days in Germany, both included, at most 400; `now` is the interval with the current price. The "
                "suffix chooses the format; without one the Accept header does.",
            },
        ),
        in_query("gross", {"type": "boolean", "default": False, "description": "With the VAT of each day."}),
        in_query(
            "resolution",
            {
                "type": "string",
                "enum": ["CHANGES", "HOUR", "QUARTER_HOUR"],
                "description": "How the series is divided; quarter-hours where it is left out, and changes in the calendar. Not "
                "with `now`.",
            },
        ),
        IF_NONE_MATCH,
    ],
    "responses": {
        "200": {
            "description": "Found.",
            "headers": CACHED,
            "content": {
                JSON: {"schema": _PRICES},
                "text/csv": {"schema": {"type": "string"}},
                "application/yaml": {"schema": {"type": "string"}},
                "text/calendar": {"schema": {"type": "string"}},
            },
        },
        "304": NOT_MODIFIED,
        "400": PROBLEM_RESPONSE,
        "404": PROBLEM_RESPONSE,
        "406": PROBLEM_RESPONSE,
        "default": PROBLEM_RESPONSE,
    },
}
