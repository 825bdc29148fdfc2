"""Users who have signed in, as callers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.auth.passwords import Passwords
from app.db.pool import Pool
from app.domain.account import Role
from app.resources import Resources
from tests import factories as make
from tests.integration.auth.services import PASSWORD
from tests.integration.graph.graphql_client import client_of
from tests.integration.graph.writing import Caller

SIGN_IN = """
mutation ($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { viewer { email role } token errors { code message } }
}
"""


@asynccontextmanager
async def signed_in(
    resources: Resources, pool: Pool, role: Role, email: str | None = None
) -> AsyncIterator[Caller]:
    """A signed-in user; with a client of its own, which stores the cookie."""
    passwords = Passwords(resources.settings)
    user = await make.user(pool, email, role, await passwords.hash(PASSWORD))
    passwords.close()
    async with client_of(resources) as client:
        caller = Caller(client, {})
        data = await caller.execute(SIGN_IN, email=user.email, password=PASSWORD)
        assert data["signIn"]["errors"] == []
        yield caller
