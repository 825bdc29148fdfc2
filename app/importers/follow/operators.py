"""Operators of the crawler and ours: which is which, and which values of ours follow."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid5

import msgspec

from app.db.crawler_database import Columns as Available
from app.db.followed_operators import Columns, Mapped, Own
from app.domain.company_name import slug_of, without_legal_form
from app.domain.folding import fold
from app.importers.follow.figures import Unfit
from app.importers.registry import PARSERS

# Names of all ids that following makes; the same in every release.
NAMESPACE: Final = UUID("6f0d3a52-5a0e-5d6c-9b57-0c1f7a7e2d11")

_TRANSMISSION: Final = "übertragungsnetzbetreiber"
# Our column, and where the crawler has it: the first that has a value.
_SOURCES: Final[Mapping[str, Sequence[str]]] = {
    "name": ("name", "official_name", "register_registered_name"),
    "official_name": ("official_name", "register_registered_name", "name"),
    "mastr_nr": ("mastr_nr", "register_mastr_nr"),
    "bdew_code": ("primary_bdew_code",),
    "acer_code": ("register_acer_code",),
    "vnb_id": ("vnb_id",),
    "region": ("region", "register_region"),
    "website": ("website",),
    "closed_network": ("register_closed_network",),
    "connection_points_ns": ("register_connection_points_ns",),
    "connection_points_ms": ("register_connection_points_ms",),
    "connection_points_hs": ("register_connection_points_hs",),
    "connection_points_hoes": ("register_connection_points_hoe",),
    "capacity_mw_total": ("register_total_capacity_mw",),
    "capacity_mw_solar": ("register_solar_capacity_mw",),
    "capacity_mw_wind": ("register_wind_capacity_mw",),
}
_FLAGS: Final = ("closed_network", "transmission")
_SLUG: Final = "slug"  # the crawler's: another one is another alias


class Operator(msgspec.Struct, frozen=True):
    """One of the crawler's operators. `columns` lacks those that its database does not have."""

    id: int
    created: str
    slug: str
    columns: Columns


class Matched(NamedTuple):
    operator: Operator
    own: Own | None  # None: a new one


def read_operator(row: Mapping[str, Any], available: Available) -> tuple[Operator | None, list[Unfit]]:
    """None for one without a usable name. Unusable values of other columns are left out."""
    unfit: list[Unfit] = []
    columns: Columns = {}
    for column, sources in _SOURCES.items():
        if not any(_is_there(available, name) for name in sources):
            continue
        columns[column] = ""
        for name in sources:
            try:
                columns[column] = _value(column, (row[name] or "").strip())
            except ValueError as error:
                if column != "bdew_code":  # the crawler keeps what it found, unchecked
                    unfit.append(Unfit(name, f"{column} {error}"))
            if columns[column]:
                break
    if not columns.get("name"):
        return None, [Unfit("", "has no usable name")]
    columns |= _of_json(row, available)
    return Operator(row["id"], row["created_at"] or "", (row["slug"] or "").strip(), columns), unfit


def _is_there(available: Available, name: str) -> bool:
    table, column = (
        ("dno_mastr_data", name.removeprefix("register_")) if name.startswith("register_") else ("dnos", name)
    )
    return available.has(table, column)


def _value(column: str, text: str) -> str:
    if column == "name":
        return PARSERS["name"](without_legal_form(text)) if text else ""
    if column.startswith("capacity_mw"):
        return PARSERS[column](_plain(text))
    if column == "website":
        return _website(text)
    if column == "mastr_nr" and text and not (text.startswith("SNB") and text[3:].isdigit()):
        raise ValueError("is no number of an operator such as SNB982046657236")
    if column in _FLAGS:
        return text if text in ("true", "false") else ""
    return PARSERS[column](text)


def _plain(text: str) -> str:
    try:
        number = Decimal(text) if text else None
    except InvalidOperation:
        return text
    if number is None or not number.is_finite():
        return text
    digits = f"{number:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits


def _website(text: str) -> str:
    """An address of the web, also without its scheme."""
    try:
        parts = urlsplit(text if "//" in text else f"//{text}")
    except ValueError:
        raise ValueError("is no address") from None
    if text and (parts.scheme not in ("", "http", "https") or "." not in (parts.hostname or "")):
        raise ValueError("is no address of the web")
    return PARSERS["website"](text)


