"""A document has the answer and the errors of its own text, whichever other texts of its shape were seen before it."""

import asyncio
import os
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from app.resources import Resources
from app.settings import Settings
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.documents import Operation, RejectedDocument
from schema.execution.literals import Literals, split_literals
from schema.execution.operation import OperationExecutor, write_errors
from schema.execution.shapes import Shape, ShapedOperation
from schema.root import schema
from tests.integration.graph.query_generator import (
    EXCLUDED,
    GeneratedQuery,
    drops_coroutines,
    generated,
    generated_queries,
)
from tests.integration.graph.test_plans import _ids, _values

EXAMPLES = int(os.environ.get("EXAMPLES", "200"))
QUERIES = schema._schema.query_type
assert QUERIES is not None
ROOTS = tuple(sorted(QUERIES.fields.keys() - EXCLUDED))
# In place of any literal: valid where it stands, or not.
OTHERS = (
    *('"netze-a"', '"netze-b"', '"unknown"', '""', '"""netze-a"""', '"netze-\\u0061"', '"\\q"', '"2025"', '"12.5"'),
    *("0", "1", "2024", "2025", "-1", "-0", "99999999999", "1.5", "1e3", "9" * 120, '"""\n  netze-b\n  """'),
)  # fmt: skip


class Answers:
    """The answers of one server's cache of documents, and of one that is empty each time."""

    def __init__(self, resources: Resources, **settings: Any) -> None:
        self.resources = resources
        self.settings = Settings(**settings)
        self.documents = DocumentCache(schema, self.settings)
        self.executor = OperationExecutor(schema)
        self.shaped = 0

    async def compare(
        self, text: str, variables: dict[str, Any] | None = None, name: str | None = None
    ) -> bytes:
        """`text` must have the same answer as from a cache without shapes."""
        expected = await self._answer(
            lambda: DocumentCache(schema, self.settings).get(text).operation(name), variables
        )
        found = await self._answer(lambda: self._operation(text, name), variables)
        assert found == expected, text
        return found

    def _operation(self, text: str, name: str | None) -> Operation:
        operation = self.documents.operation(text, name)
        self.shaped += isinstance(operation, ShapedOperation)
        assert operation.document.text == text
        return operation

    async def _answer(self, look_up: Any, raw: dict[str, Any] | None) -> bytes:
        context = Context(self.resources)
        try:
            operation = look_up()
            variables = operation.variables(raw or {})
            cost = operation.cost(variables, self.settings.limit_cost)
            answer = await self.executor.run(operation, variables, raw or {}, context, cost)
        except RejectedDocument as rejected:
            answer = write_errors(rejected.errors, context.request_id, rejected.code)
        return answer.body.replace(context.request_id.encode() or b"\0", b"")


@pytest.fixture
def answers(resources: Resources) -> Answers:
    return Answers(resources)


DNO = 'query Q { dno(slug: "netze-a") { name tariffs(year: 2025) { voltageLevel leistung } } }'


@pytest.mark.parametrize(
    ("text", "changes", "shaped"),
    [
        (DNO, ['"netze-b"', '"netze-\\u0062"', '"""netze-b"""', '"unknown"'], 4),
        # What the type does not accept is validated with the text itself, with its own locations.
        (DNO, ["5.5", '"\\q"', '"net\tze"'], 0),
        ('{ dno(slug: "netze-a") { tariffs(year: "x") { id } } }', ['"y"'], 0),
        ('{ dnos(first: 1) { nodes { slug } } }', ["2", "0", "2147483647", "2147483648", '"1"', "1.0", "9999999999999", "007"], 3),
        ('{ nodes(ids: ["a", "b"]) { id } }', ['"netze-a"', '""'], 2),
        ('{ nodes(ids: "a") { id } }', ['"b"'], 1),
        ('{ dnos(filter: { search: "a", hasDataForYear: 2025 }) { nodes { slug } } }', ['"b"', '"\\"q\\""'], 2),
        # A comment in place of a literal is none, though an ID may be a number.
        ('{ nodes(ids: ["a"\n "b"]) { id } }', ["# c", "#", "#5"], 0),
        ('{ node(id: "a"\n) { id } }', ["# c", "#5"], 0),
        # A comment, a default and the argument of a directive are part of the shape.
        ('# 1\n{ dno(slug: "netze-a") { name } }', ["# 2"], 0),
        ('query($s: String = "netze-a") { dno(slug: $s) { tariffs(year: 2025) { id } } }', ['"netze-b"'], 0),
        ('{ dno(slug: "netze-a") { name @include(if: true) tariffs(year: 2024) { id } } }', ['"netze-b"'], 1),
        # Whether these two can be merged depends on the literals.
        ('{ dno(slug: "netze-a") { name } dno(slug: "netze-a") { slug } }', ['"netze-b"'], 0),
        ('{ dno(slug: "netze-a") { ...F } } fragment F on Dno { tariffs(year: 2025) { id } ... on Dno { tariffs(year: 2025) { year } } }', ['"netze-b"'], 0),
        ('{ a: dno(slug: "netze-a") { ...F } b: dno(slug: "netze-b") { ...F } } fragment F on Dno { tariffs(year: 2025) { id } }', ['"netze-b"'], 1),
        # The literals of introspection and of mutations stay where they are.
        ('{ __type(name: "Dno") { name } }', ['"Tariff"'], 0),
        ('mutation { signOut { clientMutationId } a: signOut(input: {clientMutationId: "a"}) { clientMutationId } }', ['"b"'], 0),
        # An error at execution has the locations of the text.
        ('{ long: dno(slug: "netze-a") { name } bill(dno: "x", year: 2025, energy: 1) { total } }', ['"netze-bbbbbbbbbbbbbb"'], 0),
    ],
)  # fmt: skip
async def test_each_text_is_answered_as_if_no_other_had_been_seen(
    answers: Answers, operators: list[Any], text: str, changes: list[str], shaped: int
) -> None:
    literals = split_literals(text)
    assert literals is not None
    await answers.compare(text)
    # The first literal again, so that a second text of the shape is seen.
    again = literals.tokens[0][:-1] + "z" + literals.tokens[0][-1] if literals.tokens[0][0] == '"' else "3"
    await answers.compare(_with(literals, 0, again))
    answers.shaped = 0
    for change in changes:
        await answers.compare(_with(literals, 0, change))
    assert answers.shaped == shaped
    for change in changes:  # after an error, the document of the text itself is cached
        await answers.compare(_with(literals, 0, change))


