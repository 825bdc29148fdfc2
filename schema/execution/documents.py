"""The document cache: documents that were parsed, limited and validated once, with their compiled plans."""

import sys
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from hashlib import sha256
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    specified_rules,
)
from graphql.execution.values import VariableValues, get_variable_values
from strawberry import Schema

from app.errors import BadInput, Code, quoted
from app.observability import traces
from app.observability.operation_names import NameCount
from app.settings import Settings
from schema.execution.compile import Compiler, NotCompilable
from schema.execution.conditional_variables import conditional_variables
from schema.execution.cost import Estimate
from schema.execution.limits import Limits, count_values, limit_error
from schema.execution.plan import MemoryUse, Plan
from schema.execution.syntax import count_nodes, parse, validate, without_tree
from schema.execution.variables import PlainVariables
from schema.types.runtime_types import STRUCTS, TAGGED

MAX_PLANS = 16
MAX_LABEL_LENGTH = 60  # characters of an operation's name in metrics
MAX_VALUES = 1000

# Estimated bytes; tests/unit/schema/test_documents.py compares them with measured ones.
ENTRY_BYTES = 500  # an entry of the cache without its text
OPERATION_BYTES = 8000  # the constant part of an operation
NODE_BYTES = 300  # a node of the syntax tree with its location
PLAN_BYTES_PER_NODE = 300  # a plan and a cost estimate
ERROR_BYTES = 900  # an error without its message
COST_BYTES = 200  # a cached cost
# The probation segment has 1/4 of the cache's bytes.
PROBATION_DIVISOR = 4


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
    """In units: one for each object. `maximum`: the limit of one operation."""

    requested: int
    maximum: int

    @property
    def json(self) -> str:
        remaining = self.maximum - self.requested
        return f'{{"cost":{{"requested":{self.requested},"remaining":{remaining},"maximum":{self.maximum}}}}}'


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

    @property
    def hash(self) -> str:
        if self._hash is None:
            self._hash = sha256(self.text.encode(errors="surrogatepass")).hexdigest()
        return self._hash


class Operation:
    """One operation of a document."""

    def __init__(self, schema: Schema, document: Source, node: OperationDefinitionNode) -> None:
        self._schema = schema
        self.document = document
        self.node = node
        self.name = node.name.value if node.name else None
        self.type = node.operation
        self.label = (self.name or self.type.value)[:MAX_LABEL_LENGTH]
        self._plans: dict[tuple[Any, ...], Plan] = {}
        # By outcome, and whether the name is a label of its own.
        self.counts: dict[tuple[str, bool], NameCount] = {}

    # Computed on first use: a document may have many operations that are never executed.

    @cached_property
    def estimate(self) -> Estimate:
        return Estimate(self._schema._schema, self.node, self.document.fragments)

    @cached_property
    def introspects(self) -> bool:
        """Whether all root fields are of introspection."""
        return all(
            isinstance(field, FieldNode) and field.name.value.startswith("__")
            for field in self.node.selection_set.selections
        )

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
            return _NONE
        if self._plain is not None and (read := self._plain.read(raw_variables)) is not None:
            return read
        # Undeclared ones count as well: they stay in memory while the operation waits.
        if count_values(raw_variables, max_values) > max_values:
            raise RejectedDocument(
                [limit_error("variable values", "more", max_values, has="The request has")], BadInput.code
            )
        if not self.node.variable_definitions:
            return _NONE
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
        return Cost(requested, maximum)

    def span(self, raw_variables: dict[str, Any]) -> AbstractContextManager[Any]:
        return traces.operation_span(self.type.value, self.name, lambda: self.document.hash, raw_variables)

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
        if self.type is not OperationType.QUERY:
            return Plan(None, (), self.type.value)
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


