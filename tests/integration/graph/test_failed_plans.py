"""Plans that fail: the response, the log, the metrics, and that side effects happen once."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.domain.account import Principal, Role
from app.errors import LimitExceeded
from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Operation
from schema.execution.leaf_serializers import CannotWrite
from schema.execution.operation import Answer, OperationExecutor
from schema.root import schema
from tests.integration.graph.test_plans import Comparison

pytestmark = pytest.mark.usefixtures("plans_fail")

QUESTION = 'naturalQuery(query: "netze a ms 2024") { answer }'
REFUSED = 'node(id: "nonsense") { id }'


def prepare(text: str) -> Operation:
    return DocumentCache(schema, Settings()).get(text).operation(None)


async def execute(resources: Resources, operation: Operation) -> Answer:
    return await OperationExecutor(schema).run(operation, operation.variables({}), {}, Context(resources))


def unplanned(reason: str) -> float:
    return REGISTRY.get_sample_value("dno_graphql_unplanned_total", {"reason": reason}) or 0.0


def warnings(logs: Any) -> list[Any]:
    return [line for line in logs if line["log_level"] == "warning" and line["event"] == "plan failed"]


async def test_a_failed_plan_is_logged_and_counted_and_the_executor_answers(
    resources: Resources, operators: list[Any]
) -> None:
    operation = prepare(f'query Name {{ dno(slug: "netze-a") {{ slug }} {QUESTION} }}')
    root = operation.plan(operation.variables({})).root
    assert root is not None

    def fail(*_: Any) -> str:
        raise RuntimeError("a fault")

    root.writers[-1] = fail  # after everything has been loaded
    before, logged = unplanned("failure"), resources.query_log.waiting
    with capture_logs() as logs:
        answer = await execute(resources, operation)
    assert json.loads(answer.body)["data"]["dno"] == {"slug": "netze-a"}
    assert answer.errors == 0
    (line,) = warnings(logs)
    assert (line["operation"], line["hash"]) == ("Name", operation.document.hash)
    assert line["exc_info"]
    assert unplanned("failure") == before + 1
    assert resources.query_log.waiting == logged + 1


async def test_a_null_in_a_non_null_field_is_no_failure_of_the_plan(
    resources: Resources, operators: list[Any]
) -> None:
    Comparison(resources).cache_as_absent(operators[1])
    before = unplanned("unwritable"), unplanned("failure")
    with capture_logs() as logs:
        answer = await execute(resources, prepare("{ dnos(first: 4) { edges { node { name } } } }"))
    (error,) = json.loads(answer.body)["errors"]
    assert (error["path"][:2], error["path"][3]) == (["dnos", "edges"], "node")
    assert warnings(logs) == []
    assert (unplanned("unwritable"), unplanned("failure")) == (before[0] + 1, before[1])


async def test_an_error_of_a_resolver_is_no_failure_of_the_plan(resources: Resources) -> None:
    before = unplanned("refusal"), unplanned("failure")
    with capture_logs() as logs:
        answer = await execute(resources, prepare(f"{{ {REFUSED} }}"))
    assert json.loads(answer.body)["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert warnings(logs) == []
    assert (unplanned("refusal"), unplanned("failure")) == (before[0] + 1, before[1])


@pytest.mark.parametrize("fields", [(REFUSED, QUESTION), (QUESTION, REFUSED)])
async def test_a_question_is_logged_once_when_a_sibling_ends_the_plan(
    resources: Resources, operators: list[Any], fields: tuple[str, str]
) -> None:
    """Otherwise its resolver would still run beside that of the executor."""
    logged = resources.query_log.waiting
    operation = prepare(f"{{ {' '.join(fields)} }}")
    answer = await execute(resources, operation)
    assert json.loads(answer.body)["data"]["naturalQuery"]["answer"]
    current = asyncio.current_task()
    others = [
        task for task in asyncio.all_tasks() if task is not current and "_load" in repr(task.get_coro())
    ]
    await asyncio.gather(*others)
    assert resources.query_log.waiting == logged + 1


@pytest.mark.parametrize("fault", [CannotWrite(), RuntimeError("a fault"), LimitExceeded("too much")])
async def test_a_mutation_whose_payload_a_plan_cannot_write_is_not_run_again(
    resources: Resources, operators: list[Any], fault: Exception
) -> None:
    [tariff, *_] = await resources.pool.fetch("SELECT id, version FROM netzentgelte_data")
    fields = "tariff { version arbeit } revision { version } errors { code }"
    operation = prepare(
        f'mutation {{ correctTariff(input: {{id: "tariff_{tariff["id"].hex}", arbeit: "7.31"}}) {{ {fields} }} }}'
    )
    root = operation.plan(operation.variables({})).root
    assert root is not None

    def fail(*_: Any) -> str:
        raise fault

    root.writers[-1] = fail
    context = Context(resources, principal=Principal(Role.EDITOR, name="erika", user_id=uuid4()))
    answer = await OperationExecutor(schema).run(operation, operation.variables({}), {}, context)
    version = tariff["version"] + 1
    assert json.loads(answer.body)["data"]["correctTariff"] == {
        "tariff": {"version": version, "arbeit": "7.31"},
        "revision": {"version": version},
        "errors": [],
    }
    [written] = await resources.pool.fetch(
        "SELECT version FROM netzentgelte_data WHERE id = $1", tariff["id"]
    )
    assert written["version"] == version


async def test_an_operation_with_one_mutation_has_a_plan_and_one_with_several_has_none() -> None:
    once = 'first: invalidateCache(pattern: "x") { removed } '
    one, two = (prepare(f"mutation {{ {text} }}") for text in (once, once + once.replace("first", "second")))
    assert one.plan(one.variables({})).root is not None
    assert two.plan(two.variables({})).root is None
