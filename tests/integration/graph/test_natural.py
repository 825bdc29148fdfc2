"""Natural-language questions: interpreted once, answered with current figures, all of them logged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from app.db.pool import Pool
from app.domain.account import Principal, Role
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.interpreter import vocabularies
from app.resources import Resources, open_resources
from app.settings import Settings
from schema.context import Context
from tests import factories as make
from tests.integration.graph.graphql_client import client_of, error_codes, execute
from tests.waiting import CACHING, until

QUESTION = """
query ($query: String!, $today: Date) { naturalQuery(query: $query, today: $today) {
  interpretation { dataType dno { slug } year voltageLevel confidence candidates { slug } }
  tariffs { voltageLevel leistung dno { slug } } hlzf { season windows { start end } } answer cached
} }
"""


@pytest.fixture
async def musterstadt(pool: Pool) -> Dno:
    dno = await make.dno(pool, "stadtwerke-musterstadt", name="Stadtwerke Musterstadt", city="Musterstadt")
    await make.tariff(pool, dno, 2024, VoltageLevel.MS, leistung="109.86", arbeit="1.73")
    await make.hlzf(pool, dno, 2024, VoltageLevel.MS, Season.WINTER)
    return dno


async def answer(client: httpx.AsyncClient, query: str, **variables: Any) -> Any:
    return (await execute(client, QUESTION, query=query, **variables))["naturalQuery"]


async def test_a_question_gets_the_matching_figures(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(
        client, "Wie hoch sind die Netzentgelte der Stadtwerke Musterstadt 2024, Mittelspannung?"
    )
    assert found["interpretation"] | {"confidence": 1} == {
        "dataType": "NETZENTGELTE",
        "dno": {"slug": "stadtwerke-musterstadt"},
        "year": 2024,
        "voltageLevel": "MS",
        "confidence": 1,
        "candidates": [{"slug": "stadtwerke-musterstadt"}],
    }
    assert found["tariffs"] == [
        {"voltageLevel": "MS", "leistung": "109.86", "dno": {"slug": "stadtwerke-musterstadt"}}
    ]
    assert found["hlzf"] == []
    assert found["answer"].startswith(
        "Stadtwerke Musterstadt, Mittelspannung, 2024 (netto): Leistungspreis 109,86 €/kW·a, Arbeitspreis 1,73 ct/kWh"
    )


async def test_a_question_about_peak_load_windows_gets_no_prices(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    found = await answer(client, "When are the peak load windows of Stadtwerke Musterstadt in 2024?")
    assert found["tariffs"] == []
    assert found["hlzf"] == [
        {
            "season": "WINTER",
            "windows": [{"start": "07:30", "end": "13:00"}, {"start": "16:00", "end": "19:00"}],
        }
    ]


async def test_relative_years_are_resolved_against_today(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(client, "netzentgelte musterstadt letztes jahr", today="2025-06-01")
    assert (found["interpretation"]["year"], len(found["tariffs"])) == (2024, 1)


async def test_the_answer_names_other_levels_if_one_is_not_published(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    found = await answer(client, "netzentgelte stadtwerke musterstadt 2024 niederspannung")
    assert found["tariffs"] == []
    assert "Mittelspannung" in found["answer"]


async def test_off_topic_questions_are_not_answered(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(client, "Wie wird das Wetter morgen?")
    assert found["interpretation"]["dataType"] is None
    assert found["interpretation"]["confidence"] < 0.5


async def test_the_length_of_a_question_is_limited(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    assert await error_codes(client, QUESTION, query="x" * 1001) == ["BAD_USER_INPUT"]
    assert (await answer(client, ""))["interpretation"]["dataType"] is None
    assert (await answer(client, "\ud800\0 musterstadt".encode("utf-8", "replace").decode()))[
        "cached"
    ] is False


async def test_cached_is_true_if_nothing_was_computed_or_read(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    question = "netzentgelte musterstadt 2024"
    cached = [
        (await answer(client, sentence))["cached"]
        for sentence in (question, question, f"  {question.upper()} ")
    ]
    assert cached == [False, True, True]
    assert (await answer(client, question, today="2025-06-01"))["cached"] is False, "another day"


async def test_two_concurrent_questions_are_both_reported_as_not_cached(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    both = await asyncio.gather(*(answer(client, "netzentgelte musterstadt 2024") for _ in range(2)))
    assert [found["cached"] for found in both] == [False, False]


async def test_answers_to_questions_are_never_served_from_the_response_cache(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    parameters = {"query": '{ naturalQuery(query: "netzentgelte musterstadt 2024") { cached } }'}
    answers = []

    async def cached() -> bool:
        answers.append(await client.get("/graphql", params=parameters))
        return bool(answers[-1].json()["data"]["naturalQuery"]["cached"])

    assert not await cached()
    # A fill that meets a late invalidation is rejected, and the next request fills again.
    await until(cached)
    assert await cached()
    assert {one.headers["cache-control"] for one in answers} == {"no-cache"}


async def test_without_record_caches_cached_is_false(
    settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    async with _another(settings, entity_cache=False) as other, client_of(other) as client:
        cached = [(await answer(client, "netzentgelte musterstadt 2024"))["cached"] for _ in range(2)]
    assert cached == [False, False]


async def test_a_correction_is_visible_in_the_next_answer(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, musterstadt: Dno
) -> None:
    question = "netzentgelte musterstadt 2024 mittelspannung"
    for _ in range(2):
        assert "109,86" in (await answer(client, question))["answer"]
    await _correct_by_hand(pool, "112.5")
    await _wait_for_answer(client, question, "112,50")


async def test_a_correction_by_mutation_is_visible_at_once_on_this_instance_and_soon_on_another(
    resources: Resources, client: httpx.AsyncClient, settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    question = "netzentgelte musterstadt 2024 mittelspannung"
    async with _another(settings) as other, client_of(other) as other_client:
        assert (await answer(client, question))["cached"] is False
        # Redis is filled after the response.
        await until(lambda: not resources.read_through._filling)
        assert (await answer(other_client, question))["cached"] is True, (
            "interpreted by the first, cached for both"
        )
        await _correct(resources, pool, "113")
        found = await answer(client, question)
        assert "113,00" in found["answer"]
        assert found["cached"] is False
        await _wait_for_answer(other_client, question, "113,00")


async def test_a_new_operator_and_a_new_alias_are_known_to_the_next_question(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, musterstadt: Dno
) -> None:
    assert (await answer(client, "netzentgelte hinterdupfing 2024"))["interpretation"]["dno"] is None
    new = await make.dno(pool, "gemeindewerke-hinterdupfing", name="Gemeindewerke Hinterdupfing")
    await _wait_for_invalidation(resources, "directory")
    found = await answer(client, "netzentgelte hinterdupfing 2024")
    assert found["interpretation"]["dno"] == {"slug": new.slug}

    assert (await answer(client, "netzentgelte gwhx 2024"))["interpretation"]["dno"] is None
    await make.alias(pool, new, "GWHX")
    await _wait_for_invalidation(resources, "aliases")
    assert (await answer(client, "netzentgelte gwhx 2024"))["interpretation"]["dno"] == {"slug": new.slug}


async def test_many_changes_of_operators_build_one_vocabulary_at_a_time(
    client: httpx.AsyncClient,
    resources: Resources,
    pool: Pool,
    musterstadt: Dno,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built = concurrent = max_concurrent = 0
    make_one = vocabularies._make

    def counted(*source: Any) -> Any:
        nonlocal built, concurrent, max_concurrent
        built, concurrent = built + 1, concurrent + 1
        max_concurrent = max(max_concurrent, concurrent)
        try:
            return make_one(*source)
        finally:
            concurrent -= 1

    monkeypatch.setattr(vocabularies, "_make", counted)
    await answer(client, "netzentgelte musterstadt 2024")

    async def change() -> None:
        for number in range(100):
            await make.dno(pool, f"werk-{number}", name=f"Werk Nummer {number}")

    async def keep_querying() -> int:
        count = 0
        while not changing.done():
            found = await answer(client, f"netzentgelte musterstadt 2024 {count}?")
            assert found["interpretation"]["dno"] == {"slug": musterstadt.slug}
            count += 1
        return count

    changing = asyncio.create_task(change())
    questions = sum(await asyncio.gather(*(keep_querying() for _ in range(8))))
    await changing
    assert max_concurrent == 1
    assert built <= min(questions + 1, 102)


async def test_every_question_is_logged_once_also_when_the_server_stops(
    settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    async with _another(settings) as other, client_of(other) as client:
        for _ in range(2):
            await answer(client, "Netzentgelte Musterstadt 2024")
        # The plan is abandoned because of the second field, and the executor starts again.
        both = '{ naturalQuery(query: "was kostet das") { cached } dnos(first: 0) { totalCount } }'
        assert await error_codes(client, both) == ["BAD_USER_INPUT"]
    rows = await pool.fetch(
        "SELECT query, dno_id, year, data_type, confidence, cached, duration_ms, address FROM query_logs ORDER BY asked_at"
    )
    assert [(row["query"], row["cached"]) for row in rows] == [
        ("Netzentgelte Musterstadt 2024", False),
        ("Netzentgelte Musterstadt 2024", True),
        ("was kostet das", False),
    ]
    assert (rows[0]["dno_id"], rows[0]["year"], rows[0]["data_type"]) == (
        musterstadt.id,
        2024,
        "NETZENTGELTE",
    )
    assert all(row["duration_ms"] > 0 and row["address"] is None for row in rows)


async def test_addresses_are_logged_only_if_a_setting_allows_it(
    settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    async with _another(settings, query_log_addresses=True) as other, client_of(other) as client:
        await answer(client, "Netzentgelte Musterstadt 2024")
    [row] = await pool.fetch("SELECT address FROM query_logs")
    assert str(row["address"]) == "127.0.0.1"


async def test_the_lifetime_of_an_interpretation_depends_on_its_confidence(
    resources: Resources, client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    for query in ("netzentgelte stadtwerke musterstadt 2024 ms", "was kostet das wetter"):
        await answer(client, query)
    await until(lambda: not resources.read_through._filling)
    redis = resources.shared.client
    lifetimes = [await redis.ttl(key) async for key in redis.scan_iter("*question:*")]
    sure, unsure = sorted((lifetime for lifetime in lifetimes if lifetime > 10), reverse=True)
    assert 3600 * 0.9 - 5 <= sure <= 3600 * 1.1
    assert 300 * 0.9 - 5 <= unsure <= 300 * 1.1


@asynccontextmanager
async def _another(settings: Settings, **changed: Any) -> AsyncIterator[Resources]:
    changed = {"rate_limit_anonymous": 0, **CACHING, **changed}
    async with open_resources(msgspec.structs.replace(settings, **changed)) as opened:
        await until(lambda: opened.memory.enabled and opened.shared.trusted)
        yield opened


async def _correct_by_hand(pool: Pool, leistung: str) -> None:
    async with pool.connection() as connection:
        await connection.execute(f"UPDATE netzentgelte_data SET leistung = {leistung}")


async def _correct(resources: Resources, pool: Pool, leistung: str) -> None:
    """Like the mutation, with an editor as author."""
    user = await make.user(pool)
    context = Context(resources, principal=Principal(Role.EDITOR, user_id=user.id))
    await context.write(
        lambda work: work.connection.execute(f"UPDATE netzentgelte_data SET leistung = {leistung}")
    )


async def _wait_for_answer(client: httpx.AsyncClient, question: str, wanted: str) -> None:
    async def is_in_answer() -> bool:
        return wanted in (await answer(client, question))["answer"]

    await until(is_in_answer)


async def _wait_for_invalidation(resources: Resources, tag: str) -> None:
    """Waits until the change of another writer has been invalidated here."""
    await until(lambda: resources.memory.get(tag) is None)
