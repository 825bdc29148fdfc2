"""Aliases of `dno`: the text of an operator is cached once for all aliases that select the same, and is never older than its records."""

import json
from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.tariff import Tariff
from app.settings import Settings
from loaders.record_loader import RecordLoader
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import global_id, mutation

PRICES = "slug city tariffs(year: %s) { year voltageLevel leistung }"
ALIASES = f"""query ($a: String!, $b: String!, $c: String!, $year: Int!, $other: Int!) {{
  a: dno(slug: $a) {{ {PRICES % "$year"} }}
  b: dno(slug: $b) {{ {PRICES % "$year"} }}
  c: dno(slug: $c) {{ {PRICES % "$other"} }}
}}"""
USUAL = {"a": "netze-a", "b": "netze-b", "c": "netze-a", "year": 2025, "other": 2025}


@pytest.fixture
async def tariff(pool: Pool) -> Tariff:
    return await make.tariff(pool, await make.dno(pool, "netze-a", city="Ulm"), 2025, leistung="58.21")


@pytest.fixture
async def operators(pool: Pool, tariff: Tariff) -> None:
    """netze-a with prices of 2025, netze-b of 2024 and 2025."""
    dno_id = await make.dno(pool, "netze-b", city="Jena")
    for year, leistung in ((2024, "1.00"), (2025, "2.00")):
        await make.tariff(pool, dno_id, year, leistung=leistung)


def texts(server: Running) -> list[Any]:
    """Of fragments in memory, by the operators' slugs; whole responses are entries of another kind."""
    found = [entry.value for entry in server.resources.memory._entries.values()]
    texts = [json.loads(value) for value in found if isinstance(value, bytes)]
    return sorted(text["slug"] for text in texts if "slug" in text)


DIFFERENT: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "operators": [
        (ALIASES, USUAL),
        (ALIASES, {**USUAL, "a": "netze-b", "b": "netze-a"}),
        (ALIASES, {**USUAL, "b": "no-such-operator"}),
        (ALIASES, {**USUAL, "a": "no-such-operator", "c": "no-such-operator"}),
    ],
    "years": [
        (ALIASES, USUAL),
        (ALIASES, {**USUAL, "other": 2024}),
        (ALIASES, {**USUAL, "b": "netze-a", "c": "netze-b", "other": 2024}),
        (ALIASES, {**USUAL, "year": 2024}),
    ],
    "fields": [
        ('{ a: dno(slug: "netze-a") { slug city } b: dno(slug: "netze-a") { slug } }', {}),
        ('{ a: dno(slug: "netze-a") { slug } b: dno(slug: "netze-a") { slug city } }', {}),
        ('{ a: dno(slug: "netze-a") { s: slug } b: dno(slug: "netze-a") { slug } }', {}),
        ('{ a: dno(slug: "netze-a") { city slug } b: dno(slug: "netze-a") { slug city } }', {}),
        ('{ a: dno(slug: "netze-a") { slug ...{ city } } b: dno(slug: "netze-a") { ...F } } fragment F on Dno { z: slug }', {}),
    ],
    "literals": [
        (f'{{ a: dno(slug: "netze-b") {{ {PRICES % first} }} b: dno(slug: "netze-b") {{ {PRICES % second} }} }}', {})
        for first, second in ((2024, 2025), (2025, 2024), (2024, 2024), (2023, 2025))
    ],
    "conditions": [
        (
            "query ($x: Boolean!, $y: Boolean!) { a: dno(slug: \"netze-a\") { slug city @include(if: $x) } "
            "b: dno(slug: \"netze-a\") { slug city @include(if: $y) } }",
            {"x": x, "y": y},
        )
        for x, y in ((True, False), (False, True), (True, True), (False, False))
    ],
    "selections of one alias": [
        ('{ a: dno(slug: "netze-a") { slug } a: dno(slug: "netze-a") { city } b: dno(slug: "netze-a") { slug } }', {}),
        ('{ a: dno(slug: "netze-a") { slug } b: dno(slug: "netze-a") { slug } b: dno(slug: "netze-a") { city } }', {}),
    ],
}  # fmt: skip


@pytest.mark.usefixtures("operators")
@pytest.mark.parametrize("part", DIFFERENT)
async def test_aliases_that_differ_in_one_part_are_answered_as_without_caches(
    settings: Settings, part: str
) -> None:
    queries = DIFFERENT[part]
    async with running(settings, response_cache=False) as server:
        expected = [json.dumps(await server.execute(query, **variables)) for query, variables in queries]
    assert len(set(expected)) == len(queries)
    async with running(settings) as server:
        for turn in range(3):  # a plan is compiled when its document is seen again; bodies never repeat
            for (query, variables), answer in zip(queries, expected, strict=True):
                assert json.dumps(await server.execute(query, **variables, undeclared=turn)) == answer
        assert texts(server)


@pytest.mark.usefixtures("operators")
async def test_an_operator_has_one_text_for_all_aliases_that_select_the_same(settings: Settings) -> None:
    async with running(settings) as server:
        for turn, (a, b, c) in enumerate(("aab", "aba", "baa", "bbb") * 2):
            chosen = {"a": f"netze-{a}", "b": f"netze-{b}", "c": f"netze-{c}"}
            answer = await server.execute(ALIASES, **{**USUAL, **chosen}, undeclared=turn)
            assert [answer[alias]["slug"] for alias in "abc"] == list(chosen.values())
        assert texts(server) == ["netze-a", "netze-b"]


@pytest.mark.usefixtures("operators")
async def test_one_alias_alone_is_not_cached_as_a_text(settings: Settings) -> None:
    async with running(settings) as server:
        for turn in range(3):
            query = "query ($a: String!) { dno(slug: $a) { slug city } }"
            assert await server.execute(query, a="netze-a", undeclared=turn)
        assert texts(server) == []


@pytest.mark.usefixtures("operators")
async def test_cached_aliases_read_no_records_and_only_those_without_a_text_are_loaded(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(settings) as server:
        for turn in range(3):
            await server.execute(ALIASES, **USUAL, undeclared=turn)
        loaded: list[Any] = []
        asked = RecordLoader.load_many

        async def load_many(loader: RecordLoader[Any, Any], keys: Any) -> Any:
            loaded.append((loader._region.name, list(keys)))
            return await asked(loader, keys)

        monkeypatch.setattr(RecordLoader, "load_many", load_many)
        await server.execute(ALIASES, **USUAL, undeclared=3)
        assert loaded == []
        await server.execute(ALIASES, **{**USUAL, "other": 2024, "c": "netze-b"}, undeclared=4)
        assert [keys for name, keys in loaded if name == "dno_by_slug"] == [["netze-b"]]


async def test_after_an_answered_change_no_alias_shows_the_old_value(
    settings: Settings, pool: Pool, tariff: Tariff, operators: None
) -> None:
    _, editor = await issue_key(pool)
    async with running(settings) as server:
        for turn, price in enumerate(("60", "61.5", "62")):
            for again in range(3):
                await server.execute(ALIASES, **USUAL, undeclared=[turn, again])
            assert texts(server) == ["netze-a", "netze-b"]
            change = {"id": global_id(tariff), "leistung": price}
            await server.execute(mutation("correctTariff"), editor, input=change)
            changed = await server.execute(ALIASES, **USUAL, undeclared=[turn, 3])
            assert [changed[alias]["tariffs"][0]["leistung"] for alias in "ac"] == [price] * 2
            assert changed["b"]["tariffs"][0]["leistung"] == "2.00"
