"""Documents that differ only in the literals of arguments have one shape: it is parsed, validated and planned once.

In the shape's syntax tree each of these literals is a variable, and only its value is coerced again. Values that the shape cannot
have, and errors during execution, lead back to the text itself: so errors and their locations are those of the text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from graphql import (
    GRAPHQL_MAX_INT,
    GRAPHQL_MIN_INT,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    NameNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
)
from graphql.execution.values import VariableValues
from graphql.utilities import coerce_input_literal
from strawberry import Schema

from schema.execution.documents import Cost, Document, Operation, RejectedDocument
from schema.execution.limits import MergedField, merge
from schema.execution.literals import Literals, literal_node, string_value
from schema.execution.plan import Plan

LITERAL_BYTES = 500  # estimated memory of a variable that stands for a literal
_MAX_INT_LENGTH = 11

Coerce = Callable[[str], Any]


class _Varying(NamedTuple):
    """A literal that becomes a variable. `place`: among the tokens of the text."""

    place: int
    name: str
    coerce: Coerce


class Shape:
    """`fixed`: tokens that are the same in all texts of this shape, by their places."""

    def __init__(self, document: Document, varying: Sequence[_Varying], fixed: Mapping[int, str]) -> None:
        self._document = document
        self._varying = varying
        self._fixed = fixed

    @property
    def bytes(self) -> int:
        return self._document.bytes + LITERAL_BYTES * (len(self._varying) + len(self._fixed))

    def values(self, tokens: Sequence[str]) -> dict[str, Any] | None:
        """The values of the literals by the names of their variables; None if the text is not of this shape."""
        if len(tokens) != len(self._varying) + len(self._fixed):
            return None
        if any(tokens[place] != token for place, token in self._fixed.items()):
            return None
        values = {}
        for place, name, coerce in self._varying:
            value = coerce(tokens[place])
            if value is Undefined or value is None:
                return None
            values[name] = value
        return values

    def operation(
        self,
        name: str | None,
        text: str,
        values: dict[str, Any],
        plainly: Callable[[], Operation],
    ) -> Operation:
        """Raises RejectedDocument if there is no such operation. `plainly` returns the operation of the text itself."""
        return ShapedOperation(self._document.operation(name), text, values, plainly)


class ShapedOperation(Operation):
    """An operation of a shape with the values of the literals of one text."""

    repeats = False

    def __init__(
        self, shape: Operation, text: str, values: dict[str, Any], plainly: Callable[[], Operation]
    ) -> None:
        self._shape = shape
        self._values = values
        self._plainly = plainly
        self.document = shape.document.with_text(text)
        self.node = shape.node
        self.name = shape.name
        self.type = shape.type
        self.kind = shape.kind
        self.label = shape.label
        self.counts = shape.counts
        self.work = shape.work

    @property
    def introspects(self) -> bool:
        return self._shape.introspects

    def plainly(self) -> Operation:
        return self._plainly()

    def variables(self, raw_variables: dict[str, Any], **options: Any) -> VariableValues:
        try:
            given = self._shape.variables(raw_variables, **options)
        except RejectedDocument:
            return self._plainly().variables(raw_variables, **options)
        return VariableValues(given.sources, given.coerced | self._values)

    def cost(self, variables: VariableValues, maximum: int) -> Cost:
        return self._shape.cost(variables, maximum)

    def plan(self, variables: VariableValues) -> Plan:
        return self._shape.plan(variables)


def shape_of(schema: Schema, document: Document, literals: Literals) -> Shape | None:
    """The shape of a valid document; None if validation, or what is not a query, depends on its literals."""
    if any(operation.type is not OperationType.QUERY for operation in document.operations):
        return None
    places = {start: place for place, start in enumerate(literals.starts())}
    rewriting = _Rewriting(schema._schema, places)
    try:
        rewritten = Document(schema, document.source.text, rewriting.document(document.source.ast))
        if not rewriting.types or _merges_literals(rewritten):
            return None
    except RecursionError:
        return None
    varying = [_Varying(place, str(place), _coercion(type)) for place, type in rewriting.types.items()]
    fixed = {place: token for place, token in enumerate(literals.tokens) if place not in rewriting.types}
    return Shape(rewritten, varying, fixed)


class _Rewriting:
    """Replaces literals of arguments by variables with names that no document can have. `types`: by the literals' places."""

    def __init__(self, schema: GraphQLSchema, places: Mapping[int, int]) -> None:
        self._schema = schema
        self._places = places
        self.types: dict[int, GraphQLInputType] = {}

    def document(self, ast: DocumentNode) -> DocumentNode:
        return replace(ast, definitions=tuple(self._definition(node) for node in ast.definitions))

    def _definition(self, node: Any) -> Any:
        if isinstance(node, OperationDefinitionNode):
            type: GraphQLNamedType | None = self._schema.get_root_type(node.operation)
        elif isinstance(node, FragmentDefinitionNode):
            type = self._schema.get_type(node.type_condition.name.value)
        else:
            return node
        return replace(node, selection_set=self._selections(node.selection_set, type))

    def _selections(self, node: SelectionSetNode, type: GraphQLNamedType | None) -> SelectionSetNode:
        return replace(node, selections=tuple(self._selection(each, type) for each in node.selections))

    def _selection(self, node: SelectionNode, type: GraphQLNamedType | None) -> SelectionNode:
        if isinstance(node, FieldNode):
            return self._field(node, type)
        if isinstance(node, InlineFragmentNode):
            condition = node.type_condition
            inner = self._schema.get_type(condition.name.value) if condition else type
            return replace(node, selection_set=self._selections(node.selection_set, inner))
        return node

    def _field(self, node: FieldNode, type: GraphQLNamedType | None) -> FieldNode:
        fields = type.fields if isinstance(type, GraphQLObjectType | GraphQLInterfaceType) else {}
        definition = fields.get(node.name.value)
        if definition is None:  # of introspection
            return node
        selections = node.selection_set
        if selections is not None:
            selections = self._selections(selections, get_named_type(definition.type))
        arguments = tuple(
            self._argument(each, definition.args[each.name.value].type) for each in node.arguments or ()
        )
        return replace(node, arguments=arguments, selection_set=selections)

    def _argument(self, node: ArgumentNode, type: GraphQLInputType) -> ArgumentNode:
        return replace(node, value=self._value(node.value, type))

    def _value(self, node: ValueNode, type: GraphQLInputType) -> ValueNode:
        place = self._places.get(node.loc.start) if node.loc is not None else None
        if place is not None:
            self.types[place] = type
            return VariableNode(name=NameNode(value=str(place)), loc=node.loc)
        nullable = get_nullable_type(type)
        if isinstance(node, ListValueNode) and isinstance(nullable, GraphQLList):
            return replace(node, values=tuple(self._value(each, nullable.of_type) for each in node.values))
        while isinstance(nullable, GraphQLList):  # a single value is coerced to a list
            nullable = get_nullable_type(nullable.of_type)
        if isinstance(node, ObjectValueNode) and isinstance(nullable, GraphQLInputObjectType):
            fields = tuple(
                replace(each, value=self._value(each.value, nullable.fields[each.name.value].type))
                for each in node.fields
            )
            return replace(node, fields=fields)
        return node


