"""Renders the templates of pages; all values are escaped."""

from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.web.assets import HERE, static_assets
from app.web.page_view import PageView


def render(template: str, view: PageView, /, **values: Any) -> bytes:
    """`template`: name of a file in app/web/templates without its suffix."""
    return (
        _environment()
        .get_template(f"{template}.html")
        .render(values, view=view, text=view.text, number=view.number, assets=static_assets().addresses)
        .encode()
    )


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


def _shown(value: object) -> object:
    """What is not known has no text."""
    return "" if value is None else value
