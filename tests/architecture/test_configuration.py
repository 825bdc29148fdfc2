"""docs/configuration.md tells of every setting, and of no other."""

import re
from pathlib import Path
from typing import Any

import msgspec

from app.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_setting_is_told_with_its_default() -> None:
    told = {name: default for name, default, _, _ in ROW.findall(PAGE.read_text())}
    assert told == {field.name: _text(field.default) for field in msgspec.structs.fields(Settings)}


def test_they_stand_in_the_same_order() -> None:
    assert [row[0] for row in ROW.findall(PAGE.read_text())] == list(Settings.__struct_fields__)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if value in ("", (), None):
        return "–"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
