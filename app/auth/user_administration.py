"""Administration of users by a signed-in administrator: passwords are generated, and shown once."""

import secrets
from typing import NamedTuple

from app.auth.passwords import Passwords
from app.auth.roles import require
from app.domain.account import Principal, Role
from app.errors import AppError, Code

# 144 bits: no rule for passwords that people think of is needed.
_PASSWORD_BYTES = 18


class NewPassword(NamedTuple):
    text: str  # for the administrator, who passes it on; stored nowhere
    hash: str


def require_person(principal: Principal) -> None:
    """A key must not be able to create or take over an account, which would outlive the key."""
    require(principal, Role.ADMIN)
    if principal.user_id is None:
        raise AppError("An API key cannot administer users; please sign in.", Code.FORBIDDEN)


async def new_password(passwords: Passwords) -> NewPassword:
    """Costs as much as a sign-in, and waits in the same queue."""
    text = secrets.token_urlsafe(_PASSWORD_BYTES)
    return NewPassword(text, await passwords.rehash(text))
