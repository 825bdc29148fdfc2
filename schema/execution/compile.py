"""An operation as a plan: it loads level by level and then writes JSON straight.

Made once per document and set of variables that steer `@skip` and `@include`. A plan covers what
goes well. Whatever goes wrong while it runs (a null where none may be, a refusal, a value not of
its type) ends it with PlanFailed, and the executor answers in the specification's words: a query
changes nothing, so it can be run again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import count
from json.encoder import encode_basestring
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    FragmentDetails,
    GroupedFieldSet,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.types.field import StrawberryField

from schema.batch_field import RESOLVER, BatchResolver
from schema.execution import leaf_serializers as leaves
from schema.execution.arguments import Arguments, Prepared, prepare

DEFINITION = "strawberry-definition"
MOST_TOKENS = 1000
# Longer texts of arguments stand for themselves as a digest.
LONGEST_TOKEN = 100
TOKEN = 250  # bytes that one takes with its text and its place in the table


class Taken:
    """How many bytes a document and what is made from it take; grows with what callers ask of it."""

    __slots__ = ("bytes",)

    def __init__(self, bytes: int) -> None:
        self.bytes = bytes


class NotCompilable(Exception):
    """What the plan does not know; the executor does. The reason is a metric's label."""


class Selection:
    """The fields asked of one type at one place of the operation."""

    def __init__(self, type: GraphQLObjectType) -> None:
        self.type = type
        self.stored: list[Field] = []  # whose values are loaded before anything is written
        self.holds_lists = False  # of objects, at any depth
        self.write: Callable[[Any, Sequence[Callable[[], Any]]], str] = _unwritten
        self.parts: list[
            Callable[[Any, Any], str]
        ] = []  # of an operation with several fields: one object each


