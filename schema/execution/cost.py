"""Estimates the cost of an operation before its execution: the cost of a list's items is multiplied by `first`.

The work that the operation causes is counted during its execution (app/limits/work_budget.py).
"""

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
    NullValueNode,
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
from strawberry.types.field import StrawberryField

from schema.batch_field import LENGTH, PRICE, Length

# Length of a list that has no `first` and declares no length.
ASSUMED = Length(10, 10)
LEAVES_PER_UNIT = 10
MAX_COST = 10**12
MAX_CACHED_COSTS = 256
# A GraphQL Int has at most 11 characters; longer literals are rejected when the arguments are coerced.
MAX_INT_LENGTH = 11
# Arguments with one value for each item.
_LISTS = ("ids", "slugs")

Values = Mapping[str, Any]
Size = Callable[[Values], int]
Cost = Callable[[Values], int]  # in leaves


class Estimate:
    """The cost of one operation, in units. `variables`: those that determine the length of its lists."""

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
        self._years: set[str] = set()
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._cost = self._of(operation.selection_set, root, None)
        self._costs: dict[tuple[Any, ...], int] = {}  # by the lengths in the variables
        self.cached_costs = 0
        self.variables = tuple(sorted(self._sizes))
        self._year_names = tuple(self._years)

    def of(self, variables: Values) -> int:
        # Runs for every operation; most have at most one such variable.
        get = variables.get
        key: tuple[Any, ...] = ()
        if self.variables:
            key = tuple([_size_of(get(name)) for name in self.variables])
        for name in self._year_names:
            key += (get(name) is None,)
        cost = self._costs.get(key)
        if cost is None:
            cost = min(-(-self._cost(variables) // LEAVES_PER_UNIT), MAX_COST)
            if self.cached_costs < MAX_CACHED_COSTS:
                self._costs[key] = cost
                self.cached_costs += 1
        return cost

    def _of(self, selections: SelectionSetNode, type: GraphQLNamedType, page: Size | None) -> Cost:
        """`page`: the `first` of a connection, which is the length of the lists in it."""
        parts: list[Cost] = []
        leaves = 0
        for node in selections.selections:
            if isinstance(node, FieldNode):
                part = self._of_field(node, type, page)
                if part is None:
                    leaves += 1
                else:
                    parts.append(part)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self._schema.get_type(condition.name.value) if condition else type
                parts.append(self._of(node.selection_set, inner or type, page))
            elif isinstance(node, FragmentSpreadNode):
                fragment = self._fragments[node.name.value]
                inner = self._schema.get_type(fragment.type_condition.name.value)
                parts.append(self._of(fragment.selection_set, inner or type, page))
        return lambda values: leaves + sum(part(values) for part in parts)

    def _of_field(self, node: FieldNode, type: GraphQLNamedType, page: Size | None) -> Cost | None:
        """None for a leaf."""
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
        price = LEAVES_PER_UNIT * self._price(node, definition)
        if not _is_list(definition.type):
            subselections = self._of(node.selection_set, named, size)
            return lambda values: price + LEAVES_PER_UNIT + subselections(values)
        length = size or page or self._length(node, definition)
        subselections = self._of(node.selection_set, named, None)
        return lambda values: price + length(values) * (LEAVES_PER_UNIT + subselections(values))

    def _size(self, node: FieldNode, definition: GraphQLField) -> Size | None:
        """The number of items by `first`, `ids` or `slugs`, at least 0. None if the field has none of them."""
        default = definition.args["first"].default_value if "first" in definition.args else None
        usual = default if isinstance(default, int) else ASSUMED.usual
        for argument in node.arguments or ():
            name, value = argument.name.value, argument.value
            if name not in ("first", *_LISTS):
                continue
            if isinstance(value, VariableNode):
                variable = value.name.value
                self._sizes.add(variable)
                return lambda values: _count(values.get(variable), usual)
            if isinstance(value, ListValueNode):
                length = len(value.values)
                return lambda values: length
            if name in _LISTS:  # a single value is coerced to a list
                return lambda values: 1
            if isinstance(value, IntValueNode):
                number = max(int(value.value), 0) if len(value.value) <= MAX_INT_LENGTH else MAX_COST
                return lambda values: number
        return (lambda values: usual) if "first" in definition.args else None

    def _length(self, node: FieldNode, definition: GraphQLField) -> Size:
        """The declared or assumed number of items: in one year if the argument `year` is given."""
        length = _metadata(definition).get(LENGTH, ASSUMED)
        for argument in node.arguments or ():
            if argument.name.value != "year" or isinstance(argument.value, NullValueNode):
                continue
            if not isinstance(argument.value, VariableNode):
                return lambda values: length.of_year
            variable = argument.value.name.value
            self._years.add(variable)
            return lambda values: length.usual if values.get(variable) is None else length.of_year
        return lambda values: length.usual

    def _price(self, node: FieldNode, definition: GraphQLField) -> int:
        price, by = _metadata(definition).get(PRICE, (0, None))
        applies = by is None or any(argument.name.value == by for argument in node.arguments or ())
        return price if applies else 0


def _metadata(definition: GraphQLField) -> Mapping[str, Any]:
    field = definition.extensions.get("strawberry-definition")
    return field.metadata if isinstance(field, StrawberryField) else {}


def _count(value: Any, usual: int) -> int:
    size = _size_of(value)
    return usual if size is None else max(size, 0)


def _size_of(value: Any) -> int | None:
    """A number or the length of a list."""
    if isinstance(value, int):
        return value
    return len(value) if isinstance(value, list) else None


def _is_list(type: GraphQLOutputType) -> bool:
    return is_list_type(type.of_type if is_non_null_type(type) else type)
