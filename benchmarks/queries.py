"""The requests of the benchmarks, as bytes that can be sent without further work."""

import json
import random
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

from app.domain.clock import GERMANY
from benchmarks.registry import SLUGS, YEARS

POINT = (
    "query Point($slug: String!, $year: Int) { dno(slug: $slug) { slug name region tariffs(year: $year)"
    " { voltageLevel leistung arbeit leistungUnter2500h arbeitUnter2500h } } }"
)
LIST = (
    "query List($first: Int!, $after: String, $year: Int) { dnos(first: $first, after: $after) { nodes"
    " { slug name region tariffs(year: $year) { voltageLevel leistung arbeit }"
    " hlzf(year: $year) { season windows { start end } } } } }"
)
PRICES = (
    "query Prices($slug: String!, $year: Int!, $from: DateTime!, $to: DateTime!) { dno(slug: $slug) { slug name region"
    " timeOfUseTariff(year: $year) { prices(from: $from, to: $to) { start end band price } } } }"
)
ADD_TIME_OF_USE = "mutation AddTimeOfUse($input: AddTimeOfUseInput!) { addTimeOfUse(input: $input) { errors { code message } } }"
BILL = (
    "query Bill($slug: String!, $input: ConsumptionInput!) { dno(slug: $slug) { slug name bill(input: $input)"
    " { positions { name quantity price amount } network levies net vat gross missing warnings { code } } } }"
)
AT = "query At($postalCode: String!) { dnosAt(postalCode: $postalCode) { share locations basis dno { slug name region } } }"
POSTAL_CODES = [f"{number:05}" for number in range(10115, 10615)]
ADD_PRICE = (
    "mutation AddPrice($input: AddPriceInput!) { addPrice(input: $input) { errors { code message } } }"
)
ADD_LEVY = "mutation AddLevy($input: AddLevyInput!) { addLevy(input: $input) { errors { code message } } }"
CORRECT = (
    "mutation Correct($input: CorrectTariffInput!) { correctTariff(input: $input)"
    " { tariff { id leistung arbeit } errors { code message } } }"
)
CURSORS = "query Cursors($after: String) { dnos(first: 100, after: $after) { edges { cursor } } }"
TARIFF_IDS = "query TariffIds($slug: String!, $year: Int) { dno(slug: $slug) { tariffs(year: $year) { id voltageLevel } } }"
SEED = 7
LONGEST_LIST = 60
HOT: dict[str, Any] = {"slug": SLUGS[100], "year": 2025}


class RequestSequence(NamedTuple):
    """Requests and the order in which they are sent; without `order`, in sequence."""

    requests: Sequence[bytes]
    order: Sequence[int] | None = None

    def in_order(self) -> list[bytes]:
        return list(self.requests) if self.order is None else [self.requests[index] for index in self.order]


def post(query: str, key: str | None = None, **variables: object) -> bytes:
    return _post({"query": query, "variables": variables}, key)


def point(slug: str = HOT["slug"], year: int = HOT["year"]) -> bytes:
    return post(POINT, slug=slug, year=year)


def day_of_prices(day: date) -> bytes:
    """The § 14a prices of the operator of `point`, as a series of changes."""
    start, end = (
        datetime.combine(each, time(), GERMANY).isoformat() for each in (day, day + timedelta(days=1))
    )
    return post(PRICES, **HOT, **{"from": start, "to": end})


def address(path: str, accept: str = "application/json") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: {accept}\r\n\r\n".encode()


def day_address(day: date) -> bytes:
    """The same as programs read it, without GraphQL."""
    path = f"/api/v1/dnos/{HOT['slug']}/time-of-use/{day}?resolution=CHANGES"
    return address(path)


def operators_at(postal_code: str) -> bytes:
    return post(AT, postalCode=postal_code)


def household(kwh: int) -> dict[str, object]:
    """A `ConsumptionInput`."""
    return {
        "year": HOT["year"],
        "voltageLevel": "NS",
        "metering": "SLP",
        "consumptionKwh": str(kwh),
        "municipalityInhabitants": 6500,
    }


def bill(kwh: int = 3500) -> bytes:
    """What a household of the operator of `point` pays."""
    return post(BILL, slug=HOT["slug"], input=household(kwh))


def figures_of_bill(key: str, slugs: Sequence[str] = (HOT["slug"],)) -> list[bytes]:
    """Adds the prices of these operators and the levies that `bill` needs."""
    prices = [("SLP_GRUNDPREIS", "60.00"), ("SLP_ARBEITSPREIS", "7.49")]
    first, last = f"{HOT['year']}-01-01", f"{HOT['year']}-12-31"
    levies = [
        ("KWKG", "non_privileged", "0.277", {}),
        ("OFFSHORE", "non_privileged", "0.816", {}),
        ("PARAGRAF_19_STROM_NEV", "A'", "1.558", {}),
        ("KONZESSIONSABGABE", "S_TARIF_25000", "1.32", {"inhabitantsTo": 25000}),
        ("STROMSTEUER", "standard", "2.050", {}),
    ]
    return [
        *(
            post(
                ADD_PRICE,
                key,
                input={
                    "dno": slug,
                    "year": HOT["year"],
                    "voltageLevel": "NS",
                    "kind": kind,
                    "amount": amount,
                },
            )
            for slug in slugs
            for kind, amount in prices
        ),
        *(
            post(
                ADD_LEVY,
                key,
                input={
                    "kind": kind,
                    "customerGroup": group,
                    "value": value,
                    "validFrom": first,
                    "validTo": last,
                    **more,
                },
            )
            for kind, group, value, more in levies
        ),
    ]


