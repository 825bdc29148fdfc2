"""Makes messages of changes: for each subscription those that match its filter."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from app.db import webhook_queue as queue
from app.db import webhooks
from app.db.pool import Connection
from app.db.webhook_queue import Change, ChangedEntry, Dno, NewMessage
from app.domain.event import EntryChange
from app.domain.families import BY_NAME
from app.domain.family import Family
from app.domain.price_rise import PriceRise, largest_price_rise
from app.domain.webhook import WebhookSubscription
from app.settings import Settings
from app.webhooks.message_body import write_changes, write_missed

log = structlog.get_logger(__name__)

_CHANGES_AT_ONCE: Final = 50
_ENTRIES_AT_ONCE: Final = 500
_MISSED_STREAM: Final = "missed"

Risen = Sequence[tuple[ChangedEntry, PriceRise | None]]


async def make_messages(connection: Connection, settings: Settings) -> int:
    """Of the oldest changes, within the caller's transaction. Returns the number of changes that were taken."""
    changes = await queue.take_changes(connection, _CHANGES_AT_ONCE)
    if not changes and not await queue.any_missed(connection):
        return 0
    subscriptions = await webhooks.fetch_valid(connection)
    batch = _Batch(subscriptions, settings)
    await batch.report_missed(connection)
    names = await queue.fetch_dnos(connection, list({change.dno_id for change in changes}))
    for change in changes:
        # Changes of operators and places have no entries; families of a later release are not known here.
        family = BY_NAME.get(change.topic)
        if family is not None and batch.wanted(change, family):
            for entries in _slices(change.entries):
                await batch.add(connection, change, family, entries, names.get(change.dno_id))
    await batch.store(connection)
    return len(changes)


def _slices(entries: Sequence[EntryChange]) -> Iterator[Sequence[EntryChange]]:
    for start in range(0, len(entries), _ENTRIES_AT_ONCE):
        yield entries[start : start + _ENTRIES_AT_ONCE]


class _Batch:
    """The messages of one transaction, and what each queue still holds."""

    def __init__(self, subscriptions: Sequence[WebhookSubscription], settings: Settings) -> None:
        self._subscriptions = subscriptions
        self._settings = settings
        self._free = {
            each.id: (
                settings.max_webhook_messages - each.waiting,
                settings.max_webhook_queue_bytes - each.waiting_bytes,
            )
            for each in subscriptions
        }
        self._messages: list[NewMessage] = []
        self._missed: dict[UUID, tuple[datetime, datetime]] = {}
        self._missing = {each.id for each in subscriptions if each.missed_since}

    def wanted(self, change: Change, family: Family) -> list[WebhookSubscription]:
        return [each for each in self._subscriptions if each.filter.matches(change.dno_id, family.data_type)]

    async def add(
        self,
        connection: Connection,
        change: Change,
        family: Family,
        entries: Sequence[EntryChange],
        dno: Dno | None,
    ) -> None:
        wanted = self.wanted(change, family)
        try:
            messages = await self._write(connection, change, family, entries, dno, wanted)
        except (ValueError, TypeError, LookupError, ArithmeticError):
            # One change that cannot be written must not keep all later ones from being sent; it is reported as missed.
            log.exception("webhook_change_not_written", topic=change.topic, year=change.year)
            for subscription in wanted:
                self._note_missed(subscription.id, change.changed_at)
            return
        for message in messages:
            self._add_message(message, change.changed_at)

    async def _write(
        self,
        connection: Connection,
        change: Change,
        family: Family,
        entries: Sequence[EntryChange],
        dno: Dno | None,
        wanted: Sequence[WebhookSubscription],
    ) -> list[NewMessage]:
        changed = await queue.fetch_changed(connection, change, entries)
        risen: Risen = [(each, None) for each in changed]
        if any(each.filter.price_rise_over is not None for each in wanted):
            risen = await _with_rises(connection, family, changed)
        # Subscriptions that receive the same entries share their messages.
        bodies: dict[tuple[bool, ...], list[str]] = {}
        messages: list[NewMessage] = []
        for subscription in wanted:
            chosen = tuple(_chosen(subscription, *each) for each in risen)
            if chosen not in bodies:
                matching = [each for each, is_chosen in zip(risen, chosen, strict=True) if is_chosen]
                bodies[chosen] = list(write_changes(family, change.dno_id, dno, change.year, matching))
            stream = f"{family.name}:{change.dno_id}:{change.year}"
            messages += [NewMessage(subscription.id, stream, body) for body in bodies[chosen]]
        return messages

    def _add_message(self, message: NewMessage, changed_at: datetime) -> None:
        subscription_id, _, body = message
        messages, size = self._free[subscription_id]
        size -= len(body.encode())
        # Once one was missed no later one is queued, until a message has reported it.
        if messages <= 0 or size < 0 or subscription_id in self._missing:
            self._note_missed(subscription_id, changed_at)
            return
        self._free[subscription_id] = messages - 1, size
        self._messages.append(message)

    def _note_missed(self, subscription_id: UUID, changed_at: datetime) -> None:
        self._missing.add(subscription_id)
        since, until = self._missed.get(subscription_id, (changed_at, changed_at))
        self._missed[subscription_id] = min(since, changed_at), max(until, changed_at)

    async def report_missed(self, connection: Connection) -> None:
        """One message for all changes that a subscription has missed, when its queue is half empty again."""
        reported = []
        for each in self._subscriptions:
            messages, size = self._free[each.id]
            if each.missed_since and each.missed_until:
                if (
                    2 * messages < self._settings.max_webhook_messages
                    or 2 * size < self._settings.max_webhook_queue_bytes
                ):
                    continue
                body = write_missed(each.missed_since, each.missed_until)
                self._messages.append(NewMessage(each.id, _MISSED_STREAM, body))
                self._missing.discard(each.id)
                reported.append(each.id)
        if reported:
            await queue.clear_missed(connection, reported)

    async def store(self, connection: Connection) -> None:
        if self._messages:
            await queue.add_messages(connection, self._messages, self._settings.webhook_message_lifetime)
        if self._missed:
            await queue.note_missed(connection, self._missed)


def _chosen(subscription: WebhookSubscription, changed: ChangedEntry, rise: PriceRise | None) -> bool:
    if changed.revision.changed_at < subscription.created_at:
        return False
    over = subscription.filter.price_rise_over
    return over is None or (rise is not None and rise.exceeds(over))


async def _with_rises(connection: Connection, family: Family, changed: Sequence[ChangedEntry]) -> Risen:
    if not family.prices or not family.of_operators:
        previous: Mapping[UUID, Mapping[str, Any]] = {}
    else:
        previous = await queue.fetch_previous_year(connection, family, [e.revision.entry_id for e in changed])
    return [
        (
            each,
            largest_price_rise(
                family, each.values_before, each.values_after, previous.get(each.revision.entry_id, {})
            ),
        )
        for each in changed
    ]
