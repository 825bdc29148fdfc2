"""The OpenAPI document of the REST API, generated from the GraphQL operations behind it.

Names, types and descriptions are those of the GraphQL schema, so the two descriptions cannot differ. Each fragment
becomes a schema under its own name.
"""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLInputObjectType,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionSetNode,
    get_nullable_type,
    is_enum_type,
    is_list_type,
    is_non_null_type,
    is_union_type,
    type_from_ast,
)
from strawberry import Schema

from app.domain import operator_code
from app.domain.entry import Publication, VoltageLevel
from app.http.content_negotiation import JSON, PROBLEM
from schema.execution.documents import Document
from schema.http import openapi_atypical_use, openapi_bill, openapi_bo4e, openapi_imports
from schema.queries.natural import MAX_QUESTION_LENGTH
from schema.types.pagination import MAX_TEXT_LENGTH

Json = dict[str, Any]

SCALARS: Mapping[str, Json] = {
    "ID": {"type": "string"},
    "String": {"type": "string"},
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
    "Time": {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$"},
    "Decimal": {"type": "string", "pattern": r"^[+-]?\d+(\.\d+)?$"},
}
PROBLEM_SCHEMA: Json = {
    "type": "object",
    "description": "Why there is no answer (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "For people."},
        "code": {"type": "string", "description": "For programs: BAD_USER_INPUT, NOT_FOUND, RATE_LIMITED, …"},
        "argument": {"type": "string", "description": "The parameter that is refused."},
        "requestId": {"type": "string", "description": "Names this request in the server's log."},
    },
}
SLUG: Json = {"type": "string", "description": "Short name of the operator, such as netze-bw."}


def write_openapi(schema: Schema, document: Document) -> bytes:
    return msgspec.json.encode(_Description(schema, document).whole())


