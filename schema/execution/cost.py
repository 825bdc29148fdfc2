"""What an operation may cost at most, worked out from the schema: lists multiply by `first`."""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SchemaMetaFieldDef,
    SelectionSetNode,
    TypeMetaFieldDef,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

# How long a list is taken to be that has no `first`: an operator's years times levels, windows, bands.
ASSUMED = 10
MOST = 10**12

Values = Mapping[str, Any]
Size = Callable[[Values], int]
Cost = Callable[[Values], int]


class Estimate:
    """The cost of one operation; `variables` are those that its size depends on."""

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._meta = {"__schema": SchemaMetaFieldDef, "__type": TypeMetaFieldDef}
        self._sizes: set[str] = set()
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._cost = self._of(operation.selection_set, root, None)
        self._known: dict[tuple[Any, ...], int] = {}
        self.variables = tuple(sorted(self._sizes))

    def of(self, variables: Values) -> int:
        key = tuple(
            variables.get(name) if not isinstance(variables.get(name), list) else len(variables[name])
            for name in self.variables
        )
        known = self._known.get(key)
        if known is None:
            known = min(self._cost(variables), MOST)
            if len(self._known) < 256:
                self._known[key] = known
        return known

    def _of(self, selections: SelectionSetNode, type: GraphQLNamedType, page: Size | None) -> Cost:
        """`page` is the `first` of a connection, which its own lists have as their length."""
        parts: list[Cost] = []
        for node in selections.selections:
            if isinstance(node, FieldNode):
                part = self._of_field(node, type, page)
                if part is not None:
                    parts.append(part)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else type
                parts.append(self._of(node.selection_set, inner or type, page))
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                inner = self._schema.get_type(fragment.type_condition.name.value)
                parts.append(self._of(fragment.selection_set, inner or type, page))
        return lambda values: sum(part(values) for part in parts)

    def _of_field(self, node: FieldNode, type: GraphQLNamedType, page: Size | None) -> Cost | None:
        definition = (
            type.fields.get(node.name.value)
            if isinstance(type, GraphQLObjectType | GraphQLInterfaceType)
            else None
        ) or self._meta.get(node.name.value)
        if definition is None or node.selection_set is None:
            return None
        named = get_named_type(definition.type)
        if is_leaf_type(named):
            return None
        size = self._size(node, definition)
        if not _is_list(definition.type):
            below = self._of(node.selection_set, named, size)
            return lambda values: 1 + below(values)
        length = size or page or _assumed
        below = self._of(node.selection_set, named, None)
        return lambda values: length(values) * (1 + below(values))

    def _size(self, node: FieldNode, definition: GraphQLField) -> Size | None:
        default = definition.args["first"].default_value if "first" in definition.args else None
        usual = default if isinstance(default, int) else ASSUMED
        for argument in node.arguments or ():
            name, value = argument.name.value, argument.value
            if name not in ("first", "ids"):
                continue
            if isinstance(value, IntValueNode):
                number = int(value.value)
                return lambda values: number
            if isinstance(value, ListValueNode):
                length = len(value.values)
                return lambda values: length
            if isinstance(value, VariableNode):
                variable = value.name.value
                self._sizes.add(variable)
                return lambda values: _length(values.get(variable), usual)
        return (lambda values: usual) if "first" in definition.args else None


def _length(value: Any, usual: int) -> int:
    if isinstance(value, int):
        return max(value, 0)
    return len(value) if isinstance(value, list) else usual


def _assumed(values: Values) -> int:
    return ASSUMED


def _is_list(type: GraphQLOutputType) -> bool:
    return is_list_type(type.of_type if is_non_null_type(type) else type)
