"""Text that a spreadsheet program would take for a formula, and the apostrophe before it that prevents that."""

import re
from typing import Final

# Signs that begin a formula, also in their full-width forms, and after blanks that programs leave out. A tab or a line
# break at the beginning can move the rest into a cell of its own.
_BEGINS_FORMULA: Final = r"(?:[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n])"
_FORMULA: Final = re.compile(f"'*{_BEGINS_FORMULA}")
_ESCAPED: Final = re.compile(f"'+{_BEGINS_FORMULA}")


def escape_formula(text: str) -> str:
    """With an apostrophe in front, if it begins like a formula; also if it does so behind apostrophes, so that the
    original can be restored.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """The text of which `escape_formula` made this one."""
    return text[1:] if text.startswith("'") and _ESCAPED.match(text) else text
