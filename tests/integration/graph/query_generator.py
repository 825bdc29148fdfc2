"""Generated queries: drawn from the schema, with aliases, fragments, directives and variables."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from graphql import (
    BooleanValueNode,
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    IntValueNode,
    ListValueNode,
    ObjectValueNode,
    StringValueNode,
    ValueNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_required_argument,
    parse_value,
    print_ast,
    value_from_ast_untyped,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

# Fields whose values differ between responses or depend on the caller.
EXCLUDED = {"naturalQuery", "viewer", "apiKeys", "users", "ownChanges", "setAside"}

# graphql-core and plans drop coroutines of a level that fails before they begin. Python warns when they are collected, at any
# moment: in code without builtins (`namedtuple` makes such) the warning itself fails, which pytest reports instead.
drops_coroutines = pytest.mark.filterwarnings(
    "ignore:coroutine .* was never awaited:RuntimeWarning",
    "ignore:Exception ignored in. <coroutine object:pytest.PytestUnraisableExceptionWarning",
)


def generated(examples: int) -> settings:
    """So many examples, without shrinking: each takes requests to real servers."""
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )


# Enums whose values are written as such; those of others are invalid on purpose.
ENUMS = {"VoltageLevel", "Season", "DnoOrder", "Publication", "PriceKind", "BillProfile", "DataType"}

# Literals that a variable may stand for inside a list or an input object; enums stay literals.
VARYING = (BooleanValueNode, IntValueNode, StringValueNode)

# A variable that is declared and not sent.
OMITTED = object()


@dataclass
class GeneratedQuery:
    text: str
    variables: dict[str, Any]
    name: str | None = None


@dataclass
class QueryGenerator:
    """`values` are literals by argument name, or by input type; some of them are invalid on purpose."""

    schema: GraphQLSchema
    values: dict[str, list[Any]]
    draw: Any
    roots: tuple[str, ...] = ()
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    fragments: list[str] = field(default_factory=list)
    numbers: int = 0

    def document(self) -> GeneratedQuery:
        query = self.schema.query_type
        assert query is not None
        selections = self.selections(query, 0)
        declared = ", ".join(f"${name}: {declaration}" for name, (declaration, _) in self.variables.items())
        several = self.draw(st.sampled_from((False, False, False, True)))
        head = f"query {'Q' if several else ''}{f'({declared})' if declared else ''}"
        return GeneratedQuery(
            f"{head} {selections} {' '.join(self.fragments)} {'query Other { __typename }' if several else ''}",
            {name: value for name, (_, value) in self.variables.items() if value is not OMITTED},
            "Q" if several else None,
        )

    def selections(self, type_: Any, depth: int) -> str:
        if isinstance(type_, GraphQLUnionType):
            return "{ __typename " + " ".join(self.inline(member, depth) for member in type_.types) + " }"
        names = [
            name for name in type_.fields if name not in EXCLUDED and self.fits(type_.fields[name], depth)
        ]
        if not depth and self.roots:
            names = list(self.roots)
        chosen = self.draw(
            st.lists(st.sampled_from([*names, "__typename"]), min_size=1, max_size=5 if depth else 2)
        )
        parts = [self.field(type_, name, depth) for name in chosen]
        if isinstance(type_, GraphQLInterfaceType):
            possible = self.schema.get_possible_types(type_)
            parts += [
                self.inline(member, depth)
                for member in self.draw(st.lists(st.sampled_from(possible), max_size=3))
            ]
        return "{ " + " ".join(parts) + " }"

    def fits(self, definition: GraphQLField, depth: int) -> bool:
        return depth < 5 or is_leaf_type(get_named_type(definition.type))

    def inline(self, type_: GraphQLObjectType, depth: int) -> str:
        return f"... on {type_.name} {self.selections(type_, depth + 1)}"

    def field(self, type_: Any, name: str, depth: int) -> str:
        if name == "__typename":
            return f"{self.alias()}__typename"
        definition = type_.fields[name]
        named = get_named_type(definition.type)
        arguments = self.arguments(definition)
        below = "" if is_leaf_type(named) else self.selections(named, depth + 1)
        field = f"{self.alias(always=bool(arguments) or bool(below))}{name}{arguments}"
        text = f"{field}{self.directive()} {below}"
        if below and self.draw(st.sampled_from((False, False, False, True))):
            # One field of the response, at two places of the document.
            below = self.selections(named, depth + 1)
            text = f"{text} ... on {type_.name}{self.directive()} {{ {field}{self.directive()} {below} }}"
        wrapped = self.draw(st.sampled_from(("plain", "plain", "plain", "inline", "fragment")))
        if wrapped == "inline":
            return f"... on {type_.name}{self.directive()} {{ {text} }}"
        if wrapped == "fragment" and depth:
            self.numbers += 1
            self.fragments.append(f"fragment F{self.numbers} on {type_.name} {{ {text} }}")
            return f"...F{self.numbers}"
        return text

    def alias(self, *, always: bool = False) -> str:
        """A new one each time where two fields of the same name could not be merged."""
        if not always and self.draw(st.booleans()):
            return ""
        self.numbers += 1
        return f"a{self.numbers}: "

    def directive(self) -> str:
        drawn = self.draw(st.sampled_from(("", "", "", "", "skip", "include")))
        if not drawn:
            return ""
        value = self.draw(st.sampled_from(("true", "false", "variable")))
        return f" @{drawn}(if: {self.variable('Boolean!', self.draw(st.booleans())) if value == 'variable' else value})"

    def arguments(self, definition: GraphQLField) -> str:
        given = [
            f"{name}: {self.argument(name, argument)}"
            for name, argument in definition.args.items()
            if is_required_argument(argument) or self.draw(st.booleans())
        ]
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, argument: GraphQLArgument) -> str:
        named = str(get_named_type(argument.type))
        value = self.draw(st.sampled_from(self.values.get(named) or self.values[name]))
        if isinstance(value, str) and value.startswith("{"):
            return self.with_variables(parse_value(value), argument.type)
        if self.draw(st.booleans()):
            return self.variable(str(argument.type), value)
        literal = self.literal(value, named)
        if isinstance(value, list) and named not in ENUMS:
            return self.with_variables(parse_value(literal), argument.type)
        return literal

    def with_variables(self, node: ValueNode, type_: Any) -> str:
        """The literal with variables in place of some strings, numbers and booleans in its lists and input objects."""
        nullable = get_nullable_type(type_)
        if isinstance(node, ListValueNode):
            return "[" + ", ".join(self.with_variables(item, nullable.of_type) for item in node.values) + "]"
        if isinstance(node, ObjectValueNode):
            fields = (
                f"{each.name.value}: {self.with_variables(each.value, nullable.fields[each.name.value].type)}"
                for each in node.fields
            )
            return "{" + ", ".join(fields) + "}"
        if isinstance(node, VARYING) and self.draw(st.sampled_from((False, False, True))):
            return self.variable(str(type_), value_from_ast_untyped(node))
        return print_ast(node)

    def variable(self, type_name: str, value: Any) -> str:
        """Sent, left to its default, or null despite a default; with a default, a nullable type is valid everywhere."""
        self.numbers += 1
        nullable = type_name.removesuffix("!")
        source = self.draw(st.sampled_from(("sent", "sent", "sent", "default", "default and sent", "null")))
        literal = self.literal(value, nullable)
        declared: tuple[str, Any] = (type_name, value)
        if source == "null" and (value is not None or nullable == type_name):
            declared = (nullable if value is None else f"{nullable} = {literal}", None)
        elif value is None and source == "default":
            declared = (type_name, OMITTED)
        elif value is not None and source.startswith("default"):
            declared = (f"{nullable} = {literal}", OMITTED if source == "default" else value)
        self.variables[f"v{self.numbers}"] = declared
        return f"$v{self.numbers}"

    def literal(self, value: Any, type_name: str) -> str:
        if value is None:
            return "null"
        if isinstance(value, list):
            return "[" + ", ".join(self.literal(item, type_name) for item in value) + "]"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int) or type_name.strip("[]!") in ENUMS:
            return str(value)
        return f'"{value}"'


def generated_queries(
    schema: GraphQLSchema, values: dict[str, list[Any]], roots: tuple[str, ...] = ()
) -> st.SearchStrategy[GeneratedQuery]:
    """`roots` are the root fields; by default all."""

    @st.composite
    def build(draw: Any) -> GeneratedQuery:
        return QueryGenerator(schema, values, draw, roots).document()

    return build()
