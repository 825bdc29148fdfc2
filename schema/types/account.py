"""GraphQL types of users and API keys."""

import re
from collections.abc import Sequence
from datetime import datetime

import strawberry

from app.db import accounts
from app.domain import account as structs
from app.errors import BadInput, quoted
from schema.batch_field import batch_field, describe, field, length, type_for
from schema.context import Context
from schema.types.node import API_KEY_ID, USER_ID, Node, id_field

describe(
    structs.Role,
    "What somebody may do; each may also what those before may.",
    VIEWER="Reads.",
    EDITOR="Adds, corrects, flags and unflags entries.",
    ADMIN="Verifies, deletes, reverts, invalidates caches, manages keys and users.",
)


_SESSION_ID = re.compile("session_([0-9a-f]{64})")


def read_session_id(text: str, *, field: Sequence[str]) -> str:
    """Raises BadInput for another text."""
    found = _SESSION_ID.fullmatch(text)
    if found is None:
        raise BadInput(f"{quoted(text)} is not the id of a session.", field=field)
    return found[1]


@type_for(
    structs.Session, description="An open session of a user: a browser or a program that has signed in."
)
class Session:
    @field(description="What `endSessions` asks for; opaque. No secret: it does not authenticate.")
    def id(root: strawberry.Parent[structs.Session]) -> strawberry.ID:
        return strawberry.ID(f"session_{root.id}")

    started_at: datetime = strawberry.field(description="When the user signed in.")
    last_used_at: datetime = strawberry.field(description="When it was used last, to the second.")

    @batch_field(bool, description="Whether it is the one with which this request was sent.")
    async def current(sessions: Sequence[structs.Session], context: Context) -> Sequence[bool]:
        return [session.id == context.principal.session_id for session in sessions]


@type_for(structs.User, description="Somebody who can sign in.")
class User(Node):
    id = id_field(USER_ID, "Stays the same for the life of the account; opaque.")
    email: str = strawberry.field(description="Name to sign in with.")
    role: structs.Role = strawberry.field(description="What the user may do.")
    created_at: datetime = strawberry.field(description="Since when.")

    @batch_field(
        list[Session] | None,
        description="The open sessions, the newest first; null for callers that are neither ADMIN nor the user.",
        metadata=length(3),
    )
    async def sessions(
        users: Sequence[structs.User], context: Context
    ) -> Sequence[Sequence[structs.Session] | None]:
        context.read_set.never_keep("sessions")
        caller = await context.current_principal()
        administers = not caller.anonymous and caller.role.includes(structs.Role.ADMIN)
        visible = {user.id for user in users if administers or user.id == caller.user_id}
        found = await context.resources.sessions.open_of([*visible]) if visible else {}
        return [found.get(user.id) for user in users]


@type_for(structs.ApiKey, description="A key for machines; its secret is shown once, when it is made.")
class ApiKey(Node):
    id = id_field(API_KEY_ID, "What `revokeApiKey` asks for; opaque.")
    name: str = strawberry.field(description="What it is for, in its maker's words.")
    role: structs.Role = strawberry.field(description="What it may do; never more than its maker.")
    created_at: datetime = strawberry.field(description="Since when.")
    last_used_at: datetime | None = strawberry.field(description="About when it was used last.")
    expires_at: datetime | None = strawberry.field(
        description="Until when it holds; null: until it is revoked."
    )

    @batch_field(User | None, description="Its maker, whose role limits the key's; null: deleted meanwhile.")
    async def created_by(keys: Sequence[structs.ApiKey], context: Context) -> Sequence[structs.User | None]:
        context.read_set.never_keep("createdBy")
        found = await accounts.fetch_by_id(context.resources.pool, list({key.created_by for key in keys}))
        return [found.get(key.created_by) for key in keys]
