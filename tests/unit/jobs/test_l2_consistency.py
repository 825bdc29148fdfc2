"""What an instance concludes from a look at the outbox: trust, proofs, agreement. The looks are given, no server is needed."""

from math import inf
from typing import Any

import pytest

from app.cache.codec import CODEC_VERSION
from app.db import outbox
from app.db.outbox import OutboxStatus
from app.jobs import l2_consistency
from app.jobs.l2_consistency import ABANDONED_AFTER, CONFIRM_AFTER, MAX_LOOKS, OutboxEmptied
from tests.unit.jobs.instance import BOUND, DATABASE, EPOCH, SERVER, Instance

T = 1000.0


class Looks:
    """`calls` are the other statements and reconnections that a look has led to."""

    def __init__(self, one: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
        self.one = one
        self.calls: list[Any] = []
        self.raises = True
        self.duration = 0.0
        self._next = one.status()
        monkeypatch.setattr(outbox, "fetch_outbox_status", self._fetch)
        monkeypatch.setattr(outbox, "confirm_epoch", self._confirm)
        monkeypatch.setattr(outbox, "raise_epoch", self._raise)
        monkeypatch.setattr(one.shared, "identify", self._identify)
        monkeypatch.setattr(one.shared, "reconnect", self._reconnect)
        one.consistency.leave_channel = lambda: self.calls.append("leave channel")

    async def __call__(self, **changed: Any) -> OutboxStatus | None:
        self._next = self.one.status(**changed)
        return await self.one.consistency.review()

    async def _fetch(self, pool: object) -> OutboxStatus:
        assert pool is self.one.pool
        self.one.now += self.duration
        return self._next

    async def _confirm(self, pool: object, epoch: int, after: float) -> None:
        assert pool is self.one.pool
        self.calls.append(("confirm", epoch, after))

    async def _raise(
        self, pool: object, identity: str, *, moved: bool, abandoned_after: float, restored: bool
    ) -> bool:
        assert pool is self.one.pool
        self.calls.append(("raise", identity, moved, abandoned_after, restored))
        return self.raises

    async def _identify(self) -> str | None:
        return self.one.shared.identity

    async def _reconnect(self) -> None:
        self.calls.append("reconnect")


@pytest.fixture
def look(one: Instance, monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(one, monkeypatch)


def test_the_identity_names_the_encoding_the_server_and_the_database(one: Instance) -> None:
    assert one.consistency.identity == f"{CODEC_VERSION}:{SERVER}@{DATABASE}"
    one.shared._topology._identities.clear()
    assert one.consistency.identity is None


async def test_a_look_at_an_empty_outbox_proves_the_time_when_it_began(one: Instance, look: Looks) -> None:
    look.duration = 0.25
    assert await look() == one.status()
    assert one.database_proven_until == T
    assert one.consistency.looks == 1
    assert one.shared.trusted
    assert one.consistency.emptied == OutboxEmptied(T + 0.25, "5:5:", 0)
    assert look.calls == []


async def test_the_first_empty_outbox_is_noted_until_it_is_taken_away(one: Instance, look: Looks) -> None:
    await look(snapshot="5:5:", delivered=3)
    one.now += 1
    await look(snapshot="6:6:", delivered=4)
    assert one.consistency.emptied == OutboxEmptied(T, "5:5:", 3)
    one.consistency.emptied = None
    await look(snapshot="7:7:", delivered=5)
    assert one.consistency.emptied == OutboxEmptied(T + 1, "7:7:", 5)


async def test_a_look_is_proven_once_all_that_it_saw_is_delivered(one: Instance, look: Looks) -> None:
    await look(oldest=4, newest=6, backlog=3)  # at T
    assert one.database_proven_until == -inf
    assert one.validity.failed_proof == "an event waits to be delivered"
    one.now = T + 1
    await look(oldest=6, newest=8, backlog=3)
    assert one.database_proven_until == -inf
    one.now = T + 2
    await look(oldest=7, newest=9, backlog=3)
    assert one.database_proven_until == T
    assert one.validity.failed_proof is None
    one.now = T + 3
    await look(oldest=10, newest=10, backlog=1)
    assert one.database_proven_until == T + 2
    assert one.consistency.beat().proven_before == pytest.approx(1.0)
    one.now = T + 4
    await look(oldest=10, newest=10, backlog=1)
    assert one.database_proven_until == T + 2
    assert one.consistency.emptied is None


async def test_a_limited_number_of_looks_is_remembered(one: Instance, look: Looks) -> None:
    for _ in range(MAX_LOOKS + 5):
        await look(oldest=1, newest=1, backlog=1)
        one.now += 1
    await look(oldest=2, newest=2, backlog=1)
    assert one.database_proven_until == T + MAX_LOOKS - 1


async def test_a_look_that_finds_a_batch_delivered_expects_its_message(one: Instance, look: Looks) -> None:
    one.consistency.deliveries.begin(T, 3)
    look.duration = 0.5
    await look(delivered=4)
    assert not one.consistency.deliveries.complete
    # A quarter of the bound after the look has ended.
    assert not one.consistency.deliveries.is_missing(T + 0.5 + BOUND / 4)
    assert one.consistency.deliveries.is_missing(T + 0.5 + BOUND / 4 + 0.01)
    one.consistency.deliveries.note(4)
    assert one.consistency.deliveries.complete


async def test_a_look_that_began_before_the_channel_was_joined_expects_no_message(
    one: Instance, look: Looks
) -> None:
    one.consistency.deliveries.begin(T + 0.1, 3)
    look.duration = 0.5
    await look(delivered=4)
    assert one.consistency.deliveries.complete


@pytest.mark.parametrize(
    ("before", "confirms"), [(None, False), (CONFIRM_AFTER, False), (CONFIRM_AFTER + 0.1, True)]
)
async def test_an_agreement_is_confirmed_when_its_confirmation_is_old(
    one: Instance, look: Looks, before: float | None, confirms: bool
) -> None:
    await look(confirmed_before=before)
    assert look.calls == [("confirm", EPOCH, CONFIRM_AFTER)] * confirms


@pytest.mark.parametrize("other", [{"identity": "1:other"}, {"epoch": EPOCH + 1}, {"writable": False}])
async def test_an_agreement_that_is_not_shared_is_not_confirmed(
    one: Instance, look: Looks, other: dict[str, Any]
) -> None:
    await look(confirmed_before=CONFIRM_AFTER + 1, **other)
    assert ("confirm", EPOCH, CONFIRM_AFTER) not in look.calls


async def test_nothing_is_looked_at_while_redis_does_not_answer(one: Instance, look: Looks) -> None:
    one.shared._topology._identities.clear()
    assert await look() is None
    assert one.consistency.looks == 0
    one.shared.trust()
    one.shared.valid_until = inf
    assert await look() is None  # it was trusted, and its process has become unknown since
    assert one.consistency.looks == 1
    assert look.calls == []


async def test_a_database_that_takes_no_writes_proves_nothing(one: Instance, look: Looks) -> None:
    assert await look(writable=False) is None
    assert one.database_proven_until == -inf
    assert one.validity.failed_proof == "PostgreSQL takes no writes, so changes are not delivered"
    assert not one.shared.trusted


async def test_a_new_epoch_is_entered_without_trust_and_on_a_new_channel(one: Instance, look: Looks) -> None:
    await look()
    assert one.shared.trusted
    assert await look(epoch=EPOCH + 1) is None
    assert one.shared.epoch == EPOCH + 1
    assert one.shared.distrust_reason == one.validity.failed_proof == "a new epoch has begun"
    assert look.calls == ["leave channel"]
    assert one.validity.disproved
    assert one.consistency.beat().proven_before is None
    one.now += 0.1
    assert await look(epoch=EPOCH + 1) is not None
    assert one.shared.trusted


async def test_what_earlier_looks_saw_and_others_reported_does_not_count_in_a_new_epoch(
    one: Instance, look: Looks
) -> None:
    await look(oldest=1, newest=1, backlog=1)
    one.consistency._others["other"] = l2_consistency.OtherInstance(T, silent=True, known_since=T)
    one.now += 0.1
    await look(epoch=EPOCH + 1, oldest=1, newest=1, backlog=1)
    assert not one.consistency._others
    one.now += 0.1
    await look(epoch=EPOCH + 1, oldest=2, newest=2, backlog=1)
    assert one.database_proven_until == -inf


async def test_an_instance_on_another_redis_than_agreed_waits_and_reconnects(
    one: Instance, look: Looks
) -> None:
    assert await look(identity="1:other", confirmed_before=ABANDONED_AFTER) is None
    assert look.calls == ["leave channel", "reconnect"]
    assert one.validity.failed_proof == one.shared.distrust_reason == "others agreed on another Redis"
    assert one.validity.disproved


@pytest.mark.parametrize("status", [{"confirmed_before": ABANDONED_AFTER + 0.1}, {"confirmed_before": None}])
async def test_an_abandoned_agreement_is_replaced(one: Instance, look: Looks, status: dict[str, Any]) -> None:
    await look(identity="1:other", **status)
    assert look.calls == ["leave channel", ("raise", one.consistency.identity, False, ABANDONED_AFTER, False)]


async def test_the_first_instance_agrees_on_its_redis(one: Instance, look: Looks) -> None:
    await look(identity=None)
    assert look.calls == ["leave channel", ("raise", one.consistency.identity, False, ABANDONED_AFTER, False)]


async def test_a_redis_that_has_become_another_process_raises_the_epoch_at_once(
    one: Instance, look: Looks
) -> None:
    agreed = one.consistency.identity
    await look()
    one.shared._topology._identities[""] = "another process"
    assert await look(identity=agreed) is None
    assert look.calls == ["leave channel", ("raise", one.consistency.identity, True, ABANDONED_AFTER, False)]


async def test_a_restored_database_begins_a_new_epoch_at_once(one: Instance, look: Looks) -> None:
    """Its agreement was made for the database that it is a copy of."""
    copied = f"{CODEC_VERSION}:{SERVER}@another"
    assert await look(identity=copied) is None
    assert ("raise", one.consistency.identity, True, ABANDONED_AFTER, True) in look.calls


async def test_where_another_instance_has_raised_the_epoch_first_the_connection_is_renewed(
    one: Instance, look: Looks
) -> None:
    look.raises = False
    await look(identity="1:other", confirmed_before=None)
    assert look.calls[-1] == "reconnect"


@pytest.mark.parametrize("distrusts", [0, 1, 2])
async def test_l2_is_trusted_again_once_the_events_of_the_first_look_are_delivered(
    one: Instance, look: Looks, distrusts: int
) -> None:
    for _ in range(distrusts):
        one.shared.distrust("before the first look")
    await look(oldest=1, newest=3, backlog=2)
    assert one.shared.distrust_reason is not None
    await look(oldest=3, newest=5, backlog=2)
    assert one.shared.distrust_reason is not None
    await look(oldest=4, newest=6, backlog=2)
    assert one.shared.distrust_reason is None


async def test_a_distrust_after_the_first_look_waits_for_newer_events(one: Instance, look: Looks) -> None:
    await look(oldest=1, newest=3, backlog=2)
    one.shared.distrust("a removal failed")
    await look(oldest=4, newest=6, backlog=2)
    assert one.shared.distrust_reason == "a removal failed"
    await look(oldest=7, newest=8, backlog=2)
    assert one.shared.distrust_reason is None


async def test_an_eviction_of_what_waits_proves_l1_under_the_agreed_redis_only(
    one: Instance, look: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[float] = []
    monkeypatch.setattr(one.validity, "prove_evicted", proven.append)
    look._next = one.status(epoch=EPOCH + 1)
    await one.consistency.note_evicted(T)
    look._next = one.status(writable=False)
    await one.consistency.note_evicted(T)
    assert proven == []
    look._next = one.status(oldest=1, newest=1, backlog=1)
    await one.consistency.note_evicted(T)
    assert proven == [T]
