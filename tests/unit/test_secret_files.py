"""Secret settings are read from files; each refusal names the variable and the path, never the content."""

import os
import re
from pathlib import Path

import pytest

from app.errors import CannotStart
from app.settings import Settings, as_environment, read_settings, secret_settings
from tests.server_process import dno

URL = "postgresql://dno:s3cret@one/dno"


def read(**environment: str) -> Settings:
    return read_settings(environment)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(URL + "\n")
    return path


def test_every_setting_that_holds_a_password_or_a_key_is_marked_as_secret() -> None:
    """By name; one that is no secret is listed here."""
    public = {"public_url", "language_model_url", "edge_fastly_url", "edge_cloudflare_url"}
    named = {
        name
        for name in Settings.__struct_fields__
        if isinstance(getattr(Settings(), name), str)
        and re.search(r"(url|key|token|secret|password)$", name)
        and name not in public
    }
    assert named == secret_settings()


@pytest.mark.parametrize("prefix", ["", "DNO_"])
def test_every_secret_setting_is_read_from_the_file_that_is_named(file: Path, prefix: str) -> None:
    for name in secret_settings():
        text = URL if "database" in name else "redis://:s3cret@one"
        file.write_text(text + "\n")
        assert getattr(read(**{f"{prefix}{name.upper()}_FILE": str(file)}), name) == text


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_line_breaks_at_the_end_of_the_file_are_no_part_of_the_secret(file: Path, end: str) -> None:
    file.write_bytes(("key=ä " + end).encode())
    assert read(LANGUAGE_MODEL_KEY_FILE=str(file)).language_model_key == "key=ä "


def test_a_setting_that_is_no_secret_cannot_be_in_a_file(file: Path) -> None:
    with pytest.raises(CannotStart, match="There is no setting DNO_PORT_FILE"):
        read(DNO_PORT_FILE=str(file))


def test_a_misspelt_name_of_a_file_is_refused_with_the_right_one(file: Path) -> None:
    for wrong in ("DATABASE_URL_FIEL", "DNO_DATABASE_URL_FIEL"):
        with pytest.raises(CannotStart, match=f"{wrong}; did you mean {wrong.replace('FIEL', 'FILE')}"):
            read(**{wrong: str(file)})


@pytest.mark.parametrize("value", ["DATABASE_URL", "DNO_DATABASE_URL"])
@pytest.mark.parametrize("name", ["DATABASE_URL_FILE", "DNO_DATABASE_URL_FILE"])
def test_a_value_beside_a_file_is_refused(file: Path, value: str, name: str) -> None:
    with pytest.raises(CannotStart, match=f"The settings {value} and {name} are both given") as refused:
        read(**{value: URL, name: str(file)})
    assert "s3cret" not in str(refused.value)


def test_empty_variables_count_as_absent(file: Path) -> None:
    assert read(DATABASE_URL="", DATABASE_URL_FILE=str(file)).database_url == URL
    assert read(DATABASE_URL=URL, DATABASE_URL_FILE="").database_url == URL


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b" \n", "is empty"),
        (b"s3cret\nsecond\n", "holds more than one line, or control characters"),
        (b"s3cret\0", "holds more than one line, or control characters"),
        (b"s3cret\xff", "is not text in UTF-8"),
        (b"s3cret" * 2**14, "is longer than 65536 bytes"),
    ],
)
def test_what_is_no_secret_is_refused_without_its_content(file: Path, content: bytes, reason: str) -> None:
    file.write_bytes(content)
    with pytest.raises(CannotStart) as refused:
        read(LANGUAGE_MODEL_KEY_FILE=str(file))
    assert str(refused.value) == f"The setting LANGUAGE_MODEL_KEY_FILE names {file}, which {reason}."


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # without a writer: reading it would wait
    for path, reason in (
        (tmp_path / "missing", r"cannot be read \(No such file or directory\)"),
        (tmp_path, "is no file"),
        (tmp_path / "pipe", "is no file"),
    ):
        with pytest.raises(CannotStart, match=f"DNO_REDIS_URL_FILE names {path}, which {reason}"):
            read(DNO_REDIS_URL_FILE=str(path))


def test_a_worker_process_gets_the_values_and_no_names_of_files(file: Path) -> None:
    given = {"DATABASE_URL_FILE": str(file), "DNO_LANGUAGE_MODEL_KEY_FILE": str(file)}
    settings = read(**given)
    file.unlink()
    assert read(**{**given, **as_environment(settings)}) == settings


def test_a_command_reports_an_address_in_a_file_like_any_other(file: Path) -> None:
    file.write_text("mysql://dno:s3cret@one/dno\n")
    refused = dno("migrate", environment={"DATABASE_URL_FILE": str(file)})
    assert refused.returncode == 1
    assert "The setting DATABASE_URL is wrong: it begins with none of postgresql://" in refused.stderr
    assert "s3cret" not in refused.stderr
