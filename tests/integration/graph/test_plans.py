"""A compiled plan returns the same bytes as Strawberry's executor."""

import asyncio
import os
from collections import Counter
from time import monotonic
from typing import Any

import pytest
from hypothesis import given, seed

from app.domain import tags
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import RejectedDocument
from schema.execution.operation import OperationExecutor
from schema.root import schema
from schema.types.node import Kind, write_id
from tests.integration.graph.query_generator import (
    EXCLUDED,
    GeneratedQuery,
    drops_coroutines,
    generated,
    generated_queries,
)

# More by hand: EXAMPLES=5000 make test
EXAMPLES = int(os.environ.get("EXAMPLES", "300"))


QUERIES = schema._schema.query_type
assert QUERIES is not None
# Those that accept most arguments more often: many combinations of the others are refused.
ROOTS = (*sorted(QUERIES.fields.keys() - EXCLUDED), *("dno", "dnos", "entries", "coverage") * 3)


class Comparison:
    """Executes a query by plan and by executor and compares the responses."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources
        self.documents = DocumentCache(
            schema,
            Settings(
                limit_fields=5000,
                limit_aliases=5000,
                limit_depth=50,
                limit_tokens=20_000,
                limit_document_letters=200_000,
            ),
        )
        self.executor = OperationExecutor(schema)
        self.outcomes: Counter[str] = Counter()

    def cache_as_absent(self, dno: Any) -> None:
        """Like an operator deleted a moment ago, to which other cached records still refer."""
        memory = self.resources.memory
        for tag in (tags.operator(dno.id), tags.slug(dno.slug)):
            if memory.get(tag) is None or memory.get(tag).value is not None:  # type: ignore[union-attr]
                memory.invalidate((tag,))
                until = monotonic() + 3600
                assert memory.keep(tag, None, size=1, tags=(tag,), until=until, since=memory.now())

    async def compare(self, drawn: GeneratedQuery, absent: Any = None) -> None:
        if absent is not None:
            self.cache_as_absent(absent)
        try:
            operation = self.documents.get(drawn.text).operation(drawn.name)
            variables = operation.variables(drawn.variables)
        except RejectedDocument as refused:
            self.outcomes[refused.code] += 1
            return
        expected = await self.executor._by_executor(operation, drawn.variables, Context(self.resources), None)
        # Twice: the second execution reads the fragments of the first.
        for turn in ("cold", "warm"):
            context = Context(self.resources)
            planned = await self.executor._by_plan(operation, variables, context, None)
            if planned is None:
                # A null in a non-null field ends a plan even below an absent object.
                assert (
                    expected.errors
                    or operation.plan(variables).root is None
                    or None in drawn.variables.values()
                ), (turn, drawn.text, drawn.variables)
                self.outcomes["left to the executor"] += 1
            else:
                assert planned.body == expected.body, (turn, drawn.text, drawn.variables)
                self.outcomes["the same"] += 1
                self.outcomes["joined"] += operation.plan(variables).joins


# The jitter of lifetimes uses `random` in another thread, about which Hypothesis warns.
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@drops_coroutines
@pytest.mark.timeout(300)
@pytest.mark.parametrize("one_is_absent", [False, True])
async def test_thousands_of_queries_get_the_same_bytes_from_plan_and_executor(
    resources: Resources, operators: list[Any], one_is_absent: bool
) -> None:
    absent = operators[1] if one_is_absent else None
    comparison = Comparison(resources)
    ids = await _ids(resources, operators)
    values = _values(operators, ids)
    loop = asyncio.get_running_loop()

    @seed(20261123)
    @generated(EXAMPLES)
    @given(generated_queries(schema._schema, values, ROOTS))
    def check(drawn: GeneratedQuery) -> None:
        asyncio.run_coroutine_threadsafe(comparison.compare(drawn, absent), loop).result(30)

    await asyncio.to_thread(check)
    # The test must be able to fail: most queries are valid and have a plan.
    assert comparison.outcomes["the same"] > EXAMPLES, comparison.outcomes
    assert comparison.outcomes["joined"] > EXAMPLES / 20, comparison.outcomes
    assert not comparison.outcomes["GRAPHQL_PARSE_FAILED"]


async def _ids(resources: Resources, operators: list[Any]) -> list[str]:
    context = Context(resources)
    from app.domain.entry import DnoYear

    tariffs = await context.loaders.tariffs_by_dno_year.load_many(
        [DnoYear(dno.id, 2024) for dno in operators]
    )
    return [
        write_id(Kind.DNO, operators[0].id),
        *(write_id(Kind.TARIFF, t.id) for ts in tariffs for t in ts or ()),
    ]


def _values(operators: list[Any], ids: list[str]) -> dict[str, list[Any]]:
    years = [2024, 2025, 2025, 1999, None]
    return {
        "slug": [dno.slug for dno in operators] + ["unknown"],
        "slugs": [[dno.slug for dno in operators], [], ["unknown"]],
        "profile": ["HOUSEHOLD", "INDUSTRY", "INDUSTRY", None],
        "includeDerived": [True, False],
        "dearest": [True, False],
        "year": years,
        "voltageLevel": ["MS", "NS", "HS"],
        "season": ["WINTER", "SUMMER"],
        "first": [1, 2, 3, 50],
        "offset": [0, 1, 2],
        "skip": [0, 1],
        "dataType": ["HLZF", "NETZENTGELTE", None],
        "after": [None],
        "since": ["2024-01-01T00:00:00Z", None],
        "orderBy": ["NAME", "SLUG", "CONNECTION_POINTS", "UPDATED_AT"],
        "filter": [
            '{region: "Bayern"}',
            "{hasDataForYear: 2024}",
            '{search: "netze"}',
            "{transmission: false}",
        ],
        "EntryFilter": ["{implausible: true}", "{implausible: false, year: 2025}", "{voltageLevel: MS}"],
        "query": ["netze a", "Ulm", "", "xyz"],
        "id": [*ids, "tariff_00000000000000000000000000000000", "nonsense"],
        "ids": [ids[:2], ids[::-1], [], ["tariff_00000000000000000000000000000000"]],
        "consumptionKwh": ["1000000", "0.5"],
        "peakLoadKw": ["500", "0.1"],
        "input": [
            '{year: 2025, voltageLevel: MS, metering: RLM, consumptionKwh: "1000", peakLoadKw: "5"}',
            '{year: 2024, voltageLevel: NS, metering: SLP, consumptionKwh: "1.0", module: 1, meter: "none"}',
            '{year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: "1", module: 3}',
        ],
        "region": ["Bayern", None],
        "at": ["2025-01-15T08:00:00+01:00", "2024-07-01T12:00:00Z"],
        "from": ["2025-03-29T22:00:00+01:00", "2024-12-31T12:00:00Z"],
        "to": ["2025-03-30T08:00:00+02:00", "2025-01-01T05:00:00Z"],
        "resolution": ["CHANGES", "HOUR", "QUARTER_HOUR", None],
        "postalCode": ["89073", "10115", "x"],
        "city": ["Ulm", None],
        "code": ["SNB900000000001", "7", "x"],
        "kind": ["MODUL_1", "SLP_ARBEITSPREIS"],
        "derived": [True, False],
        "kinds": [["SLP_ARBEITSPREIS", "MODUL_1"], ["MODUL_3"], [], None],
        "variant": ["Zweitarif", None],
        "publication": ["PRELIMINARY", "FINAL", "final", None],
    }
