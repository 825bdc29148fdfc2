"""Settings of sessions: those that the server knows."""

from unittest.mock import Mock

import pytest
from asyncpg.types import ServerVersion

from app.db.connect import NO_TIMEOUTS, known_settings


@pytest.mark.parametrize(
    ("major", "left_out"), [(15, {"transaction_timeout"}), (16, {"transaction_timeout"}), (17, set())]
)
def test_transaction_timeout_is_left_out_before_version_17(major: int, left_out: set[str]) -> None:
    connection = Mock()
    connection.get_server_version.return_value = ServerVersion(major, 2, 0, "final", 0)
    assert NO_TIMEOUTS.keys() - known_settings(connection, NO_TIMEOUTS).keys() == left_out
