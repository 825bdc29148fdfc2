"""docs/reading.md, docs/prices.md and docs/places.md: each query, executed on the starter data, returns the response that is printed below it."""

import json
import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.importers.starter import load_starter
from app.resources import Resources
from app.settings import Settings
from tests.integration.graph.graphql_client import client_of

DOCS = Path(__file__).parents[3] / "docs"
TEXTS = [(DOCS / page).read_text() for page in ("reading.md", "prices.md", "places.md")]
EXAMPLE = re.compile(r"```(graphql|sh)\n(.*?)```(?:[^`]*?```json\n(.*?)```)?", re.DOTALL)
EXAMPLES = [example for text in TEXTS for example in EXAMPLE.findall(text)]
LINKS = [link for text in TEXTS for link in re.findall(r"`(/[\w./?=&-]+)`", text)]


@pytest.fixture
async def starter(settings: Settings, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    await load_starter(settings.database_url)
    async with client_of(resources) as client:
        yield client


async def test_every_example_returns_the_response_on_the_page(starter: httpx.AsyncClient) -> None:
    assert len(EXAMPLES) > 12
    for language, query, printed in EXAMPLES:
        found = await (_graphql if language == "graphql" else _curl)(starter, query)
        if printed:
            expected = json.loads(printed)
            assert _as_printed(found, expected) == expected, query


async def test_every_address_on_the_page_is_found(starter: httpx.AsyncClient) -> None:
    statuses = {path: (await starter.get(path)).status_code for path in LINKS if path != "/graphql"}
    assert set(statuses.values()) == {200}, statuses


async def _graphql(client: httpx.AsyncClient, query: str) -> Any:
    return (await client.post("/graphql", json={"query": query})).json()


async def _curl(client: httpx.AsyncClient, command: str) -> Any:
    """The options that the page uses."""
    words = iter(shlex.split(command.replace("\\\n", "")))
    url, headers, body = "", {}, None
    assert next(words) == "curl"
    for word in words:
        if word == "-H":
            name, _, headers_value = next(words).partition(": ")
            headers[name] = headers_value
        elif word == "-d":
            body = next(words)
        elif not word.startswith("-"):
            url = word.removeprefix("localhost:8000")
    return (
        await client.request("GET" if body is None else "POST", url, headers=headers, content=body)
    ).json()


def _as_printed(found: Any, expected: Any) -> Any:
    """A response reduced to the members on the page: ids, locations and cost differ or are omitted there."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return {name: _as_printed(found.get(name, "absent"), expected[name]) for name in expected}
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [_as_printed(one, other) for one, other in zip(found, expected, strict=True)]
    return found
