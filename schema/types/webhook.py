"""GraphQL types of webhooks: subscriptions and dead letters."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from app.db import webhooks
from app.domain import webhook as structs
from app.domain.families import DataType
from schema.batch_field import batch_field, describe, field, length, type_for
from schema.context import Context
from schema.types.dno import Dno
from schema.types.node import API_KEY_ID, WEBHOOK_ID, WEBHOOK_MESSAGE_ID, write_id
from schema.types.pagination import page_size

describe(
    structs.WebhookState,
    "Whether messages of a subscription are collected and sent.",
    ACTIVE="Both.",
    PAUSED="Messages are collected and not sent.",
    DISABLED="Neither; see `disabledBecause`. `resumeWebhookSubscription` makes it active again.",
)
describe(
    structs.DisabledBecause,
    "Why a subscription was disabled.",
    GONE="The receiver answered with the status 410.",
    FAILING="No attempt has succeeded for five days.",
)


@type_for(structs.WebhookMessage, description="A dead letter: a message that was given up.")
class WebhookMessage:
    @field(description="The header `webhook-id` of its attempts; what `redeliverWebhookMessages` asks for.")
    def id(root: strawberry.Parent[structs.WebhookMessage]) -> strawberry.ID:
        return write_id(WEBHOOK_MESSAGE_ID, root.id)

    body: str = strawberry.field(description="The JSON that was sent.")
    attempts: int = strawberry.field(description="How often it was sent.")
    last_error: str | None = strawberry.field(
        description="Why the last attempt failed: STATUS_500, TIMEOUT, ADDRESS_NOT_ALLOWED, TLS_FAILED, CONNECTION_FAILED,"
        " BROKEN_RESPONSE; EXPIRED if there was none."
    )
    created_at: datetime = strawberry.field(description="When it was queued.")
    died_at: datetime = strawberry.field(description="When it was given up.")


@type_for(
    structs.WebhookSubscription,
    description="An address to which changes of entries are sent as signed requests; it belongs to an API key.",
)
class WebhookSubscription:
    @field(description="Opaque.")
    def id(root: strawberry.Parent[structs.WebhookSubscription]) -> strawberry.ID:
        return write_id(WEBHOOK_ID, root.id)

    @field(description="The id of the API key to which it belongs.")
    def api_key(root: strawberry.Parent[structs.WebhookSubscription]) -> strawberry.ID:
        return write_id(API_KEY_ID, root.api_key_id)

    description: str = strawberry.field(description="What it is for, in the words of who created it.")
    url: str = strawberry.field(description="The address.")

    @batch_field(
        list[Dno],
        description="The operators whose changes are sent, without those that are deleted; of all, see `allDnos`.",
        through=lambda loaders: loaders.dno_by_id,
        metadata=length(10),
    )
    async def dnos(parents: Sequence[structs.WebhookSubscription], context: Context) -> Sequence[list[UUID]]:
        return [list(each.filter.dno_ids or ()) for each in parents]

    @field(
        description="Whether changes of all operators are sent, and those without an operator (levies). false: only those of "
        "`dnos`; none if all of these are deleted."
    )
    def all_dnos(root: strawberry.Parent[structs.WebhookSubscription]) -> bool:
        return root.filter.dno_ids is None

    @field(description="The kinds of entries whose changes are sent; null: all.")
    def data_types(root: strawberry.Parent[structs.WebhookSubscription]) -> list[DataType] | None:
        return None if root.filter.data_types is None else list(root.filter.data_types)

    @field(
        description="Only changes that raise a price by more than so many percent are sent: compared with the price before, or with"
        " that of the year before where there was none. null: all changes."
    )
    def price_rise_over(root: strawberry.Parent[structs.WebhookSubscription]) -> Decimal | None:
        return root.filter.price_rise_over

    state: structs.WebhookState = strawberry.field(description="Whether it is active.")
    disabled_because: structs.DisabledBecause | None = strawberry.field(
        description="null: it is not disabled."
    )
    failing_since: datetime | None = strawberry.field(
        description="Since when all attempts fail; null: the last one succeeded, or there was none."
    )
    last_error: str | None = strawberry.field(
        description="Why the last attempt failed; null: it succeeded, or there was none."
    )
    last_delivered_at: datetime | None = strawberry.field(
        description="When the last message was delivered; null: none was."
    )
    delivered: int = strawberry.field(description="Number of delivered messages.")
    waiting: int = strawberry.field(description="Number of messages that are not delivered yet.")
    missed_since: datetime | None = strawberry.field(
        description="Since when changes were not queued: too many messages waited, or it was disabled; null: all were. A message"
        " `changes.missed` follows."
    )
    created_at: datetime = strawberry.field(description="Since when; earlier changes are not sent.")
    dead: int = strawberry.field(description="Number of dead letters.")

    @batch_field(
        list[WebhookMessage],
        description="The newest dead letters. They are kept for 30 days, at most 1,000 of them.",
        metadata=length(20),
    )
    async def dead_letters(
        parents: Sequence[structs.WebhookSubscription],
        context: Context,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 20,
    ) -> Sequence[list[structs.WebhookMessage]]:
        context.read_set.never_keep("dead_letters")
        found = await webhooks.fetch_dead(
            context.resources.pool, [each.id for each in parents], page_size(first, 20)
        )
        return [found.get(each.id, []) for each in parents]
