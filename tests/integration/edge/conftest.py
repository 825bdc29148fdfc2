"""Edges that are purged, and the time until a purge is repeated."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.db.pool import Pool
from app.jobs import edge_purges, edge_round
from tests.edge_stand_in import EdgeStandIn, edge_stand_in
from tests.waiting import until

HEADERS: dict[str, Any] = {"edge_headers": ("xkey", "cache-tag", "cache-groups")}


@pytest.fixture(autouse=True)
def passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is purged again after 300 and after 600 seconds, which a test lets pass with `age`. Looks without a notification come
    at short intervals.
    """
    monkeypatch.setattr(edge_round, "SOON", 300.0)
    monkeypatch.setattr(edge_purges, "INTERVAL", 0.1)


async def age(pool: Pool) -> None:
    """All changes become 400 seconds older."""
    async with pool.connection() as connection:
        await connection.execute("UPDATE edge_changes SET queued_at = queued_at - interval '400 s'")


@pytest.fixture
async def edge() -> AsyncIterator[EdgeStandIn]:
    async with edge_stand_in() as opened:
        yield opened


@pytest.fixture
async def second_edge() -> AsyncIterator[EdgeStandIn]:
    async with edge_stand_in() as opened:
        yield opened


def varnish(*edges: EdgeStandIn, **changed: object) -> dict[str, Any]:
    """The settings of a server that purges them."""
    return {
        **HEADERS,
        "edge_varnish": tuple(edge.url for edge in edges),
        "edge_repeat_delay": 600.0,
        "edge_purge_timeout": 30.0,
        **changed,
    }


async def reached(pool: Pool, passes: int) -> None:
    """Waits until all changes were purged in so many passes, and not in the next one."""

    async def are_purged() -> bool:
        [row] = await pool.fetch("SELECT places, last_value AS newest FROM edges, edge_changes_id_seq")
        return [place == row["newest"] for place in row["places"]] == [n < passes for n in range(3)]

    await until(are_purged)
