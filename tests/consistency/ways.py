"""The ways in which the same figures can be asked for: each is answered by another layer of what is kept."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from csv import DictReader
from hashlib import sha256
from io import StringIO
from itertools import count
from typing import Any, NamedTuple, TypeAlias

import httpx

from tests.consistency.fleet import Instance
from tests.consistency.seed import LEVELS, LEVY, PRICE, READ_WITH, TIME_OF_USE, YEAR

SHOWN = (
    f"tariffs(year: {YEAR}) {{ voltageLevel version leistung }}"
    f" timeOfUse(year: {YEAR}) {{ version bands {{ price }} }}"
    f" prices(year: {YEAR}, kinds: [{PRICE}]) {{ version amount }}"
)
POINT = f"query($slug: String!) {{ dno(slug: $slug) {{ slug {SHOWN} }} levies(year: {YEAR}) {{ version value }} }}"
NODES = f"query($first: Int!) {{ dnos(first: $first) {{ nodes {{ slug {SHOWN} }} }} }}"
AROUND = (
    f"query($first: Int!) {{ dnos(first: $first) {{ edges {{ node {{ slug"
    f" tariffs {{ dno {{ slug {SHOWN} }} }} timeOfUse {{ dno {{ slug {SHOWN} }} }}"
    f" prices {{ dno {{ slug {SHOWN} }} }} }} }} }} }}"
)
RANKED = (
    f'query($level: VoltageLevel!) {{ rankTariffs(year: {YEAR}, voltageLevel: $level, consumptionKwh: "9000",'
    ' peakLoadKw: "1") { tariff { voltageLevel version leistung dno { slug } } } }'
)
_BILL = "dno { slug } bill { positions { entry { ... on Tariff { voltageLevel version leistung } ... on Price { version amount } } } }"
BILLS = (
    f"query($slug: String!, $kwh: Decimal!) {{ rankBills(first: 100, input: {{year: {YEAR}, voltageLevel: MS, metering: RLM,"
    f' consumptionKwh: $kwh, peakLoadKw: "1"}}) {{ bills {{ {_BILL} }} }}'
    f" compareBills(slugs: [$slug], profile: HOUSEHOLD, year: {YEAR}) {{ {_BILL} }} }}"
)

_numbers = count()


class Refused(Exception):
    """A request that was not answered as it should be."""


class Seen(NamedTuple):
    """`version` 0, `leistung` empty: not shown."""

    slug: str
    level: str
    version: int
    leistung: str


Way: TypeAlias = Callable[[Instance, str], Awaitable[list[Seen]]]


async def ask(
    instance: Instance, query: str, headers: Mapping[str, str] | None = None, **variables: object
) -> dict[str, Any]:
    """By POST; raises Refused, or what httpx raises."""
    asked = {"query": query, "variables": variables}
    answer = await instance.client.post("/graphql", json=asked, headers=headers)
    return _data(answer.status_code, answer.content)


async def point(instance: Instance, slug: str) -> list[Seen]:
    """A whole answer."""
    return _seen_at_point(await ask(instance, POINT, slug=slug))


async def point_not_cached(instance: Instance, slug: str) -> list[Seen]:
    """Another document each time: from records."""
    return _seen_at_point(await ask(instance, f"{POINT} # {next(_numbers)}", slug=slug))


async def nodes(instance: Instance, slug: str) -> list[Seen]:
    """Seldom asked before, but made of fragments that were."""
    data = await ask(instance, NODES, first=next(_numbers) % 90 + 10)
    return _seen(data["dnos"]["nodes"])


async def around(instance: Instance, slug: str) -> list[Seen]:
    """Fragments that rest on more than one operator's record."""
    data = await ask(instance, AROUND, first=next(_numbers) % 30 + 10)
    nodes = [edge["node"] for edge in data["dnos"]["edges"]]
    return _seen(
        [entry["dno"] for node in nodes for entry in node["tariffs"] + node["timeOfUse"] + node["prices"]]
    )


async def ranked(instance: Instance, slug: str) -> list[Seen]:
    """From a statement of its own."""
    data = await ask(instance, RANKED, level=LEVELS[next(_numbers) % len(LEVELS)])
    return [_one(row["tariff"]["dno"]["slug"], row["tariff"]) for row in data["rankTariffs"]]


async def billed(instance: Instance, slug: str) -> list[Seen]:
    """From the records of all operators, under the tag of the year."""
    data = await ask(instance, BILLS, slug=slug, kwh=str(9000 + next(_numbers) % 3))
    rows = [*data["rankBills"]["bills"], *data["compareBills"]]
    return [
        _of_position(row["dno"]["slug"], position["entry"])
        for row in rows
        for position in row["bill"]["positions"]
        if position["entry"]
    ]


async def persisted(instance: Instance, slug: str) -> list[Seen]:
    """As browsers ask: by the document's hash, and whether what they have still holds.

    The same bytes each time: on a connection that is kept, these leave early.
    """
    variables = {"slug": slug}
    named = {"persistedQuery": {"version": 1, "sha256Hash": sha256(POINT.encode()).hexdigest()}}
    parameters = {"variables": json.dumps(variables), "extensions": json.dumps(named)}
    body = await _get(instance, parameters)
    if b'"PERSISTED_QUERY_NOT_FOUND"' in body:
        body = await _get(instance, {**parameters, "query": POINT})
    return _seen_at_point(_data(200, body))


