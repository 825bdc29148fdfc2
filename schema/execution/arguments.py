"""A field's arguments, worked out once as far as they can be."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLInputObjectType,
    ListValueNode,
    ObjectValueNode,
    Undefined,
    ValueNode,
    VariableNode,
    get_argument_values,
    get_named_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

Arguments = dict[str, Any]
NO_VARIABLES = VariableValues({}, {})


class CannotCoerce(Exception):
    """Left to the executor, which says it in the specification's words."""


@dataclass(frozen=True, eq=False, slots=True)
class Prepared:
    """`constant` where no variable is named."""

    constant: Arguments | None
    of: Callable[[VariableValues], Arguments]


def prepare(
    definition: GraphQLField,
    field: StrawberryField,
    node: FieldNode,
    config: StrawberryConfig,
    scalars: Any,
) -> Prepared:
    """What is constant is coerced now; what is just a variable is looked up; the rest is coerced each time."""

    def coerce(variables: VariableValues) -> Arguments:
        return convert_arguments(
            get_argument_values(definition, node, variables),
            field.arguments,
            config=config,
            scalar_registry=scalars,
        )

    given = {argument.name.value: argument.value for argument in node.arguments or ()}
    varying = {name: value for name, value in given.items() if names_variables(value)}
    if not varying:
        constant = coerce(NO_VARIABLES)
        return Prepared(constant, lambda variables: constant)
    plain = all(
        isinstance(value, VariableNode)
        and not isinstance(get_named_type(definition.args[name].type), GraphQLInputObjectType)
        for name, value in varying.items()
    )
    if not plain:
        return Prepared(None, coerce)
    constants = _constants(definition, field, node, varying, config, scalars)
    return Prepared(None, _look_up(definition, field, varying, constants, config))


def names_variables(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(names_variables(item) for item in value.values)
    if isinstance(value, ObjectValueNode):
        return any(names_variables(field.value) for field in value.fields)
    return isinstance(value, VariableNode)


def _constants(
    definition: GraphQLField,
    field: StrawberryField,
    node: FieldNode,
    varying: dict[str, ValueNode],
    config: StrawberryConfig,
    scalars: Any,
) -> Arguments:
    rest = FieldNode(
        name=node.name, arguments=tuple(a for a in node.arguments or () if a.name.value not in varying)
    )
    # Varying arguments stay for the sake of their defaults, which hold while a variable is left out.
    optional = GraphQLField(
        definition.type,
        args={
            name: arg
            for name, arg in definition.args.items()
            if name not in varying or not is_non_null_type(arg.type)
        },
    )
    return convert_arguments(
        get_argument_values(optional, rest, NO_VARIABLES),
        field.arguments,
        config=config,
        scalar_registry=scalars,
    )


def _look_up(
    definition: GraphQLField,
    field: StrawberryField,
    varying: dict[str, ValueNode],
    constants: Arguments,
    config: StrawberryConfig,
) -> Callable[[VariableValues], Arguments]:
    python_names = {config.name_converter.get_graphql_name(a): a.python_name for a in field.arguments}
    steps = [
        (
            python_names[name],
            value.name.value,
            is_non_null_type(definition.args[name].type),
        )
        for name, value in varying.items()
        if isinstance(value, VariableNode)
    ]

    def look_up(variables: VariableValues) -> Arguments:
        arguments = dict(constants)
        coerced = variables.coerced
        for python_name, variable, required in steps:
            value = coerced.get(variable, Undefined)
            if value is Undefined:
                if required:
                    raise CannotCoerce
                continue
            if value is None and required:
                raise CannotCoerce
            arguments[python_name] = value
        return arguments

    return look_up
