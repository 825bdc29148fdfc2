"""Users, API keys and their roles."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec


class Role(StrEnum):
    """VIEWER reads; EDITOR also adds, corrects and flags; ADMIN may do everything."""

    VIEWER = "VIEWER"
    EDITOR = "EDITOR"
    ADMIN = "ADMIN"

    def includes(self, other: "Role") -> bool:
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(other)


class User(msgspec.Struct, frozen=True):
    id: UUID
    email: str
    role: Role
    created_at: datetime


class ApiKey(msgspec.Struct, frozen=True):
    id: UUID
    name: str
    role: Role
    created_by: UUID
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None


class Session(msgspec.Struct, frozen=True):
    """An open session; its id is no secret."""

    id: str
    user_id: UUID
    started_at: datetime
    last_used_at: datetime


class Principal(msgspec.Struct, frozen=True):
    """The user or API key that a request is authenticated with; holds no secret."""

    role: Role
    name: str | None = None  # written to revisions as `changed_by`
    user_id: UUID | None = None
    api_key_id: UUID | None = None
    session_id: str | None = None
    expires_at: datetime | None = None  # an API key's
    created_by: UUID | None = None  # the key's creator, whose role limits the key's
    key_hash: bytes | None = None  # under which the key is stored; the secret cannot be derived from it

    @property
    def anonymous(self) -> bool:
        return self.user_id is None and self.api_key_id is None


ANONYMOUS = Principal(role=Role.VIEWER)
