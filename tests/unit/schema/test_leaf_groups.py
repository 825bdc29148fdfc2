"""Leaves of one object are written together, whatever their number."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from schema.execution.leaf_groups import MAX_GROUP, group_writer
from schema.execution.leaf_serializers import CannotWrite
from schema.execution.plan import Attribute, Constant

NUMBERS = range(3 * MAX_GROUP + 2)


def digits(value: Any) -> str:
    if type(value) is not int:
        raise CannotWrite
    return str(value)


def leaves(number: int) -> list[Attribute]:
    return [Attribute(f'"k{index}":', f"a{index}", digits) for index in range(number)]


@pytest.mark.parametrize("number", NUMBERS)
def test_any_number_of_leaves_is_written_in_order(number: int) -> None:
    write = group_writer(leaves(number), "{", "}")
    text = write(SimpleNamespace(**{f"a{index}": index for index in range(number)}), ())
    expected = {f"k{index}": index for index in range(number)}
    assert text == json.dumps(expected, separators=(",", ":"))
    assert list(json.loads(text)) == list(expected)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("at", [0, 1, 5, 100])
def test_constants_stand_where_they_were_selected(number: int, at: int) -> None:
    parts: list[Constant | Attribute] = [*leaves(number)]
    parts.insert(at, Constant('"__typename":"Dno"'))
    value = SimpleNamespace(**{f"a{index}": index for index in range(number)})
    keys = [f"k{index}" for index in range(number)]
    keys.insert(at, "__typename")
    assert list(json.loads(group_writer(parts, "{", "}")(value, ()))) == keys


@pytest.mark.parametrize("number", NUMBERS)
def test_null_is_no_object(number: int) -> None:
    with pytest.raises(CannotWrite):
        group_writer(leaves(number))(None, ())


@pytest.mark.parametrize("wrong", range(2 * MAX_GROUP))
def test_each_leaf_is_checked(wrong: int) -> None:
    values = {f"a{index}": index for index in range(2 * MAX_GROUP)}
    with pytest.raises(CannotWrite):
        group_writer(leaves(2 * MAX_GROUP))(SimpleNamespace(**values | {f"a{wrong}": None}), ())
