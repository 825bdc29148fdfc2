"""Subscriptions of webhooks: reads, adds, changes and deletes them."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

from app.db.pool import Connection, Pool, Row
from app.db.unit_of_work import UnitOfWork
from app.domain.account import Principal, Role
from app.domain.families import DataType
from app.domain.webhook import (
    DisabledBecause,
    WebhookFilter,
    WebhookMessage,
    WebhookState,
    WebhookSubscription,
)
from app.errors import AppError, BadInput, Code


class Owner(NamedTuple):
    """Whose subscriptions a caller may see and change: those of an API key, of the keys of a user, or all."""

    api_key_id: UUID | None
    user_id: UUID | None
    all: bool

    @classmethod
    def of(cls, principal: Principal) -> "Owner":
        signed_in = principal.user_id is not None
        return cls(principal.api_key_id, principal.user_id, signed_in and principal.role is Role.ADMIN)


# Arguments $1 to $3 are the fields of an Owner.
_OWNED: Final = "(s.api_key_id = $1 OR k.created_by = $2 OR $3)"
# A key that is revoked, has expired, or whose creator was deleted has no valid subscriptions.
VALID_KEY: Final = (
    "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())"
    " AND EXISTS (SELECT FROM users u WHERE u.id = k.created_by AND u.deleted_at IS NULL)"
)
_COLUMNS: Final = (
    "s.id, s.api_key_id, s.description, s.url, s.dno_ids, s.data_types, s.price_rise_over, s.state,"
    " s.disabled_because, s.failures, s.failing_since, s.last_error, s.last_delivered_at, s.delivered,"
    " s.missed_since, s.missed_until, s.created_at,"
    " (SELECT count(*) FROM webhook_messages m WHERE m.subscription_id = s.id AND m.state = 'PENDING') AS waiting,"
    " (SELECT coalesce(sum(bytes), 0) FROM webhook_messages m WHERE m.subscription_id = s.id AND m.state = 'PENDING')"
    " AS waiting_bytes,"
    " (SELECT count(*) FROM webhook_messages m WHERE m.subscription_id = s.id AND m.state = 'DEAD') AS dead"
)
_FROM: Final = "webhook_subscriptions s JOIN api_keys k ON k.id = s.api_key_id"


async def fetch_owned(pool: Pool, owner: Owner) -> list[WebhookSubscription]:
    """The newest first; at most 1,000."""
    rows = await pool.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE {_OWNED} ORDER BY s.created_at DESC, s.id LIMIT 1000",
        *owner,
        name="webhooks",
    )
    return [_subscription(row) for row in rows]


async def fetch_valid(connection: Connection) -> list[WebhookSubscription]:
    """Those whose changes are collected: of a valid key, and not disabled."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE s.state <> 'DISABLED' AND {VALID_KEY} ORDER BY s.id"
    )
    return [_subscription(row) for row in rows]


async def add(
    work: UnitOfWork,
    owner: Owner,
    api_key_id: UUID,
    *,
    description: str,
    url: str,
    secret: bytes,
    filter: WebhookFilter,
    most: int,
) -> WebhookSubscription:
    """Raises NOT_FOUND for a key that the caller may not use, and BadInput if it has `most` subscriptions already."""
    key = await work.connection.fetchrow(
        f"SELECT k.id FROM api_keys k WHERE k.id = $4 AND {VALID_KEY} AND (k.id = $1 OR k.created_by = $2 OR $3)"
        " FOR NO KEY UPDATE OF k",  # concurrent calls of one key count one after the other
        *owner,
        api_key_id,
    )
    if key is None:
        raise AppError("There is no such API key.", Code.NOT_FOUND, field=["input", "apiKey"])
    has = await work.connection.fetchval(
        "SELECT count(*) FROM webhook_subscriptions WHERE api_key_id = $1", api_key_id
    )
    if has >= most:
        raise BadInput(f"An API key may have at most {most} subscriptions.")
    new_id = await work.connection.fetchval(
        "INSERT INTO webhook_subscriptions (api_key_id, description, url, secret, dno_ids, data_types, price_rise_over)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id",
        api_key_id,
        description,
        url,
        secret,
        filter.dno_ids,
        None if filter.data_types is None else [str(data_type) for data_type in filter.data_types],
        filter.price_rise_over,
    )
    return await _fetch(work, owner, new_id)


async def set_state(work: UnitOfWork, owner: Owner, id: UUID, state: WebhookState) -> WebhookSubscription:
    """ACTIVE also clears what failed before, and sends what waits at once. What changed while it was disabled counts as missed."""
    await _lock(work, owner, id)
    await work.connection.execute(
        "UPDATE webhook_subscriptions SET state = $2 WHERE id = $1 AND ($2 = 'ACTIVE' OR state <> 'DISABLED')",
        id,
        state,
    )
    if state is WebhookState.ACTIVE:
        await work.connection.execute(
            "UPDATE webhook_subscriptions SET disabled_because = NULL, failures = 0, failing_since = NULL,"
            " next_attempt_at = NULL, missed_since = least(missed_since, disabled_at),"
            " missed_until = CASE WHEN disabled_at IS NULL THEN missed_until ELSE clock_timestamp() END,"
            " disabled_at = NULL WHERE id = $1",
            id,
        )
        await work.connection.execute(
            "UPDATE webhook_messages SET due_at = clock_timestamp() WHERE subscription_id = $1 AND state = 'PENDING'",
            id,
        )
    return await _fetch(work, owner, id)


