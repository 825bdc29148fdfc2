"""Those who write, read and listen, and write down what they saw."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import count, cycle
from random import Random
from time import monotonic
from typing import Any

import asyncpg
import httpx

from app.db.pool import UNREACHABLE
from tests.consistency.fleet import Fleet, Instance
from tests.consistency.operations import THE_END, Delivery, Failure, Log, Outcome, Read, Subscription, Write
from tests.consistency.postgres import PostgresServers
from tests.consistency.seed import YEAR, Price, entry_of, global_id, value
from tests.consistency.ways import AT_EDGE, WAYS, Refused, Way, ask

CORRECT_TARIFF = """mutation($input: CorrectTariffInput!) {
  payload: correctTariff(input: $input) { tariff { version } revision { id version } errors { code message } }
}"""
CORRECT_TIME_OF_USE = """mutation($input: CorrectTimeOfUseInput!) {
  payload: correctTimeOfUse(input: $input) { timeOfUse { version } revision { id version } errors { code message } }
}"""
CORRECT_PRICE = """mutation($input: CorrectPriceInput!) {
  payload: correctPrice(input: $input) { price { version } revision { id version } errors { code message } }
}"""
CORRECT_LEVY = """mutation($input: CorrectLevyInput!) {
  payload: correctLevy(input: $input) { levy { version } revision { id version } errors { code message } }
}"""
_REVISED = "{ revision { id version } errors { code message } }"
# Changes of an entry that write no value of their own, with the inputs for what is changed and for their mark.
REVISIONS = {
    name: (f"mutation($input: {kind}!) {{ payload: {name}(input: $input) {_REVISED} }}", target, mark)
    for name, kind, target, mark in (
        ("flag", "FlagInput", "id", "reason"),
        ("unflag", "VerifyInput", "id", "notes"),
        ("verify", "VerifyInput", "id", "notes"),
        ("undo", "RevertInput", "revisionId", "reason"),
        ("revert", "RevertInput", "revisionId", "reason"),
    )
}
# What nearly always comes too late, unless it follows at once; and how often it does.
_FOLLOWING = {"write": ("undo", 0.2), "flag": ("unflag", 0.8)}
IMPORTED_COLUMNS = "dno_slug,year,voltage_level,leistung,arbeit,verification_status,source_url,source_title"
# What another writer may have done before: then the entry stays as it is.
_COME_TOO_LATE = frozenset(("CONFLICT", "INVALID"))
LISTEN_TO_LEVIES = "subscription { changed: levyChanged { changedAt entry: levy { id version } } }"
LISTEN = """subscription {
  changed: dataChanged { changedAt entry {
    ... on Tariff { id version } ... on TimeOfUseTariff { id version } ... on Price { id version }
  } }
}"""


class Closed(Exception):
    """A subscription that the server has ended, with its code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Clients:
    def __init__(self, fleet: Fleet, prices: Sequence[Price], log: Log, random: Random) -> None:
        self._fleet = fleet
        self._prices = prices
        self._log = log
        self._random = random
        self._numbers = count(1)
        self._revisions = cycle(REVISIONS)  # in turn, so that also a short run has each of them
        self._slowness = 1.0
        self._latest: dict[str, str] = {}  # revisions by entry: the latest that was answered

    # Writers

    async def change_tempo_for_ever(self) -> None:
        """What only rest lets come up (a cache that is trusted again) is to be seen as well as what haste does."""
        while True:
            self._slowness = self._random.choice((1, 1, 15))
            await asyncio.sleep(self._random.uniform(1, 3))

    async def write_for_ever(self) -> None:
        """Reads at once what was written, on the same instance: the strictest of readers."""
        while True:
            instance = self._random.choice(self._fleet.instances)
            price = self._random.choice(self._prices)
            what = "write" if self._random.random() < 0.6 else next(self._revisions)
            await self.change(instance, price, what)
            then, share = _FOLLOWING.get(what, ("", 0))
            if self._random.random() < share:
                await self.change(instance, price, then)
            await self.read(instance, price.slug)
            await asyncio.sleep(self._random.uniform(0.01, 0.1) * self._slowness)

    async def import_for_ever(self) -> None:
        """Files with tariffs of several operators, over HTTP; what they changed is read at once on the same instance."""
        tariffs = [price for price in self._prices if price.is_tariff]
        while True:
            instance = self._random.choice(self._fleet.instances)
            some = self._random.sample(tariffs, self._random.randint(1, len(tariffs)))
            await self.import_tariffs(instance, some)
            async with asyncio.TaskGroup() as group:
                for slug in {price.slug for price in some}:
                    group.create_task(self.read(instance, slug))
            await asyncio.sleep(self._random.uniform(0.5, 2))

    async def change(self, instance: Instance, price: Price, what: str) -> None:
        await (self.write(instance, price) if what == "write" else self.revise(instance, price, what))

    async def write(self, instance: Instance, price: Price) -> None:
        leistung = str(value(next(self._numbers)))
        started = monotonic()
        outcome, version = Outcome.UNKNOWN, None
        try:
            payload = (await _correct(instance, price, leistung))["payload"]
            if payload["errors"]:
                self._fail(instance, started, "write", json.dumps(payload["errors"]))
                outcome = _outcome_of_refusal(json.dumps(payload["errors"]))
            else:
                outcome, version = Outcome.DONE, payload["revision"]["version"]
                self._latest[price.entry] = payload["revision"]["id"]
        except (httpx.TransportError, Refused) as error:
            self._fail(instance, started, "write", repr(error))
        finally:
            self._log.add(
                Write(
                    instance=instance.name,
                    started=started,
                    ended=monotonic(),
                    entry=price.entry,
                    leistung=leistung,
                    outcome=outcome,
                    version=version,
                )
            )

    async def revise(self, instance: Instance, price: Price, what: str) -> None:
        document, named, kept_in = REVISIONS[what]
        target = global_id(price)
        if named == "revisionId":
            if price.entry not in self._latest:
                return
            target = self._latest[price.entry]
        mark = f"{what} {next(self._numbers)}"
        started = monotonic()
        outcome, version = Outcome.UNKNOWN, None
        try:
            given = {named: target, kept_in: mark}
            payload = (await ask(instance, document, instance.as_editor, input=given))["payload"]
            codes = {error["code"] for error in payload["errors"]}
            if codes - _COME_TOO_LATE:
                self._fail(instance, started, what, json.dumps(payload["errors"]))
            if codes:
                outcome = _outcome_of_refusal(json.dumps(payload["errors"]))
            elif payload["revision"] is None:
                outcome = Outcome.REFUSED  # it was like this already
            else:
                outcome, version = Outcome.DONE, payload["revision"]["version"]
                self._latest[price.entry] = payload["revision"]["id"]
        except (httpx.TransportError, Refused) as error:
            self._fail(instance, started, what, repr(error))
        finally:
            self._log.add(
                Write(
                    instance=instance.name,
                    started=started,
                    ended=monotonic(),
                    entry=price.entry,
                    outcome=outcome,
                    version=version,
                    mark=mark,
                    what=what,
                )
            )

    async def import_tariffs(self, instance: Instance, prices: Sequence[Price]) -> None:
        """Manual corrections are overwritten, so that every row is a change."""
        values = [str(value(next(self._numbers))) for _ in prices]
        rows = [
            f"{price.slug},{YEAR},{price.level},{new},1,unverified,,"
            for price, new in zip(prices, values, strict=True)
        ]
        content = "\n".join([IMPORTED_COLUMNS, *rows, ""])
        started = monotonic()
        outcome = Outcome.UNKNOWN
        try:
            answer = await instance.client.post(
                "/api/v1/import/tariffs",
                params={"overwrite": "true"},
                content=content,
                headers={"content-type": "text/csv", **instance.as_editor},
                timeout=60,
            )
            outcome = _outcome_of_import(answer)
            if answer.status_code != 200:
                self._fail(instance, started, "import", f"{answer.status_code}: {answer.text[:500]}")
        except httpx.TransportError as error:
            self._fail(instance, started, "import", repr(error))
        finally:
            ended = monotonic()
            for price, new in zip(prices, values, strict=True):
                self._log.add(
                    Write(
                        instance=instance.name,
                        started=started,
                        ended=ended,
                        entry=price.entry,
                        leistung=new,
                        outcome=outcome,
                        what="import",
                    )
                )

    async def write_by_hand_for_ever(self, postgres: PostgresServers) -> None:
        """Writes directly to PostgreSQL, like psql or the crawler."""
        while True:
            try:
                async with _connected(postgres.url) as connection:
                    while True:
                        await self._write_by_hand(connection, self._random.choice(self._prices))
                        await asyncio.sleep(self._random.uniform(0.05, 0.3) * self._slowness)
            except (*UNREACHABLE, asyncpg.PostgresError, asyncpg.InternalClientError):
                await asyncio.sleep(0.2)

    async def _write_by_hand(self, connection: "asyncpg.Connection[Any]", price: Price) -> None:
        leistung = value(next(self._numbers))
        started = monotonic()
        outcome, version = Outcome.UNKNOWN, None
        try:
            version = await connection.fetchval(
                _update(price),
                leistung,
                price.entry,
                timeout=5,
            )
            outcome = Outcome.DONE
        finally:
            self._log.add(
                Write(
                    instance="by hand",
                    started=started,
                    ended=monotonic(),
                    entry=price.entry,
                    leistung=str(leistung),
                    outcome=outcome,
                    version=version,
                )
            )

    async def write_all_by_hand(self, database_url: str) -> None:
        """All tariffs of levels in one statement."""
        leistung = value(next(self._numbers))
        started = monotonic()
        async with _connected(database_url) as connection:
            rows = await connection.fetch(
                "UPDATE netzentgelte_data SET leistung = $1 RETURNING id, version", leistung, timeout=30
            )
        ended = monotonic()
        for row in rows:
            self._log.add(
                Write(
                    instance="by hand",
                    started=started,
                    ended=ended,
                    entry=str(row["id"]),
                    leistung=str(leistung),
                    outcome=Outcome.DONE,
                    version=row["version"],
                )
            )

    # Readers

    async def read_for_ever(self, place: int) -> None:
        while True:
            await self.read(self._fleet.instances[place], self._random.choice(self._prices).slug)
            await asyncio.sleep(self._random.uniform(0.005, 0.05))

    async def read_at_edge_for_ever(self, edge: Instance) -> None:
        """In those ways whose responses an edge may store."""
        while True:
            way = self._random.choice(AT_EDGE)
            await self.read(edge, self._random.choice(self._prices).slug, way)
            await asyncio.sleep(self._random.uniform(0.001, 0.01))

    async def read(self, instance: Instance, slug: str, way: Way | None = None) -> None:
        way = way or self._random.choice(WAYS)
        started = monotonic()
        try:
            seen = await way(instance, slug)
        except (httpx.TransportError, Refused) as error:
            self._fail(instance, started, f"read ({way.__name__})", repr(error))
            await asyncio.sleep(0.05)
            return
        ended = monotonic()
        for figure in seen:
            self._log.add(
                Read(
                    instance=instance.name,
                    started=started,
                    ended=ended,
                    entry=self._entry(figure.slug, figure.level),
                    version=figure.version,
                    leistung=figure.leistung,
                    way=way.__name__,
                )
            )

    # Subscribers

    async def listen_for_ever(self, place: int, subscriber: str, *, to_levies: bool = False) -> None:
        """A closed subscription is opened again, as another subscriber for the judge."""
        for turn in count(1):
            await self._listen(self._fleet.instances[place], f"{subscriber}.{turn}", to_levies=to_levies)
            await asyncio.sleep(0.1)

    async def _listen(self, instance: Instance, subscriber: str, *, to_levies: bool) -> None:
        deliveries: list[Delivery] = []
        started, why = monotonic(), THE_END
        opened = False
        try:
            async for event in _events(instance, LISTEN_TO_LEVIES if to_levies else LISTEN):
                if event is None:
                    started, opened = monotonic(), True
                    continue
                if (tariff := event["changed"]["entry"]) is not None:
                    changed_at = datetime.fromisoformat(event["changed"]["changedAt"]).timestamp()
                    deliveries.append(
                        Delivery(monotonic(), entry_of(tariff["id"]), changed_at, tariff["version"])
                    )
            why = "closed without a code"
        except Closed as closed:
            why = closed.code
        except (httpx.TransportError, Refused) as error:
            why = repr(error)
            if not opened:
                self._fail(instance, started, "subscribe", why)
        finally:
            if opened:
                self._log.add(
                    Subscription(
                        instance=instance.name,
                        started=started,
                        ended=monotonic(),
                        subscriber=subscriber,
                        deliveries=tuple(deliveries),
                        why_ended=why,
                        of_levies=to_levies,
                    )
                )

    def _entry(self, slug: str, level: str) -> str:
        return next(price.entry for price in self._prices if (price.slug, price.level) == (slug, level))

    def _fail(self, instance: Instance, started: float, what: str, why: str) -> None:
        self._log.add(
            Failure(instance=instance.name, started=started, ended=monotonic(), what=what, why=why[:600])
        )


