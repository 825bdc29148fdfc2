"""The part of the OpenAPI document about reports on atypical use, generated from their structs."""

from app.domain.atypical_use import AtypicalUse
from app.domain.entry import VoltageLevel
from app.domain.kilowatts import DecimalMark
from app.domain.load_profile import MAX_PROBLEMS, MAX_ROWS
from app.domain.profile_stamps import StampPosition
from app.http.content_negotiation import JSON, PROBLEM
from schema.http.openapi_components import components_of
from schema.http.openapi_parts import Json

PATH = "/api/v1/dnos/{slug}/atypical-use/{year}"
SCHEMAS: Json = components_of([AtypicalUse])[1]


def operation(slug: Json, problem: Json) -> Json:
    """`problem`: the response that carries an error."""
    return {
        "operationId": "atypicalUse",
        "summary": "What a load profile gives as atypical use of the grid (§ 19 (2) sentence 1 StromNEV)",
        "description": "Yearly peak, peak inside of the Hochlastzeitfenster, thresholds with their basis and sureness, saving by the"
        " published prices, and what is not known. The profile is read as it arrives; it is neither stored nor logged.",
        "parameters": [
            {"name": "slug", "in": "path", "required": True, "schema": slug},
            {
                "name": "year",
                "in": "path",
                "required": True,
                "schema": {"type": "integer", "description": "Calendar year of the profile."},
            },
            _in_query("voltageLevel", list(VoltageLevel), "Where the customer is connected.", required=True),
            _in_query(
                "timeStamps",
                list(StampPosition),
                "What timestamps mark; without it, the first decides: 1 January 00:00 is a START, 00:15 an END.",
            ),
            _in_query(
                "decimalMark", list(DecimalMark), "Needed where all numbers could be read in both notations."
            ),
        ],
        "requestBody": {
            "required": True,
            "description": f"Rows of `timestamp;kW` or only `kW`, one per quarter-hour of the whole year, at most {MAX_ROWS:,},"
            " separated by semicolon, tab or comma, with or without a header.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        },
        "responses": {
            "200": {
                "description": "The report.",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/AtypicalUse"}}},
            },
            "400": _refused(problem),
            "404": problem,
            "413": problem,
            "415": problem,
            "default": problem,
        },
    }


def _in_query(name: str, values: list[str], description: str, *, required: bool = False) -> Json:
    schema: Json = {"type": "string", "enum": values, "description": description}
    return {"name": name, "in": "query", "required": required, "schema": schema}


def _refused(problem: Json) -> Json:
    row: Json = {
        "type": "object",
        "required": ["line", "reason"],
        "properties": {"line": {"type": "integer"}, "reason": {"type": "string"}},
    }
    rows: Json = {
        "type": "array",
        "maxItems": MAX_PROBLEMS,
        "description": "Rows that cannot be used, in order.",
        "items": row,
    }
    schema: Json = {
        "allOf": [
            problem["content"][PROBLEM]["schema"],
            {"type": "object", "properties": {"rows": rows}},
        ]
    }
    return {
        "description": "A parameter or rows that cannot be used.",
        "content": {PROBLEM: {"schema": schema}},
    }
