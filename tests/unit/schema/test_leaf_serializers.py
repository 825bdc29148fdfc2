"""Leaves are written as the executor and the JSON library write them; other values are rejected."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from graphql import GraphQLLeafType

from app.domain.entry import VerificationStatus
from schema.execution.leaf_serializers import CannotWrite, serializer
from schema.root import schema

GOOD: list[tuple[str, Any]] = [
    *(("String", text) for text in ("", 'a"b\\c', "\n\t\x00\x1f\x7f", "Ä€𝄞", "\u2028")),
    ("ID", "tariff_1"),
    *(("Int", number) for number in (0, -(2**31), 2**31 - 1)),
    *(("Float", number) for number in (0.0, -1.5, 1e-05, 1e16, 0.1)),
    *(("Boolean", value) for value in (True, False)),
    *(("Decimal", Decimal(text)) for text in ("58.20", "0.0000", "0E-7", "1E+3", "-1E-40")),
    ("Date", date(2026, 1, 31)),
    *(("DateTime", datetime(2026, month, 31, 23, 30, tzinfo=UTC)) for month in (1, 7, 12)),
    *(("Time", minutes) for minutes in (0, 450, 1439, 1440)),
    *(("VerificationStatus", status) for status in VerificationStatus),
]
BAD: list[tuple[str, Any]] = [
    *(("String", value) for value in (1, b"a", True)),
    *(("Int", value) for value in (2**31, -(2**31) - 1, True, 1.0, "1")),
    *(("Float", value) for value in (float("nan"), float("inf"), float("-inf"), 1, "1")),
    *(("Boolean", value) for value in (1, 0, "true")),
    *(("Decimal", value) for value in (1, 1.5, "1")),
    *(("Date", value) for value in (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-31")),
    *(("DateTime", value) for value in (date(2026, 1, 1), "2026-01-31T00:00:00Z")),
    *(("Time", value) for value in (-1, 1441, "07:30")),
    *(("VerificationStatus", value) for value in ("VERIFIED", "nothing", 1)),
]


def leaf(name: str) -> GraphQLLeafType:
    found: Any = schema._schema.type_map[name]
    return found


@pytest.mark.parametrize(("name", "value"), GOOD)
@pytest.mark.parametrize("nullable", [True, False])
def test_a_value_is_written_as_the_executor_writes_it(name: str, value: Any, nullable: bool) -> None:
    expected = json.dumps(leaf(name).serialize(value), ensure_ascii=False)
    assert serializer(leaf(name), nullable=nullable)(value) == expected


@pytest.mark.parametrize(("name", "value"), BAD)
@pytest.mark.parametrize("nullable", [True, False])
def test_a_value_of_another_type_is_rejected(name: str, value: Any, nullable: bool) -> None:
    with pytest.raises(CannotWrite):
        serializer(leaf(name), nullable=nullable)(value)


@pytest.mark.parametrize("name", sorted({name for name, _ in GOOD}))
def test_null_is_written_only_where_the_type_allows_it(name: str) -> None:
    assert serializer(leaf(name), nullable=True)(None) == "null"
    with pytest.raises(CannotWrite):
        serializer(leaf(name), nullable=False)(None)
