"""A plan at work: one operation's values, loaded level by level, then written."""

import asyncio
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from graphql import is_list_type, is_non_null_type
from graphql.execution.values import VariableValues

from app.cache.memory import Memory
from schema.context import Context
from schema.execution.arguments import Arguments
from schema.execution.plan import Field, Fresh, Selection
from schema.fields import Edge

# Whose fragment each object of a level belongs to: the tags that its text rests on.
Owners = Sequence[set[str]] | None
_NO_TAGS: set[str] = set()

# What a kept text costs beside its letters: key, entry and its places in the tag index.
_OVERHEAD = 400


class Run:
    """One execution of a plan. `fragments`: the memory that JSON texts are kept in, if they are."""

    def __init__(
        self,
        root: Selection,
        fields: Sequence[Field],
        variables: VariableValues,
        context: Context,
        fragments: Memory | None,
    ) -> None:
        self._root = root
        self._context = context
        self._memory = fragments if fragments is not None and fragments.enabled else None
        self._since = self._memory.now() if self._memory is not None else 0
        self._arguments: dict[int, Arguments] = {
            field.slot: field.arguments.of(variables) for field in fields if field.arguments is not None
        }
        self._slots: list[Callable[..., Any]] = [_nothing] * (len(fields) + 1)
        self._slots[-1] = self._keep
        self._tags: set[str] = set()
        self._until = float("inf")

    async def text(self) -> str:
        """The operation's data as JSON."""
        await self._load(self._root, (None,), None)
        text = self._root.write(None, self._slots)
        # Only now: what was written anew holds as long as what it was read from, not as long as its neighbours.
        self._context.read_set.update(self._tags, self._until)
        return text

    async def _load(self, selection: Selection, parents: Sequence[Any], owners: Owners) -> None:
        if not parents:
            return
        if len(selection.stored) == 1:
            await self._load_field(selection.stored[0], parents, owners)
        elif selection.stored:
            await asyncio.gather(*(self._load_field(field, parents, owners) for field in selection.stored))

    async def _load_field(self, field: Field, parents: Sequence[Any], owners: Owners) -> None:
        arguments = self._arguments.get(field.slot, {})
        read = field.read
        if isinstance(read, Edge):
            if owners is not None:
                assert read.reads is not None
                for parent, owner in zip(parents, owners, strict=True):
                    owner.update(read.reads(parent, **arguments))
            if field.fragments and owners is None and self._memory is not None:
                await self._load_fragments(field, read, parents, arguments)
                return
            values = await read.values(parents, self._context, arguments)
            if field.fragments:
                await self._load_unkept(field, values, owners)
                return
        elif isinstance(read, str):
            values = [getattr(parent, read) for parent in parents]
        else:
            values = [read(parent, **arguments) for parent in parents]
        self._slots[field.slot] = iter(values).__next__
        if field.deep:
            await self._load_below(field, *_flat(field, values, owners))

    async def _load_below(self, field: Field, objects: Sequence[Any], owners: Owners) -> None:
        if field.only is not None:
            await self._load(field.only, objects, owners)
            return
        steps = []
        for struct, selection in field.selections.items():
            chosen = [index for index, value in enumerate(objects) if value.__class__ is struct]
            if chosen and selection.deep:
                of_class = [objects[index] for index in chosen]
                steps.append(self._load(selection, of_class, owners and [owners[index] for index in chosen]))
        await asyncio.gather(*steps)

    async def _load_fragments(
        self, field: Field, edge: Edge, parents: Sequence[Any], arguments: Arguments
    ) -> None:
        """The kept texts of these objects; the objects themselves only where there is none."""
        assert self._memory is not None
        assert edge.through is not None
        keys = await edge.batch(parents, self._context, **arguments)
        asked = (field, *(tuple(self._arguments[below.slot].items()) for below in field.varying))
        get = self._memory.get
        loader = edge.through(self._context.loaders)
        found: dict[Any, Any] = {}
        missing: list[Any] = []
        for key in chain.from_iterable(value if isinstance(value, list) else (value,) for value in keys):
            if key is None or key in found:
                continue
            entry = get((asked, key))
            if entry is None:
                found[key] = None
                missing.append(key)
            else:
                found[key] = entry.value
                self._tags.update(entry.tags)
                if entry.until < self._until:
                    self._until = entry.until
        if missing:
            for key, struct in zip(missing, await loader.load_all(missing), strict=True):
                found[key] = struct and Fresh((asked, key), struct, {loader.tag_of(key)})
            fresh = [item for key in missing if (item := found[key]) is not None]
            assert field.only is not None
            await self._load(field.only, [item.struct for item in fresh], [item.tags for item in fresh])
        self._slots[field.slot] = iter(
            [
                [item for key in value if (item := found[key]) is not None]
                if isinstance(value, list)
                else found.get(value)
                for value in keys
            ]
        ).__next__

    async def _load_unkept(self, field: Field, values: Sequence[Any], owners: Owners) -> None:
        """Where texts are not kept, or belong to one above: each object is written where it stands."""
        assert field.only is not None
        objects, of_objects = _flat(field, values, owners)
        fresh = iter([Fresh(None, struct, _NO_TAGS) for struct in objects])
        self._slots[field.slot] = iter(
            [
                [next(fresh) for _ in value] if isinstance(value, list) else value and next(fresh)
                for value in values
            ]
        ).__next__
        await self._load(field.only, objects, of_objects)

    def _keep(self, item: Fresh) -> None:
        if item.key is None or item.text is None or self._memory is None:
            return
        tags = frozenset(item.tags)
        self._memory.keep(
            item.key,
            item.text,
            size=len(item.text) + _OVERHEAD,
            tags=tags,
            until=self._context.read_set.until,
            since=self._since,
        )
        self._tags |= tags


def _flat(field: Field, values: Sequence[Any], owners: Owners) -> tuple[list[Any], Owners]:
    """All objects of a level in the order in which they are written, each with its owner."""
    type = field.type.of_type if is_non_null_type(field.type) else field.type
    if not is_list_type(type):
        pairs = [(value, index) for index, value in enumerate(values) if value is not None]
    else:
        pairs = [
            (item, index) for index, items in enumerate(values) for item in items or () if item is not None
        ]
    return [value for value, _ in pairs], owners and [owners[index] for _, index in pairs]


def _nothing() -> Any:
    raise AssertionError
