"""Lighthouse finds the main pages accessible, well made and fit for search engines. Its figures of speed are not asserted."""

import pytest

from tests.e2e.lighthouse import MISSING, judge
from tests.e2e.paths import MAIN_PAGES
from tests.servers import private_folder

LEAST = 95
CATEGORIES = ("accessibility", "best-practices", "seo")


@pytest.mark.skipif(MISSING is not None, reason=str(MISSING))
@pytest.mark.parametrize("path", MAIN_PAGES)
async def test_lighthouse_finds_nothing_of_weight_on_the_main_pages(server: str, path: str) -> None:
    with private_folder() as folder:  # a short path: the browser has a socket below it
        found = await judge(server + path, CATEGORIES, folder)
    assert sorted(found.scores) == sorted(CATEGORIES)
    assert min(found.scores.values()) >= LEAST, (found.scores, found.faults)
