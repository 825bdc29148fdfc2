"""Stage "admit", first step: finds the operation of a request in its parsed and validated document."""

from starlette.types import Scope
from strawberry import Schema

from app.http.request_state import request_state
from app.resources import resources_of
from app.settings import Settings
from app.web.pages import RegisteredDocuments
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.persisted import PersistedDocuments
from schema.http.request import GraphQLRequest


class OperationLookup:
    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._documents = DocumentCache(schema, settings)
        self._persisted = PersistedDocuments(settings)

    @property
    def registered(self) -> RegisteredDocuments:
        return self._persisted.registered

    def look_up_plain(self, request: GraphQLRequest) -> Operation | None:
        """Without I/O. None if the document is persisted or has to be registered. Raises RejectedDocument."""
        if not self._persisted.is_plain(request):
            return None
        assert request.query is not None
        return self._documents.operation(request.query, request.operation_name)

    async def look_up_operation(self, request: GraphQLRequest, scope: Scope) -> Operation:
        """Raises RejectedDocument, and BadInput for a malformed name of a persisted document."""
        shared = resources_of(scope).shared
        text = await self._persisted.text(request, shared)
        document = self._documents.get(text)
        await self._persisted.store(request, text, shared, request_state(scope).budget[0])
        return document.operation(request.operation_name)

    async def look_up_or_reject(self, request: GraphQLRequest, scope: Scope) -> Operation | RejectedDocument:
        """Returns the rejection, for callers that only choose a transport by the operation."""
        try:
            return await self.look_up_operation(request, scope)
        except RejectedDocument as rejected:
            return rejected

    def is_registered(self, operation: Operation) -> bool:
        return self._persisted.is_registered(operation.document.text)
