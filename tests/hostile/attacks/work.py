"""Documents that are short and make a server work for long: lists in lists, searches, questions, values that no parser expects."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from itertools import count

from tests.hostile.attack import Attack, Target

AT_ONCE = 4
DIGITS = "9" * 5000
DEEP = "[" * 20_000 + "]" * 20_000
NONSENSE = "-".join(f"xyzab{chr(97 + n % 26)}{chr(97 + n // 26)}qrstu" for n in range(70))


def nested(number: int) -> dict[str, object]:
    below = "id season windows { start end }"
    for _ in range(4):
        below = f"dno {{ hlzf {{ {below} }} }}"
    return {"query": f"{{ dnos(first: 100) {{ nodes {{ hlzf {{ id a{number}: id {below} }} }} }} }}"}


def nested_on_the_executor(number: int) -> dict[str, object]:
    query = str(nested(number)["query"]).removeprefix("{")
    return {"query": "{ __schema { queryType { name } } " + query}


def negative_pages(number: int) -> dict[str, object]:
    page = "dnos(first: 100) { nodes { tariffs { dno { hlzf { dno { name } } } } } }"
    free = "dnos(first: -2147483648) { nodes { id } }"
    return {"query": f"{{ x{number}: {page} free: {free} }}"}


def searches(number: int) -> dict[str, object]:
    words = "g " * 90
    return {
        "query": _many(lambda n: f'a{n}: dnos(filter: {{search: "{words}{number}{n}"}}) {{ totalCount }}')
    }


def names(number: int) -> dict[str, object]:
    return {
        "query": _many(
            lambda n: f'a{n}: searchDnos(query: "{"stadtwerke " * 17}{number}{n}", first: 100) {{ score }}'
        )
    }


def letters_that_unfold(number: int) -> dict[str, object]:
    return {
        "query": _many(
            lambda n: f'a{n}: dnos(filter: {{search: "{chr(0xFDFA) * 190}{number}{n}"}}) {{ totalCount }}'
        )
    }


def hyphens(number: int) -> dict[str, object]:
    return {"query": _many(lambda n: f'a{n}: naturalQuery(query: "{NONSENSE}-{number}-{n}") {{ answer }}')}


def plans(number: int) -> dict[str, object]:
    """Each set of conditions is another plan of the same document."""
    declared = ", ".join(f"$a{n}: Boolean!" for n in range(20))
    fields = " ".join(f"a{n}: name @include(if: $a{n})" for n in range(20))
    variables = {f"a{n}": bool(number >> n & 1) for n in range(20)}
    return {
        "query": f"query ({declared}) {{ dnos(first: 100) {{ nodes {{ slug {fields} }} }} }}",
        "variables": variables,
    }


def _many(one: Callable[[int], str]) -> str:
    return "{ " + " ".join(one(n) for n in range(20)) + " }"


def _asked(body: Callable[[int], dict[str, object]]) -> Callable[[Target], Awaitable[None]]:
    async def act(target: Target) -> None:
        numbers = count()
        until = asyncio.get_running_loop().time() + target.hold

        async def again() -> None:
            while asyncio.get_running_loop().time() < until:
                await target.post("/graphql", json.dumps(body(next(numbers))).encode())

        await asyncio.gather(*(again() for _ in range(AT_ONCE)))

    return act


async def numbers_and_nests(target: Target) -> None:
    """Each once for every place where a value is read."""
    until = asyncio.get_running_loop().time() + target.hold
    while asyncio.get_running_loop().time() < until:
        for body in _unreadable():
            await target.post("/graphql", body.encode())
            await target.post("/api/v1/query/natural", body.encode())
        for year in (DIGITS, "-1", "%00"):
            await target.get(f"/api/v1/dnos/netze-bw/{year}")
            await target.get(f"/dnos/netze-bw/hlzf/{year}.ics")


def _unreadable() -> Iterator[str]:
    yield from (
        DEEP,
        DIGITS,
        f'{{"query": {DEEP}}}',
        f'{{"query": "{{__typename}}", "variables": {{"a": {DEEP}}}}}',
    )
    for place in ("dnos(first: %s) { totalCount }", "node(id: %s) { id }", "nodes(ids: [%s]) { id }"):
        yield json.dumps({"query": "{ " + place % DIGITS + " }"})
    yield f'{{"query": "query ($n: Int) {{ dnos(first: $n) {{ totalCount }} }}", "variables": {{"n": {DIGITS}}}}}'


ATTACKS = [
    Attack(name, "cost", act)
    for name, act in (
        ("lists in lists in lists", _asked(nested)),
        ("the same, where no plan can be made", _asked(nested_on_the_executor)),
        ("pages below zero beside dear ones", _asked(negative_pages)),
        ("twenty searches for the same letter again and again", _asked(searches)),
        ("twenty searches for names", _asked(names)),
        ("letters that unfold into eighteen", _asked(letters_that_unfold)),
        ("questions of hyphenated nonsense", _asked(hyphens)),
        ("conditions that make another plan each time", _asked(plans)),
        ("numbers of 5,000 digits and nests of 20,000", numbers_and_nests),
    )
]
