"""Heartbeats are published regularly, with what the instance knows, and the last one announces the end."""

import asyncio

import pytest

from app.cache.message import Message, decode
from app.jobs.heartbeat import Heartbeat
from tests.unit.jobs.instance import Instance


class Published:
    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[Message] = []
        self.late: list[bool] = []
        monkeypatch.setattr(one.shared, "publish", self._publish)
        tick = one.consistency.tick

        def counted(*, on_time: bool) -> None:
            self.late.append(not on_time)
            tick(on_time=on_time)

        monkeypatch.setattr(one.consistency, "tick", counted)

    async def _publish(self, data: bytes) -> bool:
        message = decode(data)
        assert message is not None
        self.messages.append(message)
        return True


async def test_heartbeats_are_published_regularly_and_the_last_one_announces_the_end(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Published(one, monkeypatch)
    passes = iter([0.25, 0.25, 0.5, 0.51, 0.25])
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if (passed := next(passes, None)) is None:
            raise asyncio.CancelledError
        one.now += passed

    heartbeat = Heartbeat(one.shared, one.consistency, sender="self", every=0.25)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            await heartbeat.run()
    assert pauses == [0.25] * 6
    # A process that did not run for two intervals was late.
    assert published.late == [False, False, False, True, True, False]
    await heartbeat.close()
    beats = [message.beat for message in published.messages]
    sent = [0.0, 0.25, 0.5, 1.0, 1.51, 1.76, 1.76]
    assert [each and each.sent for each in beats] == pytest.approx([1000 + after for after in sent])
    assert [each and each.leaving for each in beats] == [False] * 6 + [True]
    assert all(
        (message.sender, message.tags, message.events) == ("self", [], []) for message in published.messages
    )
