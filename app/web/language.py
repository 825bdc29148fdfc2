"""The language of a page: that of its address (`/de/…`, `/en/…`), or the one that the client prefers."""

from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from starlette.types import Scope

from app.http.request_state import joined_header

Language: TypeAlias = Literal["de", "en"]

LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")
MAX_HEADER_BYTES: Final = 500  # of Accept-Language; browsers send a tenth of it


class Address(NamedTuple):
    """A path and its prefix, which is empty where the client chooses the language."""

    prefix: str
    path: str

    @property
    def language(self) -> Language | None:
        return next((language for language in LANGUAGES if self.prefix == f"/{language}"), None)


def split_path(path: str) -> Address:
    """`/en/operators` is `/operators` in English."""
    for language in LANGUAGES:
        prefix = f"/{language}"
        if path == prefix or path.startswith(f"{prefix}/"):
            return Address(prefix, path.removeprefix(prefix) or "/")
    return Address("", path)


def language_of(scope: Scope) -> Language:
    """That of a request's page."""
    return split_path(scope["path"]).language or preferred_language(joined_header(scope, b"accept-language"))


def preferred_language(accept_language: bytes) -> Language:
    """German where neither language is accepted, or the header is missing."""
    return _preferred(accept_language[:MAX_HEADER_BYTES])


@lru_cache(512)
def _preferred(accept_language: bytes) -> Language:
    found: dict[str, float] = {}
    for part in accept_language.decode("latin-1").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        found.setdefault(name.partition("-")[0], _quality(parameters))
    rest = found.get("*", 0.0)
    best = max(LANGUAGES, key=lambda language: found.get(language, rest))
    return best if found.get(best, rest) > 0 else "de"


def _quality(parameters: list[str]) -> float:
    text = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
