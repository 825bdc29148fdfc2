"""Documents by name: automatic persisted queries, and the registered ones of a manifest."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Final, NamedTuple

import msgspec
import structlog
from graphql import GraphQLError

from app.cache.redis import SharedCache
from app.cache.servers import FAILURES
from app.errors import BadInput, CannotStart
from app.http.request import GraphQLRequest
from app.settings import Settings
from schema.execution.documents import RefusedDocument

log = structlog.get_logger("persisted")

# Seconds within which a document that is sent again is not written to Redis again.
TOLD_AGAIN: Final = 10.0


class Kept(NamedTuple):
    text: str
    since: float  # when Redis was given it, on the clock of time.monotonic()


class Persisted:
    """Gives each request's document, or refuses it.

    An automatic persisted query is kept in Redis for all instances and here for speed; either may
    forget it, and the client then sends it again. With a manifest only its documents are executed,
    unless `registered_documents_only_warn` is on: then others are, and the log tells which.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registered = _manifest(settings.registered_documents)
        self._texts = frozenset((self._registered or {}).values())
        self._known: OrderedDict[str, Kept] = OrderedDict()
        self._letters = 0

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether its document is just the text that it brings along."""
        return (
            self._registered is None
            and request.query is not None
            and request.document_id is None
            and "persistedQuery" not in request.extensions
        )

    async def text(self, request: GraphQLRequest, shared: SharedCache) -> str:
        name = _name(request.document_id or request.sha256)
        if self._registered is not None and (text := self._of_manifest(request, name)) is not None:
            return text
        if request.query is None:
            if name is None:
                raise BadInput("`persistedQuery` needs the document's SHA-256 as `sha256Hash`.")
            return await self._find(name, shared)
        if name is not None and sha256(request.query.encode(errors="replace")).hexdigest() != name:
            raise _refused("The hash is not the SHA-256 of the document.", "PERSISTED_QUERY_HASH_MISMATCH")
        return request.query

    async def keep(self, request: GraphQLRequest, shared: SharedCache) -> None:
        """Once the document has turned out to be a good one."""
        name = _name(request.sha256)
        if name is None or request.query is None:
            return
        known = self._known.get(name)
        # Whoever sends it again may have been told so by an instance that does not find it in Redis.
        if known is not None and monotonic() - known.since < TOLD_AGAIN:
            return
        self._remember(name, request.query)
        with suppress(*FAILURES):
            async with asyncio.timeout(self._settings.redis_timeout):
                await shared.client.set(_key(name), request.query, ex=self._lifetime)

    def _of_manifest(self, request: GraphQLRequest, name: str | None) -> str | None:
        assert self._registered is not None
        if name is not None and name in self._registered:
            return self._registered[name]
        if request.query is not None and request.query in self._texts:
            return request.query
        if not self._settings.registered_documents_only_warn:
            raise _refused("Only registered documents are executed here.", "DOCUMENT_NOT_REGISTERED")
        log.warning("a document that is not registered", name=name, operation=request.operation_name)
        return None

    async def _find(self, name: str, shared: SharedCache) -> str:
        known = self._known.get(name)
        if known is not None:
            self._known.move_to_end(name)
            return known.text
        text = await self._ask_redis(name, shared)
        if text is None or sha256(text.encode()).hexdigest() != name:
            # The words that Apollo's clients wait for, to send the document along.
            raise _refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
        self._remember(name, text)
        return text

    async def _ask_redis(self, name: str, shared: SharedCache) -> str | None:
        try:
            async with asyncio.timeout(self._settings.redis_timeout):
                found: bytes | None = await shared.client.getex(_key(name), ex=self._lifetime)
        except FAILURES:
            return None
        return None if found is None else found.decode(errors="replace")

    @property
    def _lifetime(self) -> int:
        return max(1, int(self._settings.persisted_lifetime))

    def _remember(self, name: str, text: str) -> None:
        settings = self._settings
        if name not in self._known:
            self._letters += len(text)
        self._known[name] = Kept(text, monotonic())
        while len(self._known) > settings.documents_kept or self._letters > settings.document_letters_kept:
            _, dropped = self._known.popitem(last=False)
            self._letters -= len(dropped.text)


def _name(given: str | None) -> str | None:
    return given.removeprefix("sha256:").lower() if given else None


def _key(name: str) -> str:
    return f"dno:document:{name}"


def _refused(message: str, code: str) -> RefusedDocument:
    return RefusedDocument([GraphQLError(message)], code)


def _manifest(path: str) -> dict[str, str] | None:
    """The files of GraphQL Code Generator, Relay and Apollo: hash to document, or a list of operations."""
    if not path:
        return None
    try:
        data = msgspec.json.decode(Path(path).read_bytes())
        if isinstance(data, dict) and isinstance(data.get("operations"), list):
            data = {operation["id"]: operation["body"] for operation in data["operations"]}
        documents = msgspec.convert(data, dict[str, str])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise CannotStart(
            f"The setting REGISTERED_DOCUMENTS names a file that cannot be read: {error}."
        ) from None
    return {name.removeprefix("sha256:").lower(): text for name, text in documents.items()}
