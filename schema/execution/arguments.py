"""Coerces the arguments of a field; what does not depend on variables is coerced once, when the plan is compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
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
    """A plan cannot coerce the arguments. The executor then runs the operation and reports the error."""


@dataclass(frozen=True, eq=False, slots=True)
class PreparedArguments:
    """`coerce` returns the arguments for an operation's variables. `constant`: the same without any, if none is used."""

    constant: Arguments | None
    coerce: Callable[[VariableValues], Arguments]


def prepare(
    definition: GraphQLField,
    field: StrawberryField,
    node: FieldNode,
    config: StrawberryConfig,
    scalars: Any,
) -> PreparedArguments:
    """Constants are coerced now, plain variables are looked up per run, lists and objects with variables are coerced per run."""

    def coerce(variables: VariableValues) -> Arguments:
        return convert_arguments(
            get_argument_values(definition, node, variables),
            field.arguments,
            config=config,
            scalar_registry=scalars,
        )

    nodes = {argument.name.value: argument.value for argument in node.arguments or ()}
    varying = {name: value for name, value in nodes.items() if uses_variables(value)}
    if not varying:
        constant = coerce(NO_VARIABLES)
        return PreparedArguments(constant, lambda variables: constant)
    plain = all(
        isinstance(value, VariableNode)
        and not isinstance(get_named_type(definition.args[name].type), GraphQLInputObjectType)
        for name, value in varying.items()
    )
    if not plain:

        def coerce_or_leave(variables: VariableValues) -> Arguments:
            try:
                return coerce(variables)
            except GraphQLError:
                raise CannotCoerce from None

        return PreparedArguments(None, coerce_or_leave)
    constants = _constants(definition, field, node, varying, config, scalars)
    return PreparedArguments(None, _variable_lookup(definition, field, varying, constants, config))


def uses_variables(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(uses_variables(item) for item in value.values)
    if isinstance(value, ObjectValueNode):
        return any(uses_variables(field.value) for field in value.fields)
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
    # Optional varying arguments stay, because their defaults apply if the variable is not provided.
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


def _variable_lookup(
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
