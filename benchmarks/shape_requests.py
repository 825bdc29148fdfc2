"""Requests of other shapes than points and lists: deep, wide, with many aliases, computed, introspection, pages."""

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from graphql import (
    GraphQLObjectType,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

from benchmarks.queries import HOT, SEED, address, household, post
from benchmarks.registry import LEVELS, SLUGS, YEARS
from schema.root import schema

ALIASES = 30
# Operators that have prices, levies and time-of-use tariffs, beside their Netzentgelte and windows.
EQUIPPED = SLUGS[:120]

DEEP = (
    "query Deep($first: Int!, $after: String, $year: Int) { dnos(first: $first, after: $after) { nodes { slug name"
    " tariffs(year: $year) { voltageLevel leistung"
    " dno { slug region tariffs(year: $year) { voltageLevel arbeit } } } } } }"
)
POINT = (
    "p{number}: dno(slug: {slug}) {{ slug name tariffs(year: {year}) {{ voltageLevel leistung arbeit }} }}"
)
FRAGMENTS = (
    "query Fragments($first: Int!, $after: String, $year: Int, $prices: Boolean!, $windows: Boolean!)"
    " { dnos(first: $first, after: $after) { nodes"
    " { ...Operator ...Prices @include(if: $prices) ...Windows @include(if: $windows) } } }"
    " fragment Operator on Dno { slug name region }"
    " fragment Prices on Dno { tariffs(year: $year) { ...Price } }"
    " fragment Price on Tariff { voltageLevel leistung arbeit }"
    " fragment Windows on Dno { hlzf(year: $year) { season windows { start end } } }"
)
HISTORY = (
    "query History($first: Int!, $after: String, $year: Int) { dnos(first: $first, after: $after) { nodes { slug"
    " tariffs(year: $year) { id history { version kind changedAt changes { field before after } } } } } }"
)
BILLS = (
    "query Bills($after: String, $input: ConsumptionInput!) { dnos(first: 50, after: $after) { nodes"
    " { slug bill(input: $input) { network levies net vat gross missing } } } }"
)
SERIES = (
    "query Series($slug: String!, $year: Int!, $from: DateTime!, $to: DateTime!) { dno(slug: $slug) { slug"
    " timeOfUseTariff(year: $year) { prices(from: $from, to: $to) { start end band price } } } }"
)
QUESTION = (
    "query Question($question: String!) { naturalQuery(query: $question) { answer"
    " tariffs { voltageLevel leistung arbeit } hlzf { season windows { start end } } } }"
)
QUESTIONS = (
    "Netzentgelte {name} {year}",
    "Was kostet die Mittelspannung bei {name} {year}?",
    "Hochlastzeitfenster {name} {year}",
    "grid fees of {name} in {year}, level {level}",
)


Requests = Callable[[random.Random, Sequence[str]], Iterator[bytes]]


def _pages(document: str, first: int, **more: Callable[[random.Random], object]) -> Requests:
    """Lists of about `first` operators, each with another start, length or year."""

    def requests(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
        starts = cursors[: -first - 1]
        while True:
            others = {name: draw(chance) for name, draw in more.items()}
            yield post(
                document,
                first=first - chance.randrange(4),
                after=chance.choice(starts),
                year=chance.choice(YEARS),
                **others,
            )

    return requests


def _aliases_with_variables(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    declared = ", ".join(f"$s{number}: String!" for number in range(ALIASES))
    fields = " ".join(
        POINT.format(number=number, slug=f"$s{number}", year="$year") for number in range(ALIASES)
    )
    document = f"query Aliases($year: Int, {declared}) {{ {fields} }}"
    while True:
        slugs = {f"s{number}": slug for number, slug in enumerate(chance.choices(SLUGS, k=ALIASES))}
        yield post(document, year=chance.choice(YEARS), **slugs)


def _aliases_with_literals(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    while True:
        points = [
            POINT.format(number=number, slug=json.dumps(chance.choice(SLUGS)), year=chance.choice(YEARS))
            for number in range(ALIASES)
        ]
        yield post(f"{{ {' '.join(points)} }}")


def _wide() -> str:
    """Every field of every family, with all that it holds."""
    types = schema._schema.type_map
    families = {
        "tariffs(year: $year)": "Tariff",
        "hlzf(year: $year)": "Hlzf",
        "timeOfUse(year: $year)": "TimeOfUseTariff",
        "prices(year: $year)": "Price",
        "holidayRules": "HolidayRule",
    }
    fields = " ".join(f"{field} {{ {_all_fields(types[name])} }}" for field, name in families.items())
    return (
        "query Wide($first: Int!, $after: String, $year: Int)"
        f" {{ dnos(first: $first, after: $after) {{ nodes {{ slug {fields} }} }} }}"
    )


def _all_fields(type: object) -> str:
    """Without those that lead to other entries or need arguments."""
    assert isinstance(type, GraphQLObjectType)
    found = []
    for name, field in type.fields.items():
        if name in ("dno", "history", "previousYear") or any(map(is_required_argument, field.args.values())):
            continue
        named = get_named_type(field.type)
        if is_leaf_type(named):
            found.append(name)
        elif is_object_type(named):
            found.append(f"{name} {{ {_all_fields(named)} }}")
    return " ".join(found)


def _bills(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    while True:
        yield post(
            BILLS,
            after=chance.choice(cursors[: len(EQUIPPED) - 50]),
            input=household(chance.randrange(1_000, 100_000)),
        )


def _series(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    """A month of one operator, as changes of the price."""
    year = HOT["year"]
    while True:
        start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * chance.randrange(96 * 330))
        moments = {"from": start.isoformat(), "to": (start + timedelta(days=30)).isoformat()}
        yield post(SERIES, slug=chance.choice(EQUIPPED), year=year, **moments)


def _questions(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    while True:
        names = {
            "name": f"Stadtwerke Nürnförde {chance.randrange(len(SLUGS)):03}",
            "year": chance.choice(YEARS),
            "level": chance.choice(LEVELS),
        }
        yield post(QUESTION, question=chance.choice(QUESTIONS).format(**names))


def _introspection(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    while True:
        yield post(get_introspection_query())


def _explorer(chance: random.Random, cursors: Sequence[str]) -> Iterator[bytes]:
    while True:
        path = f"/operators?offset={50 * chance.randrange(18)}&year={chance.choice(YEARS)}"
        yield address(path, accept="text/html")


SHAPES: Mapping[str, Requests] = {
    "deep: operators, tariffs, operator, tariffs": _pages(DEEP, 10),
    f"{ALIASES} points with variables": _aliases_with_variables,
    f"{ALIASES} points with literals": _aliases_with_literals,
    "fragments with @include, 20 operators": _pages(
        FRAGMENTS,
        20,
        prices=lambda chance: chance.random() < 0.7,
        windows=lambda chance: chance.random() < 0.7,
    ),
    "100 operators, all fields of all families": _pages(_wide(), 100),
    "history of 100 entries": _pages(HISTORY, 20),
    "bills of 50 operators": _bills,
    "§ 14a prices of a month": _series,
    "questions": _questions,
    "introspection": _introspection,
    "page of operators": _explorer,
}


def requests_of(shape: str, cursors: Sequence[str], count: int) -> list[bytes]:
    """Different ones, in the same order each time, as far as there are so many."""
    drawn = SHAPES[shape](random.Random(SEED), cursors)
    found: dict[bytes, None] = {}
    for _ in range(2 * count):
        found[next(drawn)] = None
        if len(found) >= count:
            break
    return list(found)
