"""The lines of a text file, counted, each of bounded length."""

import codecs
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from app.importers.encodings import NAMES, Encoding, detect
from app.importers.records import UnreadableFile

# Longer than valid lines, short enough for memory.
_MAX_LINE_LENGTH: Final = 2**20
_MAX_BLANK_LINES: Final = 1_000


class Lines:
    """`marked`: they begin with the byte order mark of UTF-8, as Excel writes it."""

    def __init__(
        self,
        text: io.TextIOWrapper,
        encoding: str,
        on_characters: Callable[[int], None],
        *,
        marked: bool = False,
    ) -> None:
        self._text = text
        self.marked = marked
        self.encoding = encoding
        self._on_characters = on_characters
        self._ahead: list[str] = []
        self._broken: UnreadableFile | None = None
        self.count = 0

    def first(self) -> str:
        """The first line that is not blank, without taking it, nor the blank ones before it."""
        while not (self._ahead and self._ahead[-1].strip()) and len(self._ahead) < _MAX_BLANK_LINES:
            line = self._read()
            if not line:
                break
            self._ahead.append(line)
        if not self._ahead:
            raise UnreadableFile("the file is empty")
        return self._ahead[-1]

    def ahead(self, count: int, characters: int) -> list[str]:
        """The next lines, without taking them: as many, or fewer that have so many characters."""
        while len(self._ahead) < count and sum(map(len, self._ahead)) < characters:
            try:
                line = self._read()
            except UnreadableFile as error:
                self._broken = error  # raised once the lines before were taken
                break
            if not line:
                break
            self._ahead.append(line)
        return self._ahead[:]

    def skip_first(self) -> None:
        self.count += len(self._ahead)
        self._ahead = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.pop(0) if self._ahead else self._read()
        if not line:
            raise StopIteration
        self.count += 1
        self._on_characters(len(line))
        if len(line) == _MAX_LINE_LENGTH:
            raise UnreadableFile(
                f"the line is longer than {_MAX_LINE_LENGTH:,} characters; what follows was not read"
            )
        return line

    def read(self, characters: int) -> str:
        """What follows: as many characters, or what is left, and the lines that were looked at already."""
        ahead, self._ahead = "".join(self._ahead), []
        text = ahead + self._decoded(lambda: self._text.read(characters))
        self._on_characters(len(text))
        return text

    def _read(self) -> str:
        if self._broken is not None:
            raise self._broken
        return self._decoded(lambda: self._text.readline(_MAX_LINE_LENGTH))

    def _decoded(self, read: Callable[[], str]) -> str:
        try:
            return read()
        except UnicodeError:
            raise UnreadableFile(f"the file is no {self.encoding} from here on") from None


@contextmanager
def text_lines(
    stream: BinaryIO, encoding: Encoding | None, on_characters: Callable[[int], None]
) -> Iterator[Lines]:
    """Invalid bytes become lone surrogates, which no cell accepts: so each is reported."""
    used = encoding or detect(stream)
    stream.seek(0)
    marked = stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    errors = "strict" if used.startswith("utf-16") else "surrogateescape"
    stream.seek(0)
    text = io.TextIOWrapper(stream, "utf-8-sig" if used is Encoding.UTF_8 else used, errors, newline="")
    try:
        yield Lines(text, NAMES[used], on_characters, marked=marked)
    finally:
        text.detach()  # the caller that opened the stream closes it
