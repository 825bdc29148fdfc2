"""The response of a download: chunks that are made while they are sent."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import structlog
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from app.auth.credentials import Credentials
from app.errors import AppError

log = structlog.get_logger("exports")


class Download(StreamingResponse):
    """Ends with its deadline or when the reader has gone, and closes what it reads from however it ends.

    Starlette's own way cancels every single step of the closing, too; the transaction would stay open.
    """

    def __init__(
        self,
        first: bytes,
        chunks: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        credentials: Credentials | None,
        *,
        deadline: float,
    ) -> None:
        super().__init__(chunks, headers=headers)
        self._credentials = credentials
        self._first = first
        self._chunks = chunks
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            async with asyncio.timeout(self._deadline), aclosing(self._chunks):
                await self._send(send, gone)
        except (TimeoutError, AppError) as error:
            # Too late for a status. The server cuts the connection, so the reader sees that something is missing.
            log.warning("export cut off", path=scope["path"], reason=str(error) or "deadline")
        except OSError:
            pass  # the reader went away in the middle of a part
        finally:
            gone.cancel()

    async def _send(self, send: Send, gone: "asyncio.Future[None]") -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for chunk in self._chunks:
            if gone.done():
                return
            if self._credentials is not None:
                await self._credentials.renew()  # a revoked key gets no further part
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
