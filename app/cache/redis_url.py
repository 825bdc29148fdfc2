"""What a Redis URL and the settings say of connections: addresses, credentials, TLS, time-outs."""

from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from app.settings import Settings


def uses_tls(url: SplitResult) -> bool:
    return url.scheme.startswith("rediss")


def addresses(url: SplitResult, port: int) -> list[tuple[str, int]]:
    hosts = url.netloc.rpartition("@")[2].split(",")
    parts = [urlsplit(f"//{host}") for host in hosts]
    return [(part.hostname or "localhost", part.port or port) for part in parts]


def credentials(url: SplitResult) -> dict[str, Any]:
    name, _, password = url.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None}


def connection_options(settings: Settings) -> dict[str, Any]:
    return {
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_connect_timeout,
        "health_check_interval": settings.redis_health_check_interval,
        # A retry would take longer than reading from PostgreSQL, and might repeat a command that was executed.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 3,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