class _Description:
    def __init__(self, schema: Schema, document: Document) -> None:
        self._schema = schema._schema
        self._document = document

    def whole(self) -> Json:
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "dno-api",
                "version": version("dno-api"),
                "description": "Some questions of the GraphQL API as plain addresses, in the same words. "
                "All else is asked at /graphql.",
            },
            "paths": {
                "/api/v1/dnos/{slug}/{year}": {
                    "get": self._operation(
                        "dnoYear",
                        "One operator and what it published for one year",
                        parameters=[
                            _in_path("slug", SLUG),
                            _in_path("year", {"type": "integer", "description": "Calendar year."}),
                            {
                                "name": "publication",
                                "in": "query",
                                "description": "Only entries that are as final as this; left out: all.",
                                "schema": {"type": "string", "enum": list(Publication)},
                            },
                            _IF_NONE_MATCH,
                        ],
                        others={"304": _NOT_MODIFIED, "404": _PROBLEM},
                        headers=_CACHED,
                    )
                },
                "/api/v1/dnos/{slug}/hlzf/{year}.csv": {
                    "get": {
                        "operationId": "hlzfYear",
                        "summary": "Each quarter-hour of a year, and whether it is at peak load",
                        "description": "Rows of `start,peak`: 1 in a Hochlastzeitfenster, 0 outside, empty where it is not "
                        "known. German time with its offset; 35,040 rows, 35,136 in a leap year.",
                        "parameters": [
                            _in_path("slug", SLUG),
                            _in_path("year", {"type": "integer", "description": "Calendar year."}),
                            {
                                "name": "voltageLevel",
                                "in": "query",
                                "required": True,
                                "schema": {"type": "string", "enum": list(VoltageLevel)},
                            },
                            _IF_NONE_MATCH,
                        ],
                        "responses": {
                            "200": {
                                "description": "Found.",
                                "content": {"text/csv": {"schema": {"type": "string"}}},
                                "headers": _CACHED,
                            },
                            "304": _NOT_MODIFIED,
                            "400": _PROBLEM,
                            "404": _PROBLEM,
                            "default": _PROBLEM,
                        },
                    }
                },
                "/api/v1/dnos/{slug}/time-of-use/{span}": {"get": _TIME_OF_USE},
                openapi_bo4e.PATH: {"get": _BO4E},
                openapi_bill.PATH: {"get": self._bill()},
                openapi_atypical_use.PATH: {"post": openapi_atypical_use.operation(SLUG, _PROBLEM)},
                **openapi_imports.paths(_PROBLEM),
                "/api/v1/levies/{year}": {
                    "get": self._operation(
                        "leviesYear", "Levies, taxes and the concession fee of a year", **_OF_YEAR
                    )
                },
                "/api/v1/levies/{year}/missing": {
                    "get": self._operation(
                        "missingLeviesYear",
                        "Levies of a year of which no rate is held",
                        **_OF_YEAR,
                    )
                },
                "/api/v1/postal-codes/{postalCode}": {
                    "get": self._operation(
                        "postalCode",
                        "Operators with a network at a postal code, the largest share first",
                        parameters=[
                            _in_path("postalCode", {"type": "string", "pattern": "^[0-9]{5}$"}),
                            _in_query(
                                "city", {"type": "string", "pattern": r"\S", "maxLength": MAX_TEXT_LENGTH}
                            ),
                            _in_query("voltageLevel", {"type": "string", "enum": list(VoltageLevel)}),
                            _IF_NONE_MATCH,
                        ],
                        others={"304": _NOT_MODIFIED, "400": _PROBLEM},
                        headers=_CACHED,
                    )
                },
                "/api/v1/codes/{code}": {
                    "get": self._operation(
                        "operatorByCode",
                        "One operator by its MaStR number, BDEW code, ACER code or VNB id",
                        parameters=[
                            _in_path("code", {"type": "string", "pattern": operator_code.PATTERN}),
                            _IF_NONE_MATCH,
                        ],
                        others={"304": _NOT_MODIFIED, "400": _PROBLEM, "404": _PROBLEM},
                        headers=_CACHED,
                    )
                },
                "/api/v1/query/natural": {
                    "post": self._operation(
                        "naturalQuery",
                        "The answer to a question in plain German or English",
                        requestBody={
                            "required": True,
                            "content": {JSON: {"schema": self._request_schema()}},
                        },
                        others={"415": _PROBLEM},
                    )
                },
            },
            "components": {
                "schemas": {
                    **{name: self._fragment(name) for name in self._document.source.fragments},
                    **openapi_atypical_use.SCHEMAS,
                    **openapi_bo4e.SCHEMAS,
                    **openapi_imports.SCHEMAS,
                    "Problem": PROBLEM_SCHEMA,
                },
                "securitySchemes": openapi_imports.SECURITY_SCHEMES,
            },
        }

    def _operation(
        self, name: str, summary: str, others: Json, headers: Json | None = None, **more: Any
    ) -> Json:
        (field,) = self._document.operation(name).node.selection_set.selections
        assert isinstance(field, FieldNode)
        assert self._schema.query_type is not None
        definition = self._schema.query_type.fields[field.name.value]
        result = get_nullable_type(definition.type)
        write = self._certain if is_list_type(result) else self._of
        answer = write(result, field.selection_set)
        ok = {"description": "Found.", "content": {JSON: {"schema": answer}}}
        return {
            "operationId": name,
            "summary": summary,
            "description": definition.description,
            **more,
            "responses": {
                "200": ok | ({"headers": headers} if headers else {}),
                "400": _PROBLEM,
                **others,
                "default": _PROBLEM,
            },
        }

    def _bill(self) -> Json:
        consumption, bands = (
            self._schema.get_type(name) for name in ("ConsumptionInput", "BandConsumptionInput")
        )
        assert isinstance(consumption, GraphQLInputObjectType)
        assert isinstance(bands, GraphQLInputObjectType)
        of_query = openapi_bill.parameters(consumption, bands, lambda type_: self._certain(type_, None))
        return openapi_bill.operation([*_SLUG_AND_YEAR, *of_query, _IF_NONE_MATCH], _NO_ANSWER, _CACHED)

    def _request_schema(self) -> Json:
        """The request body: the operation's variables as a JSON object."""
        operation = self._document.operation("naturalQuery")
        assert self._schema.query_type is not None
        arguments = self._schema.query_type.fields["naturalQuery"].args
        declared = {
            name: type_from_ast(self._schema, node) for name, node in operation.variable_types.items()
        }
        return {
            "type": "object",
            "required": [name for name, type_ in declared.items() if is_non_null_type(type_)],
            "properties": {
                name: self._of(type_, None)
                | {"description": arguments[name].description}
                | _BOUNDS.get(name, {})
                for name, type_ in declared.items()
            },
            "additionalProperties": False,
        }

    def _fragment(self, name: str) -> Json:
        fragment = self._document.source.fragments[name]
        type_ = self._schema.get_type(fragment.type_condition.name.value)
        assert isinstance(type_, GraphQLObjectType)
        return self._object(type_, fragment.selection_set) | {"description": type_.description}

    def _object(self, type_: GraphQLObjectType, selected: SelectionSetNode) -> Json:
        fields = {node.name.value: node for node in selected.selections if isinstance(node, FieldNode)}
        return {
            "type": "object",
            "required": list(fields),
            "properties": {
                name: self._of(type_.fields[name].type, node.selection_set)
                | {"description": type_.fields[name].description}
                for name, node in fields.items()
            },
        }

    def _of(self, type_: Any, selected: SelectionSetNode | None) -> Json:
        if is_non_null_type(type_):
            return self._certain(type_.of_type, selected)
        return {"anyOf": [self._certain(type_, selected), {"type": "null"}]}

    def _certain(self, type_: Any, selected: SelectionSetNode | None) -> Json:
        if is_list_type(type_):
            return {"type": "array", "items": self._of(type_.of_type, selected)}
        if is_enum_type(type_):
            return {"type": "string", "enum": list(type_.values)}
        if selected is None:
            return dict(SCALARS[type_.name])
        if is_union_type(type_):
            kinds = [node for node in selected.selections if isinstance(node, InlineFragmentNode)]
            return {"anyOf": [self._member(kind) for kind in kinds]}
        match selected.selections:
            case [FragmentSpreadNode() as spread] | (FragmentSpreadNode() as spread,):
                return {"$ref": f"#/components/schemas/{spread.name.value}"}
        return self._object(type_, selected)

    def _member(self, fragment: InlineFragmentNode) -> Json:
        """One of the types of a union."""
        condition = fragment.type_condition
        assert condition is not None
        return self._certain(self._schema.get_type(condition.name.value), fragment.selection_set)


