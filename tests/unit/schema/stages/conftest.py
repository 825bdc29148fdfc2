"""A request as the stages receive it: with L1 and a rate limiter, without databases."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Scope

from app.cache.memory import Memory
from app.cache.responses import Responses
from app.domain.account import ANONYMOUS, Principal
from app.http.request_state import RequestState
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings

NewRequest = Callable[..., Scope]
POST = ((b"content-type", b"application/json"),)


def no_redis() -> Any:
    """The limiter counts in this process then."""
    raise ConnectionError


@pytest.fixture
def settings() -> Settings:
    return Settings(rate_limit_cost=50)


@pytest.fixture
def new_request(settings: Settings) -> NewRequest:
    memory = Memory(2**20, 60)
    memory.switch_on()
    resources: Any = SimpleNamespace(
        settings=settings,
        limiter=RateLimiter(no_redis, settings),
        memory=memory,
        responses=Responses(memory, on=True),
    )

    def new_request(
        method: str = "POST",
        headers: tuple[tuple[bytes, bytes], ...] = POST,
        query_string: bytes = b"",
        principal: Principal = ANONYMOUS,
    ) -> Scope:
        state = RequestState(resources, address="203.0.113.7", principal=principal, request_id="request-1")
        return {
            "type": "http",
            "method": method,
            "path": "/graphql",
            "headers": list(headers),
            "query_string": query_string,
            "state": {"resources": resources, "request": state},
        }

    return new_request
