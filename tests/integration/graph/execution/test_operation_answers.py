"""What the answer of an operation consists of, whether a plan or the executor returns it."""

import asyncio
import json
from typing import Any

import pytest
from graphql import execute_sync, get_introspection_query, parse

from app.domain import tags
from app.limits import work_budget
from app.limits.work_budget import WorkBudget, metered
from app.observability import operation_stats
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Cost, Operation, cost_of
from schema.execution.operation import Answer, OperationExecutor
from schema.root import schema
from tests.waiting import LIMIT

DATA = b'{"data":{"dno":{"slug":"netze-a"}}'
COST = cost_of(3, 10)
EXTENSIONS = b',"extensions":{"cost":{"requested":3,"remaining":7,"maximum":10}}}'


async def execute(
    text: str, context: Context, *, planned: bool = True, cost: Cost | None = None, **variables: Any
) -> Answer:
    operation = DocumentCache(schema, Settings()).get(text).operation(None)
    coerced = operation.variables(variables)
    return await OperationExecutor(schema, planned=planned).run(operation, coerced, variables, context, cost)


@pytest.mark.parametrize("planned", [True, False])
async def test_the_answer_of_an_operation_has_the_cost_if_there_is_one(
    resources: Resources, operators: list[Any], planned: bool
) -> None:
    text = 'query ($slug: String = "netze-a") { dno(slug: $slug) { slug } }'
    answer = await execute(text, Context(resources), planned=planned)
    assert answer.body == DATA + b"}"
    assert (answer.errors, answer.data) == (0, True)
    answer = await execute(text, Context(resources), planned=planned, cost=COST)
    assert answer.body == DATA + EXTENSIONS


async def test_the_answer_of_an_operation_with_an_error_has_its_id_and_no_data(
    resources: Resources, operators: list[Any]
) -> None:
    for planned in (True, False):
        answer = await execute(
            "{ dnos(first: 0) { totalCount } }",
            Context(resources, request_id="r1"),
            planned=planned,
            cost=COST,
        )
        assert (answer.errors, answer.data) == (1, False)
        assert answer.body.startswith(b'{"data":null,"errors":[{"message":"')
        assert b'"code":"BAD_USER_INPUT"' in answer.body
        assert answer.body.endswith(EXTENSIONS)


async def test_introspection_operations_depend_on_the_schema_only(resources: Resources) -> None:
    context = Context(resources)
    answer = await execute("{ __schema { queryType { name } } }", context)
    assert answer.body == b'{"data":{"__schema":{"queryType":{"name":"Query"}}}}'
    assert context.read_set.tags == {tags.SCHEMA}


