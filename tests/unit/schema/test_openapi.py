"""The OpenAPI description of the REST API is the one in openapi.json, member by member."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from schema.http.openapi import write_openapi
from schema.http.rest import DOCUMENT
from schema.http.rest_operations import own_document
from schema.root import schema

KEPT = Path(__file__).with_name("openapi.json")


def test_the_description_is_the_one_that_clients_know() -> None:
    """After an intended change, openapi.json is to be replaced by the response of /api/v1/openapi.json."""
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    assert written["info"].pop("version") == version("dno-api")
    assert written == json.loads(KEPT.read_text())


def test_each_address_describes_the_refusal_of_a_parameter() -> None:
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    operations = [(path, *named) for path, of_path in written["paths"].items() for named in of_path.items()]
    assert [(path, method) for path, method, each in operations if "400" not in each["responses"]] == []


def test_where_the_graph_has_null_and_the_address_404_the_description_states_that() -> None:
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    described = {
        path: each["description"]
        for path, of_path in written["paths"].items()
        for each in of_path.values()
        if "404" in each["responses"] and re.search("null where (there is none|no )", each["description"])
    }
    assert described.keys() == {"/api/v1/dnos/{slug}/{year}", "/api/v1/codes/{code}"}
    assert [path for path, text in described.items() if "404 instead of null" not in text] == []


def test_no_address_answers_null() -> None:
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    answers = {
        each["operationId"]: content.get("schema", {})
        for of_path in written["paths"].values()
        for each in of_path.values()
        for content in each["responses"]["200"]["content"].values()
    }
    assert [name for name, answer in answers.items() if {"type": "null"} in answer.get("anyOf", ())] == []


def _unions(described: Any) -> Iterator[list[Any]]:
    """The schemas of which an answer has one, but for null."""
    if isinstance(described, dict):
        members = [each for each in described.get("anyOf", ()) if each != {"type": "null"}]
        if len(members) > 1:
            yield members
        described = list(described.values())
    if isinstance(described, list):
        for each in described:
            yield from _unions(each)


def test_each_object_of_a_union_is_named() -> None:
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    answer = written["components"]["schemas"]["Bill"]
    [titles] = [[each.get("title") for each in union] for union in _unions(answer)]
    assert titles == ["Tariff", "TimeOfUseTariff", "Price"]


def test_an_address_whose_field_has_no_description_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    queries = schema._schema.query_type
    assert queries is not None
    monkeypatch.setattr(queries.fields["dno"], "description", None)
    written = json.loads(write_openapi(schema, own_document(DOCUMENT)))
    assert written["paths"]["/api/v1/dnos/{slug}/{year}"]["get"]["description"] is None