def _of_json(row: Mapping[str, Any], available: Available) -> Columns:
    columns: Columns = {}
    if available.has("dno_mastr_data", "address_components"):
        found = _json(row["register_address_components"])
        found = found if isinstance(found, dict) else {}
        for column, name in (("city", "city"), ("postal_code", "zip")):
            text = found.get(name)
            try:
                columns[column] = PARSERS[column](str(text).strip() if text else "")
            except ValueError:
                columns[column] = ""
    if available.has("dno_mastr_data", "marktrollen"):
        roles = _json(row["register_marktrollen"])
        named = " ".join(str(role) for role in roles) if isinstance(roles, list) else ""
        columns["transmission"] = "true" if _TRANSMISSION in named.lower() else "false"
    return columns


def _json(text: str | None) -> Any:
    try:
        return msgspec.json.decode(text) if text else None
    except (msgspec.DecodeError, RecursionError):
        return None


class Matching:
    """By the number of the register, then as before, then by the name without legal form."""

    def __init__(self, own: Sequence[Own], mapped: Sequence[Mapped]) -> None:
        added = {each.dno_id for each in mapped if each.added and each.gone}
        usable = [each for each in own if not each.deleted or each.id in added]
        self._by_id = {each.id: each for each in usable}
        deleted = [each for each in own if each.deleted and each.id not in added]
        self._deleted = {each.id for each in deleted}
        self._deleted_numbers = {each.columns["mastr_nr"] for each in deleted} - {""}
        self._by_number = {
            each.columns["mastr_nr"]: each for each in reversed(usable) if each.columns["mastr_nr"]
        }
        self._before = {each.source_id: each for each in sorted(mapped, key=lambda each: not each.gone)}
        self._by_name: dict[str, dict[UUID, Own]] = defaultdict(dict)
        for each in usable:
            for column in ("name", "official_name"):
                if each.columns[column]:
                    self._by_name[_name_key(each.columns[column])][each.id] = each

    def match(self, operator: Operator) -> Matched | Unfit:
        number = operator.columns.get("mastr_nr", "")
        if (found := self._by_number.get(number)) is not None:
            return Matched(operator, found)
        before = self._before.get(operator.id)
        if before is not None and before.created == operator.created:
            if before.dno_id in self._by_id:
                return Matched(operator, self._by_id[before.dno_id])
            if before.dno_id in self._deleted:
                return Unfit("", "was deleted here")
        if number in self._deleted_numbers:
            return Unfit("", "was deleted here")
        named = [
            each
            for each in self._by_name.get(_name_key(operator.columns["name"]), {}).values()
            if not number or not each.columns["mastr_nr"]
        ]
        if len(named) > 1:
            slugs = " and ".join(sorted(each.columns["slug"] for each in named))
            return Unfit("", f"has the name of {slugs}")
        return Matched(operator, named[0] if named else None)


def _name_key(name: str) -> str:
    return fold(without_legal_form(name))


class Plan(NamedTuple):
    """What is to be written. `mapped`: what has changed of it. `remapped`: operators there are others here than before."""

    new: Sequence[Mapping[str, Any]]
    changed: Sequence[Mapping[str, Any]]
    aliases: Sequence[tuple[UUID, str]]
    mapped: Sequence[Mapped]
    unfit: Mapping[int, Sequence[Unfit]]
    matched: int
    remapped: bool

    @property
    def is_empty(self) -> bool:
        return not (self.new or self.changed or self.mapped)


def plan(
    operators: Sequence[Operator], unreadable: Collection[int], own: Sequence[Own], mapped: Sequence[Mapped]
) -> Plan:
    """`unreadable`: ids of operators that are there as well. They stay what they were."""
    return _Planning(own, mapped).plan(operators, unreadable)


