"""Documents that were parsed, limited and validated, and their operations with compiled plans."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from copy import copy
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    TypeNode,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry import Schema

from app.errors import BadInput, Code, quoted
from app.limits.expensive_operations import MeasuredWork
from app.limits.work_budget import SECONDS_PER_UNIT
from app.observability import traces
from app.observability.operation_names import NameCount
from schema.execution.arguments import NO_VARIABLES
from schema.execution.compile import Compiler, NotCompilable
from schema.execution.conditional_variables import conditional_variables
from schema.execution.cost import Estimate
from schema.execution.limits import count_values, limit_error
from schema.execution.plan import MemoryUse, Plan
from schema.execution.syntax import count_nodes
from schema.execution.variables import PlainVariables
from schema.types.runtime_types import STRUCTS, TAGGED

MAX_PLANS = 16
MAX_LABEL_LENGTH = 60  # characters of an operation's name in metrics
MAX_VALUES = 1000

# Estimated bytes; tests/unit/schema/test_documents.py compares them with measured ones.
OPERATION_BYTES = 8000  # the constant part of an operation
NODE_BYTES = 300  # a node of the syntax tree with its location
PLAN_BYTES_PER_NODE = 300  # a plan and a cost estimate
ERROR_BYTES = 900  # an error without its message
COST_BYTES = 200  # a cached cost


class RejectedDocument(Exception):
    """The document is not executed: it has a syntax error, is invalid or exceeds a limit."""

    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors = list(errors)
        self.code = code

    @property
    def bytes(self) -> int:
        """Estimated memory without the text of the document."""
        return sum(ERROR_BYTES + 2 * sys.getsizeof(error.message) for error in self.errors)


class Cost(NamedTuple):
    """In units: one for each object. `maximum`: the limit of one operation. `json`: the extension of the response."""

    requested: int
    maximum: int
    json: str


@lru_cache(1000)
def cost_of(requested: int, maximum: int) -> Cost:
    remaining = maximum - requested
    return Cost(
        requested,
        maximum,
        f'{{"cost":{{"requested":{requested},"remaining":{remaining},"maximum":{maximum}}}}}',
    )


class Source:
    """What the operations of one document share: text, syntax tree, and estimated memory.

    Separate from Document, which refers to its operations: they must not refer to it, or a reference cycle forms.
    """

    def __init__(self, text: str, ast: DocumentNode) -> None:
        self.text = text
        self.ast = ast
        self.fragments = {
            node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.nodes = count_nodes(ast)
        # Strings are stored in the text, in the tree and, as arguments, in the plan.
        self.memory_use = MemoryUse(
            OPERATION_BYTES + 2 * sys.getsizeof(text) + self.nodes * (NODE_BYTES + PLAN_BYTES_PER_NODE)
        )
        self._hash: str | None = None

    def with_text(self, text: str) -> "Source":
        """The same for another text of the same shape."""
        source = copy(self)
        source.text, source._hash = text, None
        return source

    @property
    def hash(self) -> str:
        if self._hash is None:
            self._hash = sha256(self.text.encode(errors="surrogatepass")).hexdigest()
        return self._hash


class Operation:
    """One operation of a document.

    `repeats`: whether the same document may come again, so that JSON texts of its objects are worth caching.
    """

    repeats = True

    def __init__(self, schema: Schema, document: Source, node: OperationDefinitionNode) -> None:
        self._schema = schema
        self.document = document
        self.node = node
        self.name = node.name.value if node.name else None
        self.type = node.operation
        self.kind = self.type.value  # kept, because an enum computes it
        self.label = (self.name or self.kind)[:MAX_LABEL_LENGTH]
        self._plans: dict[tuple[Any, ...], Plan] = {}
        # By outcome, and whether the name is a label of its own.
        self.counts: dict[tuple[str, bool], NameCount] = {}
        self.work = MeasuredWork(SECONDS_PER_UNIT)

    # Computed on first use: a document may have many operations that are never executed.

    @cached_property
    def estimate(self) -> Estimate:
        return Estimate(self._schema._schema, self.node, self.document.fragments)

    @cached_property
    def introspects(self) -> bool:
        """Whether all root fields, also those in fragments, are of introspection."""
        fields = _root_fields(self.node.selection_set, self.document.fragments)
        return all(field.name.value.startswith("__") for field in fields)

    @property
    def variable_types(self) -> dict[str, TypeNode]:
        """By name, as they are declared."""
        return {node.variable.name.value: node.type for node in self.node.variable_definitions or ()}

    @cached_property
    def _plain(self) -> PlainVariables | None:
        return PlainVariables.of(self._schema._schema, self.node)

    @cached_property
    def _conditional_variables(self) -> tuple[str, ...]:
        return conditional_variables(self.node, self.document.fragments)

    def variables(
        self, raw_variables: dict[str, Any], *, max_values: int = MAX_VALUES, hide_suggestions: bool = False
    ) -> VariableValues:
        """Coerces variables. Raises RejectedDocument for values of other types and for more than `max_values` values."""
        if not raw_variables and not self.node.variable_definitions:
            return NO_VARIABLES
        if self._plain is not None and (read := self._plain.read(raw_variables)) is not None:
            return read
        # Undeclared ones count as well: they stay in memory while the operation waits.
        if count_values(raw_variables, max_values) > max_values:
            raise RejectedDocument(
                [limit_error("variable values", "more", max_values, has="The request has")], BadInput.code
            )
        if not self.node.variable_definitions:
            return NO_VARIABLES
        values = get_variable_values(
            self._schema._schema,
            self.node.variable_definitions,
            raw_variables,
            max_errors=50,
            hide_suggestions=hide_suggestions,
        )
        if isinstance(values, list):
            raise RejectedDocument(values, BadInput.code)
        return values

    def cost(self, variables: VariableValues, maximum: int) -> Cost:
        """The estimated cost. Raises RejectedDocument if it is above `maximum`."""
        estimate = self.estimate
        cached_costs = estimate.cached_costs
        requested = estimate.of(variables.coerced)
        if estimate.cached_costs != cached_costs:
            self.document.memory_use.bytes += COST_BYTES
        if requested > maximum:
            error = GraphQLError(
                f"The operation may cost {requested}; at most {maximum} are allowed. Ask for fewer with `first`.",
                extensions={
                    "code": Code.LIMIT_EXCEEDED,
                    "limit": "LIMIT_COST",
                    "maximum": maximum,
                    "cost": {"requested": requested, "remaining": 0, "maximum": maximum},
                },
            )
            raise RejectedDocument([error], Code.GRAPHQL_VALIDATION_FAILED)
        return cost_of(requested, maximum)

    def span(self, raw_variables: dict[str, Any]) -> AbstractContextManager[Any]:
        return traces.operation_span(self.kind, self.name, lambda: self.document.hash, raw_variables)

    def plainly(self) -> "Operation":
        """The operation with the syntax tree of its own text, for the executor."""
        return self

    def plan(self, variables: VariableValues) -> Plan:
        key = tuple(variables.coerced.get(name) for name in self._conditional_variables)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._compile(variables)
            if len(self._plans) < MAX_PLANS:
                if self._plans:
                    self.document.memory_use.bytes += self.document.nodes * PLAN_BYTES_PER_NODE
                self._plans[key] = plan
        return plan

    def _compile(self, variables: VariableValues) -> Plan:
        if self.type is OperationType.SUBSCRIPTION:
            return Plan(None, (), self.kind)
        conditions = VariableValues(
            variables.sources,
            {
                name: variables.coerced[name]
                for name in self._conditional_variables
                if name in variables.coerced
            },
        )
        compiler = Compiler(
            self._schema,
            self.node,
            self.document.fragments,
            conditions,
            STRUCTS,
            TAGGED,
            self.document.memory_use,
        )
        try:
            root = compiler.root()
        except NotCompilable as reason:
            return Plan(None, (), str(reason))
        except (GraphQLError, KeyError, RecursionError):
            return Plan(None, (), "other")
        return Plan(root, compiler.fields)


class Document:
    """A valid document within all limits."""

    def __init__(self, schema: Schema, text: str, ast: DocumentNode) -> None:
        self.source = Source(text, ast)
        self.operations = [
            Operation(schema, self.source, node)
            for node in ast.definitions
            if isinstance(node, OperationDefinitionNode)
        ]

    @property
    def bytes(self) -> int:
        """Estimated memory of the tree, the plans and the cost estimates, without the text."""
        return self.source.memory_use.bytes

    def operation(self, name: str | None) -> Operation:
        """The operation of that name, or the only one. Raises RejectedDocument if there is none or the name is missing."""
        if name is None and len(self.operations) == 1:
            return self.operations[0]
        for operation in self.operations:
            if name is not None and operation.name == name:
                return operation
        message = (
            f"The document has no operation named {quoted(name)}."
            if name is not None
            else "The document has no operation."
            if not self.operations
            else "The document has several operations; `operationName` must say which."
        )
        raise RejectedDocument([GraphQLError(message)], Code.OPERATION_RESOLUTION_FAILURE)


def _root_fields(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    """A field that is spread twice is given twice: LIMIT_ROOT_FIELDS counts it twice, too."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            yield from _root_fields(node.selection_set, fragments)
        elif isinstance(node, FragmentSpreadNode):
            yield from _root_fields(fragments[node.name.value].selection_set, fragments)
