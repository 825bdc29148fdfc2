"""The names under which settings are found in the environment: today's, those of the last release, and misspelt ones."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from rapidfuzz.distance import OSA

from app.errors import CannotStart
from app.secret_files import SUFFIX, read_secret

PREFIX: Final = "DNO_"

# Names of the last release: each still works, with a warning that names the new one.
RENAMED: Final = {
    "sockets_most": "max_streams",
    "socket_operations": "max_operations_per_socket",
    "socket_message_bytes": "max_message_bytes",
    "socket_patience": "socket_init_timeout",
    "socket_check": "socket_check_interval",
    "operations_most": "max_operations",
    "operations_waiting": "max_queued_operations",
    "operations_patience": "max_queue_time",
    "operations_soon": "target_service_time",
    "documents_kept": "max_cached_documents",
    "document_letters_kept": "max_cached_document_letters",
    "read_patience": "read_timeout",
    "write_patience": "write_timeout",
    "connections_most": "max_connections",
    "lease_wait": "lease_timeout",
    "memory_bytes": "memory_cache_size",
    "memory_lifetime": "memory_cache_lifetime",
    "lifetime_verified": "verified_lifetime",
    "lifetime_unverified": "unverified_lifetime",
    "lifetime_coverage": "coverage_lifetime",
    "lifetime_absent": "absent_lifetime",
    "lifetime_answer_sure": "sure_interpretation_lifetime",
    "lifetime_answer_unsure": "unsure_interpretation_lifetime",
    "database_pool_max": "max_database_connections",
    "database_pool_min": "min_database_connections",
    "redis_pool_max": "max_redis_connections",
    "redis_pool_ready": "min_redis_connections",
    "statements_in_flight": "max_statements_in_flight",
    "fills_waiting": "max_queued_fills",
    "heartbeat": "heartbeat_interval",
    "heartbeat_missed": "max_missed_heartbeats",
    "relay_batch": "max_relay_batch",
    "relay_poll": "relay_interval",
    "sessions_per_user": "max_sessions_per_user",
    "password_waiting": "max_queued_passwords",
    "api_key_use_interval": "api_key_usage_interval",
    "request_head_bytes": "max_request_head_bytes",
    "request_body_bytes": "max_request_body_bytes",
    "request_batch": "max_batch_operations",
    "rate_limit_keys": "max_rate_limit_keys",
    "subscription_queue": "max_unread_changes",
    "subscription_catch_up": "max_catch_up_changes",
    "query_log_buffer": "max_buffered_questions",
    "warm_every": "warm_interval",
    "warm_count": "max_warmed_pairs",
    "language_model_below": "language_model_threshold",
    "export_concurrency": "max_exports",
    "start_deadline": "start_timeout",
    "stop_deadline": "stop_timeout",
    "keep_alive": "keep_alive_timeout",
    "operation_deadline": "operation_timeout",
    "tracing_share": "tracing_sample_ratio",
    "redis_health_check": "redis_health_check_interval",
    "breaker_failures": "breaker_threshold",
    "breaker_pause": "breaker_timeout",
    "slow_operation": "slow_operation_threshold",
    "strict_transport": "hsts_lifetime",
}

# A name of so many letters with so many slips is taken for a misspelling of ours; shorter ones may be anything.
_SLIPS: Final = ((12, 2), (6, 1))


def find_settings(
    environment: Mapping[str, str],
    names: Collection[str],
    warn: Callable[[str], object],
    *,
    secrets: Collection[str] = (),
) -> Iterator[tuple[str, str, str]]:
    """For each setting that the environment has: its name, the variable that it was found in, and its text.

    A variable with the prefix goes before one without, today's name before the one that it replaced. Those of `secrets`
    may also be in a file that `NAME_FILE` names. Refuses with CannotStart what is misspelt, and what is given twice.
    """
    check_spelling(environment, [*names, *(name + SUFFIX.lower() for name in secrets)])
    old_names = {new: old for old, new in RENAMED.items()}
    for name in names:
        if name in secrets and (file := _file_variable(environment, name)) is not None:
            yield name, file, read_secret(file, environment[file])
            continue
        for candidate in filter(None, (name, old_names.get(name))):
            variable = _variable(environment, candidate)
            if variable is not None:
                if candidate != name:
                    new = variable.removesuffix(candidate.upper()) + name.upper()
                    warn(
                        f"The setting {variable} is called {new} now; the old name will go with the next release."
                    )
                yield name, variable, environment[variable]
                break


def _file_variable(environment: Mapping[str, str], name: str) -> str | None:
    """The variable that names the file with the secret; an empty one, or one beside an empty value, counts as absent."""
    file = _variable(environment, name + SUFFIX.lower())
    if file is None or not environment[file]:
        return None
    value = _variable(environment, name)
    if value is not None and environment[value]:
        raise CannotStart(f"The settings {value} and {file} are both given: leave out one of them.")
    return file


def check_spelling(environment: Mapping[str, str], names: Collection[str]) -> None:
    """With the prefix every unknown name is refused; without it, only one that is close to a setting which is not set."""
    known = {name.upper() for name in (*names, *RENAMED)}
    unset = {name.upper() for name in names if _variable(environment, name) is None}
    for variable in environment:
        name = variable.removeprefix(PREFIX)
        if name in known:
            continue
        if variable.startswith(PREFIX):
            nearest = _nearest(name, known, slips=3)
            advice = f"did you mean {PREFIX}{nearest}? " if nearest else ""
            raise CannotStart(
                f"There is no setting {variable}; {advice}docs/configuration.md lists them all."
            )
        slips = next((slips for length, slips in _SLIPS if len(name) >= length), 0)
        if slips and (nearest := _nearest(name, unset, slips=slips)):
            raise CannotStart(
                f"There is no setting {variable}; did you mean {nearest}? docs/configuration.md lists them all."
            )


def _variable(environment: Mapping[str, str], name: str) -> str | None:
    return next((word for word in (PREFIX + name.upper(), name.upper()) if word in environment), None)


def _nearest(name: str, names: Collection[str], *, slips: int) -> str | None:
    distances = {known: OSA.distance(name, known, score_cutoff=slips) for known in names}
    nearest = min(sorted(distances), key=lambda known: distances[known], default=None)
    return nearest if nearest is not None and distances[nearest] <= slips else None
