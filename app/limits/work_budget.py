"""What one operation may do: counted while it happens, and ended where it passes a limit."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from math import ceil
from time import perf_counter, thread_time
from types import coroutine
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

from app.errors import LimitExceeded
from app.settings import Settings

T = TypeVar("T")

# Seconds that are measured by the wall clock, which costs a tenth of reading CPU time, a system call. Beyond them
# CPU time is what counts: others that use the processor must not make an operation look long.
BY_WALL_CLOCK: Final = 0.005
LONGEST_BY_WALL_CLOCK: Final = 0.02
# Seconds that one operation computes in one turn of the event loop before all others have theirs.
TURN: Final = 0.01
# The clock is read after so many more objects or bytes.
OBJECTS_PER_LOOK: Final = 1000
BYTES_PER_LOOK: Final = 2**16

# What one unit of cost stands for, beside one object: bytes of the answer, and seconds of CPU.
BYTES_PER_UNIT: Final = 512
SECONDS_PER_UNIT: Final = 20e-6


Clock: TypeAlias = Callable[[], float]


class Exceeded(NamedTuple):
    """The limit that was passed first."""

    limit: str
    maximum: float
    message: str

    def again(self) -> LimitExceeded:
        return LimitExceeded(self.message, limit=self.limit, maximum=self.maximum)


class WorkBudget:
    """Counters of one operation (or of one batch of them), each with a limit of the settings.

    Work is announced before it is done, for many objects at once. Beyond a limit every call raises
    LimitExceeded, so that what still runs of the operation ends soon, too.
    """

    # What a new one begins with stands here, not in its __init__: there is one for every operation.
    objects = 0
    answer_bytes = 0
    cpu_time = 0.0  # seconds, of what has been computed and left
    exceeded: Exceeded | None = None
    _clock: Clock = perf_counter
    _began: float | None = None  # on that clock, while something of it is computed
    _turn_began = 0.0
    _turn_is_over = False
    _objects_at_look = OBJECTS_PER_LOOK
    _bytes_at_look = BYTES_PER_LOOK

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        if settings.limit_objects < OBJECTS_PER_LOOK:
            self._objects_at_look = settings.limit_objects + 1
        if settings.limit_answer_bytes < BYTES_PER_LOOK:
            self._bytes_at_look = settings.limit_answer_bytes + 1

    # Counting

    def add_objects(self, count: int) -> None:
        self.objects += count
        if self.objects >= self._objects_at_look:
            self.look()

    def check_objects(self, count: int) -> None:
        """Refuses so many objects without counting them, which is done as they are met."""
        if self.objects + count > self._settings.limit_objects:
            self.add_objects(count)

    def add_bytes(self, count: int) -> None:
        """Of the answer's text, as it is written."""
        self.answer_bytes += count
        if self.answer_bytes >= self._bytes_at_look:
            self.look()

    def write_list(self, texts: list[str]) -> str:
        """A list of objects that hold no further lists, as JSON."""
        text = "[" + ",".join(texts) + "]"
        self.answer_bytes = written = self.answer_bytes + len(text)
        if written >= self._bytes_at_look:
            self.look()
        return text

    def write_uncounted_list(self, texts: list[str]) -> str:
        """The same of objects that are part of another and were not loaded by themselves."""
        self.add_objects(len(texts))
        return self.write_list(texts)

    def check_answer(self, length: int) -> None:
        """The whole answer, once it is known; parts of it may have been counted before."""
        self.answer_bytes = length
        if length > self._settings.limit_answer_bytes:
            self.look()

    def check_statements(self, statements: int) -> None:
        most = self._settings.limit_statements
        if statements > most:
            self._exceed("LIMIT_STATEMENTS", most, f"needs more than {most:,} statements")

    def look(self) -> None:
        """Compares everything with its limit, CPU time included; to be called in every long loop."""
        settings = self._settings
        if self.exceeded is not None:
            raise self.exceeded.again()
        if self.objects > (most := settings.limit_objects):
            self._exceed("LIMIT_OBJECTS", most, f"loads more than {most:,} objects")
        if self.answer_bytes > (most := settings.limit_answer_bytes):
            self._exceed("LIMIT_ANSWER_BYTES", most, f"is answered with more than {most:,} bytes")
        if self.cpu_spent() > (seconds := settings.limit_cpu_time):
            self._exceed("LIMIT_CPU_TIME", seconds, f"computes for more than {seconds:g} seconds")
        self._objects_at_look = min(self.objects + OBJECTS_PER_LOOK, settings.limit_objects + 1)
        self._bytes_at_look = min(self.answer_bytes + BYTES_PER_LOOK, settings.limit_answer_bytes + 1)

    def restart(self) -> None:
        """Objects and text of what was given up are gone; the time that it took is not."""
        self.objects = self.answer_bytes = 0
        self._objects_at_look = self._bytes_at_look = 0

    def _exceed(self, limit: str, maximum: float, does: str) -> None:
        self.exceeded = Exceeded(limit, maximum, f"The operation {does}; please ask for less.")
        # From now on every count is a look.
        self._objects_at_look = self._bytes_at_look = 0
        raise self.exceeded.again()

    # CPU time

    def cpu_spent(self) -> float:
        if self._began is not None:
            self.leave()
            self._began = self._clock()
        return self.cpu_time

    def add_cpu(self, seconds: float) -> None:
        """What was computed for it where nothing could be ended."""
        self.cpu_time += seconds

    def leave(self) -> None:
        """The thread computes for something else from here on."""
        if self._began is not None:
            seconds = self._clock() - self._began
            self._began = None
            if self._clock is not thread_time and self.cpu_time + seconds > BY_WALL_CLOCK:
                # How much of a long step was CPU time is not known: the thread may have had to wait for a processor.
                seconds = min(seconds, LONGEST_BY_WALL_CLOCK)
                self._clock = thread_time
            self.cpu_time += seconds

    # Turns of the event loop

    def is_due(self) -> bool:
        """Whether others should have their turn before it goes on: a thousand of its tasks may be ready at once."""
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

    # What it has come to

    def may_be_worth(self, units: int, seconds: float) -> bool:
        """Whether it may have come to more than so many units in so many seconds; cheaper than to know how many."""
        return (
            seconds > units * SECONDS_PER_UNIT
            or self.objects > units
            or self.answer_bytes > units * BYTES_PER_UNIT
        )

    @property
    def units(self) -> int:
        """What was done, in units of cost: what it was worth to load, to send or to compute, whichever is most."""
        return ceil(
            max(self.objects, self.answer_bytes / BYTES_PER_UNIT, self.cpu_spent() / SECONDS_PER_UNIT)
        )


@coroutine
def step_by_step(work: Awaitable[T], budget: WorkBudget) -> Generator[Any, Any, T]:
    """Awaits `work`; the CPU time of each of its steps, from one wait to the next, is the budget's."""
    steps: Any = work.__await__()
    send = steps.send
    argument: Any = None
    error: BaseException | None = None
    while True:
        try:
            # It may be awaited within another step of the same operation, whose time this is then.
            if budget._began is not None:
                waited_for = send(argument) if error is None else steps.throw(error)
            else:
                clock = budget._clock
                budget._began = began = clock()
                try:
                    waited_for = send(argument) if error is None else steps.throw(error)
                finally:
                    # As `leave`, whose call would cost more than the rest for the many steps that are short.
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
