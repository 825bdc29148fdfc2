"""Which variables decide what is asked for at all: those of `@skip` and `@include`."""

from collections.abc import Mapping
from typing import Any

from graphql import DirectiveNode, FragmentDefinitionNode, Node, OperationDefinitionNode, VariableNode
from graphql.language import Visitor, visit


def steering_variables(
    operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[str, ...]:
    names: set[str] = set()

    class Looker(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in ("skip", "include"):
                names.update(
                    argument.value.name.value
                    for argument in node.arguments or ()
                    if isinstance(argument.value, VariableNode)
                )

    nodes: list[Node] = [operation, *fragments.values()]
    for node in nodes:
        visit(node, Looker())
    return tuple(sorted(names))
