"""A compiled operation: what is loaded and written, field by field."""

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType, is_list_type, is_non_null_type

from schema.batch_field import BatchResolver
from schema.execution.arguments import Arguments, Prepared
from schema.execution.leaf_serializers import Leaf

MAX_TOKENS = 1000
# Longer texts of arguments are replaced by their digests.
MAX_TOKEN_LENGTH = 100
TOKEN = 250  # bytes that one takes with its text and its place in the table


class MemoryUse:
    """The bytes that a document and what is made from it take; grows with the requests for it."""

    __slots__ = ("bytes",)

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes


Writer = Callable[[Any, Any], str]


class Constant(NamedTuple):
    """A field that has the same value in all objects."""

    text: str


class Attribute(NamedTuple):
    """A leaf that is read from the object itself."""

    key: str
    name: str
    write: Leaf


Part = Constant | Attribute | Writer


def not_compiled(value: Any, slots: Any) -> str:
    raise AssertionError


class Selection:
    """The fields asked of one type at one place of the operation."""

    def __init__(self, type: GraphQLObjectType) -> None:
        self.type = type
        self.stored: list[Field] = []  # whose values are loaded before anything is written
        self.holds_lists = False  # of objects, at any depth
        self.parts: list[Part] = []  # how each field is written
        self.writers: list[Writer] = []  # the same for the root, whose fields are written by turns
        self.write: Callable[[Any, Any], str] = not_compiled


class Field:
    """One field of a selection, its arguments prepared; `selections` by the runtime class of its objects."""

    def __init__(
        self,
        key: str,
        type: GraphQLOutputType,
        read: Callable[..., Any] | BatchResolver,
        arguments: Prepared | None,
        slot: int,
        memory_use: MemoryUse,
    ) -> None:
        self.key = key
        self.type = type
        self.read = read
        self.arguments = arguments
        self.slot = slot
        self.selections: dict[Any, Selection] = {}
        self.only: Selection | None = None  # where the type is no abstract one
        self.deep = False  # whether anything below it has to be loaded
        self.stored = False  # whether its own values are loaded, and counted, before anything is written
        self.holds_objects = False
        self.is_list = is_list_type(type.of_type if is_non_null_type(type) else type)
        self.fragments = False
        self.varying: list[Field] = []  # the fields in and below it whose arguments name variables
        self._tokens: dict[Any, object] = {}
        self._memory_use = memory_use

    def fragment_token(self, arguments: Mapping[int, Arguments]) -> object:
        """Part of the keys of this field's fragments with these arguments; always the same object, which is compared fast."""
        # As texts: equal numbers need not be written alike, nor be accepted alike (1 and 1.0000000, 0 and -0).
        values = repr([arguments[below.slot] for below in self.varying]) if self.varying else ""
        if len(values) > MAX_TOKEN_LENGTH:
            values = blake2b(values.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        token = self._tokens.get(values)
        if token is None:
            if len(self._tokens) >= MAX_TOKENS:
                self._memory_use.bytes -= TOKEN * len(self._tokens)
                self._tokens.clear()
            self._memory_use.bytes += TOKEN
            token = self._tokens[values] = object()
        return token

    @property
    def subselections(self) -> list[Selection]:
        return [self.only] if self.only is not None else list(self.selections.values())

    @property
    def holds_lists(self) -> bool:
        """Whether its objects hold lists of objects."""
        return any(selection.holds_lists for selection in self.subselections)


class Plan:
    """A compiled operation; `root` is None where the executor has to do it, and `reason` says why."""

    def __init__(self, root: Selection | None, fields: Sequence[Field], reason: str = "") -> None:
        self.root = root
        self.slots = len(fields)
        self.with_arguments = [
            (field.slot, field.arguments) for field in fields if field.arguments is not None
        ]
        self.reason = reason
