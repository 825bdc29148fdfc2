"""Output of the command line: results on standard output, notes and errors on standard error."""

import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console

from app.db.address import address
from app.dev.stack import Stack
from app.observability.printable import printable

out = Console(highlight=False)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_error(sentence: str) -> None:
    err.print(printable(sentence), style="red", markup=False)


def print_note(sentence: str) -> None:
    err.print(printable(sentence), style="dim", markup=False, soft_wrap=True)


def print_summary(stack: Stack, port: int, notes: Sequence[str], seconds: float) -> None:
    """What was started, and its addresses."""
    base = f"http://{_name(stack.settings.host)}:{port}"
    lines = [
        ("GraphiQL", f"{base}/graphql", "in a browser"),
        ("Endpoint", f"{base}/graphql", "POST, or GET for queries"),
        ("Health", f"{base}/healthz", "and /readyz: each resource"),
        ("Metrics", f"{base}/metrics", "for Prometheus"),
        ("PostgreSQL", *_postgres(stack)),
        ("Redis", *_redis(stack)),
    ]
    out.print(
        f"\n[bold green]dno-api {version('dno-api')}[/] is ready after {seconds:.1f} s", *_workers(stack)
    )
    for item in notes:
        out.print(item, markup=False)
    out.print()
    width = max(len(where) for _, where, _ in lines)
    for name, where, note in lines:
        out.print(f"{name:<12}{where:<{width}}  [dim]{note}[/]", soft_wrap=True)
    out.print("\nCtrl-C stops it all.\n", style="dim")


def _postgres(stack: Stack) -> tuple[str, str]:
    where = address(stack.settings.database_url)
    if stack.postgres is None:
        return where, ""
    return where, f"{stack.postgres.version}, started here; data in {_short(stack.postgres.data)}"


def _redis(stack: Stack) -> tuple[str, str]:
    where = urlsplit(stack.settings.redis_url).netloc.rpartition("@")[2]
    if stack.valkey is None:
        return where, ""
    return where, f"Valkey, started here; data in {_short(stack.valkey.folder)}"


def _workers(stack: Stack) -> tuple[str, ...]:
    count = stack.settings.workers
    return (f"with {count} workers",) if count > 1 else ()


def _short(path: Path) -> str:
    return min(str(path), os.path.relpath(path), key=len)


def _name(host: str) -> str:
    if host in ("", "0.0.0.0", "::"):  # noqa: S104
        return "localhost"
    return f"[{host}]" if ":" in host else host
