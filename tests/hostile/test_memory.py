"""Documents and arguments that never repeat: once the tables are full, a server process grows no more.

EVER_NEW_DOCUMENTS=20000 sends as many of each kind; the suite sends fewer and allows less.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile.attack import Target
from tests.hostile.attacks import memory
from tests.hostile.cost import server_processes, use_of
from tests.hostile.server import server_on

MIB = 2**20
DOCUMENTS = int(os.environ.get("EVER_NEW_DOCUMENTS", "500"))
WARM_UP = 250
ALLOWED = 64 * MIB if DOCUMENTS >= 10_000 else 10 * MIB

CACHES: dict[str, dict[str, object]] = {
    "caches on": {},
    "caches off": {"entity_cache": False, "response_cache": False},
}
KINDS: tuple[Callable[[], Iterator[bytes]], ...] = (
    memory.points,
    memory.aliased_points,
    memory.left_to_the_executor,
    memory.invalid,
    memory.cut_off,
    memory.bills,
    memory.places,
)


@pytest.mark.timeout(max(300, DOCUMENTS))
@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("caches", CACHES)
async def test_documents_that_never_repeat_leave_nothing_behind(
    database_url: str, redis_url: str, folder: Path, caches: str
) -> None:
    grown: dict[str, int] = {}
    with server_on(database_url, redis_url, folder, **CACHES[caches]) as instance:
        target, processes = Target("127.0.0.1", instance.port), server_processes(instance.port)
        for kind in KINDS:
            assert await memory.send_all(target, kind(), WARM_UP) == WARM_UP
            before = use_of(processes).memory
            assert await memory.send_all(target, kind(), DOCUMENTS) == DOCUMENTS
            grown[kind.__name__] = use_of(processes).memory - before
    assert {kind: more // MIB for kind, more in grown.items() if more > ALLOWED} == {}, grown
