"""Types over structs, and batch fields: resolvers that receive all parents of a level at once."""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple, TypeVar

import strawberry
from aiodataloader import DataLoader
from strawberry.types.field import StrawberryField

from app.limits.work_budget import metered
from app.observability import operation_stats
from loaders.record_loader import RecordLoader
from loaders.registry import Loaders
from schema.context import Context, Info

T = TypeVar("T", bound=type)
BatchFunction = Callable[..., Awaitable[Sequence[Any]]]
RootFunction = Callable[..., Awaitable[Any]]

# Key of the BatchResolver in a field's metadata; plans read it.
RESOLVER = "resolver"
# Keys of the usual length of a list and of the cost beside its objects; the cost estimate reads both.
LENGTH, PRICE = "length", "price"


class Length(NamedTuple):
    """Assumed number of items of a list without `first`: over all years, and in one year."""

    usual: int
    of_year: int


def length(usual: int, of_year: int | None = None) -> dict[str, Any]:
    """The `metadata` of a list."""
    return {LENGTH: Length(usual, usual if of_year is None else of_year)}


class Joined(NamedTuple):
    """How several aliases of a field of `Query` are read at once: `keys` of the loader, one for each set of arguments."""

    keys: Callable[[Sequence[Mapping[str, Any]]], Sequence[Any]]
    through: Callable[[Loaders], RecordLoader[Any, Any]]


@dataclass(frozen=True, eq=False, slots=True)
class BatchResolver:
    """Resolves a field for many parents.

    `batch` takes all parents of a level and gives one value for each. With `through`, these
    values are keys (or lists of keys) of that loader, whose records are the field's values.
    `reads` names the tags that one parent's value depends on; without it no object that has the
    field is cached as a fragment. `joined` reads several aliases of a field of `Query`.
    """

    batch: BatchFunction
    through: Callable[[Loaders], RecordLoader[Any, Any]] | None = None
    reads: Callable[..., Sequence[str]] | None = None
    joined: Joined | None = None

    async def values(
        self, parents: Sequence[Any], context: Context, arguments: dict[str, Any]
    ) -> Sequence[Any]:
        values = await self.batch(parents, context, **arguments)
        return values if self.through is None else await load_related(self.through(context.loaders), values)


async def load_related(loader: RecordLoader[Any, Any], values: Sequence[Any]) -> list[Any]:
    """Replaces keys by their records; a key in a list without a record is left out."""
    wanted = [
        key for value in values for key in (value if isinstance(value, list) else (value,)) if key is not None
    ]
    # In the order of the keys: a mapping would hash every key twice.
    take = iter(await loader.load_many(wanted)).__next__
    return [
        [record for key in value if key is not None and (record := take()) is not None]
        if isinstance(value, list)
        else (None if value is None else take())
        for value in values
    ]


def type_for(struct: type, *, description: str, name: str | None = None) -> Callable[[T], T]:
    """A GraphQL type over a struct: nothing is copied, fields are read from the struct itself."""

    def decorate(cls: T) -> T:
        cls.is_type_of = staticmethod(lambda value, info: isinstance(value, struct))  # type: ignore[attr-defined]
        made: T = strawberry.type(cls, name=name, description=description)
        return made

    return decorate


def describe(enum: type[Enum], description: str, **values: str) -> None:
    """Registers an enum of the domain with a description for it and for each value."""
    strawberry.enum(enum, description=description)
    for value in enum.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]


def field(*, description: str) -> Callable[[Callable[..., Any]], Any]:
    """`def field(root, **arguments) -> value`: computed from the struct, without input or output."""

    def decorate(function: Callable[..., Any]) -> Any:
        return strawberry.field(resolver=staticmethod(function), description=description)

    return decorate


