"""The operator that a cell names: by slug, name, alias, or code of the register, of the BDEW or of the VNBdigital portal."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Final
from uuid import UUID

from rapidfuzz import fuzz, process

from app.domain.folding import fold, fold_case
from app.importers.source import References

# Each suggestion compares with all names of all operators; a file of other operators has none for its later rows.
_MAX_SUGGESTIONS: Final = 50
_MAX_NAME_LENGTH: Final = 300
# Codes that a spreadsheet shall not take for numbers.
_AS_TEXT: Final = re.compile(r"\s*(?:=\"([^\"]*)\"|'(.*))\s*")
_SIMILAR: Final = 60  # of 100
_UNKNOWN: Final = "no operator has this slug, name or code"


def operator(references: References) -> Callable[[str], str]:
    """A parser that gives the operator's id. Names are compared without case; one of several operators is refused."""
    ids = {slug: str(dno_id) for slug, dno_id in references.operators.items()}
    names = _names(references.operator_names, ids)
    nearest = _nearest(names)

    @lru_cache(maxsize=10_000)
    def by_name(cell: str) -> str:
        if len(cell) > _MAX_NAME_LENGTH:  # no name, and not searched
            raise ValueError(_UNKNOWN)
        text = cell if (match := _AS_TEXT.fullmatch(cell)) is None else match[1] or match[2]
        slugs = names.get(key(text), frozenset())
        if len(slugs) == 1:
            return ids[next(iter(slugs))]
        if slugs:
            raise ValueError(f"is the name or code of {' and '.join(sorted(slugs))}; give the slug")
        raise ValueError(_UNKNOWN + nearest(cell))

    def parse(cell: str) -> str:
        found = ids.get(cell)
        if found is not None:
            return found
        if not cell.strip():
            raise ValueError("is empty")
        return by_name(cell)

    return parse


def _names(pairs: Iterable[tuple[str, str]], ids: Mapping[str, UUID | str]) -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {key(slug): frozenset({slug}) for slug in ids}
    for slug, name in pairs:
        if slug in ids:
            found[key(name)] = found.get(key(name), frozenset()) | {slug}
    return found


def key(name: str) -> str:
    return " ".join(fold_case(name).split())


def _nearest(names: Mapping[str, frozenset[str]]) -> Callable[[str], str]:
    plain = {name: fold(name) for name in names}
    left = _MAX_SUGGESTIONS

    def nearest(cell: str) -> str:
        nonlocal left
        if left == 0:
            return ""
        left -= 1
        found = process.extract(fold(cell), plain, scorer=fuzz.ratio, limit=5, score_cutoff=_SIMILAR)
        slugs = dict.fromkeys(slug for _, _, name in found for slug in sorted(names[name]))
        return f"; the nearest are {', '.join([*slugs][:3])}" if slugs else ""

    return nearest
