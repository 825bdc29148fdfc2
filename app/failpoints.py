"""Points at which crash tests terminate or freeze the process.

The setting `fail_point` activates one of them; otherwise a point costs one comparison.
"""

import os
import signal
from enum import StrEnum


class FailPoint(StrEnum):
    AFTER_COMMIT = "after_commit"  # a write is committed and not yet published
    IN_RELAY = "in_relay"  # a relay holds its lock and has read a batch that is not yet published
    AFTER_PUBLISH = "after_publish"  # a batch is published and not yet deleted from the outbox


def reach(point: FailPoint, armed: FailPoint | None) -> None:
    """Sends SIGKILL to the own process, like a power failure: nothing is flushed, closed or answered. Within the
    relay's transaction SIGSTOP, like a frozen host.
    """
    if point is armed:
        os.kill(os.getpid(), signal.SIGSTOP if point is FailPoint.IN_RELAY else signal.SIGKILL)
