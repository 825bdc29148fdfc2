"""Webhooks: subscriptions to changes of entries, and the messages that are sent to them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

import msgspec

from app.domain.families import DataType
from app.domain.family import Family


class WebhookState(StrEnum):
    """PAUSED: messages are collected and not sent; DISABLED: neither."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class DisabledBecause(StrEnum):
    """GONE: the receiver answered 410; FAILING: no attempt succeeded for too long."""

    GONE = "GONE"
    FAILING = "FAILING"


class WebhookFilter(msgspec.Struct, frozen=True):
    """Which changes a subscription receives; None: no restriction.

    `price_rise_over`: percent by which a price must have risen at least, the limit itself excluded.
    """

    dno_ids: tuple[UUID, ...] | None = None
    data_types: tuple[DataType, ...] | None = None
    price_rise_over: Decimal | None = None

    def matches(self, dno_id: UUID, data_type: str) -> bool:
        return (self.dno_ids is None or dno_id in self.dno_ids) and (
            self.data_types is None or data_type in self.data_types
        )

    def may_send(self, family: Family) -> bool:
        """Whether any change of an entry of this family can pass."""
        return (
            (self.data_types is None or family.data_type in self.data_types)
            and (self.dno_ids is None or family.of_operators)
            and (self.price_rise_over is None or bool(family.prices))
        )


class WebhookSubscription(msgspec.Struct, frozen=True):
    """Holds no secret. `waiting` and `dead` are numbers of messages; changes between `missed_since` and `missed_until` were
    not queued, since the queue was full.
    """

    id: UUID
    api_key_id: UUID
    description: str
    url: str
    filter: WebhookFilter
    state: WebhookState
    disabled_because: DisabledBecause | None
    failures: int
    failing_since: datetime | None
    last_error: str | None
    last_delivered_at: datetime | None
    delivered: int
    missed_since: datetime | None
    missed_until: datetime | None
    created_at: datetime
    waiting: int
    waiting_bytes: int
    dead: int


class WebhookMessage(msgspec.Struct, frozen=True):
    """A message that was not delivered: a dead letter."""

    id: UUID
    subscription_id: UUID
    body: str
    attempts: int
    last_error: str | None
    created_at: datetime
    died_at: datetime


class ClaimedMessage(msgspec.Struct, frozen=True):
    """A message that this instance sends now. `attempt` counts from 1 and is compared when the result is stored."""

    id: UUID
    subscription_id: UUID
    url: str
    secret: bytes
    body: str
    attempt: int
