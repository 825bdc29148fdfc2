"""Requests that never repeat, each of which a server might remember: documents, refusals, variables, names, questions."""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import count

from tests.hostile.attack import Attack, Target

AT_ONCE = 8
ALIASED = " ".join(
    f'p{{0}}_{i}: dno(slug: "netze-bw") {{{{ name slug tariffs(year: 2025) {{{{ leistung }}}} }}}}'
    for i in range(10)
)
INVALID = " ".join(f"nothing{i}: a" for i in range(25))


async def send_all(target: Target, bodies: Iterator[bytes], number: int) -> int:
    """So many of them over a few connections that stay open; how many were answered."""
    left = iter(range(number))
    answered = 0

    async def go_on() -> None:
        nonlocal answered
        with suppress(OSError, EOFError):
            async with target.connect() as (reader, writer):
                for _ in left:
                    writer.write(_request(target, next(bodies)))
                    head = await reader.readuntil(b"\r\n\r\n")
                    length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                    await reader.readexactly(int(length))
                    answered += 1

    await asyncio.gather(*(go_on() for _ in range(AT_ONCE)))
    return answered


def _request(target: Target, body: bytes) -> bytes:
    lines = [
        "POST /graphql HTTP/1.1",
        f"Host: {target.host}:{target.port}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in target.headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def _bodies(one: Callable[[str], dict[str, object]]) -> Iterator[bytes]:
    """Never the same as those of an earlier attack either."""
    run = secrets.token_hex(4)
    return (json.dumps(one(f"{run}{number}")).encode() for number in count())


def points() -> Iterator[bytes]:
    text = 'query A%s { dno(slug: "netze-bw") { name slug tariffs(year: 2025) { leistung arbeit } } }'
    return _bodies(lambda name: {"query": text % name})


def aliased_points() -> Iterator[bytes]:
    return _bodies(lambda name: {"query": "{ " + ALIASED.format(name) + " }"})


def left_to_the_executor() -> Iterator[bytes]:
    text = "query A%s { __schema { queryType { name } } dnos(first: 5) { nodes { slug } } }"
    return _bodies(lambda name: {"query": text % name})


def invalid() -> Iterator[bytes]:
    return _bodies(lambda name: {"query": f"query A{name} {{ dnos {{ {INVALID} }} }}"})


def cut_off() -> Iterator[bytes]:
    return _bodies(lambda name: {"query": f"query A{name} {{ " + "a { b " * 300})


def unused_variables() -> Iterator[bytes]:
    """Almost as much as a body may hold, under an answer of a few bytes."""
    padding = "x" * 1_000_000
    return _bodies(lambda name: {"query": "{ __typename }", "variables": {"unused": name + padding}})


def never_the_same_arguments() -> Iterator[bytes]:
    text = "query ($name: String!) { dnos(first: 2, filter: {search: $name}) { nodes { slug tariffs { year } } } }"
    return _bodies(lambda name: {"query": text, "variables": {"name": name}})


def bills() -> Iterator[bytes]:
    text = (
        'query ($input: ConsumptionInput!) { dno(slug: "netze-bw") { slug bill(input: $input)'
        " { positions { name amount } net missing warnings { message } } } }"
    )

    def one(name: str) -> dict[str, object]:
        kwh = f"{int(name, 16) % 10**12}.{len(name):06}"
        given = {
            "year": 2025,
            "voltageLevel": "NS",
            "metering": "SLP",
            "consumptionKwh": kwh,
            "meter": name * 10,
        }
        return {"query": text, "variables": {"input": given}}

    return _bodies(one)


def places() -> Iterator[bytes]:
    text = "query ($code: String!, $city: String) { dnosAt(postalCode: $code, city: $city) { share dno { slug } } }"
    return _bodies(
        lambda name: {"query": text, "variables": {"code": f"{int(name, 16) % 10**5:05}", "city": name * 10}}
    )


def persisted() -> Iterator[bytes]:
    def one(name: str) -> dict[str, object]:
        text = f"query A{name} {{ coverage {{ totalEntries }} }} #" + "x" * 10_000
        extension = {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}
        return {"query": text, "extensions": {"persistedQuery": extension}}

    return _bodies(one)


def questions() -> Iterator[bytes]:
    text = "query ($text: String!) { naturalQuery(query: $text) { cached answer } }"
    return _bodies(lambda name: {"query": text, "variables": {"text": f"Netzentgelt {name} " + "zu " * 250}})


def _flood(bodies: Callable[[], Iterator[bytes]], full: int) -> Callable[[Target], Awaitable[None]]:
    async def act(target: Target) -> None:
        await send_all(target, bodies(), target.count(full))

    return act


ATTACKS = [
    Attack(name, "memory", _flood(bodies, full))
    for name, bodies, full in (
        ("documents that never repeat", points, 5000),
        ("ten aliased points that never repeat", aliased_points, 1500),
        ("documents for the executor that never repeat", left_to_the_executor, 3000),
        ("invalid documents that never repeat", invalid, 3000),
        ("documents that break off", cut_off, 1500),
        ("a megabyte of variables that nothing uses", unused_variables, 200),
        ("arguments that never repeat", never_the_same_arguments, 5000),
        ("bills of consumptions that never repeat", bills, 5000),
        ("places that never repeat", places, 5000),
        ("persisted queries that never repeat", persisted, 3000),
        ("questions that never repeat", questions, 3000),
    )
]
