"""Every loader fulfils the DataLoader contract: `load` and `load_many` agree, siblings are batched, a level is one statement."""

import asyncio
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.cache.read_set import ReadSet
from app.db.places import PostalCode, fetch_generation
from app.db.pool import Pool
from app.domain.entry import WHOLE_COUNTRY, DnoYear
from app.domain.families import FIGURES
from app.interpreter.question_records import Question
from app.language_model.budget import Call
from app.language_model.opinion_records import UnsureQuestion
from app.observability import operation_stats
from app.resources import Resources
from loaders.record_loader import RecordLoader
from loaders.registry import LoaderAttribute, Loaders, load_dno_year
from schema.queries.vocabulary import load_vocabulary

NAMES = [name for name, value in vars(Loaders).items() if isinstance(value, LoaderAttribute)]
# Loaders whose records are not read from PostgreSQL.
COMPUTED = {"interpretation_by_question", "opinion_by_question"}
NEVER_ABSENT = {
    "directory",
    "place_generation",
    "aliases",
    "held_years",
    "holiday_rules_by_dno",
    "levies",
    "unusual_entries_by_dno",
    "unusual_figures_by_family",
    *COMPUTED,
}
ABSENT = UUID(int=1)


class Model:
    """A language model that names an operator."""

    async def complete(self, instruction: str, sentence: str) -> str:
        return '{"dataType": "NETZENTGELTE", "dno": "netze-a", "year": 2024, "voltageLevel": null}'


async def keys_of(name: str, resources: Resources, pool: Pool, operators: Sequence[Any]) -> list[Any]:
    """Keys with a record, and one without where that is possible."""
    dno_ids = [dno.id for dno in operators]
    entries = await pool.fetch("SELECT id FROM netzentgelte_data ORDER BY id")
    revisions = await pool.fetch("SELECT id FROM revisions ORDER BY id LIMIT 5")
    by_argument: dict[str, list[Any]] = {
        "dno_by_slug": [*(dno.slug for dno in operators), "no-such-operator"],
        "dno_by_id": [*dno_ids, ABSENT],
        "years_by_dno": [*dno_ids, ABSENT],
        "holiday_rules_by_dno": [*dno_ids, ABSENT],
        "dnos_with_data_by_year": [2024, 2025, 1999],
        "unusual_entries_by_dno": [*dno_ids, ABSENT],
        "unusual_figures_by_family": [family.name for family in FIGURES],
        "held_figures_by_year": [2024, 2025, 1999],
        "location_by_entry": [*(row["id"] for row in entries), ABSENT],
        "history_by_entry": [*(row["id"] for row in entries), ABSENT],
        "revision_by_id": [*(row["id"] for row in revisions), ABSENT],
    }
    if name == "levies_by_dno_year":
        return [DnoYear(dno_id, 2024) for dno_id in (WHOLE_COUNTRY, ABSENT)]
    if name == "places_by_postal_code":
        (generation,) = (await fetch_generation(pool, [None])).values()
        return [PostalCode(generation, "89073"), PostalCode(generation, "00000")]
    if name.endswith("_by_dno_year"):
        return [DnoYear(dno_id, year) for dno_id in (*dno_ids, ABSENT) for year in (2024, 2025)]
    if name in COMPUTED:
        return await _questions(name, resources)
    return by_argument.get(name, [None])


async def _questions(name: str, resources: Resources) -> list[Any]:
    vocabulary, fingerprint = await load_vocabulary(resources, ReadSet())
    questions = [
        Question(text, vocabulary, fingerprint, date(2025, 5, 1)) for text in ("netze a ms 2024", "xyz")
    ]
    if name == "interpretation_by_question":
        return questions
    loaders = Loaders(resources.read_through, ReadSet())
    (record,) = await loaders.directory.load_many([None])
    directory = await resources.directories.of(record)
    names = await resources.names.of(directory.entries, ())
    return [
        UnsureQuestion(question, question.interpreted(), Model(), directory, names, Call())
        for question in questions
    ]


