"""docs/limits.md lists the limits with their defaults, and the error codes."""

import re
from pathlib import Path

import msgspec

from app.error_table import ERRORS
from app.errors import Code
from app.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text()


def test_every_limit_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| .+ \| `(LIMIT_\w+)` \| ([\d.]+) \|$", PAGE, re.MULTILINE))
    defaults = {field.name.upper(): str(field.default) for field in msgspec.structs.fields(Settings)}
    assert documented == {name: text for name, text in defaults.items() if name.startswith("LIMIT_")}


def test_every_named_setting_exists() -> None:
    named = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+)`", PAGE))
    settings = {name.upper() for name in Settings.__struct_fields__}
    codes = {
        code
        for line in PAGE.partition("## Codes")[2].splitlines()
        for code in re.findall(r"`([A-Z_]+)`", line)
    }
    assert named - codes <= settings | {"LIMIT_EXCEEDED"}


def test_every_code_is_documented_with_its_status() -> None:
    documented: dict[str, str] = {}
    for line in PAGE.partition("## Codes")[2].splitlines():
        codes = re.findall(r"`([A-Z_]+)`", line.split("|")[1]) if line.startswith("| `") else []
        statuses = re.findall(r"[0-9]{3}|–", line.split("|")[2]) if codes else []
        documented |= zip(codes, statuses * len(codes) if len(statuses) == 1 else statuses, strict=True)
    # It ends a subscription, whose response has begun long before.
    without = {Code.SLOW_SUBSCRIBER: "–"}
    assert documented == {code: str(row.status.value) for code, row in ERRORS.items()} | without


def test_the_error_table_has_every_code() -> None:
    assert set(ERRORS) == set(Code)
