"""Markdown as HTML: anchors at headings, addresses of links given by the caller, nothing that executes or styles."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from unicodedata import normalize

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

# The address of a link, or None where it leads to nothing that is served.
Resolve = Callable[[str], str | None]
# The address that opens a GraphQL document, or None.
OpenQuery = Callable[[str], str | None]


class Heading(NamedTuple):
    level: int
    anchor: str
    text: str


class Article(NamedTuple):
    """`headings`: without the title."""

    title: str
    html: Markup
    headings: Sequence[Heading]


def render_markdown(text: str, resolve: Resolve, open_query: OpenQuery) -> Article:
    """HTML in the text is shown as text."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    for name, rule in _RULES.items():
        parser.add_render_rule(name, rule)
    tokens = parser.parse(text)
    headings = list(_anchored(tokens))
    _resolve_links(tokens, resolve)
    _replace_styles(tokens)
    html = parser.renderer.render(tokens, parser.options, {"open_query": open_query})
    title = next((heading.text for heading in headings if heading.level == 1), "")
    return Article(title, Markup(html), [heading for heading in headings if heading.level > 1])  # noqa: S704


def _anchored(tokens: Sequence[Token]) -> Iterator[Heading]:
    """Gives each heading an id, as GitHub does, and a link to it."""
    used: dict[str, int] = {}
    for opening, inline in itertools.pairwise(tokens):
        if opening.type != "heading_open":
            continue
        children = inline.children or []
        text = "".join(child.content for child in children if child.type in ("text", "code_inline"))
        name = anchor_of(text)
        used[name] = used.get(name, -1) + 1
        anchor = f"{name}-{used[name]}" if used[name] else name
        opening.attrSet("id", anchor)
        level = int(opening.tag[1:])
        if level > 1:
            inline.children = [*children, _link_to(anchor, text)]
        yield Heading(level, anchor, text)


def anchor_of(heading: str) -> str:
    letters = re.sub(r"[^\w\- ]", "", normalize("NFC", heading).lower())
    return letters.replace(" ", "-")


def _link_to(anchor: str, text: str) -> Token:
    return Token("anchor", "a", 0, attrs={"href": f"#{anchor}", "class": "anchor"}, content=text)


def _resolve_links(tokens: Sequence[Token], resolve: Resolve) -> None:
    for inline in tokens:
        kept: list[Token] = []
        open_links: list[bool] = []
        for token in inline.children or ():
            if token.type == "link_open":
                address = resolve(str(token.attrGet("href") or ""))
                open_links.append(address is not None)
                if address is None:
                    continue
                token.attrs = {"href": address}
                if ":" in address:
                    token.attrSet("rel", "noreferrer")
            elif token.type == "link_close" and not open_links.pop():
                continue
            kept.append(token)
        if inline.children is not None:
            inline.children = kept


def _replace_styles(tokens: Sequence[Token]) -> None:
    """Aligned cells have a class instead of a style; a head without text is no head."""
    closing = ""
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type in ("th_open", "td_open"):
            if "right" in str(token.attrs.pop("style", "")):
                token.attrSet("class", "figure")
            if token.type == "th_open":
                empty = following is not None and not following.content.strip()
                token.tag = closing = "td" if empty else "th"
                if not empty:
                    token.attrSet("scope", "col")
        elif token.type == "th_close":
            token.tag = closing


def _anchor(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    label = escape(f"Link to {token.content}")
    return f' <a class="anchor" href="{escape(token.attrGet("href"))}" aria-label="{label}">#</a>'


def _table_open(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return '<div class="scroll" tabindex="0" role="group" aria-label="Table"><table>\n'


def _table_close(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return "</table></div>\n"


def _code(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    block = f'<pre tabindex="0"><code>{escape(token.content)}</code></pre>\n'
    address = env["open_query"](token.content) if token.info.strip() == "graphql" else None
    if address is None:
        return block
    return f'{block}<p class="open"><a href="{escape(address)}">Open in GraphiQL</a></p>\n'


def _image(_: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return str(escape(tokens[index].content))


_RULES: Final[dict[str, Callable[..., str]]] = {
    "anchor": _anchor,
    "table_open": _table_open,
    "table_close": _table_close,
    "fence": _code,
    "code_block": _code,
    "image": _image,
}