async def test_the_same_introspection_is_executed_once(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed: list[str] = []
    by_executor = OperationExecutor._by_executor

    async def counted(self: OperationExecutor, operation: Operation, *more: Any) -> Answer:
        executed.append(operation.document.text)
        return await by_executor(self, operation, *more)

    monkeypatch.setattr(OperationExecutor, "_by_executor", counted)
    documents, executor = DocumentCache(schema, Settings()), OperationExecutor(schema)

    async def run(text: str, cost: Cost | None = COST, **variables: Any) -> bytes:
        operation = documents.operation(text, None)
        coerced = operation.variables(variables)
        return (await executor.run(operation, coerced, variables, Context(resources), cost)).body

    dno, tariff = '{ __type(name: "Dno") { name } }', '{ __type(name: "Tariff") { name } }'
    for text, name in ((dno, b"Dno"), (tariff, b"Tariff"), (dno, b"Dno"), (tariff, b"Tariff")):
        assert await run(text) == b'{"data":{"__type":{"name":"' + name + b'"}}' + EXTENSIONS
    assert await run(dno, cost=None) == b'{"data":{"__type":{"name":"Dno"}}}'
    assert await run(tariff, cost=None, undeclared="Dno") == b'{"data":{"__type":{"name":"Tariff"}}}'
    assert executed == [dno, tariff]
    in_fragment = '{ ...I } fragment I on Query { __type(name: "Levy") { name } }'
    assert await run(in_fragment) == await run(in_fragment)
    assert executed == [dno, tariff, in_fragment]
    # Not with variables, and not together with data.
    varied = "query ($name: String!) { __type(name: $name) { name } }"
    for type_name in ("Dno", "Tariff"):
        assert type_name.encode() in await run(varied, cost=None, name=type_name)
    mixed = '{ __schema { queryType { name } } dno(slug: "no-such-operator") { slug } }'
    assert await run(mixed) == await run(mixed)
    assert executed == [dno, tariff, in_fragment, varied, varied, mixed, mixed]


async def test_equal_introspections_at_the_same_time_are_executed_once(
    resources: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    executing, side_by_side, executed, begun = set[str](), 0, 0, asyncio.Event()
    by_executor = OperationExecutor._by_executor

    async def counted(self: OperationExecutor, operation: Operation, *more: Any) -> Answer:
        nonlocal side_by_side, executed
        text, executed = operation.document.text, executed + 1
        assert text not in executing
        executing.add(text)
        side_by_side = max(side_by_side, len(executing))
        begun.set()
        try:
            return await by_executor(self, operation, *more)
        finally:
            executing.remove(text)

    monkeypatch.setattr(work_budget, "TURN", 0)
    monkeypatch.setattr(OperationExecutor, "_by_executor", counted)
    documents, executor = DocumentCache(schema, Settings()), OperationExecutor(schema)

    async def run(text: str) -> bytes:
        operation, context = documents.operation(text, None), Context(resources)
        run = executor.run(operation, operation.variables({}), {}, context)
        return (await metered(run, context.budget)).body

    names, fields = "{ __schema { types { name } } }", "{ __schema { types { fields { name } } } }"
    async with asyncio.timeout(LIMIT):
        # One that is cancelled holds up none that wait for it.
        cancelled = asyncio.create_task(run(names))
        await begun.wait()
        waiting = [asyncio.create_task(run(names)) for _ in range(4)]
        others = [asyncio.create_task(run(fields)) for _ in range(4)]
        await asyncio.sleep(0)
        cancelled.cancel()
        assert len(set(await asyncio.gather(*waiting))) == len(set(await asyncio.gather(*others))) == 1
    assert cancelled.cancelled()
    assert executed == 3
    assert side_by_side == 2  # other documents do not wait


# All types, one type many times, and a list below an object.
LONG_INTROSPECTIONS = (
    get_introspection_query(input_value_deprecation=True),
    "{"
    + "".join(f'm{number}:__type(name:"Mutation"){{fields{{args{{type{{name}}}}}}}}' for number in range(20))
    + "}",
    "{__schema{mutationType{fields{args{type{name}}}}}}",
)


@pytest.mark.parametrize("text", LONG_INTROSPECTIONS, ids=("schema", "type", "object"))
async def test_other_tasks_run_while_the_schema_is_introspected(
    resources: Resources, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(work_budget, "TURN", 0)
    turns = 0
    begin_turn = WorkBudget._begin_turn

    def counted(self: WorkBudget) -> None:
        nonlocal turns
        turns += 1
        begin_turn(self)

    monkeypatch.setattr(WorkBudget, "_begin_turn", counted)
    operation = DocumentCache(schema, Settings()).operation(text, None)
    context = Context(resources)
    async with asyncio.timeout(LIMIT):
        answer = await metered(
            OperationExecutor(schema).run(operation, operation.variables({}), {}, context), context.budget
        )
    # A turn for each item of the outermost list; lists within its items are completed at once.
    graph = schema._schema
    assert graph.mutation_type is not None
    longest = len(graph.type_map if "types" in text else graph.mutation_type.fields)
    assert longest / 2 < turns < longest * 1.5
    found = execute_sync(graph, parse(text), context_value=context).data
    assert json.loads(answer.body) == {"data": found}


async def test_aliases_of_one_level_are_read_together(resources: Resources, operators: list[Any]) -> None:
    slugs = [*(dno.slug for dno in operators), "no-such-operator"]
    points = " ".join(
        f'p{number}: dno(slug: "{slug}") {{ slug one: tariffs(year: {year}) {{ arbeit previousYear {{ year }} }}'
        f" two: tariffs(year: {year}) {{ leistung previousYear {{ leistung }} }} }}"
        for number, (slug, year) in enumerate((slug, year) for slug in slugs for year in (2024, 2025))
    )
    text = f"{{ {points} }}"
    spent = operation_stats.begin()
    answer = await execute(text, Context(resources))
    # Operators; tariffs of each of the two years, and of the years before those.
    assert spent.statements <= 5
    assert spent.keys["dno_by_slug"] == len(slugs) > 2
    assert answer.body == (await execute(text, Context(resources), planned=False)).body


async def test_an_operation_that_the_executor_repeats_reads_its_records_again(
    resources: Resources, operators: list[Any]
) -> None:
    """After an error of its plan: what the plan has loaded and spent does not count."""
    context = Context(resources)
    loader = context.loaders.dno_by_slug
    text = '{ dno(slug: "netze-a") { slug } node(id: "nonsense") { id } }'
    answer = await execute(text, context)
    assert answer.errors == 1
    assert context.loaders.dno_by_slug is not loader
    alone = Context(resources)
    await execute(text, alone, planned=False)
    assert context.budget.objects == alone.budget.objects
