"""Text as one line without control characters: what clients send must not steer a terminal or forge a log line."""

import re

# C0 with line breaks and tab, DEL and C1, invisible and bidirectional controls, line and paragraph separators,
# tags and lone surrogates (which cannot even be encoded).
_CONTROLS = (
    "\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f"
)
_CONTROL = re.compile(f"[{_CONTROLS}]")


def printable(text: str) -> str:
    """Each control character as Python would write it in a string: `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return _CONTROL.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape", "surrogatepass").decode("ascii")
