"""Mutations that create, pause, resume, test and delete subscriptions of webhooks."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import strawberry

from app.db import webhooks
from app.db.unit_of_work import UnitOfWork
from app.db.webhooks import Owner
from app.domain import webhook as structs
from app.domain.account import Role
from app.domain.families import FAMILIES, DataType
from app.errors import AppError, BadInput, Code, quoted
from app.webhooks.message_body import write_test
from app.webhooks.signature import new_secret, show_secret
from schema.context import Info
from schema.mutations.payload import UserError, errors_field, mutation
from schema.types.node import API_KEY_ID, WEBHOOK_ID, WEBHOOK_MESSAGE_ID, read_id
from schema.types.webhook import WebhookSubscription

_MAX_DNOS = 100
_MAX_DESCRIPTION = 200


@strawberry.type(description="The subscription; its secret is shown once.")
class WebhookSubscriptionPayload:
    subscription: WebhookSubscription | None = strawberry.field(
        default=None, description="As it is now; as it was, if it was deleted."
    )
    secret: str | None = strawberry.field(
        default=None,
        description="With which messages are signed: whsec_ and base64. Shown when it is created or replaced, and never again.",
    )
    errors: list[UserError] = errors_field()


@strawberry.input(description="Where changes are sent, and which.")
class CreateWebhookSubscriptionInput:
    url: str = strawberry.field(description="Begins with https:// and has a public address.")
    description: str = strawberry.field(default="", description="What it is for, up to 200 characters.")
    dnos: list[str] | None = strawberry.field(
        default=None, description="Slugs of operators, up to 100: only their changes. null: of all."
    )
    data_types: list[DataType] | None = strawberry.field(
        default=None, description="Only changes of entries of these kinds. null: of all."
    )
    price_rise_over: Decimal | None = strawberry.field(
        default=None,
        description="Percent, from 0: only changes that raise a price by more, compared with the price before, or with that of the year"
        " before where there was none.",
    )
    api_key: strawberry.ID | None = strawberry.field(
        default=None, description="The API key to which it belongs; null: the one that is sent."
    )


_Id = Annotated[strawberry.ID, strawberry.argument(description="The subscription's id.")]


@strawberry.type
class WebhookMutations:
    @mutation(
        WebhookSubscriptionPayload,
        description="Sends changes of entries to an address, beginning now. At most 10 subscriptions per API key.",
        role=Role.VIEWER,
    )
    async def create_webhook_subscription(
        self,
        info: Info,
        input: Annotated[
            CreateWebhookSubscriptionInput, strawberry.argument(description="Where to, and which changes.")
        ],
    ) -> WebhookSubscriptionPayload:
        api_key_id = _api_key(info, input.api_key)
        if len(input.description) > _MAX_DESCRIPTION or not input.description.isprintable():
            raise BadInput(
                f"`description` has at most {_MAX_DESCRIPTION} printable characters.",
                field=["input", "description"],
            )
        filter = await _filter(info, input)
        await info.context.resources.webhook_sender.check(input.url)
        secret = new_secret()
        created = await _change(
            info,
            lambda work, owner: webhooks.add(
                work,
                owner,
                api_key_id,
                description=input.description,
                url=input.url,
                secret=secret,
                filter=filter,
                most=info.context.resources.settings.max_webhook_subscriptions,
            ),
        )
        created.secret = show_secret(secret)
        return created

    @mutation(
        WebhookSubscriptionPayload,
        description="Stops sending; messages are collected until it is resumed.",
        role=Role.VIEWER,
    )
    async def pause_webhook_subscription(self, info: Info, id: _Id) -> WebhookSubscriptionPayload:
        key = _subscription_id(id)
        return await _change(
            info, lambda work, owner: webhooks.set_state(work, owner, key, structs.WebhookState.PAUSED)
        )

    @mutation(
        WebhookSubscriptionPayload,
        description="Sends again what waits, after a pause or after it was disabled.",
        role=Role.VIEWER,
    )
    async def resume_webhook_subscription(self, info: Info, id: _Id) -> WebhookSubscriptionPayload:
        key = _subscription_id(id)
        return await _change(
            info, lambda work, owner: webhooks.set_state(work, owner, key, structs.WebhookState.ACTIVE)
        )

    @mutation(
        WebhookSubscriptionPayload,
        description="Ends it, with its messages and dead letters.",
        role=Role.VIEWER,
    )
    async def delete_webhook_subscription(self, info: Info, id: _Id) -> WebhookSubscriptionPayload:
        key = _subscription_id(id)
        return await _change(info, lambda work, owner: webhooks.delete(work, owner, key))

    @mutation(
        WebhookSubscriptionPayload,
        description="Replaces the secret; later attempts are signed with the new one.",
        role=Role.VIEWER,
    )
    async def replace_webhook_secret(self, info: Info, id: _Id) -> WebhookSubscriptionPayload:
        key, secret = _subscription_id(id), new_secret()
        changed = await _change(info, lambda work, owner: webhooks.set_secret(work, owner, key, secret))
        changed.secret = show_secret(secret)
        return changed

    @mutation(
        WebhookSubscriptionPayload,
        description="Queues a message of the type `webhook.test`.",
        role=Role.VIEWER,
    )
    async def test_webhook_subscription(self, info: Info, id: _Id) -> WebhookSubscriptionPayload:
        key, settings = _subscription_id(id), info.context.resources.settings
        return await _change(
            info,
            lambda work, owner: webhooks.add_test_message(
                work,
                owner,
                key,
                write_test(),
                lifetime=settings.webhook_message_lifetime,
                most=settings.max_webhook_messages,
            ),
        )

    @mutation(
        WebhookSubscriptionPayload,
        description="Sends dead letters again: one, or all. They may arrive after later ones; `version` tells the order.",
        role=Role.VIEWER,
    )
    async def redeliver_webhook_messages(
        self,
        info: Info,
        id: _Id,
        message: Annotated[
            strawberry.ID | None, strawberry.argument(description="The dead letter's id; null: all of them.")
        ] = None,
    ) -> WebhookSubscriptionPayload:
        key = _subscription_id(id)
        message_id = None if message is None else read_id(message, WEBHOOK_MESSAGE_ID, field=("message",))[1]
        lifetime = info.context.resources.settings.webhook_message_lifetime
        return await _change(
            info, lambda work, owner: webhooks.redeliver(work, owner, key, message_id, lifetime=lifetime)
        )


async def _change(
    info: Info, change: Callable[[UnitOfWork, Owner], Awaitable[structs.WebhookSubscription]]
) -> WebhookSubscriptionPayload:
    owner = Owner.of(info.context.principal)

    async def write(work: UnitOfWork) -> structs.WebhookSubscription:
        work.wrote_nothing = True  # no entry, so neither history nor events
        return await change(work, owner)

    changed, _ = await info.context.write(write)
    return WebhookSubscriptionPayload(subscription=changed)  # type: ignore[arg-type]


def _subscription_id(text: str) -> UUID:
    return read_id(text, WEBHOOK_ID, field=("id",))[1]


def _api_key(info: Info, given: str | None) -> UUID:
    if given is not None:
        return read_id(given, API_KEY_ID, field=("input", "apiKey"))[1]
    own = info.context.principal.api_key_id
    if own is None:
        raise BadInput(
            "A subscription belongs to an API key: send one, or name one of yours.", field=["input", "apiKey"]
        )
    return own


async def _filter(info: Info, input: CreateWebhookSubscriptionInput) -> structs.WebhookFilter:
    over = input.price_rise_over
    if over is not None and not 0 <= over <= 100_000:
        raise BadInput("`priceRiseOver` is from 0 to 100000 percent.", field=["input", "priceRiseOver"])
    if input.data_types == []:
        raise BadInput("`dataTypes` is empty; leave it out for all.", field=["input", "dataTypes"])
    wanted = structs.WebhookFilter(
        None if input.dnos is None else await _dno_ids(info, input.dnos),
        None if input.data_types is None else tuple(dict.fromkeys(input.data_types)),
        over,
    )
    if not any(map(wanted.may_send, FAMILIES)):
        raise BadInput(
            "No change of these kinds would be sent: levies have no operator, and only prices rise.",
            field=["input", "dataTypes"],
        )
    return wanted


async def _dno_ids(info: Info, slugs: list[str]) -> tuple[UUID, ...]:
    field = ["input", "dnos"]
    slugs = list(dict.fromkeys(slugs))
    if not 1 <= len(slugs) <= _MAX_DNOS:
        raise BadInput(f"`dnos` has {len(slugs)} operators; 1 to {_MAX_DNOS} are allowed.", field=field)
    found = await info.context.loaders.dno_by_slug.load_many(slugs)
    for slug, dno in zip(slugs, found, strict=True):
        if dno is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND, field=field)
    return tuple(dno.id for dno in found if dno is not None)