async def _get(instance: Instance, parameters: dict[str, str]) -> bytes:
    return await _get_page(instance, str(httpx.URL("/graphql", params=parameters)))


async def _get_page(instance: Instance, page: str, accept: str = "application/json") -> bytes:
    """Revalidates what was kept by its ETag."""
    etag, kept = instance.pages.get(page, ("", b""))
    headers = {"accept": accept} | ({"if-none-match": etag} if etag else {})
    answer = await instance.client.get(page, headers=headers)
    if answer.status_code == 304:
        return kept
    if answer.status_code == 200 and "etag" in answer.headers:
        instance.pages[page] = (answer.headers["etag"], answer.content)
    elif answer.status_code != 200:
        raise Refused(f"{answer.status_code}: {answer.text[:500]}")
    return answer.content


_ALIASES = (
    'query($slug: String!, $year: Int!) {{ a: dno(slug: $slug) {{ slug {0} }} b: dno(slug: "netze-2") {{ slug {0} }}'
    ' c: dno(slug: $slug) {{ slug {0} }} d: dno(slug: "absent") {{ slug {0} }} # {1}\n }}'
)
_BY_YEAR = SHOWN.replace(str(YEAR), "$year")
LISTED = (
    f"query($slug: String!) {{ entries(first: 100, filter: {{dno: $slug, year: {YEAR}}}) {{ nodes {{ __typename"
    " ... on Tariff { voltageLevel version leistung } ... on TimeOfUseTariff { version bands { price } }"
    " ... on Price { version amount } } } }"
)
CHANGED = (
    "query($slug: String!) { changes(first: 100, filter: {dno: $slug}) { nodes { revision { version } entry { __typename"
    " ... on Tariff { voltageLevel version leistung } ... on TimeOfUseTariff { version bands { price } }"
    " ... on Price { version amount } } } } }"
)
_ON_PAGE = {
    level: re.compile(pattern + r"([\d.]+)")
    for level, pattern in (
        ("MS", r'<th scope="row">medium voltage</th>\s*<td class="figure">'),
        ("NS", r'<th scope="row">low voltage</th>\s*<td class="figure">'),
        (TIME_OF_USE, "<p>ST "),
        (PRICE, r'SLP\)\s*<br><span class="difference">low voltage</span></th>\s*<td class="figure">'),
    )
}


async def aliased(instance: Instance, slug: str) -> list[Seen]:
    """Texts of aliases, of which one is of no operator."""
    data = await ask(instance, _ALIASES.format(_BY_YEAR, next(_numbers) % 5), slug=slug, year=YEAR)
    if data["d"] is not None:
        raise Refused("an operator that does not exist")
    return _seen([data["a"], data["b"], data["c"]])


async def listed(instance: Instance, slug: str) -> list[Seen]:
    """From a statement of its own, under the tag of all entries of the operator."""
    nodes = (await ask(instance, LISTED, slug=slug))["entries"]["nodes"]
    by_type: dict[str, list[dict[str, Any]]] = {"Tariff": [], "TimeOfUseTariff": [], "Price": []}
    for node in nodes:
        by_type[node.pop("__typename")].append(node)
    return _seen(
        [
            {
                "slug": slug,
                "tariffs": by_type["Tariff"],
                "timeOfUse": by_type["TimeOfUseTariff"],
                "prices": by_type["Price"],
            }
        ]
    )


async def batched(instance: Instance, slug: str) -> list[Seen]:
    """Behind another operation of the same request."""
    asked = [{"query": "{ __typename }"}, {"query": POINT, "variables": {"slug": slug}}]
    answer = await instance.client.post("/graphql", json=asked)
    try:
        [_, second] = answer.json()
    except ValueError:
        raise Refused(f"{answer.status_code}: {answer.text[:500]}") from None
    return _seen_at_point(_data(answer.status_code, json.dumps(second).encode()))


async def streamed(instance: Instance, slug: str) -> list[Seen]:
    """As the only event of a stream."""
    asked = {"query": POINT, "variables": {"slug": slug}}
    answer = await instance.client.post("/graphql", json=asked, headers={"accept": "text/event-stream"})
    event = next((line for line in answer.text.splitlines() if line.startswith("data: {")), answer.text)
    return _seen_at_point(_data(answer.status_code, event.removeprefix("data: ").encode()))


async def changed(instance: Instance, slug: str) -> list[Seen]:
    """The history of an operator, with each entry as it is now."""
    seen: list[Seen] = []
    for change in (await ask(instance, CHANGED, slug=slug))["changes"]["nodes"]:
        entry = change["entry"]
        level = {"Price": PRICE, "TimeOfUseTariff": TIME_OF_USE}.get(
            entry["__typename"], entry.get("voltageLevel", "")
        )
        leistung = entry.get("leistung") or entry.get("amount") or entry["bands"][0]["price"]
        seen.append(Seen(slug, level, entry["version"], leistung))
        if not any(one.level == level and not one.leistung for one in seen):  # the latest is the first
            seen.append(Seen(slug, level, change["revision"]["version"], ""))
    return seen


