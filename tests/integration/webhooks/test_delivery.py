"""Changes reach a receiver as signed messages: once each if it takes them, again if it does not."""

import pytest

from app.db.pool import Pool
from app.domain.account import Role
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import issue_key, running
from tests.integration.webhooks.conftest import QUICK, Subscriber
from tests.waiting import until
from tests.webhook_receiver import Receiver, Reply, close_at_once, endless_head, receiving, status


async def test_a_change_is_sent_as_a_signed_message(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    dno = await make.dno(pool)
    subscription = await subscriber.subscribe(receiver.url("/hook?for=us"))
    tariff = await make.tariff(pool, dno, 2026, leistung="58.20")
    [received] = await until(lambda: receiver.received)
    assert received.path == "/hook?for=us"
    assert received.headers["content-type"] == "application/json"
    assert received.is_signed_with(subscription["secret"])
    message = received.message
    assert message["type"] == "entries.changed"
    data = message["data"]
    assert data["dno"] == {"id": f"dno_{dno.id.hex}", "slug": "netze-a", "name": "Netze A"}
    assert (data["dataType"], data["year"]) == ("NETZENTGELTE", 2026)
    [entry] = data["entries"]
    assert (entry["id"], entry["version"], entry["kind"]) == (f"tariff_{tariff.id.hex}", 1, "CREATED")
    assert entry["key"] == {"voltageLevel": "MS"}
    assert {"field": "leistung", "before": None, "after": "58.20"} in entry["changes"]
    await until(lambda: is_delivered(subscriber, 1))


async def test_a_message_is_sent_again_until_the_receiver_takes_it(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    receiver.replies = [status(500), status(302, "location: /elsewhere"), status(404), close_at_once]
    await make.tariff(pool, await make.dno(pool))
    await until(lambda: len(receiver.received) == 5)
    assert len({each.headers["webhook-id"] for each in receiver.received}) == 1
    assert len({each.body for each in receiver.received}) == 1
    assert {each.path for each in receiver.received} == {"/hook"}
    assert all(each.is_signed_with(subscription["secret"]) for each in receiver.received)
    await until(lambda: is_delivered(subscriber, 1))


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (status(503), "STATUS_503"),
        (status(301, "location: http://127.0.0.1/"), "STATUS_301"),
        (close_at_once, "BROKEN_RESPONSE"),
        (endless_head, "BROKEN_RESPONSE"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 3000, "BROKEN_RESPONSE"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "BROKEN_RESPONSE"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "BROKEN_RESPONSE"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", "BROKEN_RESPONSE"),
    ],
)
async def test_a_receiver_that_does_not_take_a_message_is_named_with_its_reason(
    subscriber: Subscriber, receiver: Receiver, pool: Pool, reply: Reply, error: str
) -> None:
    await subscriber.subscribe(receiver.url())
    receiver.reply = reply
    await make.tariff(pool, await make.dno(pool))

    async def failed() -> bool:
        found = await subscriber.one()
        return found["lastError"] == error and found["failingSince"] is not None and found["waiting"] == 1

    await until(failed)


@pytest.mark.parametrize("length", [1, 10**12])
async def test_a_wrong_length_of_the_response_has_no_effect(
    subscriber: Subscriber, receiver: Receiver, pool: Pool, length: int
) -> None:
    await subscriber.subscribe(receiver.url())
    receiver.reply = f"HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\nabc".encode()
    await make.tariff(pool, await make.dno(pool))
    await until(lambda: is_delivered(subscriber, 1))
    assert len(receiver.received) == 1


async def test_a_receiver_that_answers_gone_is_not_asked_again(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    receiver.replies = [status(410)]
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2025)

    async def disabled() -> bool:
        found = await subscriber.one()
        return bool(found["state"] == "DISABLED")

    await until(disabled)
    found = await subscriber.one()
    assert (found["disabledBecause"], found["waiting"], found["dead"]) == ("GONE", 0, 1)
    await make.tariff(pool, dno, 2026)
    await subscriber.server.delivered()
    payload = await subscriber.change("resumeWebhookSubscription", subscription)
    assert payload["subscription"]["state"] == "ACTIVE"
    await subscriber.change("redeliverWebhookMessages", subscription)
    await until(lambda: is_delivered(subscriber, 2))
    assert [message["data"].get("year") for message in receiver.messages].count(2025) == 2
    assert {message["type"] for message in receiver.messages} == {"entries.changed", "changes.missed"}


async def test_changes_of_an_entry_arrive_in_their_order(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    """Also while the first of them fails."""
    await subscriber.subscribe(receiver.url())
    receiver.replies = [status(500)] * 3
    tariff = await make.tariff(pool, await make.dno(pool), leistung="58")
    for price in range(59, 64):
        await pool.fetch("UPDATE netzentgelte_data SET leistung = $1 WHERE id = $2", price, tariff.id)
    await until(lambda: is_delivered(subscriber, 6))
    versions = [message["data"]["entries"][0]["version"] for message in receiver.messages]
    assert versions == [1, 1, 1, 1, 2, 3, 4, 5, 6]


async def test_a_receiver_that_fails_does_not_hold_up_another(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    async with receiving() as failing:
        failing.reply = status(500)
        await subscriber.subscribe(failing.url())
        await subscriber.subscribe(receiver.url())
        dno = await make.dno(pool)
        for year in range(2020, 2027):
            await make.tariff(pool, dno, year)
        await until(lambda: len(receiver.received) == 7)
        assert failing.received


async def test_a_paused_subscription_gets_its_messages_when_it_is_resumed(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    payload = await subscriber.change("pauseWebhookSubscription", subscription)
    assert payload["subscription"]["state"] == "PAUSED"
    await make.tariff(pool, await make.dno(pool))

    async def waits() -> bool:
        return bool((await subscriber.one())["waiting"] == 1)

    await until(waits)
    assert receiver.received == []
    await subscriber.change("resumeWebhookSubscription", subscription)
    await until(lambda: is_delivered(subscriber, 1))


async def test_a_message_is_a_dead_letter_after_its_last_attempt_and_can_be_sent_again(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    await make.tariff(pool, await make.dno(pool))
    await until(lambda: is_delivered(subscriber, 1))
    # As if it had been tried almost as often as allowed.
    receiver.reply = status(500)
    await subscriber.change("testWebhookSubscription", subscription)
    await until(lambda: len(receiver.received) > 2)
    await pool.fetch("UPDATE webhook_messages SET attempts = 11, due_at = clock_timestamp()")

    async def dead() -> bool:
        return bool((await subscriber.one())["dead"] == 1)

    await until(dead)
    [letter] = (await subscriber.one())["deadLetters"]
    assert (letter["lastError"], letter["attempts"]) == ("STATUS_500", 12)
    receiver.reply = status(200)
    wrong = await subscriber.change("redeliverWebhookMessages", subscription, message=f"msg_{'0' * 32}")
    assert [error["code"] for error in wrong["errors"]] == ["NOT_FOUND"]
    await subscriber.change("redeliverWebhookMessages", subscription, message=letter["id"])
    await until(lambda: is_delivered(subscriber, 2))
    assert receiver.received[-1].headers["webhook-id"] == letter["id"]


async def test_a_deleted_subscription_gets_nothing(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    subscription = await subscriber.subscribe(receiver.url())
    await subscriber.change("deleteWebhookSubscription", subscription)
    assert await subscriber.all() == []
    await make.tariff(pool, await make.dno(pool))
    await subscriber.server.delivered()
    assert await pool.fetch("SELECT FROM webhook_changes") == []
    assert receiver.received == []


async def is_delivered(subscriber: Subscriber, number: int) -> bool:
    found = await subscriber.one()
    return bool(found["delivered"] == number and found["waiting"] == 0 and found["lastError"] is None)


async def test_attempts_that_fail_together_are_one_failure_and_lead_to_one_pause(
    settings: Settings, receiver: Receiver, pool: Pool
) -> None:
    async with running(settings, **{**QUICK, "webhook_retry_delay": 60.0}) as server:
        subscriber = Subscriber(server, (await issue_key(pool, Role.VIEWER))[1])
        subscription = await subscriber.subscribe(receiver.url())
        await subscriber.change("pauseWebhookSubscription", subscription)
        dno = await make.dno(pool)
        for year in range(2001, 2009):  # as many streams as messages that are sent at a time
            await make.tariff(pool, dno, year)

        async def all_wait() -> bool:
            return bool((await subscriber.one())["waiting"] == 8)

        await until(all_wait)
        receiver.reply = status(500)
        await subscriber.change("resumeWebhookSubscription", subscription)

        async def all_failed() -> bool:
            rows = await pool.fetch("SELECT FROM webhook_messages WHERE last_error = 'STATUS_500'")
            return len(rows) == 8

        await until(all_failed)
        [row] = await pool.fetch(
            "SELECT failures, next_attempt_at - clock_timestamp() AS pause FROM webhook_subscriptions"
        )
    assert row["failures"] == 1
    assert row["pause"].total_seconds() <= 60
