"""Tags of a worksheet's bytes, however the program that wrote them writes XML."""

import re
from typing import Final

_ROOT: Final = re.compile(rb"<(?:([A-Za-z_][A-Za-z0-9_.-]{0,30}):)?worksheet[\s>]")


class PlainTags:
    """Removes the prefix that some programs write before the name of every element: <x:c> is <c>."""

    def __init__(self) -> None:
        self._prefix: bytes | None = None  # None: the root has not been read yet

    def of(self, data: bytes) -> bytes:
        """Of the next bytes, which end behind a tag."""
        if self._prefix is None and (root := _ROOT.search(data)):
            self._prefix = root[1] or b""
        if not self._prefix:
            return data
        return data.replace(b"<%b:" % self._prefix, b"<").replace(b"</%b:" % self._prefix, b"</")
