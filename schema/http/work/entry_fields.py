"""The fields of an entry as texts of a form: read from the input types of mutations, so that a new family needs no line here."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_nullable_type,
)

from app.importers.decimals import Decimal, Decimals, used_by
from app.web.language import Language
from schema.http.rest_operations import Map
from schema.root import schema
from schema.types.scalars import read_decimal

# Those that every correction has, and that are no values of the entry.
_CONTROLS: Final = frozenset(("id", "expectedVersion", "force", "reason", "verify"))
_ALIASES: Final = {
    "levyKind": "kind",
    "levyUnit": "unit",
    "priceLevel": "voltageLevel",
    "ruleYear": "year",
}
# What not every kind of entry has.
_ABSENT: Final = dict.fromkeys(("dno", "year", "voltageLevel", "season", "publication"))
# Between the parts of a line; a dash only between two times, since values may have one.
_BETWEEN: Final = re.compile(r"\s*[–-]\s*(?=[0-9]{1,2}:)|\s+")
_WHOLE: Final = re.compile(r"-?[0-9]{1,9}", re.ASCII)


class Unreadable(ValueError):
    """`german`, `english`: why a text is no value of its field."""

    def __init__(self, german: str, english: str) -> None:
        super().__init__(english)
        self.german = german
        self.english = english


class EntryField(NamedTuple):
    """`choices`: the values of an enumeration. `parts`: the fields of each line, where the value is a list of objects.

    `many`: a list, with one item in each line. `required`: sent with every correction.
    """

    name: str
    scalar: str
    choices: Sequence[str] = ()
    parts: Sequence["EntryField"] = ()
    many: bool = False
    required: bool = False


def correction_of(entry: Map) -> str:
    """The mutation that corrects it: `correctTariff`."""
    return f"correct{_MUTATIONS.get(entry['__typename'], entry['__typename'])}"


_MUTATIONS: Final = {"TimeOfUseTariff": "TimeOfUse"}


def fields_of(entry: Map) -> Sequence[EntryField]:
    """Those that a correction may change."""
    name = correction_of(entry)
    return _fields(f"{name[0].upper()}{name[1:]}Input")


def may_be_empty(entry: Map, field: EntryField) -> bool:
    """Whether this field of the entry may be null. Corrections read null as "unchanged" where it may not."""
    kind = schema._schema.type_map[entry["__typename"]]
    assert isinstance(kind, GraphQLObjectType)
    held = kind.fields.get(field.name)
    return held is None or not isinstance(held.type, GraphQLNonNull)


def plain(entry: Map) -> Map:
    """The entry with the names of the API: operations have others where those of several types differ in their type."""
    named = {_ALIASES.get(name, name): value for name, value in entry.items()}
    return {**_ABSENT, **named, "sourceUrl": (entry.get("source") or {}).get("url")}


def texts_of(entry: Map, language: Language) -> dict[str, str]:
    """The values of a plain entry as they stand in the form."""
    return {field.name: _text(entry.get(field.name), field, language) for field in fields_of(entry)}


def value_of(field: EntryField, text: str, language: Language) -> Any:
    """What the mutation is sent; None for an empty text. Raises Unreadable."""
    if field.many:
        return [_line(line.strip(), field, language) for line in text.splitlines() if line.strip()]
    text = text.strip()
    return _scalar(text, field, language) if text else None


@cache
def _fields(input_name: str) -> Sequence[EntryField]:
    wanted = schema._schema.type_map[input_name]
    assert isinstance(wanted, GraphQLInputObjectType)
    return tuple(_field(name, each.type) for name, each in wanted.fields.items() if name not in _CONTROLS)


def _field(name: str, wanted: Any) -> EntryField:
    required, wanted = isinstance(wanted, GraphQLNonNull), get_nullable_type(wanted)
    many = isinstance(wanted, GraphQLList)
    inner = get_nullable_type(wanted.of_type) if many else wanted
    parts: Sequence[EntryField] = ()
    if isinstance(inner, GraphQLInputObjectType):
        parts = tuple(_field(part, each.type) for part, each in inner.fields.items())
    choices = tuple(inner.values) if isinstance(inner, GraphQLEnumType) else ()
    return EntryField(name, inner.name, choices, parts, many, required)


def _text(value: Any, field: EntryField, language: Language) -> str:
    if value is None:
        return ""
    if not field.many:
        return _shown(value, field, language)
    return "\n".join(_shown_line(item, field, language) for item in value)


def _shown_line(item: Any, field: EntryField, language: Language) -> str:
    if not field.parts:
        return _shown(item, field, language)
    shown = [_shown(item[part.name], part, language) for part in field.parts]
    if [part.name for part in field.parts[-2:]] == ["start", "end"]:
        shown[-2:] = [f"{shown[-2]}–{shown[-1]}"]
    return " ".join(shown)


def _shown(value: Any, field: EntryField, language: Language) -> str:
    text = str(value)
    return text.replace(".", ",") if field.scalar == "Decimal" and language == "de" else text


def _line(line: str, field: EntryField, language: Language) -> Any:
    if not field.parts:
        return _scalar(line, field, language)
    pieces = _BETWEEN.split(line)
    if len(pieces) != len(field.parts):
        raise Unreadable(
            f"„{line[:60]}“ hat nicht {len(field.parts)} Angaben.",
            f"“{line[:60]}” has not {len(field.parts)} parts.",
        )
    return {
        part.name: _scalar(piece, part, language) for part, piece in zip(field.parts, pieces, strict=True)
    }


def _scalar(text: str, field: EntryField, language: Language) -> Any:
    if field.choices and text not in field.choices:
        raise Unreadable(
            f"„{text[:60]}“ ist keiner von {', '.join(field.choices)}.",
            f"“{text[:60]}” is none of {', '.join(field.choices)}.",
        )
    if field.scalar == "Int":
        if not _WHOLE.fullmatch(text):
            raise Unreadable(f"„{text[:60]}“ ist keine ganze Zahl.", f"“{text[:60]}” is no whole number.")
        return int(text)
    return _with_point(text, language) if field.scalar == "Decimal" else text


def _with_point(text: str, language: Language) -> str:
    """A number that leaves two readings is read as the language of the page writes numbers. Raises Unreadable."""
    used = used_by(text.lstrip("-")) or (Decimal.COMMA if language == "de" else Decimal.POINT)
    try:
        number = Decimals(used, stated=True, exact=False).with_point(text)
        read_decimal(number)
    except ValueError:
        raise Unreadable(f"„{text[:60]}“ ist keine Zahl.", f"“{text[:60]}” is no number.") from None
    return number


def differences(
    fields: Sequence[EntryField], texts: Mapping[str, str], before: Mapping[str, str]
) -> list[EntryField]:
    """The fields whose texts differ in more than white space."""
    return [each for each in fields if texts[each.name].split() != before[each.name].split()]
