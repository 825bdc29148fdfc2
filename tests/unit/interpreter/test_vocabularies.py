"""One vocabulary is built at a time, from the current records, without blocking the event loop."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.dno import DirectoryEntry
from app.interpreter import vocabularies
from app.interpreter.vocabularies import Source, Vocabularies

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def entries(count: int, city: str = "Ulm") -> tuple[DirectoryEntry, ...]:
    return tuple(
        DirectoryEntry(
            UUID(int=number), f"werk-{number}", f"Stadtwerke Ort{number}", f"Stadtwerke Ort{number} GmbH",
            "Bayern", city, "89073", False, False, 5, NOW,
        )
        for number in range(count)
    )  # fmt: skip


class Operators:
    """The records that the caches return; tests replace `entries`."""

    def __init__(self) -> None:
        self.entries: Sequence[DirectoryEntry] = entries(3)

    async def read(self) -> Source:
        await asyncio.sleep(0)
        return self.entries, ()


async def test_it_is_built_once_as_long_as_the_operators_are_unchanged(monkeypatch: Any) -> None:
    made = _counted(monkeypatch)
    operators, all_of_them = Operators(), Vocabularies()
    first, *others = await asyncio.gather(*(all_of_them.of(operators.read) for _ in range(20)))
    operators.entries = entries(3)  # equal entries, read again
    assert [*others, await all_of_them.of(operators.read)] == [first] * 20
    assert len(made) == 1


async def test_a_new_operator_changes_the_vocabulary_and_its_fingerprint() -> None:
    operators, all_of_them = Operators(), Vocabularies()
    vocabulary, fingerprint = await all_of_them.of(operators.read)
    operators.entries = entries(4)
    changed, other = await all_of_them.of(operators.read)
    assert (len(vocabulary.operators), len(changed.operators)) == (3, 4)
    assert fingerprint != other


async def test_two_processes_give_the_same_fingerprint() -> None:
    fingerprints = {(await Vocabularies().of(Operators().read))[1] for _ in range(2)}
    assert len(fingerprints) == 1


async def test_a_caller_that_waits_during_a_hundred_changes_gets_the_last_and_few_are_built(
    monkeypatch: Any,
) -> None:
    made = _counted(monkeypatch)
    operators, all_of_them = Operators(), Vocabularies()
    asking = []
    for count in range(100):
        operators.entries = entries(count)
        asking.append(asyncio.create_task(all_of_them.of(operators.read)))
        await asyncio.sleep(0)
    found = await asyncio.gather(*asking)
    assert len(found[-1][0].operators) == 99
    # No caller gets a vocabulary older than its call.
    assert all(len(vocabulary.operators) >= count for count, (vocabulary, _) in enumerate(found))
    assert len(made) < 10


async def test_a_failure_is_raised_to_its_own_caller_only() -> None:
    async def broken() -> Source:
        raise OSError

    all_of_them = Vocabularies()
    failed = await asyncio.gather(all_of_them.of(broken), return_exceptions=True)
    assert isinstance(failed[0], OSError)
    assert len((await all_of_them.of(Operators().read))[0].operators) == 3


async def test_the_event_loop_is_not_blocked_meanwhile(monkeypatch: Any) -> None:
    threads: list[threading.Thread] = []
    make_one = vocabularies._make

    def make(*source: Any) -> Any:
        threads.append(threading.current_thread())
        return make_one(*source)

    monkeypatch.setattr(vocabularies, "_make", make)
    operators = Operators()
    operators.entries = entries(1000)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count_turns())
    await Vocabularies().of(operators.read)
    counting.cancel()
    assert turns > 5
    assert threads
    assert threading.current_thread() not in threads


def _counted(monkeypatch: Any) -> list[int]:
    made: list[int] = []
    make_one = vocabularies._make

    def make(*source: Any) -> Any:
        made.append(len(source[0]))
        return make_one(*source)

    monkeypatch.setattr(vocabularies, "_make", make)
    return made


_LEXEMES = """
from app.interpreter.names import KINDS, Places, forms_of
names = ["Rheinhessische Energie- und Wasserversorgungs GmbH", "Elektrizitäts-Werk Ottersberg"]
print(sorted(KINDS.items()), [list(forms_of(name, None, Places.of(()))) for name in names])
"""


def test_the_forms_of_names_are_the_same_in_every_process() -> None:
    """Workers hash strings differently, and sets have their order from it."""
    printed = {
        subprocess.run(
            [sys.executable, "-c", _LEXEMES],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(printed) == 1
