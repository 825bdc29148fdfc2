"""The number of connections that fits the process's file descriptors."""

import resource

import pytest

from app.limits.connection_limit import MIN_CONNECTIONS, OTHERS, _max_connections, max_connections
from app.settings import Settings

INFINITE = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "connections", "raised"),
    [
        (2000, 4000, 1000, None),
        (1310, 4000, 1000, None),
        (1309, 4000, 1000, 1310),
        (300, 1310, 1000, 1310),
        (300, 1000, 690, 1000),
        (300, INFINITE, 1000, 1310),
        (INFINITE, INFINITE, 1000, None),
        (300, 310 + MIN_CONNECTIONS + 1, MIN_CONNECTIONS + 1, 310 + MIN_CONNECTIONS + 1),
        (300, 310, MIN_CONNECTIONS, 310),
    ],
)
def test_the_soft_limit_is_raised_and_the_rest_is_for_connections(
    soft: int, hard: int, connections: int, raised: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes: list[tuple[int, tuple[int, int]]] = []
    limits = {resource.RLIMIT_NOFILE: (soft, hard)}
    monkeypatch.setattr(resource, "getrlimit", limits.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, limit: changes.append((kind, limit)))
    _max_connections.cache_clear()
    settings = Settings(max_connections=1000, max_database_connections=10, max_redis_connections=200)
    assert OTHERS == 100
    try:
        assert max_connections(settings) == connections
    finally:
        _max_connections.cache_clear()
    assert changes == ([] if raised is None else [(resource.RLIMIT_NOFILE, (raised, hard))])
