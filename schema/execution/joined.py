"""Executes a plan whose fields have resolvers in common: those of one level are read together.

Thirty aliases of one field cost about as much as a list of thirty objects, instead of thirty times as many reads and tasks.
"""

import asyncio
from collections.abc import Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from app.limits.work_budget import TURN
from loaders.record_loader import RecordLoader
from schema.batch_field import BatchResolver
from schema.execution.execute import Owners, PlanExecution
from schema.execution.plan import Field, Selection
from schema.execution.side_by_side import run_side_by_side
from schema.execution.write import CachedFragment, CachedTexts, NewFragment


class _Selected(NamedTuple):
    """Objects of one level and what is selected of them."""

    selection: Selection
    parents: Sequence[Any]
    owners: Owners


class _Part(NamedTuple):
    """A field and the objects of one level that have it."""

    field: Field
    parents: Sequence[Any]
    owners: Owners


class JoinedExecution(PlanExecution):
    async def _load(self, selection: Selection, parents: Sequence[Any], owners: Owners) -> None:
        await self._load_level([_Selected(selection, parents, owners)])

    async def _load_level(self, level: Sequence[_Selected]) -> None:
        groups: dict[Any, list[_Part]] = {}
        for selection, parents, owners in level:
            if parents:
                for field in selection.stored:
                    groups.setdefault(self._group(field), []).append(_Part(field, parents, owners))
        steps = [
            self._load_field(*parts[0]) if len(parts) == 1 else self._load_joined(parts)
            for parts in groups.values()
        ]
        if len(steps) == 1:
            await steps[0]
        elif steps:
            await run_side_by_side(steps, self._budget)

    def _group(self, field: Field) -> Any:
        """Equal for fields that one call of their resolver can read."""
        read = field.read
        if not isinstance(read, BatchResolver) or field.fragments:
            return field
        if read.joined is not None:
            return read, field.joined_fragments
        # By their text, as tokens of fragments: equal numbers may be written differently.
        return read, repr(self._arguments.get(field.slot))

    async def _load_joined(self, parts: Sequence[_Part]) -> None:
        """Fields with the same resolver; with the same arguments, unless it takes several sets of them."""
        first = parts[0].field
        read = first.read
        assert isinstance(read, BatchResolver)
        if first.joined_fragments and self._memory is not None:
            await self._load_joined_fragments([part.field for part in parts], read)
            return
        for part in parts:
            self._note_reads(*part)
        if self._budget.cpu_time > TURN and self._budget.is_due():
            await asyncio.sleep(0)
        if read.joined is not None:
            keys = read.joined.keys([self._arguments[part.field.slot] for part in parts])
            values = iter(await read.joined.through(self._context.loaders).load_many(keys))
        else:
            of_all = self._arguments.get(first.slot, {})
            together = list(chain.from_iterable(part.parents for part in parts))
            values = iter(await read.values(together, self._context, of_all))
        self._check_statements()
        below = []
        for field, parents, owners in parts:
            objects, their_owners = self._take_values(field, list(islice(values, len(parents))), owners)
            if field.deep and field.only is None:
                await self._load_below(field, objects, their_owners)
            elif field.only is not None and field.deep:
                below.append(_Selected(field.only, objects, their_owners))
        await self._load_level(below)

    async def _load_joined_fragments(self, fields: Sequence[Field], read: BatchResolver) -> None:
        """Reads the cached texts of the aliases' objects, and loads only the objects without one."""
        assert read.joined is not None
        assert self._memory is not None
        keys = read.joined.keys([self._arguments[field.slot] for field in fields])
        self._budget.add_objects(len(fields))
        names = [
            (field.fragment_token(self._arguments), key) for field, key in zip(fields, keys, strict=True)
        ]
        entries = self._memory.get_each(names)
        self._budget.add_bytes(sum(map(len, self._use(entries))))
        missing = [
            (field, name) for field, name, entry in zip(fields, names, entries, strict=True) if entry is None
        ]
        made: dict[Any, NewFragment | None] = {}  # by name: equal aliases have one text
        if missing:
            made = await self._load_missing_aliases(missing, read.joined.through(self._context.loaders))
        for field, name, entry in zip(fields, names, entries, strict=True):
            value: Any = CachedTexts((entry.value,)) if entry is not None else made[name]
            if entry is None and value is not None:
                value = CachedFragment((value,))
            self._slots[field.slot] = iter((value,)).__next__

    async def _load_missing_aliases(
        self, missing: Sequence[tuple[Field, Any]], loader: RecordLoader[Any, Any]
    ) -> dict[Any, NewFragment | None]:
        records = await loader.load_many([key for _, (_, key) in missing])
        self._check_statements()
        made: dict[Any, NewFragment | None] = {}
        level = []
        for (field, name), record in zip(missing, records, strict=True):
            if name in made:
                continue
            made[name] = fragment = (
                None if record is None else NewFragment(name, record, {loader.tag_of(name[1])})
            )
            if fragment is not None:
                assert field.only is not None
                level.append(_Selected(field.only, [record], [fragment.tags]))
        await self._load_level(level)
        return made
