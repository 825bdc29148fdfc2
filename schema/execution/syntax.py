"""Parses and validates documents without reference cycles, so that reference counting frees syntax trees.

In graphql-core each token refers to the next and the previous one, each node to its first and last token, and each
validation rule to its own bound methods and to the tree. Only a full garbage collection frees such cycles, and this
server runs it rarely, because it pauses all requests.
"""

from collections.abc import Sequence

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Location,
    Source,
    Token,
    TypeInfo,
    TypeInfoVisitor,
    ValidationContext,
)
from graphql.language import ParallelVisitor, Visitor, visit
from graphql.language.parser import Parser, nested_too_deeply_error
from graphql.validation.validate import (
    FragmentNestingVisitor,
    ValidationAbortedError,
    query_document_keys_to_validate,
)
from graphql.validation.validation_context import (
    NodeWithSelectionSet,
    VariableUsage,
    VariableUsageVisitor,
)


def parse(text: str, *, max_tokens: int | None = None) -> DocumentNode:
    """Selection sets must not be empty. Raises GraphQLError."""
    parser = _Parser(Source(text), max_tokens=max_tokens, allow_empty_selection_sets=False)
    first = parser._lexer.token
    try:
        document = parser.parse_document()
        assert isinstance(document.loc, _TokenlessLocation)
        document.loc.nodes = parser.nodes
        return document
    except RecursionError:
        pass
    finally:
        _unlink(first)
    raise nested_too_deeply_error(parser)


def validate(
    schema: GraphQLSchema,
    document: DocumentNode,
    rules: Sequence[type[ASTValidationRule]],
    *,
    max_errors: int,
    hide_suggestions: bool,
) -> list[GraphQLError]:
    """The errors of `graphql.validate`; attributes of its visitors are cleared afterwards, which breaks their cycles."""
    errors: list[GraphQLError] = []

    def add_error(error: GraphQLError) -> None:
        if len(errors) >= max_errors:
            raise ValidationAbortedError(
                "Too many validation errors, error limit reached. Validation aborted."
            )
        errors.append(error)

    types = TypeInfo(schema)
    context = _Context(schema, document, types, add_error, hide_suggestions)
    visitors: list[Visitor] = [rule(context) for rule in rules]
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    if fragments:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    parallel = ParallelVisitor(visitors)
    outermost = TypeInfoVisitor(types, parallel)
    try:
        visit(document, outermost, query_document_keys_to_validate)
    except ValidationAbortedError as error:
        errors.append(GraphQLError(error.message))
    except RecursionError:
        errors.append(GraphQLError("Validation aborted."))
    finally:
        for visitor in (*visitors, parallel, outermost):
            vars(visitor).clear()
        vars(context).clear()
    return errors


def without_tree(error: GraphQLError) -> GraphQLError:
    """A copy that refers neither to the tree, nor to the text, nor to stack frames."""
    copy = GraphQLError(error.message, path=error.path, extensions=error.extensions)
    copy.locations = error.locations
    return copy


def count_nodes(document: DocumentNode) -> int:
    """The number of nodes that the parser created; the memory of a document is proportional to it."""
    assert isinstance(document.loc, _TokenlessLocation)
    return document.loc.nodes


class _Context(ValidationContext):
    def get_variable_usages(self, node: NodeWithSelectionSet) -> list[VariableUsage]:
        usages = self._variable_usages.get(node)
        if usages is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            visitor = VariableUsageVisitor(self._type_info, fragment)
            outermost = TypeInfoVisitor(self._type_info, visitor)
            visit(node, outermost)
            usages = self._variable_usages[node] = visitor.usages
            vars(visitor).clear()
            vars(outermost).clear()
        return usages


class _TokenlessLocation(Location):
    """The location of a node without its tokens. `nodes`: number of all nodes, set for the document only."""

    __slots__ = ("nodes",)
    nodes: int

    def __init__(self, start: int, end: int, source: Source) -> None:
        self.start = start
        self.end = end
        self.source = source


class _Parser(Parser):
    nodes = 0

    def loc(self, start_token: Token) -> Location:
        self.nodes += 1
        lexer = self._lexer
        return _TokenlessLocation(start_token.start, lexer.last_token.end, lexer.source)


def _unlink(token: Token | None) -> None:
    while token is not None:
        following, token.next, token.prev = token.next, None, None
        token = following
