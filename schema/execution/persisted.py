"""Documents by name: automatic persisted queries, and the registered ones of a manifest."""

import asyncio
import re
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from graphql import GraphQLError

from app.bounded_mapping import BoundedMapping
from app.cache.failures import FAILURES, only_failures
from app.cache.redis import SharedCache
from app.caller_budgets import Budgets
from app.errors import BadInput, CannotStart, Code
from app.observability.metrics import PERSISTED_DOCUMENTS_NOT_KEPT
from app.settings import MINUTE, Settings
from schema.execution.documents import RejectedDocument
from schema.http.request import GraphQLRequest

log = structlog.get_logger("persisted")

# Seconds within which a document that is sent again is not written to Redis again.
REWRITE_INTERVAL: Final = 10.0
# What an entry costs beside its text: its name, its place in the table, the entry itself.
OVERHEAD: Final = 400
# All names of persisted documents in Redis by the time of their last use.
INDEX: Final = "dno:documents"

_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)


class PersistedDocument(NamedTuple):
    text: str
    since: float  # when Redis was given it, on the clock of time.monotonic()


class Persisted:
    """Gives each request's document, or refuses it.

    An automatic persisted query is kept in Redis for all instances and here for speed; either may
    forget it, and the client then sends it again. A text is kept under its own hash only, which is
    computed here, and only once it has been validated; what is read, from Redis or from here, is
    compared with its name. With a manifest nothing is kept: only its documents are executed,
    unless `registered_documents_only_warn` is on: then others are, and the log tells which.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registered = _manifest(settings.registered_documents)
        self._texts = frozenset((self._registered or {}).values())
        self._known: BoundedMapping[str, PersistedDocument] = BoundedMapping(
            settings.max_cached_documents,
            (settings.persisted_cache_size, lambda name, kept: _size(kept.text)),
            (settings.max_cached_document_letters, lambda name, kept: len(kept.text)),
        )
        self._new = Budgets(
            settings.max_new_persisted_documents, 10 * settings.max_new_persisted_documents, MINUTE
        )

    @property
    def bytes(self) -> int:
        """What the documents here take, about."""
        return self._known.totals[0]

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether its document is just the text that it brings along."""
        return (
            self._registered is None
            and request.query is not None
            and request.document_id is None
            and "persistedQuery" not in request.extensions
        )

    def registers(self, text: str) -> bool:
        """Whether the manifest of the server holds this document."""
        return text in self._texts

    async def text(self, request: GraphQLRequest, shared: SharedCache) -> str:
        """Refuses names that are malformed, that differ, and that are not those of the text beside them."""
        name = _name_of(request)
        if self._registered is not None:
            return self._of_manifest(request, name)
        if request.query is None:
            if name is None:
                raise BadInput("The request has no query and names no document.")
            return await self._find(name, shared)
        if name is not None and _digest(request.query) != name:
            raise _mismatch("The hash is not the SHA-256 of the document.")
        return request.query

    async def keep(self, request: GraphQLRequest, text: str, shared: SharedCache, caller: str) -> None:
        """Once the document has turned out to be a good one; `caller` is whose budget of new ones it takes from.

        Beyond the budget it is executed like any other, and must be sent along again next time.
        """
        sent = request.query is not None
        if self._registered is not None or (sent and _hash_of(request) is None):
            return
        name = _digest(text)
        known = self._known.get(name)
        # A client that sends it again may do so because another instance does not find it in Redis.
        if known is not None and not (sent and monotonic() - known.since >= REWRITE_INTERVAL):
            return
        if sent:
            if not self._new.take(caller):
                PERSISTED_DOCUMENTS_NOT_KEPT.inc()
                return
            await self._keep_in_redis(name, text, shared)
        self._remember(name, text)

    def _remember(self, name: str, text: str) -> None:
        self._known[name] = PersistedDocument(text, monotonic())

    def _of_manifest(self, request: GraphQLRequest, name: str | None) -> str:
        assert self._registered is not None
        registered = self._registered.get(name) if name is not None else None
        if registered is not None:
            if request.query not in (None, registered):
                raise _mismatch("The name is that of another document.")
            return registered
        if request.query is not None and name is not None and _digest(request.query) != name:
            raise _mismatch("The hash is not the SHA-256 of the document.")
        if request.query is not None and request.query in self._texts:
            return request.query
        if not self._settings.registered_documents_only_warn:
            raise _refused("Only registered documents are executed here.", Code.DOCUMENT_NOT_REGISTERED)
        if request.query is None:
            raise _not_found()
        log.warning("a document that is not registered", name=name, operation=request.operation_name)
        return request.query

    async def _find(self, name: str, shared: SharedCache) -> str:
        if not _SHA256.fullmatch(name):
            raise _not_found()
        known = self._known.get(name)
        if known is not None and _digest(known.text) == name:
            self._known.touch(name)
            return known.text
        text = await self._ask_redis(name, shared)
        if text is None or _digest(text) != name:
            raise _not_found()
        return text

    async def _ask_redis(self, name: str, shared: SharedCache) -> str | None:
        try:
            with only_failures():
                async with asyncio.timeout(self._settings.redis_timeout):
                    found: bytes | None = await shared.client.getex(_key(name), ex=self._lifetime)
                    if found is not None:
                        await shared.client.zadd(INDEX, {name: time()}, xx=True)
                return None if found is None else found.decode(errors="replace")
        except FAILURES:
            return None

    async def _keep_in_redis(self, name: str, text: str, shared: SharedCache) -> None:
        """Bounded over all instances by number, and so by bytes: each is as long as a document may be at most."""
        data = text.encode(errors="surrogatepass")
        if len(data) > self._settings.limit_document_letters:
            return
        client = shared.client
        with suppress(*FAILURES), only_failures():
            async with asyncio.timeout(self._settings.redis_timeout):
                # The index first: what is not in it could not be removed when there are too many.
                await client.zadd(INDEX, {name: time()})
                await client.set(_key(name), data, ex=self._lifetime)
                surplus = await client.zcard(INDEX) - self._settings.max_persisted_documents
                if surplus > 0:
                    for oldest, _ in await client.zpopmin(INDEX, surplus):
                        await client.delete(_key(oldest.decode()))

    @property
    def _lifetime(self) -> int:
        return max(1, int(self._settings.persisted_lifetime))


