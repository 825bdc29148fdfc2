"""Limits of a document, checked before validation, whose own cost grows with the square of some of these numbers."""

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

# Of a number in a document; a price has at most 60.
MAX_DIGITS = 100
_DIGITS = re.compile(r"[0-9]+")


class Amount(NamedTuple):
    """Counts of a selection set with its fragments expanded."""

    depth: int = 0
    fields: int = 0
    aliases: int = 0
    directives: int = 0
    arguments: int = 0  # the maximum of one field or directive

    def combined(self, other: "Amount") -> "Amount":
        return Amount(
            max(self.depth, other.depth),
            self.fields + other.fields,
            self.aliases + other.aliases,
            self.directives + other.directives,
            max(self.arguments, other.arguments),
        )


@dataclass
class Counter:
    """Counts without expanding: each fragment is counted once, so the time is linear in the length of the text."""

    fragments: dict[str, FragmentDefinitionNode]
    _of_fragments: dict[str, Amount] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)
    cycle: str | None = None
    # No operation spreads them, or another one has their name. Validation refuses such a document, but only after it has
    # compared their fields too.
    unspread: list[FragmentDefinitionNode] = field(default_factory=list)

    def has_counted(self, fragment: FragmentDefinitionNode) -> bool:
        name = fragment.name.value
        return name in self._of_fragments and self.fragments[name] is fragment

    def of_unspread(self, fragment: FragmentDefinitionNode) -> Amount:
        self.unspread.append(fragment)
        return self.of(fragment.selection_set)

    def of(self, selections: SelectionSetNode | None) -> Amount:
        total = Amount()
        for node in selections.selections if selections else ():
            directives = _of_directives(node.directives)
            if isinstance(node, FieldNode):
                inner = self.of(node.selection_set)
                own = Amount(
                    inner.depth + 1,
                    inner.fields + 1,
                    inner.aliases + bool(node.alias),
                    inner.directives,
                    max(inner.arguments, len(node.arguments or ())),
                )
            elif isinstance(node, InlineFragmentNode):
                own = self.of(node.selection_set)
            else:
                assert isinstance(node, FragmentSpreadNode)
                own = self._of_fragment(node.name.value)
            total = total.combined(own).combined(directives)
        return total

    def _of_fragment(self, name: str) -> Amount:
        if name in self._of_fragments:
            return self._of_fragments[name]
        fragment = self.fragments.get(name)
        if fragment is None:  # validation reports it
            return UNKNOWN
        if name in self._open:
            self.cycle = name
            return UNKNOWN
        self._open.append(name)
        amount = self._of_fragments[name] = self.of(fragment.selection_set)
        self._open.pop()
        return amount


def _of_directives(nodes: Sequence[DirectiveNode] | None) -> Amount:
    if not nodes:
        return NONE
    return Amount(directives=len(nodes), arguments=max(len(node.arguments or ()) for node in nodes))


NONE = Amount()
# An unknown fragment counts as a field, so that the number of spreads is limited as well.
UNKNOWN = Amount(fields=1)


class MergedField:
    """All fields with the same response key that are merged into one."""

    __slots__ = ("nodes", "subfields")

    def __init__(self) -> None:
        self.nodes: list[FieldNode] = []  # one for each time that it is selected
        self.subfields: dict[str, MergedField] = {}

    @property
    def max_repeats(self) -> int:
        return max((len(self.nodes), *(field.max_repeats for field in self.subfields.values())))


def merge(
    selections: SelectionSetNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    into: dict[str, MergedField],
) -> None:
    """Expands fragments; call it only after the number of fields has been checked."""
    for node in selections.selections:
        if isinstance(node, FieldNode):
            name = node.alias.value if node.alias else node.name.value
            merged = into.get(name) or into.setdefault(name, MergedField())
            merged.nodes.append(node)
            if node.selection_set is not None:
                merge(node.selection_set, fragments, merged.subfields)
        elif isinstance(node, InlineFragmentNode):
            merge(node.selection_set, fragments, into)
        elif isinstance(node, FragmentSpreadNode) and (fragment := fragments.get(node.name.value)):
            merge(fragment.selection_set, fragments, into)


