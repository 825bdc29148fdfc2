"""docs/limits.md lists the limits with their defaults, and the error codes."""

import re
from pathlib import Path

import msgspec

from app.http.errors import STATUSES
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


def test_every_code_with_a_status_is_documented() -> None:
    # Mutations return these in their payload.
    assert set(STATUSES) - {"INVALID", "NOT_FOUND", "CONFLICT"} <= set(re.findall(r"`([A-Z_]+)`", PAGE))
