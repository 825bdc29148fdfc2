"""No request body grows beyond the setting."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.errors import TooLarge
from app.settings import Settings


class BodyLimit:
    """Refuses with 413, by the announced length at once, else as soon as too much has come."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._limit = settings.request_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if _announced(scope["headers"]) > self._limit:
            raise TooLarge(self._limit)
        received = 0

        async def receive_bounded() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit:
                    raise TooLarge(self._limit)
            return message

        await self.app(scope, receive_bounded, send)


def _announced(headers: list[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else 0
    return 0
