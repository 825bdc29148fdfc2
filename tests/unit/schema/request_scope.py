"""What tests of transports and stages have in common: a request's scope, a limiter without Redis, given results."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.types import Scope

from app.domain.account import ANONYMOUS, Principal
from app.http.request_state import RequestState
from schema.execution.operation import Answer

Header = tuple[bytes, bytes]
Result = bytes | Exception | asyncio.Event
ADDRESS = "203.0.113.7"


def no_redis() -> Any:
    """The rate limiter counts in this process then."""
    raise ConnectionError


def request_scope(
    resources: Any,
    method: str = "POST",
    headers: Iterable[Header] = (),
    query_string: bytes = b"",
    principal: Principal = ANONYMOUS,
) -> Scope:
    """A GraphQL request behind the middleware."""
    state = RequestState(resources, address=ADDRESS, principal=principal, request_id="request-1")
    return {
        "type": "http",
        "method": method,
        "path": "/graphql",
        "headers": list(headers),
        "query_string": query_string,
        "client": (ADDRESS, 1),
        "state": {"resources": resources, "request": state},
    }


async def answers(results: Iterable[Result]) -> AsyncIterator[Answer]:
    """One for each body; an event is waited for, an error raised."""
    for each in results:
        if isinstance(each, asyncio.Event):
            await each.wait()
        elif isinstance(each, Exception):
            raise each
        else:
            yield Answer(each)
