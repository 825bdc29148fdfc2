"""Documents: parsed, limited and validated once, kept with the plans made from them."""

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
from schema.execution.limits import Limits, count_values, over
from schema.execution.plan import MemoryUse, Plan
from schema.execution.syntax import count_nodes, parse, validate, without_tree
from schema.execution.variables import PlainVariables
from schema.types.runtime_types import STRUCTS, TAGGED

MAX_PLANS = 16
LONGEST_NAME = 60  # of an operation, in metrics
MAX_VALUES = 1000

# Bytes, compared with what is measured by tests/unit/schema/test_documents.py: a place in the tables, what an
# operation has whatever it asks for, a node of the tree with its location, what a plan and an estimate take
# per node, an error of a refusal beside its message.
ENTRY = 500
OPERATION = 8000
NODE = 300
PLANNED = 300
REFUSAL = 900
REMEMBERED = 200  # a cost by the sizes in the variables
# One part of so many is for documents that were asked for only once.
PROBATION = 4


class RejectedDocument(Exception):
    """Not executed at all: it cannot be read, breaks a rule or a limit."""

    def __init__(self, errors: Sequence[GraphQLError], code: str) -> None:
        super().__init__(code)
        self.errors = list(errors)
        self.code = code

    @property
    def bytes(self) -> int:
        """What it takes in memory without its document's text, about."""
        return sum(REFUSAL + 2 * sys.getsizeof(error.message) for error in self.errors)


class Cost(NamedTuple):
    """Units, of which a field with fields costs one; `maximum` is what one operation may cost."""

    requested: int
    maximum: int

    @property
    def json(self) -> str:
        remaining = self.maximum - self.requested
        return f'{{"cost":{{"requested":{self.requested},"remaining":{remaining},"maximum":{self.maximum}}}}}'


class Source:
    """What the operations of one document share: its text, its tree, and what all of it takes.

    Not the document itself, which holds its operations: nothing here may hold what holds it.
    """

    def __init__(self, text: str, ast: DocumentNode) -> None:
        self.text = text
        self.ast = ast
        self.fragments = {
            node.name.value: node for node in ast.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self.nodes = count_nodes(ast)
        # Strings stand in the text, in the tree and, as arguments, in the plan.
        self.memory_use = MemoryUse(OPERATION + 2 * sys.getsizeof(text) + self.nodes * (NODE + PLANNED))
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
        self.label = (self.name or self.type.value)[:LONGEST_NAME]
        self._plans: dict[tuple[Any, ...], Plan] = {}
        self.counts: dict[tuple[str, bool], NameCount] = {}  # by outcome, and whether the name is known

    # Only for the operation that is asked for: a document may hold many.

    @cached_property
    def estimate(self) -> Estimate:
        return Estimate(self._schema._schema, self.node, self.document.fragments)

    @cached_property
    def introspects(self) -> bool:
        """Whether it asks for the schema and for nothing else."""
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
        self, given: dict[str, Any], *, most: int = MAX_VALUES, hide_suggestions: bool = False
    ) -> VariableValues:
        """Refuses what is not of the types that the operation declares, and more than `most` values."""
        if not given and not self.node.variable_definitions:
            return _NONE
        if self._plain is not None and (read := self._plain.read(given)) is not None:
            return read
        # Those that the operation does not declare, too: they are held as long as it waits.
        if count_values(given, most) > most:
            raise RejectedDocument(
                [over("variable values", "more", most, has="The request has")], BadInput.code
            )
        if not self.node.variable_definitions:
            return _NONE
        values = get_variable_values(
            self._schema._schema,
            self.node.variable_definitions,
            given,
            max_errors=50,
            hide_suggestions=hide_suggestions,
        )
        if isinstance(values, list):
            raise RejectedDocument(values, BadInput.code)
        return values

    def cost(self, variables: VariableValues, maximum: int) -> Cost:
        """Refuses what is too dear before anything of it is done."""
        estimate = self.estimate
        remembered = estimate.remembered
        requested = estimate.of(variables.coerced)
        if estimate.remembered != remembered:
            self.document.memory_use.bytes += REMEMBERED
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

    def span(self, given: dict[str, Any]) -> AbstractContextManager[Any]:
        return traces.operation_span(self.type.value, self.name, lambda: self.document.hash, given)

    def plan(self, variables: VariableValues) -> Plan:
        key = tuple(variables.coerced.get(name) for name in self._conditional_variables)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._compile(variables)
            if len(self._plans) < MAX_PLANS:
                if self._plans:
                    self.document.memory_use.bytes += self.document.nodes * PLANNED
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
    """A document that may be executed."""

    def __init__(self, schema: Schema, text: str, ast: DocumentNode) -> None:
        self.source = Source(text, ast)
        self.operations = [
            Operation(schema, self.source, node)
            for node in ast.definitions
            if isinstance(node, OperationDefinitionNode)
        ]

    @property
    def bytes(self) -> int:
        """What it takes in memory without its text, with all that was made from it; checked by a measurement."""
        return self.source.memory_use.bytes

    def operation(self, name: str | None) -> Operation:
        """Refuses a name that the document does not have, and no name where it has several."""
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