def loader_of(resources: Resources, name: str, *, memoize: bool = True) -> RecordLoader[Any, Any]:
    loader: RecordLoader[Any, Any] = getattr(
        Loaders(resources.read_through, ReadSet(), memoize=memoize), name
    )
    return loader


@pytest.fixture
async def uncached(resources: Resources) -> Resources:
    """Every read is sent to PostgreSQL."""
    resources.memory.switch_off()
    resources.shared.distrust("a test counts statements")
    resources.shared.trust = lambda since=None: False  # type: ignore[method-assign,assignment]
    resources.memory.switch_on = lambda *_: None  # type: ignore[method-assign]
    return resources


@pytest.mark.parametrize("name", NAMES)
async def test_load_and_load_many_return_the_same_records(
    name: str, resources: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    keys = await keys_of(name, resources, pool, operators)
    many = await loader_of(resources, name).load_many([*keys, *keys])
    loader = loader_of(resources, name)
    one_by_one = await asyncio.gather(*(loader.load(key) for key in (*keys, *keys)))
    alone = [await loader_of(resources, name).load(key) for key in keys]
    assert many == one_by_one == [*alone, *alone]
    assert any(record is not None for record in many)
    assert (many[-1] is None) == (name not in NEVER_ABSENT)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in COMPUTED])
