"""What instances say to each other arrives as it was said."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.cache.message import Message, decode, encode
from app.domain.event import Event


@given(st.from_type(tuple[Event, ...]), st.lists(st.text(st.characters(codec="utf-8"))))
def test_a_message_comes_back_as_it_was(events: tuple[Event, ...], tags: list[str]) -> None:
    message = Message(tags, list(events), "me", everything=not tags)
    assert decode(encode(message)) == message


def test_a_message_that_names_nothing_is_a_heartbeat() -> None:
    assert Message([], [], "me").heartbeat
    assert not Message(["tag"], [], "me").heartbeat
    assert not Message([], [], "me", everything=True).heartbeat


def test_an_older_release_is_understood() -> None:
    older: Any = (["tag"], [], "me")
    assert decode(msgspec.msgpack.encode(older)) == Message(["tag"], [], "me")


@given(st.binary())
def test_noise_is_not_understood(data: bytes) -> None:
    assert decode(b"\xc1" + data) is None
