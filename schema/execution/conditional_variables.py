"""The variables of `@skip` and `@include`: each combination of their values needs a plan of its own."""

from collections.abc import Iterator, Mapping

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
)


def conditional_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    names: set[str] = set()
    for selections in (operation.selection_set, *(fragment.selection_set for fragment in fragments.values())):
        for directive in _directives(selections):
            if directive.name.value in ("skip", "include"):
                names.update(
                    argument.value.name.value
                    for argument in directive.arguments or ()
                    if isinstance(argument.value, VariableNode)
                )
    return tuple(sorted(names))


def _directives(selections: SelectionSetNode) -> Iterator[DirectiveNode]:
    """Of all fields and spreads at any depth, without the definitions of the fragments that are spread."""
    for node in selections.selections:
        yield from node.directives or ()
        subselections: SelectionSetNode | None = getattr(node, "selection_set", None)
        if subselections is not None:
            yield from _directives(subselections)
