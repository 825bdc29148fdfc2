"""What Cache-Control of a response must say."""

import re
from time import monotonic

import httpx


def assert_valid_for_a_minute(response: httpx.Response, since: float, least: int = 58) -> None:
    """As long as its records, less the time that has passed; `since`: before the first of them was read, on time.monotonic().

    `least`: less than a minute where a record is absent, whose lifetime varies.
    """
    header = response.headers["cache-control"]
    found = re.fullmatch(r"public, max-age=(\d+), must-revalidate", header)
    assert found, header
    assert least - (monotonic() - since) <= int(found[1]) <= 59
