"""Receivers that hang, trickle, have wrong certificates, or whose name changes its address."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from app.domain.webhook import ClaimedMessage
from app.errors import BadInput
from app.settings import Settings
from app.webhooks import addresses
from app.webhooks.sender import Sender
from tests.webhook_receiver import CERTIFICATE, Receiver, Reply, hang, receiving, status, trickle

SETTINGS = Settings(webhook_networks=("127.0.0.0/8",), webhook_timeout=10)


def sent_to(url: str) -> ClaimedMessage:
    return ClaimedMessage(uuid4(), uuid4(), url, b"x" * 32, "{}", 1)


async def send(url: str, **changed: Any) -> str | None:
    """The error, or None."""
    sender = Sender(msgspec.structs.replace(SETTINGS, **changed))
    return (await sender.send(sent_to(url))).error


@pytest.fixture
async def secure() -> AsyncIterator[Receiver]:
    async with receiving(tls=True) as receiver:
        yield receiver


@pytest.mark.parametrize("reply", [hang, trickle])
async def test_an_attempt_ends_with_its_time_out(receiver: Receiver, reply: Reply) -> None:
    receiver.reply = reply
    began = time.monotonic()
    assert await send(receiver.url(), webhook_timeout=0.3) == "TIMEOUT"
    assert time.monotonic() - began < 10


async def test_a_host_that_accepts_no_connection_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert await send(f"http://127.0.0.1:{port}/") == "CONNECTION_FAILED"


async def test_a_handshake_that_never_ends_is_a_time_out(receiver: Receiver) -> None:
    """The receiver waits for the end of a request that TLS never sends."""
    url = receiver.url().replace("http", "https")
    assert await send(url, webhook_timeout=0.3) in ("TIMEOUT", "TLS_FAILED")


async def test_a_certificate_of_a_known_authority_is_accepted(secure: Receiver) -> None:
    url = secure.url(host="localhost")
    loopback = ("127.0.0.0/8", "::1/128")
    assert await send(url, webhook_ca_file=str(CERTIFICATE), webhook_networks=loopback) is None
    assert len(secure.received) == 1


async def test_a_wrong_certificate_is_refused(secure: Receiver) -> None:
    loopback = ("127.0.0.0/8", "::1/128")
    unknown_authority = await send(secure.url(host="localhost"), webhook_networks=loopback)
    other_name = await send(secure.url(host="127.0.0.1"), webhook_ca_file=str(CERTIFICATE))
    assert (unknown_authority, other_name) == ("TLS_FAILED", "TLS_FAILED")
    assert secure.received == []


async def test_a_name_is_checked_again_before_each_attempt(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: the name had a public address when the subscription was created, and has a local one now."""
    answers = [["1.1.1.1"], ["127.0.0.1"]]
    monkeypatch.setattr(addresses, "_look_up", lambda host, port: answers.pop(0))
    sender = Sender(Settings())
    url = f"https://example.org:{receiver.port}/"
    await sender.check(url)
    assert (await sender.send(sent_to(url))).error == "ADDRESS_NOT_ALLOWED"
    assert receiver.connections == 0


async def test_the_connection_is_made_to_the_address_that_was_checked(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that nothing but the check resolves: connecting to the name would fail."""
    lookups: list[str] = []

    def look_up(host: str, port: int) -> list[str]:
        lookups.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(addresses, "_look_up", look_up)
    assert await send(receiver.url(host="receiver.invalid")) is None
    assert lookups == ["receiver.invalid"]
    assert receiver.received[0].headers["host"] == f"receiver.invalid:{receiver.port}"


@pytest.mark.parametrize("url", ["https://10.0.0.1/", "https://localhost/", "https://no-such-host.invalid/"])
async def test_a_url_without_a_public_address_is_refused_with_one_text(url: str) -> None:
    """The text gives no information about the network."""
    sender = Sender(Settings())
    with pytest.raises(BadInput, match="has no public address, or also others"):
        await sender.check(url)


async def test_the_wish_of_a_receiver_for_a_later_attempt_is_read(receiver: Receiver) -> None:
    in_an_hour = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    wishes = ("120", "soon", in_an_hour)
    receiver.replies = [status(503, f"retry-after: {wish}") for wish in wishes]
    sender = Sender(SETTINGS)
    results = [await sender.send(sent_to(receiver.url())) for _ in wishes]
    assert [result.error for result in results] == ["STATUS_503"] * 3
    assert [result.retry_after for result in results[:2]] == [120, None]
    assert 3500 < (results[2].retry_after or 0) <= 3600


async def test_an_attempt_can_be_cancelled(receiver: Receiver) -> None:
    receiver.reply = hang
    sender = Sender(SETTINGS)
    task = asyncio.create_task(sender.send(sent_to(receiver.url())))
    while not receiver.received:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
