"""Spans carry names and counts; with tracing off there are none."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.observability import traces
from app.settings import Settings


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """The exporter in place of a collector."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "_provider", lambda _: provider)
    return exporter


def test_with_tracing_off_a_span_is_one_shared_null_object() -> None:
    with traces.open_tracing(Settings()):
        assert traces.span("loader", keys=1) is traces.span("sql")
        assert traces.operation_span("query", "A", lambda: "abc", {}) is traces.span("sql")
        with traces.span("loader"), traces.span("sql"):
            pass


def test_spans_nest_and_carry_no_variables(spans: InMemorySpanExporter) -> None:
    with traces.open_tracing(Settings(tracing=True)):
        operation = traces.operation_span("query", "Prices", lambda: "abc", {"slug": "secret"})
        with operation, traces.span("loader", region="tariffs", keys=12, layer=None):
            pass
        inner, outer = spans.get_finished_spans()
    assert inner.parent is not None
    assert inner.parent.span_id == outer.context.span_id
    assert dict(inner.attributes or {}) == {"region": "tariffs", "keys": 12}
    assert dict(outer.attributes or {}) == {
        "graphql.operation.type": "query",
        "graphql.operation.name": "Prices",
        "graphql.document.hash": "abc",
    }
    assert traces.span("loader") is traces.span("sql")


def test_variables_are_recorded_only_where_allowed(spans: InMemorySpanExporter) -> None:
    settings = Settings(tracing=True, tracing_variables=True)
    with traces.open_tracing(settings):
        with traces.operation_span("query", None, lambda: "abc", {"slug": "netze-bw"}):
            pass
        (span,) = spans.get_finished_spans()
    assert (span.attributes or {})["graphql.variables.slug"] == "netze-bw"
