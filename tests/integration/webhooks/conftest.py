"""An instance that sends quickly, and an API key with its subscriptions."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.settings import Settings
from tests.integration.graph.running import Headers, Running, issue_key, running
from tests.webhook_receiver import Receiver, receiving

QUICK: dict[str, Any] = {
    "webhook_networks": ("127.0.0.0/8",),
    "webhook_interval": 0.02,
    "webhook_retry_delay": 0.02,
    "webhook_timeout": 5.0,
}
FIELDS = """
id url state disabledBecause description dnos { slug } allDnos dataTypes priceRiseOver waiting delivered dead failingSince
lastError lastDeliveredAt missedSince
"""
CREATE = f"""
mutation ($input: CreateWebhookSubscriptionInput!) {{
  createWebhookSubscription(input: $input) {{ subscription {{ {FIELDS} }} secret errors {{ code message field }} }}
}}
"""
LIST = (
    f"{{ webhookSubscriptions {{ {FIELDS} deadLetters {{ id body attempts lastError createdAt diedAt }} }} }}"
)


class Subscriber:
    """Creates and reads subscriptions of one API key."""

    def __init__(self, server: Running, headers: Headers) -> None:
        self.server = server
        self.headers = headers

    async def subscribe(self, url: str, **filter: object) -> Any:
        """The subscription with its secret."""
        payload = await self.create(url, **filter)
        assert payload["errors"] == []
        return payload["subscription"] | {"secret": payload["secret"]}

    async def create(self, url: str, **filter: object) -> Any:
        data = await self.server.execute(CREATE, self.headers, input={"url": url, **filter})
        return data["createWebhookSubscription"]

    async def change(self, name: str, subscription: Any, **arguments: str) -> Any:
        """The payload of a mutation of one subscription."""
        declared = "".join(f", ${argument}: ID" for argument in arguments)
        given = "".join(f", {argument}: ${argument}" for argument in arguments)
        document = (
            f"mutation ($id: ID!{declared}) {{ {name}(id: $id{given})"
            f" {{ subscription {{ {FIELDS} }} secret errors {{ code message field }} }} }}"
        )
        return (await self.server.execute(document, self.headers, id=subscription["id"], **arguments))[name]

    async def all(self) -> Any:
        return (await self.server.execute(LIST, self.headers))["webhookSubscriptions"]

    async def one(self) -> Any:
        [found] = await self.all()
        return found


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def server(settings: Settings, pool: Pool) -> AsyncIterator[Running]:
    async with running(settings, **QUICK) as opened:
        yield opened


@pytest.fixture
async def subscriber(server: Running, pool: Pool) -> Subscriber:
    return Subscriber(server, (await issue_key(pool, Role.VIEWER, "waiting"))[1])
