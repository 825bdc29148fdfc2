"""Why a row was rejected, and its location."""

import msgspec

_MAX_SHOWN = 60


class RowLocation(msgspec.Struct, frozen=True):
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(msgspec.Struct, frozen=True):
    location: RowLocation
    reason: str
    column: str | None = None
    value: str | None = None  # None: the problem is not one cell's, or the cell is missing
    whole_file: bool = False  # what is wrong is not one row: the others may be read wrongly, too


def shown(text: str) -> str:
    """On one short line, with what cannot be printed made visible."""
    short = text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
