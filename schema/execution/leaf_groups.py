"""Writes adjacent leaves of one object as JSON in one call.

Most values of a response are leaves, and function calls dominate the time: one function for each number of leaves, up to
six, reads their attributes together and formats them in one f-string (docs/decisions/0040). Larger groups are split.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from schema.execution.leaf_serializers import CannotWrite, Leaf
from schema.execution.plan import Attribute, Constant, Writer

MAX_GROUP = 6


def group_writer(parts: Sequence[Constant | Attribute], before: str = "", after: str = "") -> Writer:
    """The writer raises CannotWrite for null as the object. `before`, `after`: constant text around the group."""
    texts, leaves = [before], [part for part in parts if isinstance(part, Attribute)]
    for number, part in enumerate(parts):
        comma = "," if number else ""
        if isinstance(part, Constant):
            texts[-1] += comma + part.text
        else:
            texts[-1] += comma + part.key
            texts.append("")
    texts[-1] += after
    return _writer(texts, leaves)


def _writer(texts: Sequence[str], leaves: Sequence[Attribute]) -> Writer:
    """`texts`: one before each leaf and one after the last."""
    if len(leaves) > MAX_GROUP:
        first = _writer([*texts[:MAX_GROUP], ""], leaves[:MAX_GROUP])
        others = _writer(texts[MAX_GROUP:], leaves[MAX_GROUP:])
        return lambda value, slots: first(value, slots) + others(value, slots)
    if not leaves:
        return _constant(texts[0])
    get: Callable[[Any], Any] = attrgetter(*[leaf.name for leaf in leaves])
    return _BY_NUMBER[len(leaves)](texts, get, [leaf.write for leaf in leaves])


def _constant(text: str) -> Writer:
    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return text

    return write


def _one(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, after), (a,) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return f"{before_a}{a(get(value))}{after}"

    return write


def _two(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, before_b, after), (a, b) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        p, q = get(value)
        return f"{before_a}{a(p)}{before_b}{b(q)}{after}"

    return write


def _three(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, before_b, before_c, after), (a, b, c) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        p, q, r = get(value)
        return f"{before_a}{a(p)}{before_b}{b(q)}{before_c}{c(r)}{after}"

    return write


def _four(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, before_b, before_c, before_d, after), (a, b, c, d) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        p, q, r, s = get(value)
        return f"{before_a}{a(p)}{before_b}{b(q)}{before_c}{c(r)}{before_d}{d(s)}{after}"

    return write


def _five(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, before_b, before_c, before_d, before_e, after), (a, b, c, d, e) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        p, q, r, s, t = get(value)
        return f"{before_a}{a(p)}{before_b}{b(q)}{before_c}{c(r)}{before_d}{d(s)}{before_e}{e(t)}{after}"

    return write


def _six(texts: Sequence[str], get: Callable[[Any], Any], leaves: Sequence[Leaf]) -> Writer:
    (before_a, before_b, before_c, before_d, before_e, before_f, after), (a, b, c, d, e, f) = texts, leaves

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        p, q, r, s, t, u = get(value)
        return (
            f"{before_a}{a(p)}{before_b}{b(q)}{before_c}{c(r)}"
            f"{before_d}{d(s)}{before_e}{e(t)}{before_f}{f(u)}{after}"
        )

    return write


_BY_NUMBER = {1: _one, 2: _two, 3: _three, 4: _four, 5: _five, 6: _six}
