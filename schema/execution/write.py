"""Builds the functions that write a plan's values as JSON; they are composed once per plan.

Each takes a value (or the object that has it) and the slots of the run: loaded values by field, and after them the work
budget, the texts of fragments and the function that writes new ones. Raises CannotWrite for a value of a wrong type.
"""

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLOutputType, is_leaf_type, is_list_type, is_non_null_type

from app.limits.work_budget import WorkBudget
from schema.execution.leaf_groups import group_writer
from schema.execution.leaf_serializers import ByValue, CannotWrite, Leaf, serializer
from schema.execution.plan import Attribute, Constant, Field, Part, Writer

# Slots after those of the fields.
BUDGET, FRAGMENT_TEXTS, WRITE_FRAGMENT = -3, -2, -1
# Replaced by the bytes of a fragment at the end; JSON escapes this character in strings.
PLACEHOLDER = "\0"


def object_writer(parts: Sequence[Part]) -> Writer:
    leaves = [part for part in parts if isinstance(part, Constant | Attribute)]
    if len(leaves) == len(parts):
        return group_writer(leaves, "{", "}")
    writers = join_parts(parts)
    if len(writers) == 2:
        return _object_of_two(*writers)
    if len(writers) == 3:
        return _object_of_three(*writers)

    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return "{" + ",".join([part(value, slots) for part in writers]) + "}"

    return write


# Most objects have a group of leaves and one or two lists: an f-string costs less than a list and a join.


def _object_of_two(first: Writer, second: Writer) -> Writer:
    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return f"{{{first(value, slots)},{second(value, slots)}}}"

    return write


def _object_of_three(first: Writer, second: Writer, third: Writer) -> Writer:
    def write(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return f"{{{first(value, slots)},{second(value, slots)},{third(value, slots)}}}"

    return write


def join_parts(parts: Sequence[Part]) -> list[Writer]:
    """Groups adjacent leaves into one writer."""
    joined: list[Writer] = []
    leaves: list[Constant | Attribute] = []
    for part in parts:
        if isinstance(part, Constant | Attribute):
            leaves.append(part)
            continue
        if leaves:
            joined.append(group_writer(leaves))
            leaves = []
        joined.append(part)
    return [*joined, group_writer(leaves)] if leaves else joined


def stored_value(key: str, slot: int, write: Writer) -> Writer:
    return lambda value, slots: key + write(slots[slot](), slots)


def computed_value(key: str, read: Callable[[Any], Any], write: Writer) -> Writer:
    return lambda value, slots: key + write(read(value), slots)


def leaf_writer(type: GraphQLOutputType) -> Leaf | None:
    """None for lists and composite types."""
    nullable = not is_non_null_type(type)
    named = type if nullable else type.of_type  # type: ignore[union-attr]
    return serializer(named, nullable=nullable) if is_leaf_type(named) else None


def value_writer(type: GraphQLOutputType, field: Field) -> Writer:
    leaf = leaf_writer(type)
    if leaf is not None:
        return lambda value, slots: leaf(value)
    if is_non_null_type(type):
        return _some_writer(type.of_type, field)
    write = _some_writer(type, field)
    return lambda value, slots: "null" if value is None else write(value, slots)


def _some_writer(type: GraphQLOutputType, field: Field) -> Writer:
    if is_list_type(type):
        return _list_writer(type.of_type, field)
    if field.only is not None:
        return field.only.write
    writers = ByValue({struct: selection.write for struct, selection in field.selections.items()})
    return lambda value, slots: writers[value.__class__](value, slots)


def _list_writer(item: GraphQLOutputType, field: Field) -> Writer:
    leaf = leaf_writer(item)
    if leaf is not None:
        return _leaf_list_writer(leaf)
    write = value_writer(item, field)
    # Bytes are counted at the innermost lists of objects: each text once, and often enough to stop early.
    if not field.subselections or field.holds_lists:
        return _outer_list_writer(write)
    return _counted_list_writer(
        write, WorkBudget.write_list if field.stored else WorkBudget.write_uncounted_list
    )


def _leaf_list_writer(leaf: Leaf) -> Writer:
    def write_list(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return "[" + ",".join([leaf(item) for item in value]) + "]"

    return write_list


def _outer_list_writer(write: Writer) -> Writer:
    def write_list(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return "[" + ",".join([write(item, slots) for item in value]) + "]"

    return write_list


def _counted_list_writer(write: Writer, join: Callable[[WorkBudget, list[str]], str]) -> Writer:
    def write_list(value: Any, slots: Any) -> str:
        if value is None:
            raise CannotWrite
        return join(slots[BUDGET], [write(item, slots) for item in value])

    return write_list


class NewFragment:
    """An object without a cached text. `key`: of its text in the cache."""

    __slots__ = ("key", "struct", "tags", "text")

    def __init__(self, key: Any, struct: Any, tags: set[str]) -> None:
        self.key = key
        self.struct = struct
        self.tags = tags
        self.text: Any = None  # once written; the response may contain it more than once


class CachedFragment(list[Any]):
    """Objects of one field value: the bytes of cached texts, and NewFragment for the others."""

    __slots__ = ()


class CachedTexts(list[bytes]):
    """Objects of one field value, each with a cached text."""

    __slots__ = ()


class FragmentWriter:
    """Writes a list of objects, or one object, whose texts may be cached."""

    __slots__ = ("_field", "_is_innermost")

    def __init__(self, field: Field) -> None:
        self._field = field
        self._is_innermost = not field.holds_lists

    def __call__(self, value: Any, slots: Any) -> str:
        if value.__class__ is CachedTexts:
            return self._replaced_by(value, slots)
        if value.__class__ is CachedFragment:
            write_fragment = slots[WRITE_FRAGMENT]
            texts = [
                item if item.__class__ is bytes else write_fragment(self._field, item, slots)
                for item in value
            ]
            return self._replaced_by(texts, slots)
        if self._field.is_list:
            plain = [self._plain(item, slots) for item in value]
            return slots[BUDGET].write_list(plain) if self._is_innermost else f"[{','.join(plain)}]"
        return self._plain(value, slots)

    def _replaced_by(self, texts: list[bytes], slots: Any) -> str:
        slots[FRAGMENT_TEXTS].append(b"[" + b",".join(texts) + b"]" if self._field.is_list else texts[0])
        return PLACEHOLDER

    def _plain(self, item: Any, slots: Any) -> str:
        if item is None:
            if is_non_null_type(self._field.type):
                raise CannotWrite
            return "null"
        assert self._field.only is not None
        return self._field.only.write(item, slots)
