"""The messages of graphql-transport-ws, and the codes with which its sockets are closed."""

from enum import IntEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

PROTOCOL = "graphql-transport-ws"

Id = Annotated[str, Meta(min_length=1, max_length=200)]


class ProtocolCode(IntEnum):
    """Close codes of graphql-transport-ws; those of every WebSocket are in websockets.frames.CloseCode."""

    BAD_MESSAGE = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    BAD_PROTOCOL = 4406
    SILENT = 4408
    ID_IN_USE = 4409
    INITIALISED_TWICE = 4429


class Init(msgspec.Struct, tag="connection_init"):
    payload: dict[str, Any] | None = None

    @property
    def authorization(self) -> str | None:
        """Browsers cannot give a socket headers, so its first message may bring the one that counts."""
        for name, value in (self.payload or {}).items():
            if name.lower() == "authorization" and value is not None:
                # What is no text is no credential: refused like a bad one, not taken for none.
                return value if isinstance(value, str) else ""
        return None


class Ping(msgspec.Struct, tag="ping"):
    pass


class Pong(msgspec.Struct, tag="pong"):
    pass


class Subscribe(msgspec.Struct, tag="subscribe"):
    id: Id
    payload: Raw


class Complete(msgspec.Struct, tag="complete"):
    id: Id


Message = Init | Ping | Pong | Subscribe | Complete

_decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
decode = _decoder.decode

ACKNOWLEDGED = '{"type":"connection_ack"}'
PONG = '{"type":"pong"}'


def next_(id: str, body: bytes) -> str:
    return f'{{"type":"next","id":{_quoted(id)},"payload":{body.decode()}}}'


def error(id: str, errors: list[dict[str, Any]]) -> str:
    return f'{{"type":"error","id":{_quoted(id)},"payload":{msgspec.json.encode(errors).decode()}}}'


def complete(id: str) -> str:
    return f'{{"type":"complete","id":{_quoted(id)}}}'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
