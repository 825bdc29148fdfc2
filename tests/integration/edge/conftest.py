"""Edges that are purged, and settings under which a purge is repeated soon."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.edge_stand_in import EdgeStandIn, edge_stand_in

HEADERS: dict[str, Any] = {"edge_headers": ("xkey", "cache-tag", "cache-groups")}


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
        "edge_purge_timeout": 5.0,
        **changed,
    }
