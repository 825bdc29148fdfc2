"""Compresses responses for clients that accept it, unless the rule (app/http/compression_rule.py) forbids it.

Cached responses, static files and exports are encoded where they are made, and pass unchanged.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.buffered_response import BufferedResponse
from app.http.compression import StreamCompressor, compressed_part, stream_compressor
from app.http.compression_rule import may_be_compressed
from app.http.content_coding import CodingChoice
from app.http.direct_writer import RECEIVE_WRITER
from app.http.encoded_response import encode_response, encoded_headers
from app.http.headers import Headers, first
from app.http.request_state import accepted_coding
from app.http.response_start import on_response_start, vary_by


class Compression:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        on_response_start(scope, _vary_by_coding)
        choice = accepted_coding(scope)
        await self.app(scope, receive, send if choice.coding is None else _Encoder(scope, choice, send).send)


def _vary_by_coding(message: Message) -> None:
    """Also of responses that are not encoded: the next one from the same address may be longer."""
    vary_by(message, b"accept-encoding")


class _Encoder:
    """Holds the start of a response back until its first part shows how long it is."""

    def __init__(self, scope: Scope, choice: CodingChoice, send: Send) -> None:
        self._scope = scope
        self._choice = choice
        self._send = send
        self._start: Message | None = None
        self._compressor: StreamCompressor | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif self._start is not None:
            start, self._start = self._start, None
            await self._begin(start, message)
        elif self._compressor is not None:
            await self._send(await self._encoded(self._compressor, message))
        else:
            await self._send(message)

    async def _begin(self, start: Message, message: Message) -> None:
        body: bytes = message.get("body", b"")
        headers: Headers = [(name.lower(), value) for name, value in start.get("headers", ())]
        announced = first(headers, b"content-length")
        # The answer to HEAD, whose headers are those of the answer to GET, may be without the body.
        whole = not message.get("more_body", False) and (bool(body) or self._scope["method"] != "HEAD")
        if whole:
            await (await encode_response(self._scope, BufferedResponse(start["status"], headers, body)))(
                self._scope, _no_request, self._send
            )
            return
        short = announced is not None and int(announced) <= self._choice.minimum
        coding = self._choice.coding
        if coding is None or short or not may_be_compressed(self._scope, headers):
            await self._send(start)
            await self._send(message)
            return
        start.pop(RECEIVE_WRITER, None)
        await self._send({**start, "headers": encoded_headers(headers, coding)})
        if self._scope["method"] == "HEAD":
            await self._send(message)
            return
        self._compressor = stream_compressor(coding)
        await self._send(await self._encoded(self._compressor, message))

    async def _encoded(self, compressor: StreamCompressor, message: Message) -> Message:
        """Each part can be read when it arrives."""
        chunk = message.get("body", b"")
        part = await compressed_part(compressor, chunk) if chunk else b""
        if not message.get("more_body", False):
            part += compressor.end()
        return {**message, "body": part}


async def _no_request() -> Message:
    return {"type": "http.disconnect"}
