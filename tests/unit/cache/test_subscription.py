"""What a subscription makes of the replies on its channel."""

import asyncio
from collections import deque
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from app.cache import subscription as module
from app.cache.subscription import Subscription
from tests.unit.cache.timeouts import record_timeouts


class PubSub:
    """Replies in order; then none any more."""

    def __init__(self, *replies: Any) -> None:
        self.replies = deque(replies)
        self.channels: list[str] = []
        self.timeouts: list[object] = []

    async def subscribe(self, channel: str) -> None:
        self.channels.append(channel)

    async def get_message(self, timeout: object = 0) -> Any:
        self.timeouts.append(timeout)
        if not self.replies:
            await asyncio.Event().wait()
        reply = self.replies.popleft()
        if isinstance(reply, Exception):
            raise reply
        return reply


def message(data: bytes) -> dict[str, object]:
    return {"type": "message", "data": data}


async def test_it_is_joined_once_the_server_has_confirmed_it() -> None:
    pubsub = PubSub(None, {"type": "subscribe"}, message(b"first"))
    subscription = Subscription(pubsub)
    await subscription.join("channel")
    assert pubsub.channels == ["channel"]
    assert await subscription.next(10) == b"first"
    assert set(pubsub.timeouts) == {None}


async def test_replies_without_a_message_are_skipped() -> None:
    subscription = Subscription(PubSub(None, message(b"first"), None, message(b"second")))
    assert [await subscription.next(10), await subscription.next(10)] == [b"first", b"second"]


async def test_a_renewed_subscription_is_a_failure_as_messages_may_be_lost() -> None:
    with pytest.raises(RedisConnectionError, match="The subscription was interrupted"):
        await Subscription(PubSub({"type": "subscribe", "data": 1})).next(10)


async def test_an_unexpected_error_is_a_broken_connection() -> None:
    with pytest.raises(RedisConnectionError, match="AttributeError"):
        await Subscription(PubSub(AttributeError("'NoneType'"))).next(10)
    with pytest.raises(RedisConnectionError, match="AttributeError"):
        await Subscription(PubSub(AttributeError("'NoneType'"))).join("channel")


async def test_after_the_time_of_silence_the_socket_is_read_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The event loop may have been too busy to read what has arrived in time."""
    seconds = record_timeouts(monkeypatch, expire=True)
    assert await Subscription(PubSub()).next(7) is None
    assert seconds == [7, module._LATE_READ]
