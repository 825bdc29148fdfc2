"""The OpenAPI description of the REST API is the one in openapi.json, member by member."""

import json
from importlib.metadata import version
from pathlib import Path

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
