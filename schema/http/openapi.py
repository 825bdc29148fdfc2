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
from app.domain.place import POSTAL_CODE
from app.http.content_negotiation import JSON
from schema.execution.documents import Document
from schema.http import (
    openapi_atypical_use,
    openapi_bill,
    openapi_bo4e,
    openapi_hlzf,
    openapi_imports,
    openapi_time_of_use,
)
from schema.http.openapi_parts import (
    CACHED,
    IF_NONE_MATCH,
    NO_ANSWER,
    NOT_MODIFIED,
    PROBLEM_RESPONSE,
    SLUG,
    SLUG_AND_YEAR,
    YEAR,
    Json,
    in_path,
    in_query,
)
from schema.queries.natural import MAX_QUESTION_LENGTH
from schema.types.pagination import MAX_TEXT_LENGTH

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
_BOUNDS: Mapping[str, Json] = {"query": {"maxLength": MAX_QUESTION_LENGTH}}
_BO4E: Json = openapi_bo4e.operation([*SLUG_AND_YEAR, IF_NONE_MATCH], NO_ANSWER, CACHED)
_OF_YEAR: Json = {
    "parameters": [YEAR, IF_NONE_MATCH],
    "others": {"304": NOT_MODIFIED, "404": PROBLEM_RESPONSE},
    "headers": CACHED,
}


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
                "/api/v1/dnos/{slug}/{year}": {"get": self._dno_year()},
                openapi_hlzf.PATH: {"get": openapi_hlzf.OPERATION},
                openapi_time_of_use.PATH: {"get": openapi_time_of_use.OPERATION},
                openapi_bo4e.PATH: {"get": _BO4E},
                openapi_bill.PATH: {"get": self._bill()},
                openapi_atypical_use.PATH: {"post": openapi_atypical_use.operation(SLUG, PROBLEM_RESPONSE)},
                **openapi_imports.paths(PROBLEM_RESPONSE),
                "/api/v1/levies/{year}": {"get": self._levies()},
                "/api/v1/levies/{year}/missing": {"get": self._missing_levies()},
                "/api/v1/postal-codes/{postalCode}": {"get": self._postal_code()},
                "/api/v1/codes/{code}": {"get": self._operator_by_code()},
                "/api/v1/query/natural": {"post": self._natural_query()},
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

    def _dno_year(self) -> Json:
        publication = in_query("publication", {"type": "string", "enum": list(Publication)})
        return self._operation(
            "dnoYear",
            "One operator and what it published for one year",
            parameters=[
                *SLUG_AND_YEAR,
                publication | {"description": "Only entries that are as final as this; left out: all."},
                IF_NONE_MATCH,
            ],
            others={"304": NOT_MODIFIED, "404": PROBLEM_RESPONSE},
            headers=CACHED,
        )

    def _levies(self) -> Json:
        return self._operation("leviesYear", "Levies, taxes and the concession fee of a year", **_OF_YEAR)

    def _missing_levies(self) -> Json:
        return self._operation("missingLeviesYear", "Levies of a year of which no rate is held", **_OF_YEAR)

    def _postal_code(self) -> Json:
        return self._operation(
            "postalCode",
            "Operators with a network at a postal code, the largest share first",
            parameters=[
                in_path("postalCode", {"type": "string", "pattern": f"^{POSTAL_CODE.pattern}$"}),
                in_query("city", {"type": "string", "pattern": r"\S", "maxLength": MAX_TEXT_LENGTH}),
                in_query("voltageLevel", {"type": "string", "enum": list(VoltageLevel)}),
                IF_NONE_MATCH,
            ],
            others={"304": NOT_MODIFIED, "400": PROBLEM_RESPONSE},
            headers=CACHED,
        )

    def _operator_by_code(self) -> Json:
        return self._operation(
            "operatorByCode",
            "One operator by its MaStR number, BDEW code, ACER code or VNB id",
            parameters=[
                in_path("code", {"type": "string", "pattern": operator_code.PATTERN}),
                IF_NONE_MATCH,
            ],
            others={"304": NOT_MODIFIED, "400": PROBLEM_RESPONSE, "404": PROBLEM_RESPONSE},
            headers=CACHED,
        )

    def _natural_query(self) -> Json:
        return self._operation(
            "naturalQuery",
            "The answer to a question in plain German or English",
            requestBody={"required": True, "content": {JSON: {"schema": self._request_schema()}}},
            others={"415": PROBLEM_RESPONSE},
        )

    def _operation(
        self, name: str, summary: str, others: Json, headers: Json | None = None, **more: Any
    ) -> Json:
        (field,) = self._document.operation(name).node.selection_set.selections
        assert isinstance(field, FieldNode)
        assert self._schema.query_type is not None
        definition = self._schema.query_type.fields[field.name.value]
        result = get_nullable_type(definition.type)
        # Never null: `OperationAddress` answers 404 instead, and a question is null only where it has an error.
        answer = self._certain(result, field.selection_set)
        ok = {"description": "Found.", "content": {JSON: {"schema": answer}}}
        description = definition.description
        if description and result is definition.type and "404" in others:
            # The description of the graph states where its field is null.
            description += " At this address: 404 instead of null."
        return {
            "operationId": name,
            "summary": summary,
            "description": description,
            **more,
            "responses": {
                "200": ok | ({"headers": headers} if headers else {}),
                "400": PROBLEM_RESPONSE,
                **others,
                "default": PROBLEM_RESPONSE,
            },
        }

    def _bill(self) -> Json:
        consumption, bands = (
            self._schema.get_type(name) for name in ("ConsumptionInput", "BandConsumptionInput")
        )
        assert isinstance(consumption, GraphQLInputObjectType)
        assert isinstance(bands, GraphQLInputObjectType)
        of_query = openapi_bill.parameters(consumption, bands, lambda type_: self._certain(type_, None))
        return openapi_bill.operation([*SLUG_AND_YEAR, *of_query, IF_NONE_MATCH], NO_ANSWER, CACHED)

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
        """One of the types of a union, with its name, which a reference has anyway."""
        condition = fragment.type_condition
        assert condition is not None
        name = condition.name.value
        member = self._certain(self._schema.get_type(name), fragment.selection_set)
        return member if "$ref" in member else {"title": name, **member}