def days_of_year() -> list[date]:
    first = date(HOT["year"], 1, 1)
    return [first + timedelta(days=n) for n in range(365)]


def time_of_use(key: str, slug: str = HOT["slug"]) -> bytes:
    """Adds a sheet of the operator with seven windows in each quarter."""
    hours = ("00:00", "06:00", "12:00", "14:15", "18:00", "21:00", "23:00", "24:00")
    windows = [
        {"quarter": quarter, "band": band, "start": start, "end": end}
        for quarter in (1, 2, 3, 4)
        for band, (start, end) in zip(
            ("NT", "ST", "NT", "ST", "HT", "ST", "NT"), pairwise(hours), strict=True
        )
    ]
    bands = [
        {"band": "HT", "price": "11.77"},
        {"band": "ST", "price": "5.96"},
        {"band": "NT", "price": "2.38"},
    ]
    entry = {"dno": slug, "year": HOT["year"], "bands": bands, "windows": windows}
    return post(ADD_TIME_OF_USE, key, input=entry)


def page(first: int = 50, after: str | None = None, year: int = HOT["year"]) -> bytes:
    return post(LIST, first=first, after=after, year=year)


def correction(key: str, id: str, leistung: str) -> bytes:
    return post(CORRECT, key, input={"id": id, "leistung": leistung})


def registration(query: str) -> bytes:
    """The request that stores a persisted document."""
    return _post({"query": query, "variables": HOT, "extensions": _by_hash(query)})


def persisted(query: str, **variables: object) -> bytes:
    path = f"/graphql?variables={_in_address(variables)}&extensions={_in_address(_by_hash(query))}"
    return address(path)


# Sequences of different requests


def all_points() -> list[tuple[str, int]]:
    """Every operator and year, the most popular first."""
    pairs = [(slug, year) for slug in SLUGS for year in YEARS]
    random.Random(SEED).shuffle(pairs)
    return pairs


def zipf(choices: int, count: int = 200_000, seed: int = SEED + 1) -> list[int]:
    """Indexes with a Zipf distribution: the first twice as often as the second."""
    shares = list(accumulate(1 / rank for rank in range(1, choices + 1)))
    chance = random.Random(seed)
    return [bisect_left(shares, chance.random() * shares[-1]) for _ in range(count)]


def popular_points() -> RequestSequence:
    pairs = all_points()
    return RequestSequence([point(*pair) for pair in pairs], zipf(len(pairs)))


def all_pages(cursors: Sequence[str]) -> list[bytes]:
    """Every operator of every year, in lists of 50; the last list of a year is shorter."""
    starts = [None, *cursors[49::50]]
    return [page(50, after, year) for year in YEARS for after in starts]


def full_pages(cursors: Sequence[str]) -> list[bytes]:
    return all_pages(cursors[: len(cursors) - len(cursors) % 50 - 1])


def lists_that_never_repeat(cursors: Sequence[str]) -> RequestSequence:
    """Each with another start, length or year."""
    starts = cursors[: len(cursors) - LONGEST_LIST]
    drawn = [
        (first, after, year) for after in starts for first in range(20, LONGEST_LIST + 1) for year in YEARS
    ]
    random.Random(SEED + 2).shuffle(drawn)
    return RequestSequence([page(*each) for each in drawn])


def with_new_documents(requests: Iterable[bytes], start: int = 0) -> Iterator[bytes]:
    """The same requests, each with a new document: its operation has a unique name.

    `start`: the number of the first name.
    """
    return (_renamed(request, number) for number, request in enumerate(requests, start))


def _renamed(request: bytes, number: int) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    content = json.loads(body)
    content["query"] = re.sub(r"\b(query|mutation) (\w+)", rf"\1 \g<2>{number}", content["query"], count=1)
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    head = re.sub(rb"content-length: \d+", b"content-length: %d" % len(body), head)
    return head + b"\r\n\r\n" + body


def popular_points_with_corrections(corrections: Sequence[bytes]) -> RequestSequence:
    """Every fiftieth request, on average, is a correction."""
    points = popular_points()
    assert points.order is not None
    order, chance = list(points.order), random.Random(SEED + 3)
    for place in chance.sample(range(len(order)), len(order) // 50):
        order[place] = len(points.requests) + chance.randrange(len(corrections))
    return RequestSequence([*points.requests, *corrections], order)


def _post(content: object, key: str | None = None) -> bytes:
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    by = f"authorization: Bearer {key}\r\n" if key else ""
    head = (
        "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
        f"content-type: application/json\r\n{by}content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _by_hash(query: str) -> object:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(query.encode()).hexdigest()}}


def _in_address(value: object) -> str:
    return quote(json.dumps(value, separators=(",", ":")), safe="")
