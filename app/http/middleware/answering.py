"""What is to be done when an answer begins: said by whoever wants it, done in one place."""

from collections.abc import Callable
from typing import TypeAlias

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Begin: TypeAlias = Callable[[Message], None]

BEGINNINGS = frozenset(
    ("http.response.start", "websocket.accept", "websocket.close", "websocket.http.response.start")
)


class Answering:
    """Outermost. A `send` of its own for each middleware would cost every message a walk through all of them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        beginnings: list[Begin] = []
        scope.setdefault("state", {})["beginnings"] = beginnings

        async def send_begun(message: Message) -> None:
            if message["type"] in BEGINNINGS:
                for begin in beginnings:
                    begin(message)
            await send(message)

        try:
            await self.app(scope, receive, send_begun)
        finally:
            # They hold the scope that holds them: let it go now, not when the garbage collector comes by.
            beginnings.clear()


def at_beginning(scope: Scope, begin: Begin) -> None:
    """`begin` may change the message: its status is settled, its headers are not."""
    scope["state"]["beginnings"].append(begin)


def add_headers(message: Message, headers: list[tuple[bytes, bytes]]) -> None:
    message["headers"] = [*message.get("headers", ()), *headers]
