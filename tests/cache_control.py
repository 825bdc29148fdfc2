"""What Cache-Control of a response must say."""

import re
from time import monotonic
from typing import Final

import httpx

# Seconds: a record lives in L1 for a minute, less up to a tenth of it (LIFETIME_JITTER), and max-age is rounded down.
LEAST: Final = 53


def assert_valid_for_a_minute(response: httpx.Response, since: float) -> None:
    """As long as its records, less the time that has passed; `since`: before the first of them was read, on time.monotonic()."""
    header = response.headers["cache-control"]
    found = re.fullmatch(r"public, max-age=(\d+), must-revalidate", header)
    assert found, header
    assert LEAST - (monotonic() - since) <= int(found[1]) <= 59
