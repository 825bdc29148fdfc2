"""Spans from the operation down to the statement, where the extra `tracing` is installed and set.

Off, a span is one shared object that does nothing. A span holds names, counts and hashes; values of
variables only where a setting allows it, and that is decided here alone. What several operations
share, a statement for the keys of all, hangs below the first of them.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import Context
from typing import Any

from app.errors import CannotStart
from app.settings import Settings

Attribute = str | int | float | bool

_OFF: AbstractContextManager[None] = nullcontext()
_tracer: Any = None
_variables = False


def span(name: str, **attributes: Attribute | None) -> AbstractContextManager[Any]:
    """`with span("loader", region="tariffs", keys=12):`; nested spans follow the task."""
    if _tracer is None:
        return _OFF
    given = {key: value for key, value in attributes.items() if value is not None}
    started: AbstractContextManager[Any] = _tracer.start_as_current_span(name, attributes=given)
    return started


def operation_span(
    kind: str, name: str | None, document: Callable[[], str], variables: Mapping[str, object]
) -> AbstractContextManager[Any]:
    """Named as OpenTelemetry's conventions for GraphQL have it; `document` is a hash."""
    if _tracer is None:
        return _OFF
    attributes: dict[str, Attribute] = {"graphql.operation.type": kind, "graphql.document.hash": document()}
    if name is not None:
        attributes["graphql.operation.name"] = name
    if _variables:
        attributes |= {f"graphql.variables.{key}": str(value) for key, value in variables.items()}
    return span(kind, **attributes)


def detached() -> Context:
    """A context for work that is shared by several requests: it keeps only the span of the first one."""
    fresh = Context()
    if _tracer is not None:
        from opentelemetry import context, trace

        fresh.run(context.attach, trace.set_span_in_context(trace.get_current_span()))
    return fresh


@contextmanager
def open_tracing(settings: Settings) -> Iterator[None]:
    """What is still unsent is sent at the end, within the exporter's own time-out."""
    global _tracer, _variables
    if not settings.tracing:
        yield
        return
    provider = _provider(settings)
    _tracer, _variables = provider.get_tracer("dno-api"), settings.tracing_variables
    try:
        yield
    finally:
        _tracer, _variables = None, False
        provider.shutdown()


def _provider(settings: Settings) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError:
        raise CannotStart(
            "The setting TRACING needs the extra `tracing`: pip install 'dno-api[tracing]'."
        ) from None
    provider = TracerProvider(
        resource=Resource.create({"service.name": "dno-api"}),
        sampler=ParentBased(TraceIdRatioBased(settings.tracing_sample_ratio)),
    )
    exporter = OTLPSpanExporter(endpoint=settings.tracing_endpoint or None)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
