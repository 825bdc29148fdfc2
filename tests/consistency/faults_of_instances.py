"""What can happen to the instances themselves, and what people do by hand beside them."""

import asyncio
import signal
from time import monotonic

from app.failpoints import FailPoint
from tests.consistency.fleet import Instance
from tests.consistency.scene import Kind, Scene
from tests.consistency.ways import nodes, persisted, point

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
        await self._ask_at_once(instance)  # opens the connections on which it is asked when it wakes
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
        """When it wakes, it finds questions on connections that are open before it finds anything else."""
        await self._scene.last(0.5, 6)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ask_at_once(instance))
            await asyncio.sleep(0.05)
            instance.process.send_signal(signal.SIGCONT)

    async def _ask_at_once(self, instance: Instance) -> None:
        slugs = sorted({price.slug for price in self._scene.prices})
        async with asyncio.TaskGroup() as group:
            for way in (persisted, point, nodes, persisted):
                for slug in slugs:
                    group.create_task(self._scene.clients.read(instance, slug, way))

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
