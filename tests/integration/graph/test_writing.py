"""docs/writing.md: the steps, executed in order on the starter data, return the responses on the page."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.importers.starter import load_starter
from app.resources import Resources
from app.settings import Settings
from tests import factories as make
from tests.integration.auth.services import CHEAP, PASSWORD
from tests.integration.graph.graphql_client import client_of

PAGE = (Path(__file__).parents[3] / "docs" / "writing.md").read_text()
STEPS = re.findall(r"```(graphql|sh)\n(.*?)```\n\n```json\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, **CHEAP)


@pytest.fixture
async def ada(settings: Settings, resources: Resources, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    await load_starter(settings.database_url)
    passwords = Passwords(settings)
    await make.user(pool, "ada@example.org", Role.ADMIN, await passwords.hash(PASSWORD))
    passwords.close()
    async with client_of(resources) as client:
        yield client


async def test_every_step_returns_the_response_on_the_page(ada: httpx.AsyncClient) -> None:
    assert len(STEPS) == PAGE.count("```json") == 27
    variables_by_name: dict[str, str] = {}
    for language, step, answer in STEPS:
        sent = await (_graphql if language == "graphql" else _curl)(ada, step, variables_by_name)
        assert (
            _as_printed(sent.json(), json.loads(answer), variables_by_name)["data"]
            == json.loads(answer)["data"]
        ), step


async def _graphql(
    client: httpx.AsyncClient, document: str, variables_by_name: dict[str, str]
) -> httpx.Response:
    variables = {name: variables_by_name[name] for name in re.findall(r"\$(\w+): ID!", document)}
    return await client.post("/graphql", json={"query": document, "variables": variables})


async def _curl(client: httpx.AsyncClient, command: str, variables_by_name: dict[str, str]) -> httpx.Response:
    headers = dict(re.findall(r"-H '([\w-]+): (.*?)'", command.replace("dno_…", variables_by_name["dno"])))
    [body] = re.findall(r"-d '(.*)'", command)
    return await client.post("/graphql", content=body, headers=headers)


def _as_printed(found: Any, printed: Any, variables_by_name: dict[str, str]) -> Any:
    """Values that vary are printed as `…`; they are stored under the word before it."""
    if isinstance(printed, dict) and isinstance(found, dict):
        return {
            name: _as_printed(value, printed.get(name), variables_by_name) for name, value in found.items()
        }
    if isinstance(printed, str) and printed.endswith("…") and found.startswith(printed[:-1]):
        variables_by_name[printed.rstrip("_…")] = found
        return printed
    return found
