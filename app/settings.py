"""Everything that can be set, in one frozen struct.

Each field is read from the environment under its name in capitals, with or without `DNO_` before
it (`DATABASE_URL` or `DNO_DATABASE_URL`; with wins; app/setting_names.py). What each means stands in
docs/configuration.md; a test keeps the two equal.
"""

import re
import sys
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from app.errors import CannotStart
from app.failpoints import FailPoint
from app.secret_files import SUFFIX
from app.setting_names import PREFIX, find_settings

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

# Headers, cookies, keys of Redis and moments of PostgreSQL hold these, but not infinity.
_MOST = 1e9
# PostgreSQL and sockets have time-outs as milliseconds of 32 bits.
_LONGEST_TIMEOUT = 2_147_483
# A millisecond. Without any time all attempts would fail, what is repeated would do nothing else, and to PostgreSQL
# 0 would be no limit.
_SHORTEST = 0.001
# The bigint of PostgreSQL, limits of the kernel and numbers in scripts of Redis hold these.
_LARGEST = 2**53 - 1
# Python's garbage collector and Argon2 count in 32 bits.
_LARGEST_OF_32_BITS = 2**31 - 1

Seconds = Annotated[float, Meta(ge=0, le=_MOST)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=_MOST)]
Timeout = Annotated[float, Meta(ge=_SHORTEST, le=_LONGEST_TIMEOUT)]
NotZero = Annotated[float, Meta(ge=_SHORTEST, le=_MOST)]
Count = Annotated[int, Meta(ge=0, le=_LARGEST)]
Positive = Annotated[int, Meta(ge=1, le=_LARGEST)]
Positive32 = Annotated[int, Meta(ge=1, le=_LARGEST_OF_32_BITS)]
Share = Annotated[float, Meta(ge=0, le=1)]
Words = tuple[str, ...]
# An address that paths are added to: without spaces, quotes and what else no address has, without user, query and fragment.
_PLAIN = re.compile(r"[^\x00-\x20\x7f\s\"'<>\\^`{|}?#@,]+")
# As browsers send it, also for applications (capacitor://localhost). Slashes at its end do not matter.
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::[0-9]{1,5})?/*")
_DEFAULT_PORT = re.compile(r"https://.*:443/*|http://.*:80/*", re.IGNORECASE)
# Never in a log or an error message; also read from the file that `NAME_FILE` names (app/secret_files.py).
Secret = Annotated[str, Meta(extra={"secret": True})]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    # Servers and addresses
    database_url: Secret = ""
    redis_url: Secret = ""
    session_redis_url: Secret = ""  # empty: redis_url
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8000
    workers: Annotated[int, Meta(ge=1, le=1024)] = 1
    local_folder: str = ".local"

    # Logs
    log_level: str = "info"
    log_format: str = "auto"  # auto, console or json
    slow_operation_threshold: Seconds = 0.5
    deprecated_metrics: bool = True  # metrics also under their names without the prefix `dno_`
    revision: str = ""  # label of dno_build_info; empty: the commit that pip has installed, if it has

    # PostgreSQL
    min_database_connections: Count = 2
    max_database_connections: Annotated[int, Meta(ge=1, le=262_143)] = 10  # more no PostgreSQL accepts
    database_connect_timeout: NotZero = 10
    database_statement_timeout: Timeout = 5
    database_acquire_timeout: NotZero = 5

    # Redis
    max_redis_connections: Positive = 100
    min_redis_connections: Count = 10
    redis_timeout: Annotated[float, Meta(ge=_SHORTEST, le=_LONGEST_TIMEOUT // 3)] = (
        0.08  # a relay has three of it
    )
    redis_connect_timeout: NotZero = 0.08
    redis_health_check_interval: Seconds = 15
    breaker_threshold: Positive = 5
    breaker_timeout: Seconds = 1

    # Caches
    entity_cache: bool = True
    response_cache: bool = True
    memory_cache: bool = True
    memory_cache_size: Positive = 48 * 2**20
    memory_cache_lifetime: Seconds = MINUTE
    verified_lifetime: Seconds = DAY
    unverified_lifetime: Seconds = HOUR
    coverage_lifetime: Seconds = 5 * MINUTE
    absent_lifetime: Seconds = MINUTE
    sure_interpretation_lifetime: Seconds = HOUR
    unsure_interpretation_lifetime: Seconds = 5 * MINUTE
    lifetime_jitter: Share = 0.1
    lease_lifetime: NotZero = 2
    lease_timeout: Seconds = 0.05
    max_statements_in_flight: Positive = 2
    max_queued_fills: Positive = 5000
    heartbeat_interval: NotZero = 0.25
    max_missed_heartbeats: Positive = 4
    max_relay_batch: Positive = 500
    relay_interval: NotZero = 1
    relay_timeout: Timeout = 0.3  # how long a relay may be idle within its transaction

    # Authentication
    anonymous_reading: bool = True
    session_lifetime: Seconds = DAY
    max_sessions_per_user: Positive = 50
    device_lifetime: Seconds = 180 * DAY  # of the device cookie
    password_passes: Positive32 = 3
    password_memory_kib: Positive32 = 64 * 2**10
    password_lanes: Annotated[int, Meta(ge=1, le=2**24 - 1)] = 4  # Argon2 has no more
    password_threads: Positive = 2
    max_queued_passwords: Count = 32
    api_key_usage_interval: NotZero = 10
    credential_check_timeout: Seconds = (
        30  # how long open connections keep permissions that cannot be checked
    )
    cookie_secure: Literal["auto", "on", "off"] = "auto"  # auto: on except on localhost
    cookie_same_site: Literal["lax", "none"] = "lax"  # none: front ends of other sites may send it
    allowed_origins: Words = ()
    cross_origin_reading: bool = True

    # HTTP
    public_url: str = ""  # of the server as clients reach it; empty: pages name no addresses in full
    trusted_proxies: Words = ()  # addresses or networks (CIDR)
    proxy_header: Literal["auto", "x-forwarded-for", "forwarded"] = "auto"
    operations_networks: Words = ("127.0.0.0/8", "::1")  # clients that may read /readyz and /metrics
    max_request_head_bytes: Positive = 64 * 2**10  # request line and headers
    max_request_body_bytes: Positive = 2**20
    max_held_body_bytes: Positive = 32 * 2**20  # of all requests of one process that are not answered yet
    max_load_profile_bytes: Positive = 4 * 2**20
    max_load_profiles: Positive = 8  # uploads of one process at a time
    max_batch_operations: Count = 0  # operations in one HTTP request; 0 refuses arrays
    hsts_lifetime: Seconds = 365 * DAY

    # Rate limits; 0: no limit
    rate_limit_window: Annotated[float, Meta(ge=1, le=_MOST)] = MINUTE
    rate_limit_anonymous: Count = 60
    rate_limit_api_key: Count = 600
    rate_limit_sign_in: Count = 5
    rate_limit_sign_in_account: Count = 200
    rate_limit_sign_in_window: Annotated[float, Meta(ge=1, le=_MOST)] = 15 * MINUTE
    rate_limit_messages: Count = 120
    rate_limit_cost: Positive = 1000  # cost of a query that counts as one request
    max_rate_limit_keys: Positive = 50_000
    rate_limit_grant: Seconds = 1

    # Traces
    tracing: bool = False
    tracing_endpoint: str = ""
    tracing_sample_ratio: Share = 1.0
    tracing_variables: bool = False

    # WebSockets and subscriptions
    max_streams: Positive = 10_000  # WebSockets and event streams of one process
    max_streams_per_address: Positive = 1500  # of these, from one client address (an IPv6 /64)
    max_operations_per_socket: Positive = 100  # concurrent operations on one WebSocket
    max_message_bytes: Positive = 2**17
    socket_init_timeout: Seconds = 5  # for the connection_init of a new WebSocket
    socket_check_interval: PositiveSeconds = (
        20  # how often a WebSocket is pinged and its credentials are checked
    )
    max_subscription_bytes: Positive = 64 * 2**20  # documents and variables of all open subscriptions
    max_unread_changes: Positive = 256  # changes that one subscriber may leave unread
    subscription_timeout: Seconds = 5  # how long a subscriber that is behind may read nothing
    max_subscription_log: Positive = 50_000  # changes stored for all subscribers that are behind
    max_catch_up_changes: Positive = (
        5000  # changes delivered late after a gap; if there are more, all subscriptions are closed
    )

    # Query log and cache warming
    query_log_lifetime: Seconds = 90 * DAY
    query_log_addresses: bool = False
    max_buffered_questions: Positive = 10_000
    max_logged_questions: Count = 30  # per caller and minute; of all callers twenty times as many
    max_query_log_rows: Positive = 500_000
    warm_memory: bool = True  # at startup
    warm_interval: Seconds = HOUR  # 0: never
    max_warmed_pairs: Count = 50

    # Language model: the fallback for questions that were not understood
    language_model_url: str = ""  # such as https://…/v1; empty: none
    language_model_key: Secret = ""
    language_model_name: str = ""
    language_model_threshold: Share = 0.5  # confidence
    language_model_timeout: PositiveSeconds = 3
    max_language_model_calls: Count = 5000  # per day, over all instances; 0: no limit
    max_language_model_calls_per_caller: Count = 100

    # Operations
    operation_timeout: Seconds = 10
    max_operations: Positive = 40  # concurrent
    max_queued_operations: Count = 400
    max_queue_time: Seconds = 0.3
    target_service_time: Seconds = 0.03  # after a rejection only as many run as are executed in this time
    http_lifetime: Seconds = MINUTE  # the longest max-age of a response to GET, in shared caches

    # Documents
    introspection: bool = True
    max_introspections: Count = 20  # per caller and minute that count as one request, whatever their cost
    limit_document_letters: Positive = 20_000
    limit_tokens: Positive = 2000
    limit_operations: Positive = 20
    limit_fragments: Positive = 50
    limit_depth: Positive = 12
    limit_fields: Positive = 500
    limit_aliases: Positive = 30
    limit_root_fields: Positive = 20
    limit_directives: Positive = 30
    limit_arguments: Positive = 20  # of one field or directive
    limit_variables: Positive = 100
    limit_repeats: Positive = 40
    limit_variable_values: Positive = 1000
    limit_cost: Positive = 25_000
    limit_objects: Positive = 100_000  # loaded by one operation
    limit_answer_bytes: Positive = 8 * 2**20
    limit_cpu_time: PositiveSeconds = 0.5  # CPU time of one operation
    limit_statements: Positive = 200  # that one operation waits for
    persisted_lifetime: Seconds = 7 * DAY
    max_persisted_documents: Positive = 2000  # in Redis, of all clients
    max_new_persisted_documents: Count = 100  # per caller and minute; of all callers ten times as many
    persisted_cache_size: Positive = 4 * 2**20  # bytes of them in this process
    registered_documents: str = ""  # a manifest; with it, no other document is executed
    registered_documents_only_warn: bool = False
    max_cached_documents: Positive = 1000  # parsed and validated, with their plans
    max_cached_document_letters: Positive = 4 * 2**20
    document_cache_size: Positive = 24 * 2**20  # bytes, with their plans

    # Data of others
    starter: bool = True  # loaded into a database without operators, unless another database is followed
    follow_database_url: Secret = ""  # of dno-crawler; empty: none
    follow_interval: Annotated[float, Meta(ge=0.1, le=_MOST)] = 30

    # Imports and exports
    import_timeout: Timeout = 10 * MINUTE  # one statement of an import, or waiting for another import
    import_request_timeout: Timeout = 50  # of a file sent over HTTP, until its commit
    max_import_bytes: Positive = 32 * 2**20  # of one file sent over HTTP
    max_import_memory: Positive = 2**30  # bytes of the process that imports it
    max_imports: Positive = 2  # over HTTP, of one process at a time
    export_timeout: Timeout = 5 * MINUTE  # a whole download
    limit_export_bytes: Positive = 512 * 2**20  # of one download
    limit_export_cpu_time: PositiveSeconds = 20
    max_exports: Positive = 2  # concurrent downloads; each uses a connection of the pool

    # Webhooks
    webhook_networks: Words = ()  # that messages may be sent to although they are not public (CIDR), also without TLS
    webhook_ports: Words = ("443", "1024-65535")
    webhook_ca_file: str = ""  # certificates of further authorities (PEM)
    webhook_timeout: PositiveSeconds = 15  # of one attempt
    webhook_interval: PositiveSeconds = 0.5  # between two looks for changes and due messages
    webhook_retry_delay: PositiveSeconds = (
        5  # after the first failure; each further one is four times as long
    )
    longest_webhook_retry_delay: PositiveSeconds = 6 * HOUR
    max_webhook_attempts: Annotated[int, Meta(ge=1, le=1_000_000)] = (
        12  # of one message; then it is a dead letter
    )
    webhook_message_lifetime: PositiveSeconds = 3 * DAY  # until an undelivered message is a dead letter
    webhook_failing_lifetime: PositiveSeconds = 5 * DAY  # of failures, until the subscription is disabled
    dead_letter_lifetime: PositiveSeconds = 30 * DAY
    max_dead_letters: Positive = 1000  # of one subscription
    max_webhook_subscriptions: Positive = 10  # of one API key
    max_webhook_messages: Positive = 10_000  # that wait, of one subscription
    max_webhook_queue_bytes: Positive = 16 * 2**20  # of these
    max_webhook_deliveries: Positive = 32  # concurrent attempts of one process

    # Caches at the edge
    edge_headers: Words = ()  # that name what a response was read from; empty: none
    edge_lifetime: Annotated[float, Meta(ge=1, le=_MOST)] = (
        6 * HOUR
    )  # the longest that an edge stores a response
    edge_varnish: Words = ()  # addresses of servers that are purged
    edge_fastly_service: str = ""  # empty: none is purged
    edge_fastly_token: Secret = ""
    edge_fastly_url: str = "https://api.fastly.com"
    edge_fastly_soft_purge: bool = False
    edge_cloudflare_zone: str = ""  # empty: none is purged
    edge_cloudflare_token: Secret = ""
    edge_cloudflare_url: str = "https://api.cloudflare.com/client/v4"
    edge_purge_timeout: PositiveSeconds = 5  # of one request
    edge_repeat_delay: Seconds = 0  # until the last purge of a change; 0: the longest time of a response

    # Processes and connections
    start_timeout: Timeout = 30
    stop_timeout: Seconds = 20
    keep_alive_timeout: Seconds = 5  # how long an idle connection stays open
    read_timeout: PositiveSeconds = 20  # how long a request may take to arrive
    max_connections: Positive = 12_000  # HTTP connections and WebSockets, per process
    max_connections_per_address: Positive = 3000  # of these, from one client address (an IPv6 /64)
    answer_timeout: PositiveSeconds = 60  # between two writes of one response
    write_timeout: Seconds = 30  # how long a client may leave sent data unread
    garbage_threshold: Annotated[int, Meta(ge=0, le=_LARGEST_OF_32_BITS)] = (
        10_000  # new objects between two collections; 0 keeps Python's default
    )
    max_memory_growth: Count = 64 * 2**20  # bytes, until a full garbage collection; 0: never
    fail_point: FailPoint | None = None  # for crash tests only

    def lifetime(self, verified: bool) -> float:
        return self.verified_lifetime if verified else self.unverified_lifetime


def _to_stderr(line: str) -> None:
    """Logs are not set up before settings are read."""
    sys.stderr.write(f"{line}\n")


def read_settings(
    environment: Mapping[str, str],
    overrides: Mapping[str, object] | None = None,
    *,
    warn: Callable[[str], object] = _to_stderr,
) -> Settings:
    """Refuses with CannotStart and the setting's name. `warn` takes a line about a name that was replaced.

    `overrides`: values by name, from the command line; None leaves a setting to the environment.
    """
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, object] = {}
    for name, variable, text in find_settings(
        environment, Settings.__struct_fields__, warn, secrets=secret_settings()
    ):
        values[name] = _value(variable.removeprefix(PREFIX), text, hints[name])
    values |= {
        name: _converted(name.upper(), value, hints[name])
        for name, value in (overrides or {}).items()
        if value is not None
    }
    settings = msgspec.structs.replace(Settings(), **values)
    _check_urls(settings)
    _check_origins(settings)
    return settings


def as_environment(settings: Settings) -> dict[str, str]:
    """What `read_settings` reads back: a child process gets its settings where no other user can look."""
    values = {PREFIX + name.upper(): _text(getattr(settings, name)) for name in Settings.__struct_fields__}
    # Read already; beside the values the names of files would be refused.
    return values | {PREFIX + name.upper() + SUFFIX: "" for name in secret_settings()}


def secret_settings() -> frozenset[str]:
    """Names of the settings of type `Secret`."""
    hints = get_type_hints(Settings, include_extras=True)
    return frozenset(name for name, hint in hints.items() if hint == Secret)


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def _value(variable: str, text: str, hint: object) -> object:
    plain = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    if get_origin(plain) is tuple:
        return tuple(word.strip() for word in text.split(",") if word.strip())
    if get_origin(plain) in (Union, types.UnionType) and text == "":
        return None
    raw: object = (
        {"on": "true", "off": "false", "yes": "true", "no": "false"}.get(text.lower(), text.lower())
        if plain is bool
        else text
    )
    return _converted(variable, raw, hint)


def _converted(variable: str, raw: object, hint: object) -> object:
    try:
        return msgspec.convert(raw, hint, strict=False)
    except UnicodeEncodeError:
        raise CannotStart(f"The setting {variable} is wrong: it is not text in UTF-8.") from None
    except msgspec.ValidationError as error:
        # The value is not part of the message: it may be a secret.
        raise CannotStart(f"The setting {variable} is wrong: {error}.") from None


def _scheme(url: str) -> str:
    try:
        return urlsplit(url).scheme
    except ValueError:  # brackets that are not closed
        return ""


def check_token(settings: Settings, name: str) -> None:
    """Raises CannotStart for what no header can hold: each request with it would fail."""
    token = getattr(settings, name)
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise CannotStart(f"The setting {name.upper()} is wrong: it has letters that no token has.")


def _is_base(url: str) -> bool:
    """Whether a path can be put behind it."""
    try:
        parts = urlsplit(url)
        return bool(_PLAIN.fullmatch(url) and parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False


def _check_origins(settings: Settings) -> None:
    """What no browser sends would be without effect, without a reason that could be seen. `null` browsers do send, for
    sandboxed frames and files: every page can, and would have the rights of the cookie.
    """
    for origin in settings.allowed_origins:
        if origin.lower() == "null":
            raise CannotStart(
                "The setting ALLOWED_ORIGINS is wrong: every page can send the origin null, from a sandboxed frame."
            )
        if origin != "*" and (not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin)):
            raise CannotStart(
                "The setting ALLOWED_ORIGINS is wrong: it lists origins such as https://front.example, without path and"
                " default port."
            )


def _check_urls(settings: Settings) -> None:
    redis = (
        "redis",
        "rediss",
        "redis+sentinel",
        "rediss+sentinel",
        "redis+cluster",
        "rediss+cluster",
    )
    web = ("https", "http")
    schemes = {
        "language_model_url": web,
        "public_url": web,
        "edge_fastly_url": web,
        "edge_cloudflare_url": web,
        "tracing_endpoint": web,
        "database_url": ("postgresql", "postgres"),
        "follow_database_url": ("postgresql", "postgres"),
        "redis_url": redis,
        "session_redis_url": redis,
    }
    for name, allowed in schemes.items():
        url = getattr(settings, name)
        if url and _scheme(url) not in allowed:
            raise CannotStart(
                f"The setting {name.upper()} is wrong: it begins with none of {', '.join(f'{s}://' for s in allowed)}."
            )
        # Traces are sent to the endpoint as it is.
        if url and allowed == web and name != "tracing_endpoint" and not _is_base(url):
            raise CannotStart(
                f"The setting {name.upper()} is wrong: it is no address such as https://netz.example, without user and"
                " query, to which paths are added."
            )