async def test_errors_at_execution_have_the_locations_of_the_text(
    answers: Answers, operators: list[Any]
) -> None:
    text = '{{ a: dno(slug: "{}") {{ name }} answer: naturalQuery(question: "{}") {{ __typename }} }}'
    bodies = [await answers.compare(text.format("x" * length, "q" * 3000), None) for length in (3, 5, 9, 30)]
    assert len({body[body.index(b'"locations"') :][:60] for body in bodies}) == 4


async def test_the_variables_of_a_document_are_read_beside_its_literals(
    answers: Answers, operators: list[Any]
) -> None:
    text = 'query($y: Int, $n: Boolean!) {{ dno(slug: "{}") {{ name @include(if: $n) tariffs(year: $y) {{ leistung }} }} }}'
    sent = ({"n": True}, {"y": 2025, "n": False}, {"y": "x", "n": True}, {}, {"n": True, "0": 5})
    for turn in range(3):
        for number, variables in enumerate(sent):
            await answers.compare(text.format(f"netze-{'ab'[number % 2]}{' ' * (turn + number)}"), variables)
    assert answers.shaped > 5


def test_texts_that_never_repeat_take_no_memory_once_their_shape_is_there() -> None:
    documents = DocumentCache(schema, Settings())
    for number in range(2):
        documents.operation(DNO.replace("netze-a", f"netze-{number}"), None)
    entries = None
    for number in range(2, 200):
        operation = documents.operation(DNO.replace("netze-a", f"netze-{number}"), None)
        operation.plan(operation.variables({}))
        if number == 3:
            entries = (len(documents._entries), documents.bytes)
    assert entries == (len(documents._entries), documents.bytes)
    assert sum(isinstance(entry.result, Shape) for entry in documents._entries.values()) == 1


def test_the_second_text_of_a_shape_is_the_last_that_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    from schema.execution import document_cache

    parsed = []
    parse = document_cache.parse
    monkeypatch.setattr(
        document_cache, "parse", lambda text, **limits: parsed.append(text) or parse(text, **limits)
    )
    documents = DocumentCache(schema, Settings())
    texts = [DNO.replace("netze-a", f"netze-{number}") for number in range(10)]
    for text in texts:
        documents.operation(text, "Q")
    assert parsed == texts[:2]


def _with(literals: Literals, place: int, token: str) -> str:
    return literals.with_tokens([*literals.tokens[:place], token, *literals.tokens[place + 1 :]])


@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")
@drops_coroutines
@pytest.mark.timeout(300)
async def test_generated_queries_with_other_literals_get_the_answers_of_their_own_texts(
    resources: Resources, operators: list[Any]
) -> None:
    answers = Answers(resources, limit_fields=5000, limit_aliases=5000, limit_depth=50, limit_tokens=20_000)
    queries = generated_queries(schema._schema, _values(operators, await _ids(resources, operators)), ROOTS)
    loop = asyncio.get_running_loop()
    outcomes: Counter[bool] = Counter()

    async def compare(drawn: GeneratedQuery, literals: Literals, changes: list[tuple[int, str]]) -> None:
        await answers.compare(drawn.text, drawn.variables, drawn.name)
        text = drawn.text
        for place, token in changes:
            split = split_literals(text)
            if split is None:
                return
            text = _with(split, place % len(split.tokens), token)
            before = answers.shaped
            await answers.compare(text, drawn.variables, drawn.name)
            outcomes[answers.shaped > before] += 1

    @seed(20261129)
    @generated(EXAMPLES)
    @given(queries, st.lists(st.tuples(st.integers(0, 50), st.sampled_from(OTHERS)), min_size=5, max_size=8))
    def check(drawn: GeneratedQuery, changes: list[tuple[int, str]]) -> None:
        literals = split_literals(drawn.text)
        if literals is not None and literals.tokens:
            asyncio.run_coroutine_threadsafe(compare(drawn, literals, changes), loop).result(60)

    await asyncio.to_thread(check)
    # The test must be able to fail: many texts have a shape.
    assert outcomes[True] > EXAMPLES / 4, outcomes