async def set_secret(work: UnitOfWork, owner: Owner, id: UUID, secret: bytes) -> WebhookSubscription:
    await _lock(work, owner, id)
    await work.connection.execute("UPDATE webhook_subscriptions SET secret = $2 WHERE id = $1", id, secret)
    return await _fetch(work, owner, id)


async def delete(work: UnitOfWork, owner: Owner, id: UUID) -> WebhookSubscription:
    """With its messages. Returns it as it was."""
    await _lock(work, owner, id)
    subscription = await _fetch(work, owner, id)
    await work.connection.execute("DELETE FROM webhook_subscriptions WHERE id = $1", id)
    return subscription


async def fetch_dead(pool: Pool, ids: Sequence[UUID], first: int) -> dict[UUID, list[WebhookMessage]]:
    """The newest dead letters of each subscription."""
    rows = await pool.fetch(
        "SELECT m.id, m.subscription_id, m.body, m.attempts, m.last_error, m.created_at, m.died_at"
        " FROM unnest($1::uuid[]) AS wanted (id) CROSS JOIN LATERAL (SELECT * FROM webhook_messages"
        " WHERE subscription_id = wanted.id AND state = 'DEAD' ORDER BY died_at DESC, position DESC LIMIT $2) AS m",
        ids,
        first,
        name="dead_letters",
    )
    found: dict[UUID, list[WebhookMessage]] = {}
    for row in rows:
        found.setdefault(row["subscription_id"], []).append(WebhookMessage(**row))
    return found


async def add_test_message(
    work: UnitOfWork, owner: Owner, id: UUID, body: str, *, lifetime: float, most: int
) -> WebhookSubscription:
    """Raises BadInput if `most` messages wait already."""
    await _lock(work, owner, id)
    if (await _fetch(work, owner, id)).waiting >= most:
        raise BadInput(f"{most} messages wait already.")
    await work.connection.execute(
        "INSERT INTO webhook_messages (subscription_id, stream, body, expires_at)"
        " VALUES ($1, 'test', $2, clock_timestamp() + make_interval(secs => $3))",
        id,
        body,
        lifetime,
    )
    return await _fetch(work, owner, id)


async def redeliver(
    work: UnitOfWork, owner: Owner, id: UUID, message_id: UUID | None, *, lifetime: float
) -> WebhookSubscription:
    """Dead letters become messages again, all of them if `message_id` is None. NOT_FOUND if there is no such dead letter."""
    await _lock(work, owner, id)
    done = await work.connection.execute(
        "UPDATE webhook_messages SET state = 'PENDING', attempts = 0, due_at = clock_timestamp(), died_at = NULL,"
        " claimed_until = NULL, expires_at = clock_timestamp() + make_interval(secs => $3)"
        " WHERE subscription_id = $1 AND state = 'DEAD' AND ($2::uuid IS NULL OR id = $2)",
        id,
        message_id,
        lifetime,
    )
    if message_id is not None and done == "UPDATE 0":
        raise AppError("There is no such dead letter.", Code.NOT_FOUND, field=["message"])
    return await _fetch(work, owner, id)


async def _lock(work: UnitOfWork, owner: Owner, id: UUID) -> None:
    row = await work.connection.fetchrow(
        f"SELECT s.id FROM {_FROM} WHERE {_OWNED} AND s.id = $4 FOR UPDATE OF s", *owner, id
    )
    if row is None:
        raise AppError("There is no such subscription.", Code.NOT_FOUND, field=["id"])


async def _fetch(work: UnitOfWork, owner: Owner, id: UUID) -> WebhookSubscription:
    row = await work.connection.fetchrow(
        f"SELECT {_COLUMNS} FROM {_FROM} WHERE {_OWNED} AND s.id = $4", *owner, id
    )
    assert row is not None
    return _subscription(row)


def _subscription(row: Row) -> WebhookSubscription:
    values = dict(row)
    dno_ids, data_types, price_rise_over = (
        values.pop(name) for name in ("dno_ids", "data_types", "price_rise_over")
    )
    because = values.pop("disabled_because")
    return WebhookSubscription(
        filter=WebhookFilter(
            None if dno_ids is None else tuple(dno_ids),
            None if data_types is None else tuple(map(DataType, data_types)),
            price_rise_over,
        ),
        disabled_because=None if because is None else DisabledBecause(because),
        state=WebhookState(values.pop("state")),
        **values,
    )
