"""Every store is in the table of docs/limits.md, or has a reason why clients cannot fill it."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.repository import ROOT, name, tracked

CONTAINERS = {
    "dict",
    "set",
    "list",
    "deque",
    "_Queue",  # of operations, a deque
    "OrderedDict",
    "defaultdict",
    "Counter",
    "BoundedMapping",
    "SeenOnce",
}
BOUNDED = {"BoundedMapping", "SeenOnce"}
MEMOISED = {"lru_cache", "cache", "cached"}

# Reasons why a container needs no row of its own.
REQUEST = "exists for one request, operation, batch or statement"
START = "built from the schema, the settings or files of the program"
IMPORT = "of a manual import, from files of the operator"
DATA = "bounded by the data in the database"
OWNER = "a part of stores that are listed themselves"
SERVERS = "one entry per server, worker or job"

STORES = {
    "app/bounded_mapping.py:BoundedMapping._entries": OWNER,
    "schema/http/work/entry_form.py:EntryForm.errors": REQUEST,
    "schema/http/work/entry_form.py:EntryForm.stated": REQUEST,
    "schema/http/work/entry_form.py:EntryForm.conflict": REQUEST,
    "schema/http/work/entry_fields.py:_fields": START,
    "app/seen_once.py:SeenOnce._hashes": OWNER,
    "app/auth/fair_queue.py:FairQueue._lines": "queued sign-ins",
    "app/auth/api_key_usage.py:ApiKeyUsage._noted": "uses of API keys",
    "app/auth/account_cache.py:AccountCache._absent": "API keys that do not exist",
    "app/auth/lookups.py:Lookups._gathered": REQUEST,
    "app/db/known_distribution.py:KnownDistribution._kept": DATA,
    "app/broadcast.py:Broadcast._behind": "connections, WebSockets, operations of a WebSocket",
    "app/broadcast.py:Broadcast._log": "changes for subscribers that are behind",
    "app/broadcast.py:Broadcast._subscribers": "connections, WebSockets, operations of a WebSocket",
    "app/broadcast.py:Broadcast._delivered": DATA,
    "app/broadcast.py:Subscriber.waiting": "unread changes of a subscriber",
    "app/caller_budgets.py:Budgets._spent": "budgets per caller and minute",
    "app/cache/memory.py:Memory._entries": "L1",
    "app/cache/memory.py:Memory._invalidated": "invalidation times in L1",
    "app/cache/memory.py:Memory._keys": "L1",
    "app/cache/memory.py:Segment.keys": "L1",
    "app/cache/read_set.py:ReadSet.fetched": REQUEST,
    "app/cache/read_set.py:ReadSet._tags": REQUEST,
    "app/cache/read_set.py:ReadSet._parts": REQUEST,
    "app/cache/region_queue.py:RegionQueue.waiting": "in-flight reads",
    "app/cache/read_through.py:ReadThrough._pending": "in-flight reads",
    "app/cache/read_through.py:ReadThrough._fills": "in-flight reads",
    "app/cache/read_through.py:ReadThrough._queues": START,
    "app/cache/read_through.py:ReadThrough._tasks": "in-flight reads",
    "app/cache/responses.py:Responses._once": "seen-once filters",
    "app/cache/responses.py:Responses._public_once": "seen-once filters",
    "app/cache/responses.py:Responses._in_flight": "requests that wait for an equal one",
    "app/cache/responses.py:InFlight.waiting": "requests that wait for an equal one",
    "app/http/cached_response.py:CachedResponse._pending": OWNER,
    "app/http/cached_response.py:CachedResponse.encoded": OWNER,
    "app/http/cached_response.py:CachedResponse.replies": OWNER,
    "app/http/cached_response.py:CachedResponse.written": OWNER,
    "app/middleware/metrics.py:_meters": START,
    "schema/execution/documents.py:cost_of": "memoised results of pure functions",
    "app/http/conditional_requests.py:_not_stored": "memoised results of pure functions",
    "app/http/content_coding.py:_choose": "memoised results of pure functions",
    "app/http/static_assets.py:_Item._encoded": START,
    "app/cache/cluster.py:Cluster._breakers": SERVERS,
    "app/cache/cluster.py:Cluster._primaries": SERVERS,
    "app/cache/topology.py:Topology._identities": SERVERS,
    "app/cache/acknowledged_events.py:AcknowledgedEvents._events": DATA,
    "app/cache/in_flight_reads.py:InFlightRead.waiters": "in-flight reads",
    "app/cache/in_flight_reads.py:InFlightReads._open": "in-flight reads",
    "app/server/workers.py:Workers._all": SERVERS,
    "app/server/workers.py:Workers._slots": SERVERS,
    "app/db/connect.py:_Attempts._errors": SERVERS,
    "app/db/connect.py:_Attempts._opened": SERVERS,
    "app/db/connect.py:_Attempts._running": SERVERS,
    "app/db/column_codecs.py:decode_windows": DATA,
    "app/db/type_codecs.py:_decode_moment": DATA,
    "app/db/missing_objects.py:_reported": "logged errors of PostgreSQL",
    "app/db/pool.py:Pool._kept": SERVERS,
    "app/db/pool.py:Pool._releasing": SERVERS,
    "app/db/column_codecs.py:decode_band_windows": DATA,
    "app/db/unit_of_work.py:UnitOfWork.warnings": REQUEST,
    "app/db/unit_of_work.py:UnitOfWork.events": REQUEST,
    "app/db/unit_of_work.py:UnitOfWork.revisions": REQUEST,
    "app/limits/deadlines.py:Deadlines._running": REQUEST,
    "app/domain/atypical_use.py:_Calculation._not_known": REQUEST,
    "app/domain/bill_position.py:PartBuilder.missing": REQUEST,
    "app/domain/bill_position.py:PartBuilder.positions": REQUEST,
    "app/domain/bill_position.py:PartBuilder.warnings": REQUEST,
    "app/domain/directory.py:Directory._held": DATA,
    "app/domain/directory.py:Directory._parts": DATA,
    "app/domain/directory_pages.py:read_cursor": "memoised results of pure functions",
    "app/domain/folding.py:_fold": "memoised results of pure functions",
    "app/domain/load_profile.py:LoadProfileReader._problems": REQUEST,
    "app/domain/peak.py:_Sheet._in_season": REQUEST,
    "app/domain/plausible_prices.py:_prices": START,
    "app/domain/price_series.py:_Series._blocks": REQUEST,
    "app/domain/profile_stamps.py:StampReader._days": "load profiles that are read",
    "app/domain/profile_stamps.py:StampReader._times": "load profiles that are read",
    "app/domain/working_days.py:_days_of_year": DATA,
    "app/domain/working_days.py:_nationwide": DATA,
    "app/domain/working_days.py:_of_region": DATA,
    "app/http/export_formats.py:_Sink._waiting": REQUEST,
    "app/http/hlzf_calendar.py:_clock_changes": START,
    "app/http/content_negotiation.py:_preferred": "memoised results of pure functions",
    "app/http/content_negotiation.py:_accepted_stream": "memoised results of pure functions",
    "app/limits/fair_share.py:FairShare._members": "connections, WebSockets, operations of a WebSocket",
    "app/http/client_address.py:_named": "memoised results of pure functions",
    "app/http/client_address.py:_parse": "memoised results of pure functions",
    "app/middleware/metrics.py:_timings": START,
    "app/limits/rate_limiter/limiter.py:RateLimiter._pending": "callers of the rate limiter",
    "app/limits/rate_limiter/limiter.py:RateLimiter._buckets": "callers of the rate limiter",
    "app/limits/rate_limiter/limiter.py:RateLimiter._granted": "callers of the rate limiter",
    "app/limits/rate_limiter/buckets.py:PendingRequest.waiting": REQUEST,
    "app/web/pages.py:_console": START,
    "app/web/pages.py:_graphiql": START,
    "app/web/pages.py:_viewer": START,
    "app/web/assets.py:static_assets": START,
    "app/web/documentation.py:_files": START,
    "app/web/documentation.py:_pages": START,
    "app/web/documentation.py:article": START,
    "schema/http/pages/documentation.py:_api_page": START,
    "schema/http/pages/documentation.py:_page": START,
    "app/web/language.py:_preferred": "memoised results of pure functions",
    "app/web/rendering.py:_environment": START,
    "app/http/cached_request_head.py:RequestHeadCache._seen": "seen-once filters",
    "app/limits/connection_limit.py:_max_connections": START,
    "app/http/request_state.py:RequestState.hooks": REQUEST,
    "app/server/websocket_protocol.py:WebSocket.frames": REQUEST,
    "app/server/accept_balancing.py:Acceptor._coming": "connections, WebSockets, operations of a WebSocket",
    "app/limits/concurrency_limiter.py:ConcurrencyLimiter._preferred": "queued operations",
    "app/limits/concurrency_limiter.py:ConcurrencyLimiter._waiting": "queued operations",
    "app/limits/refusal_pacer.py:RefusalPacer._held": "connections, WebSockets, operations of a WebSocket",
    "app/limits/write_priority.py:WritePriority._waiting": "connections, WebSockets, operations of a WebSocket",
    "app/importers/cells.py:composed": IMPORT,
    "app/importers/cells.py:label": IMPORT,
    "app/importers/cells.py:count": IMPORT,
    "app/importers/cells.py:megawatts": IMPORT,
    "app/importers/cells.py:price": IMPORT,
    "app/importers/cells.py:rate": IMPORT,
    "app/importers/cells.py:region": IMPORT,
    "app/importers/cells.py:text": IMPORT,
    "app/importers/cells.py:source_url": IMPORT,
    "app/importers/cells.py:time": IMPORT,
    "app/importers/cells.py:year": IMPORT,
    "app/importers/cells.py:day": IMPORT,
    "app/importers/operators.py:by_name": IMPORT,
    "app/importers/reading.py:_Reader._columns": IMPORT,
    "app/importers/text_lines.py:Lines._ahead": IMPORT,
    "app/importers/column_names.py:_columns": START,
    "app/importers/column_names.py:_column_of": IMPORT,
    "app/importers/column_names.py:split_unit": IMPORT,
    "app/importers/level_words.py:level_of": IMPORT,
    "app/importers/number_formats.py:NumberFormats._by_style": IMPORT,
    "app/importers/number_formats.py:NumberFormats._columns": IMPORT,
    "app/importers/units.py:_columns": START,
    "app/importers/units.py:unit_of": IMPORT,
    "app/importers/units.py:unit_of_column": IMPORT,
    "app/importers/workbook_records.py:_MergedCells._open": IMPORT,
    "app/importers/workbook_records.py:_MergedCells._across": IMPORT,
    "app/importers/hlzf.py:Hlzf._seasons": IMPORT,
    "app/importers/implausible_rows.py:_First._kept": IMPORT,
    "app/importers/holiday_rules.py:HolidayRules._rules": IMPORT,
    "app/importers/holiday_rules.py:HolidayRules.left_out": IMPORT,
    "app/importers/prices.py:PriceSource.left_out": IMPORT,
    "app/importers/levies.py:Levies._rates": IMPORT,
    "app/importers/places.py:Places._rows": IMPORT,
    "app/importers/registry.py:Registry._locations": IMPORT,
    "app/importers/registry.py:Registry._rows": IMPORT,
    "app/importers/section14a.py:Section14a._sheets": IMPORT,
    "app/importers/family.py:FamilySource._locations": IMPORT,
    "app/importers/family.py:FamilySource._rows": IMPORT,
    "app/importers/layout.py:_without": IMPORT,
    "schema/http/work/sheet_form.py:field_names": START,
    "schema/http/work/sheet_form.py:RowState.chosen": REQUEST,
    "schema/http/work/sheet_form.py:RowState.errors": REQUEST,
    "schema/http/work/sheet_form.py:SheetForm.errors": REQUEST,
    "app/importers/checking.py:_Pass._found": IMPORT,
    "app/importers/checking.py:_Pass.held_back": IMPORT,
    "app/importers/refused_rows.py:RefusedRows._locations": IMPORT,
    "app/importers/refused_rows.py:RefusedRows._noted": IMPORT,
    "app/importers/refused_rows.py:RefusedRows._parts": IMPORT,
    "app/importers/refused_rows.py:RefusedRows._rows": IMPORT,
    "app/importers/refused_rows.py:_may_be_same": IMPORT,
    "app/importers/follow/levels.py:_cached": DATA,
    "app/importers/follow/operators.py:Matching._by_name": DATA,
    "app/importers/follow/operators.py:_Planning._aliases": DATA,
    "app/importers/follow/operators.py:_Planning._changed": DATA,
    "app/importers/follow/operators.py:_Planning._new": DATA,
    "app/importers/follow/operators.py:_Planning._new_by_name": DATA,
    "app/importers/follow/operators.py:_Planning._new_by_number": DATA,
    "app/importers/follow/operators.py:_Planning._now": DATA,
    "app/importers/follow/operators.py:_Planning._unfit": DATA,
    "app/importers/follow/operators.py:_Planning._written": DATA,
    "app/importers/follow/passes.py:_Pass._problems": DATA,
    "app/importers/follow/passes.py:_Pass._unwritable": DATA,
    "app/importers/follow/taking_over.py:TakingOver._written": DATA,
    "app/importers/follow/taking_over.py:TakingOver._years": DATA,
    "app/importers/register/operators.py:_Same._matched": IMPORT,
    "app/importers/register/tables.py:_kilowatts": IMPORT,
    "app/importers/register/tables.py:_name": IMPORT,
    "app/importers/register/tables.py:_postal_code": IMPORT,
    "app/interpreter/search.py:Names._codes": DATA,
    "app/interpreter/search.py:Names._entries": DATA,
    "app/interpreter/search.py:Names._leads": DATA,
    "app/interpreter/spelling.py:key": "memoised results of pure functions",
    "app/interpreter/vocabulary.py:_Forms.found": DATA,
    "app/interpreter/vocabulary.py:_Forms.named": DATA,
    "app/interpreter/vocabulary.py:_Forms.reordered": DATA,
    "app/interpreter/vocabulary.py:_Forms.short": DATA,
    "app/jobs/edge_purges.py:EdgePurges._kept": DATA,
    "app/jobs/edge_purges.py:EdgePurges._undelivered": DATA,
    "app/jobs/query_log.py:QueryLog._batch": "questions queued for the query log",
    "app/jobs/query_log.py:QueryLog._waiting": "questions queued for the query log",
    "app/jobs/supervisor.py:Supervisor._running": SERVERS,
    "app/jobs/webhook_delivery.py:WebhookDelivery._sending": "messages of webhooks that are being sent",
    "app/jobs/webhook_messages.py:_Batch._messages": REQUEST,
    "app/jobs/webhook_messages.py:_Batch._missed": REQUEST,
    "app/cache/deliveries.py:Deliveries._known": SERVERS,
    "app/jobs/l2_consistency.py:L2Consistency._looks": SERVERS,
    "app/jobs/l2_consistency.py:L2Consistency._others": SERVERS,
    "app/jobs/l2_consistency.py:L2Consistency._received": SERVERS,
    "app/language_model/budget.py:CallBudget._asking": "callers of the language model",
    "app/language_model/budget.py:CallBudget._failed": "callers of the language model",
    "app/language_model/budget.py:CallBudget._paused": "callers of the language model",
    "app/observability/counting.py:Counts._counts": START,
    "app/observability/counting.py:_cells": START,
    "app/observability/operation_names.py:OperationNames._known": "names of operations in metrics",
    "app/observability/operation_names.py:OperationNames._labelled": "names of operations in metrics",
    "app/observability/operation_names.py:OperationNames._others": "names of operations in metrics",
    "app/observability/operation_names.py:OperationNames._uses": "names of operations in metrics",
    "app/observability/operation_names.py:OperationNames.changed": "names of operations in metrics",
    "schema/context.py:Context.level_loaders": REQUEST,
    "loaders/record_loader.py:RecordLoader._queue": REQUEST,
    "loaders/record_loader.py:RecordLoader._records": REQUEST,
    "schema/context.py:Context.tasks": REQUEST,
    "schema/context.py:Context.set_cookies": REQUEST,
    "schema/execution/cost.py:Estimate._costs": "documents",
    "schema/execution/cost.py:Estimate._sizes": "documents",
    "schema/execution/cost.py:Estimate._years": "documents",
    "schema/execution/document_cache.py:DocumentCache._entries": "documents",
    "schema/execution/operation.py:OperationExecutor._introspections": "answers to introspection",
    "schema/execution/document_cache.py:DocumentCache._probation": "documents",
    "schema/execution/shapes.py:_Rewriting.types": "documents",
    "schema/execution/validation_rules.py:_without": START,
    "schema/execution/documents.py:Operation._plans": "documents",
    "schema/execution/documents.py:Operation.counts": "documents",
    "schema/execution/limits.py:MergedField.nodes": REQUEST,
    "schema/execution/limits.py:MergedField.subfields": REQUEST,
    "schema/execution/unregistered.py:UnregisteredDocuments._reported": "logged documents",
    "schema/execution/persisted.py:PersistedDocuments._documents": "persisted queries in the process",
    "schema/execution/compile.py:Compiler.fields": "documents",
    "schema/execution/compile.py:Compiler.joined": "documents",
    "schema/execution/plan.py:Field._tokens": "documents",
    "schema/execution/plan.py:Field.selections": "documents",
    "schema/execution/plan.py:Field.varying": "documents",
    "schema/execution/plan.py:Selection.parts": "documents",
    "schema/execution/plan.py:Selection.stored": "documents",
    "schema/execution/plan.py:Selection.writers": "documents",
    "schema/execution/execute.py:PlanExecution._fragment_texts": REQUEST,
    "schema/execution/execute.py:PlanExecution._parts": REQUEST,
    "schema/execution/subscription.py:Subscriptions._in_flight": REQUEST,
    "schema/execution/subscription.py:Subscriptions._groups": "open subscriptions",
    "schema/execution/subscriber_group.py:SubscriberGroup._members": "open subscriptions",
    "schema/http/result_stream.py:_shared": "parts of event streams that many get",
    "app/server/response_cycle.py:_chunk": "parts of event streams that many get",
    "app/server/websocket_protocol.py:_text_head": "memoised results of pure functions",
    "schema/http/operation_results.py:OperationResults._writes": REQUEST,
    "schema/http/rest_operations.py:own_document": START,
    "schema/root.py:schema_text": START,
    "schema/http/open_subscriptions.py:OpenSubscriptions._by_caller": "open subscriptions",
    "schema/http/open_subscriptions.py:OpenSubscriptions._documents": "open subscriptions",
    "schema/http/websocket.py:WebSocketConnection._operations": "connections, WebSockets, operations of a WebSocket",
    "schema/http/shared_stream.py:SharedStream._operations": "connections, WebSockets, operations of a WebSocket",
    "schema/http/shared_streams.py:SharedStreams._streams": "connections, WebSockets, operations of a WebSocket",
    "app/cache/message.py:Beat.received": REQUEST,
    "app/cache/message.py:Message.acknowledged": REQUEST,
    "app/db/followed_rows.py:LastPass.positions": DATA,
    "app/domain/correction.py:TariffCorrection.prices": REQUEST,
    "app/domain/holiday_rule_correction.py:HolidayRuleCorrection.stated": REQUEST,
    "app/domain/levy_correction.py:LevyCorrection.values": REQUEST,
    "app/importers/holiday_rules.py:_Rule.words": IMPORT,
    "app/importers/section14a.py:_Sheet.prices": IMPORT,
    "app/importers/section14a.py:_Sheet.windows": IMPORT,
    "app/observability/operation_stats.py:OperationStats.asked": REQUEST,
    "app/web/pages.py:RegisteredDocuments.documents": START,
    "schema/http/pages/address.py:PageAddress.further": REQUEST,
    "schema/http/pages/files.py:TableFiles.columns": START,
    "schema/http/pages/files.py:TableFiles.further": START,
    "schema/http/rest_operations.py:_Envelope.errors": REQUEST,
}
REASONS = {OWNER, REQUEST, START, IMPORT, DATA, SERVERS}


def stores(path: str, tree: ast.Module) -> Iterator[str]:
    """Attributes, fields of structs and globals that start as an empty container, and memoised functions."""
    for node in tree.body:
        owner = f"{node.name}." if isinstance(node, ast.ClassDef) else ""
        if isinstance(node, ast.Assign | ast.AnnAssign) and _starts_empty(node.value):
            yield from (f"{path}:{target.id}" for target in _targets(node) if isinstance(target, ast.Name))
        for inner in ast.walk(node):
            if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                if MEMOISED & {_name(decorator) for decorator in inner.decorator_list}:
                    yield f"{path}:{owner}{inner.name}"
            elif isinstance(inner, ast.Assign | ast.AnnAssign) and _starts_empty(inner.value):
                for target in _targets(inner):
                    if isinstance(target, ast.Attribute) and _name(target.value) == "self":
                        yield f"{path}:{owner}{target.attr}"
                    elif (
                        isinstance(node, ast.ClassDef) and inner in node.body and isinstance(target, ast.Name)
                    ):
                        yield f"{path}:{owner}{target.id}"


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _starts_empty(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.List):
        return not value.elts
    if isinstance(value, ast.Call) and _name(value.func) in BOUNDED:
        return True
    # `defaultdict(set)` is empty, `list(errors)` is not.
    return isinstance(value, ast.Call) and _name(value.func) in CONTAINERS and not _filled(value)


def _filled(call: ast.Call) -> bool:
    return any(not isinstance(given, ast.Name) or given.id not in CONTAINERS for given in call.args)


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return getattr(node, "id", getattr(node, "attr", ""))


def found() -> set[str]:
    return {
        store
        for path in tracked("*.py")
        if path.relative_to(ROOT).parts[0] in ("app", "schema", "loaders")
        for store in stores(name(path), ast.parse(path.read_text()))
    }


def rows() -> list[str]:
    table = (ROOT / "docs/limits.md").read_text().partition("## Memory")[2].partition("\n## ")[0]
    return [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]


def test_every_store_is_listed():
    """A new store needs a bound, a row in docs/limits.md and a line here, or a reason why clients cannot fill it."""
    assert found() ^ set(STORES) == set()


def test_every_store_has_a_row_in_the_table_or_a_reason():
    assert [row for row in STORES.values() if row not in REASONS and not any(map(_begins(row), rows()))] == []


def _begins(row: str):
    return lambda documented: documented.startswith(row)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    def __init__(self):\n        self.x: dict[str, int] = {}", ["a.py:A.x"]),
        ("class A:\n    def __init__(self):\n        self.x = OrderedDict[str, int]()", ["a.py:A.x"]),
        ("seen = set()", ["a.py:seen"]),
        ("@lru_cache(10)\ndef f(x): ...", ["a.py:f"]),
        ("@functools.cache\ndef f(x): ...", ["a.py:f"]),
        ("def f():\n    local = {}", []),
        ("class A:\n    def __init__(self, given):\n        self.x = list(given)", []),
    ],
)
def test_every_notation_of_a_store_is_detected(source, expected):
    assert list(stores("a.py", ast.parse(source))) == expected
