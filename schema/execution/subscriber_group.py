"""Writes each change to all subscribers with the same request and principal: one execution, one task, and one check of the rights for many."""

import asyncio
from asyncio import Task
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final, Protocol

from app.broadcast import Change, Subscriber
from app.domain.account import Principal
from app.errors import AppError
from schema.execution.operation import Answer

# So many connections are written to before other requests get their turn: about a millisecond.
WRITES_PER_TURN: Final = 64


class Sink(Protocol):
    """An open connection."""

    @property
    def can_write(self) -> bool:
        """Whether it takes an answer at once."""

    def write(self, answer: Answer) -> None: ...


class Member(Protocol):
    @property
    def subscriber(self) -> Subscriber: ...

    @property
    def caller(self) -> Callable[[], Awaitable[Principal]]:
        """Returns the principal with its current role, or raises AppError."""

    def write_next(self, answer: Answer) -> bool:
        """Writes the answer to the first change that waits; False if it cannot be written at once."""


class SubscriberGroup:
    """Only members that have taken all earlier changes join, so that each gets its changes in order.

    Whatever cannot be written at once is left to the member: it is woken, leaves, and takes the change itself. All members have the same
    credentials, so that one check is true for all.
    """

    def __init__(self, principal: Principal, answer: Callable[[Change], Awaitable[Answer]]) -> None:
        self._principal = principal
        self._answer = answer
        self._members: dict[Member, None] = {}
        self._task: Task[None] | None = None

    @contextmanager
    def joined(self, member: Member) -> Iterator[None]:
        subscriber = member.subscriber
        self._members[member] = None
        subscriber.listener = self._changed
        try:
            yield
        finally:
            subscriber.listener = None
            self._members.pop(member, None)

    @property
    def is_empty(self) -> bool:
        return not self._members

    def _changed(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._write_changes())

    async def _write_changes(self) -> None:
        try:
            while (change := self._first()) is not None:
                await self._write(change)
        except BaseException:
            for member in list(self._members):
                self._hand_over(member)
            raise
        finally:
            self._task = None

    def _first(self) -> Change | None:
        return next((each.subscriber.waiting[0] for each in self._members if each.subscriber.waiting), None)

    async def _write(self, change: Change) -> None:
        members = list(self._members)
        answer = None
        if await self._is_unchanged(members):
            with suppress(Exception):  # each member meets it again, and ends with it
                answer = await self._answer(change)
        begun = iter(members)
        while part := list(islice(begun, WRITES_PER_TURN)):
            # Between two parts other things happen: keys are revoked, too.
            self._write_part(part, change, answer if await self._is_unchanged(part) else None)
            await asyncio.sleep(0)

    def _write_part(self, members: Sequence[Member], change: Change, answer: Answer | None) -> None:
        for member in members:
            waiting = member.subscriber.waiting
            due = waiting and waiting[0] is change and member in self._members
            if due and (answer is None or not member.write_next(answer)):
                self._hand_over(member)

    async def _is_unchanged(self, members: Sequence[Member]) -> bool:
        """Whether the principal is still the one for which the change is executed."""
        try:
            current = next((each for each in members if each in self._members), None)
            return current is not None and await current.caller() == self._principal
        except AppError:
            return False

    def _hand_over(self, member: Member) -> None:
        """Left at once, so that nothing else is written before what waits."""
        del self._members[member]
        member.subscriber.listener = None
        member.subscriber.wake()
