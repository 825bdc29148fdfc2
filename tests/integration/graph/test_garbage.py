"""Requests let go of what they used by themselves: the garbage collector stops the world to look for circles."""

import gc

import httpx
import pytest

from app.resources import Resources
from tests.integration.graph.asking import client_of

QUERY = "{ dnos(first: 3) { nodes { slug tariffs(year: 2025) { leistung } hlzf(year: 2025) { season } } } }"


@pytest.mark.usefixtures("operators")
async def test_a_request_leaves_no_circles_behind(resources: Resources) -> None:
    async with client_of(resources, response_cache=False, entity_cache=False) as client:
        for number in range(20):
            await _ask(client, number)
        gc.collect()
        gc.disable()
        try:
            for number in range(50):
                await _ask(client, number)
            before = {id(circle) for circle in gc.garbage}
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            ours = [
                type(circle).__name__
                for circle in gc.garbage
                if id(circle) not in before
                and type(circle).__module__.startswith(("app.", "schema.", "loaders."))
            ]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
    assert ours == []


async def _ask(client: httpx.AsyncClient, number: int) -> None:
    answer = await client.post("/graphql", json={"query": QUERY, "extensions": {"number": number}})
    assert answer.status_code == 200
