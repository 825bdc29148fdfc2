"""Messages between instances on the Redis channel: invalidated tags, events and heartbeats."""

from typing import Final

import msgspec

from app.domain.event import Event

CHANNEL: Final = "dno:changes"


class Beat(msgspec.Struct, frozen=True, array_like=True):
    """An instance is alive. `sent`: on its own clock, of use to itself only. `proven_before`: its last look at
    the outbox was so many seconds ago, under that epoch; None: there was none. `leaving`: it will be silent.
    `silent`: PostgreSQL does not answer it. `received`: by sender, the latest `sent` of each other instance that
    it had received. So a receiver finds by its own clock a time before which this was not said, however long it was
    on its way.
    """

    sent: float
    epoch: int = 0
    proven_before: float | None = None
    leaving: bool = False
    silent: bool = False
    received: dict[str, float] = {}


class Message(msgspec.Struct, frozen=True, array_like=True):
    """Without tags and events it is a heartbeat. `everything`: more has gone than can be named.

    What the tags name has been removed from L2 under the keys of `generation`, and `events` were found under it;
    an instance that reads under other keys may still find the old values there. `acknowledged` are the numbers of events
    that ask for nothing but these tags. `unconfirmed`: L2 has not confirmed that removal,
    so it may hold the old values until the outbox is drained; such a message acknowledges nothing.

    `batch` numbers the messages of relays, and `previous_batch` is the one that was delivered before
    (app/cache/deliveries.py); 0 is none.
    """

    tags: list[str]
    events: list[Event]
    sender: str
    everything: bool = False
    acknowledged: list[int] = []
    generation: str = ""
    unconfirmed: bool = False
    beat: Beat | None = None
    batch: int = 0
    previous_batch: int = 0

    @property
    def heartbeat(self) -> bool:
        return not self.tags and not self.events and not self.everything


_ENCODER: Final = msgspec.msgpack.Encoder(uuid_format="bytes")
_DECODER: Final = msgspec.msgpack.Decoder(Message)


def encode(message: Message) -> bytes:
    return _ENCODER.encode(message)


def decode(data: bytes) -> Message | None:
    """None for a message that another release has encoded differently: the receiver must assume that it has missed changes."""
    try:
        return _DECODER.decode(data)
    except msgspec.MsgspecError:
        return None
