"""The examples and figures of README.md are correct, and addresses in the documentation exist."""

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.db.pool import Pool
from app.importers.starter import FOLDER, load_starter
from app.resources import open_resources
from app.settings import Settings
from app.web import assets
from tests.architecture.repository import ROOT, name, tracked
from tests.integration.graph.graphql_client import client_of, execute

README = (ROOT / "README.md").read_text()
FIRST_SCREEN = 60
QUERIES = [one for one in re.findall(r"```graphql\n(.*?)```", README, flags=re.DOTALL) if one[0] == "{"]


@pytest.fixture
async def starter(settings: Settings, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """The whole application with the starter data."""
    await load_starter(settings.database_url)
    async with open_resources(settings) as resources, client_of(resources) as client:
        yield client


async def test_the_first_example_returns_the_printed_response(starter):
    answer = re.search(r"```json\n(.*?)```", README, flags=re.DOTALL)
    assert answer is not None
    assert await execute(starter, QUERIES[0]) == json.loads(answer[1])["data"]


@pytest.mark.parametrize("query", QUERIES[1:])
async def test_the_other_examples_return_data(starter, query):
    (answer,) = (await execute(starter, query)).values()
    assert answer


@pytest.mark.parametrize("address", re.findall(r"`(/(?:api|export)/[^`]*)`", README))
async def test_the_addresses_exist(starter, address):
    assert (await starter.get(address)).status_code == 200


async def test_the_addresses_of_the_documentation_exist(starter):
    """But for those of people who have signed in, and those that name no operator."""
    named = {
        (name(page), address)
        for page in tracked("docs/*.md")
        if "decisions" not in page.parts
        for address in re.findall(
            r"`(/(?:api|export|dnos|operators|ranking|coverage|changes|schema)[^`\s]*)`", page.read_text()
        )
        if not re.search("[{…]", address)
    }
    assert len(named) > 20
    assert [one for one in sorted(named) if (await starter.get(one[1])).status_code != 200] == []


def test_the_first_screen_has_an_example_and_both_commands():
    first = "\n".join(README.splitlines()[:FIRST_SCREEN])
    assert all(part in first for part in ("```graphql", "```json", "make serve", "make test"))


def test_the_example_is_that_of_the_home_page():
    assert (assets.STATIC / "question.graphql").read_text().strip() == QUERIES[0].strip()
    assert (assets.STATIC / "answer.json").read_text().strip() in README


def test_the_notice_of_the_register_is_included():
    notice = re.compile(r"^> .*(?:\n> .*)*", flags=re.MULTILINE)
    required = notice.search((FOLDER / "README.md").read_text())
    assert required is not None
    assert required[0] in README


def test_the_number_of_operators_is_correct():
    rows = len((FOLDER / "registry.csv").read_text().splitlines()) - 1
    assert f"{rows} operators" in README
