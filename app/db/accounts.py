"""Users, their API keys, and when a key was last used."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from app.db.pool import Pool, Row
from app.db.unit_of_work import UnitOfWork
from app.domain.account import ApiKey, Role, User
from app.errors import AppError, Code


class Credentials(msgspec.Struct, frozen=True):
    user: User
    password_hash: str


class IssuedKey(msgspec.Struct, frozen=True):
    """A key that is not revoked, and the current role of its creator."""

    key: ApiKey
    creator_role: Role


async def fetch_by_id(pool: Pool, ids: Sequence[UUID]) -> dict[UUID, User]:
    rows = await pool.fetch(
        "SELECT id, email, role, created_at FROM users WHERE id = ANY($1::uuid[]) AND deleted_at IS NULL", ids
    )
    return {row["id"]: _user(row) for row in rows}


async def fetch_all(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[User, ...]]:
    rows = await pool.fetch(
        'SELECT id, email, role, created_at FROM users WHERE deleted_at IS NULL ORDER BY lower(email) COLLATE "C"'
    )
    return {None: tuple(map(_user, rows))}


async def fetch_credentials(pool: Pool, emails: Sequence[str]) -> dict[str, Credentials]:
    """Addresses are compared without case; the keys of the result are spelled as in `emails`."""
    rows = await pool.fetch(
        "SELECT wanted.email AS requested, id, users.email, role, created_at, password_hash FROM users"
        " JOIN unnest($1::text[]) AS wanted (email) ON lower(users.email) = lower(wanted.email)"
        " WHERE deleted_at IS NULL",
        emails,
    )
    return {row["requested"]: Credentials(_user(row), row["password_hash"]) for row in rows}


async def fetch_issued_keys(pool: Pool, secret_hashes: Sequence[bytes]) -> dict[bytes, IssuedKey]:
    """Includes expired keys: whether a key has expired is checked at each use."""
    rows = await pool.fetch(
        "SELECT secret_hash, k.id, k.name, k.role, created_by, k.created_at, last_used_at, expires_at,"
        " u.role AS creator_role"
        " FROM api_keys k JOIN users u ON u.id = created_by LEFT JOIN api_key_uses ON key_id = k.id"
        " WHERE secret_hash = ANY($1::bytea[]) AND revoked_at IS NULL AND u.deleted_at IS NULL",
        secret_hashes,
    )
    return {row["secret_hash"]: IssuedKey(_api_key(row), Role(row["creator_role"])) for row in rows}


async def fetch_all_keys(pool: Pool, keys: Sequence[None]) -> dict[None, tuple[ApiKey, ...]]:
    """Those that are not revoked, newest first; expired ones, too."""
    rows = await pool.fetch(
        "SELECT id, name, role, created_by, created_at, last_used_at, expires_at"
        " FROM api_keys LEFT JOIN api_key_uses ON key_id = id"
        " WHERE revoked_at IS NULL ORDER BY created_at DESC, id"
    )
    return {None: tuple(map(_api_key, rows))}


async def add_user(work: UnitOfWork, email: str, role: Role, password_hash: str) -> User:
    """Raises CONFLICT if a user has this address already."""
    row = await work.connection.fetchrow(
        "INSERT INTO users (email, role, password_hash) VALUES ($1, $2, $3)"
        " ON CONFLICT (lower(email)) DO NOTHING RETURNING id, email, role, created_at",
        email,
        role,
        password_hash,
    )
    if row is None:
        raise AppError(f"There is a user with the address {email} already.", Code.CONFLICT, field=["email"])
    return _user(row)


async def set_role(work: UnitOfWork, user_id: UUID, role: Role, *, keep_administrator: bool = False) -> User:
    """`keep_administrator`: raises CONFLICT if no user with the role ADMIN would be left."""
    if keep_administrator and role is not Role.ADMIN:
        await _keep_administrator(work, user_id)
    row = await work.connection.fetchrow(
        "UPDATE users SET role = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING id, email, role, created_at",
        user_id,
        role,
    )
    return _changed_user(row)


async def set_password_hash(work: UnitOfWork, user_id: UUID, password_hash: str) -> User:
    row = await work.connection.fetchrow(
        "UPDATE users SET password_hash = $2 WHERE id = $1 AND deleted_at IS NULL"
        " RETURNING id, email, role, created_at",
        user_id,
        password_hash,
    )
    return _changed_user(row)


async def replace_password_hash(work: UnitOfWork, user_id: UUID, old: str, new: str) -> bool:
    """False if the password was changed in the meantime: that change is kept."""
    done = await work.connection.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2", user_id, old, new
    )
    return bool(done == "UPDATE 1")


async def change_password_hash(work: UnitOfWork, user_id: UUID, old: str, new: str) -> User:
    """Raises CONFLICT if the password was changed in the meantime."""
    if not await replace_password_hash(work, user_id, old, new):
        raise AppError("The password has changed meanwhile; please sign in again.", Code.CONFLICT)
    row = await work.connection.fetchrow(
        "SELECT id, email, role, created_at FROM users WHERE id = $1 AND deleted_at IS NULL", user_id
    )
    return _changed_user(row)


async def delete_user(work: UnitOfWork, user_id: UUID, *, keep_administrator: bool = False) -> User:
    """Also revokes the user's API keys. The row stays for history, the address is removed.

    `keep_administrator`: raises CONFLICT for the last user with the role ADMIN.
    """
    if keep_administrator:
        await _keep_administrator(work, user_id)
    row = await work.connection.fetchrow(
        "UPDATE users SET deleted_at = now(), email = id || '@deleted.invalid', password_hash = ''"
        " WHERE id = $1 AND deleted_at IS NULL RETURNING id, email, role, created_at",
        user_id,
    )
    await work.connection.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE created_by = $1 AND revoked_at IS NULL", user_id
    )
    return _changed_user(row)


async def add_api_key(
    work: UnitOfWork,
    creator: UUID,
    name: str,
    role: Role,
    secret_hash: bytes,
    expires_at: datetime | None,
) -> ApiKey:
    row = await work.connection.fetchrow(
        "INSERT INTO api_keys (created_by, name, role, secret_hash, expires_at) VALUES ($1, $2, $3, $4, $5)"
        " RETURNING id, name, role, created_by, created_at, NULL::timestamptz AS last_used_at, expires_at",
        creator,
        name,
        role,
        secret_hash,
        expires_at,
    )
    assert row is not None
    return _api_key(row)


async def revoke_api_key(work: UnitOfWork, key_id: UUID) -> ApiKey:
    row = await work.connection.fetchrow(
        "UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL"
        " RETURNING id, name, role, created_by, created_at, expires_at,"
        " (SELECT last_used_at FROM api_key_uses WHERE key_id = api_keys.id) AS last_used_at",
        key_id,
    )
    if row is None:
        raise AppError("There is no such API key, or it was revoked before.", Code.NOT_FOUND, field=["id"])
    return _api_key(row)


async def touch_api_keys(pool: Pool, uses: Mapping[UUID, datetime]) -> None:
    # Ordered by id, so that two instances that write the same keys cannot deadlock.
    in_order = sorted(uses.items())
    await pool.fetch(
        "INSERT INTO api_key_uses (key_id, last_used_at)"
        " SELECT key_id, used_at FROM unnest($1::uuid[], $2::timestamptz[]) AS uses (key_id, used_at)"
        " JOIN api_keys ON id = key_id ORDER BY key_id"
        " ON CONFLICT (key_id) DO UPDATE"
        " SET last_used_at = greatest(api_key_uses.last_used_at, excluded.last_used_at)",
        [key_id for key_id, _ in in_order],
        [used_at for _, used_at in in_order],
    )


async def _keep_administrator(work: UnitOfWork, user_id: UUID) -> None:
    """Locks all administrators, so that two of them cannot remove each other at the same time."""
    rows = await work.connection.fetch(
        "SELECT id FROM users WHERE role = 'ADMIN' AND deleted_at IS NULL ORDER BY id FOR UPDATE"
    )
    if [row["id"] for row in rows] == [user_id]:
        raise AppError(
            "This is the last administrator; make another user ADMIN before.", Code.CONFLICT, field=["id"]
        )


def _changed_user(row: "Row | None") -> User:
    if row is None:
        raise AppError("There is no such user.", Code.NOT_FOUND)
    return _user(row)


def _user(row: Row) -> User:
    return User(id=row["id"], email=row["email"], role=Role(row["role"]), created_at=row["created_at"])


def _api_key(row: Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        created_by=row["created_by"],
        created_at=row["created_at"],
        last_used_at=row["last_used_at"],
        expires_at=row["expires_at"],
    )
