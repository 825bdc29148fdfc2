"""The time for which another server asks to wait."""

from datetime import UTC, datetime

import pytest

from app.domain.retry_after import seconds_to_wait

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wish", "seconds"),
    [
        (b"120", 120),
        (b"0", 0),
        (b"Mon, 30 Nov 2026 12:02:00 GMT", 120),
        (b"Mon, 30 Nov 2026 13:02:00 +0100", 120),
        (b"Monday, 30-Nov-26 12:02:00 GMT", 120),
        (b"Mon, 30 Nov 2026 12:02:00 -0000", 120),
        (b"Mon, 30 Nov 2026 11:00:00 GMT", 0),
        (b"", None),
        (b"soon", None),
        (b"-1", None),
        (b"1.5", None),
        (b"9" * 5000, None),
        (b"Mon, 30 Nov 20266 12:02:00 GMT", None),
        (b"Mon, 31 Nov 2026 12:02:00 GMT", None),
        (b"Mon, 30 Nov 2026 12:02:00 +99999999", None),
        ("später".encode(), None),
        (b"\xff", None),
    ],
)
def test_seconds_and_dates_are_read_and_anything_else_is_no_wish(wish, seconds):
    assert seconds_to_wait(wish, NOW) == seconds
