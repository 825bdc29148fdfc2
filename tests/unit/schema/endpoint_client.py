"""The GraphQL endpoint without databases, and a client that calls it as the server does."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from starlette.types import Scope

from app.cache.memory import Memory
from app.cache.responses import Responses
from app.domain.account import ANONYMOUS, Principal, Role
from app.http.cached_request_head import RequestHeadCache
from app.http.edge_headers import EdgeHeaders
from app.http.request_state import request_state
from app.limits.deadlines import Deadlines
from app.limits.rate_limiter.limiter import RateLimiter
from app.limits.refusal_pacer import RefusalPacer
from app.settings import Settings
from schema.http.endpoint import GraphQLEndpoint
from schema.http.operation_runner import OperationRunner
from tests.unit.schema.request_scope import Header, no_redis, request_scope
from tests.waiting import COUNTED

POST = (b"content-type", b"application/json")
COMPLETE = "query Complete { __typename }"
PARTIAL = '{ __typename node(id: "x") { id } }'
KEY = Principal(role=Role.VIEWER, api_key_id=UUID(int=1), created_by=UUID(int=2))


class Authenticator:
    """Renews principals, unless the test sets an error."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.renewals = 0

    async def renewed(self, principal: Principal, *, visit: bool = False) -> Principal:
        self.renewals += 1
        if self.error is not None:
            raise self.error
        return principal


class Response:
    def __init__(self, messages: list[Any]) -> None:
        start, *parts = messages
        self.status: int = start["status"]
        self.headers = {name.decode(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(part["body"] for part in parts)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.json["errors"]]


class Endpoint:
    """The endpoint, and a client that calls it as the server does."""

    def __init__(self, **changed: Any) -> None:
        self.settings = msgspec.structs.replace(Settings(), **COUNTED, **changed)
        memory = Memory(2**20, 60)
        memory.switch_on()
        self.authenticator = Authenticator()
        self.limiter = RateLimiter(no_redis, self.settings)
        self.resources: Any = SimpleNamespace(
            settings=self.settings,
            limiter=self.limiter,
            memory=memory,
            responses=Responses(memory, on=True),
            edge=EdgeHeaders(self.settings),
            heads=RequestHeadCache(memory),
            deadlines=Deadlines(self.settings.operation_timeout, asyncio.get_running_loop()),
            refusals=RefusalPacer(asyncio.get_running_loop()),
            authenticator=self.authenticator,
            read_through=None,
            shared=None,
        )
        self.app = GraphQLEndpoint(self.settings, OperationRunner(self.settings))

    def scope(
        self,
        method: str = "POST",
        *headers: Header,
        query_string: bytes = b"",
        principal: Principal = ANONYMOUS,
    ) -> Scope:
        return request_scope(self.resources, method, headers, query_string, principal)

    async def call(self, scope: Scope, body: bytes = b"") -> Response:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                for hook in request_state(scope).hooks:
                    hook(message)
            sent.append(message)

        await self.app(scope, receive, send)
        return Response(sent)

    async def post(self, query: str, *headers: Header, **members: Any) -> Response:
        return await self.call(self.scope("POST", POST, *headers), body_of(query, **members))

    async def get(self, query: str, *headers: Header, method: str = "GET") -> Response:
        return await self.call(self.scope(method, *headers, query_string=b"query=" + quote(query).encode()))


def body_of(query: str, **members: Any) -> bytes:
    return json.dumps({"query": query, **members}).encode()


def accept(media_type: str) -> Header:
    return b"accept", media_type.encode()
