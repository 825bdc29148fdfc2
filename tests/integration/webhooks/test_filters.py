"""A subscription gets only what its filter names: operators, kinds of entries, prices that rose."""

from decimal import Decimal
from typing import Any

from app.db.pool import Pool
from tests import factories as make
from tests.integration.webhooks.conftest import Subscriber
from tests.waiting import until
from tests.webhook_receiver import Receiver


async def test_only_changes_of_its_operators_and_kinds_are_sent(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    mine, other = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    subscription = await subscriber.subscribe(receiver.url(), dnos=["netze-a"], dataTypes=["HLZF"])
    assert (subscription["dnos"], subscription["dataTypes"]) == ([{"slug": "netze-a"}], ["HLZF"])
    await make.hlzf(pool, other)
    await make.tariff(pool, mine)
    await make.hlzf(pool, mine)
    await make.levy(pool)
    await sent_before_this(subscriber, receiver, subscription)
    assert [about(message) for message in receiver.messages[:-1]] == [("netze-a", "HLZF")]


async def test_a_rise_is_compared_with_the_price_before_or_that_of_last_year(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await make.tariff(pool, dno, 2025, leistung="50.00", arbeit="1.00")
    subscription = await subscriber.subscribe(receiver.url(), priceRiseOver="10")
    exactly = await make.tariff(pool, dno, 2026, leistung="55.00", arbeit="1.00")
    await change(pool, exactly, "55.01")  # of 55.00
    await change(pool, exactly, "60.60")  # of 55.01, more than 10 %
    await change(pool, exactly, "40.00")
    await make.tariff(pool, dno, 2027, leistung="44.04", arbeit="1.00")  # of 40.00, more than 10 %
    await make.tariff(
        pool, await make.dno(pool, "netze-b"), 2027, leistung="90.00"
    )  # nothing to compare with
    await make.hlzf(pool, dno)
    await sent_before_this(subscriber, receiver, subscription)
    rises = [message["data"]["entries"][0]["priceRise"] for message in receiver.messages[:-1]]
    # Messages about different years have no order among them.
    assert sorted(rises, key=lambda rise: rise["before"]) == [
        {"field": "leistung", "before": "40.00", "after": "44.04", "percent": "10.10"},
        {"field": "leistung", "before": "55.01", "after": "60.60", "percent": "10.16"},
    ]


async def test_a_rise_from_nothing_exceeds_every_limit(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    tariff = await make.tariff(pool, await make.dno(pool), leistung="0")
    await subscriber.subscribe(receiver.url(), priceRiseOver="1000")
    await change(pool, tariff, "0.01")
    [message] = await until(lambda: receiver.messages)
    assert message["data"]["entries"][0]["priceRise"]["percent"] is None


async def test_levies_have_no_operator(subscriber: Subscriber, receiver: Receiver, pool: Pool) -> None:
    await subscriber.subscribe(receiver.url(), dataTypes=["LEVY"])
    await make.levy(pool)
    [message] = await until(lambda: receiver.messages)
    assert message["data"]["dno"] is None


async def test_levies_of_certain_operators_are_refused(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    await make.dno(pool, "netze-a")
    payload = await subscriber.create(receiver.url(), dnos=["netze-a"], dataTypes=["LEVY"])
    assert [(error["code"], error["field"]) for error in payload["errors"]] == [
        ("INVALID", ["input", "dataTypes"])
    ]
    await subscriber.subscribe(receiver.url(), dnos=["netze-a"], dataTypes=["LEVY", "HLZF"])


async def test_a_subscription_to_a_deleted_operator_is_none_to_all_changes(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    await make.dno(pool, "netze-a")
    everything = await subscriber.subscribe(receiver.url())
    assert (everything["dnos"], everything["allDnos"]) == ([], True)
    await subscriber.subscribe(receiver.url(), dnos=["netze-a"])
    await pool.fetch("UPDATE dnos SET deleted_at = now()")

    async def of_deleted() -> bool:
        [newest, _] = await subscriber.all()
        assert newest["allDnos"] is False
        return bool(newest["dnos"] == [])

    await until(of_deleted)


async def test_a_message_has_a_bounded_number_of_entries(
    subscriber: Subscriber, receiver: Receiver, pool: Pool
) -> None:
    dno = await make.dno(pool)
    await subscriber.subscribe(receiver.url())
    await pool.fetch(
        "INSERT INTO prices (dno_id, year, kind, voltage_level, variant, amount, unit)"
        " SELECT $1, 2026, 'MESSUNG', 'NS', 'meter ' || n, n, 'EUR_PER_YEAR' FROM generate_series(1, 120) AS n",
        dno.id,
    )
    await until(lambda: len(receiver.received) == 3)
    counts = [len(message["data"]["entries"]) for message in receiver.messages]
    assert counts == [50, 50, 20]
    variants = [
        entry["key"]["variant"] for message in receiver.messages for entry in message["data"]["entries"]
    ]
    assert sorted(variants) == sorted(f"meter {n}" for n in range(1, 121))


async def change(pool: Pool, tariff: Any, leistung: str) -> None:
    await pool.fetch("UPDATE netzentgelte_data SET leistung = $1 WHERE id = $2", Decimal(leistung), tariff.id)


async def sent_before_this(subscriber: Subscriber, receiver: Receiver, subscription: Any) -> None:
    """Waits until the messages of all earlier changes were sent, and a test message after them."""
    await subscriber.server.delivered()

    async def all_sent() -> bool:
        left = await subscriber.server.resources.pool.fetch("SELECT FROM webhook_changes LIMIT 1")
        return not left and (await subscriber.one())["waiting"] == 0

    await until(all_sent)
    await subscriber.change("testWebhookSubscription", subscription)
    await until(lambda: receiver.messages and receiver.messages[-1]["type"] == "webhook.test")


def about(message: Any) -> tuple[str, str]:
    return message["data"]["dno"]["slug"], message["data"]["dataType"]
