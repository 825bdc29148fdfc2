"""The clock by which caches judge age: seconds since some start, going on while the machine is suspended."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

# time.monotonic() stands still during a suspend on Linux, and what was kept before it would seem fresh after it.
monotonic: Final[Callable[[], float]] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