def _merges_literals(document: Document) -> bool:
    """Whether fields are merged whose arguments have literals: whether these are equal is not looked at."""
    root = MergedField()
    for operation in document.operations:
        root.subfields = {}
        merge(operation.node.selection_set, document.source.fragments, root.subfields)
        if _differs(root):
            return True
    return False


def _differs(field: MergedField) -> bool:
    """Whether it, or a field below it, is written several times with literals."""
    if len(set(map(id, field.nodes))) > 1 and any(
        _has_literals(argument.value) for node in field.nodes for argument in node.arguments or ()
    ):
        return True
    return any(map(_differs, field.subfields.values()))


def _has_literals(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_has_literals, value.values))
    if isinstance(value, ObjectValueNode):
        return any(_has_literals(field.value) for field in value.fields)
    return isinstance(value, VariableNode) and value.name.value.isdigit()


def _coercion(type: GraphQLInputType) -> Coerce:
    """Returns the value of a token, Undefined for one that the type does not accept."""

    def coerce(token: str) -> Any:
        node = literal_node(token)
        return Undefined if node is None else coerce_input_literal(node, type)

    def coerce_string(token: str) -> Any:
        text = string_value(token) if token[0] == '"' else None
        return coerce(token) if text is None else text

    def coerce_integer(token: str) -> Any:
        if len(token) > _MAX_INT_LENGTH or not token.lstrip("-").isdecimal():
            return coerce(token)
        number = int(token)
        return number if GRAPHQL_MIN_INT <= number <= GRAPHQL_MAX_INT else Undefined

    plain = {"String": coerce_string, "ID": coerce_string, "Int": coerce_integer}
    return plain.get(str(get_nullable_type(type)), coerce)
