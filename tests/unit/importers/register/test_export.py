"""Folders and ZIP files of the register: which files are read, and what is refused."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from app.errors import CannotStart
from app.importers.register.export import open_export

TABLES = ("Netze", "EinheitenSolar")


def archive(path: Path, *names: str, content: bytes = b"<a/>", method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as file:
        for name in names:
            file.writestr(name, content)
    return path


def names(path: Path) -> list[str]:
    with open_export(path, TABLES) as export:
        return [part.name for part in export.parts]


def content(path: Path) -> bytes:
    """Of the first part."""
    with open_export(path, TABLES) as export, export.opened(export.parts[0]) as stream:
        return stream.read()


def test_parts_are_in_the_order_of_tables_and_numbers(tmp_path: Path) -> None:
    files = [f"EinheitenSolar_{n}.xml" for n in range(1, 12)] + ["Netze.xml", "Other.xml", "Netze.txt"]
    expected = ["Netze.xml", *(f"EinheitenSolar_{n}.xml" for n in range(1, 12))]
    assert names(archive(tmp_path / "a.zip", *reversed(files))) == expected
    for name in files:
        (tmp_path / name).write_bytes(b"")
    assert names(tmp_path) == expected


def test_files_of_a_folder_within_a_zip_file_are_found(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Export/Netze.xml", content=b"<x/>")
    assert content(path) == b"<x/>"


def test_the_identity_of_a_part_changes_with_its_content(tmp_path: Path) -> None:
    found = []
    for n, content in enumerate((b"<a/>", b"<b/>", b"<a/>")):
        with open_export(archive(tmp_path / f"{n}.zip", "Netze.xml", content=content), TABLES) as export:
            found.append(export.parts[0].identity)
    assert found[0] == found[2] != found[1]


@pytest.mark.parametrize("numbers", [("_1", "_3"), ("_2",), ("", "_1"), ("_1", "_01")])
def test_a_missing_or_repeated_number_is_refused(tmp_path: Path, numbers: tuple[str, ...]) -> None:
    with pytest.raises(CannotStart, match="one is missing, or there twice"):
        names(archive(tmp_path / "a.zip", *(f"EinheitenSolar{number}.xml" for number in numbers)))


def test_a_file_that_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"text", b"PK\x05\x06"):
        (tmp_path / "a.zip").write_bytes(content)
        with pytest.raises(CannotStart, match=r"^a\.zip is neither a folder nor a ZIP file\.$"):
            names(tmp_path / "a.zip")
    with pytest.raises(CannotStart, match="cannot be read: No such file"):
        names(tmp_path / "b.zip")


def test_a_damaged_zip_file_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Netze.xml", content=b"0123456789" * 10, method=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"0123", b"9123", 1))
    with pytest.raises(CannotStart, match=r"Netze\.xml cannot be read from the ZIP file: Bad CRC"):
        content(path)


def test_a_damaged_compressed_file_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Netze.xml", content=bytes(range(256)) * 10)
    data = bytearray(path.read_bytes())
    data[40:60] = b"\xff" * 20
    path.write_bytes(data)
    with pytest.raises(CannotStart, match=r"Netze\.xml cannot be read from the ZIP file"):
        content(path)


def test_a_zip_bomb_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Netze.xml", content=b" " * 10_000_000)
    with pytest.raises(CannotStart, match=r"Netze\.xml is compressed more than 500-fold"):
        names(path)


def test_more_content_than_the_directory_states_is_not_read(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Netze.xml", content=b"x" * 100_000)
    data = bytearray(path.read_bytes())
    size_at = data.index(b"PK\x01\x02") + 24
    data[size_at : size_at + 4] = struct.pack("<I", 1000)
    path.write_bytes(data)
    with pytest.raises(CannotStart, match="Bad CRC"):
        content(path)


def test_a_large_directory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(archive_with_many_entries(20_000))
    with pytest.raises(CannotStart, match="has a directory of"):
        names(tmp_path / "a.zip")


def archive_with_many_entries(count: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for n in range(count):
            written.writestr(f"{n:0>20}", b"")
    return file.getvalue()


def test_encrypted_and_repeated_files_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", "Netze.xml", "other/Netze.xml")
    with pytest.raises(CannotStart, match=r"Netze\.xml is there twice"):
        names(path)
    path = archive(tmp_path / "b.zip", "Netze.xml")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(CannotStart, match=r"Netze\.xml is encrypted"):
        names(path)
