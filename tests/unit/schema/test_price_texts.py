"""Until when a response with § 14a prices stays the same, and how long HTTP caches may store it."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from app.cache.clock import monotonic
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.price_series import Resolution
from app.http.conditional_requests import cache_control_until
from app.http.request_state import RequestState
from app.http.span_in_path import SpanFormat, read_span
from app.settings import Settings
from schema.http.price_requests import WantedPrices
from schema.http.price_sheets import PricedOperator, decode_operator
from schema.http.price_texts import next_change

BERLIN = ZoneInfo("Europe/Berlin")
OPERATOR = b"""{"slug": "netze-a", "name": "Netze A", "second": null, "third": null, "first": {
  "year": 2026, "version": 1, "updatedAt": "2026-01-01T00:00:00Z", "verificationStatus": "VERIFIED", "publication": "FINAL",
  "source": null, "bands": [{"band": "ST", "price": "6.70"}, {"band": "NT", "price": "1.34"}],
  "windows": [
    {"quarter": 2, "band": "NT", "start": "00:00", "end": "06:00"},
    {"quarter": 2, "band": "ST", "start": "07:00", "end": "22:00"},
    {"quarter": 2, "band": "NT", "start": "22:00", "end": "24:00"}
  ]
}}"""


def change(span: str, now: str) -> str | None:
    moment = datetime.fromisoformat(now).replace(tzinfo=BERLIN).astimezone(UTC)
    days, suffix = read_span(span, moment)
    wanted = WantedPrices("netze-a", days, suffix or SpanFormat.JSON, False, Resolution.CHANGES)
    operator: PricedOperator | None = decode_operator(OPERATOR)
    assert operator is not None
    found = next_change(operator, wanted, moment)
    return None if found is None else f"{found.astimezone(BERLIN):%m-%dT%H:%M}"


@pytest.mark.parametrize(
    ("span", "now", "expected"),
    [
        # The price that holds ends.
        ("now", "2026-05-04T12:00", "05-04T22:00"),
        ("2026-05-04", "2026-05-04T12:00", "05-04T22:00"),
        ("2026", "2026-05-04T23:00", "05-05T06:00"),
        # What the words mean ends at midnight.
        ("now", "2026-05-04T23:00", "05-05T00:00"),
        ("today", "2026-05-04T23:00", "05-05T00:00"),
        ("tomorrow", "2026-05-04T12:00", "05-05T00:00"),
        ("today..tomorrow", "2026-05-04T12:00", "05-04T22:00"),
        # In a gap the next price begins.
        ("2026-05-04", "2026-05-04T06:30", "05-04T07:00"),
        # Other days and the zones of a year do not depend on the moment.
        ("2026-05-04", "2026-05-05T12:00", None),
        ("2026-05-04", "2026-05-03T12:00", None),
        ("2026.yaml", "2026-05-04T12:00", None),
        ("today.yaml", "2026-05-04T12:00", "05-05T00:00"),
        # A quarter without windows.
        ("2026", "2026-08-04T12:00", "01-01T00:00"),
        ("today", "2027-08-04T12:00", "08-05T00:00"),
    ],
)
def test_a_response_stays_the_same_until_the_price_or_the_day_changes(
    span: str, now: str, expected: str | None
) -> None:
    assert change(span, now) == expected


def control(seconds: float, principal: Principal = ANONYMOUS, **settings: Any) -> bytes:
    resources: Any = SimpleNamespace(settings=Settings(**settings))
    scope: Any = {"state": {"request": RequestState(resources, principal=principal)}}
    # Half a second more: time passes between the two readings of the clock.
    return cache_control_until(scope, monotonic() + seconds + 0.5)


def test_a_client_may_store_until_the_change_and_shared_caches_for_a_minute() -> None:
    assert control(3600) == b"public, max-age=3600, s-maxage=60, must-revalidate"
    assert control(30) == b"public, max-age=30, must-revalidate"
    assert control(3600, Principal(role=Role.VIEWER, user_id=UUID(int=1))).startswith(
        b"private, max-age=3600"
    )
    assert control(3600, anonymous_reading=False).startswith(b"private")


def test_nothing_is_stored_at_the_change_or_without_http_caching() -> None:
    assert [control(-0.5), control(3600, http_lifetime=0)] == [b"no-cache", b"no-cache"]