def _in_path(name: str, schema: Json) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": schema}


_IF_NONE_MATCH: Json = {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}}
_BOUNDS: Mapping[str, Json] = {"query": {"maxLength": MAX_QUESTION_LENGTH}}
_PROBLEM: Json = {
    "description": "Why there is no answer.",
    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_NOT_MODIFIED: Json = {"description": "Still as under the ETag that was sent."}
_CACHED: Json = {
    "ETag": {"schema": {"type": "string"}, "description": "To be sent as If-None-Match."},
    "Cache-Control": {"schema": {"type": "string"}, "description": "How long the answer may be kept."},
}
_SLUG_AND_YEAR = (
    _in_path("slug", SLUG),
    _in_path("year", {"type": "integer", "description": "Calendar year."}),
)
_NO_ANSWER: Json = {"304": _NOT_MODIFIED, "400": _PROBLEM, "404": _PROBLEM, "default": _PROBLEM}
_BO4E: Json = openapi_bo4e.operation(
    [*_SLUG_AND_YEAR, _IF_NONE_MATCH],
    _NO_ANSWER,
    _CACHED,
)


_OF_YEAR: Json = {
    "parameters": [
        _in_path("year", {"type": "integer", "description": "Calendar year."}),
        _IF_NONE_MATCH,
    ],
    "others": {"304": _NOT_MODIFIED, "404": _PROBLEM},
    "headers": _CACHED,
}


def _in_query(name: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "schema": schema}


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
_TIME_OF_USE: Json = {
    "operationId": "timeOfUse",
    "summary": "Time-of-use prices (§ 14a EnWG, Modul 3) for programs",
    "description": "Times without a known price have no entry; without any known price the response is 404. JSON is what evcc "
    "reads as a forecast; YAML are `charges` and `chargesZones` of its configuration, of the whole year; the calendar has the "
    "hours in the bands NT and HT.",
    "parameters": [
        _in_path("slug", SLUG),
        _in_path(
            "span",
            {
                "type": "string",
                "pattern": rf"^(now|({_DAY})(\.\.({_DAY}))?)(\.(json|csv|yaml|ics))?$",
                "description": "Days in Germany, both included, at most 400; `now` is the interval with the current price. The "
                "suffix chooses the format; without one the Accept header does.",
            },
        ),
        _in_query("gross", {"type": "boolean", "default": False, "description": "With the VAT of each day."}),
        _in_query(
            "resolution",
            {
                "type": "string",
                "enum": ["CHANGES", "HOUR", "QUARTER_HOUR"],
                "description": "How the series is divided; quarter-hours where it is left out, and changes in the calendar. Not "
                "with `now`.",
            },
        ),
        _IF_NONE_MATCH,
    ],
    "responses": {
        "200": {
            "description": "Found.",
            "headers": _CACHED,
            "content": {
                JSON: {"schema": _PRICES},
                "text/csv": {"schema": {"type": "string"}},
                "application/yaml": {"schema": {"type": "string"}},
                "text/calendar": {"schema": {"type": "string"}},
            },
        },
        "304": _NOT_MODIFIED,
        "400": _PROBLEM,
        "404": _PROBLEM,
        "406": _PROBLEM,
        "default": _PROBLEM,
    },
}
