"""Queues and dead letters are bounded; what is left out is reported."""

from datetime import datetime
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from app.db.pool import Pool
from app.db.webhook_queue import Failed, note_failed
from app.domain.account import Role
from app.domain.webhook import ClaimedMessage
from app.jobs.webhook_retention import WebhookRetention
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import issue_key, running
from tests.integration.webhooks.conftest import QUICK, Subscriber
from tests.waiting import until
from tests.webhook_receiver import Receiver, status


@pytest.mark.parametrize("bound", [{"max_webhook_messages": 4}, {"max_webhook_queue_bytes": 3000}])
async def test_changes_beyond_a_full_queue_are_reported_when_it_is_free_again(
    settings: Settings, pool: Pool, receiver: Receiver, bound: dict[str, Any]
) -> None:
    async with running(settings, **QUICK, **bound) as server:
        subscriber = Subscriber(server, (await issue_key(pool, Role.VIEWER))[1])
        subscription = await subscriber.subscribe(receiver.url())
        await subscriber.change("pauseWebhookSubscription", subscription)
        dno = await make.dno(pool)
        for year in range(2010, 2020):
            await make.tariff(pool, dno, year)

        async def is_full() -> bool:
            missed = (await subscriber.one())["missedSince"] is not None
            return (
                missed
                and not await pool.fetch("SELECT FROM outbox")
                and not await pool.fetch("SELECT FROM webhook_changes")
            )

        await until(is_full)
        queued = (await subscriber.one())["waiting"]
        assert 1 <= queued <= 4
        await subscriber.change("resumeWebhookSubscription", subscription)
        await until(lambda: len(receiver.messages) == queued + 1)
        # Messages of different years have no order.
        years = [
            message["data"]["year"] for message in receiver.messages if message["type"] == "entries.changed"
        ]
        assert sorted(years) == list(range(2010, 2010 + queued))
        [missed] = [message["data"] for message in receiver.messages if message["type"] == "changes.missed"]
        [first] = await pool.fetch(
            "SELECT min(changed_at) AS since, max(changed_at) AS until FROM revisions WHERE year >= $1",
            2010 + queued,
        )
        assert _near(missed["since"], first["since"])
        assert _near(missed["until"], first["until"])
        await make.tariff(pool, dno, 2030)
        await until(lambda: receiver.messages[-1]["data"].get("year") == 2030)


async def test_changes_while_a_subscription_is_disabled_are_reported_when_it_is_resumed(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    receiver.replies = [status(410)]
    await subscriber.change("testWebhookSubscription", subscription)

    async def is_disabled() -> bool:
        return bool((await subscriber.one())["state"] == "DISABLED")

    await until(is_disabled)
    await make.tariff(pool, await make.dno(pool))
    await subscriber.server.delivered()
    await subscriber.change("resumeWebhookSubscription", subscription)
    await until(lambda: receiver.messages[-1]["type"] == "changes.missed")
    [row] = await pool.fetch("SELECT changed_at FROM revisions")
    missed = receiver.messages[-1]["data"]
    assert missed["since"] < row["changed_at"].isoformat() < missed["until"]


async def test_a_subscription_without_success_for_days_is_disabled(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    receiver.reply = status(500)
    await subscriber.change("testWebhookSubscription", subscription)

    async def is_failing() -> bool:
        return (await subscriber.one())["failingSince"] is not None

    await until(is_failing)
    retention = WebhookRetention(pool, subscriber.server.resources.settings)
    await retention.clean()
    assert (await subscriber.one())["state"] == "ACTIVE"
    await pool.fetch("UPDATE webhook_subscriptions SET failing_since = now() - interval '6 days'")
    await retention.clean()
    found = await subscriber.one()
    assert (found["state"], found["disabledBecause"], found["dead"], found["waiting"]) == (
        "DISABLED",
        "FAILING",
        1,
        0,
    )


async def test_undelivered_messages_expire_and_dead_letters_are_deleted(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    await subscriber.change("pauseWebhookSubscription", subscription)
    for _ in range(5):
        await subscriber.change("testWebhookSubscription", subscription)
    await pool.fetch("UPDATE webhook_messages SET expires_at = now()")
    settings = msgspec.structs.replace(subscriber.server.resources.settings, max_dead_letters=3)
    retention = WebhookRetention(pool, settings)
    await retention.clean()
    found = await subscriber.one()
    assert (found["waiting"], found["dead"]) == (0, 3)
    assert {letter["lastError"] for letter in found["deadLetters"]} == {"EXPIRED"}
    await pool.fetch("UPDATE webhook_messages SET died_at = now() - interval '31 days'")
    await retention.clean()
    assert (await subscriber.one())["dead"] == 0


async def test_the_table_holds_the_largest_number_of_attempts_that_can_be_set(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    most = get_args(get_type_hints(Settings, include_extras=True)["max_webhook_attempts"])[1].le
    subscription = await subscriber.subscribe(receiver.url())
    await subscriber.change("pauseWebhookSubscription", subscription)
    await subscriber.change("testWebhookSubscription", subscription)
    for attempt, dead in ((most - 1, False), (most, True)):
        [row] = await pool.fetch(
            "UPDATE webhook_messages SET attempts = $1 RETURNING id, subscription_id", attempt
        )
        message = ClaimedMessage(
            id=row["id"],
            subscription_id=row["subscription_id"],
            url="",
            secret=b"",
            body="",
            attempt=attempt,
        )
        assert await note_failed(pool, message, Failed("STATUS_500", 1, 1, 1), most=most) is dead


def _near(text: str, moment: Any) -> bool:
    """The outbox and the history have the times of two statements of one trigger."""
    return abs((datetime.fromisoformat(text) - moment).total_seconds()) < 5
