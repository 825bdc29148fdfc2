"""How the caches at the edge are purged: Varnish by a request to each server, Fastly and Cloudflare by their APIs.

A purge is done when it has been confirmed: by the status, and by what the body of the response states.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote, urlsplit

import msgspec

from app.edge.exchange import NoResponse, Response, Server
from app.errors import CannotStart
from app.settings import Settings, check_token

_OK: Final = 200
_TOO_MANY_REQUESTS: Final = 429
_decode: Final = msgspec.json.Decoder().decode


class NotPurged(Exception):
    """`error` is a word. `retry_after`: seconds that the edge asks to wait."""

    def __init__(self, error: str, retry_after: float | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.retry_after = retry_after

    @property
    def limited(self) -> bool:
        return self.error == f"STATUS_{_TOO_MANY_REQUESTS}"


class Purger(ABC):
    """One edge. `name` is that in metrics and in the database. A purge of more than `most` keys purges everything instead."""

    name: str
    keys_per_request: int
    most: int

    async def purge(self, keys: Sequence[str]) -> None:
        """Of at most `keys_per_request` keys. Returns once it is confirmed. Raises NotPurged."""
        try:
            response = await self._send(keys)
        except NoResponse as error:
            raise NotPurged(str(error)) from None
        if response.status != _OK:
            raise NotPurged(f"STATUS_{response.status}", response.retry_after)
        if not self._confirms(response.body, keys):
            raise NotPurged("NOT_CONFIRMED", response.retry_after)

    @abstractmethod
    async def _send(self, keys: Sequence[str]) -> Response: ...

    def _confirms(self, body: bytes, keys: Sequence[str]) -> bool:
        return True


class Varnish(Purger):
    """A server whose VCL answers `PURGE /` with status 200 after it has purged the keys of the header `xkey-purge` (vmod xkey)."""

    keys_per_request = 400  # a header of less than 4 kB; http_req_hdr_len is 8 kB by default
    most = 4000

    def __init__(self, url: str, timeout: float) -> None:
        self._server = Server(url, timeout)
        self.name = f"varnish {self._server.authority}"

    async def _send(self, keys: Sequence[str]) -> Response:
        return await self._server.exchange("PURGE", "/", {"xkey-purge": " ".join(keys)})


class Fastly(Purger):
    """developer.fastly.com/reference/api/purging: at most 256 keys; the response has the number of the purge of each."""

    name = "fastly"
    keys_per_request = 256
    most = 8 * 256

    def __init__(self, settings: Settings) -> None:
        self._server = Server(settings.edge_fastly_url, settings.edge_purge_timeout)
        self._path = f"/service/{quote(settings.edge_fastly_service, safe='')}/purge"
        self._headers = {"fastly-key": settings.edge_fastly_token, "accept": "application/json"}
        if settings.edge_fastly_soft_purge:
            self._headers["fastly-soft-purge"] = "1"

    async def _send(self, keys: Sequence[str]) -> Response:
        return await self._server.exchange(
            "POST", self._path, {**self._headers, "surrogate-key": " ".join(keys)}
        )

    def _confirms(self, body: bytes, keys: Sequence[str]) -> bool:
        purged = _read(body)
        return all(purged.get(key) for key in keys)


class Cloudflare(Purger):
    """developers.cloudflare.com/cache/how-to/purge-cache/purge-by-tags: at most 100 tags; on the Free plan 5 requests a minute."""

    name = "cloudflare"
    keys_per_request = 100
    most = 5 * 100

    def __init__(self, settings: Settings) -> None:
        self._server = Server(settings.edge_cloudflare_url, settings.edge_purge_timeout)
        self._path = f"/zones/{quote(settings.edge_cloudflare_zone, safe='')}/purge_cache"
        self._headers = {
            "authorization": f"Bearer {settings.edge_cloudflare_token}",
            "content-type": "application/json",
        }

    async def _send(self, keys: Sequence[str]) -> Response:
        body = msgspec.json.encode({"tags": keys})
        return await self._server.exchange("POST", self._path, self._headers, body)

    def _confirms(self, body: bytes, keys: Sequence[str]) -> bool:
        return _read(body).get("success") is True


def _read(body: bytes) -> dict[str, Any]:
    try:
        found = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def purgers_of(settings: Settings) -> list[Purger]:
    """Raises CannotStart for settings that do not fit together."""
    found = list(_purgers_of(settings))
    if found and not settings.edge_headers:
        raise CannotStart(
            "The setting EDGE_HEADERS is missing: edges are purged by the keys in these headers."
        )
    if len({purger.name for purger in found}) < len(found):
        raise CannotStart("The setting EDGE_VARNISH is wrong: it names a server twice.")
    return found


def _purgers_of(settings: Settings) -> Iterator[Purger]:
    for url in settings.edge_varnish:
        _check_address(url)
        yield Varnish(url, settings.edge_purge_timeout)
    for name, purger in (("fastly_service", Fastly), ("cloudflare_zone", Cloudflare)):
        if getattr(settings, f"edge_{name}"):
            token = f"edge_{name.partition('_')[0]}_token"
            if not getattr(settings, token):
                raise CannotStart(f"The setting {token.upper()} is missing: EDGE_{name.upper()} is given.")
            check_token(settings, token)
            yield purger(settings)


def _check_address(url: str) -> None:
    """The message has no part of the address: it may contain a password."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        right = False
        parts = urlsplit("")
    if not right or "@" in parts.netloc or parts.path.strip("/") or parts.query:
        raise CannotStart(
            "The setting EDGE_VARNISH is wrong: it lists addresses such as http://varnish:6081, without user and path."
        )
