"""A whole server with the starter data, for browsers."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.browser import stop_browser
from tests.e2e.serving import Serving, serving


@pytest.fixture(scope="session")
async def served() -> AsyncIterator[Serving]:
    """One for all tests: they leave its data as it is, or change what no other test reads."""
    async with serving() as started:
        yield started


@pytest.fixture(scope="session")
def server(served: Serving) -> str:
    """Its address."""
    return served.url


@pytest.fixture(scope="session", autouse=True)
async def _browser_of_the_worker() -> AsyncIterator[None]:
    """Started by the first test that opens a page."""
    yield
    await stop_browser()
