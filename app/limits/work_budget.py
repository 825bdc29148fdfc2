"""The work budget of one operation: objects, bytes, statements and CPU time are counted and limited."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable
from math import ceil
from time import perf_counter, thread_time
from types import coroutine
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from app.errors import LimitExceeded
from app.settings import Settings

T = TypeVar("T")

# Seconds that are measured by the wall clock, which costs a tenth of reading CPU time (a system call). Longer
# operations are measured by CPU time, which other processes on the same processor do not increase.
BY_WALL_CLOCK: Final = 0.005
MAX_BY_WALL_CLOCK: Final = 0.02
# Seconds that one operation may compute before other tasks of the event loop run.
TURN: Final = 0.01
# The clock is read after so many more objects or bytes.
OBJECTS_PER_CHECK: Final = 1000
BYTES_PER_CHECK: Final = 2**16

# What one unit of cost equals, beside one object: bytes of the response, and seconds of CPU time.
BYTES_PER_UNIT: Final = 512
SECONDS_PER_UNIT: Final = 20e-6
# CPU time of a record that is read from Redis or PostgreSQL: it is decoded for all operations that wait for it, so that their
# own CPU time does not contain it. Measured for the prices of an operator and year: 65 to 75 µs.
SECONDS_PER_READ: Final = 60e-6


Clock: TypeAlias = Callable[[], float]


class Exceeded(NamedTuple):
    """The first limit that was exceeded."""

    limit: str
    maximum: float
    message: str

    def error(self) -> LimitExceeded:
        return LimitExceeded(self.message, limit=self.limit, maximum=self.maximum)


class WorkBudget:
    """Counters of one operation (or of one batch of them), each with a limit of the settings.

    Work is counted before it is done, for many objects at once. After a limit is exceeded every call raises
    LimitExceeded, so that concurrent parts of the operation end as well.
    """

    # Initial values are class attributes, since one budget is created for every operation.
    objects = 0
    answer_bytes = 0
    reads = 0  # records read from Redis or PostgreSQL
    cpu_time = 0.0  # seconds of completed steps
    exceeded: Exceeded | None = None
    _clock: Clock = perf_counter
    _began: float | None = None  # on that clock, during a step
    _turn_began = 0.0
    _turn_is_over = False
    _objects_at_check = OBJECTS_PER_CHECK
    _bytes_at_check = BYTES_PER_CHECK

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        if settings.limit_objects < OBJECTS_PER_CHECK:
            self._objects_at_check = settings.limit_objects + 1
        if settings.limit_answer_bytes < BYTES_PER_CHECK:
            self._bytes_at_check = settings.limit_answer_bytes + 1

    # Counting

    def add_objects(self, count: int) -> None:
        self.objects += count
        if self.objects >= self._objects_at_check:
            self.check()

    def check_objects(self, count: int) -> None:
        """Raises LimitExceeded for so many objects without counting them; they are counted when they are completed."""
        if self.objects + count > self._settings.limit_objects:
            self.add_objects(count)

    def add_bytes(self, count: int) -> None:
        """Of the response's text, as it is written."""
        self.answer_bytes += count
        if self.answer_bytes >= self._bytes_at_check:
            self.check()

    def write_list(self, texts: list[str]) -> str:
        """A list of objects that hold no further lists, as JSON."""
        text = "[" + ",".join(texts) + "]"
        self.answer_bytes = written = self.answer_bytes + len(text)
        if written >= self._bytes_at_check:
            self.check()
        return text

    def write_uncounted_list(self, texts: list[str]) -> str:
        """The same for objects that are part of another one and were not loaded separately."""
        self.add_objects(len(texts))
        return self.write_list(texts)

    def check_answer(self, length: int) -> None:
        """Counts the whole response; parts of it may have been counted before."""
        self.answer_bytes = length
        if length > self._settings.limit_answer_bytes:
            self.check()

    def check_statements(self, statements: int) -> None:
        maximum = self._settings.limit_statements
        if statements > maximum:
            self._exceed("LIMIT_STATEMENTS", maximum, f"needs more than {maximum:,} statements")

    def check(self) -> None:
        """Compares all counters and CPU time with their limits; called in every long loop."""
        settings = self._settings
        if self.exceeded is not None:
            raise self.exceeded.error()
        if self.objects > (maximum := settings.limit_objects):
            self._exceed("LIMIT_OBJECTS", maximum, f"loads more than {maximum:,} objects")
        if self.answer_bytes > (maximum := settings.limit_answer_bytes):
            self._exceed("LIMIT_ANSWER_BYTES", maximum, f"is answered with more than {maximum:,} bytes")
        if self.cpu_spent() > (seconds := settings.limit_cpu_time):
            self._exceed("LIMIT_CPU_TIME", seconds, f"computes for more than {seconds:g} seconds")
        self._objects_at_check = min(self.objects + OBJECTS_PER_CHECK, settings.limit_objects + 1)
        self._bytes_at_check = min(self.answer_bytes + BYTES_PER_CHECK, settings.limit_answer_bytes + 1)

    def restart(self, *, exceeds_again: bool = False) -> None:
        """Resets objects and bytes of an abandoned execution; its CPU time stays counted.

        `exceeds_again`: the next execution may go as far as this one, and is then over the limit at its own place.
        """
        if exceeds_again:
            self.exceeded = None
        self.objects = self.answer_bytes = 0
        self._objects_at_check = self._bytes_at_check = 0

    def _exceed(self, limit: str, maximum: float, does: str) -> None:
        self.exceeded = Exceeded(limit, maximum, f"The operation {does}; please ask for less.")
        # From here on every count calls `check`.
        self._objects_at_check = self._bytes_at_check = 0
        raise self.exceeded.error()

    # CPU time

    def cpu_spent(self) -> float:
        if self._began is not None:
            self.leave()
            self._began = self._clock()
        return self.cpu_time

    def add_cpu(self, seconds: float) -> None:
        """CPU time of a part that cannot be interrupted."""
        self.cpu_time += seconds

    def leave(self) -> None:
        """Ends a step: the thread computes for something else from here on."""
        if self._began is not None:
            seconds = self._clock() - self._began
            self._began = None
            if self._clock is not thread_time and self.cpu_time + seconds > BY_WALL_CLOCK:
                # How much of a long step was CPU time is unknown: the thread may have waited for a processor.
                seconds = min(seconds, MAX_BY_WALL_CLOCK)
                self._clock = thread_time
            self.cpu_time += seconds

    # Turns of the event loop

    def is_due(self) -> bool:
        """Whether other tasks should run before it continues: a thousand of its tasks may be ready at once."""
        if self._turn_is_over:
            return True
        if self.cpu_spent() - self._turn_began <= TURN:
            return False
        self._turn_is_over = True
        asyncio.get_running_loop().call_soon(self._begin_turn)
        return True

    def _begin_turn(self) -> None:
        self._turn_is_over = False
        self._turn_began = self.cpu_time

    # Units of cost

    def add_reads(self, count: int) -> None:
        """Of records from Redis or PostgreSQL; they are charged, and have no limit of their own."""
        self.reads += count

    def may_be_worth(self, units: int, seconds: float) -> bool:
        """Whether more than so many units may have been used in so many seconds; cheaper than `units`."""
        return (
            seconds + self.reads * SECONDS_PER_READ > units * SECONDS_PER_UNIT
            or self.objects > units
            or self.answer_bytes > units * BYTES_PER_UNIT
        )

    @property
    def units(self) -> int:
        """Used units of cost: those of objects, of bytes or of CPU time, whichever is highest."""
        seconds = self.cpu_spent() + self.reads * SECONDS_PER_READ
        return ceil(max(self.objects, self.answer_bytes / BYTES_PER_UNIT, seconds / SECONDS_PER_UNIT))


