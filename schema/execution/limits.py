"""What a document may hold, counted before it is validated: validation itself can be made to work hard."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from app.settings import Settings


class Amount(NamedTuple):
    """What a selection comes to once its fragments are put in their places."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0

    def beside(self, other: "Amount") -> "Amount":
        return Amount(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
        )


@dataclass
class Counter:
    """Each fragment is counted once, however often it is spread: a bomb of them costs no more than its text."""

    fragments: dict[str, FragmentDefinitionNode]
    _known: dict[str, Amount] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    cycle: str | None = None

    def of(self, selections: SelectionSetNode | None) -> Amount:
        total = Amount()
        for node in selections.selections if selections else ():
            directives = Amount(directives=len(node.directives or ()))
            if isinstance(node, FieldNode):
                below = self.of(node.selection_set)
                own = Amount(
                    below.depth + 1, below.fields + 1, below.aliases + bool(node.alias), below.directives
                )
            elif isinstance(node, InlineFragmentNode):
                own = self.of(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                own = self._of_fragment(node.name.value)
            total = total.beside(own).beside(directives)
        return total

    def roots(self, selections: SelectionSetNode) -> int:
        """How many fields stand at the root, those of its fragments too."""
        return sum(1 for _ in self._roots(selections, ()))

    def _roots(self, selections: SelectionSetNode, above: tuple[str, ...]) -> Iterator[FieldNode]:
        for node in selections.selections:
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                yield from self._roots(node.selection_set, above)
            elif isinstance(node, FragmentSpreadNode) and (name := node.name.value) not in above:
                fragment = self.fragments.get(name)
                if fragment is not None and len(above) < 20:
                    yield from self._roots(fragment.selection_set, (*above, name))

    def _of_fragment(self, name: str) -> Amount:
        if name in self._known:
            return self._known[name]
        if name in self._open:
            self.cycle = name
            return Amount()
        fragment = self.fragments.get(name)
        if fragment is None:  # validation says so
            return Amount()
        self._open.append(name)
        amount = self._known[name] = self.of(fragment.selection_set)
        self._open.pop()
        return amount


class Limits:
    """Every limit is a setting, and the error names it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, document: DocumentNode) -> list[GraphQLError]:
        settings = self._settings
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        if len(fragments) > settings.limit_fragments:
            return [over("fragments", len(fragments), settings.limit_fragments)]
        if len(operations) > settings.limit_operations:
            return [over("operations", len(operations), settings.limit_operations)]
        counter = Counter(fragments)
        try:
            for operation in operations:
                if error := self._check_operation(counter, operation):
                    return [error]
        except RecursionError:
            return [over("depth", "very many", settings.limit_depth)]
        if counter.cycle is not None:
            return [GraphQLError(f"The fragment {counter.cycle!r} spreads itself.")]
        return []

    def _check_operation(self, counter: Counter, operation: OperationDefinitionNode) -> GraphQLError | None:
        settings = self._settings
        amount = counter.of(operation.selection_set)
        for name, got, most in (
            ("depth", amount.depth, settings.limit_depth),
            ("fields", amount.fields, settings.limit_fields),
            ("aliases", amount.aliases, settings.limit_aliases),
            ("directives", amount.directives + len(operation.directives or ()), settings.limit_directives),
        ):
            # Introspection nests deeper than any question of ours, and costs nothing.
            if got > most and not (name == "depth" and _is_introspection(operation)):
                return over(name, got, most)
        roots = counter.roots(operation.selection_set)
        return (
            over("root fields", roots, settings.limit_root_fields)
            if roots > settings.limit_root_fields
            else None
        )


def _is_introspection(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in ("__schema", "__type", "__typename")
        for node in operation.selection_set.selections
    )


def over(what: str, got: object, most: int) -> GraphQLError:
    setting = f"LIMIT_{what.upper().replace(' ', '_')}"
    return GraphQLError(
        f"The document has {got} {what}; at most {most} are allowed here.",
        extensions={"code": "LIMIT_EXCEEDED", "limit": setting, "maximum": most},
    )
