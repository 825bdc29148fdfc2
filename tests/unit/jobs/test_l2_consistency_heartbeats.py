"""What an instance concludes from heartbeats, and from PostgreSQL that does not answer: no server is needed."""

import asyncio
from math import inf

import asyncpg
import pytest

from app.cache.message import Beat
from app.db import outbox
from app.db.connect import NotWritable
from app.db.outbox import OutboxStatus
from app.errors import Unavailable
from tests.unit.jobs.instance import BOUND, EPOCH, Instance

T = 1000.0


def beat(
    sent: float = 5.0,
    *,
    received: float | None = None,
    proven_before: float | None = None,
    epoch: int = EPOCH,
    silent: bool = False,
    leaving: bool = False,
) -> Beat:
    """`received`: the latest `sent` of this instance that the sender had received."""
    return Beat(sent, epoch, proven_before, leaving, silent, {} if received is None else {"self": received})


async def fail(one: Instance, monkeypatch: pytest.MonkeyPatch, cause: BaseException | None = None) -> None:
    """One look at the outbox that fails."""

    async def fetch(_: object) -> OutboxStatus:
        raise Unavailable("unavailable") from cause

    monkeypatch.setattr(outbox, "fetch_outbox_status", fetch)
    one.shared.trust()
    one.shared.valid_until = inf
    with pytest.raises(Unavailable):
        await one.consistency.review()
    one.shared.valid_until = -inf


async def look(one: Instance, monkeypatch: pytest.MonkeyPatch, status: OutboxStatus) -> OutboxStatus | None:
    async def fetch(_: object) -> OutboxStatus:
        return status

    monkeypatch.setattr(outbox, "fetch_outbox_status", fetch)
    with monkeypatch.context() as patch:
        patch.setattr(type(one.shared), "trusted", True)
        return await one.consistency.review()


def test_another_instances_proof_counts_from_the_own_heartbeat_that_it_had_received(one: Instance) -> None:
    one.consistency.receive("other", beat(received=T - 0.2, proven_before=0.3))
    assert one.database_proven_until == pytest.approx(T - 0.5)


def test_a_proof_of_another_instance_that_received_no_own_heartbeat_does_not_count(one: Instance) -> None:
    one.consistency.receive("other", beat(proven_before=0.0))
    assert one.database_proven_until == -inf


@pytest.mark.parametrize("wrong", [{"epoch": EPOCH - 1, "proven_before": 0.0}, {"proven_before": None}])
def test_a_heartbeat_without_a_proof_under_the_same_epoch_proves_nothing(
    one: Instance, wrong: dict[str, float | None]
) -> None:
    one.consistency.receive("other", beat(received=T, **wrong))  # type: ignore[arg-type]
    assert one.database_proven_until == -inf