def batch_field(
    graphql_type: Any,
    *,
    description: str,
    through: Callable[[Loaders], RecordLoader[Any, Any]] | None = None,
    reads: Callable[..., Sequence[str]] | None = None,
    metadata: Mapping[str, Any] = MappingProxyType({}),
) -> Callable[[BatchFunction], Any]:
    """`async def field(parents, context, **arguments) -> values`: one call for a level of the graph."""

    def decorate(batch: BatchFunction) -> StrawberryField:
        resolver = BatchResolver(batch, through, reads)

        async def resolve(root: Any, info: Info, **arguments: Any) -> Any:
            return await _level_loader(resolver, info.context, arguments).load(root)

        return _field(
            resolve, batch, graphql_type, description, {**metadata, RESOLVER: resolver}, skip=2, parent=True
        )

    return decorate


def _level_loader(
    resolver: BatchResolver, context: Context, arguments: dict[str, Any]
) -> DataLoader[Any, Any]:
    """Collects the parents of one level, which the executor resolves one by one."""
    key = (resolver, *sorted((name, _hashable(value)) for name, value in arguments.items()))
    loader = context.level_loaders.get(key)
    if loader is None:

        async def load(parents: list[Any]) -> list[Any]:
            values = list(await metered(resolver.values(parents, context, arguments), context.budget))
            if (stats := operation_stats.current()) is not None:
                context.budget.check_statements(stats.statements)
            # Objects are counted one by one as they are completed; a list over the limit is rejected before that.
            context.budget.check_objects(
                sum(len(value) for value in values if isinstance(value, list | tuple))
            )
            return values

        # Without a cache of its own: the record loaders cache by key.
        loader = context.level_loaders[key] = DataLoader(load, cache=False)
    return loader


def _hashable(value: Any) -> Any:
    """Equal for equal arguments; lists and input objects have no hash of their own."""
    if isinstance(value, list):
        return tuple(map(_hashable, value))
    if is_dataclass(value):
        return (type(value), *(_hashable(getattr(value, each.name)) for each in fields(value)))
    # Equal numbers may be written differently, and some fields show them as they were written.
    return str(value) if isinstance(value, Decimal) else value


def root_field(
    graphql_type: Any,
    *,
    description: str,
    price: int = 0,
    priced_by: str | None = None,
    metadata: Mapping[str, Any] = MappingProxyType({}),
    joined: Joined | None = None,
) -> Callable[[RootFunction], Any]:
    """`async def field(context, **arguments) -> value`: a field of `Query`.

    `price`: cost beside its objects, such as that of a search; with `priced_by` only if that argument is given.
    `joined`: how several aliases are read at once, which costs less.
    """

    def decorate(function: RootFunction) -> StrawberryField:
        async def batch(parents: Sequence[Any], context: Context, **arguments: Any) -> Sequence[Any]:
            return [await function(context, **arguments) for _ in parents]

        async def resolve(info: Info, **arguments: Any) -> Any:
            return await function(info.context, **arguments)

        known = {**metadata, RESOLVER: BatchResolver(batch, joined=joined), PRICE: (price, priced_by)}
        return _field(resolve, function, graphql_type, description, known, skip=1, parent=False)

    return decorate


def _field(
    resolve: Callable[..., Any],
    declared: Callable[..., Any],
    graphql_type: Any,
    description: str,
    metadata: dict[str, Any],
    *,
    skip: int,
    parent: bool,
) -> StrawberryField:
    """Strawberry reads a resolver's signature: `resolve` gets the arguments of `declared`."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    arguments = [
        p.replace(kind=keyword) for p in list(inspect.signature(declared).parameters.values())[skip:]
    ]
    first = [inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Info)]
    if parent:
        first.insert(0, inspect.Parameter("root", inspect.Parameter.POSITIONAL_OR_KEYWORD))
    resolve.__name__ = declared.__name__
    resolve.__doc__ = declared.__doc__
    resolve.__module__ = declared.__module__
    resolve.__signature__ = inspect.Signature([*first, *arguments])  # type: ignore[attr-defined]
    resolve.__annotations__ = {p.name: p.annotation for p in arguments} | {"info": Info}
    field: StrawberryField = strawberry.field(
        resolver=resolve, graphql_type=graphql_type, description=description, metadata=metadata
    )
    return field
