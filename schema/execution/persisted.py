"""Documents by name: automatic persisted queries, and the registered ones of a manifest."""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from graphql import GraphQLError

from app.cache.redis import SharedCache
from app.cache.servers import FAILURES
from app.errors import CannotStart
from app.http.request import GraphQLRequest
from app.settings import Settings
from schema.execution.documents import RefusedDocument

log = structlog.get_logger("persisted")


class Persisted:
    """Gives each request's document, or refuses it.

    An automatic persisted query is kept in Redis for all instances and here for speed; either may
    forget it, and the client then sends it again. With a manifest only its documents are executed,
    unless `registered_documents_only_warn` is on: then others are, and the log tells which.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._registered = _manifest(settings.registered_documents)
        self._known: OrderedDict[str, str] = OrderedDict()

    async def text(self, request: GraphQLRequest, shared: SharedCache) -> str:
        name = request.document_id or request.sha256
        if self._registered is not None:
            registered = self._of_manifest(request, name.removeprefix("sha256:") if name else None)
            if registered is not None:
                return registered
        if name is None:
            assert request.query is not None
            return request.query
        if request.query is None:
            return await self._find(name.removeprefix("sha256:"), shared)
        if sha256(request.query.encode()).hexdigest() != name.removeprefix("sha256:").lower():
            raise _refused("The hash is not the SHA-256 of the document.", "PERSISTED_QUERY_HASH_MISMATCH")
        return request.query

    async def keep(self, request: GraphQLRequest, shared: SharedCache) -> None:
        """Once the document has turned out to be a good one."""
        name = request.sha256
        if name is None or request.query is None or name in self._known:
            return
        self._remember(name, request.query)
        lifetime = max(1, int(self._settings.persisted_lifetime))
        with suppress(*FAILURES):
            async with asyncio.timeout(self._settings.redis_timeout):
                await shared.client.set(_key(name), request.query, ex=lifetime)

    def _of_manifest(self, request: GraphQLRequest, name: str | None) -> str | None:
        assert self._registered is not None
        if name is not None and name in self._registered:
            return self._registered[name]
        if request.query is not None and request.query in self._registered.values():
            return request.query
        if not self._settings.registered_documents_only_warn:
            raise _refused("Only registered documents are executed here.", "DOCUMENT_NOT_REGISTERED")
        log.warning("a document that is not registered", name=name, operation=request.operation_name)
        return None

    async def _find(self, name: str, shared: SharedCache) -> str:
        text = self._known.get(name)
        if text is None:
            text = await self._ask_redis(name, shared)
            if text is None or sha256(text.encode()).hexdigest() != name:
                # The words that Apollo's clients wait for, to send the document along.
                raise _refused("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")
            self._remember(name, text)
        return text

    async def _ask_redis(self, name: str, shared: SharedCache) -> str | None:
        try:
            async with asyncio.timeout(self._settings.redis_timeout):
                found: bytes | None = await shared.client.get(_key(name))
        except FAILURES:
            return None
        return None if found is None else found.decode(errors="replace")

    def _remember(self, name: str, text: str) -> None:
        self._known[name] = text
        while len(self._known) > self._settings.documents_kept:
            self._known.popitem(last=False)


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
            return {str(operation["id"]): str(operation["body"]) for operation in data["operations"]}
        return msgspec.convert(data, dict[str, str])
    except (OSError, msgspec.MsgspecError, KeyError, TypeError) as error:
        raise CannotStart(
            f"The setting REGISTERED_DOCUMENTS names a file that cannot be read: {error}."
        ) from None
