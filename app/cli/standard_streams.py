"""Standard input and output as commands read and write them; a caller may have closed either (`dno export >&-`)."""

import os
import sys
from collections.abc import Iterable
from typing import Any, BinaryIO, Final, TextIO

import msgspec

from app.errors import CannotStart

_DESCRIPTORS: Final = (0, 1, 2)


def prepare() -> None:
    """Before anything else is opened.

    Closed descriptors become those of /dev/null: otherwise a connection would get the number of standard output, which
    child processes write to. A character that the terminal cannot show ends no command. Text is not held back, so that
    it keeps its place among bytes that are written beside it.
    """
    for descriptor in _DESCRIPTORS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if sys.__stdout__ is not None:
        sys.__stdout__.reconfigure(errors="replace", write_through=True)


def standard_input() -> TextIO:
    if sys.__stdin__ is None:
        raise CannotStart("Standard input is closed, and nothing can be read from it.")
    return sys.stdin


def standard_output() -> TextIO:
    if sys.__stdout__ is None:
        raise CannotStart("Standard output is closed, and nothing can be written to it.")
    return sys.stdout


def binary_output() -> BinaryIO:
    return standard_output().buffer


def print_json(value: Any, *, indented: bool = False) -> None:
    """One line, unless it is indented; in UTF-8 whatever the terminal's encoding is."""
    text, output = msgspec.json.encode(value), standard_output()
    output.buffer.write((msgspec.json.format(text) if indented else text) + b"\n")
    if output.line_buffering:  # a terminal
        output.flush()


def print_row(cells: Iterable[str]) -> None:
    """Separated by tabs."""
    standard_output().write("\t".join(cells) + "\n")
