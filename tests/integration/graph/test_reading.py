"""docs/reading.md: each question, asked of the starter data, gets the answer that stands below it."""

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

PAGE = Path(__file__).parents[3] / "docs" / "reading.md"
EXAMPLE = re.compile(r"```(graphql|sh)\n(.*?)```(?:[^`]*?```json\n(.*?)```)?", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE.read_text())
LINKS = re.findall(r"`(/[\w./?=&-]+)`", PAGE.read_text())


@pytest.fixture
async def starter(settings: Settings, resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    await load_starter(settings.database_url)
    async with client_of(resources) as client:
        yield client


async def test_every_example_is_answered_as_the_page_says(starter: httpx.AsyncClient) -> None:
    assert len(EXAMPLES) > 12
    for language, question, answer in EXAMPLES:
        found = await (_graphql if language == "graphql" else _curl)(starter, question)
        if answer:
            told = json.loads(answer)
            assert _as_told(found, told) == told, question


async def test_every_address_of_the_page_answers(starter: httpx.AsyncClient) -> None:
    answers = {path: (await starter.get(path)).status_code for path in LINKS if path != "/graphql"}
    assert set(answers.values()) == {200}, answers


async def _graphql(client: httpx.AsyncClient, question: str) -> Any:
    return (await client.post("/graphql", json={"query": question})).json()


async def _curl(client: httpx.AsyncClient, command: str) -> Any:
    """Only what the page uses of it."""
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


def _as_told(found: Any, told: Any) -> Any:
    """An answer cut down to what the page tells of it: ids, places in the text and cost differ or distract."""
    if isinstance(told, dict) and isinstance(found, dict):
        return {name: _as_told(found.get(name, "absent"), told[name]) for name in told}
    if isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        return [_as_told(one, other) for one, other in zip(found, told, strict=True)]
    return found
