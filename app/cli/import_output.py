"""What every import prints while it runs: its progress, or the failure that ended it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import asyncpg
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from app.cli import console
from app.errors import CannotStart


@contextmanager
def progress_bar() -> Iterator[Callable[[StrEnum, int, int | None], None]]:
    """On standard error, if that is a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console.err, transient=True, disable=not console.err.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)

        def on_progress(step: StrEnum, done: int, total: int | None) -> None:
            progress.update(task, description=f"{step} …", completed=done, total=total)

        yield on_progress


@contextmanager
def failures() -> Iterator[None]:
    """Errors of the database as one sentence."""
    try:
        yield
    except asyncpg.LockNotAvailableError:
        raise CannotStart("Another import is still running; nothing was imported. Try again later.") from None
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        reason = str(error) or "it took too long"
        raise CannotStart(f"The database failed, and nothing was imported: {reason}.") from error
