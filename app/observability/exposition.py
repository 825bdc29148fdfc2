"""The exposition for Prometheus, from one process or several."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from app.observability import counting
from app.observability.deprecated_names import with_deprecated_names

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Exposition:
    """All metrics as text, written in a thread: the event loop pays for the flush only.

    One text is written at a time. Scrapes that come meanwhile share the next one: so a
    text is never older than the request for it, and many at once cost no more than two.
    """

    def __init__(self, write: "Callable[[], bytes] | None" = None, *, deprecated_names: bool = False) -> None:
        self._write = write or (_write_with_deprecated_names if deprecated_names else _write)
        self._running: asyncio.Task[bytes] | None = None
        self._next: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        if self._next is None:
            self._next = asyncio.create_task(self._write_after(self._running))
        # Shielded: one caller that leaves must not take the text from the others.
        return await asyncio.shield(self._next)

    async def _write_after(self, earlier: asyncio.Task[bytes] | None) -> bytes:
        if earlier is not None:
            await asyncio.wait([earlier])
        self._running, self._next = self._next, None
        counting.flush()
        return await asyncio.to_thread(self._write)


def _write_with_deprecated_names() -> bytes:
    return with_deprecated_names(_write())


def _write() -> bytes:
    """Of all workers where they share a folder, else of this process."""
    # Named by the library, which decides by it when it is imported; so this is no setting of ours.
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    forget_the_dead(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def prepare_folder(folder: Path) -> None:
    """For the parent of the workers, before the first starts: counts start from zero."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink(missing_ok=True)


def forget_the_dead(folder: Path) -> None:
    """Takes away the gauges of processes that are gone; what they counted stays counted."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*.db")}:
        if not _alive(pid):
            # Another worker, which is scraped at the same time, may have been faster.
            with suppress(FileNotFoundError):
                mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
