"""The messages and close codes of the protocol graphql-transport-ws."""

from enum import IntEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

PROTOCOL = "graphql-transport-ws"

Id = Annotated[str, Meta(min_length=1, max_length=200)]


class ProtocolCode(IntEnum):
    """Close codes as graphql-ws names them; those of RFC 6455 are in websockets.frames.CloseCode."""

    BAD_REQUEST = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL_NOT_ACCEPTABLE = 4406
    CONNECTION_INITIALISATION_TIMEOUT = 4408
    SUBSCRIBER_ALREADY_EXISTS = 4409
    TOO_MANY_INITIALISATION_REQUESTS = 4429


class Init(msgspec.Struct, tag="connection_init"):
    payload: dict[str, Any] | None = None


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
    return (next_begin(id) + body + NEXT_END).decode()


def next_begin(id: str) -> bytes:
    """What stands before the body, in all results of an operation."""
    return b'{"type":"next","id":%b,"payload":' % msgspec.json.encode(id)


NEXT_END = b"}"


def error(id: str, errors: list[dict[str, Any]]) -> str:
    return f'{{"type":"error","id":{_quoted(id)},"payload":{msgspec.json.encode(errors).decode()}}}'


def complete(id: str) -> str:
    return f'{{"type":"complete","id":{_quoted(id)}}}'


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
