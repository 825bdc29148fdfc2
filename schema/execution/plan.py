"""The data structures of a compiled plan: the fields to load and the functions that write them."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLOutputType, is_list_type, is_non_null_type

from schema.batch_field import BatchResolver
from schema.execution.arguments import Arguments, PreparedArguments
from schema.execution.leaf_serializers import Leaf

MAX_TOKENS = 1000
# Longer texts of arguments are replaced by their digests; in characters.
MAX_TOKEN_LENGTH = 100
TOKEN_BYTES = 250  # estimated memory of one token with its key


class MemoryUse:
    """Estimated bytes of a document with its plans and costs; grows with use."""

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
    """The selected fields of one object type at one position of the operation."""

    def __init__(self, type: GraphQLObjectType) -> None:
        self.type = type
        self.stored: list[Field] = []  # whose values are loaded before anything is written
        self.holds_lists = False  # of objects, at any depth
        self.parts: list[Part] = []  # how each field is written
        self.writers: list[Writer] = []  # the same for the root, whose fields are written in separate steps
        self.write: Callable[[Any, Any], str] = not_compiled


class Field:
    """One field of a selection, its arguments prepared; `selections` by the runtime class of its objects."""

    def __init__(
        self,
        key: str,
        type: GraphQLOutputType,
        read: Callable[..., Any] | BatchResolver,
        arguments: PreparedArguments | None,
        slot: int,
        memory_use: MemoryUse,
    ) -> None:
        self.key = key
        self.type = type
        self.read = read
        self.arguments = arguments
        self.slot = slot
        self.selections: dict[Any, Selection] = {}
        self.only: Selection | None = None  # unless the type is abstract
        self.deep = False  # whether fields of its objects have to be loaded
        self.stored = False  # whether its own values are loaded, and counted, before anything is written
        self.holds_objects = False
        self.is_list = is_list_type(type.of_type if is_non_null_type(type) else type)
        self.fragments = False  # whether the texts of its objects are cached
        self.joined_fragments = False  # the same, where it is an alias that is read together with others
        self.varying: list[Field] = []  # its fields, at any depth, whose arguments depend on variables
        self._tokens: dict[Any, object] = {}
        self._memory_use = memory_use

    def share_tokens(self, other: "Field") -> None:
        """For a field that selects the same: an object then has one text for both."""
        self._tokens = other._tokens

    def fragment_token(self, arguments: Mapping[int, Arguments]) -> object:
        """Part of the cache keys of this field's fragments: one object per value of the arguments, compared by identity."""
        values = self._varying_values(arguments)
        token = self._tokens.get(values)
        if token is None:
            if len(self._tokens) >= MAX_TOKENS:
                self._memory_use.bytes -= TOKEN_BYTES * len(self._tokens)
                self._tokens.clear()
            self._memory_use.bytes += TOKEN_BYTES
            token = self._tokens[values] = object()
        return token

    def _varying_values(self, arguments: Mapping[int, Arguments]) -> Hashable:
        """Differ where a text may differ."""
        if not self.varying:
            return None
        if len(self.varying) == 1:
            given = tuple(arguments[self.varying[0].slot].items())
            if len(given) == 1 and type(given[0][1]) is int:  # a year
                return given
        # By their texts: equal numbers may be written differently and accepted differently (1 and 1.0000000, 0 and -0).
        text = repr([arguments[field.slot] for field in self.varying])
        if len(text) > MAX_TOKEN_LENGTH:
            return blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        return text

    @property
    def subselections(self) -> list[Selection]:
        return [self.only] if self.only is not None else list(self.selections.values())

    @property
    def holds_lists(self) -> bool:
        """Whether its objects hold lists of objects."""
        return any(selection.holds_lists for selection in self.subselections)


class Plan:
    """A compiled operation. If `root` is None, the executor has to run it; `reason` is a label of a metric.

    `joins`: whether fields of one level have a resolver in common, as those of aliases.
    """

    def __init__(self, root: Selection | None, fields: Sequence[Field], reason: str = "") -> None:
        self.root = root
        self.joins = root is not None and _joins([root])
        self.slots = len(fields)
        self.with_arguments = [
            (field.slot, field.arguments) for field in fields if field.arguments is not None
        ]
        self.reason = reason


def _joins(level: list[Selection]) -> bool:
    while level:
        fields = [field for selection in level for field in selection.stored]
        resolvers = [field.read for field in fields if isinstance(field.read, BatchResolver)]
        if len(set(map(id, resolvers))) < len(resolvers):
            return True
        level = [selection for field in fields for selection in field.subselections]
    return False
