"""A subscription belongs to an API key: who may create, see and change it, and what ends it."""

from uuid import UUID

import httpx
import pytest

from app.db.pool import Pool
from app.db.unit_of_work import unit_of_work
from app.db.webhooks import Owner, fetch_owned, set_state
from app.domain.account import ANONYMOUS, Principal, Role
from app.domain.webhook import WebhookState
from app.errors import AppError
from app.jobs.webhook_retention import WebhookRetention
from tests import factories as make
from tests.integration.graph.running import Running, issue_key
from tests.integration.webhooks.conftest import LIST, Subscriber
from tests.waiting import until
from tests.webhook_receiver import Receiver, status


async def test_other_keys_neither_see_nor_change_a_subscription(
    subscriber: Subscriber, server: Running, receiver: Receiver, pool: Pool
) -> None:
    """Not even with the role ADMIN: only a person who is signed in sees all."""
    subscription = await subscriber.subscribe(receiver.url())
    other = Subscriber(server, (await issue_key(pool, Role.ADMIN, "other"))[1])
    assert await other.all() == []
    for name in (
        "pauseWebhookSubscription",
        "resumeWebhookSubscription",
        "testWebhookSubscription",
        "replaceWebhookSecret",
        "redeliverWebhookMessages",
        "deleteWebhookSubscription",
    ):
        payload = await other.change(name, subscription)
        assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"], name
    assert len(await subscriber.all()) == 1


async def test_anonymous_callers_have_no_subscriptions(server: Running) -> None:
    async with httpx.AsyncClient() as client:
        response = (await client.post(server.url, json={"query": LIST})).json()
    assert response["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_revoked_key_ends_its_subscriptions(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    await subscriber.subscribe(receiver.url())
    receiver.reply = status(500)
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2025)
    await until(lambda: receiver.received)
    await pool.fetch("UPDATE api_keys SET revoked_at = now()")
    receiver.reply = status(200)
    await make.tariff(pool, dno, 2026)

    async def not_queued() -> bool:
        return not await pool.fetch("SELECT FROM webhook_changes") and not await pool.fetch(
            "SELECT FROM outbox"
        )

    await until(not_queued)
    [row] = await pool.fetch("SELECT count(*) AS messages FROM webhook_messages")
    assert row["messages"] == 1
    await pool.fetch("UPDATE api_keys SET revoked_at = now() - interval '31 days'")
    await WebhookRetention(pool, subscriber.server.resources.settings).clean()
    assert await pool.fetch("SELECT FROM webhook_subscriptions") == []


@pytest.mark.parametrize(
    ("given", "code", "field"),
    [
        ({"url": "http://example.org/"}, "INVALID", "url"),
        ({"url": "https://10.0.0.1/"}, "INVALID", "url"),
        ({"dnos": []}, "INVALID", "dnos"),
        ({"dnos": ["no-such-operator"]}, "NOT_FOUND", "dnos"),
        ({"dnos": [f"dno-{n}" for n in range(101)]}, "INVALID", "dnos"),
        ({"dataTypes": []}, "INVALID", "dataTypes"),
        ({"dataTypes": ["LEVY", "HLZF", "HOLIDAY_RULE"], "priceRiseOver": "5"}, "INVALID", "dataTypes"),
        ({"priceRiseOver": "-1"}, "INVALID", "priceRiseOver"),
        ({"priceRiseOver": "100001"}, "INVALID", "priceRiseOver"),
        ({"description": "x" * 201}, "INVALID", "description"),
        ({"description": "a\u0000b"}, "INVALID", "description"),
        ({"apiKey": f"key_{'0' * 32}"}, "NOT_FOUND", "apiKey"),
        ({"apiKey": "key_1"}, "INVALID", "apiKey"),
    ],
)
async def test_a_wrong_input_is_refused_with_its_field(
    subscriber: Subscriber, receiver: Receiver, given: dict[str, object], code: str, field: str
) -> None:
    payload = await subscriber.create(**{"url": receiver.url(), **given})
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [(code, ["input", field])]
    assert (payload["subscription"], payload["secret"]) == (None, None)


async def test_a_key_has_at_most_ten_subscriptions(subscriber: Subscriber, receiver: Receiver) -> None:
    for _ in range(10):
        await subscriber.subscribe(receiver.url())
    payload = await subscriber.create(receiver.url())
    assert [error["code"] for error in payload["errors"]] == ["INVALID"]
    [first, *_] = await subscriber.all()
    await subscriber.change("deleteWebhookSubscription", first)
    await subscriber.subscribe(receiver.url())


async def test_a_replaced_secret_signs_later_messages(subscriber: Subscriber, receiver: Receiver) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    secret = (await subscriber.change("replaceWebhookSecret", subscription))["secret"]
    assert secret != subscription["secret"]
    await subscriber.change("testWebhookSubscription", subscription)
    [received] = await until(lambda: receiver.received)
    assert received.is_signed_with(secret)
    assert not received.is_signed_with(subscription["secret"])


async def test_people_see_the_subscriptions_of_their_keys_and_administrators_all(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    [key] = await pool.fetch("SELECT id, created_by FROM api_keys")
    creator = Principal(role=Role.EDITOR, user_id=key["created_by"])
    other = Principal(role=Role.EDITOR, user_id=(await make.user(pool)).id)
    admin = Principal(role=Role.ADMIN, user_id=other.user_id)
    seen = [len(await fetch_owned(pool, Owner.of(who))) for who in (creator, other, admin, ANONYMOUS)]
    assert seen == [1, 0, 1, 0]
    id = UUID(subscription["id"].removeprefix("webhook_"))
    with pytest.raises(AppError, match="no such subscription"):
        async with unit_of_work(pool, other) as work:
            await set_state(work, Owner.of(other), id, WebhookState.PAUSED)
    async with unit_of_work(pool, creator) as work:
        assert (
            await set_state(work, Owner.of(creator), id, WebhookState.PAUSED)
        ).state is WebhookState.PAUSED
