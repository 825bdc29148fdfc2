"""What the operations of the OpenAPI document have in common: parameters, headers and responses."""

from typing import Any

from app.http.content_negotiation import PROBLEM

Json = dict[str, Any]


def in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


def in_query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


SLUG: Json = {"type": "string", "description": "Short name of the operator, such as netze-bw."}
YEAR: Json = in_path("year", {"type": "integer", "description": "Calendar year."})
SLUG_AND_YEAR = (in_path("slug", SLUG), YEAR)
IF_NONE_MATCH: Json = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
PROBLEM_RESPONSE: Json = {
    "description": "Why there is no answer.",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
NOT_MODIFIED: Json = {"description": "Still as under the ETag that was sent."}
CACHED: Json = {
    "ETag": {"schema": {"type": "string"}, "description": "To be sent as If-None-Match."},
    "Cache-Control": {"schema": {"type": "string"}, "description": "How long the answer may be kept."},
}
NO_ANSWER: Json = {
    "304": NOT_MODIFIED,
    "400": PROBLEM_RESPONSE,
    "404": PROBLEM_RESPONSE,
    "default": PROBLEM_RESPONSE,
}
