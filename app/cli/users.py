"""`dno user`: manages users."""

import getpass
from collections.abc import Awaitable, Callable

from rich.table import Table

from app.auth.passwords import Passwords
from app.auth.sessions import Sessions
from app.cache.redis import open_redis
from app.cache.session_redis import open_session_server
from app.cli.standard_streams import standard_input
from app.db import accounts
from app.db.pool import Pool, open_pool
from app.db.unit_of_work import UnitOfWork, write
from app.domain.account import Principal, Role, User
from app.domain.email import check_email
from app.errors import AppError, CannotStart, Code, Unavailable
from app.settings import Settings

# The author of changes from the command line, in history.
_OPERATOR = Principal(role=Role.ADMIN, name="dno user")


def ask_password() -> str:
    """Not an argument of the command line: those are visible to all users of the machine."""
    typed = standard_input()
    if not typed.isatty():
        return typed.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CannotStart("The two passwords differ: try again.")
    return password


async def add(settings: Settings, email: str, role: Role, password: Callable[[], str]) -> User:
    """`password` is called only for an address that can be added."""
    check_email(email)
    async with open_pool(settings) as pool:
        if email in await accounts.fetch_credentials(pool, [email]):
            raise AppError(
                f"There is a user with the address {email} already.", Code.CONFLICT, field=["email"]
            )
        password_hash = await _hash(settings, password(), email)
        user, _ = await write(
            pool, _OPERATOR, lambda work: accounts.add_user(work, email, role, password_hash)
        )
    return user


async def fetch(settings: Settings) -> tuple[User, ...]:
    async with open_pool(settings) as pool:
        return (await accounts.fetch_all(pool, [None]))[None]


async def set_role(settings: Settings, email: str, role: Role) -> User:
    return await _change(settings, email, lambda work, user: accounts.set_role(work, user.id, role))


async def set_password(settings: Settings, email: str, password: Callable[[], str]) -> User:
    """Also ends all sessions; raises Unavailable where only that fails. `password` is called only for existing users."""
    async with open_pool(settings) as pool:
        user = await _existing_user(pool, email)
    password_hash = await _hash(settings, password(), user.email)
    await _change(
        settings, email, lambda work, user: accounts.set_password_hash(work, user.id, password_hash)
    )
    try:
        user, _ = await sign_out(settings, email)
    except (CannotStart, Unavailable) as error:
        raise Unavailable(
            "The password was changed, but the user's sessions could not be ended: run `dno user sign-out"
            f" {email}` once PostgreSQL and Redis answer."
        ) from error
    return user


async def sign_out(settings: Settings, email: str) -> tuple[User, int]:
    """Ends all sessions; returns how many were open."""
    async with (
        open_pool(settings) as pool,
        open_redis(settings) as shared,
        open_session_server(settings, shared) as client,
    ):
        user = await _existing_user(pool, email)
        return user, await Sessions(client, settings).end_all(user.id)


async def delete(settings: Settings, email: str) -> None:
    await _change(settings, email, lambda work, user: accounts.delete_user(work, user.id))


async def _change(
    settings: Settings, email: str, change: Callable[[UnitOfWork, User], Awaitable[User]]
) -> User:
    async with open_pool(settings) as pool:
        user = await _existing_user(pool, email)
        changed, _ = await write(pool, _OPERATOR, lambda work: change(work, user))
        return changed


async def _existing_user(pool: Pool, email: str) -> User:
    found = await accounts.fetch_credentials(pool, [email])
    if email not in found:
        raise AppError(f"There is no user with the address {email}.", Code.NOT_FOUND)
    return found[email].user


async def _hash(settings: Settings, password: str, email: str) -> str:
    passwords = Passwords(settings)
    try:
        return await passwords.hash(password, email)
    finally:
        passwords.close()


def table(users: tuple[User, ...]) -> Table:
    lines = Table("E-mail", "Role", "Since", box=None, header_style="bold")
    for user in users:
        lines.add_row(user.email, user.role, f"{user.created_at:%Y-%m-%d}")
    return lines
