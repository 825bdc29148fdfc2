"""Places where a process can be told to die, so that the test of a crash needs no luck.

Only the setting `fail_point` arms one; otherwise passing it costs one comparison.
"""

import os
import signal
from enum import StrEnum


class FailPoint(StrEnum):
    AFTER_COMMIT = "after_commit"  # a write is committed, and nobody has been told
    IN_RELAY = "in_relay"  # a relay holds its lock and has taken a batch, and Redis has not
    AFTER_PUBLISH = "after_publish"  # Redis has taken a batch of the outbox, and the outbox still holds it


def reach(point: FailPoint, armed: FailPoint | None) -> None:
    """SIGKILL, as a power cut would: nothing is flushed, nothing is closed, nobody is answered. Within the relay's
    transaction SIGSTOP, as a host does that is frozen.
    """
    if point is armed:
        os.kill(os.getpid(), signal.SIGSTOP if point is FailPoint.IN_RELAY else signal.SIGKILL)
