"""Operations of a document: selection by name, plans, costs, and what the document cache counts for them."""

from typing import Any

import pytest
from graphql import OperationType

from app.settings import Settings
from schema.execution import document_cache
from schema.execution.document_cache import ENTRY_BYTES, DocumentCache
from schema.execution.documents import (
    COST_BYTES,
    MAX_LABEL_LENGTH,
    MAX_PLANS,
    PLAN_BYTES_PER_NODE,
    Document,
    Operation,
    RejectedDocument,
    cost_of,
)
from schema.root import schema

CONDITIONS = "query (" + ", ".join(f"$v{i}: Boolean!" for i in range(5)) + ") { dnos { totalCount " + " ".join(f"v{i}: totalCount @include(if: $v{i})" for i in range(5)) + " } }"  # fmt: skip


def document(text: str, **settings: Any) -> Document:
    return DocumentCache(schema, Settings(**settings)).get(text)


def operation(text: str) -> Operation:
    return document(text).operation(None)


def rejected(text: str, **settings: Any) -> tuple[str, list[str]]:
    with pytest.raises(RejectedDocument) as found:
        document(text, **settings)
    return found.value.code, [error.message for error in found.value.errors]


def conditions(number: int) -> dict[str, Any]:
    return {f"v{i}": bool(number >> i & 1) for i in range(5)}


def test_an_operation_is_selected_by_its_name_or_because_it_is_the_only_one() -> None:
    several = document("query A { __typename } query B { __typename }")
    assert [several.operation(name).name for name in ("A", "B")] == ["A", "B"]
    assert document("{ __typename }").operation(None).name is None
    assert document("query A { __typename }").operation(None).name == "A"


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("query A { __typename } query B { __typename }", None, "The document has several operations; `operationName` must say which."),
        ("query A { __typename } query B { __typename }", "C", "The document has no operation named 'C'."),
        ("query A { __typename }", "B", "The document has no operation named 'B'."),
        ("{ __typename }", "", "The document has no operation named ''."),
    ],
)  # fmt: skip
def test_an_operation_that_cannot_be_selected_is_rejected(text: str, name: str | None, message: str) -> None:
    with pytest.raises(RejectedDocument) as found:
        document(text).operation(name)
    assert found.value.code == "OPERATION_RESOLUTION_FAILURE"
    assert [error.message for error in found.value.errors] == [message]


def test_an_operation_has_its_type_and_a_label_of_limited_length() -> None:
    assert operation("{ __typename }").label == "query"
    assert operation("subscription { dataChanged { year } }").label == "subscription"
    named = operation(f"query {'N' * 100} {{ __typename }}")
    assert (named.type, named.name, named.label) == (OperationType.QUERY, "N" * 100, "N" * MAX_LABEL_LENGTH)


@pytest.mark.parametrize(
    ("selections", "introspects"),
    [
        ("__typename", True),
        ("__schema { queryType { name } } __typename", True),
        ("__typename coverage { totalDnos }", False),
        ("... { __typename }", True),
        ("... on Query { ... { __typename coverage { totalDnos } } }", False),
        ("...A __typename", True),
        ("...A ...B", False),
    ],
)
def test_only_an_operation_with_introspection_fields_alone_introspects(
    selections: str, introspects: bool
) -> None:
    fragments = {
        "A": "fragment A on Query { __schema { queryType { name } } ...C }",
        "B": "fragment B on Query { ...A ... { coverage { totalDnos } } }",
        "C": "fragment C on Query { __typename }",
    }
    spread = "ABC" if "...B" in selections else "AC" if "...A" in selections else ""
    text = " ".join([f"{{ {selections} }}", *(fragments[name] for name in spread)])
    assert operation(text).introspects is introspects


def test_each_combination_of_conditions_has_a_plan_of_its_own_up_to_a_limit() -> None:
    conditional = operation(CONDITIONS)
    plans = [conditional.plan(conditional.variables(conditions(number))) for number in range(32)]
    assert all(plan.root is not None for plan in plans)
    assert len({id(plan) for plan in plans}) == 32
    again = [conditional.plan(conditional.variables(conditions(number))) for number in range(32)]
    kept = [new is old for new, old in zip(again, plans, strict=True)]
    assert kept == [True] * MAX_PLANS + [False] * (32 - MAX_PLANS)
    assert [plan.slots for plan in plans[:4]] == [2, 3, 3, 4]


def test_other_variables_do_not_need_another_plan() -> None:
    text = "query ($n: Int, $s: Boolean!) { dnos(first: $n) { totalCount @skip(if: $s) } }"
    one = operation(text)
    first = one.plan(one.variables({"n": 1, "s": False}))
    assert one.plan(one.variables({"n": 2, "s": False})) is first
    assert one.plan(one.variables({"n": 1, "s": True})) is not first


def test_plans_after_the_first_are_counted_as_memory_of_the_document() -> None:
    conditional = operation(CONDITIONS)
    source = conditional.document
    before = source.memory_use.bytes
    for number in range(32):
        conditional.plan(conditional.variables(conditions(number)))
    expected = (MAX_PLANS - 1) * source.nodes * PLAN_BYTES_PER_NODE
    assert source.memory_use.bytes == before + expected


