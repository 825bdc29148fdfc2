"""A client that requests pages as browsers do, and what is read and executed on them."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Final

import httpx

from tests.integration.graph.running import Running

BROWSER: Final = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
SCRIPT: Final = "<script>alert('x')</script>"


def base_of(server: Running) -> str:
    return server.url.removesuffix("/graphql")


def browser_of(server: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=base_of(server), headers=BROWSER)


def text_of(page: httpx.Response) -> str:
    """What is read on the page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def main_of(page: httpx.Response) -> str:
    """What is read between the header and the footer."""
    start, end = page.text.index("<main"), page.text.index("</main>")
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text[start:end])).split())


def links_of(page: httpx.Response, part: str) -> list[str]:
    """The addresses of links that have this part."""
    return [address for address in map(unescape, re.findall(r'href="([^"]+)"', page.text)) if part in address]


def active_parts_of(page: httpx.Response) -> list[str]:
    """Elements with scripts, and attributes that execute or style something."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            names = sorted(name for name, _ in attributes)
            if tag in ("script", "style", "iframe", "object") or any(
                name.startswith("on") or name == "style" for name in names
            ):
                found.append(" ".join((tag, *names)))

    Reader().feed(page.text)
    return found