class Documents:
    """The most recently used documents, good and bad; bounded by number, by letters and by bytes.

    What was asked for once only is on probation and has a small share of the bytes: documents that
    never repeat push out each other, and none of those that do.
    """

    def __init__(self, schema: Schema, settings: Settings) -> None:
        self._schema = schema
        self._settings = settings
        self._limits = Limits(settings)
        self._rules = [
            *specified_rules,
            *([] if settings.introspection else [NoSchemaIntrospectionCustomRule]),
        ]
        self._most = settings.max_cached_documents
        self._most_letters = settings.max_cached_document_letters
        self._most_bytes = settings.document_cache_size
        self._letters = 0
        self._known: OrderedDict[str, _CachedDocument] = OrderedDict()
        self._new: OrderedDict[str, _CachedDocument] = OrderedDict()  # those of them that are on probation
        self.bytes = 0
        self._new_bytes = 0

    def get(self, text: str) -> Document:
        """Refuses with RejectedDocument; a refusal is remembered like a document."""
        kept = self._known.get(text)
        if kept is None:
            known = self._read(text)
            self._keep(text, known)
        else:
            known = kept.known
            self._known.move_to_end(text)
            if kept.of_known != known.bytes or text in self._new:
                self._use(text, kept)
        if isinstance(known, RejectedDocument):
            raise RejectedDocument(known.errors, known.code)
        return known

    def _read(self, text: str) -> Document | RejectedDocument:
        settings = self._settings
        if len(text) > settings.limit_document_letters:
            return RejectedDocument(
                [over("document letters", len(text), settings.limit_document_letters)],
                Code.GRAPHQL_PARSE_FAILED,
            )
        try:
            ast = parse(text, max_tokens=settings.limit_tokens)
        except GraphQLError as error:
            return _refused([_naming_limit(error, settings)], Code.GRAPHQL_PARSE_FAILED)
        except RecursionError:
            return _refused([GraphQLError("The document is nested too deeply.")], Code.GRAPHQL_PARSE_FAILED)
        if errors := self._limits.check(ast, text):
            return _refused(errors, Code.GRAPHQL_VALIDATION_FAILED)
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
            _refused(errors, Code.GRAPHQL_VALIDATION_FAILED) if errors else Document(self._schema, text, ast)
        )

    def _keep(self, text: str, known: Document | RejectedDocument) -> None:
        # What is too long was read in no time, and its text would be all that is kept.
        if len(text) > min(self._most_letters // 4, self._settings.limit_document_letters):
            return
        kept = _CachedDocument(text, known)
        if kept.bytes > self._most_bytes // PROBATION:
            return
        self._known[text] = self._new[text] = kept
        self._letters += len(text)
        self.bytes += kept.bytes
        self._new_bytes += kept.bytes
        self._make_room()

    def _use(self, text: str, kept: "_CachedDocument") -> None:
        """It was used for the second time, or has grown by what was made from it."""
        grown = kept.known.bytes - kept.of_known
        if self._new.pop(text, None) is not None:
            self._new_bytes -= kept.bytes
        elif not grown:
            return
        kept.of_known += grown
        kept.bytes += grown
        self.bytes += grown
        self._make_room()

    def _make_room(self) -> None:
        while self._new_bytes > self._most_bytes // PROBATION:
            self._drop(next(iter(self._new)))
        while (
            len(self._known) > self._most
            or self._letters > self._most_letters
            or self.bytes > self._most_bytes
        ):
            self._drop(next(iter(self._new or self._known)))

    def _drop(self, text: str) -> None:
        kept = self._known.pop(text)
        self._letters -= len(text)
        self.bytes -= kept.bytes
        if self._new.pop(text, None) is not None:
            self._new_bytes -= kept.bytes


class _CachedDocument:
    """A document or a refusal, and as how many bytes it is counted at the moment."""

    __slots__ = ("bytes", "known", "of_known")

    def __init__(self, text: str, known: Document | RejectedDocument) -> None:
        self.known = known
        self.of_known = known.bytes
        self.bytes = ENTRY + sys.getsizeof(text) + self.of_known


def _refused(errors: Sequence[GraphQLError], code: str) -> RejectedDocument:
    return RejectedDocument([without_tree(error) for error in errors], code)


def _naming_limit(error: GraphQLError, settings: Settings) -> GraphQLError:
    if error.message.startswith("Syntax Error: Document contains more than"):
        return over("tokens", "more", settings.limit_tokens)
    return error


_NONE = VariableValues({}, {})
