"""The documentation of this repository: its files by the names of their pages, and their articles."""

from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Final, NamedTuple
from urllib.parse import urlencode, urlsplit

from graphql import GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse

from app.web.assets import HERE
from app.web.markdown import Article, render_markdown

# Where an installed package has what is in `docs/` of the repository.
_PACKAGED: Final = HERE / "documentation"
_REPOSITORY: Final = HERE.parents[1]
_CHANGELOG: Final = HERE / "changelog.md"
# Files that are served under addresses of their own.
_SERVED: Final = {"schema.graphql": "/schema.graphql"}
_MAX_ARTICLES: Final = 512  # in memory; each file for each prefix of a language
_INDEX: Final = "README"


class _File(NamedTuple):
    """`path`: in the repository, which links are relative to. `place`: where it is read."""

    path: str
    place: Path


@cache
def _files() -> Mapping[str, _File]:
    """By the name of the page; the index has the empty name."""
    folder = _PACKAGED if _PACKAGED.exists() else _REPOSITORY / "docs"
    found: dict[str, _File] = {}
    for place in sorted([*folder.glob("*.md"), *folder.glob("decisions/*.md")]):
        inside = place.relative_to(folder).with_suffix("").as_posix()
        name = inside.removesuffix(_INDEX).rstrip("/") if inside.endswith(_INDEX) else inside
        found[name] = _File(f"docs/{inside}.md", place)
    changelog = _CHANGELOG if _CHANGELOG.exists() else _REPOSITORY / "CHANGELOG.md"
    found["changelog"] = _File("CHANGELOG.md", changelog)
    found["starter-data"] = _File("app/starter/README.md", HERE.parent / "starter" / "README.md")
    return found


def names() -> tuple[str, ...]:
    return tuple(_files())


def address_of(name: str) -> str:
    return f"/docs/{name}".rstrip("/")


@lru_cache(_MAX_ARTICLES)
def article(name: str, prefix: str) -> Article:
    """`name`: one of `names()`. `prefix`: that of the language, for links to other pages."""
    file = _files()[name]
    return render_markdown(
        file.place.read_text(encoding="utf-8"),
        lambda target: _resolve(target, file.path, prefix),
        _open_query,
    )


@cache
def _pages() -> Mapping[str, str]:
    """Names of pages by the paths of their files in the repository."""
    return {file.path: name for name, file in _files().items()}


def _resolve(target: str, source: str, prefix: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme in ("http", "https"):
        return target
    if parts.scheme or parts.netloc:
        return None
    fragment = f"#{parts.fragment}" if parts.fragment else ""
    if not parts.path:
        return fragment or None
    path = normpath(join(dirname(source), parts.path))
    if path in _SERVED:
        return _SERVED[path]
    name = _pages().get(path)
    return None if name is None else f"{prefix}{address_of(name)}{fragment}"


def _open_query(text: str) -> str | None:
    """Only of queries: opening a change is no reading, and a subscription has no result to show."""
    try:
        definitions = parse(text).definitions
    except GraphQLSyntaxError:
        return None
    operations = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    if not operations or any(each.operation is not OperationType.QUERY for each in operations):
        return None
    return f"/graphql?{urlencode({'query': text.strip()})}"
