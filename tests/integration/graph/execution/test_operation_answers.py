"""What the answer of an operation consists of, whether a plan or the executor returns it."""

from typing import Any

import pytest

from app.domain import tags
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Cost
from schema.execution.operation import Answer, OperationExecutor
from schema.root import schema

DATA = b'{"data":{"dno":{"slug":"netze-a"}}'
COST = Cost(3, 10)
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
