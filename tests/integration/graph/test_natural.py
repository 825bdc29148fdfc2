"""Questions in plain words: understood once, answered with what is true now, all of them logged."""

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


async def test_a_sentence_gets_what_it_asks_for(client: httpx.AsyncClient, musterstadt: Dno) -> None:
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
        "Stadtwerke Musterstadt, Mittelspannung, 2024: Leistungspreis 109,86 €/kW·a, Arbeitspreis 1,73 ct/kWh"
    )


async def test_peak_load_windows_come_without_prices(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(client, "When are the peak load windows of Stadtwerke Musterstadt in 2024?")
    assert found["tariffs"] == []
    assert found["hlzf"] == [
        {
            "season": "WINTER",
            "windows": [{"start": "07:30", "end": "13:00"}, {"start": "16:00", "end": "19:00"}],
        }
    ]


async def test_today_says_which_year_is_meant(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(client, "netzentgelte musterstadt letztes jahr", today="2025-06-01")
    assert (found["interpretation"]["year"], len(found["tariffs"])) == (2024, 1)


async def test_what_is_not_published_at_one_level_is_offered_at_others(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    found = await answer(client, "netzentgelte stadtwerke musterstadt 2024 niederspannung")
    assert found["tariffs"] == []
    assert "Mittelspannung" in found["answer"]


async def test_off_topic_is_not_answered(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    found = await answer(client, "Wie wird das Wetter morgen?")
    assert found["interpretation"]["dataType"] is None
    assert found["interpretation"]["confidence"] < 0.5


async def test_a_question_is_bounded(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    assert await error_codes(client, QUESTION, query="x" * 1001) == ["BAD_USER_INPUT"]
    assert (await answer(client, ""))["interpretation"]["dataType"] is None
    assert (await answer(client, "\ud800\0 musterstadt".encode("utf-8", "replace").decode()))[
        "cached"
    ] is False


async def test_cached_tells_whether_anything_had_to_be_worked_out_or_read(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    asked = "netzentgelte musterstadt 2024"
    told = [(await answer(client, sentence))["cached"] for sentence in (asked, asked, f"  {asked.upper()} ")]
    assert told == [False, True, True]
    assert (await answer(client, asked, today="2025-06-01"))["cached"] is False, "another day"


async def test_two_who_ask_at_once_are_both_told_that_it_was_worked_out(
    client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    both = await asyncio.gather(*(answer(client, "netzentgelte musterstadt 2024") for _ in range(2)))
    assert [found["cached"] for found in both] == [False, False]


async def test_get_and_post_never_replay_an_answer(client: httpx.AsyncClient, musterstadt: Dno) -> None:
    parameters = {"query": '{ naturalQuery(query: "netzentgelte musterstadt 2024") { cached } }'}
    answers = [await client.get("/graphql", params=parameters) for _ in range(3)]
    assert [one.json()["data"]["naturalQuery"]["cached"] for one in answers] == [False, True, True]
    assert {one.headers["cache-control"] for one in answers} == {"no-cache"}


async def test_without_record_caches_nothing_is_called_cached(
    settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    async with _another(settings, entity_cache=False) as other, client_of(other) as client:
        told = [(await answer(client, "netzentgelte musterstadt 2024"))["cached"] for _ in range(2)]
    assert told == [False, False]


async def test_a_correction_shows_in_the_next_answer(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, musterstadt: Dno
) -> None:
    asked = "netzentgelte musterstadt 2024 mittelspannung"
    for _ in range(2):
        assert "109,86" in (await answer(client, asked))["answer"]
    await _correct_by_hand(pool, "112.5")
    await _until_told(client, asked, "112,50")


async def test_a_correction_through_the_graph_shows_at_once_here_and_soon_elsewhere(
    resources: Resources, client: httpx.AsyncClient, settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    asked = "netzentgelte musterstadt 2024 mittelspannung"
    async with _another(settings) as other, client_of(other) as elsewhere:
        assert (await answer(client, asked))["cached"] is False
        # Redis gets it behind the answer's back.
        await until(lambda: not resources.read_through._filling)
        assert (await answer(elsewhere, asked))["cached"] is True, "understood by the first, known to both"
        await _correct(resources, pool, "113")
        found = await answer(client, asked)
        assert "113,00" in found["answer"]
        assert found["cached"] is False
        await _until_told(elsewhere, asked, "113,00")


async def test_a_new_operator_and_a_new_alias_are_understood_by_the_next_question(
    client: httpx.AsyncClient, resources: Resources, pool: Pool, musterstadt: Dno
) -> None:
    assert (await answer(client, "netzentgelte hinterdupfing 2024"))["interpretation"]["dno"] is None
    new = await make.dno(pool, "gemeindewerke-hinterdupfing", name="Gemeindewerke Hinterdupfing")
    await _until_seen(resources, "directory")
    found = await answer(client, "netzentgelte hinterdupfing 2024")
    assert found["interpretation"]["dno"] == {"slug": new.slug}

    assert (await answer(client, "netzentgelte gwhx 2024"))["interpretation"]["dno"] is None
    await make.alias(pool, new, "GWHX")
    await _until_seen(resources, "aliases")
    assert (await answer(client, "netzentgelte gwhx 2024"))["interpretation"]["dno"] == {"slug": new.slug}


async def test_while_operators_change_by_the_hundred_few_vocabularies_are_made(
    client: httpx.AsyncClient,
    resources: Resources,
    pool: Pool,
    musterstadt: Dno,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = at_once = most_at_once = 0
    make_one = vocabularies._make

    def counted(*source: Any) -> Any:
        nonlocal made, at_once, most_at_once
        made, at_once = made + 1, at_once + 1
        most_at_once = max(most_at_once, at_once)
        try:
            return make_one(*source)
        finally:
            at_once -= 1

    monkeypatch.setattr(vocabularies, "_make", counted)
    await answer(client, "netzentgelte musterstadt 2024")

    async def change() -> None:
        for number in range(100):
            await make.dno(pool, f"werk-{number}", name=f"Werk Nummer {number}")

    async def keep_asking() -> int:
        asked = 0
        while not changing.done():
            found = await answer(client, f"netzentgelte musterstadt 2024 {asked}?")
            assert found["interpretation"]["dno"] == {"slug": musterstadt.slug}
            asked += 1
        return asked

    changing = asyncio.create_task(change())
    asked = sum(await asyncio.gather(*(keep_asking() for _ in range(8))))
    await changing
    assert most_at_once == 1
    assert made <= min(asked + 1, 102)


async def test_every_question_is_logged_once_and_none_is_lost_at_the_end(
    settings: Settings, pool: Pool, musterstadt: Dno
) -> None:
    async with _another(settings) as other, client_of(other) as client:
        for _ in range(2):
            await answer(client, "Netzentgelte Musterstadt 2024")
        # The plan gives up halfway for the second field's sake, and the executor begins anew.
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


async def test_a_meaning_lives_as_long_as_it_is_sure(
    resources: Resources, client: httpx.AsyncClient, musterstadt: Dno
) -> None:
    for query in ("netzentgelte stadtwerke musterstadt 2024 ms", "was kostet das wetter"):
        await answer(client, query)
    await until(lambda: not resources.read_through._filling)
    redis = resources.shared.client
    lives = [await redis.ttl(key) async for key in redis.scan_iter("*question:*")]
    sure, unsure = sorted((life for life in lives if life > 10), reverse=True)
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
    """As the mutation does it, signed by an editor."""
    user = await make.user(pool)
    context = Context(resources, principal=Principal(Role.EDITOR, user_id=user.id))
    await context.write(
        lambda work: work.connection.execute(f"UPDATE netzentgelte_data SET leistung = {leistung}")
    )


async def _until_told(client: httpx.AsyncClient, asked: str, wanted: str) -> None:
    async def told() -> bool:
        return wanted in (await answer(client, asked))["answer"]

    await until(told)


async def _until_seen(resources: Resources, tag: str) -> None:
    """What another writer changed has arrived here: until then nobody could know."""
    await until(lambda: resources.memory.get(tag) is None)
