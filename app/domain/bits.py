"""Sets of positions as the bits of a number, and as one byte for each position, which standard functions select by."""

from collections.abc import Iterable
from typing import Final

_TO_FLAGS: Final = bytes.maketrans(b"01", b"\x00\x01")
_TO_DIGITS: Final = bytes.maketrans(b"\x00\x01", b"01")


def flags_of(bits: int, length: int) -> bytes:
    """1 at each position that is a bit of the number, else 0. It has no further bits."""
    return format(bits, f"0{length}b")[::-1].encode().translate(_TO_FLAGS) if length else b""


def bits_of(flags: Iterable[int]) -> int:
    """The reverse; flags may be truth values."""
    digits = bytes(flags).translate(_TO_DIGITS)[::-1]
    return int(digits, 2) if digits else 0
