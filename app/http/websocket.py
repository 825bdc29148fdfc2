"""uvicorn's WebSocket, taught to leave in peace and to let go of those who do not."""

import asyncio
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from app.http.write_patience import WritePatience

SERVICE_RESTART = 1012


class WebSocket(WritePatience, WebSocketsSansIOProtocol):
    def announce_shutdown(self) -> None:
        """The application hears of it and closes when it is ready; `shutdown` cuts off whoever is left."""
        self.queue.put_nowait({"type": "websocket.disconnect", "code": SERVICE_RESTART})

    async def send(self, message: Any) -> None:
        if self.close_sent and self.handshake_complete:
            # For want of a pong, or for a broken frame: the application could not know.
            raise ClientDisconnected
        await super().send(message)

    def on_task_complete(self, task: asyncio.Task[None]) -> None:
        super().on_task_complete(task)
        # What is still to be sent may never be read, and until then the connection would stay.
        self.loop.call_later(self.close_timeout, self.transport.abort)
