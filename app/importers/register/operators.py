"""Rows of operators with what the register adds to them: codes, address and statistics.

An operator is identified by its MaStR number. A stored one without that number is the same if it has the same BDEW or
ACER code, or alone has the same name. Statistics are replaced; codes and address are filled where they are empty. An
operator of connection points that is not stored is added.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from app.domain.company_name import slug_of, without_legal_form
from app.domain.federal_state import canonical_region
from app.domain.folding import fold

Stored = dict[str, str]  # of OPERATOR_COLUMNS, as files have them; and whether it is deleted
DELETED: Final = "deleted"


class Merged(NamedTuple):
    """`rows`: of all operators that the register names, in the columns of the operators' import, by the digits of the number.

    `remarks`: what was left as it is, and why.
    """

    rows: Mapping[int, Stored]
    remarks: Sequence[str]


def merge(
    registered: Iterable[Mapping[str, Any]],
    stored: Sequence[Stored],
    capacities: frozenset[str],
    *,
    overwrite: bool,
) -> Merged:
    """`capacities`: the columns of capacities for which the export has the tables. `overwrite`: codes are replaced, too."""
    found = {row["operator"]: _facts(row, capacities) for row in registered}
    same = _Same(stored, found.values())
    taken = {each["slug"] for each in stored}
    rows: dict[int, Stored] = {}
    remarks: list[str] = []
    for number, facts in found.items():
        existing = same.stored(facts)
        if existing is None and not facts["name"]:
            remarks.append(
                f"{facts['mastr_nr']}: the export has no name for it, and no operator is stored with this number"
            )
        elif existing is None:
            rows[number] = _new(facts, taken)
        elif existing[DELETED] == "true":
            remarks.append(f"{facts['mastr_nr']}: {existing['slug']} is deleted")
        else:
            rows[number] = _merged(existing, facts, remarks, overwrite=overwrite)
    return Merged(rows, remarks)


_CODES: Final = ("mastr_nr", "bdew_code", "acer_code")
_ADDRESS: Final = ("official_name", "region", "city", "postal_code", "website")
_STATISTICS: Final = (
    "connection_points_ns",
    "connection_points_ms",
    "connection_points_hs",
    "connection_points_hoes",
    "capacity_mw_total",
    "capacity_mw_solar",
    "capacity_mw_wind",
)
_OF_STATISTICS: Final = dict(
    zip(_STATISTICS, ("ns", "ms", "hs", "hoes", "total", "solar", "wind"), strict=True)
)


def _facts(row: Mapping[str, Any], capacities: frozenset[str]) -> Stored:
    """The register's facts in the columns of the operators' import; "" for what it does not give."""
    facts = {
        "mastr_nr": f"SNB{row['operator']:012}",
        "name": without_legal_form(row["name"] or ""),
        "official_name": row["name"] or "",
        "bdew_code": row["bdew_code"] or "",
        "acer_code": row["acer_code"] or "",
        "region": _region(row["region"] or ""),
        "city": row["city"] or "",
        "postal_code": row["postal_code"] or "",
        "website": row["website"] if (row["website"] or "").startswith(("http://", "https://")) else "",
        "closed_network": "true" if row["closed"] else "false",
    }
    for column, name in _OF_STATISTICS.items():
        known = column.startswith("connection_points") or column in capacities
        facts[column] = _number(row[name]) if known else ""
    return facts


def _region(text: str) -> str:
    """A federal state; a number of the export's catalogue that the export does not explain is unknown."""
    return "" if text.isdigit() else canonical_region(text)


def _number(value: Decimal | int | None) -> str:
    """Without trailing zeros, so that a new sum of the same units is the same number."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Same:
    """Which stored operator a registered one is."""

    def __init__(self, stored: Sequence[Stored], registered: Collection[Stored]) -> None:
        self._by_number = {each["mastr_nr"]: each for each in reversed(stored) if each["mastr_nr"]}
        without = [each for each in stored if not each["mastr_nr"]]
        self._by_code = {
            column: _unique((each[column], each) for each in without if each[column]) for column in _CODES[1:]
        }
        self._by_name = _unique((fold(each["name"]), each) for each in without)
        # A name or code that several registered operators have identifies none of them.
        self._ambiguous = {
            column: {value for value, count in Counter(key(each) for each in registered).items() if count > 1}
            for column, key in _KEYS.items()
        }

        self._matched: set[str] = set()

    def stored(self, facts: Stored) -> Stored | None:
        if (existing := self._by_number.get(facts["mastr_nr"])) is not None:
            return existing
        for column, by_value in (*self._by_code.items(), ("name", self._by_name)):
            value = _KEYS[column](facts)
            match = by_value.get(value) if value not in self._ambiguous[column] else None
            if match is not None and match["slug"] not in self._matched:
                self._matched.add(match["slug"])
                return match
        return None


_KEYS: Final[Mapping[str, Callable[[Stored], str]]] = {
    "bdew_code": lambda each: each["bdew_code"],
    "acer_code": lambda each: each["acer_code"],
    "name": lambda each: fold(each["name"]),
}


def _unique(pairs: Iterable[tuple[str, Stored]]) -> dict[str, Stored]:
    by_value: dict[str, list[Stored]] = defaultdict(list)
    for value, each in pairs:
        by_value[value].append(each)
    return {value: found[0] for value, found in by_value.items() if len(found) == 1}


def _merged(existing: Stored, facts: Stored, remarks: list[str], *, overwrite: bool) -> Stored:
    row = dict(existing)
    for column in (*_CODES, *_ADDRESS):
        row[column] = existing[column] or facts[column]
    for column in _CODES:
        if facts[column] and existing[column] not in ("", facts[column]):
            if overwrite:
                row[column] = facts[column]
            else:
                kept = f"{column} is {existing[column]} in the database and {facts[column]} in the register"
                remarks.append(f"{existing['slug']}: {kept}")
    for column in _STATISTICS:
        row[column] = facts[column] or existing[column]
    return row


def _new(facts: Stored, taken: set[str]) -> Stored:
    number = facts["mastr_nr"]
    slugs = (slug_of(facts["name"]), slug_of(facts["official_name"]), slug_of(f"{facts['name']} {number}"))
    slug = next(each for each in slugs if each and each not in taken)
    taken.add(slug)
    return facts | {"slug": slug, "vnb_id": "", "transmission": "false"}