@pytest.mark.parametrize("method", ["load", "load_many"])
async def test_a_level_is_one_statement_however_it_is_loaded(
    name: str, method: str, uncached: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    keys = await keys_of(name, uncached, pool, operators)
    loader = loader_of(uncached, name)
    spent = operation_stats.begin()
    if method == "load":
        await asyncio.gather(*(loader.load(key) for key in (*keys, *keys)))
    else:
        await loader.load_many([*keys, *keys])
    assert spent.statements == 1
    # Records that the operation has loaded are not read again by either method.
    await loader.load_many(keys)
    await loader.load(keys[0])
    assert spent.statements == 1


@pytest.mark.parametrize("name", NAMES)
async def test_a_level_is_one_round_trip_to_redis(
    name: str, resources: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    keys = await keys_of(name, resources, pool, operators)
    loader = loader_of(resources, name)
    resources.memory.clear()
    before = resources.shared.round_trips
    spent = operation_stats.begin()
    await asyncio.gather(*(loader.load(key) for key in (*keys, *keys)))
    assert spent.round_trips <= 1
    assert resources.shared.round_trips - before >= spent.round_trips


async def test_a_primed_record_is_not_read(uncached: Resources, operators: Sequence[Any]) -> None:
    loader = loader_of(uncached, "dno_by_id")
    other = msgspec.structs.replace(operators[0], name="Primed")
    spent = operation_stats.begin()
    assert loader.prime(operators[0].id, other) is loader
    assert await loader.load(operators[0].id) == other
    assert await loader.load_many([operators[0].id]) == [other]
    assert spent.statements == 0


async def test_priming_does_not_replace_a_loaded_record(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    loader = loader_of(uncached, "dno_by_id")
    loaded = await loader.load(operators[0].id)
    loader.prime(operators[0].id, msgspec.structs.replace(operators[0], name="Primed"))
    assert await loader.load(operators[0].id) == loaded


async def test_only_a_cleared_record_is_read_again_and_once(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    first, second = (dno.id for dno in operators[:2])
    loader = loader_of(uncached, "dno_by_id")
    spent = operation_stats.begin()
    await loader.load_many([first, second])
    assert loader.clear(first) is loader
    await loader.load(second)
    assert spent.statements == 1
    await loader.load_many([first, second])
    await loader.load_many([first, second])
    assert spent.statements == 2


async def test_all_records_are_read_again_once_after_clear_all(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    first, second = (dno.id for dno in operators[:2])
    loader = loader_of(uncached, "dno_by_id")
    spent = operation_stats.begin()
    await loader.load_many([first, second])
    assert loader.clear_all() is loader
    await loader.load(first)
    await loader.load(second)
    assert spent.statements == 3
    await loader.load_many([first, second])
    assert spent.statements == 3


async def test_clear_has_no_effect_on_a_loader_without_memoization(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    loader = loader_of(uncached, "dno_by_id", memoize=False)
    assert loader.clear(operators[0].id) is loader.clear_all() is loader
    spent = operation_stats.begin()
    await loader.load(operators[0].id)
    await loader.load(operators[0].id)
    assert spent.statements == 2


async def test_cleared_loaders_read_as_in_a_new_operation(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    loaders = Loaders(uncached.read_through, ReadSet())
    spent = operation_stats.begin()
    for _ in range(2):
        assert loaders.dno_by_id is loaders.dno_by_id
        for _ in range(2):
            await loaders.dno_by_id.load(operators[0].id)
            await loaders.years_by_dno.load(operators[0].id)
        loaders.clear()
    assert spent.statements == 4


@pytest.mark.parametrize("whole", [False, True])
async def test_a_read_that_began_before_a_clear_does_not_restore_the_record(
    uncached: Resources, operators: Sequence[Any], whole: bool
) -> None:
    """The read itself still returns its records."""
    first, second = (dno.id for dno in operators[:2])
    loader = loader_of(uncached, "dno_by_id")
    await loader.load_many([first])
    reading = asyncio.ensure_future(loader.load_many([first, second]))
    await asyncio.sleep(0)
    _ = loader.clear_all() if whole else loader.clear(second)
    assert [found.id for found in await reading] == [first, second]
    spent = operation_stats.begin()
    await loader.load_many([second])
    assert spent.statements == 1


async def test_a_loader_without_memoization_reads_each_time(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    """As for the vocabulary, which is read again each time."""
    loader = loader_of(uncached, "dno_by_id", memoize=False)
    spent = operation_stats.begin()
    loader.prime(operators[0].id, None)
    assert await loader.load(operators[0].id) is not None
    assert await loader.load_many([operators[0].id]) != [None]
    assert spent.statements == 2


async def test_a_failed_read_fails_each_load_and_is_not_memoized(
    uncached: Resources, operators: Sequence[Any]
) -> None:
    loader = loader_of(uncached, "dno_by_id")
    get_many, failure = uncached.read_through.get_many, RuntimeError("no connection")

    async def fail(*_: Any) -> Any:
        raise failure

    uncached.read_through.get_many = fail  # type: ignore[method-assign]
    found = await asyncio.gather(
        *(loader.load(dno.id) for dno in operators),
        loader.load_many([operators[0].id]),
        return_exceptions=True,
    )
    assert found == [failure] * (len(operators) + 1)
    uncached.read_through.get_many = get_many  # type: ignore[method-assign]
    assert await loader.load(operators[0].id) is not None


async def test_an_operators_year_is_loaded_into_the_cache_whole_with_a_statement_for_each_kind_of_record(
    resources: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    """Later queries for the year read neither Redis nor PostgreSQL."""
    dno = operators[2]
    key = DnoYear(dno.id, 2025)
    spent = operation_stats.begin()
    await load_dno_year(resources.read_through, key)
    assert spent.statements == 4 + len(FIGURES)
    spent = operation_stats.begin()
    loaders = Loaders(resources.read_through, ReadSet())
    assert await loaders.dno_by_id.load(dno.id) == dno
    assert await loaders.years_by_dno.load(dno.id) == (2025, 2024)
    assert await loaders.holiday_rules_by_dno.load(dno.id)
    assert await loaders.levies.load(None)
    for family in FIGURES:
        assert await loaders.of_family(family.name).load(key)
    assert (spent.statements, spent.round_trips) == (0, 0)


async def test_the_tags_of_all_loaders_are_added_to_the_read_set_of_the_operation(
    resources: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    read_set = ReadSet()
    loaders = Loaders(resources.read_through, read_set)
    expected = set()
    for name in NAMES:
        loader = getattr(loaders, name)
        keys = await keys_of(name, resources, pool, operators)
        await loader.load_many(keys)
        expected |= {loader.tag_of(key) for key in keys}
    assert read_set.tags == expected
    assert 0 < read_set.until < float("inf")
