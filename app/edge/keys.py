"""The keys under which caches at the edge store responses, and with which they purge them.

Each tag of a response is represented by its own key, or by that of a group that contains it: a response with many tags has
fewer and coarser keys. A purge names the keys of all tags that have changed and of all groups that contain them, so each response
that was read from one of the tags is purged, whichever of its keys it has.
"""

import base64
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from app.domain import tags
from app.domain.event import Event
from app.domain.families import BY_NAME
from app.domain.family import Family

# Every response has this key; no change purges it, only `purge everything`.
EVERYTHING: Final = "dno-all"
# Of other keys: short and of one length, so that many fit in a header. Two tags with the same key are purged together.
KEY_LENGTH: Final = 8
_DIGEST_BYTES: Final = 5
_CACHED_KEYS: Final = 20_000

_ALL: Final = "group:all"
_ENTRIES: Final = "group:entries"
_OPERATORS: Final = "group:operators"


def key_of(name: str) -> str:
    """The key of a tag or a group."""
    return base64.b32encode(blake2b(name.encode(), digest_size=_DIGEST_BYTES).digest()).decode().lower()


def names_of(tag: str) -> tuple[str, ...]:
    """The tag, and the groups that contain it, each within the next: entry, operator, family and year, family, all."""
    kind, _, rest = tag.partition(":")
    family = BY_NAME.get(kind)
    if family is not None and family.of_operators:
        dno_id, _, year = rest.partition(":")
        return tag, f"group:dno:{dno_id}", f"group:{kind}:{year}", f"group:{kind}", _ALL
    if kind in _OF_OPERATOR:
        return tag, f"group:dno:{rest}", _OF_OPERATOR[kind], _ALL
    if kind in _OF_ENTRIES:
        return tag, _ENTRIES, _ALL
    return (tag, _OPERATORS, _ALL) if kind == "slug" else (tag, _ALL)


# By the first word of the tag: the group within which those of one operator are.
_OF_OPERATOR: Final = {
    "entries": _ENTRIES,
    "years": _ENTRIES,
    "unusual_entries": _ENTRIES,
    "holiday_rules_of": _ENTRIES,
    "operator": _OPERATORS,
}
_OF_ENTRIES: Final = frozenset(("year", "held_figures", "place", "history"))


def of_family(family: Family, years: Collection[int]) -> list[str]:
    """Names for a response with entries of all operators: of some years, or of all without any. Used like tags."""
    if not family.of_operators:
        return [tags.all_of(family)]
    return [f"group:{family.name}:{year}" for year in years] or [f"group:{family.name}"]


def keys_of_response(read: Iterable[str], most: int) -> list[str]:
    """At most so many keys for a response that was read from these tags; `most` is 3 or more."""
    # By kind of tag: the names of each tag, and how coarse the kind is represented.
    by_kind: dict[str, list[tuple[str, ...]]] = {}
    for tag in read:
        if not tags.is_immutable(tag):
            by_kind.setdefault(tag.partition(":")[0], []).append(names_of(tag))
    levels = dict.fromkeys(by_kind, 0)
    chosen = {kind: _at(0, names) for kind, names in by_kind.items()}
    while len(names := set[str]().union(*chosen.values())) >= most:
        kind = max(chosen, key=lambda each: len(chosen[each]))
        if len(chosen[kind]) == 1:
            names = {_ALL}
            break
        levels[kind] += 1
        chosen[kind] = _at(levels[kind], by_kind[kind])
    return [EVERYTHING, *sorted(map(key_of, names))]


def _at(level: int, names: Collection[tuple[str, ...]]) -> set[str]:
    return {each[min(level, len(each) - 1)] for each in names}


def keys_to_purge(events: Iterable[Event]) -> Iterator[str]:
    """Of everything that these events change; a key may come several times."""
    for event in events:
        for tag in tags.of(event):
            first, *groups = names_of(tag)
            yield key_of(first)
            yield from map(_key_of_group, groups)


# Few groups are in many events.
_key_of_group = lru_cache(_CACHED_KEYS)(key_of)
