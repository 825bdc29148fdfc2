"""After any write, every cache layer has invalidated what the write made stale.

Generated queries are executed twice, so that records and fragments are cached; then something is written
by all kinds of SQL statements; then they are executed again, and on an instance without caches.
`EXAMPLES=3000` runs more.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from app.db.unit_of_work import unit_of_work
from app.domain import tags
from app.domain.account import ANONYMOUS
from app.errors import AppError
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.operation import Answer, OperationExecutor
from schema.root import schema
from schema.types.node import Kind, write_id
from tests.integration.graph.query_generator import (
    GeneratedQuery,
    drops_coroutines,
    generated,
    generated_queries,
)

EXAMPLES = int(os.environ.get("EXAMPLES", "150"))

# Fields that return much data, so that much of it can change.
ROOTS = ("dno", "dnos", "nodes", "rankTariffs", "coverage", "searchDnos", "dnosAt", "dnoByCode")

# The row that is changed is drawn.
ENTRIES = ("netzentgelte_data", "hlzf_data", "time_of_use_data", "prices", "holiday_rules")
WRITES = [
    "UPDATE netzentgelte_data SET leistung = coalesce(leistung, 0) + 1 WHERE id = $1",
    "UPDATE netzentgelte_data SET verification_status = 'verified', source_url = 'https://example.org' WHERE id = $1",
    "UPDATE netzentgelte_data SET voltage_level = 'HS' WHERE id = $1",
    'UPDATE hlzf_data SET windows = \'[{"start": "00:00", "end": "24:00"}]\' WHERE id = $1',
    "UPDATE hlzf_data SET season = 'SUMMER' WHERE id = $1",
    "UPDATE time_of_use_data SET price_ht = 1 + coalesce(price_ht, 0) WHERE id = $1",
    """UPDATE time_of_use_data SET windows = '[{"quarter": 2, "start": "00:00", "end": "24:00", "band": "ST"}]'"""
    " WHERE id = $1",
    *(
        statement.format(table)
        for table in ENTRIES
        for statement in (
            "UPDATE {} SET deleted_at = now() WHERE id = $1",
            "UPDATE {} SET deleted_at = NULL WHERE id = $1",
            "DELETE FROM {} WHERE id = $1",
            "UPDATE {} SET year = year - 1 WHERE id = $1",
            "UPDATE {} SET dno_id = (SELECT id FROM dnos WHERE slug = 'netze-c') WHERE id = $1",
            "UPDATE {} SET id = gen_random_uuid() WHERE id = $1",
        )
    ),
    *(f"UPDATE {table} SET publication = 'PRELIMINARY' WHERE id = $1" for table in ENTRIES[:4]),
    "INSERT INTO netzentgelte_data (dno_id, year, voltage_level, leistung) VALUES ($1, 2023, 'HS', 7)",
    "INSERT INTO hlzf_data (dno_id, year, voltage_level, season) VALUES ($1, 2023, 'MS', 'SUMMER')",
    "INSERT INTO time_of_use_data (dno_id, year) VALUES ($1, 2023)",
    "UPDATE time_of_use_data SET price_st = coalesce(price_st, 0) + 1 WHERE id = $1",
    "UPDATE prices SET amount = amount + 1 WHERE id = $1",
    "UPDATE prices SET voltage_level = 'MS_NS', kind = 'MODUL_1', unit = 'EUR_PER_YEAR' WHERE id = $1",
    "INSERT INTO prices (dno_id, year, kind, voltage_level, amount, unit)"
    " VALUES ($1, 2023, 'RESERVE_200H', 'MS', 50, 'EUR_PER_KW_YEAR')",
    "INSERT INTO holiday_rules (dno_id, year, holidays) VALUES ($1, 2025, 'NATIONWIDE') ON CONFLICT DO NOTHING",
    "UPDATE holiday_rules SET bridge_days = 'WORKING_DAYS', holidays = 'NATIONWIDE' WHERE id = $1",
    "INSERT INTO places (basis, postal_code, municipality, dno_id) VALUES ('PUBLISHED', '89073', 'Ulm', $1)"
    " ON CONFLICT (postal_code, basis, municipality, dno_id, voltage_level) DO UPDATE SET locations = 2",
    "INSERT INTO places (basis, postal_code, dno_id, voltage_level, locations) VALUES ('REGISTERED_UNITS', '89073', $1, 'MS', 3)"
    " ON CONFLICT (postal_code, basis, municipality, dno_id, voltage_level) DO UPDATE SET locations = places.locations + 1",
    "DELETE FROM places WHERE dno_id = $1",
    "INSERT INTO dno_aliases (dno_id, alias, source) VALUES ($1, 'Ulmer Netze', 'a newspaper') ON CONFLICT DO NOTHING",
    "UPDATE dnos SET postal_code = '10115', bdew_code = '9900001000003' WHERE id = $1",
    "UPDATE dnos SET name = name || 'x', city = 'Ulm' WHERE id = $1",
    "UPDATE dnos SET slug = slug || '-x' WHERE id = $1",
    "UPDATE dnos SET region = 'Hamburg', connection_points_ms = 7 WHERE id = $1",
    "UPDATE dnos SET deleted_at = now() WHERE id = $1",
    "UPDATE dnos SET deleted_at = NULL WHERE id = $1",
    "INSERT INTO dnos (slug, name, region) SELECT 'netze-z', 'Netze Z', region FROM dnos WHERE id = $1",
]


# Generated queries return little data in every form; these return much in usual forms.
TARIFF = "id year voltageLevel leistung verificationStatus publication version source { url }"
FLAT = f"""{{
  slug name region city years aliases vnbId updatedAt isPeak(at: "2025-01-15T08:00:00+01:00", voltageLevel: MS)
  peakStatus(at: "2025-01-06T08:00:00+01:00", voltageLevel: MS) {{ peak reason note }}
  holidayRule(year: 2025) {{ id year bridgeDays version }}
  statistics {{ connectionPoints }}
  tariffs {{ {TARIFF} annualCost(consumptionKwh: "1000000", peakLoadKw: "500") {{ total }} }}
  hlzf {{ id year season windows {{ start end }} dno {{ name region years }} }}
  timeOfUse {{ year bands {{ price }} windows {{ end }} version updatedAt publication dno {{ slug }} }}
}}"""
NESTED = f"""{{ slug
  hlzf {{ previousYear {{ version season windows {{ end }} }} }}
  timeOfUse(publication: FINAL) {{ year previousYear {{ version publication bands {{ price }} }} }}
  holidayRule(year: 2025) {{ previousYear {{ version bridgeDays }} }}
  tariffs(year: 2025) {{ previousYear {{ {TARIFF} dno {{ name }} }}
    dno {{ city years tariffs {{ {TARIFF} dno {{ name timeOfUse {{ bands {{ price }} }} }} }} }} }}
  tariff(year: 2024, voltageLevel: MS) {{ leistung dno {{ hlzf(season: WINTER) {{ windows {{ end }} }} }} }}
}}"""
HISTORIES = "{ tariffs { history { version changes { after } } } hlzf { history(first: 1) { kind } } timeOfUse { history { version changes { after } } } }"
RANKED = "{ rank dno { name } bill { network gross missing positions { amount entry { __typename } } } derived preliminary }"
DERIVED = """{ slug prices { id kind amount derivedFrom publication previousYear { amount derivedFrom } }
  published: prices(year: 2025, derived: false) { id } priceHistory(kind: MODUL_1) { year amount updatedAt } }"""
WIDE = [
    *(f"{{ dnos {{ nodes {below} }} }}" for below in (FLAT, NESTED, HISTORIES)),
    *(
        f"{{ dnos(first: 3, orderBy: SLUG) {{ totalCount edges {{ node {below} }} }} }}"
        for below in (FLAT, NESTED)
    ),
    *(f'{{ searchDnos(query: "netze") {{ score dno {below} }} }}' for below in (FLAT, NESTED)),
    f'{{ dnosAt(postalCode: "89073") {{ share locations basis dno {FLAT} }} }}',
    '{ dnosAt(postalCode: "89073", city: "Ulm", voltageLevel: MS) { share basis dno { slug } } searchDnos(query: "89073") { score } }',
    *(
        f'{{ a: dno(slug: "netze-a") {below} b: dno(slug: "netze-b") {below} }}'
        for below in (FLAT, HISTORIES)
    ),
    f"{{ dnos {{ nodes {DERIVED} }} }}",
    '{ dnos(filter: {hasDataForYear: 2024, region: "Bayern"}) { totalCount nodes { slug } } }',
    "{ coverage { totalDnos totalEntries byYear { year dnos } byRegion { region dnos dnosWithData } } }",
    *(
        f"{{ rankBills({about}, includeDerived: {derived}) {{ ranked derivedOnly notKnown withoutData bills {RANKED} }}"
        f' compareBills(slugs: ["netze-a", "netze-b"], {about}, includeDerived: {derived}) {RANKED} }}'
        for about in ("profile: HOUSEHOLD, year: 2025", "profile: INDUSTRY, year: 2024")
        for derived in ("true", "false")
    ),
    '{ rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: "1000000", peakLoadKw: "500", region: "Bayern")'
    f" {{ rank tariff {{ {TARIFF} dno {{ name }} }} }} }}",
    '{ rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: "1000000", peakLoadKw: "500", publication: PRELIMINARY)'
    f" {{ rank tariff {{ {TARIFF} }} }} }}",
]

# Restores the initial state, including physically deleted rows.
SNAPSHOT = "SELECT " + ", ".join(f"(SELECT jsonb_agg(t) FROM {table} t)" for table in (*ENTRIES, "dnos"))
RESTORE = [
    "DELETE FROM places",
    "DELETE FROM dno_aliases",
    *(f"DELETE FROM {table}" for table in ENTRIES),
    "DELETE FROM dnos WHERE slug = 'netze-z'",
    "UPDATE dnos SET slug = o.slug, name = o.name, city = o.city, region = o.region, deleted_at = o.deleted_at,"
    " postal_code = o.postal_code, bdew_code = o.bdew_code, connection_points_ms = o.connection_points_ms"
    " FROM jsonb_populate_recordset(NULL::dnos, $1) o WHERE o.id = dnos.id",
    # With a version that their history, which stays, does not contain yet.
    *(
        f"INSERT INTO {table} SELECT r.* FROM jsonb_array_elements($1) o, jsonb_populate_record(NULL::{table},"
        " o || jsonb_build_object('version',"
        " (SELECT coalesce(max(version), 0) + 1 FROM revisions WHERE entry_id = (o ->> 'id')::uuid))) r"
        for table in ENTRIES
    ),
]


class Instances:
    """Two instances on one database: one with all caches, the other without any."""

    def __init__(self, cached: Resources, uncached: Resources, ids: dict[str, list[Any]]) -> None:
        self.cached = cached
        self.uncached = uncached
        self.ids = ids  # of each table
        self.snapshot: list[Any] = []
        self.documents = DocumentCache(
            schema, Settings(limit_fields=5000, limit_aliases=5000, limit_depth=50)
        )
        self.executor = OperationExecutor(schema)
        self.outcomes: Counter[str] = Counter()

    async def check(self, drawn: GeneratedQuery, writes: list[tuple[str, int]]) -> None:
        try:
            operation = self.documents.get(drawn.text).operation(drawn.name)
            operation.variables(drawn.variables)
        except RejectedDocument:
            self.outcomes["refused"] += 1
            return
        await self._restore()
        for statement, number in writes:
            for _ in range(2):
                before, read_set = await self._run(self.cached, operation, drawn)
            touched = await self._write(statement, number)
            after, _ = await self._run(self.cached, operation, drawn)
            expected, _ = await self._run(self.uncached, operation, drawn)
            self.outcomes["with errors" if after.errors else "executed"] += 1
            assert _comparable(after) == _comparable(expected), (statement, drawn.text, drawn.variables)
            if before.body != after.body:
                # A cached response would have been invalidated, too.
                assert before.errors or touched & read_set.tags, (statement, drawn.text, read_set.tags)
                self.outcomes["changed"] += 1

    async def _run(
        self, resources: Resources, operation: Operation, drawn: GeneratedQuery
    ) -> tuple[Answer, Any]:
        context = Context(resources)
        variables = operation.variables(drawn.variables)
        return await self.executor.run(operation, variables, drawn.variables, context), context.read_set

    async def _write(self, statement: str, number: int) -> frozenset[str]:
        words = statement.split()
        table = next((table for table in ENTRIES if table in words and words[0] != "INSERT"), "dnos")
        ids = self.ids[table]
        try:
            return await self._execute((statement, ids[number % len(ids)]))
        except AppError:
            return frozenset()

    async def _restore(self) -> None:
        if not self.snapshot:
            (row,) = await self.cached.pool.fetch(SNAPSHOT)
            self.snapshot = list(row)
        *entries, dnos = self.snapshot
        given = [[], [], *([] for _ in entries), [], [dnos], *([rows] for rows in entries)]
        await self._execute(*((statement, *words) for statement, words in zip(RESTORE, given, strict=True)))

    async def _execute(self, *statements: tuple[Any, ...]) -> frozenset[str]:
        async with unit_of_work(self.cached.pool, ANONYMOUS) as work:
            for statement, *words in statements:
                await work.connection.execute(statement, *words)
        touched = tags.of_all(work.events)
        await self.cached.invalidator.invalidate(touched)
        return touched


@asynccontextmanager
async def open_uncached(settings: Settings) -> AsyncIterator[Resources]:
    settings = msgspec.structs.replace(
        settings, entity_cache=False, memory_cache=False, response_cache=False, rate_limit_anonymous=0
    )
    async with open_resources(settings) as resources:
        yield resources


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@drops_coroutines
@pytest.mark.timeout(300)
async def test_cached_values_equal_those_in_the_database(
    resources: Resources, settings: Settings, operators: list[Any]
) -> None:
    ids = {
        table: [row["id"] for row in await resources.pool.fetch(f"SELECT id FROM {table} ORDER BY id")]
        for table in (*ENTRIES, "dnos")
    }
    loop = asyncio.get_running_loop()
    writes = st.lists(st.tuples(st.sampled_from(WRITES), st.integers(0, 20)), min_size=4, max_size=8)
    wide = st.sampled_from(WIDE).map(lambda text: GeneratedQuery(text, {}))
    async with open_uncached(settings) as other:
        instances = Instances(resources, other, ids)

        @seed(20261123)
        @generated(EXAMPLES)
        @given(generated_queries(schema._schema, _values(operators, ids), ROOTS) | wide, writes)
        def check(drawn: GeneratedQuery, writes: list[tuple[str, int]]) -> None:
            asyncio.run_coroutine_threadsafe(instances.check(drawn, writes), loop).result(30)

        await asyncio.to_thread(check)
    # The test must be able to fail: many writes change the response.
    assert instances.outcomes["changed"] > EXAMPLES // 3, instances.outcomes


def _comparable(answer: Answer) -> tuple[bytes, list[bytes]]:
    """Errors of fields that are executed concurrently have no order."""
    members = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    errors = msgspec.json.decode(members.get("errors", b"[]"), type=list[msgspec.Raw])
    return bytes(members.get("data", b"")), sorted(map(bytes, errors))


def _values(operators: list[Any], ids: dict[str, list[Any]]) -> dict[str, list[Any]]:
    kinds = dict(
        zip(
            (*ENTRIES, "dnos"),
            (Kind.TARIFF, Kind.HLZF, Kind.TIME_OF_USE, Kind["PRICE"], Kind["HOLIDAY_RULE"], Kind.DNO),
            strict=True,
        )
    )
    named = [write_id(kinds[table], one) for table in kinds for one in ids[table]]
    return {
        "slug": [dno.slug for dno in operators] + ["netze-z", "netze-a-x"],
        "year": [2023, 2024, 2025, None],
        "voltageLevel": ["MS", "MS", "HS"],
        "postalCode": ["89073", "89073", "10115"],
        "city": ["Ulm", None],
        "code": ["9900001000003"],
        "season": ["WINTER", "SUMMER"],
        "kind": ["MODUL_1", "SLP_ARBEITSPREIS"],
        "derived": [True, False],
        "kinds": [["SLP_ARBEITSPREIS", "MODUL_1"], [], None],
        "variant": [None],
        "first": [1, 3, 50, 50],
        "offset": [0, 1, 2],
        "skip": [0, 1],
        "dataType": ["HLZF", "NETZENTGELTE", None],
        "after": [None],
        "orderBy": ["NAME", "SLUG", "CONNECTION_POINTS"],
        "filter": ['{region: "Bayern"}', "{hasDataForYear: 2024}", '{search: "netze"}'],
        "query": ["netze a", "Ulm"],
        "id": named,
        "ids": [named, named[::-3]],
        "consumptionKwh": ["1000000"],
        "peakLoadKw": ["500"],
        "input": [
            '{year: 2025, voltageLevel: MS, metering: RLM, consumptionKwh: "1000", peakLoadKw: "5"}',
            '{year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: "9", module: 3, bandKwh: {ht: 2, st: 3, nt: 4}}',
        ],
        "region": ["Bayern", "Hamburg", None],
        "at": ["2025-01-15T08:00:00+01:00", "2024-07-01T12:00:00Z", "2023-07-03T12:00:00Z"],
        "from": ["2025-03-29T22:00:00+01:00"],
        "to": ["2025-03-30T08:00:00+02:00"],
        "resolution": ["CHANGES", "HOUR"],
        "publication": ["PRELIMINARY", "FINAL", None],
    }