async def questioned(instance: Instance, slug: str) -> list[Seen]:
    """In words."""
    words = {"query": f"Netzentgelte {slug.replace('-', ' ')} {YEAR}"}
    answer = await instance.client.post("/api/v1/query/natural", json=words)
    if answer.status_code != 200:
        raise Refused(f"{answer.status_code}: {answer.text[:500]}")
    return [_one(slug, tariff) for tariff in answer.json()["tariffs"]]


async def levied(instance: Instance, slug: str) -> list[Seen]:
    """The levies of the year by a REST address."""
    levies = json.loads(await _get_page(instance, f"/api/v1/levies/{YEAR}"))
    return [Seen(READ_WITH, levy["kind"], levy["version"], levy["value"]) for levy in levies]


async def paged(instance: Instance, slug: str) -> list[Seen]:
    """The page of an operator, as a browser shows it."""
    page = (await _get_page(instance, f"/en/operators/{slug}/{YEAR}", "text/html")).decode()
    found = [(level, pattern.search(page)) for level, pattern in _ON_PAGE.items()]
    if missing := [level for level, match in found if match is None]:
        raise Refused(f"not on the page: {missing}")
    return [Seen(slug, level, 0, match[1]) for level, match in found if match]


async def exported(instance: Instance, slug: str) -> list[Seen]:
    """As files, which are read from PostgreSQL."""
    seen: list[Seen] = []
    for table, column in (("tariffs", "leistung"), ("time-of-use", "price_ct_per_kwh"), ("prices", "amount")):
        answer = await instance.client.get(f"/export/{table}.csv", params={"dno": slug, "year": YEAR})
        if answer.status_code != 200:
            raise Refused(f"{answer.status_code}: {answer.text[:500]}")
        for row in DictReader(StringIO(answer.text)):
            level = {"time-of-use": TIME_OF_USE, "prices": PRICE}.get(table) or row["voltage_level"]
            seen.append(Seen(slug, level, 0, row[column]))
    return seen


async def rest(instance: Instance, slug: str) -> list[Seen]:
    """By a REST address, revalidated by its ETag."""
    data = json.loads(await _get_page(instance, f"/api/v1/dnos/{slug}/{YEAR}"))
    data["prices"] = [one for one in data["prices"] if one["kind"] == PRICE]
    data["timeOfUse"] = [
        {**one, "bands": [band for band in one["bands"] if band["band"] == "ST"]} for one in data["timeOfUse"]
    ]
    return _seen([data])


async def nodes_by_get(instance: Instance, slug: str) -> list[Seen]:
    data = _data(200, await _get(instance, {"query": NODES, "variables": json.dumps({"first": 50})}))
    return _seen(data["dnos"]["nodes"])


async def ranked_by_get(instance: Instance, slug: str) -> list[Seen]:
    variables = {"level": LEVELS[next(_numbers) % len(LEVELS)]}
    data = _data(200, await _get(instance, {"query": RANKED, "variables": json.dumps(variables)}))
    return [_one(row["tariff"]["dno"]["slug"], row["tariff"]) for row in data["rankTariffs"]]


WAYS: tuple[Way, ...] = (
    point,
    point_not_cached,
    nodes,
    around,
    ranked,
    billed,
    persisted,
    aliased,
    listed,
    batched,
    streamed,
    changed,
    questioned,
    levied,
    paged,
    exported,
    rest,
)
# By GET, so that an edge stores them: of one operator, and of all.
AT_EDGE: tuple[Way, ...] = (persisted, nodes_by_get, ranked_by_get)


def _data(status: int, content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except ValueError:
        raise Refused(f"{status}: {content[:200]!r}") from None
    if status != 200 or "errors" in body:
        raise Refused(f"{status}: {json.dumps(body)[:500]}")
    data: dict[str, Any] = body["data"]
    return data


def _seen_at_point(data: dict[str, Any]) -> list[Seen]:
    levies = [Seen(READ_WITH, LEVY, levy["version"], levy["value"]) for levy in data["levies"]]
    return [*_seen([data["dno"]]), *levies]


def _seen(dnos: list[dict[str, Any]]) -> list[Seen]:
    return [
        *(_one(dno["slug"], tariff) for dno in dnos for tariff in dno["tariffs"]),
        *(
            Seen(dno["slug"], TIME_OF_USE, tariff["version"], tariff["bands"][0]["price"])
            for dno in dnos
            for tariff in dno["timeOfUse"]
        ),
        *(
            Seen(dno["slug"], PRICE, price["version"], price["amount"])
            for dno in dnos
            for price in dno["prices"]
        ),
    ]


def _one(slug: str, tariff: dict[str, Any]) -> Seen:
    return Seen(slug, tariff["voltageLevel"], tariff["version"], str(tariff["leistung"]))


def _of_position(slug: str, entry: dict[str, Any]) -> Seen:
    return _one(slug, entry) if "leistung" in entry else Seen(slug, PRICE, entry["version"], entry["amount"])
