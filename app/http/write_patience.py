"""A client that does not read what is sent to it is let go after a while: else it holds our memory for good."""

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Protocol = asyncio.Protocol
else:
    _Protocol = object


class WritePatience(_Protocol):
    """To be mixed into uvicorn's protocols, which wait for ever once the buffer of 64 KiB is full."""

    loop: asyncio.AbstractEventLoop
    transport: Any
    app_state: dict[str, Any]
    _stalled: asyncio.TimerHandle | None = None

    def pause_writing(self) -> None:
        super().pause_writing()
        seconds = self.app_state["resources"].settings.write_patience
        # Closing would wait for the client to read first.
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._calm()
        super().resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        self._calm()
        super().connection_lost(error)

    def _calm(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
