"""`dno user`: who may sign in."""

import getpass
import sys

from rich.table import Table

from app.auth.passwords import Passwords
from app.db import accounts
from app.db.pool import open_pool
from app.db.unit_of_work import unit_of_work
from app.domain.account import Principal, Role, User
from app.errors import CannotStart
from app.settings import Settings

# How history names what was done from the command line.
_OPERATOR = Principal(role=Role.ADMIN, name="dno user")


def ask_password() -> str:
    """Never an argument: what is typed there, every user of the machine can read."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        raise CannotStart("The two passwords differ: try again.")
    return password


async def add(settings: Settings, email: str, role: Role, password: str) -> User:
    passwords = Passwords(settings)
    try:
        password_hash = await passwords.hash(password)
    finally:
        passwords.close()
    async with open_pool(settings) as pool, unit_of_work(pool, _OPERATOR) as work:
        return await accounts.add_user(work, email, role, password_hash)


async def fetch(settings: Settings) -> tuple[User, ...]:
    async with open_pool(settings) as pool:
        return (await accounts.fetch_all(pool, [None]))[None]


def table(users: tuple[User, ...]) -> Table:
    lines = Table("E-mail", "Role", "Since", box=None, header_style="bold")
    for user in users:
        lines.add_row(user.email, user.role, f"{user.created_at:%Y-%m-%d}")
    return lines
