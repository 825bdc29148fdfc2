"""What can happen to the instances themselves, and what people do by hand beside them."""

import asyncio
import signal
from time import monotonic

from app.failpoints import FailPoint
from tests.consistency.fleet import Instance
from tests.consistency.scene import Kind, Scene
from tests.consistency.ways import WAYS

ASKED_AT_ONCE = 12
SEARCH = 3.0  # seconds in which an instance is to be caught while it relays


class InstanceFaults:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._random = scene.random
        self.kinds: list[Kind] = [
            self.kill_instance,
            self.kill_instance_between_commit_and_publish,
            self.freeze_instance,
            self.freeze_relay,
            self.bulk_statement,
        ]

    async def kill_instance(self) -> None:
        fallen = self._random.choice(self._scene.fleet.instances)
        async with self._scene.fault("kill_instance", excuses=True, instance=fallen.name):
            await self._scene.fleet.replace(fallen)

    async def kill_instance_between_commit_and_publish(self) -> None:
        doomed = await self._scene.fleet.start(FailPoint.AFTER_COMMIT)
        what = "kill_instance_between_commit_and_publish"
        async with self._scene.fault(what, excuses=True, instance=doomed.name):
            await self._scene.clients.write(doomed, self._random.choice(self._scene.prices))
            assert await doomed.process.wait() < 0, "the fail point did not kill"

    async def freeze_instance(self) -> None:
        instance = self._random.choice(self._scene.fleet.instances)
        async with self._scene.fault("freeze_instance", excuses=True, instance=instance.name):
            instance.process.send_signal(signal.SIGSTOP)
            await self._sleep_and_ask(instance)

    async def freeze_relay(self) -> None:
        """An instance inside the transaction in which it takes events out of the outbox."""
        instance = await self._caught_relaying() or self._random.choice(self._scene.fleet.instances)
        async with self._scene.fault("freeze_relay", excuses=True, instance=instance.name):
            instance.process.send_signal(signal.SIGSTOP)
            await self._sleep_and_ask(instance)

    async def bulk_statement(self) -> None:
        """One UPDATE by hand of every tariff there is."""
        async with self._scene.fault("bulk_statement"):
            await self._scene.clients.write_all_by_hand(self._scene.postgres.url)

    async def _sleep_and_ask(self, instance: Instance) -> None:
        """Readers wait already when it wakes; more ask at once."""
        await self._scene.last(0.5, 6)
        async with asyncio.TaskGroup() as group:
            for number in range(ASKED_AT_ONCE):
                slug = self._scene.prices[number % len(self._scene.prices)].slug
                group.create_task(self._scene.clients.read(instance, slug, WAYS[number % len(WAYS)]))
            await asyncio.sleep(0.01)
            instance.process.send_signal(signal.SIGCONT)

    async def _caught_relaying(self) -> Instance | None:
        until = monotonic() + SEARCH
        while monotonic() < until:
            if (port := await self._scene.postgres.relaying()) is None:
                continue
            for instance in self._scene.fleet.instances:
                if port not in await self._scene.postgres.ports_of(instance):
                    continue
                instance.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(0.02)  # what it had sent before is done by then
                if await self._scene.postgres.relaying() == port:
                    return instance
                instance.process.send_signal(signal.SIGCONT)
        return None
