"""The README's first screen tells the truth."""

import json
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from app.db.pool import Pool
from app.importers.starter import FOLDER, load_starter
from app.resources import open_resources
from app.settings import Settings
from app.web import pages
from tests.architecture.repository import ROOT
from tests.integration.graph.asking import ask, client_of

README = (ROOT / "README.md").read_text()
FIRST_SCREEN = 60
QUERIES = [one for one in re.findall(r"```graphql\n(.*?)```", README, flags=re.DOTALL) if one[0] == "{"]


@pytest.fixture
async def starter(settings: Settings, pool: Pool) -> AsyncIterator[httpx.AsyncClient]:
    """Asks the whole application about the starter data."""
    await load_starter(settings.database_url)
    async with open_resources(settings) as resources, client_of(resources) as client:
        yield client


async def test_its_question_has_its_answer(starter):
    answer = re.search(r"```json\n(.*?)```", README, flags=re.DOTALL)
    assert answer is not None
    assert await ask(starter, QUERIES[0]) == json.loads(answer[1])["data"]


@pytest.mark.parametrize("query", QUERIES[1:])
async def test_its_other_questions_have_answers_too(starter, query):
    (answer,) = (await ask(starter, query)).values()
    assert answer


@pytest.mark.parametrize("address", re.findall(r"`(/(?:api|export)/[^`]*)`", README))
async def test_its_addresses_answer(starter, address):
    assert (await starter.get(address)).status_code == 200


def test_question_answer_and_both_commands_stand_on_the_first_screen():
    first = "\n".join(README.splitlines()[:FIRST_SCREEN])
    assert all(part in first for part in ("```graphql", "```json", "make serve", "make test"))


def test_it_is_the_question_of_the_first_page():
    assert (pages._STATIC / "question.graphql").read_text().strip() == QUERIES[0].strip()
    assert (pages._STATIC / "answer.json").read_text().strip() in README


def test_it_gives_the_notice_that_the_register_asks_for():
    notice = re.compile(r"^> .*(?:\n> .*)*", flags=re.MULTILINE)
    asked_for = notice.search((FOLDER / "README.md").read_text())
    assert asked_for is not None
    assert asked_for[0] in README


def test_it_says_how_many_operators_there_are():
    rows = len((FOLDER / "registry.csv").read_text().splitlines()) - 1
    assert f"{rows} operators" in README
