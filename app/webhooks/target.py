"""The URL of a webhook: its parts, checked."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from app.domain.folding import compose
from app.errors import BadInput, CannotStart
from app.settings import Settings
from app.webhooks.addresses import AddressRules

MAX_URL_LENGTH: Final = 2000
_HOST: Final = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_PRINTABLE: Final = re.compile(r"[\x21-\x7e]*")
# The parser removes some of them and would read another URL than the one that is stored.
_BLANK_OR_CONTROL: Final = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
_MAX_PORT: Final = 65535
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


class Target(NamedTuple):
    """`path` with its query; `authority` is the value of the Host header."""

    secure: bool
    host: str
    port: int
    path: str
    authority: str


class Ports:
    """Allowed ports, as single numbers and ranges: 443, 1024-65535."""

    def __init__(self, settings: Settings) -> None:
        try:
            self._ranges = [_port_range(each) for each in settings.webhook_ports]
        except ValueError:
            raise CannotStart(
                "The setting WEBHOOK_PORTS is wrong: it lists ports such as 443 or 1024-65535."
            ) from None

    def __contains__(self, port: int) -> bool:
        return any(port in each for each in self._ranges)


def _port_range(text: str) -> range:
    """Raises ValueError for what has no port in it."""
    first, _, last = text.partition("-")
    found = range(max(int(first), 1), min(int(last or first), _MAX_PORT) + 1)
    if not found:
        raise ValueError(text)
    return found


def read_target(url: str, rules: AddressRules, ports: Ports) -> Target:
    """Raises BadInput, with a message that does not repeat the URL: it may contain a secret."""
    if len(url) > MAX_URL_LENGTH:
        raise _wrong(f"has {len(url)} letters; at most {MAX_URL_LENGTH} are allowed")
    if _BLANK_OR_CONTROL.search(url):
        raise _wrong("has letters that a URL cannot have")
    try:
        parts = urlsplit(url)
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        raise _wrong("is none") from None
    if parts.scheme not in ("https", "http"):
        raise _wrong("must begin with https://")
    if "@" in parts.netloc:
        raise _wrong("must not contain a user name or a password")
    if "#" in url:
        raise _wrong("must not have a fragment (#…)")
    rest = url[len(parts.scheme) + 3 + len(parts.netloc) :]
    if not _HOST.fullmatch(host) or not _PRINTABLE.fullmatch(rest):
        raise _wrong("has letters that a URL cannot have, or no host")
    secure = parts.scheme == "https"
    if not secure and not rules.plain_http:
        raise _wrong("must begin with https://")
    number = _DEFAULT_PORTS[parts.scheme] if port is None else port
    if number not in ports:
        raise _wrong(f"has the port {number}, which is not allowed")
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{shown}:{port}"
    path = rest if rest.startswith("/") else f"/{rest}"
    return Target(secure, host, number, path, authority)


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    encoded = host.encode("idna").decode()
    given, labels = compose(host).split("."), encoded.split(".")
    if len(given) != len(labels) or not all(map(_is_same, given, labels)):
        # faß.de would become fass.de, which may have another owner.
        raise _wrong("has a host with letters that programs encode differently; write it as xn--…")
    return encoded


def _is_same(given: str, label: str) -> bool:
    """Of one part of a host. One that is encoded already stays what it is."""
    return given.isascii() or label.encode().decode("idna") == given


def _wrong(problem: str) -> BadInput:
    return BadInput(f"The URL {problem}.", field=["input", "url"])
