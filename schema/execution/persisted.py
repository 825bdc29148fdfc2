"""Persisted documents: automatic persisted queries, and the registered documents of a manifest."""

import asyncio
import re
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic, time
from typing import Any, Final, NamedTuple

import msgspec
from graphql import GraphQLError
from redis.exceptions import ResponseError

from app.bounded_mapping import BoundedMapping
from app.cache.failures import FAILURES, is_of_another_type, only_failures
from app.cache.redis import SharedCache
from app.caller_budgets import Budgets
from app.errors import BadInput, CannotStart, Code
from app.observability.metrics import PERSISTED_DOCUMENTS_NOT_STORED
from app.settings import MINUTE, Settings
from app.web.pages import RegisteredDocuments
from schema.execution.documents import RejectedDocument
from schema.execution.unregistered import UnregisteredDocuments
from schema.http.request import GraphQLRequest

# Seconds after a write to Redis during which the same document is not written again.
REWRITE_INTERVAL: Final = 10.0
# Estimated bytes of an entry without its text.
OVERHEAD: Final = 400
# Sorted set in Redis: hashes of all persisted documents, scored by the time of their last use.
INDEX: Final = "dno:documents"

_SHA256: Final = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE | re.ASCII)


class PersistedDocument(NamedTuple):
    text: str
    written_at: float  # to Redis, on the clock of time.monotonic()