def _name_of(request: GraphQLRequest) -> str | None:
    """The one name that the request gives its document, however often it gives it."""
    digest = _hash_of(request)
    given = None if request.document_id is None else _normal(request.document_id)
    if digest is not None and given is not None and digest != given:
        raise _mismatch("`documentId` and `sha256Hash` name two documents.")
    return digest if digest is not None else given


def _hash_of(request: GraphQLRequest) -> str | None:
    """The name of an automatic persisted query; refuses one that cannot be read."""
    persisted: Any = request.extensions.get("persistedQuery")
    if persisted is None:
        return None
    digest = persisted.get("sha256Hash") if isinstance(persisted, dict) else None
    if not isinstance(digest, str) or not digest:
        raise BadInput("`persistedQuery` needs the document's SHA-256 as `sha256Hash`.")
    version = persisted.get("version", 1)
    if version != 1 or isinstance(version, bool):
        raise BadInput("`persistedQuery` is understood in version 1 only.")
    return _normal(digest)


def _normal(name: str) -> str:
    """A SHA-256 has several spellings; any other name only its own."""
    match = _SHA256.fullmatch(name)
    return match[1].lower() if match is not None else name


def _digest(text: str) -> str:
    # Not "replace": two texts would have one digest.
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _size(text: str) -> int:
    return sys.getsizeof(text) + OVERHEAD


def _key(name: str) -> str:
    return f"dno:document:{name}"


def _not_found() -> RejectedDocument:
    # The words that Apollo's clients wait for, to send the document along.
    return _refused("PersistedQueryNotFound", Code.PERSISTED_QUERY_NOT_FOUND)


def _mismatch(message: str) -> RejectedDocument:
    return _refused(message, Code.PERSISTED_QUERY_HASH_MISMATCH)


def _refused(message: str, code: str) -> RejectedDocument:
    return RejectedDocument([GraphQLError(message)], code)


def _manifest(path: str) -> dict[str, str] | None:
    """The files of GraphQL Code Generator, Relay and Apollo: hash to document, or a list of operations.

    Refuses with CannotStart what cannot be read, two documents under one name, and a SHA-256 that is not its document's.
    """
    if not path:
        return None
    try:
        data = msgspec.json.decode(Path(path).read_bytes())
        if isinstance(data, dict) and isinstance(data.get("operations"), list):
            pairs = [(operation["id"], operation["body"]) for operation in data["operations"]]
        else:
            pairs = list(msgspec.convert(data, dict[str, str]).items())
        documents = msgspec.convert(pairs, list[tuple[str, str]])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise CannotStart(
            f"The setting REGISTERED_DOCUMENTS names a file that cannot be read: {error}."
        ) from None
    return _by_name(documents)


def _by_name(documents: list[tuple[str, str]]) -> dict[str, str]:
    registered: dict[str, str] = {}
    for given, text in documents:
        name = _normal(given)
        if _SHA256.fullmatch(name) and _digest(text) != name:
            raise CannotStart(
                f"The setting REGISTERED_DOCUMENTS names a file in which {given!r} is not the SHA-256 of its document."
            )
        if registered.setdefault(name, text) != text:
            raise CannotStart(
                f"The setting REGISTERED_DOCUMENTS names a file with two documents named {given!r}."
            )
    return registered
