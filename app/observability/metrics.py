"""What is counted and how it is named; every metric of the server stands here.

Names begin with `dno_` and end with their unit (decision 84); those without the prefix are written by
`app/observability/deprecated_names.py`.
"""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# When each series began would be a gauge beside each: it doubles what a scrape writes, and workers have none anyway.
disable_created_metrics()  # type: ignore[no-untyped-call]

# Of all metrics but those that every Prometheus client writes (`process_…`, `python_…`).
PREFIX = "dno_"
FAST = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

HTTP_REQUESTS = Counter("dno_http_requests_total", "Answered HTTP requests.", ["method", "route", "status"])
HTTP_IN_FLIGHT = Gauge(
    "dno_http_requests_in_flight", "HTTP requests being answered.", multiprocess_mode="livesum"
)
HTTP_CUT = Counter(
    "dno_http_connections_cut_total",
    "Connections cut: no_room for one more, more than its address's share (no_share), a request too_slow, too_large or"
    " malformed, an answer that its client left unread or that did not come (unanswered).",
    ["reason"],
)
HTTP_SECONDS = Histogram(
    "dno_http_request_duration_seconds", "Time to the last byte of an answer.", ["route"], buckets=FAST
)
COMPRESSIONS = Counter(
    "dno_http_compressions_total",
    "Bodies and streams of responses compressed; a cached response once.",
    ["coding"],
)
RATE_LIMIT = Counter(
    "dno_rate_limit_decisions_total",
    "Requests weighed; `by` is where it was decided: redis, grant (a portion taken in advance) or local.",
    ["policy", "by", "outcome"],
)
RATE_LIMIT_LOCAL = Gauge(
    "dno_rate_limit_local",
    "1 while Redis is away and this instance limits on its own.",
    multiprocess_mode="livemax",
)
OPERATIONS = Counter(
    "dno_graphql_operations_total", "GraphQL operations by name and outcome.", ["operation", "outcome"]
)
OPERATION_SECONDS = Histogram(
    "dno_graphql_operation_duration_seconds", "Time from request to answer.", ["type"], buckets=FAST
)
ERRORS = Counter("dno_graphql_errors_total", "GraphQL errors by code.", ["code"])
LOADER_BATCH = Histogram(
    "dno_loader_batch_size",
    "Keys that one loader asked for together.",
    ["loader"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
STATEMENTS = Counter("dno_database_statements_total", "Statements sent to PostgreSQL.", ["region"])
STATEMENT_SECONDS = Histogram(
    "dno_database_statement_duration_seconds", "Time of one statement.", ["region"], buckets=FAST
)
INCOMPLETE = Counter(
    "dno_database_incomplete_total",
    "Statements that lacked a table, a column, a function, a type or a right.",
)

CACHE_HITS = Counter("dno_cache_hits_total", "Records found.", ["region", "layer"])
CACHE_NEGATIVE_HITS = Counter(
    "dno_cache_negative_hits_total", 'Hits that said "there is none".', ["region", "layer"]
)
CACHE_MISSES = Counter("dno_cache_misses_total", "Records not found.", ["region", "layer"])
CACHE_ERRORS = Counter(
    "dno_cache_errors_total",
    "Cache operations that failed; PostgreSQL answered instead.",
    ["operation", "layer"],
)
CACHE_LEASE_REFUSALS = Counter(
    "dno_cache_lease_refusals_total", "Misses whose lease another reader held.", ["region"]
)
CACHE_REFUSED_FILLS = Counter(
    "dno_cache_refused_fills_total", "Fills that an invalidation had overtaken.", ["layer"]
)
CACHE_SECONDS = Histogram(
    "dno_cache_operation_duration_seconds",
    "Time of one cache operation.",
    ["operation", "layer"],
    buckets=FAST,
)
CACHE_INVALIDATIONS = Counter("dno_cache_invalidations_total", "Tags invalidated.", ["by"])
CACHE_TRUSTED = Gauge(
    "dno_cache_trusted", "1 while a layer is in use.", ["layer"], multiprocess_mode="livemin"
)
CACHE_BYTES = Gauge("dno_cache_memory_bytes", "Bytes in L1.", multiprocess_mode="livesum")

OUTBOX_BACKLOG = Gauge(
    "dno_outbox_backlog", "Events that Redis has not taken yet.", multiprocess_mode="livemax"
)
OUTBOX_DELIVERED = Counter("dno_outbox_delivered_total", "Events handed to Redis.")
INVALIDATION_DELAY = Histogram(
    "dno_invalidation_delay_seconds", "From commit to eviction on this instance.", buckets=FAST
)
SUBSCRIPTIONS = Gauge("dno_graphql_subscriptions", "Open subscriptions.", multiprocess_mode="livesum")
CHANGES_SENT = Counter("dno_graphql_changes_told_total", "Answers sent to open streams.", ["transport"])
SOCKETS = Gauge("dno_graphql_sockets", "Open WebSockets and event streams.", multiprocess_mode="livesum")
SOCKETS_CLOSED = Counter(
    "dno_graphql_sockets_closed_total", "WebSockets that ended, by close code.", ["code"]
)

EVENT_LOOP_LAG = Gauge(
    "dno_event_loop_lag_seconds", "How late the event loop woke up.", multiprocess_mode="livemax"
)
DATABASE_CONNECTIONS = Gauge(
    "dno_database_pool_connections", "Connections to PostgreSQL.", ["state"], multiprocess_mode="livesum"
)
OPERATIONS_RUNNING = Gauge(
    "dno_graphql_operations_running", "GraphQL operations being executed.", multiprocess_mode="livesum"
)
EXPENSIVE_OPERATIONS_RUNNING = Gauge(
    "dno_graphql_expensive_operations_running",
    "Those of them that are expected to take milliseconds of CPU time.",
    multiprocess_mode="livesum",
)
OPERATIONS_WAITING = Gauge(
    "dno_graphql_operations_waiting",
    "GraphQL operations waiting for their turn.",
    multiprocess_mode="livesum",
)
QUEUE = Gauge(
    "dno_queue_length",
    "What waits inside a process: questions to be logged, records to be filled, changes of the slowest subscriber.",
    ["queue"],
    multiprocess_mode="livesum",
)
SLOW_OPERATIONS = Counter("dno_slow_operations_total", "Operations slower than the setting allows.")

JOB_FAILURES = Counter(
    "dno_job_failures_total", "Background jobs that failed and were started again.", ["task"]
)
SUBSCRIBERS_DROPPED = Counter(
    "dno_graphql_subscriptions_dropped_total", "Subscriptions closed because they did not keep up."
)
PERSISTED_DOCUMENTS_NOT_STORED = Counter(
    "dno_persisted_documents_not_kept_total",
    "Automatic persisted queries executed and not kept: their caller sent too many new ones.",
)
QUERY_LOG_DROPPED = Counter(
    "dno_query_log_dropped_total", "Questions not logged: PostgreSQL was away and the buffer full."
)
GARBAGE_SECONDS = Histogram(
    "dno_garbage_collection_seconds",
    "Full garbage collections because memory had grown; nothing else runs meanwhile.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
QUERY_LOG_NOT_SAMPLED = Counter(
    "dno_query_log_not_sampled_total", "Questions not logged: their caller, or all together, had their share."
)
SECOND_OPINIONS = Counter(
    "dno_language_model_opinions_total",
    "Questions that a language model was asked about; only `taken` ones were used.",
    ["outcome"],
)
WARMED_READS = Counter(
    "dno_cache_warmed_reads_total",
    "Popular keys that the warmer found kept (hit) or had to read.",
    ["outcome"],
)

FOLLOW_PASSES = Counter(
    "dno_follow_passes_total",
    "Passes over the followed database: full comparisons, incremental ones, and failed ones.",
    ["kind"],
)
FOLLOW_SECONDS = Histogram(
    "dno_follow_pass_duration_seconds",
    "Time of one pass over the followed database.",
    ["kind"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
FOLLOW_ENTRIES = Counter(
    "dno_follow_entries_total",
    "Entries that were changed as in the followed database; disputed ones were flagged because both have changed.",
    ["change"],
)
FOLLOW_SET_ASIDE = Gauge(
    "dno_follow_set_aside_rows",
    "Rows of the followed database that do not fit, in the last pass of this instance.",
    multiprocess_mode="livemostrecent",
)
WEBHOOK_ATTEMPTS = Counter(
    "dno_webhook_attempts_total", "Messages sent to receivers of webhooks; each attempt counts.", ["outcome"]
)
WEBHOOK_DEAD_LETTERS = Counter(
    "dno_webhook_dead_letters_total", "Messages of webhooks that were given up after their last attempt."
)
EDGE_PURGES = Counter(
    "dno_edge_purges_total",
    "Requests that purge a cache at the edge: confirmed, limited (by its API) or failed.",
    ["edge", "outcome"],
)
EDGE_PURGE_SECONDS = Histogram(
    "dno_edge_purge_delay_seconds",
    "From the delivery of a change to its first confirmed purge.",
    ["edge"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
EDGE_LAG = Gauge(
    "dno_edge_purge_lag_seconds",
    "Age of the oldest change that an edge has not been purged of.",
    ["edge"],
    multiprocess_mode="livemax",
)
EDGE_FAILING = Gauge(
    "dno_edge_failing_seconds",
    "For how long an edge has confirmed no purge; 0: the latest one was confirmed.",
    ["edge"],
    multiprocess_mode="livemax",
)
EDGE_EVERYTHING = Counter(
    "dno_edge_purged_everything_total",
    "Purges of all responses: too many changes at once, or an edge whose changes were not kept.",
    ["edge"],
)

UNPLANNED = Counter(
    "dno_graphql_unplanned_total",
    "Queries that the executor answered instead of a compiled plan, by reason.",
    ["reason"],
)

BUILD_INFO = Gauge(
    "dno_build_info",
    "Always 1; its labels name what is running. An unknown revision is empty.",
    ["version", "revision", "python"],
    multiprocess_mode="livemax",
)
