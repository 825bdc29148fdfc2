"""What a document may hold, counted before it is validated: validation itself can be made to work hard."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    IntValueNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
)

from app.errors import Code
from app.settings import Settings

# Of a number in a document; a price has 60 at most.
MOST_DIGITS = 100
_DIGITS = re.compile(r"[0-9]+")


class Amount(NamedTuple):
    """What a selection comes to once its fragments are put in their places."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    arguments: int = 0  # of the field or directive that has most

    def beside(self, other: "Amount") -> "Amount":
        return Amount(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.arguments, other.arguments),
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
            directives = _of_directives(node.directives)
            if isinstance(node, FieldNode):
                below = self.of(node.selection_set)
                own = Amount(
                    below.depth + 1,
                    below.fields + 1,
                    below.aliases + bool(node.alias),
                    below.directives,
                    max(below.arguments, len(node.arguments or ())),
                )
            elif isinstance(node, InlineFragmentNode):
                own = self.of(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                own = self._of_fragment(node.name.value)
            total = total.beside(own).beside(directives)
        return total

    def _of_fragment(self, name: str) -> Amount:
        if name in self._known:
            return self._known[name]
        fragment = self.fragments.get(name)
        if fragment is None:  # validation says so
            return NOTHING_KNOWN
        if name in self._open:
            self.cycle = name
            return NOTHING_KNOWN
        self._open.append(name)
        amount = self._known[name] = self.of(fragment.selection_set)
        self._open.pop()
        return amount


def _of_directives(nodes: Sequence[DirectiveNode] | None) -> Amount:
    if not nodes:
        return NONE
    return Amount(directives=len(nodes), arguments=max(len(node.arguments or ()) for node in nodes))


NONE = Amount()
# Counts as a field, so that a bomb of fragments that hold nothing is one, too.
NOTHING_KNOWN = Amount(fields=1)


class Place:
    """All fields of one response name that an answer merges, wherever in the document they stand."""

    __slots__ = ("below", "times")

    def __init__(self) -> None:
        self.times = 0
        self.below: dict[str, Place] = {}

    @property
    def most_repeated(self) -> int:
        return max((self.times, *(place.most_repeated for place in self.below.values())))


def merge(
    selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode], into: dict[str, Place]
) -> None:
    """Puts fragments in their places; to be called only once it is known how much that comes to."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            name = node.alias.value if node.alias else node.name.value
            place = into.get(name) or into.setdefault(name, Place())
            place.times += 1
            if node.selection_set is not None:
                merge(node.selection_set, fragments, place.below)
        elif isinstance(node, InlineFragmentNode):
            merge(node.selection_set, fragments, into)
        elif isinstance(node, FragmentSpreadNode) and (fragment := fragments.get(node.name.value)):
            merge(fragment.selection_set, fragments, into)


class Limits:
    """Every limit is a setting, and the error names it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, document: DocumentNode, text: str = "") -> list[GraphQLError]:
        """`text`: what the document was read from."""
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        try:
            error = (
                self._check_amounts(operations, fragments)
                or self._check_places(operations, fragments)
                or _check_numbers(document, text)
            )
        except RecursionError:
            error = over("depth", "very many", self._settings.limit_depth)
        return [error] if error is not None else []

    def _check_amounts(
        self, operations: list[OperationDefinitionNode], fragments: dict[str, FragmentDefinitionNode]
    ) -> GraphQLError | None:
        settings = self._settings
        counter, total, depth, variables = Counter(fragments), Amount(), 0, 0
        for operation in operations:
            amount = counter.of(operation.selection_set)
            total = total.beside(amount).beside(_of_directives(operation.directives))
            for variable in operation.variable_definitions or ():
                total = total.beside(_of_directives(variable.directives))
            variables = max(variables, len(operation.variable_definitions or ()))
            # Introspection nests deeper than any question of ours; a rule of its own keeps it from circling.
            if not _is_introspection(operation):
                depth = max(depth, amount.depth)
        for name, got, most in (
            ("fragments", len(fragments), settings.limit_fragments),
            ("operations", len(operations), settings.limit_operations),
            ("depth", depth, settings.limit_depth),
            ("fields", total.fields, settings.limit_fields),
            ("aliases", total.aliases, settings.limit_aliases),
            ("directives", total.directives, settings.limit_directives),
            ("arguments", total.arguments, settings.limit_arguments),
            ("variables", variables, settings.limit_variables),
        ):
            if got > most:
                return over(name, got, most)
        if counter.cycle is not None:
            return GraphQLError(f"The fragment {counter.cycle!r} spreads itself.")
        return None

    def _check_places(
        self, operations: list[OperationDefinitionNode], fragments: dict[str, FragmentDefinitionNode]
    ) -> GraphQLError | None:
        """Validation compares all fields that are merged with one another: a square of their number."""
        settings = self._settings
        for operation in operations:
            root = Place()
            merge(operation.selection_set, fragments, root.below)
            roots = sum(place.times for place in root.below.values())
            if roots > settings.limit_root_fields:
                return over("root fields", roots, settings.limit_root_fields)
            if root.most_repeated > settings.limit_repeats:
                return over("repeats", root.most_repeated, settings.limit_repeats)
        return None


def _check_numbers(document: DocumentNode, text: str) -> GraphQLError | None:
    """Python refuses to read very long ones, in words of its own; none of ours has so many digits."""
    if not any(len(digits) > MOST_DIGITS for digits in _DIGITS.findall(text)):
        return None
    unseen: list[Node] = [document]
    while unseen:
        node = unseen.pop()
        if isinstance(node, IntValueNode | FloatValueNode) and len(node.value) > MOST_DIGITS:
            return GraphQLError(f"A number has {len(node.value)} digits; at most {MOST_DIGITS} are allowed.")
        for key in node.keys:
            child = getattr(node, key, None)
            unseen += [
                part
                for part in (child if isinstance(child, tuple | list) else (child,))
                if isinstance(part, Node)
            ]
    return None


def count_values(value: Any, most: int) -> int:
    """How many values a variable holds, lists and objects taken apart; stops beyond `most`."""
    found, unopened = 1, [value]
    while unopened:
        value = unopened.pop()
        inner = value.values() if isinstance(value, dict) else value
        found += len(inner)
        if found > most:
            break
        unopened += [part for part in inner if isinstance(part, dict | list)]
    return found


def _is_introspection(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in ("__schema", "__type", "__typename")
        for node in operation.selection_set.selections
    )


def over(what: str, got: object, most: int, *, has: str = "The document has") -> GraphQLError:
    setting = f"LIMIT_{what.upper().replace(' ', '_')}"
    return GraphQLError(
        f"{has} {got} {what.removeprefix('document ')}; at most {most} are allowed here.",
        extensions={"code": Code.LIMIT_EXCEEDED, "limit": setting, "maximum": most},
    )
