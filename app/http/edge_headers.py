"""Headers for caches at the edge: what a response was read from, and for how long it may be stored there.

They are made once for a response, when it is cached. Only those of anonymous callers have them: an edge must neither store
nor purge by what others get. With the setting, whatever has none is stored at no edge.
"""

from collections.abc import Callable, Sequence
from math import inf
from typing import Final, NamedTuple

from starlette.types import Scope

from app.cache.clock import monotonic
from app.cache.read_set import ReadSet
from app.domain.tags import is_of_account
from app.edge.keys import KEY_LENGTH, keys_of_response
from app.errors import CannotStart
from app.http.buffered_response import Headers
from app.http.cached_response import EdgeDescription
from app.http.request_state import header, request_state
from app.settings import Settings

_MAX_HEADER_BYTES: Final = 4096
_MOST_KEYS: Final = _MAX_HEADER_BYTES // (KEY_LENGTH + 1)
# RFC 9875, 2.1: more, or longer ones than 32 characters, may be ignored.
_MOST_GROUPS: Final = 32

_CDN_CACHE_CONTROL: Final = b"cdn-cache-control"
_SURROGATE_CONTROL: Final = b"surrogate-control"


def _with_commas(keys: Sequence[str]) -> str:
    return ",".join(keys)


def _as_strings(keys: Sequence[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)


class _Kind(NamedTuple):
    write: Callable[[Sequence[str]], str]
    most: int = _MOST_KEYS


KINDS: Final = {
    "cache-tag": _Kind(_with_commas),
    "edge-cache-tag": _Kind(_with_commas),
    "surrogate-key": _Kind(" ".join),
    "xkey": _Kind(" ".join),
    "cache-groups": _Kind(_as_strings, _MOST_GROUPS),
}


class EdgeHeaders:
    def __init__(self, settings: Settings) -> None:
        """Raises CannotStart for an unknown header."""
        self._kinds = [each.lower() for each in settings.edge_headers]
        if unknown := sorted(set(self._kinds) - set(KINDS)):
            raise CannotStart(
                f"The setting EDGE_HEADERS is wrong: there is no {unknown[0]}; there are {', '.join(KINDS)}."
            )
        self.on = bool(self._kinds)
        self._lifetime = settings.edge_lifetime
        self._memory_lifetime = settings.memory_cache_lifetime
        self._anonymous_reading = settings.anonymous_reading
        self._nowhere = self._stored_for(0)
        self._longest = self._stored_for(self._lifetime)

    def describe(self, read_set: ReadSet) -> EdgeDescription | None:
        """None: for no edge."""
        if not self.on or read_set.uncacheable is not None or any(map(is_of_account, read_set.tags)):
            return None
        keys = {most: keys_of_response(read_set.tags, most) for most in {KINDS[k].most for k in self._kinds}}
        headers = [
            (kind.encode(), KINDS[kind].write(keys[KINDS[kind].most]).encode()) for kind in self._kinds
        ]
        # What changes later than any edge, or L1, has the response may be described as if it never did.
        if read_set.changes < monotonic() + self._lifetime + self._memory_lifetime:
            return EdgeDescription(headers, read_set.changes)
        return EdgeDescription([*headers, *self._longest], inf)

    def headers_of(self, scope: Scope, read_set: ReadSet) -> Headers:
        """Those of a response that is not cached here."""
        return self.headers_for(scope, self.describe(read_set))

    def headers_for(self, scope: Scope, description: EdgeDescription | None) -> Headers:
        """Those of the response to this request; none if the setting is off."""
        if not self.on:
            return ()
        if description is None or not self.is_shared(scope):
            return self._nowhere
        if description.changes == inf:
            return description.headers
        lifetime = min(description.changes - monotonic(), self._lifetime)
        return [*description.headers, *self._stored_for(lifetime)] if lifetime >= 1 else self._nowhere

    def is_shared(self, scope: Scope) -> bool:
        """Whether all anonymous callers get the response to this request: it has no credentials, nor cookies of any kind."""
        return (
            self._anonymous_reading
            and request_state(scope).principal.anonymous
            and header(scope, b"cookie") is None
            and header(scope, b"authorization") is None
        )

    def _stored_for(self, lifetime: float) -> Headers:
        """RFC 9213; Fastly reads Surrogate-Control instead."""
        value = b"max-age=%d, must-revalidate" % lifetime if lifetime >= 1 else b"no-store"
        headers = [(_CDN_CACHE_CONTROL, value)]
        if "surrogate-key" in self._kinds:
            surrogate = b"max-age=%d" % max(0, lifetime)
            headers.append((_SURROGATE_CONTROL, surrogate))
        return headers
