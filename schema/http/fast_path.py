"""GraphQL requests on the fast path: executes those whose head is cached, and caches heads."""

from starlette.types import Scope

from app.cache.responses import ResponseKey
from app.errors import Overloaded
from app.http.buffered_response import BufferedResponse
from app.http.cached_request_head import CachedRequestHead
from app.http.request_state import accepted_coding, request_state
from app.resources import resources_of
from app.settings import Settings
from schema.http.head_handler import HeadHandler
from schema.http.refusals import Refusals
from schema.http.request import accepted
from schema.http.stages.admit import Admission
from schema.http.stages.look_up import look_up_encoded
from schema.http.stages.parse import parse_request
from schema.http.uncached import UncachedRequests

ROUTE = "/graphql"


class FastPath(HeadHandler):
    def __init__(self, settings: Settings, admission: Admission, uncached: UncachedRequests) -> None:
        self._max_batch: int = settings.max_batch_operations
        self._admission = admission
        self._uncached = uncached
        self._refusals = Refusals()

    def refuse(self, head: CachedRequestHead, body: bytes, request_id: bytes) -> BufferedResponse | None:
        try:
            self._admission.expect_one(request_state(head.scope))
        except Overloaded as error:
            # A response that is cached in another coding is encoded, one that is being made is waited for: both need no capacity.
            responses, key = resources_of(head.scope).responses, self.key_of(head, body)
            if responses.get(key) is not None or responses.in_flight(key) is not None:
                return None
            return self._refusals.refuse(head, error, request_id)
        return None

    async def _execute(
        self, key: ResponseKey, head: CachedRequestHead, body: bytes, scope: Scope, *, waits: bool
    ) -> BufferedResponse:
        if accepted_coding(scope).coding is not None:
            cached = await look_up_encoded(scope, key)
            if cached is not None:  # and was not encoded for this client yet
                response, counted = cached
                counted.value += 1
                return response
        if waits and (made := await self._uncached.made_by_equal(key, scope)) is not None:
            return made
        parsed = parse_request(scope, body, self._max_batch, head.media_type)
        return await self._uncached.respond_uncached(key, parsed, scope)

    def cache_request_head(self, scope: Scope, head: str) -> None:
        """The next request with the same head takes the fast path. `head`: that of the response key."""
        if request_state(scope).head_candidate is not None:
            self.cache_head(scope, head, media_type=accepted(scope["headers"]), route=ROUTE)
