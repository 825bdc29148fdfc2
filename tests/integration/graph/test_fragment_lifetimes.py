"""Until when the cached text of an object holds: as long as its own records."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.cache.clock import monotonic
from app.cache.memory import Entry, Memory
from app.domain.dno import Dno
from app.domain.entry import DnoYear
from app.domain.families import NETZENTGELTE, OF_DATA_TYPE
from app.resources import Resources
from schema.context import Context
from schema.execution.document_cache import DocumentCache
from schema.execution.operation import OperationExecutor
from schema.root import schema
from tests import factories as make
from tests.waiting import until, until_delivered

NAMES = "{ dnos { nodes { name tariffs(year: 2025) { leistung } } } }"
SLUGS = "{ dnos { nodes { slug tariffs(year: 2025) { leistung } } } }"


@pytest.fixture
async def dnos(resources: Resources) -> Sequence[Dno]:
    made = [await make.dno(resources.pool, slug) for slug in ("netze-a", "netze-b")]
    for dno in made:
        await make.tariff(resources.pool, dno, 2025)
    await until_delivered(resources.pool)
    # Its own heartbeat is received after everything that was published before.
    settings, now = resources.settings, monotonic()
    bound = settings.heartbeat_interval * settings.max_missed_heartbeats
    await until(lambda: resources.memory.valid_until > now + bound and resources.shared.trusted)
    resources.memory._jitter = 0.0
    return made


async def execute(context: Context, text: str) -> None:
    operation = DocumentCache(schema, context.resources.settings).get(text).operation(None)
    answer = await OperationExecutor(schema).run(operation, operation.variables({}), {}, context)
    assert not answer.errors


def texts_of(resources: Resources) -> dict[str, Entry]:
    """The latest cached text of each operator."""
    entries: dict[Any, Entry] = resources.memory._entries
    return {key[1]: entry for key, entry in entries.items() if isinstance(entry.value, bytes)}


async def test_a_text_ends_with_its_own_records_and_not_with_those_of_another_object(
    resources: Resources, dnos: Sequence[Dno]
) -> None:
    await execute(Context(resources), NAMES)
    records = resources.memory._entries
    ending = records[OF_DATA_TYPE[NETZENTGELTE].tag(DnoYear(dnos[0].id, 2025))]
    ending.until -= 30
    context = Context(resources)
    await execute(context, SLUGS)
    texts = texts_of(resources)
    assert texts[dnos[0].slug].until == ending.until == context.read_set.until
    other = texts[dnos[1].slug]
    assert other.until == min(records[tag].until for tag in other.tags) > ending.until + 10


async def test_texts_of_an_operation_whose_content_changes_with_time_end_then(
    resources: Resources, dnos: Sequence[Dno]
) -> None:
    context, moment = Context(resources), monotonic() + 20
    context.read_set.change_at(moment)
    await execute(context, SLUGS)
    assert {texts_of(resources)[dno.slug].until for dno in dnos} == {moment}


async def test_texts_end_with_the_operation_where_one_of_their_records_is_not_in_memory_any_more(
    resources: Resources, dnos: Sequence[Dno], monkeypatch: pytest.MonkeyPatch
) -> None:
    await execute(Context(resources), NAMES)
    ending = resources.memory._entries[OF_DATA_TYPE[NETZENTGELTE].tag(DnoYear(dnos[0].id, 2025))]
    ending.until -= 30
    monkeypatch.setattr(Memory, "end_of", lambda self, keys: None)
    await execute(Context(resources), SLUGS)
    assert {texts_of(resources)[dno.slug].until for dno in dnos} == {ending.until}