class PersistedDocuments:
    """Resolves the document of a request by its hash or its registered name.

    An automatic persisted query is stored in Redis for all instances, and cached in the process. If both have dropped
    it, the client sends it again. A text is stored only after it was validated and only under its own hash, which is
    computed here; a text that is read, from Redis or from the process, is compared with its hash. With a manifest
    nothing is stored, and only its documents are executed; with `registered_documents_only_warn` others are executed
    as well, and logged once they were validated.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registered = _manifest(settings.registered_documents)
        self._texts = frozenset((self._registered or {}).values())
        self._unregistered = UnregisteredDocuments(self._texts)
        self._documents: BoundedMapping[str, PersistedDocument] = BoundedMapping(
            settings.max_cached_documents,
            (settings.persisted_cache_size, lambda name, document: _size(document.text)),
            (settings.max_cached_document_letters, lambda name, document: len(document.text)),
        )
        self._budgets = Budgets(
            settings.max_new_persisted_documents, 10 * settings.max_new_persisted_documents, MINUTE
        )

    @property
    def registered(self) -> RegisteredDocuments:
        """The documents of the manifest; none without one."""
        only = self._registered is not None and not self._settings.registered_documents_only_warn
        return RegisteredDocuments(self._registered or {}, only)

    @property
    def bytes(self) -> int:
        """Estimated memory of the documents that are cached in the process."""
        return self._documents.totals[0]

    def is_plain(self, request: GraphQLRequest) -> bool:
        """Whether the request has only a document text, which needs no look-up."""
        return (
            self._registered is None
            and request.query is not None
            and request.document_id is None
            and "persistedQuery" not in request.extensions
        )

    def is_registered(self, text: str) -> bool:
        """Whether the manifest has a document with this text."""
        return text in self._texts

    async def text(self, request: GraphQLRequest, shared: SharedCache) -> str:
        """The text of the request's document. Raises RejectedDocument and BadInput.

        Rejected are malformed hashes, different names in one request, and a hash that is not that of the text.
        """
        name = _name_of(request)
        if self._registered is not None:
            return self._get_registered(request, name)
        if request.query is None:
            if name is None:
                raise BadInput("The request has no query and names no document.")
            return await self._get(name, shared)
        if name is not None and _digest(request.query) != name:
            raise _mismatch("The hash is not the SHA-256 of the document.")
        return request.query

    async def store(self, request: GraphQLRequest, text: str, shared: SharedCache, caller: str) -> None:
        """Stores an automatic persisted query, or logs a document that is not registered; call it only after validation.

        `caller`: key of the budget of new documents. Above the budget nothing is stored, and the client has to send the
        text again next time.
        """
        sent = request.query is not None
        if self._registered is not None:
            self._unregistered.report(text, request.operation_name)
            return
        if sent and _hash_of(request) is None:
            return
        name = _digest(text)
        cached = self._documents.get(name)
        # A client may send the text again because another instance does not find it in Redis.
        if cached is not None and not (sent and monotonic() - cached.written_at >= REWRITE_INTERVAL):
            return
        if sent:
            if not self._budgets.take(caller):
                PERSISTED_DOCUMENTS_NOT_STORED.inc()
                return
            await self._set_in_redis(name, text, shared)
        self._cache(name, text)

    def _cache(self, name: str, text: str) -> None:
        self._documents[name] = PersistedDocument(text, monotonic())

    def _get_registered(self, request: GraphQLRequest, name: str | None) -> str:
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
            raise _rejected("Only registered documents are executed here.", Code.DOCUMENT_NOT_REGISTERED)
        if request.query is None:
            raise _not_found()
        return request.query

    async def _get(self, name: str, shared: SharedCache) -> str:
        if not _SHA256.fullmatch(name):
            raise _not_found()
        cached = self._documents.get(name)
        if cached is not None and _digest(cached.text) == name:
            self._documents.touch(name)
            return cached.text
        text = await self._get_from_redis(name, shared)
        if text is None or _digest(text) != name:
            raise _not_found()
        return text

    async def _get_from_redis(self, name: str, shared: SharedCache) -> str | None:
        text: str | None = None
        # A text that was read counts, also where its use cannot be noted in the index: a Redis out of memory accepts
        # GETEX and refuses ZADD.
        with suppress(*FAILURES), only_failures():
            async with asyncio.timeout(self._settings.redis_timeout):
                data: bytes | None = await shared.client.getex(_key(name), ex=self._lifetime)
                if data is not None:
                    text = data.decode(errors="replace")
                    await shared.client.zadd(INDEX, {name: time()}, xx=True)
        return text

    async def _set_in_redis(self, name: str, text: str, shared: SharedCache) -> None:
        """The number of documents in Redis is bounded, and the length of each, hence their bytes."""
        data = text.encode(errors="surrogatepass")
        if len(data) > self._settings.limit_document_letters:
            return
        client = shared.client
        with suppress(*FAILURES), only_failures():
            async with asyncio.timeout(self._settings.redis_timeout):
                # The index first: a document that is missing in the index would never be removed.
                try:
                    await client.zadd(INDEX, {name: time()})
                except ResponseError as error:
                    if is_of_another_type(error):
                        await client.delete(INDEX)  # for the documents that come next
                    raise
                await client.set(_key(name), data, ex=self._lifetime)
                surplus = await client.zcard(INDEX) - self._settings.max_persisted_documents
                if surplus > 0:
                    for oldest, _ in await client.zpopmin(INDEX, surplus):
                        await client.delete(_key(oldest.decode()))

    @property
    def _lifetime(self) -> int:
        return max(1, int(self._settings.persisted_lifetime))


def _name_of(request: GraphQLRequest) -> str | None:
    """The name of the document in `documentId` and in `persistedQuery`, which must agree. None without a name."""
    digest = _hash_of(request)
    document_id = None if request.document_id is None else _normal(request.document_id)
    if digest is not None and document_id is not None and digest != document_id:
        raise _mismatch("`documentId` and `sha256Hash` name two documents.")
    return digest if digest is not None else document_id


def _hash_of(request: GraphQLRequest) -> str | None:
    """The hash of an automatic persisted query, or None. Raises BadInput if it is malformed."""
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
    """Normalizes a SHA-256 in hexadecimal digits to lower case without a prefix; returns other names unchanged."""
    match = _SHA256.fullmatch(name)
    return match[1].lower() if match is not None else name


def _digest(text: str) -> str:
    # With "replace", two different texts would have the same digest.
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def _size(text: str) -> int:
    return sys.getsizeof(text) + OVERHEAD


def _key(name: str) -> str:
    return f"dno:document:{name}"


def _not_found() -> RejectedDocument:
    # Apollo clients compare this message, and then send the text.
    return _rejected("PersistedQueryNotFound", Code.PERSISTED_QUERY_NOT_FOUND)


def _mismatch(message: str) -> RejectedDocument:
    return _rejected(message, Code.PERSISTED_QUERY_HASH_MISMATCH)


def _rejected(message: str, code: str) -> RejectedDocument:
    return RejectedDocument([GraphQLError(message)], code)


def _manifest(path: str) -> dict[str, str] | None:
    """Reads a file of GraphQL Code Generator, Relay or Apollo: a mapping of hashes to documents, or a list of operations.

    Raises CannotStart if the file cannot be read, if two documents have one name, or if a SHA-256 is not that of its
    document.
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
    for raw_name, text in documents:
        name = _normal(raw_name)
        if _SHA256.fullmatch(name) and _digest(text) != name:
            raise CannotStart(
                f"The setting REGISTERED_DOCUMENTS names a file in which {raw_name!r} is not the SHA-256 of its document."
            )
        if registered.setdefault(name, text) != text:
            raise CannotStart(
                f"The setting REGISTERED_DOCUMENTS names a file with two documents named {raw_name!r}."
            )
    return registered
