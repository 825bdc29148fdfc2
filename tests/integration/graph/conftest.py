"""An instance's resources without its HTTP server, and some operators with all kinds of figures."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.domain.holiday_rule import WITHOUT_YEAR
from app.domain.price import PriceKind
from app.domain.tariff import Tariff
from app.observability import metrics
from app.resources import Resources, open_resources
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.page_client import browser_of
from tests.integration.graph.running import Headers, Running, issue_key, running
from tests.integration.graph.writing import Caller
from tests.waiting import CACHING, until


@pytest.fixture(autouse=True)
def no_plan_fails(request: pytest.FixtureRequest) -> Iterator[None]:
    """The executor answers in place of a failed plan, so other assertions do not notice the failure."""
    before = failed_plans()
    yield
    assert "plans_fail" in request.fixturenames or failed_plans() == before


@pytest.fixture
def plans_fail() -> None:
    """Plans of the test fail on purpose."""


def failed_plans() -> float:
    return metrics.UNPLANNED.labels(
        "failure"
    )._value.get()  # REGISTRY would collect all metrics, twice per test


@pytest.fixture
def before_reads() -> float:
    """On time.monotonic(), before `resources` reads its first record: the directory is read as soon as they are open."""
    return monotonic()


@pytest.fixture
async def browser(server: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with browser_of(server) as client:
        yield client


@pytest.fixture
async def resources(settings: Settings, pool: Pool, before_reads: float) -> AsyncIterator[Resources]:
    """Subscribed to invalidation messages, so that all cache layers are on."""
    async with _caching_resources(settings) as opened:
        yield opened


@asynccontextmanager
async def _caching_resources(settings: Settings) -> AsyncIterator[Resources]:
    async with open_resources(msgspec.structs.replace(settings, rate_limit_anonymous=0, **CACHING)) as opened:
        await until(lambda: opened.memory.enabled and opened.shared.trusted)
        yield opened


@pytest.fixture(scope="module")
async def lasting_resources(lasting_settings: Settings) -> AsyncIterator[Resources]:
    """As `resources`, for all tests of a module that only read; its pool is the way to their data."""
    async with _caching_resources(lasting_settings) as opened:
        yield opened


@pytest.fixture(scope="module")
async def lasting_client(lasting_resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """As `client`, on `lasting_resources`."""
    async with client_of(lasting_resources) as opened:
        yield opened


@pytest.fixture
async def client(resources: Resources) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application in this process."""
    async with client_of(resources) as opened:
        yield opened


@pytest.fixture
async def callers(client: httpx.AsyncClient, pool: Pool) -> dict[Role | None, Caller]:
    """An anonymous caller (None), and an API key of each role."""
    keys = {role: (await issue_key(pool, role, role.lower()))[1] for role in Role}
    return {None: Caller(client, {}), **{role: Caller(client, headers) for role, headers in keys.items()}}


@pytest.fixture
def editor(callers: dict[Role | None, Caller]) -> Caller:
    return callers[Role.EDITOR]


@pytest.fixture
def admin(callers: dict[Role | None, Caller]) -> Caller:
    return callers[Role.ADMIN]


@pytest.fixture
async def editor_headers(pool: Pool) -> Headers:
    """Credentials of an editor, for a server with sockets."""
    return (await issue_key(pool, Role.EDITOR))[1]


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    """The only one of netze-a; its Leistungspreis is 58.21."""
    return await make.tariff(pool, await make.dno(pool, "netze-a"), 2025, leistung="58.21")


@pytest.fixture
async def operators(pool: Pool) -> list[Any]:
    return await _four_operators(pool)


@pytest.fixture(scope="module")
async def lasting_operators(lasting_resources: Resources) -> list[Any]:
    """As `operators`, in the database of `lasting_resources`."""
    return await _four_operators(lasting_resources.pool)


async def _four_operators(pool: Pool) -> list[Any]:
    made = []
    await make.levy(pool)
    for number, region in enumerate(("Bayern", "Hessen", None, "Bayern")):
        dno = await make.dno(
            pool,
            f"netze-{'abcd'[number]}",
            name=f'Netze "{"ÄBÇ"[number % 3]}\\{number}"',
            region=region,
            city=("Ulm", None)[number % 2],
            postal_code="89073",
            connection_points_ns=(12, None)[number % 2],
        )
        made.append(dno)
        for year in (2024, 2025)[: number + 1]:
            for level in (VoltageLevel.MS, VoltageLevel.NS)[: 2 - number % 2]:
                await make.tariff(pool, dno, year, level, leistung=("58.20", None)[number % 2])
            await make.hlzf(pool, dno, year, VoltageLevel.MS, Season.WINTER)
        await make.time_of_use(pool, dno, 2025)
        await make.price(pool, dno, 2025)
        await make.price(pool, dno, 2025, PriceKind.MESSSTELLENBETRIEB, "10.68", None, 'Eintarif "\\"')
        await make.place(pool, dno, "89073", municipality="Ulm", locations=number + 1)
        await make.holiday_rule(pool, dno, (WITHOUT_YEAR, 2025)[number % 2], bridge_days="ALL_EXCLUDED")
    return made


@pytest.fixture
async def server(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    """A whole server in this process, without rate limits."""
    async with running(settings, **CACHING) as started:
        yield started
