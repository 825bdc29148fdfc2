"""Compiles an operation into a plan, which loads level by level and then writes JSON directly.

Compiled once per document and values of the variables in `@skip` and `@include`. A plan reports no errors itself:
CannotWrite, CannotCoerce and errors of resolvers end it, and the executor runs the query again and reports them with their
paths. No source code is generated: a plan consists of closures.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import count
from json.encoder import encode_basestring
from operator import attrgetter
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_object_type,
    print_ast,
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
from schema.execution.arguments import PreparedArguments, prepare, uses_variables
from schema.execution.leaf_serializers import UnknownLeaf
from schema.execution.plan import Attribute, Constant, Field, MemoryUse, Part, Selection
from schema.execution.write import (
    FragmentWriter,
    computed_value,
    join_parts,
    leaf_writer,
    object_writer,
    stored_value,
    value_writer,
)

DEFINITION = "strawberry-definition"


class NotCompilable(Exception):
    """The executor has to run the operation. The reason is a label of a metric."""


class Compiler:
    """Compiles one operation."""

    def __init__(
        self,
        schema: Schema,
        operation: OperationDefinitionNode,
        fragments: dict[str, FragmentDefinitionNode],
        conditions: VariableValues,
        structs: dict[str, type],
        tagged: frozenset[str],
        memory_use: MemoryUse,
    ) -> None:
        self.schema = schema
        self.graph: GraphQLSchema = schema._schema
        self.operation = operation
        self.fragments = {name: FragmentDetails(node) for name, node in fragments.items()}
        self.conditions = conditions
        self.structs = structs
        self.tagged = tagged
        self.memory_use = memory_use
        self.slots = count()
        self.fields: list[Field] = []
        self.aliased: frozenset[str] = frozenset()  # fields of the root that are selected more than once
        self.joined: dict[Any, Field] = {}  # by resolver and selection

    def root(self) -> Selection:
        of_mutation = self.operation.operation is OperationType.MUTATION
        type = self.graph.mutation_type if of_mutation else self.graph.query_type
        assert type is not None
        collected = collect_fields(self.graph, self.fragments, self.conditions, type, self.operation)
        if of_mutation and len(collected.grouped_field_set) > 1:
            raise NotCompilable("mutations")  # each must be completed before the next one begins
        names = Counter(details[0].node.name.value for details in collected.grouped_field_set.values())
        self.aliased = frozenset(name for name, times in names.items() if times > 1)
        root = Selection(type)
        self._add_fields(root, collected.grouped_field_set)
        root.writers = join_parts(root.parts)
        return root

    def _selection(self, type: GraphQLObjectType, grouped: GroupedFieldSet) -> Selection:
        selection = Selection(type)
        self._add_fields(selection, grouped)
        selection.write = object_writer(selection.parts)
        return selection

    def _add_fields(self, selection: Selection, grouped: GroupedFieldSet) -> None:
        for key, details in grouped.items():
            if details[0].node.name.value == "__typename":
                selection.parts.append(Constant(f'{encode_basestring(key)}:"{selection.type.name}"'))
                continue
            field = self._field(selection.type, key, details)
            self.fields.append(field)
            selection.holds_lists |= field.holds_lists or (field.is_list and field.holds_objects)
            if field.stored:
                selection.stored.append(field)
            try:
                selection.parts.append(self._part(field))
            except UnknownLeaf:
                raise NotCompilable("scalar") from None

    def _field(self, type: GraphQLObjectType, key: str, details: FieldDetailsList) -> Field:
        node = details[0].node
        definition = type.fields.get(node.name.value)
        if definition is None:
            raise NotCompilable("introspection")
        field_definition = definition.extensions.get(DEFINITION)
        if not isinstance(field_definition, StrawberryField) or field_definition.permission_classes:
            raise NotCompilable("field")
        read, arguments = self._reader(field_definition, definition, node)
        field = Field(key, definition.type, read, arguments, next(self.slots), self.memory_use)
        self._add_subselections(field, details)
        field.holds_objects = bool(field.subselections)
        field.stored = isinstance(read, BatchResolver) or field.deep or arguments is not None
        return field

    def _part(self, field: Field) -> Part:
        """Writes the field with its key."""
        key = f"{encode_basestring(field.key)}:"
        leaf = leaf_writer(field.type)
        if leaf is not None and isinstance(field.read, str) and not field.stored:
            return Attribute(key, field.read, leaf)
        cached = field.fragments or field.joined_fragments
        write = FragmentWriter(field) if cached else value_writer(field.type, field)
        if field.stored:
            return stored_value(key, field.slot, write)
        if isinstance(field.read, str):
            return computed_value(key, attrgetter(field.read), write)
        assert not isinstance(field.read, BatchResolver)
        return computed_value(key, field.read, write)

    def _reader(
        self, field: StrawberryField, definition: Any, node: Any
    ) -> tuple[Any, PreparedArguments | None]:
        resolver = field.metadata.get(RESOLVER)
        config, scalars = self.schema.config, self.schema.schema_converter.scalar_registry
        if isinstance(resolver, BatchResolver):
            return resolver, prepare(definition, field, node, config, scalars)
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

    def _add_subselections(self, field: Field, details: FieldDetailsList) -> None:
        named = get_named_type(field.type)
        if is_leaf_type(named):
            return
        if is_object_type(named):
            field.only = self._sub_selection(named, details)
        else:
            assert is_abstract_type(named)
            for possible in self.graph.get_possible_types(named):
                field.selections[self.structs[possible.name]] = self._sub_selection(possible, details)
        field.deep = any(selection.stored for selection in field.subselections)
        resolver = field.read
        if not isinstance(resolver, BatchResolver) or field.only is None:
            return
        if field.only.type.name not in self.tagged or not _fragmentable(field.only):
            return
        field.fragments = resolver.through is not None
        # One alias alone is not: each of its objects would be in memory twice.
        field.joined_fragments = resolver.joined is not None and details[0].node.name.value in self.aliased
        if field.fragments or field.joined_fragments:
            field.varying = list(_varying(field.only))
        if field.joined_fragments:
            selected = tuple(_selected_nodes(each.node.selection_set) for each in details)
            field.share_tokens(self.joined.setdefault((resolver, selected), field))

    def _sub_selection(self, type: GraphQLObjectType, details: FieldDetailsList) -> Selection:
        collected = collect_subfields(
            self.graph, self.fragments, self.conditions, self.operation, type, details
        )
        return self._selection(type, collected.grouped_field_set)


def _selected_nodes(selected: SelectionSetNode | None) -> Any:
    """Equal for selections that differ at most in the variables that their arguments are given by."""
    if selected is None:
        return None
    return tuple([_selected_node(node) for node in selected.selections])


def _selected_node(node: SelectionNode) -> Any:
    directives = tuple(map(print_ast, node.directives or ()))
    if isinstance(node, FieldNode):
        alias = node.alias and node.alias.value
        given = tuple([(each.name.value, _argument_text(each.value)) for each in node.arguments or ()])
        return alias, node.name.value, given, directives, _selected_nodes(node.selection_set)
    if isinstance(node, InlineFragmentNode):
        on = node.type_condition and node.type_condition.name.value
        return InlineFragmentNode, on, directives, _selected_nodes(node.selection_set)
    assert isinstance(node, FragmentSpreadNode)
    return FragmentSpreadNode, node.name.value, directives


def _argument_text(value: ValueNode) -> Any:
    """Values of variables are in the token, in the order of the fields."""
    return VariableNode if uses_variables(value) else print_ast(value)


def _fragmentable(selection: Selection) -> bool:
    """Whether every batch resolver below names the tags that its values depend on, so that the text can be cached."""
    return all(
        (not isinstance(field.read, BatchResolver) or field.read.reads is not None)
        and all(_fragmentable(subselection) for subselection in field.subselections)
        for field in selection.stored
    )


def _varying(selection: Selection) -> Iterator[Field]:
    """The loaded fields, at any depth, whose arguments depend on variables."""
    for field in selection.stored:
        if field.arguments is not None and field.arguments.constant is None:
            yield field
        for subselection in field.subselections:
            yield from _varying(subselection)
