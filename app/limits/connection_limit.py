"""How many connections one process may hold: each takes a file, and the databases need some as well."""

import resource
from functools import cache

from app.settings import Settings

# Listeners, pipes, logs, files that are being sent.
OTHERS = 100
LEAST = 16


def places(settings: Settings) -> int:
    return _places(
        settings.max_connections, settings.max_database_connections + settings.max_redis_connections + OTHERS
    )


@cache
def _places(most: int, kept: int) -> int:
    """As many as are wanted, or as the system has files for once it was asked for more."""
    allowed, at_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most + kept
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        allowed = wanted if at_most == resource.RLIM_INFINITY else min(wanted, at_most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, at_most))
    return most if allowed == resource.RLIM_INFINITY else min(most, max(allowed - kept, LEAST))