def _outcome_of_import(answer: httpx.Response) -> Outcome:
    """An entry that another writer changes meanwhile is kept as it is: then each of the file may be one of these."""
    if answer.status_code != 200:
        return _outcome_of_refusal(answer.text)
    return Outcome.UNKNOWN if answer.json()["keptCount"] else Outcome.DONE


def _outcome_of_refusal(text: str) -> Outcome:
    """It states that it is not known whether it was written; otherwise nothing was."""
    return Outcome.UNKNOWN if "is not known" in text else Outcome.REFUSED


def _update(price: Price) -> str:
    if price.is_time_of_use:
        return "UPDATE time_of_use_data SET price_st = $1 WHERE id = $2 RETURNING version"
    if price.is_of_price_sheet:
        return "UPDATE prices SET amount = $1 WHERE id = $2 RETURNING version"
    if price.is_levy:
        return "UPDATE levies SET value = $1 WHERE id = $2 RETURNING version"
    return "UPDATE netzentgelte_data SET leistung = $1 WHERE id = $2 RETURNING version"


async def _correct(instance: Instance, price: Price, value: str) -> dict[str, Any]:
    document, new = CORRECT_TARIFF, dict[str, Any](leistung=value)
    if price.is_time_of_use:
        document, new = CORRECT_TIME_OF_USE, {"bands": [{"band": "ST", "price": value}]}
    elif price.is_of_price_sheet:
        document, new = CORRECT_PRICE, {"amount": value}
    elif price.is_levy:
        document, new = CORRECT_LEVY, {"value": value}
    return await ask(instance, document, instance.as_editor, input={"id": global_id(price), **new})


async def _events(instance: Instance, query: str) -> AsyncIterator[dict[str, Any] | None]:
    """None once the server has answered that it listens; then each event's data."""
    request = instance.client.stream(
        "POST",
        "/graphql",
        json={"query": query},
        headers={"accept": "text/event-stream"},
        timeout=httpx.Timeout(8, read=None),
    )
    async with request as answer:
        if answer.status_code != 200:
            raise Refused(f"{answer.status_code}: {(await answer.aread())[:200]!r}")
        yield None
        kind = ""
        async for line in answer.aiter_lines():
            name, _, text = line.partition(":")
            if name == "event":
                kind = text.strip()
            elif name == "data" and kind == "next":
                body = json.loads(text)
                if "errors" in body:
                    raise Closed(body["errors"][0].get("extensions", {}).get("code", json.dumps(body)[:200]))
                yield body["data"]


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        yield connection
    finally:
        connection.terminate()
