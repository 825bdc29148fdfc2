"""The part of the OpenAPI document about imports, generated from their structs."""

from collections.abc import Mapping
from typing import Final

from app.http.content_negotiation import JSON, PROBLEM
from app.http.export_formats import MEDIA_TYPES, Dialect, Format
from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.import_messages import MAX_LISTED, ImportAnswer
from app.importers.load import Kind
from app.importers.records import Format as FileFormat
from schema.http.import_parameters import MAX_NAME
from schema.http.import_templates import FORMATS
from schema.http.import_upload import FORM
from schema.http.openapi_components import components_of
from schema.http.openapi_parts import Json

SCHEMAS: Json = components_of([ImportAnswer])[1]

SECURITY_SCHEMES: Json = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key, or the token of a session."}
}

_KIND: Final[Json] = {
    "name": "kind",
    "in": "path",
    "required": True,
    "description": "What the file holds.",
    "schema": {"type": "string", "enum": list(Kind)},
}
_FLAG: Final[Json] = {"type": "boolean", "default": False}
_NAME: Final[Json] = {"type": "string", "minLength": 1, "maxLength": MAX_NAME}
_PARAMETERS: Final[Mapping[str, tuple[str, Json]]] = {
    "dryRun": ("Check the file and report what would change, without changing it.", _FLAG),
    "strict": ("Refuse rows with unusual values instead of reporting them.", _FLAG),
    "skipRefused": (
        "Import the other entries if rows are refused; rows that may be of the same entry as a refused one stay out, too.",
        _FLAG,
    ),
    "overwrite": ("Replace entries that people have verified or corrected, too.", _FLAG),
    "ignoreExtra": ("Ignore columns that the import does not have, and name them.", _FLAG),
    "format": ("How the file is written; left out: detected.", {"type": "string", "enum": list(FileFormat)}),
    "encoding": ("Of a text file; left out: detected.", {"type": "string", "enum": list(Encoding)}),
    "separator": (
        "One character between cells, or tab; left out: detected.",
        {"type": "string", "maxLength": 3},
    ),
    "decimal": (
        "Which sign separates decimals; left out: detected.",
        {"type": "string", "enum": list(Decimal)},
    ),
    "sheet": ("Which sheet of a workbook.", _NAME),
    "fileName": ("Name of the file in messages and in the history.", _NAME | {"default": "upload"}),
}


def paths(problem: Json) -> Json:
    """`problem`: the response that carries an error."""
    return {
        "/api/v1/import/{kind}": {"post": _import(problem)},
        **{f"/api/v1/import/{{kind}}/template.{form}": {"get": _template(form, problem)} for form in FORMATS},
    }


def _import(problem: Json) -> Json:
    return {
        "operationId": "importFile",
        "summary": "Imports a file: all of it, or nothing, unless skipRefused is given",
        "description": "Needs the role EDITOR. The checks, formats and columns are those of the command `dno import`. The same file"
        f" again changes nothing. Lists of rows have at most {MAX_LISTED:,}; their counts are complete.",
        "security": [{"bearer": []}],
        "parameters": [_KIND, *(_in_query(name, *about) for name, about in _PARAMETERS.items())],
        "requestBody": {
            "required": True,
            "description": "The file: CSV, .xlsx, Parquet, JSON objects per line, or a JSON array of objects.",
            "content": {
                "*/*": {"schema": {"type": "string", "format": "binary"}},
                FORM: {
                    "schema": {
                        "type": "object",
                        "description": "Files that are imported together; parameters may be fields, too.",
                        "properties": {
                            "file": {"type": "array", "items": {"type": "string", "format": "binary"}}
                        },
                    }
                },
            },
        },
        "responses": {
            "200": {
                "description": "Imported, or what an import would change.",
                "content": {JSON: {"schema": {"$ref": "#/components/schemas/ImportAnswer"}}},
            },
            "400": _refused(problem),
            "401": problem,
            "403": problem,
            "404": problem,
            "413": problem,
            "415": problem,
            "default": problem,
        },
    }


def _template(form: Format, problem: Json) -> Json:
    dialect = {"type": "string", "enum": list(Dialect)}
    return {
        "operationId": f"importTemplate{form.capitalize()}",
        "summary": "The header of an import and an example",
        "description": "The example is a stored entry; sent back as it is, it changes nothing. Where none is stored, it is refused.",
        "parameters": [
            _KIND,
            *([_in_query("dialect", "How CSV is written.", dialect)] if form is Format.CSV else []),
        ],
        "responses": {
            "200": {
                "description": "The file.",
                "content": {
                    MEDIA_TYPES[form].partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
                },
            },
            "400": problem,
            "404": problem,
            "default": problem,
        },
    }


def _in_query(name: str, description: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _refused(problem: Json) -> Json:
    """With the members of an answer, if rows were refused."""
    return {
        "description": "A parameter that cannot be used, or rows that were refused; then nothing was imported.",
        "content": {
            PROBLEM: {
                "schema": {
                    "anyOf": [
                        problem["content"][PROBLEM]["schema"],
                        {
                            "allOf": [
                                problem["content"][PROBLEM]["schema"],
                                {"$ref": "#/components/schemas/ImportAnswer"},
                            ]
                        },
                    ]
                }
            }
        },
    }
