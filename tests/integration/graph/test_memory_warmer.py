"""L1 is warmed at startup with the figures of all operators."""

import asyncio
from dataclasses import replace
from typing import Any, cast

import msgspec
import pytest
from structlog.testing import capture_logs

from app.cache.redis import SharedCache
from app.db.pool import Pool
from app.domain.directory import Directories
from app.domain.dno import Dno
from app.domain.entry import DnoYear
from app.domain.tags import slug
from app.observability.metrics import STATEMENTS
from app.resources import Resources
from app.settings import Settings
from loaders import memory_warmer
from loaders.memory_warmer import BUSY, PAUSE_IF_BUSY, PORTION, MemoryWarmer
from loaders.regions import PRICES, TARIFFS
from tests import factories as make
from tests.integration.graph.running import running
from tests.waiting import until

POINT = """query ($slug: String!) {
  dno(slug: $slug) { name tariffs(year: 2025) { leistung } hlzf(year: 2025) { windows { start } } prices(year: 2025) { kind } }
}"""
REGIONS = ("dno_by_slug", "tariffs", "hlzf", "prices", "held_figures")


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process here waits for others that start with it."""
    monkeypatch.setattr(memory_warmer, "SPREAD", 0.0)


def _warmer(resources: Resources, **changed: object) -> MemoryWarmer:
    settings = msgspec.structs.replace(resources.settings, **{"warm_memory": True, **changed})
    return MemoryWarmer(
        resources.read_through, resources.memory, resources.shared, resources.directories, settings
    )


def _statements() -> dict[str, float]:
    return {region: STATEMENTS.labels(region)._value.get() for region in REGIONS}


async def test_a_server_that_has_warmed_its_memory_answers_the_first_request_without_a_statement(
    settings: Settings, pool: Pool
) -> None:
    dno = await make.dno(pool, "netze-a")
    await make.tariff(pool, dno, 2025, leistung="58.20")
    await make.hlzf(pool, dno, 2025)
    await make.price(pool, dno, 2025)
    async with running(settings, warm_memory=True) as server:
        memory = server.resources.memory
        await until(lambda: memory.get(PRICES.tag(DnoYear(dno.id, 2025))) is not None)
        before = _statements()
        found = (await server.execute(POINT, slug="netze-a"))["dno"]
        assert found["tariffs"][0]["leistung"] == "58.20"
        assert found["hlzf"]
        assert found["prices"]
        assert _statements() == before


async def test_only_figures_that_are_held_are_read(resources: Resources, operators: list[Any]) -> None:
    await _warmer(resources).run()
    held = {
        (dno.slug, year)
        for dno in operators
        for year in (2023, 2024, 2025)
        if resources.memory.get(TARIFFS.tag(DnoYear(dno.id, year))) is not None
    }
    assert held == {
        ("netze-a", 2024),
        *((f"netze-{letter}", year) for letter in "bcd" for year in (2024, 2025)),
    }
    assert all(resources.memory.get(slug(dno.slug)) is not None for dno in operators)


@pytest.fixture
async def many(pool: Pool) -> list[Dno]:
    made = [await make.dno(pool, f"netz-{number:03}") for number in range(2 * PORTION)]
    for dno in made:
        for year in (2024, 2025):
            await make.tariff(pool, dno, year)
    return made


async def test_the_newest_year_comes_first_and_nothing_is_read_once_records_have_filled_their_share(
    settings: Settings, pool: Pool, many: list[Dno]
) -> None:
    async with running(settings, memory_cache_size=200_000) as server:
        resources = server.resources
        before = _statements()
        await _warmer(resources).run()
        after = _statements()

        def read(year: int) -> int:
            get = resources.memory.get
            return sum(get(TARIFFS.tag(DnoYear(dno.id, year))) is not None for dno in many)

        assert resources.memory.records_are_full
        assert read(2025) > 0
        assert read(2024) == 0
        assert after["held_figures"] - before["held_figures"] == 1


async def test_it_ends_within_a_year_as_soon_as_records_have_filled_their_share(
    settings: Settings, pool: Pool, many: list[Dno]
) -> None:
    async with running(settings, memory_cache_size=100_000) as server:
        before = _statements()
        await _warmer(server.resources).run()
        assert _statements()["tariffs"] - before["tariffs"] == 1  # of the first operators


@pytest.mark.parametrize("off", ["warm_memory", "memory_cache", "entity_cache"])
async def test_nothing_is_read_where_it_is_switched_off(
    resources: Resources, operators: list[Any], off: str
) -> None:
    before = _statements()
    await _warmer(resources, **{off: False}).run()
    assert _statements() == before


async def test_no_figures_are_read_once_half_of_their_lifetime_has_passed(
    resources: Resources, operators: list[Any]
) -> None:
    """What was read first would end before it is asked for."""
    before = _statements()
    await _warmer(resources, memory_cache_lifetime=-1.0).run()
    assert {name: count - before[name] for name, count in _statements().items()} == dict.fromkeys(REGIONS, 0)


async def test_a_refusal_ends_it_and_fails_no_job(
    resources: Resources, operators: list[Any], pool: Pool
) -> None:
    await pool.fetch("ALTER TABLE netzentgelte_data RENAME TO elsewhere")
    try:
        await _warmer(resources).run()  # raises nothing, so that it is not started again
    finally:
        await pool.fetch("ALTER TABLE elsewhere RENAME TO netzentgelte_data")
    get = resources.memory.get
    assert all(get(TARIFFS.tag(DnoYear(dno.id, year))) is None for dno in operators for year in (2024, 2025))


async def test_any_other_error_ends_it_with_one_line_in_the_log_and_fails_no_job(
    resources: Resources, operators: list[Any]
) -> None:
    broken = replace(resources, directories=cast("Directories", None))
    with capture_logs() as logs:
        await _warmer(broken).run()
    assert [line["event"] for line in logs if line["event"].startswith("memory_")] == ["memory_is_not_warmed"]
    get = resources.memory.get
    assert all(get(TARIFFS.tag(DnoYear(dno.id, year))) is None for dno in operators for year in (2024, 2025))


class _Redis:
    """Trusted or not, and how often it was looked at."""

    def __init__(self) -> None:
        self.is_trusted = False
        self.looks = 0

    @property
    def trusted(self) -> bool:
        self.looks += 1
        return self.is_trusted


async def test_nothing_is_read_before_redis_is_trusted(resources: Resources, operators: list[Any]) -> None:
    """What others have read could not be found in it, and what is read here could not be kept there."""
    redis = _Redis()
    warmer = _warmer(replace(resources, shared=cast("SharedCache", redis)))
    before = _statements()
    warming = asyncio.create_task(warmer.run())
    await until(lambda: redis.looks == 3)
    assert (warming.done(), _statements()) == (False, before)
    redis.is_trusted = True
    async with asyncio.timeout(30):
        await warming
    assert _statements()["tariffs"] > before["tariffs"]


async def test_a_pause_follows_each_portion(
    resources: Resources, many: list[Dno], monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(took: float) -> None:
        pauses.append(took)

    monkeypatch.setattr(memory_warmer, "_pause", pause)
    before = _statements()
    await _warmer(resources).run()
    assert len(pauses) == 4  # two portions of operators in each of two years
    assert _statements()["tariffs"] - before["tariffs"] == 4
    assert all(took > 0 for took in pauses)


async def test_a_pause_is_as_long_as_the_portion_took_and_longer_where_the_event_loop_is_busy() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await memory_warmer._pause(3600)
    assert memory_warmer._pause_after(0.25, iteration=BUSY / 2) == 0.25
    assert memory_warmer._pause_after(0.25, iteration=BUSY * 2) == 0.25 * PAUSE_IF_BUSY > 1
