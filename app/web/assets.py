"""The static files of pages, and their addresses."""

from functools import cache
from pathlib import Path
from typing import Final

from app.http.static_assets import StaticAssets

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"


@cache
def static_assets() -> StaticAssets:
    own = [path for path in STATIC.iterdir() if path.suffix in (".css", ".js", ".svg")]
    return StaticAssets(own, HERE / "assets")
