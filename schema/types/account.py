"""GraphQL types of users and API keys."""

from datetime import datetime

import strawberry

from app.domain import account as structs
from schema.batch_field import describe, type_for
from schema.types.node import API_KEY_ID, USER_ID, Node, id_field

describe(
    structs.Role,
    "What somebody may do; each may also what those before may.",
    VIEWER="Reads.",
    EDITOR="Adds, corrects, flags and unflags entries.",
    ADMIN="Verifies, deletes, reverts, invalidates caches, manages keys and users.",
)


@type_for(structs.User, description="Somebody who can sign in.")
class User(Node):
    id = id_field(USER_ID, "Stays the same for the life of the account; opaque.")
    email: str = strawberry.field(description="Name to sign in with.")
    role: structs.Role = strawberry.field(description="What the user may do.")
    created_at: datetime = strawberry.field(description="Since when.")


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
