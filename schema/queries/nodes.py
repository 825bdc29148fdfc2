"""Queries for objects by their global id."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.db import accounts
from app.domain.account import Role
from app.domain.derived_prices import DerivedKey
from app.domain.entry import DnoYear
from app.domain.entry_page import EntryKey
from app.domain.families import FAMILIES
from app.domain.family import Family
from app.errors import BadInput
from schema.batch_field import root_field
from schema.context import Context
from schema.types.entry_connection import load_entries_of_present
from schema.types.node import (
    API_KEY_ID,
    DERIVED_PRICE_ID,
    DNO_ID,
    REVISION_ID,
    USER_ID,
    WEBHOOK_ID,
    WEBHOOK_MESSAGE_ID,
    Kind,
    Node,
    read_derived_id,
    read_id,
)
from schema.types.pagination import MAX_ITEMS

Load = Callable[[Context, Sequence[Any]], Awaitable[Sequence[Any]]]


@strawberry.type
class NodeQueries:
    @root_field(Node | None, description="One thing by its id; null where it is no more.")
    async def node(
        context: Context, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> object | None:
        (found,) = await load_nodes(context, [id], argument="id")
        return found

    @root_field(
        list[Node | None],
        description="Up to 100 things by their ids, in their order; null where one is no more.",
    )
    async def nodes(
        context: Context,
        ids: Annotated[list[strawberry.ID], strawberry.argument(description="100 ids at most.")],
    ) -> Sequence[object | None]:
        if len(ids) > MAX_ITEMS:
            raise BadInput(f"`ids` has {len(ids)} ids; at most {MAX_ITEMS} are allowed.", argument="ids")
        return await load_nodes(context, ids, argument="ids")


async def load_nodes(context: Context, ids: Sequence[str], *, argument: str) -> list[object | None]:
    """Loads the objects of each kind together: one statement per kind. `argument`: the one that has the ids."""
    wanted = [_read_node_id(id, argument) for id in ids]
    found: dict[tuple[Kind, Any], object | None] = {}
    for kind in dict.fromkeys(kind for kind, _ in wanted):
        of_kind = list(dict.fromkeys(id for other, id in wanted if other is kind))
        loaded = await _LOADERS[kind](context, of_kind)
        found |= {(kind, id): value for id, value in zip(of_kind, loaded, strict=True)}
    return [found[key] for key in wanted]


def _read_node_id(text: str, argument: str) -> tuple[Kind, Any]:
    derived = read_derived_id(text)
    return read_id(text, argument=argument) if derived is None else (DERIVED_PRICE_ID, derived)


def _load_entries_of(family: Family) -> Load:
    async def load(context: Context, ids: Sequence[UUID]) -> list[Any]:
        """Entries are records per family, operator and year: loads their locations first.

        None for entries of another family, and of a deleted operator, which still have a location.
        """
        found = await context.loaders.location_by_entry.load_many(ids)
        keys = {
            id: EntryKey(family, location.dno_id, location.year, id)
            for id, location in zip(ids, found, strict=True)
            if location is not None and location.family == family.name
        }
        entries = dict(zip(keys, await load_entries_of_present([*keys.values()], context), strict=True))
        return [entries.get(id) for id in ids]

    return load


async def _derived_prices(context: Context, keys: Sequence[DerivedKey]) -> list[Any]:
    """None where there is no such price, or no longer: one was published, or what it followed from is no more."""
    operators = await context.loaders.dno_by_id.load_many({key.dno_id for key in keys})
    known = {dno.id for dno in operators if dno is not None}
    years = {DnoYear(key.dno_id, key.year) for key in keys if key.dno_id in known}
    found = await context.loaders.prices_with_derived.load_many(years)
    prices = {price.id: price for prices in found for price in prices}
    return [prices.get(key.id) for key in keys]


async def _dnos(context: Context, ids: Sequence[UUID]) -> Sequence[Any]:
    return await context.loaders.dno_by_id.load_many(ids)


async def _revisions(context: Context, ids: Sequence[UUID]) -> Sequence[Any]:
    return await context.loaders.revision_by_id.load_many(ids)


async def _users(context: Context, ids: Sequence[UUID]) -> Sequence[Any]:
    """The caller's own account; with the role ADMIN any. None for others, as for ids of no account."""
    context.read_set.never_keep("node of a user")
    caller = await context.current_principal()
    administers = not caller.anonymous and caller.role.includes(Role.ADMIN)
    visible = [id for id in ids if administers or id == caller.user_id]
    found = await accounts.fetch_by_id(context.resources.pool, visible) if visible else {}
    return [found.get(id) for id in ids]


async def _not_by_id(context: Context, ids: Sequence[UUID]) -> Sequence[Any]:
    """API keys and webhooks are not returned by id; `webhookSubscriptions` returns the caller's own subscriptions."""
    return [None for _ in ids]


_LOADERS: dict[Kind, Load] = {
    DNO_ID: _dnos,
    **{Kind[family.id_kind]: _load_entries_of(family) for family in FAMILIES},
    DERIVED_PRICE_ID: _derived_prices,
    REVISION_ID: _revisions,
    USER_ID: _users,
    API_KEY_ID: _not_by_id,
    WEBHOOK_ID: _not_by_id,
    WEBHOOK_MESSAGE_ID: _not_by_id,
}
