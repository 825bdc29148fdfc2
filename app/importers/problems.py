"""Why a row is refused, and where it stands."""

import msgspec

_SHOWN = 60


class Place(msgspec.Struct, frozen=True):
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Problem(msgspec.Struct, frozen=True):
    place: Place
    reason: str
    column: str | None = None
    value: str | None = None  # None: not one cell's fault, or the cell is missing


def shown(text: str) -> str:
    """On one short line, with what cannot be printed made visible."""
    short = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in short)