def test_a_late_heartbeat_does_not_replace_a_newer_one(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.consistency.receive("other", beat(received=T - 0.1))
    one.consistency.receive("other", beat(received=T - 0.2, silent=True, proven_before=0.0))
    assert one.database_proven_until == -inf
    # The newer one has reported that PostgreSQL answers.
    one.consistency._silent = True
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == -inf


def test_of_equally_late_heartbeats_the_last_one_counts(one: Instance) -> None:
    one.consistency.receive("other", beat(received=T - 0.1))
    one.consistency.receive("other", beat(received=T - 0.1, proven_before=0.1))
    assert one.database_proven_until == pytest.approx(T - 0.2)


async def test_a_database_that_answers_no_instance_proves_the_caches(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.receive("first", beat(received=T - 0.2, silent=True))
    one.consistency.receive("second", beat(received=T - 0.1, silent=True))
    assert one.database_proven_until == -inf  # this instance has not said so yet
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == pytest.approx(T - 0.2)
    one.consistency.receive("first", beat(received=T - 0.05, silent=True))
    assert one.database_proven_until == pytest.approx(T - 0.1)


async def test_without_other_instances_a_silent_database_proves_the_caches_as_of_now(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == T


async def test_one_instance_that_the_database_answers_prevents_the_proof_by_silence(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.receive("first", beat(received=T, silent=True))
    one.consistency.receive("second", beat(received=T))
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == -inf


async def test_an_instance_that_leaves_is_not_counted_any_more(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.receive("other", beat(received=T))
    assert one.consistency.beat().received == {"other": 5.0}
    one.consistency.receive("other", beat(6.0, received=T, leaving=True))
    assert one.consistency.beat().received == {}
    one.consistency.receive("unknown", beat(leaving=True))
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == T


async def test_after_a_pause_of_the_process_an_earlier_silence_does_not_count(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.tick(on_time=False)
    assert not one.consistency.beat().silent
    assert one.database_proven_until == -inf


async def test_a_successful_look_ends_the_silence(one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    await fail(one, monkeypatch, OSError())
    one.consistency.tick(on_time=True)
    assert one.consistency.beat().silent is True
    await look(one, monkeypatch, one.status())
    assert one.consistency.beat().silent is False
    one.consistency.tick(on_time=True)
    assert one.consistency.beat().silent is False


@pytest.mark.parametrize(
    ("cause", "silent"),
    [
        (OSError(), True),
        (TimeoutError(), True),
        (asyncpg.InterfaceError(""), True),
        (asyncpg.InternalClientError(""), True),
        (asyncpg.ConnectionDoesNotExistError(""), True),
        (asyncpg.AdminShutdownError(""), True),
        (asyncpg.CrashShutdownError(""), True),
        (asyncpg.CannotConnectNowError(""), True),
        (asyncpg.QueryCanceledError(""), True),
        (NotWritable(), False),
        (asyncpg.ReadOnlySQLTransactionError(""), False),
        (asyncpg.InsufficientPrivilegeError(""), False),
        (None, False),
    ],
)
async def test_only_a_database_that_does_not_answer_is_silent(
    one: Instance, monkeypatch: pytest.MonkeyPatch, cause: BaseException | None, silent: bool
) -> None:
    await fail(one, monkeypatch, cause)
    one.consistency.tick(on_time=True)
    assert one.consistency.beat().silent is silent
    expected = None if silent else "PostgreSQL answers, and does not let changes be delivered"
    assert one.validity.failed_proof == expected
    assert one.consistency.looks == 0


async def test_a_look_that_is_unanswered_for_a_whole_heartbeat_is_silence(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = asyncio.Event()

    async def fetch(_: object) -> OutboxStatus:
        await answer.wait()
        return one.status()

    monkeypatch.setattr(outbox, "fetch_outbox_status", fetch)
    monkeypatch.setattr(type(one.shared), "trusted", True)
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(one.consistency.review())
        await asyncio.sleep(0)
        one.consistency.tick(on_time=True)
        assert not one.consistency.beat().silent  # it may have begun just now
        one.consistency.tick(on_time=True)
        assert one.consistency.beat().silent
        one.consistency.tick(on_time=False)
        assert not one.consistency.beat().silent  # nor is this process known to have run meanwhile
        one.consistency.tick(on_time=True)
        assert one.consistency.beat().silent
        answer.set()
    one.consistency.tick(on_time=True)
    assert not one.consistency.beat().silent


def test_before_the_first_look_the_database_is_not_silent(one: Instance) -> None:
    for _ in range(3):
        one.consistency.tick(on_time=True)
        assert not one.consistency.beat().silent
    assert one.database_proven_until == -inf


async def test_two_looks_one_after_the_other_are_no_silence(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was under way at a heartbeat."""
    answers = [asyncio.Event(), asyncio.Event()]
    waiting = iter(answers)

    async def fetch(_: object) -> OutboxStatus:
        await next(waiting).wait()
        return one.status()

    monkeypatch.setattr(outbox, "fetch_outbox_status", fetch)
    monkeypatch.setattr(type(one.shared), "trusted", True)
    for answer in answers:
        one.now += 0.25
        async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
            tasks.create_task(one.consistency.review())
            await asyncio.sleep(0)
            one.consistency.tick(on_time=True)
            assert not one.consistency.beat().silent
            answer.set()


async def test_the_own_heartbeat_reports_epoch_proof_and_what_was_received(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert one.consistency.beat() == Beat(T, EPOCH, None, silent=False, received={})
    await look(one, monkeypatch, one.status())
    one.now += 0.5
    one.consistency.receive("other", beat(42.0))
    assert one.consistency.beat() == Beat(T + 0.5, EPOCH, 0.5, silent=False, received={"other": 42.0})
    one.now += BOUND
    assert one.consistency.beat().received == {"other": 42.0}
    one.now += 0.001
    assert one.consistency.beat().received == {}


async def test_an_instance_that_is_missing_for_the_bound_is_forgotten_by_the_next_look(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.now = T - 0.5
    one.consistency.receive("lost", beat(received=T - 0.5))
    one.consistency.receive("alive", beat(received=T - 0.5))
    one.now = T
    one.consistency.receive("alive", beat(received=T))
    one.now = T - 0.5 + BOUND
    await look(one, monkeypatch, one.status())
    assert set(one.consistency._others) == {"lost", "alive"}
    one.now += 0.001
    await look(one, monkeypatch, one.status())
    assert set(one.consistency._others) == {"alive"}
    one.now = T + BOUND
    await look(one, monkeypatch, one.status())
    assert set(one.consistency._others) == {"alive"}


async def test_an_instance_that_has_just_started_is_not_forgotten_before_the_bound(
    one: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may write before it has received a heartbeat of this instance: its silence about PostgreSQL is needed as well."""
    one.consistency.receive("new", beat())
    one.now = T + BOUND / 2
    one.consistency.receive("new", beat())
    await look(one, monkeypatch, one.status())
    await fail(one, monkeypatch, TimeoutError())
    proven = one.database_proven_until
    one.now += 0.1
    one.consistency.tick(on_time=True)
    assert one.database_proven_until == proven
    one.now = T + BOUND
    await look(one, monkeypatch, one.status())
    assert set(one.consistency._others) == {"new"}
    one.now += 0.001
    await look(one, monkeypatch, one.status())
    assert one.consistency._others == {}