class _Planning:
    def __init__(self, own: Sequence[Own], mapped: Sequence[Mapped]) -> None:
        self._matching = Matching(own, mapped)
        self._mapped = {(each.source_id, each.dno_id): each for each in mapped}
        self._slugs = {each.columns["slug"] for each in own}
        self._ids = {each.id for each in own}
        self._deleted = {each.id for each in own if each.deleted}
        self._new_by_number: dict[str, Own] = {}
        self._new_by_name: dict[str, Own] = {}
        self._written: set[UUID] = set()
        self._new: list[Mapping[str, Any]] = []
        self._changed: list[Mapping[str, Any]] = []
        self._aliases: list[tuple[UUID, str]] = []
        self._now: dict[tuple[int, UUID], Mapped] = {}
        self._unfit: dict[int, list[Unfit]] = {}

    def plan(self, operators: Sequence[Operator], unreadable: Collection[int]) -> Plan:
        for operator in operators:
            found = self._matching.match(operator)
            if isinstance(found, Unfit):
                self._unfit[operator.id] = [found]
            else:
                self._take(operator, found.own or self._new_before(operator))
        unmatched = {*unreadable, *self._unfit}
        self._now |= {
            key: each for key, each in self._mapped.items() if key[0] in unmatched and not each.gone
        }
        gone = [
            msgspec.structs.replace(each, gone=True)
            for key, each in self._mapped.items()
            if key not in self._now and not each.gone
        ]
        changed = [each for key, each in self._now.items() if each != self._mapped.get(key)]
        remapped = bool(gone) or any(self._is_new(key) for key in self._now)
        return Plan(
            self._new,
            self._changed,
            self._aliases,
            [*changed, *gone],
            self._unfit,
            len(self._now),
            remapped,
        )

    def _is_new(self, key: tuple[int, UUID]) -> bool:
        before = self._mapped.get(key)
        return before is None or before.gone

    def _new_before(self, operator: Operator) -> Own | None:
        """One that the crawler has twice is one here."""
        number = operator.columns.get("mastr_nr", "")
        if number and number in self._new_by_number:
            return self._new_by_number[number]
        found = self._new_by_name.get(_name_key(operator.columns["name"]))
        if found is None or (number and found.columns["mastr_nr"]):
            return None
        return found

    def _take(self, operator: Operator, own: Own | None) -> None:
        added = own is None
        if own is None:
            own = self._add(operator)
        key = (operator.id, own.id)
        before = self._mapped.get(key)
        first = own.id not in self._written  # of several rows for one operator
        self._written.add(own.id)
        applied = operator.columns if first else {}
        recorded = dict(before.applied) if before else {}
        slug = recorded.pop(_SLUG, "")
        if not added and first:
            self._follow(own, operator, recorded if before and not before.gone else {})
        self._now[key] = Mapped(
            operator.id,
            operator.created,
            own.id,
            added or bool(before and before.added),
            False,
            applied | {_SLUG: operator.slug},
        )
        if operator.slug not in ("", slug, own.columns["slug"]) and len(operator.slug) <= 200:
            self._aliases.append((own.id, operator.slug))

    def _follow(self, own: Own, operator: Operator, applied: Columns) -> None:
        """Values that the crawler has changed; at first only those that are missing here."""
        columns = dict(own.columns)
        for name, value in operator.columns.items():
            if applied:
                if value != applied.get(name, "") and (value or name != "name"):
                    columns[name] = value
            elif not columns[name] or (name in _FLAGS and value == "true"):
                columns[name] = value
        if columns != own.columns or own.id in self._deleted:
            self._changed.append({"id": own.id, **columns})

    def _add(self, operator: Operator) -> Own:
        columns = dict.fromkeys(PARSERS, "") | operator.columns | {"slug": self._slug(operator)}
        own = Own(self._id(operator), deleted=False, columns=columns)
        self._ids.add(own.id)
        self._slugs.add(columns["slug"])
        if columns["mastr_nr"]:
            self._new_by_number.setdefault(columns["mastr_nr"], own)
        self._new_by_name.setdefault(_name_key(columns["name"]), own)
        self._new.append({"id": own.id, **columns})
        return own

    def _slug(self, operator: Operator) -> str:
        columns = operator.columns
        candidates = (
            slug_of(columns["name"]),
            slug_of(columns.get("official_name", "")),
            slug_of(f"{columns['name']} {columns.get('mastr_nr', '')}"),
            slug_of(f"operator {operator.id} {columns['name']}"[:150]),
            f"operator-{operator.id}",
        )
        return _first_free(candidates, self._slugs)

    def _id(self, operator: Operator) -> UUID:
        names = (f"dnos:{operator.id}", f"dnos:{operator.id}:{operator.created}")
        for made in (uuid5(NAMESPACE, name) for name in names):
            if made not in self._ids:
                return made
        return next(
            made
            for n in range(2, len(self._ids) + 3)
            if (made := uuid5(NAMESPACE, f"{names[1]}:{n}")) not in self._ids
        )


def _first_free(candidates: Iterable[str], taken: set[str]) -> str:
    candidates = [each for each in candidates if each]
    for each in candidates:
        if each not in taken:
            return each
    last = candidates[-1]
    return next(each for n in range(2, len(taken) + 3) if (each := f"{last}-{n}") not in taken)


def entry_id(source: str, source_id: int, key: Sequence[str]) -> str:
    """Stable for a row of the crawler as long as it has that operator, year, level and season."""
    return str(uuid5(NAMESPACE, ":".join((source, str(source_id), *key))))