class Field:
    """One field of a selection, its arguments prepared; `selections` by the runtime class of its objects."""

    def __init__(
        self,
        key: str,
        type: GraphQLOutputType,
        read: Callable[..., Any] | BatchResolver,
        arguments: Prepared | None,
        slot: int,
        taken: Taken,
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
        self._asked: dict[Any, object] = {}
        self._taken = taken

    def asked(self, arguments: Mapping[int, Arguments]) -> object:
        """What names this field's fragments under these arguments; the same object each time, so cheap to compare."""
        # As texts: equal numbers need not be written alike, nor be accepted alike (1 and 1.0000000, 0 and -0).
        values = repr([arguments[below.slot] for below in self.varying]) if self.varying else ""
        if len(values) > LONGEST_TOKEN:
            values = blake2b(values.encode(errors="surrogatepass"), digest_size=16).hexdigest()
        token = self._asked.get(values)
        if token is None:
            if len(self._asked) >= MOST_TOKENS:
                self._taken.bytes -= TOKEN * len(self._asked)
                self._asked.clear()
            self._taken.bytes += TOKEN
            token = self._asked[values] = object()
        return token

    @property
    def places(self) -> list[Selection]:
        return [self.only] if self.only is not None else list(self.selections.values())

    @property
    def holds_lists(self) -> bool:
        """Whether its objects hold lists of objects."""
        return any(place.holds_lists for place in self.places)


class Plan:
    """A compiled operation; `root` is None where the executor has to do it, and `reason` says why."""

    def __init__(self, root: Selection | None, fields: Sequence[Field], reason: str = "") -> None:
        self.root = root
        self.slots = len(fields)
        self.with_arguments = [
            (field.slot, field.arguments) for field in fields if field.arguments is not None
        ]
        self.reason = reason


class Compiler:
    """Makes the plan of one operation."""

    def __init__(
        self,
        schema: Schema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        steering: VariableValues,
        structs: dict[str, type],
        tagged: frozenset[str],
        taken: Taken,
    ) -> None:
        self.schema = schema
        self.graph: GraphQLSchema = schema._schema
        self.operation = operation
        self.fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.steering = steering
        self.structs = structs
        self.tagged = tagged
        self.taken = taken
        self.slots = count()
        self.fields: list[Field] = []

    def root(self) -> Selection:
        query = self.graph.query_type
        assert query is not None
        collected = collect_fields(self.graph, self.fragments, self.steering, query, self.operation)
        if len(collected.grouped_field_set) < 2:
            return self._selection(query, collected.grouped_field_set)
        # Written one by one, so that others have their turn in between.
        root = Selection(query)
        for key, details in collected.grouped_field_set.items():
            part = self._selection(query, {key: details})
            root.stored += part.stored
            root.parts.append(part.write)
        return root

    def _selection(self, type: GraphQLObjectType, grouped: GroupedFieldSet) -> Selection:
        selection = Selection(type)
        source = _Source()
        parts: list[str] = []
        for key, details in grouped.items():
            parts.append(f"{encode_basestring(key)}:".replace("{", "{{").replace("}", "}}"))
            parts.append(self._part(selection, source, key, details))
        text = ",".join(name + part for name, part in zip(parts[::2], parts[1::2], strict=True))
        written = f"f'''{{{{{text}}}}}'''"
        if type is not self.graph.query_type:
            written = f"'' if {source.name(leaves.some)}(o) is None else {written}"
        selection.write = source.function(written)
        return selection

    def _part(self, selection: Selection, source: "_Source", key: str, details: FieldDetailsList) -> str:
        node = details[0].node
        name = node.name.value
        if name == "__typename":
            return encode_basestring(selection.type.name)
        definition = selection.type.fields.get(name)
        if definition is None:
            raise NotCompilable("introspection")
        field_definition = definition.extensions.get(DEFINITION)
        if not isinstance(field_definition, StrawberryField) or field_definition.permission_classes:
            raise NotCompilable("field")
        read, arguments = self._reader(field_definition, definition, node)
        field = Field(key, definition.type, read, arguments, next(self.slots), self.taken)
        self._below(field, details)
        field.holds_objects = bool(field.places)
        selection.holds_lists |= field.holds_lists or (field.is_list and field.holds_objects)
        if isinstance(read, BatchResolver) or field.deep or arguments is not None:
            selection.stored.append(field)
            field.stored = True
            value = f"s[{field.slot}]()"
        elif isinstance(read, str):
            value = f"o.{read}"
        else:
            value = f"{source.name(read)}(o)"
        self.fields.append(field)
        if field.fragments:
            return "{" + source.name(_FragmentWriter(field)) + f"({value},s)" + "}"
        return "{" + self._write(definition.type, value, field, source) + "}"

    def _reader(self, field: StrawberryField, definition: Any, node: Any) -> tuple[Any, Prepared | None]:
        edge = field.metadata.get(RESOLVER)
        config, scalars = self.schema.config, self.schema.schema_converter.scalar_registry
        if isinstance(edge, BatchResolver):
            return edge, prepare(definition, field, node, config, scalars)
        if field.base_resolver is None:
            return field.python_name, None
        if field.is_async or field.base_resolver.info_parameter or field.extensions:
            raise NotCompilable("resolver")
        function = field.base_resolver.wrapped_func
        if isinstance(function, staticmethod):
            function = function.__func__
        if not field.arguments:
            return function, None
        return function, prepare(definition, field, node, config, scalars)

    def _below(self, field: Field, details: FieldDetailsList) -> None:
        named = get_named_type(field.type)
        if is_leaf_type(named):
            return
        if is_object_type(named):
            field.only = self._sub_selection(named, details)
        else:
            assert is_abstract_type(named)
            for possible in self.graph.get_possible_types(named):
                field.selections[self.structs[possible.name]] = self._sub_selection(possible, details)
        field.deep = any(selection.stored for selection in field.places)
        edge = field.read
        field.fragments = (
            isinstance(edge, BatchResolver)
            and edge.through is not None
            and field.only is not None
            and field.only.type.name in self.tagged
            and _fragmentable(field.only)
        )
        if field.fragments and field.only is not None:
            field.varying = list(_varying(field.only))

    def _sub_selection(self, type: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        collected = collect_subfields(
            self.graph, self.fragments, self.steering, self.operation, type, details
        )
        return self._selection(type, collected.grouped_field_set)

    def _write(self, type: GraphQLOutputType, value: str, field: Field, source: "_Source") -> str:
        """The expression that writes a value of a type; None fails where the type allows none."""
        if is_non_null_type(type):
            return self._write_some(type.of_type, value, field, source)
        local = source.local()
        return f'("null" if ({local}:={value}) is None else {self._write_some(type, local, field, source)})'

    def _write_some(self, type: GraphQLOutputType, value: str, field: Field, source: "_Source") -> str:
        if is_list_type(type):
            item = source.local()
            texts = f"[{self._write(type.of_type, item, field, source)} for {item} in {source.name(leaves.some)}({value})]"
            if not field.places or field.holds_lists:
                return f'"["+",".join({texts})+"]"'
            # The budget is asked where lists end, so that each text is counted once and often enough.
            counted = "write_list" if field.stored else "write_uncounted_list"
            return f"s[{BUDGET}].{counted}({texts})"
        if field.only is not None:
            return f"{source.name(field.only.write)}({value},s)"
        if field.selections:
            local = source.local()
            writers = leaves.Writers(
                {struct: selection.write for struct, selection in field.selections.items()}
            )
            return f"{source.name(writers)}[({local}:={value}).__class__]({local},s)"
        named = get_named_type(type)
        assert is_leaf_type(named)
        writer = leaves.writer(named)
        if writer is None:
            raise NotCompilable("scalar")
        return f"{source.name(writer)}({value})"


class _Source:
    """The text of one writing function, and what it names."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {}
        self._locals = count()

    def name(self, value: Any) -> str:
        for name, known in self._names.items():
            if known is value:
                return name
        name = f"g{len(self._names)}"
        self._names[name] = value
        return name

    def local(self) -> str:
        return f"v{next(self._locals)}"

    def function(self, expression: str) -> Callable[[Any, Any], str]:
        # Nothing of the request gets into this text but response keys, which the grammar limits to
        # letters, digits and underscores, and which are quoted.
        code = compile(f"lambda o, s: {expression}", "<plan>", "eval")
        made: Callable[[Any, Any], str] = eval(code, self._names)  # noqa: S307
        return made


class NewFragment:
    """An object that has to be written; `key` is what its text is kept under, if it is."""

    __slots__ = ("key", "struct", "tags", "text")

    def __init__(self, key: Any, struct: Any, tags: set[str]) -> None:
        self.key = key
        self.struct = struct
        self.tags = tags
        self.text: Any = None  # once written; it may stand in several places


class CachedFragment(list[Any]):
    """Objects of one place of which some are bytes already: the text of a fragment that was found."""

    __slots__ = ()


# Stands in a text where bytes are put in at the end; JSON writes this character as an escape.
PUT_IN = "\0"
# What stands behind the values of a run's fields: who counts, where texts are put in, who keeps those that are new.
BUDGET, TEXTS, KEEPER = -3, -2, -1


class _FragmentWriter:
    """Writes a list (or one) of objects that may be fragments."""

    __slots__ = ("_field", "_is_innermost")

    def __init__(self, field: Field) -> None:
        self._field = field
        self._is_innermost = not field.holds_lists

    def __call__(self, value: Any, slots: Any) -> str:
        if value.__class__ is CachedFragment:
            put_in, write_kept = slots[TEXTS], slots[KEEPER]
            texts = [
                item if item.__class__ is bytes else write_kept(self._field, item, slots) for item in value
            ]
            put_in.append(b"[" + b",".join(texts) + b"]" if self._field.is_list else texts[0])
            return PUT_IN
        if self._field.is_list:
            plain = [self._plain(item, slots) for item in value]
            return slots[BUDGET].write_list(plain) if self._is_innermost else f"[{','.join(plain)}]"
        return self._plain(value, slots)

    def _plain(self, item: Any, slots: Any) -> str:
        if item is None:
            if is_non_null_type(self._field.type):
                raise leaves.CannotWrite
            return "null"
        assert self._field.only is not None
        return self._field.only.write(item, slots)


def _fragmentable(selection: Selection) -> bool:
    """Everything below says which tags it rests on."""
    return all(
        (not isinstance(field.read, BatchResolver) or field.read.reads is not None)
        and all(_fragmentable(place) for place in field.places)
        for field in selection.stored
    )


def _varying(selection: Selection) -> Iterator[Field]:
    for field in selection.stored:
        if field.arguments is not None and field.arguments.constant is None:
            yield field
        for place in field.places:
            yield from _varying(place)


def _unwritten(value: Any, slots: Any) -> str:
    raise AssertionError
