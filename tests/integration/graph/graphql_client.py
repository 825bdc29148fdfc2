"""GraphQL over HTTP to the whole application in this process, on resources that are already open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from app.main import create_app
from app.resources import Resources
from tests.asgi import with_resources


@asynccontextmanager
async def client_of(resources: Resources, **changed: object) -> AsyncIterator[httpx.AsyncClient]:
    """`changed` are settings of the endpoint and of middleware; the resources keep theirs."""
    app = create_app(msgspec.structs.replace(resources.settings, **changed))
    transport = httpx.ASGITransport(with_resources(app, resources))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def execute(client: httpx.AsyncClient, document: str, /, **variables: Any) -> Any:
    """The data of a response, which must not have errors."""
    response = await execute_with_errors(client, document, **variables)
    assert "errors" not in response, response
    return response["data"]


async def error_codes(client: httpx.AsyncClient, document: str, /, **variables: Any) -> list[str]:
    """The code of each error."""
    response = await execute_with_errors(client, document, **variables)
    return [error["extensions"]["code"] for error in response.get("errors", ())]


async def execute_with_errors(client: httpx.AsyncClient, document: str, /, **variables: Any) -> Any:
    return (await client.post("/graphql", json={"query": document, "variables": variables})).json()
