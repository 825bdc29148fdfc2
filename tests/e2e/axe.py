"""What axe-core finds on a page."""

import json

import pytest

from app.web.assets import HERE
from tests.e2e.browser import Page

_AXE = HERE / "graphiql" / "node_modules" / "axe-core" / "axe.min.js"

needs_axe = pytest.mark.skipif(not _AXE.exists(), reason="axe-core was not installed: there is no npm")


async def violations_of(page: Page) -> list[tuple[str, list[str]]]:
    """Each rule that is violated, with the first elements that violate it."""
    await page.evaluate(_AXE.read_text() + ";0")
    found = await page.evaluate("axe.run().then((result) => JSON.stringify(result.violations))")
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in json.loads(found)]


async def set_scheme(page: Page, scheme: str) -> None:
    """`light` or `dark`."""
    await page.command(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}]
    )