def test_a_cost_is_allowed_up_to_the_maximum_and_counted_once_for_equal_lengths() -> None:
    one = operation("query ($n: Int) { dnos(first: $n) { nodes { name } } }")
    before = one.document.memory_use.bytes
    variables = one.variables({"n": 7})
    cost = one.cost(variables, 10**6)
    assert cost.requested > 7
    assert one.cost(variables, cost.requested) == cost_of(cost.requested, cost.requested)
    assert one.document.memory_use.bytes == before + COST_BYTES
    with pytest.raises(RejectedDocument) as found:
        one.cost(variables, cost.requested - 1)
    assert found.value.code == "GRAPHQL_VALIDATION_FAILED"
    (error,) = found.value.errors
    maximum = cost.requested - 1
    assert error.message == (
        f"The operation may cost {cost.requested}; at most {maximum} are allowed. Ask for fewer with `first`."
    )
    assert error.extensions == {
        "code": "LIMIT_EXCEEDED",
        "limit": "LIMIT_COST",
        "maximum": maximum,
        "cost": {"requested": cost.requested, "remaining": 0, "maximum": maximum},
    }


def test_a_cost_is_written_with_what_remains() -> None:
    assert cost_of(3, 10).json == '{"cost":{"requested":3,"remaining":7,"maximum":10}}'


def test_the_hash_of_a_document_is_the_sha_256_of_its_text() -> None:
    one = operation("{ __typename }").document
    assert one.hash == one.hash == "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b"


def test_documents_are_rejected_with_the_code_of_the_stage() -> None:
    assert rejected("{ __typename }", limit_document_letters=13) == (
        "GRAPHQL_PARSE_FAILED",
        ["The document has 14 letters; at most 13 are allowed here."],
    )
    document("{ __typename }", limit_document_letters=14)
    assert rejected("{ a b }", limit_tokens=3) == (
        "GRAPHQL_PARSE_FAILED",
        ["The document has more tokens; at most 3 are allowed here."],
    )
    assert rejected("{ a") == ("GRAPHQL_PARSE_FAILED", ["Syntax Error: Expected Name, found <EOF>."])
    assert rejected("{ a: __typename b: __typename }", limit_aliases=1)[0] == "GRAPHQL_VALIDATION_FAILED"
    assert rejected("{ nothing }") == (
        "GRAPHQL_VALIDATION_FAILED",
        ["Cannot query field 'nothing' on type 'Query'."],
    )


def test_without_introspection_neither_the_schema_nor_suggestions_are_returned() -> None:
    assert document("{ __schema { queryType { name } } }")
    code, messages = rejected("{ __schema { queryType { name } } }", introspection=False)
    assert code == "GRAPHQL_VALIDATION_FAILED"
    assert "introspection" in messages[0]
    assert "Did you mean 'coverage'" in rejected("{ coverag { totalDnos } }")[1][0]
    assert "Did you mean" not in rejected("{ coverag { totalDnos } }", introspection=False)[1][0]


def test_at_most_20_errors_are_reported() -> None:
    text = "{ " + " ".join(f"n{i}" for i in range(20)) + " }"
    found = rejected(text.replace("n0", "n20 n0"), limit_root_fields=21)[1]
    assert len(found) == 21
    assert found[-1] == "Too many validation errors, error limit reached. Validation aborted."
    assert len(rejected(text)[1]) == 20


@pytest.mark.parametrize("stage", ["parse", "validate"])
def test_a_document_that_is_nested_too_deeply_for_a_stage_is_rejected(
    monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    def too_deep(*_: Any, **__: Any) -> Any:
        raise RecursionError

    monkeypatch.setattr(document_cache, stage, too_deep)
    code = "GRAPHQL_PARSE_FAILED" if stage == "parse" else "GRAPHQL_VALIDATION_FAILED"
    assert rejected("{ __typename }") == (code, ["The document is nested too deeply."])


def entries(cache: DocumentCache) -> list[int]:
    return [ENTRY_BYTES + document_cache.sys.getsizeof(text) + entry.result.bytes for text, entry in cache._entries.items()]  # fmt: skip


def test_the_cache_counts_each_entry_with_its_text_also_after_it_has_grown() -> None:
    cache = DocumentCache(schema, Settings())
    texts = [f"query Q{i} ($n: Int) {{ dnos(first: $n) {{ nodes {{ name }} }} }}" for i in range(3)]
    for turn in range(4):
        for text in texts:
            one = cache.get(text).operation(None)
            one.cost(one.variables({"n": turn + 1}), 10**6)  # counted when the document is requested next
        for text in texts:
            cache.get(text)
        assert [entry.bytes for entry in cache._entries.values()] == entries(cache)
        assert cache.bytes == sum(entries(cache))
        assert cache._probation_bytes == sum(entry.bytes for entry in cache._probation.values()) == 0
        assert cache._characters == sum(map(len, texts))


def test_the_cache_evicts_documents_on_probation_first_and_the_oldest_of_them() -> None:
    cache = DocumentCache(schema, Settings(max_cached_documents=3))
    texts = [f"{{ a{i}: __typename }}" for i in range(5)]
    for text in (texts[0], texts[0], texts[1], texts[2], texts[3]):
        cache.get(text)
    assert list(cache._entries) == [texts[0], texts[2], texts[3]]
    cache.get(texts[2])
    cache.get(texts[3])
    cache.get(texts[0])
    cache.get(texts[4])  # the only one on probation is the new one
    assert list(cache._entries) == [texts[2], texts[3], texts[0]]


def test_a_text_of_more_than_a_quarter_of_the_cache_is_not_cached() -> None:
    text = "{ __typename }"
    for characters, cached in ((4 * len(text), 1), (4 * len(text) - 1, 0)):
        cache = DocumentCache(schema, Settings(max_cached_document_letters=characters))
        cache.get(text)
        assert len(cache._entries) == cached
    size = DocumentCache(schema, Settings())
    size.get(text)
    for total, cached in ((4 * size.bytes, 1), (4 * size.bytes - 1, 0)):
        cache = DocumentCache(schema, Settings(document_cache_size=total))
        cache.get(text)
        assert len(cache._entries) == cached
