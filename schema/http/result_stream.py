"""The results of one operation as a response that stays open, in one of the formats of framings.py."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Overloaded
from schema.execution.documents import RejectedDocument
from schema.execution.operation import Answer, write_json
from schema.execution.subscription import NotSubscribed
from schema.http.caller import Caller
from schema.http.framings import Framing
from schema.http.result_streams import error_payload


class ResultStream(Response):
    """`check_every`: seconds between two signs of life; the caller's rights are checked before each.

    `opened` must be set before the response is sent.
    """

    opened: AbstractAsyncContextManager[AsyncIterator[Answer]]
    expendable = False

    def __init__(self, caller: Caller, framing: Framing, check_every: float) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = framing.content_type
        self.init_headers({"cache-control": "no-store", "vary": "accept", "x-accel-buffering": "no"})
        self._caller = caller
        self._framing = framing
        self._check_every = check_every
        self._started = False
        self._evicted = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._framing.route
        await first_of(self._send_all(scope, send), disconnected(receive))

    async def _send_all(self, scope: Scope, send: Send) -> None:
        try:
            async with self.opened as answers:
                await self._start_response(send)
                await first_of(
                    self._send_results(answers, send), self._keep_alive(send), self._wait_for_eviction()
                )
        except Exception as error:
            body = write_json({"errors": error_payload(error, scope)})
            of_operation = isinstance(error, RejectedDocument | NotSubscribed)
            await self._start_response(send)
            await send(part(self._framing.result(body) if of_operation else self._framing.failure(body)))
        await send(part(self._framing.end, more=False))

    def evict(self) -> None:
        self._evicted.set()

    async def _wait_for_eviction(self) -> None:
        await self._evicted.wait()
        raise Overloaded("Your address has more than its share of open connections.", retry_after=10)

    async def _start_response(self, send: Send) -> None:
        if not self._started:
            self._started = True
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            await send(part(self._framing.opening))

    async def _send_results(self, answers: AsyncIterator[Answer], send: Send) -> None:
        async for answer in answers:
            await send(part(self._framing.result(answer.body)))
            self._framing.count()

    async def _keep_alive(self, send: Send) -> None:
        while True:
            await asyncio.sleep(self._check_every)
            await self._caller.renewed(visit=True)
            await send(part(self._framing.keep_alive))


def part(body: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all until the first ends, cancels the others, and raises the error of the first if there is one."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        unfinished = [task for task in tasks if task.cancel()]
        if unfinished:
            await asyncio.wait(unfinished)
    for task in tasks:
        if not task.cancelled():
            task.result()
