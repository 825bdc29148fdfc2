"""Messages between instances are decoded as they were encoded."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.cache.message import Message, decode, encode
from app.domain.event import Event


@given(st.from_type(tuple[Event, ...]), st.lists(st.text(st.characters(codec="utf-8"))))
def test_a_message_survives_a_round_trip(events: tuple[Event, ...], tags: list[str]) -> None:
    message = Message(tags, list(events), "me", everything=not tags)
    assert decode(encode(message)) == message


def test_a_message_that_names_nothing_is_a_heartbeat() -> None:
    assert Message([], [], "me").heartbeat
    assert not Message(["tag"], [], "me").heartbeat
    assert not Message([], [], "me", everything=True).heartbeat


def test_a_message_of_an_older_release_is_decoded() -> None:
    older: Any = (["tag"], [], "me")
    assert decode(msgspec.msgpack.encode(older)) == Message(["tag"], [], "me")


@given(st.binary())
def test_other_bytes_are_rejected(data: bytes) -> None:
    assert decode(b"\xc1" + data) is None