class DocumentCache:
    """A segmented LRU cache of valid and rejected documents, bounded by their number, characters and bytes.

    A document is in the probation segment, which has a quarter of the bytes, until it is requested again. So documents
    that are requested only once evict each other, and none of the repeated ones.
    """

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._limits = Limits(settings)
        self._rules = [
            *specified_rules,
            *([] if settings.introspection else [NoSchemaIntrospectionCustomRule]),
        ]
        self._max_documents = settings.max_cached_documents
        self._max_characters = settings.max_cached_document_letters
        self._max_bytes = settings.document_cache_size
        self._characters = 0
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # of both segments
        self._probation: OrderedDict[str, _Entry] = OrderedDict()
        self.bytes = 0
        self._probation_bytes = 0

    def get(self, text: str) -> Document:
        """Raises RejectedDocument; rejections are cached like documents."""
        entry = self._entries.get(text)
        if entry is None:
            result = self._read(text)
            self._store(text, result)
        else:
            result = entry.result
            self._entries.move_to_end(text)
            if entry.result_bytes != result.bytes or text in self._probation:
                self._promote(text, entry)
        if isinstance(result, RejectedDocument):
            raise RejectedDocument(result.errors, result.code)
        return result

    def _read(self, text: str) -> Document | RejectedDocument:
        settings = self._settings
        if len(text) > settings.limit_document_letters:
            return RejectedDocument(
                [limit_error("document letters", len(text), settings.limit_document_letters)],
                Code.GRAPHQL_PARSE_FAILED,
            )
        try:
            ast = parse(text, max_tokens=settings.limit_tokens)
        except GraphQLError as error:
            return _rejected([_with_limit(error, settings)], Code.GRAPHQL_PARSE_FAILED)
        except RecursionError:
            return _rejected([GraphQLError("The document is nested too deeply.")], Code.GRAPHQL_PARSE_FAILED)
        if errors := self._limits.check(ast, text):
            return _rejected(errors, Code.GRAPHQL_VALIDATION_FAILED)
        try:
            errors = validate(
                self._schema._schema,
                ast,
                self._rules,
                max_errors=20,
                hide_suggestions=not settings.introspection,
            )
        except RecursionError:
            errors = [GraphQLError("The document is nested too deeply.")]
        return (
            _rejected(errors, Code.GRAPHQL_VALIDATION_FAILED) if errors else Document(self._schema, text, ast)
        )

    def _store(self, text: str, result: Document | RejectedDocument) -> None:
        # A text above the limit is rejected without parsing, so nothing would be saved by caching it.
        if len(text) > min(self._max_characters // 4, self._settings.limit_document_letters):
            return
        entry = _Entry(text, result)
        if entry.bytes > self._max_bytes // PROBATION_DIVISOR:
            return
        self._entries[text] = self._probation[text] = entry
        self._characters += len(text)
        self.bytes += entry.bytes
        self._probation_bytes += entry.bytes
        self._evict()

    def _promote(self, text: str, entry: "_Entry") -> None:
        """Moves an entry to the protected segment, and counts what its document has grown by."""
        growth = entry.result.bytes - entry.result_bytes
        if self._probation.pop(text, None) is not None:
            self._probation_bytes -= entry.bytes
        elif not growth:
            return
        entry.result_bytes += growth
        entry.bytes += growth
        self.bytes += growth
        self._evict()

    def _evict(self) -> None:
        while self._probation_bytes > self._max_bytes // PROBATION_DIVISOR:
            self._remove(next(iter(self._probation)))
        while (
            len(self._entries) > self._max_documents
            or self._characters > self._max_characters
            or self.bytes > self._max_bytes
        ):
            self._remove(next(iter(self._probation or self._entries)))

    def _remove(self, text: str) -> None:
        entry = self._entries.pop(text)
        self._characters -= len(text)
        self.bytes -= entry.bytes
        if self._probation.pop(text, None) is not None:
            self._probation_bytes -= entry.bytes


class _Entry:
    """A document or its rejection, and the bytes that the cache counts for it."""

    __slots__ = ("bytes", "result", "result_bytes")

    def __init__(self, text: str, result: Document | RejectedDocument) -> None:
        self.result = result
        self.result_bytes = result.bytes
        self.bytes = ENTRY_BYTES + sys.getsizeof(text) + self.result_bytes


def _rejected(errors: Sequence[GraphQLError], code: str) -> RejectedDocument:
    return RejectedDocument([without_tree(error) for error in errors], code)


def _with_limit(error: GraphQLError, settings: Settings) -> GraphQLError:
    if error.message.startswith("Syntax Error: Document contains more than"):
        return limit_error("tokens", "more", settings.limit_tokens)
    return error


_NONE = VariableValues({}, {})
