"""Counts stale reads after answered corrections."""

import asyncio
import random
from typing import NamedTuple

from benchmarks.queries import TARIFF_IDS, all_points, correction, point, post
from benchmarks.server import Connection, Server

# The load corrects no prices of this level, so the expected values are known.
LEVEL = "NS"
POPULAR = 20
READS = 4
PAUSE = 0.05


class Price(NamedTuple):
    """`query`: the same bytes as in the load, so that the same cache entries are used."""

    id: str
    query: bytes


class FreshnessChecker:
    def __init__(self, server: Server, key: str) -> None:
        self._server = server
        self._key = key
        self.corrections = 0
        self.read = 0
        self.stale = 0

    async def run(self) -> None:
        """Runs until it is cancelled."""
        chance = random.Random(1)
        async with self._server.connection() as writer, self._server.connection() as reader:
            prices = [await _price(reader, *pair) for pair in all_points()[:POPULAR]]
            for number in range(1, 10**6):
                await self._correct_and_read(
                    chance.choice(prices), f"{number}.{number % 100:02}", writer, reader
                )
                await asyncio.sleep(PAUSE)

    async def _correct_and_read(
        self, price: Price, leistung: str, writer: Connection, reader: Connection
    ) -> None:
        done = (await writer.data(correction(self._key, price.id, leistung)))["correctTariff"]
        assert done["errors"] == [], done
        self.corrections += 1
        for _ in range(READS):
            tariffs = (await reader.data(price.query))["dno"]["tariffs"]
            (seen,) = (tariff["leistung"] for tariff in tariffs if tariff["voltageLevel"] == LEVEL)
            self.read += 1
            self.stale += float(seen) != float(leistung)


async def _price(connection: Connection, slug: str, year: int) -> Price:
    ids = await tariff_ids(connection, slug, year)
    return Price(ids[LEVEL], point(slug, year))


async def tariff_ids(connection: Connection, slug: str, year: int) -> dict[str, str]:
    """By voltage level."""
    tariffs = (await connection.data(post(TARIFF_IDS, slug=slug, year=year)))["dno"]["tariffs"]
    return {tariff["voltageLevel"]: tariff["id"] for tariff in tariffs}
