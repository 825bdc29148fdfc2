"""Looks up headers in the list of an ASGI scope, where names are lower-case."""

from collections.abc import Collection, Sequence
from typing import TypeAlias

Headers: TypeAlias = Sequence[tuple[bytes, bytes]]


def first(headers: Headers, wanted: bytes) -> bytes | None:
    for name, value in headers:
        if name == wanted:
            return value
    return None


def joined(headers: Headers, wanted: bytes) -> bytes | None:
    """All values of this name as one list (RFC 9110, 5.3)."""
    found = [value for name, value in headers if name == wanted]
    return (found[0] if len(found) == 1 else b",".join(found)) if found else None


def has_any(headers: Headers, names: Collection[bytes]) -> bool:
    return any(name in names for name, _ in headers)
