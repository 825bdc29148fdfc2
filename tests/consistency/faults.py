"""In which order faults happen, and when."""

import asyncio
from collections.abc import Collection
from time import monotonic

from tests.consistency.faults_of_instances import InstanceFaults
from tests.consistency.scene import Kind, Scene

# Beside the faults of the edge itself: those that leave all instances where the edge reaches them.
WITH_EDGE = (
    "kill_redis",
    "flush_redis",
    "reset_redis_connections",
    "lag_channel",
    "restart_postgres",
    "bulk_statement",
)


class Faults:
    """While only Redis is hurt no request may fail. PostgreSQL that cannot write excuses it, and an
    instance that is dead or frozen.
    """

    def __init__(self, scene: Scene, only: Collection[str] = ()) -> None:
        self._random = scene.random
        every = [*scene.redis.kinds(scene), *scene.postgres.kinds(scene), *InstanceFaults(scene).kinds]
        if scene.edge:
            every = [*(kind for kind in every if kind.__name__ in WITH_EDGE), *scene.edge.kinds(scene)]
        names = {kind.__name__ for kind in every}
        assert names.issuperset(only), f"there is no {set(only) - names}; there are {sorted(names)}"
        self.kinds = [kind for kind in every if not only or kind.__name__ in only]

    async def happen(self, seconds: float, pause: float, *, each_once: bool = False) -> None:
        """Each kind once, in another order every time, before any comes again; one that has begun is ended.

        `each_once`: goes on after so many seconds until each has happened.
        """
        until = monotonic() + seconds
        waiting: list[Kind] = []
        happened = 0
        while True:
            waiting = waiting or self._random.sample(self.kinds, len(self.kinds))
            delay = self._random.uniform(0.5, 1.5) * pause
            due = each_once and happened < len(self.kinds)
            if monotonic() + delay >= until and not due:
                return await asyncio.sleep(max(0, until - monotonic()))
            await asyncio.sleep(delay)
            await waiting.pop()()
            happened += 1
