"""Tables of measurements."""

from collections.abc import Callable, Mapping
from typing import TypeVar

from rich.console import Console
from rich.table import Table

T = TypeVar("T")


def print_columns(
    title: str,
    outcomes: Mapping[str, T],
    rows: Mapping[str, Callable[[T], str]],
    *,
    corner: str = "",
    caption: str | None = None,
) -> None:
    """One column for each outcome. `rows`: what is shown of it, by name."""
    table = Table(title=title, caption=caption)
    table.add_column(corner)
    for name in outcomes:
        table.add_column(name, justify="right")
    for name, text in rows.items():
        table.add_row(name, *map(text, outcomes.values()))
    Console(width=120).print(table)
