"""An export of the register: a folder, or a ZIP file, with one or more numbered XML files per table."""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from app.errors import CannotStart

# An export of 2022 has 18 GiB, compressed to a twentieth.
_MAX_BYTES: Final = 2**40
# DEFLATE reaches 1,032; files of records that differ in their numbers only were measured with 142.
_MAX_COMPRESSION: Final = 500
# 150 files take 15 kB; the module that reads ZIP files holds the directory in memory.
_MAX_DIRECTORY_BYTES: Final = 2**20


class Part(NamedTuple):
    """One file of a table. `identity` changes with its content."""

    name: str
    table: str
    size: int
    identity: str


class Export:
    """Its files of the tables that were asked for."""

    def __init__(
        self, name: str, parts: Sequence[Part], archive: zipfile.ZipFile | None, folder: Path
    ) -> None:
        self.name = name
        self.parts = parts
        self._archive = archive
        self._paths = {} if archive is None else {Path(each).name: each for each in archive.namelist()}
        self._folder = folder

    @contextmanager
    def opened(self, part: Part) -> Iterator[BinaryIO]:
        """Raises CannotStart where the content cannot be read."""
        with _failures(part.name):
            if self._archive is None:
                with (self._folder / part.name).open("rb") as file:
                    yield file
            else:
                with self._archive.open(self._paths[part.name]) as entry:
                    yield entry  # type: ignore[misc]  # it has all that a reader needs


@contextmanager
def open_export(path: Path, tables: Iterable[str]) -> Iterator[Export]:
    """Raises CannotStart with one sentence for a path that is no export, or one that is unsafe to read."""
    with ExitStack() as stack:
        with _failures(path.name):
            if path.is_dir():
                files = {each.name: each.stat() for each in path.iterdir() if each.is_file()}
                described = {name: (found.st_size, str(found.st_mtime_ns)) for name, found in files.items()}
                export = Export(path.resolve().name, _parts(described, tables), None, path)
            else:
                _check_directory(path)
                archive = stack.enter_context(zipfile.ZipFile(path))
                export = Export(path.name, _parts(_entries(archive), tables), archive, path)
        yield export


@contextmanager
def _failures(name: str) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise CannotStart(f"{name} cannot be read from the ZIP file: {error}.") from None
    except OSError as error:
        raise CannotStart(f"{name} cannot be read: {error.strerror or error}.") from None


def _check_directory(path: Path) -> None:
    """The directory of a ZIP file is read as a whole, before its entries can be checked."""
    with path.open("rb") as file:
        end = file.seek(0, 2)
        file.seek(max(0, end - 2**16 - 22))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) < at + 22:
        raise CannotStart(f"{path.name} is neither a folder nor a ZIP file.")
    size: int = struct.unpack_from("<I", tail, at + 12)[0]
    large = tail.rfind(b"PK\x06\x06", 0, at)
    if size == 0xFFFFFFFF and large >= 0 and at - large >= 56:
        size = struct.unpack_from("<Q", tail, large + 40)[0]
    if size > _MAX_DIRECTORY_BYTES:
        raise CannotStart(
            f"{path.name} has a directory of {size:,} bytes; {_MAX_DIRECTORY_BYTES:,} are allowed."
        )


def _entries(archive: zipfile.ZipFile) -> dict[str, tuple[int, str]]:
    """Size and checksum of each file. The module stops at the size that the directory states."""
    found: dict[str, tuple[int, str]] = {}
    for entry in archive.infolist():
        name = Path(entry.filename).name
        if entry.is_dir():
            continue
        if name in found:
            raise CannotStart(f"{name} is there twice.")
        if entry.flag_bits & 1:
            raise CannotStart(f"{name} is encrypted.")
        if entry.file_size > _MAX_COMPRESSION * max(entry.compress_size, 1000):
            raise CannotStart(
                f"{name} is compressed more than {_MAX_COMPRESSION}-fold, as no file of the register is."
            )
        found[name] = (entry.file_size, f"{entry.CRC:08x}")
    if sum(size for size, _ in found.values()) > _MAX_BYTES:
        raise CannotStart(f"The files have more than {_MAX_BYTES:,} bytes.")
    return found


def _parts(files: Mapping[str, tuple[int, str]], tables: Iterable[str]) -> list[Part]:
    """In the order of the tables, then of their numbers."""
    parts: list[Part] = []
    for table in tables:
        numbered: list[tuple[int, Part]] = []
        for name, (size, identity) in files.items():
            if match := re.fullmatch(rf"{table}(?:_([0-9]{{1,6}}))?\.xml", name, re.IGNORECASE):
                numbered.append((int(match[1] or 0), Part(name, table, size, identity)))
        numbered.sort()
        _check_numbers(table, [number for number, _ in numbered])
        parts += [part for _, part in numbered]
    return parts


def _check_numbers(table: str, numbers: Sequence[int]) -> None:
    """A missing part would make counts too small without a sign of it."""
    expected = [0] if numbers[:1] == [0] else list(range(1, len(numbers) + 1))
    if list(numbers) != expected:
        raise CannotStart(
            f"The files of {table} are numbered {', '.join(map(str, numbers[:20]))}: one is missing, or there twice."
        )
