"""The results of one operation as a response that stays open, in one of the formats of framings.py."""

import asyncio
from asyncio import Task
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from functools import lru_cache, partial
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.errors import Overloaded
from app.http.direct_writer import RECEIVE_WRITER, DirectWriter
from schema.execution.documents import RejectedDocument
from schema.execution.operation import Answer, write_json
from schema.execution.subscription import Answers, NotSubscribed
from schema.http.caller import Caller
from schema.http.framings import Framing
from schema.http.operation_results import error_payload
from schema.http.periodic_checks import PeriodicChecks


class ResultStream(Response):
    """Signs of life are sent with `checks`; the caller's rights are checked before each.

    `opened` must be set before the response is sent.
    """

    opened: AbstractAsyncContextManager[AsyncIterator[Answer]]
    expendable = False

    def __init__(self, caller: Caller, framing: Framing, checks: PeriodicChecks) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = framing.content_type
        self.init_headers({"cache-control": "no-store", "vary": "accept", "x-accel-buffering": "no"})
        self._caller = caller
        self._framing = framing
        self._checks = checks
        self._started = False
        self._writer: DirectWriter | None = None
        self._check: Task[None] | None = None
        # While results are sent, the task of the response is cancelled to end it, for this reason.
        self._interruptible: Task[None] | None = None
        self._reason: Exception | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self._framing.route
        sending = asyncio.current_task()
        assert sending is not None
        client = asyncio.create_task(disconnected(receive))
        client.add_done_callback(lambda _: ended or sending.cancel())
        ended = False
        try:
            await self._send_all(scope, send)
        except asyncio.CancelledError:
            if not client.done() or sending.uncancel():
                raise
        finally:
            ended = True
            client.cancel()
            await asyncio.wait((client,))
        if not client.cancelled():
            client.result()

    async def _send_all(self, scope: Scope, send: Send) -> None:
        try:
            async with self.opened as answers:
                await self._start_response(send)
                await self._send_until_interrupted(answers, send)
        except Exception as error:
            body = write_json({"errors": error_payload(error, scope)})
            of_operation = isinstance(error, RejectedDocument | NotSubscribed)
            await self._start_response(send)
            await send(part(self._framing.result(body) if of_operation else self._framing.failure(body)))
        await send(part(self._framing.end, more=False))

    async def _send_until_interrupted(self, answers: AsyncIterator[Answer], send: Send) -> None:
        if self._reason is not None:
            raise self._reason
        sending = self._interruptible = asyncio.current_task()
        assert sending is not None
        try:
            with self._checks.calling(partial(self._begin_check, send)):
                await self._send_results(answers, send)
        except asyncio.CancelledError:
            if self._reason is None or sending.uncancel():
                raise
            raise self._reason from None
        finally:
            self._interruptible = None
            if self._check is not None:
                self._check.cancel()

    def evict(self) -> None:
        self._interrupt(
            Overloaded("Your address has more than its share of open connections.", retry_after=10)
        )

    def _interrupt(self, reason: Exception) -> None:
        if self._reason is None:
            self._reason = reason
            if self._interruptible is not None:
                self._interruptible.cancel()

    async def _start_response(self, send: Send) -> None:
        if not self._started:
            self._started = True
            start = {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": self.raw_headers,
                RECEIVE_WRITER: self._take_writer,
            }
            await send(start)
            await send(part(self._framing.opening))

    def _take_writer(self, writer: DirectWriter) -> None:
        self._writer = writer

    async def _send_results(self, answers: AsyncIterator[Answer], send: Send) -> None:
        if isinstance(answers, Answers) and self._writer is not None:
            answers.write_to(_Sink(self._writer, self._framing))
        async for answer in answers:
            await send(part(self._framing.result(answer.body)))
            self._framing.delivered.value += 1

    def _begin_check(self, send: Send) -> None:
        if self._writer is not None and self._caller.anonymous:
            if self._writer.can_write:  # else the connection's timer ends it
                self._writer.write_now(self._framing.keep_alive)
        elif self._check is None or self._check.done():
            self._check = asyncio.create_task(self._check_rights(send))

    async def _check_rights(self, send: Send) -> None:
        try:
            await self._caller.renewed(visit=True)
            await send(part(self._framing.keep_alive))
        except Exception as error:
            self._interrupt(error)


class _Sink:
    """Writes answers that many streams get at the same time."""

    __slots__ = ("_delivered", "_framed", "_writer")

    def __init__(self, writer: DirectWriter, framing: Framing) -> None:
        self._writer = writer
        self._framed = framing.result
        self._delivered = framing.delivered

    @property
    def can_write(self) -> bool:
        return self._writer.can_write

    def write(self, answer: Answer) -> None:
        self._writer.write_now(_shared(self._framed, answer.body))
        self._delivered.value += 1


@lru_cache(maxsize=8)
def _shared(framed: Callable[[bytes], bytes], body: bytes) -> bytes:
    return framed(body)


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