class Limits:
    """Each limit is a setting, which the error names."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def check(self, document: DocumentNode, text: str = "") -> list[GraphQLError]:
        """At most one error. `text`: the source of the document."""
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        defined = [node for node in document.definitions if isinstance(node, FragmentDefinitionNode)]
        fragments = {node.name.value: node for node in defined}
        counter = Counter(fragments)
        try:
            error = (
                self._check_amounts(operations, defined, counter)
                or self._check_repeats(operations, counter)
                or _check_numbers(document, text)
            )
        except RecursionError:
            error = limit_error("depth", "very many", self._settings.limit_depth)
        return [error] if error is not None else []

    def _check_amounts(
        self,
        operations: list[OperationDefinitionNode],
        fragments: list[FragmentDefinitionNode],
        counter: Counter,
    ) -> GraphQLError | None:
        settings = self._settings
        total, depth, variables = Amount(), 0, 0
        for operation in operations:
            amount = counter.of(operation.selection_set)
            total = total.combined(amount).combined(_of_directives(operation.directives))
            for variable in operation.variable_definitions or ():
                total = total.combined(_of_directives(variable.directives))
            variables = max(variables, len(operation.variable_definitions or ()))
            # The usual introspection query is deeper than the limit; a validation rule of its own bounds it.
            if not _is_introspection(operation):
                depth = max(depth, amount.depth)
        for fragment in fragments:
            if not counter.has_counted(fragment):
                total = total.combined(counter.of_unspread(fragment))
        for name, count, maximum in (
            ("fragments", len(fragments), settings.limit_fragments),
            ("operations", len(operations), settings.limit_operations),
            ("depth", depth, settings.limit_depth),
            ("fields", total.fields, settings.limit_fields),
            ("aliases", total.aliases, settings.limit_aliases),
            ("directives", total.directives, settings.limit_directives),
            ("arguments", total.arguments, settings.limit_arguments),
            ("variables", variables, settings.limit_variables),
        ):
            if count > maximum:
                return limit_error(name, count, maximum)
        if counter.cycle is not None:
            return GraphQLError(f"The fragment {counter.cycle!r} spreads itself.")
        return None

    def _check_repeats(
        self, operations: list[OperationDefinitionNode], counter: Counter
    ) -> GraphQLError | None:
        """Validation compares merged fields in pairs, so its time grows with the square of their number."""
        settings = self._settings
        for definition in (*operations, *counter.unspread):
            root = MergedField()
            merge(definition.selection_set, counter.fragments, root.subfields)
            roots = sum(len(field.nodes) for field in root.subfields.values())
            if roots > settings.limit_root_fields and isinstance(definition, OperationDefinitionNode):
                return limit_error("root fields", roots, settings.limit_root_fields)
            if root.max_repeats > settings.limit_repeats:
                return limit_error("repeats", root.max_repeats, settings.limit_repeats)
        return None


def _check_numbers(document: DocumentNode, text: str) -> GraphQLError | None:
    """Python raises ValueError for integers with thousands of digits; this error has a clear message."""
    if not any(len(digits) > MAX_DIGITS for digits in _DIGITS.findall(text)):
        return None
    pending: list[Node] = [document]
    while pending:
        node = pending.pop()
        if isinstance(node, IntValueNode | FloatValueNode) and len(node.value) > MAX_DIGITS:
            return GraphQLError(f"A number has {len(node.value)} digits; at most {MAX_DIGITS} are allowed.")
        for key in node.keys:
            child = getattr(node, key, None)
            pending += [
                part
                for part in (child if isinstance(child, tuple | list) else (child,))
                if isinstance(part, Node)
            ]
    return None


def count_values(value: Any, maximum: int) -> int:
    """The number of values in a list or object at any depth; stops counting above `maximum`."""
    count, pending = 1, [value]
    while pending:
        value = pending.pop()
        inner = value.values() if isinstance(value, dict) else value
        count += len(inner)
        if count > maximum:
            break
        pending += [part for part in inner if isinstance(part, dict | list)]
    return count


def _is_introspection(operation: OperationDefinitionNode) -> bool:
    return all(
        isinstance(node, FieldNode) and node.name.value in ("__schema", "__type", "__typename")
        for node in operation.selection_set.selections
    )


def limit_error(what: str, count: object, maximum: int, *, has: str = "The document has") -> GraphQLError:
    """The error for an exceeded limit."""
    setting = f"LIMIT_{what.upper().replace(' ', '_')}"
    return GraphQLError(
        f"{has} {count} {what.removeprefix('document ')}; at most {maximum} are allowed here.",
        extensions={"code": Code.LIMIT_EXCEEDED, "limit": setting, "maximum": maximum},
    )
