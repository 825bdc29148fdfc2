"""A change of an entry in words: what, and each figure before and after, for pages and feeds."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.web.page_view import PageView

_MAX_LENGTH: Final = 160  # of a value: windows of a whole year are longer
# Texts of people may contain addresses of people, which have no place in a public list.
# From the beginning of a word only: a long word without an "@" is searched once, not from each of its letters.
_MAIL: Final = re.compile(r"(?<![^\s<>()])@*[^\s<>()@]+@[^\s<>()]+")
_OF_SOURCE: Final = ("sourceUrl", "sourceTitle")


class Difference(NamedTuple):
    """`before` and `after`: empty where there is or was no value."""

    field: str
    before: str
    after: str


class ChangeLine(NamedTuple):
    """`id`: that of the revision. `path`: the page with the entry; None where it has none. `new`: nothing was before."""

    id: UUID
    subject: str
    entry: str
    kind: str
    path: str | None
    slug: str | None
    changed_at: str
    differences: Sequence[Difference]
    source: str | None
    source_title: str
    new: bool

    @property
    def title(self) -> str:
        return f"{self.subject}: {self.entry} {self.kind}"


def change_line(view: PageView, change: Mapping[str, Any]) -> ChangeLine:
    """`change`: as the fragment of its name in schema/http/pages/queries selects it."""
    entry: Mapping[str, Any] = change["entry"] or {}
    revision, dno = change["revision"], change["dno"]
    source = entry.get("source") or {"url": None, "title": None}
    new = revision["kind"] == "CREATED"
    return ChangeLine(
        UUID(hex=revision["id"].rpartition("_")[2]),
        dno["name"] if dno else _without_operator(view, change["dataType"]),
        _entry(view, change, entry),
        view.change(revision["kind"]),
        _path(dno, change["year"]),
        dno["slug"] if dno else None,
        revision["changedAt"],
        [
            _difference(view, each, entry.get("unit"))
            for each in revision["changes"]
            if not new or (each["after"] is not None and each["field"] not in _OF_SOURCE)
        ],
        view.web(source["url"]),
        _shown(source["title"] or ""),
        new,
    )


def _without_operator(view: PageView, data_type: str) -> str:
    if data_type == "LEVY":
        return view.text("Deutschland", "Germany")
    return view.text("Gelöschter Netzbetreiber", "Deleted operator")


def _entry(view: PageView, change: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    kind = entry.get("priceKind")
    level = entry.get("level") or entry.get("levelOfPrice")
    year = change["year"]
    parts = [
        (view.price_kind(kind) if kind else view.data_type(change["dataType"]))
        + (f" {year}" if year is not None else ""),
        view.level(level) if level else "",
        view.season(entry["season"]) if "season" in entry else "",
        entry.get("levyKind") or "",
        entry.get("customerGroup") or "",
        entry.get("variant") or "",
    ]
    return ", ".join(filter(None, parts))


def _path(dno: Mapping[str, Any] | None, year: int | None) -> str | None:
    if dno is None:
        return None
    return f"/operators/{dno['slug']}" + ("" if year is None else f"/{year}")


def _difference(view: PageView, change: Mapping[str, Any], unit: str | None) -> Difference:
    name = change["field"]
    before, after = (_value(view, name, change[side], unit) for side in ("before", "after"))
    return Difference(view.field(name), before, after)


def _value(view: PageView, name: str, value: str | None, unit: str | None) -> str:
    return "" if value is None else _shown(view.field_value(name, value, unit))


def _shown(value: str) -> str:
    text = _MAIL.sub("…", value)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}…"
