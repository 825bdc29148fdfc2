"""Renders the templates of pages; all values are escaped."""

import re
from functools import cache
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import HERE, static_assets
from app.web.page_view import PageView

# In a name they would turn round what a page states after it: "2026" would be read "6202". Attributes keep them,
# so that forms send values as they are stored; in tags, ">" is escaped.
_MARKS: Final = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_MARK_OUTSIDE_TAGS: Final = re.compile(f"(<[^>]*>)|[{_MARKS}]")


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
    if any(mark in page for mark in _MARKS):
        return _MARK_OUTSIDE_TAGS.sub(lambda found: found[1] or "", page)
    return page


def _shown(value: object) -> object:
    """What is not known has no text."""
    return "" if value is None else value
