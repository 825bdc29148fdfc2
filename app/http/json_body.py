"""Messages for invalid JSON, and a limit of its nesting depth."""

import re
from typing import Any, Final

import msgspec

# Deeper than any valid request; bounds the recursion of code that walks a value.
MAX_LEVELS: Final = 64

# Exceptions of the decoder: malformed JSON, a wrong type, text that is not UTF-8, too deep nesting.
UNREADABLE: Final = (msgspec.DecodeError, UnicodeError, RecursionError)

_PLACE = re.compile(r"at `\$((?:\.\w+|\[[^\]]*\])*)`$")


def reason(error: Exception) -> str:
    """Continues a sentence about what could not be read."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if not isinstance(error, msgspec.ValidationError):
        return "it is not valid JSON"
    found = _PLACE.search(str(error))
    place = f"`{found[1].removeprefix('.')}`" if found is not None and found[1] else "the whole"
    if "out of range" in str(error):
        return f"{place} holds a number that is too large"
    if "missing required" in str(error):
        return f"{place} lacks a member"
    return f"{place} has another type than it may have, or a value that is not known"


def nests_too_deeply(value: Any, text: bytes | str) -> bool:
    """`text`: what the value was read from. Most texts have fewer brackets altogether than levels are allowed."""
    brackets = (
        text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    )
    return brackets > MAX_LEVELS and _levels(value) > MAX_LEVELS


def _levels(value: Any) -> int:
    """Without recursion; stops beyond what is allowed."""
    level, here = 0, [value]
    while here and level <= MAX_LEVELS:
        level += 1
        inner = [
            part.values() if isinstance(part, dict) else part
            for part in here
            if isinstance(part, dict | list)
        ]
        here = [item for items in inner for item in items]
    return level
