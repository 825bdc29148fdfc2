"""A request as the stages receive it: with L1 and a rate limiter, without databases."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.types import Scope

from app.cache.memory import Memory
from app.cache.responses import Responses
from app.domain.account import ANONYMOUS, Principal
from app.http.edge_headers import EdgeHeaders
from app.limits.rate_limiter.limiter import RateLimiter
from app.settings import Settings
from tests.unit.schema.request_scope import no_redis, request_scope

NewRequest = Callable[..., Scope]
POST = ((b"content-type", b"application/json"),)


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
        edge=EdgeHeaders(settings),
    )

    def new_request(
        method: str = "POST",
        headers: tuple[tuple[bytes, bytes], ...] = POST,
        query_string: bytes = b"",
        principal: Principal = ANONYMOUS,
    ) -> Scope:
        return request_scope(resources, method, headers, query_string, principal)

    return new_request
