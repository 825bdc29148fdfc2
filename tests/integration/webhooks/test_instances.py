"""Several servers on one database, killed and started again: no message is lost, and none is sent twice without reason."""

import signal
from collections.abc import Callable

import httpx

from app.db.pool import Pool
from app.domain.account import Role
from tests import factories as make
from tests.integration.graph.running import issue_key
from tests.integration.webhooks.conftest import QUICK
from tests.server_process import ServerProcess
from tests.waiting import until
from tests.webhook_receiver import Receiver, hang

CREATE = """
mutation ($url: String!) {
  createWebhookSubscription(input: {url: $url}) { subscription { id } secret errors { code message } }
}
"""


async def test_messages_survive_a_server_that_is_killed_while_it_sends(
    instance: Callable[..., ServerProcess], receiver: Receiver, pool: Pool
) -> None:
    quick = {**QUICK, "webhook_timeout": 1.0}
    first, second = instance(**quick), instance(**quick)
    _, headers = await issue_key(pool, Role.VIEWER)
    # The address has a secret of its receiver, as that of many services.
    url = receiver.url("/hook?token=s3cret-of-the-receiver")
    async with httpx.AsyncClient() as client:
        body = {"query": CREATE, "variables": {"url": url}}
        response = (await client.post(f"{first.url}/graphql", json=body, headers=headers)).json()
    secret = response["data"]["createWebhookSubscription"]["secret"]
    dno = await make.dno(pool)
    for year in range(2001, 2021):
        await make.tariff(pool, dno, year)
    await until(lambda: len(receiver.received) == 20)
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert len(set(ids)) == 20  # two instances, and each message once

    receiver.replies = [hang]
    await make.tariff(pool, dno, 2021)
    await until(lambda: len(receiver.received) == 21)
    for server in (first, second):  # one of them is sending
        server.stop(signal.SIGKILL)
    third = instance(**quick)
    await until(lambda: len(receiver.received) >= 22)
    assert receiver.received[21].body == receiver.received[20].body
    await make.tariff(pool, dno, 2022)
    await until(lambda: receiver.messages[-1]["data"]["year"] == 2022)

    async def nothing_waits() -> bool:
        return not await pool.fetch("SELECT FROM webhook_messages")

    await until(nothing_waits)
    assert {message["data"]["year"] for message in receiver.messages} == set(range(2001, 2023))
    assert all(each.is_signed_with(secret) for each in receiver.received)
    for server in (first, second, third):
        assert "s3cret-of-the-receiver" not in server.output
        assert secret not in server.output
