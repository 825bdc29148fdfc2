"""API keys: for machines, named by people, shown once."""

import re
import secrets
from datetime import UTC, datetime
from hashlib import sha256

from app.auth.roles import require
from app.db import accounts
from app.db.unit_of_work import UnitOfWork
from app.domain.account import ApiKey, Principal, Role
from app.errors import AppError, BadInput, Code

PREFIX = "dno_"
_SECRET = re.compile(r"dno_[A-Za-z0-9_-]{43}")


async def create(
    work: UnitOfWork, principal: Principal, name: str, role: Role, expires_at: datetime | None
) -> tuple[ApiKey, str]:
    """The key, and its secret: it is shown once and only its hash is stored."""
    require(principal, Role.ADMIN)
    if principal.user_id is None:
        raise AppError("An API key cannot make others; please sign in.", Code.FORBIDDEN)
    if not principal.role.includes(role):
        raise AppError(
            f"A key may have at most your own role, {principal.role}.", Code.FORBIDDEN, field=["role"]
        )
    if not (0 < len(name := name.strip()) <= 200 and name.isprintable()):
        raise BadInput("A key needs a name of at most 200 printable characters.", field=["name"])
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise BadInput("That moment has passed already.", field=["expiresAt"])
    secret = PREFIX + secrets.token_urlsafe(32)
    key = await accounts.add_api_key(work, principal.user_id, name, role, digest(secret), expires_at)
    return key, secret


def digest(secret: str) -> bytes:
    """Fast on purpose: 256 random bits cannot be guessed, so there is nothing to slow down."""
    return sha256(secret.encode()).digest()


def is_secret(text: str) -> bool:
    return _SECRET.fullmatch(text) is not None
