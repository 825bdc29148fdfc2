"""The document cache counts the bytes that it takes, and documents requested once get little of it."""

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import graphql
import pytest
from graphql import Node, Token, specified_rules

from app.settings import Settings
from schema.execution.document_cache import PROBATION_DIVISOR, DocumentCache
from schema.execution.documents import RejectedDocument
from schema.execution.syntax import count_nodes, parse, validate, without_tree
from schema.root import schema

POINT = '{ dno(slug: "netze-%d") { name slug tariffs(year: 2025) { leistung arbeit voltageLevel } } }'
TEN = (
    "query Q%d { "
    + " ".join(
        f'p{i}: dno(slug: "netze-{i}") {{ name slug tariffs(year: 2025) {{ leistung }} }}' for i in range(10)
    )
    + " }"
)
IDS = "query Q%d { nodes(ids: [" + ", ".join(f'"{i}"' for i in range(100)) + "]) { id } }"
EXECUTOR = "query Q%d { __schema { types { name fields { name args { name } } } } }"
INVALID = "query Q%d { dnos { nodes { " + " ".join(f"nothing{i}" for i in range(200)) + " } } }"
CUT_OFF = "query Q%d { dnos { nodes { " + " ".join(f"nothing{i}" for i in range(400))
LONG_NAMES = "query Q%d { dnos { " + " ".join(f"{'n' * 700}{i}" for i in range(20)) + " } }"
WIDE = 'query Q%d { dno(slug: "' + "\U0001f600" * 3000 + '") { name } }'


def read(documents: DocumentCache, text: str) -> None:
    """As an endpoint does, up to the point where the operation would be executed."""
    with suppress(RejectedDocument):
        operation = documents.get(text).operations[0]
        variables = operation.variables({})
        operation.cost(variables, 10**9)
        operation.plan(variables)


