"""Renders the templates of pages; all values are escaped."""

import re
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import HERE, static_assets
from app.web.page_view import DIRECTION_MARKS, PageView

# In a name they would turn round what a page states after it: "2026" would be read "6202". Attributes and the texts
# of text areas keep them, so that forms send values as they are stored; "<" and ">" are escaped there.
_MARK_OUTSIDE_TAGS: Final = re.compile(rf"(<textarea\b.*?</textarea>|<[^>]*>)|[{DIRECTION_MARKS}]", re.DOTALL)


def render(template: str, view: PageView, /, **values: Any) -> bytes:
    """`template`: name of a file in app/web/templates without its suffix."""
    page = (
        _environment()
        .get_template(f"{template}.html")
        .render(values, view=view, text=view.text, number=view.number, assets=static_assets().addresses)
    )
    return _in_one_direction(page).encode()


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )


def _in_one_direction(page: str) -> str:
    """Without characters that set the direction of the text after them."""
    if any(mark in page for mark in DIRECTION_MARKS):
        return _MARK_OUTSIDE_TAGS.sub(lambda found: found[1] or "", page)
    return page


def _shown(value: object) -> object:
    """What is not known has no text."""
    return "" if value is None else value
