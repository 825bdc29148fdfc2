"""What a Redis URL and the settings say of connections: addresses, credentials, TLS, time-outs."""

import ssl
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from app.connection_errors import FileParameters, UnusableFile
from app.errors import CannotStart
from app.settings import Settings

FILES: Final = FileParameters("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
# As redis-py names them.
_OPTIONS: Final = {"ssl_cert_reqs": ("required", "none"), "ssl_check_hostname": ("true", "false")}


def uses_tls(url: SplitResult) -> bool:
    return url.scheme.startswith("rediss")


def addresses(url: SplitResult, port: int) -> list[tuple[str, int]]:
    """Raises CannotStart for a damaged address."""
    try:
        parts = [urlsplit(f"//{host}") for host in _hosts(url).split(",")]
        return [(part.hostname or "localhost", part.port or port) for part in parts]
    except ValueError:
        raise damaged() from None


def database(url: SplitResult) -> int:
    """Raises CannotStart for a damaged address."""
    try:
        return int(url.path.strip("/") or 0)
    except ValueError:
        raise damaged() from None


def damaged() -> CannotStart:
    """Its parts are not shown: one may be a piece of the password."""
    return CannotStart(
        "The address of Redis in REDIS_URL or SESSION_REDIS_URL cannot be used: is it complete, and are the special"
        " characters of its password escaped?"
    )


def shown(url: SplitResult) -> str:
    """The hosts, without user and password."""
    # A password with an unescaped "/", "#" or "?" ends up where path or query should be.
    return "an unreadable address" if "@" in f"{url.path}{url.query}{url.fragment}" else _hosts(url)


def credentials(url: SplitResult) -> dict[str, Any]:
    name, _, password = url.netloc.rpartition("@")[0].partition(":")
    return {"username": unquote(name) or None, "password": unquote(password) or None}


def tls_context(url: SplitResult) -> ssl.SSLContext | None:
    """For all connections to this address: reading the certificates of the system takes tens of milliseconds.

    None without TLS. Raises CannotStart for an unknown parameter, and for files that cannot be used.
    """
    options = _options(url)
    if not uses_tls(url):
        return None
    # With authorities of its own, an address trusts no others.
    verified = options.get("ssl_cert_reqs") != "none"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = verified and options.get("ssl_check_hostname") != "false"
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    try:
        FILES.load(context, options)
    except UnusableFile as error:
        raise _unusable(url, f"{error}") from None
    if verified and not options.get(FILES.authorities):
        context.load_default_certs()
    return context


def _options(url: SplitResult) -> dict[str, str]:
    options = dict(parse_qsl(url.query, keep_blank_values=True))
    for name, value in options.items():
        if name in _OPTIONS and value.lower() not in _OPTIONS[name]:
            raise _unusable(url, f"{name} is one of {', '.join(_OPTIONS[name])}")
        if name not in (*FILES, *_OPTIONS):
            known = ", ".join((*FILES, *_OPTIONS))
            raise _unusable(url, f"there is no parameter of this name: {name} (there are {known})")
        if not uses_tls(url):
            raise _unusable(url, f"{name} is for connections with TLS, whose address begins with rediss")
    return {name: value.lower() if name in _OPTIONS else value for name, value in options.items()}


def _unusable(url: SplitResult, reason: str) -> CannotStart:
    return CannotStart(f"The address of Redis at {shown(url)} cannot be used: {reason}.")


def _hosts(url: SplitResult) -> str:
    return url.netloc.rpartition("@")[2]


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
