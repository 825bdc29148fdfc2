"""docs/writing.md: each step, taken after the one before on the starter data, is answered as the page says."""

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


async def test_every_step_is_answered_as_the_page_says(ada: httpx.AsyncClient) -> None:
    assert len(STEPS) == PAGE.count("```json") == 13
    known: dict[str, str] = {}
    for language, step, answer in STEPS:
        sent = await (_graphql if language == "graphql" else _curl)(ada, step, known)
        assert _as_told(sent.json(), json.loads(answer), known)["data"] == json.loads(answer)["data"], step


async def _graphql(client: httpx.AsyncClient, document: str, known: dict[str, str]) -> httpx.Response:
    variables = {name: known[name] for name in re.findall(r"\$(\w+): ID!", document)}
    return await client.post("/graphql", json={"query": document, "variables": variables})


async def _curl(client: httpx.AsyncClient, command: str, known: dict[str, str]) -> httpx.Response:
    headers = dict(re.findall(r"-H '([\w-]+): (.*?)'", command.replace("dno_…", known["dno"])))
    [body] = re.findall(r"-d '(.*)'", command)
    return await client.post("/graphql", content=body, headers=headers)


def _as_told(found: Any, told: Any, known: dict[str, str]) -> Any:
    """What differs each time stands there as `…`: it is remembered under the word before."""
    if isinstance(told, dict) and isinstance(found, dict):
        return {name: _as_told(value, told.get(name), known) for name, value in found.items()}
    if isinstance(told, str) and told.endswith("…") and found.startswith(told[:-1]):
        known[told.rstrip("_…")] = found
        return told
    return found