@contextmanager
def allocated(amount: Callable[[int], None]) -> Iterator[None]:
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        gc.collect()
        amount(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", [POINT, TEN, IDS, EXECUTOR, INVALID, CUT_OFF, LONG_NAMES, WIDE])
def test_the_counted_bytes_of_documents_are_the_bytes_allocated(text: str) -> None:
    documents = DocumentCache(schema, Settings(document_cache_size=2**30))
    for number in range(100, 150):
        read(documents, text % number)  # Python's own cache of attribute names fills up
    counted = documents.bytes
    measured: list[int] = []
    with allocated(measured.append):
        for number in range(30):
            read(documents, text % number)
    counted = documents.bytes - counted
    assert len(documents._entries) == 80
    assert 0.75 * measured[0] < counted < 2.5 * measured[0]


def test_growth_during_use_is_counted_too() -> None:
    """Plans for other values of `@skip`, and the texts of arguments that fragments are cached under."""
    text = "query ($a: Boolean!, $b: Boolean!) { dnos { nodes { slug @skip(if: $a) name @skip(if: $b) } } }"
    documents = DocumentCache(schema, Settings())
    operation = documents.get(text).operations[0]
    operation.plan(operation.variables({"a": False, "b": False}))
    documents.get(text)
    before = documents.bytes
    for a, b in ((False, True), (True, False)):
        operation.plan(operation.variables({"a": a, "b": b}))
    documents.get(text)
    assert documents.bytes > before


def test_documents_requested_once_evict_no_repeated_ones() -> None:
    documents = DocumentCache(schema, Settings(document_cache_size=2**20))
    used = [POINT % number for number in range(10)]
    for text in (*used, *used):
        documents.get(text)
    for number in range(100, 400):
        read(documents, POINT % number)
        read(documents, CUT_OFF % number)
    assert documents.bytes <= 2**20
    assert sum(entry.bytes for entry in documents._probation.values()) <= 2**20 // PROBATION_DIVISOR
    assert documents.bytes == sum(entry.bytes for entry in documents._entries.values())
    assert all(text in documents._entries for text in used)


def test_repeated_documents_are_bounded_by_bytes_as_well() -> None:
    documents = DocumentCache(schema, Settings(document_cache_size=2**20))
    for number in range(200):
        for _ in range(2):
            read(documents, POINT % number)
    assert 2**19 < documents.bytes <= 2**20
    assert documents._characters == sum(map(len, documents._entries))


def test_a_cached_rejection_holds_neither_tree_nor_text_nor_frames() -> None:
    documents = DocumentCache(schema, Settings())
    for text in (INVALID, CUT_OFF, LONG_NAMES):
        with suppress(RejectedDocument):
            documents.get(text % 1)
        rejection = documents._entries[text % 1].result
        assert isinstance(rejection, RejectedDocument)
        for error in rejection.errors:
            assert (error.nodes, error.source, error.positions) == (None, None, None)
            assert error.__traceback__ is error.__context__ is error.__cause__ is None
        assert rejection.errors[0].locations


def test_a_text_beyond_the_limit_is_not_cached() -> None:
    documents = DocumentCache(schema, Settings(limit_document_letters=1000))
    with pytest.raises(RejectedDocument):
        documents.get("{ __typename } #" + "x" * 2000)
    assert (len(documents._entries), documents.bytes) == (0, 0)


def test_trees_are_freed_without_the_garbage_collector() -> None:
    documents = DocumentCache(schema, Settings(max_cached_documents=1))
    for text in (POINT, TEN, IDS, EXECUTOR, INVALID, CUT_OFF, LONG_NAMES):
        read(documents, text % 0)
        gc.collect()
        gc.disable()
        try:
            before = sum(isinstance(thing, Node | Token) for thing in gc.get_objects())
            for number in range(1, 6):
                read(documents, text % number)
            assert sum(isinstance(thing, Node | Token) for thing in gc.get_objects()) == before
        finally:
            gc.enable()


WITH_ERRORS = [
    INVALID % 1,
    "query ($a: Int, $b: Strin) { dno(slug: $a) { ...F ...G } } fragment F on Dno { x } fragment F on Nope { y }",
    "{ dno { name(a: 1) } dno(slug: 1, slug: 2) @nope { name { x } } }",
    "subscription { a b }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    POINT % 1,
]


@pytest.mark.parametrize("text", WITH_ERRORS)
def test_validation_reports_the_errors_of_the_library(text: str) -> None:
    """The validator is the library's with its visitors detached at the end: this test fails when the library changes."""
    ours = validate(schema._schema, parse(text), specified_rules, max_errors=20, hide_suggestions=False)
    theirs = graphql.validate(
        schema._schema, graphql.parse(text), specified_rules, max_errors=20, hide_suggestions=False
    )
    assert [error.formatted for error in ours] == [error.formatted for error in theirs]


@pytest.mark.parametrize(
    "text", ["{", "{ a(b: ) }", "{ a ]", "{ a }" * 1000, "{ a " * 1000, '{ a(b: "\\u") }', ""]
)
def test_a_syntax_error_has_the_message_of_the_library(text: str) -> None:
    with pytest.raises(graphql.GraphQLError) as ours:
        parse(text, max_tokens=2000)
    with pytest.raises(graphql.GraphQLError) as theirs:
        graphql.parse(text, max_tokens=2000, allow_empty_selection_sets=False)
    assert ours.value.formatted == theirs.value.formatted


def test_the_parsed_tree_is_the_one_of_the_library() -> None:
    for text in (POINT % 1, TEN % 1, EXECUTOR % 1, WIDE % 1):
        ours, theirs = parse(text), graphql.parse(text)
        assert graphql.print_ast(ours) == graphql.print_ast(theirs)
        assert ours.to_dict(locations=True) == theirs.to_dict(locations=True)


def test_a_tree_that_is_nested_too_deeply_for_the_validator_is_invalid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def too_deep(*_: object) -> None:
        raise RecursionError

    monkeypatch.setattr("schema.execution.syntax.visit", too_deep)
    (error,) = validate(
        schema._schema, parse(POINT % 1), specified_rules, max_errors=20, hide_suggestions=False
    )
    assert error.message == "Validation aborted."


def test_the_nodes_of_a_document_are_counted() -> None:
    for text in (POINT % 1, TEN % 1, EXECUTOR % 1):
        found: list[Node] = []
        pending: list[object] = [parse(text)]
        while pending:
            node = pending.pop()
            if isinstance(node, Node):
                found.append(node)
                pending += [getattr(node, key, None) for key in node.keys]
            elif isinstance(node, list | tuple):
                pending += node
        assert len(found) == count_nodes(parse(text))


def test_a_copied_error_keeps_its_message_path_extensions_and_locations() -> None:
    error = graphql.GraphQLError(
        "wrong", parse("{ a }").definitions[0], path=["a", 1], extensions={"code": "CODE"}
    )
    copy = without_tree(error)
    assert (copy.message, copy.path, copy.extensions) == ("wrong", ["a", 1], {"code": "CODE"})
    assert copy.locations == error.locations == [graphql.SourceLocation(1, 1)]
    assert copy.nodes is None
