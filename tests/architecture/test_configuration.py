"""docs/configuration.md lists the settings, and CHANGELOG.md the renamed ones."""

import re
from pathlib import Path
from typing import Any

import msgspec

from app.setting_names import RENAMED
from app.settings import Settings, secret_settings

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


def test_every_setting_is_documented_with_its_default() -> None:
    documented = {name: default for name, default, _, _ in ROW.findall(PAGE.read_text())}
    assert documented == {
        field.name: shown(text_of(field.default)) for field in msgspec.structs.fields(Settings)
    }


def test_settings_are_documented_in_the_order_of_the_code() -> None:
    assert [row[0] for row in ROW.findall(PAGE.read_text())] == list(Settings.__struct_fields__)


def test_the_secret_settings_are_marked() -> None:
    marked = {
        name for name, _, _, meaning in ROW.findall(PAGE.read_text()) if meaning.startswith("*Secret.*")
    }
    assert marked == secret_settings()


def test_renamed_settings_are_listed_with_their_old_names() -> None:
    section = (PAGE.parents[1] / "CHANGELOG.md").read_text().partition("### Renamed settings\n")[2]
    listed = re.findall(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \|$", section.partition("\n### ")[0], re.MULTILINE)
    assert listed == [(old.upper(), new.upper()) for old, new in RENAMED.items()]


def shown(text: str) -> str:
    return text or "–"


def text_of(value: Any) -> str:
    """As it is written in the environment."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