async def in_turns(items: Iterable[T], budget: WorkBudget) -> AsyncIterator[T]:
    """The items of a long computation, one by one; other tasks run whenever it is due. Raises LimitExceeded."""
    for item in items:
        if budget.is_due():
            budget.check()
            await asyncio.sleep(0)
        yield item


@coroutine
def step_by_step(work: Awaitable[T], budget: WorkBudget) -> Generator[Any, Any, T]:
    """Awaits `work`; the CPU time of each of its steps, from one wait to the next, is the budget's."""
    steps: Any = work.__await__()
    send = steps.send
    argument: Any = None
    error: BaseException | None = None
    while True:
        try:
            # Awaited within another step of the same operation, it is part of that step's time.
            if budget._began is not None:
                waited_for = send(argument) if error is None else steps.throw(error)
            else:
                clock = budget._clock
                budget._began = began = clock()
                try:
                    waited_for = send(argument) if error is None else steps.throw(error)
                finally:
                    # As `leave`; the call would cost more than the rest of a short step.
                    spent = budget.cpu_time + clock() - began
                    if spent <= BY_WALL_CLOCK and budget._began is began:
                        budget._began = None
                        budget.cpu_time = spent
                    else:
                        budget.leave()
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            argument = yield waited_for
            error = None
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as raised:
            error = raised


async def metered(work: Awaitable[T], budget: WorkBudget) -> T:
    """The same as a coroutine, for tasks."""
    return await step_by_step(work, budget)
