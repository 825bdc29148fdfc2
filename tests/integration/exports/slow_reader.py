"""A client that stops reading in the middle of a download."""

import asyncio


class SlowReader:
    """A client that reads the first part of a download and no more until `resumes` is set."""

    def __init__(self) -> None:
        self.began, self.resumes, self.disconnects = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.messages: list[dict] = []

    async def receive(self):
        await self.disconnects.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.messages.append(message)
        if message["type"] == "http.response.body":
            self.began.set()
            await self.resumes.wait()

    async def read(self, app, path: str, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        scope = {
            "type": "http",
            "asgi": {"spec_version": "2.3"},
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": headers or [],
        }
        await app(scope, self.receive, self.send)

    @property
    def complete(self) -> bool:
        return self.messages[-1].get("more_body") is False
