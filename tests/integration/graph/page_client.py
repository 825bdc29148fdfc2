"""A client that requests pages as browsers do, and what is read on them."""

import re
from html import unescape
from typing import Final

import httpx

from tests.integration.graph.running import Running

BROWSER: Final = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


def browser_of(server: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=server.url.removesuffix("/graphql"), headers=BROWSER)


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
