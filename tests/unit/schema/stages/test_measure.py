"""Metrics of operations: which names become labels, their seconds, and the log of slow ones."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.domain.account import Principal, Role
from app.observability import counting, operation_stats
from app.settings import Settings
from schema.execution.documents import Operation
from schema.http.operation_runner import OperationRunner
from schema.http.request import GraphQLRequest
from schema.http.stages.measure import OperationMetrics
from tests.unit.schema.stages.conftest import NewRequest

KEY = Principal(role=Role.VIEWER, api_key_id=UUID(int=1))


def operation(text: str) -> Operation:
    found = OperationRunner(Settings()).lookup.look_up_plain(
        GraphQLRequest(text, {}, None, {}, "application/json")
    )
    assert found is not None
    return found


def metrics(settings: Settings, *, registered: bool = False) -> OperationMetrics:
    lookup: Any = SimpleNamespace(is_registered=lambda operation: registered)
    return OperationMetrics(settings, lookup)


@pytest.mark.parametrize(
    ("text", "options", "known"),
    [
        ("query Invented { __typename }", {}, False),
        ("{ __typename }", {}, True),
        ("query Invented { __typename }", {"own": True}, True),
        ("query Invented { __typename }", {"principal": KEY}, True),
        ("query Invented { __typename }", {"registered": True}, True),
    ],
)
def test_names_that_anonymous_clients_choose_are_not_known(
    settings: Settings, new_request: NewRequest, text: str, options: dict[str, Any], known: bool
) -> None:
    scope = new_request(principal=options.get("principal", Principal(role=Role.VIEWER)))
    measured = metrics(settings, registered=options.get("registered", False))
    named = operation(text)
    count = measured.counter(named, "success", scope, own=options.get("own", False))
    assert (count.labels, count.known) == ((named.label, "success"), known)


def test_an_operation_has_one_counter_for_each_outcome_and_each_kind_of_client(
    settings: Settings, new_request: NewRequest
) -> None:
    measured, named = metrics(settings), operation("query Named { __typename }")
    scope, with_key = new_request(), new_request(principal=KEY)
    first = measured.counter(named, "success", scope, own=False)
    assert measured.counter(named, "success", scope, own=False) is first
    assert measured.counter(named, "error", scope, own=False) is not first
    assert measured.counter(named, "success", with_key, own=False) is not first
    assert measured.counter(named, "success", with_key, own=False).known


def test_a_request_without_an_operation_is_counted_as_none(
    settings: Settings, new_request: NewRequest
) -> None:
    count = metrics(settings).counter(None, "error", new_request(), own=False)
    assert (count.labels, count.known) == (("none", "error"), True)


def seconds_of(kind: str) -> tuple[float, float]:
    counting.flush()
    return (
        REGISTRY.get_sample_value("dno_graphql_operation_duration_seconds_count", {"type": kind}) or 0.0,
        REGISTRY.get_sample_value("dno_graphql_operation_duration_seconds_sum", {"type": kind}) or 0.0,
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{ __typename }", "query"),
        ("mutation { __typename }", "mutation"),
        ("subscription { dataChanged { kind } }", "subscription"),
        (None, "none"),
    ],
)
def test_seconds_are_observed_by_the_type_of_the_operation(
    settings: Settings, text: str | None, kind: str
) -> None:
    count, total = seconds_of(kind)
    measured = operation(text) if text else None
    metrics(settings).note_seconds(measured, 0.25, operation_stats.OperationStats())
    new_count, new_total = seconds_of(kind)
    assert new_count == count + 1
    assert new_total - total == pytest.approx(0.25)


def test_a_slow_operation_is_logged_with_its_name_and_the_hash_of_its_document(settings: Settings) -> None:
    measured = metrics(msgspec.structs.replace(settings, slow_operation_threshold=1))
    named = operation("query Slow { __typename }")
    stats = operation_stats.OperationStats(statements=3)
    with capture_logs() as lines:
        measured.note_seconds(named, 0.5, stats)
        measured.note_seconds(named, 2.0, stats)
        measured.note_seconds(None, 3.0, stats)
    assert [(line["operation"], line["document"], line["seconds"], line["statements"]) for line in lines] == [
        ("Slow", named.document.hash, 2.0, 3),
        (None, None, 3.0, 3),
    ]
