"""`dno key`: lists and revokes API keys."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from rich.table import Table

from app.db import accounts
from app.db.pool import open_pool
from app.db.unit_of_work import write
from app.domain.account import ApiKey, Principal, Role, User
from app.errors import BadInput, quoted
from app.settings import Settings

_OPERATOR = Principal(role=Role.ADMIN, name="dno key")

# As the API writes it.
_ID = re.compile("key_([0-9a-f]{32})")


class ListedKey(NamedTuple):
    key: ApiKey
    creator: User | None


def read_key_id(text: str) -> UUID:
    found = _ID.fullmatch(text)
    if found is None:
        raise BadInput(f"{quoted(text)} is not the id of a key: dno key list shows them, like key_0123….")
    return UUID(found[1])


async def fetch(settings: Settings) -> list[ListedKey]:
    """Those that are not revoked, newest first."""
    async with open_pool(settings) as pool:
        keys = (await accounts.fetch_all_keys(pool, [None]))[None]
        creators = await accounts.fetch_by_id(pool, list({key.created_by for key in keys}))
    return [ListedKey(key, creators.get(key.created_by)) for key in keys]


async def revoke(settings: Settings, key_id: UUID) -> ApiKey:
    """Takes effect at once on all running servers."""
    async with open_pool(settings) as pool:
        key, _ = await write(pool, _OPERATOR, lambda work: accounts.revoke_api_key(work, key_id))
    return key


def table(listed: Sequence[ListedKey]) -> Table:
    lines = Table(box=None, header_style="bold")
    lines.add_column("Id", no_wrap=True)
    for name in ("Name", "Role", "Made by", "Since", "Last used", "Until"):
        lines.add_column(name, overflow="fold")
    for key, creator in listed:
        lines.add_row(
            f"key_{key.id.hex}",
            key.name,
            key.role,
            "" if creator is None else creator.email,
            _day(key.created_at),
            "never" if key.last_used_at is None else _day(key.last_used_at),
            "" if key.expires_at is None else _day(key.expires_at),
        )
    return lines


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
