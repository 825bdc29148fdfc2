"""How many connections one process may hold: each takes a file descriptor, as those to the databases do."""

import resource
from functools import cache

from app.settings import Settings

# File descriptors of listeners, pipes, logs, and files that are being sent.
OTHERS = 100
MIN_CONNECTIONS = 16


def max_connections(settings: Settings) -> int:
    return _max_connections(
        settings.max_connections, settings.max_database_connections + settings.max_redis_connections + OTHERS
    )


@cache
def _max_connections(wanted_connections: int, reserved: int) -> int:
    """As many as configured, or as the system has file descriptors for after its soft limit was raised."""
    allowed, hard_limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = wanted_connections + reserved
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if hard_limit == resource.RLIM_INFINITY else min(wanted, hard_limit)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard_limit))
    if allowed == resource.RLIM_INFINITY:
        return wanted_connections
    return min(wanted_connections, max(allowed - reserved, MIN_CONNECTIONS))
