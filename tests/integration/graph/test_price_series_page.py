"""docs/price-series.md: each snippet is valid in its language, and its request is answered by a real server."""

import ast
import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from app.db.pool import Pool
from app.domain import clock
from app.importers.starter import load_starter
from app.settings import Settings
from tests.integration.graph.running import Running, running

PAGE = (Path(__file__).parents[3] / "docs" / "price-series.md").read_text()
SNIPPETS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
ADDRESS = re.compile(r"http://localhost:8000[^\s`\"']+")
COPIED = (
    "INSERT INTO time_of_use_data (dno_id, year, price_ht, price_st, price_nt, windows) SELECT dno_id, $1, price_ht, price_st,"
    " price_nt, windows FROM time_of_use_data JOIN dnos ON dnos.id = dno_id WHERE slug = 'n-ergie-netz' AND year = 2026"
    " ON CONFLICT DO NOTHING"
)


@pytest.fixture
async def starter(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    """The starter data; N-ERGIE's tariff of 2026 also in the years of today and tomorrow."""
    await load_starter(settings.database_url)
    async with pool.connection() as connection:
        for year in {clock.today().year, clock.today().year + 1} - {2026}:
            await connection.execute(COPIED, year)
    async with running(settings) as server:
        yield server


def snippets(language: str) -> list[str]:
    return [text for name, text in SNIPPETS if name == language]


def test_every_snippet_is_valid_in_its_language() -> None:
    read: dict[str, Any] = {
        "json": json.loads,
        "yaml": yaml.safe_load,
        "python": ast.parse,
        "sh": lambda text: ADDRESS.findall(text)[0],
        "graphql": str,  # executed below
    }
    for language, text in SNIPPETS:
        assert read[language](text)
    assert len(ADDRESS.findall(PAGE)) == 8


async def test_every_request_is_answered_as_the_page_shows(starter: Running) -> None:
    base = starter.url.removesuffix("/graphql")
    async with httpx.AsyncClient() as client:
        answers = {}
        for address in ADDRESS.findall(PAGE):
            answers[address] = await client.get(address.replace("http://localhost:8000", base))
            assert answers[address].status_code == 200, (address, answers[address].text)
            assert answers[address].headers["etag"]
        await _check_evcc(answers)
        await _check_home_assistant(answers)
        [printed] = snippets("json")
        assert next(iter(answers.values())).json() == json.loads(printed)
        [document] = snippets("graphql")
        data = (await client.post(starter.url, json={"query": document})).json()["data"]
    assert data["dno"]["timeOfUsePrice"]["price"] == "2.38"
    assert len(data["dno"]["timeOfUseTariff"]["prices"]) == 26


async def _check_evcc(answers: dict[str, httpx.Response]) -> None:
    configurations = [yaml.safe_load(text) for text in snippets("yaml")]
    grids = [each["tariffs"]["grid"] for each in configurations if "tariffs" in each]
    [zones] = [answer for address, answer in answers.items() if address.endswith(".yaml")]
    assert yaml.safe_load(zones.text).items() <= grids[0].items()
    assert grids[1]["forecast"]["source"] == "http"
    rates = answers[grids[1]["forecast"]["uri"]].json()
    assert {tuple(rate) for rate in rates} == {("start", "end", "value")}
    assert all(isinstance(rate["value"], float) for rate in rates)


async def _check_home_assistant(answers: dict[str, httpx.Response]) -> None:
    """What the templates refer to is there."""
    [sensors] = [each["rest"] for each in map(yaml.safe_load, snippets("yaml")) if "rest" in each]
    current, series = (answers[each["resource"]].json() for each in sensors)
    assert sensors[0]["sensor"][0]["json_attributes"] == ["start", "end"]
    assert current[0].keys() == {"start", "end", "value"}
    cheapest = min(series, key=lambda each: each["value"])
    assert (cheapest["value"], cheapest["start"][10:16]) == (0.0238, "T00:00")


async def test_the_script_reads_prices_by_unix_time(starter: Running) -> None:
    [script] = snippets("python")
    port = urlsplit(starter.url).port
    names: dict[str, Any] = {}

    def run() -> None:
        exec(compile(script.replace("localhost:8000", f"127.0.0.1:{port}"), "price-series.md", "exec"), names)

    await asyncio.to_thread(run)
    times = sorted(names["prices"])
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {900}
    assert set(names["prices"].values()) == {0.028322 / 1000, 0.070924 / 1000, 0.140063 / 1000}
