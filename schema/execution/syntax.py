"""Documents parsed and validated without reference cycles: dropping a tree frees it, without the garbage collector.

In the library each token is linked to the next and to the one before, each node holds its first and last
token, and each validation rule holds its own bound methods beside the tree. All of that is freed by a
full garbage collection only, which a server that is fast on purpose runs rarely.
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
    """Selection sets are not empty. Refuses with GraphQLError."""
    parser = _Parser(Source(text), max_tokens=max_tokens, allow_empty_selection_sets=False)
    first = parser._lexer.token
    try:
        document = parser.parse_document()
        assert isinstance(document.loc, _Place)
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
    """What `graphql.validate` finds; its visitors are taken apart afterwards."""
    errors: list[GraphQLError] = []

    def note(error: GraphQLError) -> None:
        if len(errors) >= max_errors:
            raise ValidationAbortedError(
                "Too many validation errors, error limit reached. Validation aborted."
            )
        errors.append(error)

    types = TypeInfo(schema)
    context = _Context(schema, document, types, note, hide_suggestions)
    visitors: list[Visitor] = [rule(context) for rule in rules]
    fragments = {
        node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
    }
    if fragments:
        visitors.insert(0, FragmentNestingVisitor(fragments))
    together = ParallelVisitor(visitors)
    outermost = TypeInfoVisitor(types, together)
    try:
        visit(document, outermost, query_document_keys_to_validate)
    except ValidationAbortedError as error:
        errors.append(GraphQLError(error.message))
    except RecursionError:
        errors.append(GraphQLError("Validation aborted."))
    finally:
        for visitor in (*visitors, together, outermost):
            vars(visitor).clear()
        vars(context).clear()
    return errors


def without_tree(error: GraphQLError) -> GraphQLError:
    """Says the same; holds neither the tree nor the text, nor the frames that it was raised in."""
    said = GraphQLError(error.message, path=error.path, extensions=error.extensions)
    said.locations = error.locations
    return said


def count_nodes(document: DocumentNode) -> int:
    """How many nodes the parser made: what a document takes is in proportion to it."""
    assert isinstance(document.loc, _Place)
    return document.loc.nodes


class _Context(ValidationContext):
    def get_variable_usages(self, node: NodeWithSelectionSet) -> list[VariableUsage]:
        usages = self._variable_usages.get(node)
        if usages is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            looking = VariableUsageVisitor(self._type_info, fragment)
            outermost = TypeInfoVisitor(self._type_info, looking)
            visit(node, outermost)
            usages = self._variable_usages[node] = looking.usages
            vars(looking).clear()
            vars(outermost).clear()
        return usages


class _Place(Location):
    """Where a node stands, without its tokens; that of a document says how many `nodes` it has."""

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
        return _Place(start_token.start, lexer.last_token.end, lexer.source)


def _unlink(token: Token | None) -> None:
    while token is not None:
        following, token.next, token.prev = token.next, None, None
        token = following
