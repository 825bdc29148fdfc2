"""Executes a plan: loads the values of one operation level by level, then writes them as JSON."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from itertools import chain, islice, zip_longest
from typing import Any

from graphql.execution.values import VariableValues

from app.cache.memory import Entry, Memory
from app.cache.read_set import Tagged
from app.limits.work_budget import TURN, WorkBudget
from app.observability import operation_stats
from loaders.record_loader import RecordLoader
from schema.batch_field import BatchResolver
from schema.context import Context
from schema.execution.arguments import Arguments
from schema.execution.plan import Field, Plan, Selection
from schema.execution.side_by_side import run_side_by_side
from schema.execution.write import CachedFragment, CachedTexts, NewFragment

# For each object of a level: the tags of the fragment that it is part of.
Owners = Sequence[set[str]] | None

# Number of computed values between two checks of the budget.
VALUES_PER_CHECK = 500


class PlanExecution:
    """One execution of a plan. `fragments`: the cache of JSON texts, or None."""

    def __init__(
        self,
        plan: Plan,
        variables: VariableValues,
        context: Context,
        fragments: Memory | None,
    ) -> None:
        assert plan.root is not None
        self._root = plan.root
        self._context = context
        self._budget: WorkBudget = context.budget
        self._stats = operation_stats.current()
        self._memory = fragments if fragments is not None and fragments.enabled else None
        self._since = self._memory.now() if self._memory is not None else 0
        self._arguments: dict[int, Arguments] = {
            slot: prepared.coerce(variables) for slot, prepared in plan.with_arguments
        }
        self._fragment_texts: list[bytes] = []
        self._slots: list[Any] = [_not_loaded] * plan.slots
        # In the order of BUDGET, FRAGMENT_TEXTS and WRITE_FRAGMENT.
        self._slots += (self._budget, self._fragment_texts, self._write_fragment)
        self._parts: list[Tagged] = []  # cached fragments, and those that are cached now
        self._valid_until = float("inf")

    async def body(self, before: str, after: str) -> bytes:
        """The data as JSON, between two texts."""
        try:
            await self._load(self._root, (None,), None)
            text = await self._write_fields()
        finally:
            # A bound method of this object is among them: clearing breaks the reference cycle.
            self._slots.clear()
        # Only now: cached fragments must not shorten the lifetime of the fragments that were just stored.
        self._context.read_set.update_with_parts(self._parts, self._valid_until)
        text = f"{before}{text}{after}"
        if not self._fragment_texts:
            self._budget.check_answer(len(text))
            return text.encode()
        self._budget.check_answer(len(text) + sum(map(len, self._fragment_texts)))
        parts = text.encode().split(b"\0")
        return b"".join(chain.from_iterable(zip_longest(parts, self._fragment_texts, fillvalue=b"")))

    async def _write_fields(self) -> str:
        """Writes field by field, so that other tasks of the event loop run in between."""
        texts: list[str] = []
        for write in self._root.writers:
            if texts and self._budget.is_due():
                await asyncio.sleep(0)
            texts.append(write((), self._slots))
        return "{" + ",".join(texts) + "}"

    async def _load(self, selection: Selection, parents: Sequence[Any], owners: Owners) -> None:
        if not parents:
            return
        if len(selection.stored) == 1:
            await self._load_field(selection.stored[0], parents, owners)
        elif selection.stored:
            await run_side_by_side(
                (self._load_field(field, parents, owners) for field in selection.stored), self._budget
            )

    async def _load_field(self, field: Field, parents: Sequence[Any], owners: Owners) -> None:
        arguments = self._arguments.get(field.slot, {})
        read = field.read
        if isinstance(read, BatchResolver):
            if owners is not None:
                self._note_reads(field, parents, owners)
            if field.fragments and owners is None and self._memory is not None:
                await self._load_fragments(field, read, parents, arguments)
                return
            if self._budget.cpu_time > TURN and self._budget.is_due():
                await asyncio.sleep(0)
            values = await read.values(parents, self._context, arguments)
            self._check_statements()
        elif isinstance(read, str):
            values = [getattr(parent, read) for parent in parents]
        else:
            values = self._compute(field, read, parents, arguments)
        objects, their_owners = self._take_values(field, values, owners)
        if field.deep:
            await self._load_below(field, objects, their_owners)

    def _note_reads(self, field: Field, parents: Sequence[Any], owners: Owners) -> None:
        """What the field's values depend on becomes tags of the fragments that they are part of."""
        if owners is None:
            return
        arguments = self._arguments.get(field.slot, {})
        assert isinstance(field.read, BatchResolver)
        assert field.read.reads is not None
        for parent, owner in zip(parents, owners, strict=True):
            owner.update(field.read.reads(parent, **arguments))

    def _check_statements(self) -> None:
        if self._stats is not None and self._stats.statements:
            self._budget.check_statements(self._stats.statements)

    def _take_values(
        self, field: Field, values: Sequence[Any], owners: Owners
    ) -> tuple[Sequence[Any], Owners]:
        """The objects whose fields have to be loaded next, each with its owner."""
        self._slots[field.slot] = iter(values).__next__
        if field.deep:
            objects, their_owners = _flat(field, values, owners)
            self._budget.add_objects(len(objects))
            return objects, their_owners
        if field.holds_objects:
            self._budget.add_objects(_count(field, values))
        return (), owners

    def _compute(
        self, field: Field, read: Callable[..., Any], parents: Sequence[Any], arguments: Arguments
    ) -> list[Any]:
        """Calls a synchronous resolver for all parents, with a check of the budget after each batch of them."""
        if len(parents) <= VALUES_PER_CHECK:
            return [read(parent, **arguments) for parent in parents]
        values: list[Any] = []
        for start in range(0, len(parents), VALUES_PER_CHECK):
            values += [read(parent, **arguments) for parent in parents[start : start + VALUES_PER_CHECK]]
            self._budget.check()
        return values

    async def _load_below(self, field: Field, objects: Sequence[Any], owners: Owners) -> None:
        if field.only is not None:
            await self._load(field.only, objects, owners)
            return
        steps = []
        for struct, selection in field.selections.items():
            chosen = [index for index, value in enumerate(objects) if value.__class__ is struct]
            if chosen and selection.stored:
                of_class = [objects[index] for index in chosen]
                steps.append(self._load(selection, of_class, owners and [owners[index] for index in chosen]))
        await run_side_by_side(steps, self._budget)

    async def _load_fragments(
        self, field: Field, resolver: BatchResolver, parents: Sequence[Any], arguments: Arguments
    ) -> None:
        """Reads the cached texts of these objects, and loads only the objects without one."""
        assert self._memory is not None
        assert resolver.through is not None
        keys = await resolver.batch(parents, self._context, **arguments)
        self._budget.add_objects(_count(field, keys))
        token = field.fragment_token(self._arguments)
        wanted = [*chain.from_iterable(filter(None, keys))] if field.is_list else keys
        distinct = dict.fromkeys(wanted)
        distinct.pop(None, None)
        names = [(token, key) for key in distinct]
        all_texts = self._texts_of_all(names) if len(names) == len(wanted) else None
        if all_texts is not None:  # each once: the common case
            self._budget.add_bytes(sum(map(len, all_texts)))
            texts = iter(all_texts)
            self._slots[field.slot] = iter(
                [
                    value if value is None else CachedTexts(islice(texts, len(value) if field.is_list else 1))
                    for value in keys
                ]
            ).__next__
            return
        entries = self._memory.get_each(names)
        self._use(entries)
        # By key: bytes, NewFragment, or None where there is no object.
        fragments: dict[Any, Any] = {
            key: None if entry is None else entry.value for key, entry in zip(distinct, entries, strict=True)
        }
        # Each text as often as the response contains it.
        self._budget.add_bytes(sum([len(text) for key in wanted if (text := fragments.get(key)) is not None]))
        missing = [key for key, entry in zip(distinct, entries, strict=True) if entry is None]
        if missing:
            await self._load_missing(
                field, resolver.through(self._context.loaders), token, missing, fragments
            )
        self._slots[field.slot] = iter(
            [
                CachedFragment([item for key in value if (item := fragments.get(key)) is not None])
                if isinstance(value, list)
                else (None if (item := fragments.get(value)) is None else CachedFragment((item,)))
                for value in keys
            ]
        ).__next__

    def _texts_of_all(self, names: Sequence[Any]) -> list[bytes] | None:
        """As `get_each` and `_use`, for less; None if one is not in memory."""
        assert self._memory is not None
        found = self._memory.get_all(names)
        if found is None:
            return None
        entries, texts, until = found
        self._parts += entries
        self._valid_until = min(self._valid_until, until)
        return texts

    def _use(self, entries: Sequence[Entry | None]) -> list[bytes]:
        """The texts that were found; the response depends on what they depend on."""
        found = [entry for entry in entries if entry is not None]
        self._parts += found
        self._valid_until = min([self._valid_until, *[entry.until for entry in found]])
        return [entry.value for entry in found]

    async def _load_missing(
        self,
        field: Field,
        loader: RecordLoader[Any, Any],
        token: object,
        missing: list[Any],
        fragments: dict[Any, Any],
    ) -> None:
        for key, struct in zip(missing, await loader.load_many(missing), strict=True):
            fragments[key] = (
                None if struct is None else NewFragment((token, key), struct, {loader.tag_of(key)})
            )
        fresh = [item for key in missing if (item := fragments[key]) is not None]
        assert field.only is not None
        await self._load(field.only, [item.struct for item in fresh], [item.tags for item in fresh])

    def _end_of(self, tags: Collection[str]) -> float:
        """Until when a text with these tags holds: as its own records, not as the first to end of all that the operation has read."""
        assert self._memory is not None
        read_set = self._context.read_set
        end = self._memory.end_of(tags)
        return read_set.until if end is None else min(end, read_set.bound)

    def _write_fragment(self, field: Field, item: NewFragment, slots: Any) -> bytes:
        """Writes an object and caches its text for later operations with the same selection."""
        if item.text is None:
            assert self._memory is not None
            assert field.only is not None
            # Bytes are counted below, each time that the text is used, so not while it is written.
            counted = self._budget.answer_bytes
            item.text = field.only.write(item.struct, slots).encode()
            self._budget.answer_bytes = counted
            tags = tuple(item.tags)
            self._memory.keep(
                item.key,
                item.text,
                size=len(item.text),
                tags=tags,
                until=self._end_of(tags),
                since=self._since,
                answer=True,
            )
            self._parts.append(item)
        written: bytes = item.text
        self._budget.add_bytes(len(written))
        return written


def _count(field: Field, values: Sequence[Any]) -> int:
    """An upper bound of the number of objects: null items are counted."""
    return sum(map(len, filter(None, values))) if field.is_list else len(values)


def _flat(field: Field, values: Sequence[Any], owners: Owners) -> tuple[list[Any], Owners]:
    """All objects of a level in the order of the response, each with its owner."""
    if not field.is_list:
        pairs = [(value, index) for index, value in enumerate(values) if value is not None]
    else:
        pairs = [
            (item, index) for index, items in enumerate(values) for item in items or () if item is not None
        ]
    return [value for value, _ in pairs], owners and [owners[index] for _, index in pairs]


def _not_loaded() -> Any:
    raise AssertionError
