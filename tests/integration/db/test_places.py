"""Places: reads by postal code, and the replacement of all places of a basis."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg
import pytest

from app.db import outbox, place_writes, places
from app.db.places import PostalCode
from app.db.staging import Outcome
from app.domain.entry import VoltageLevel
from app.domain.place import Place, PlaceBasis
from tests import factories as make

REGISTERED, PUBLISHED = PlaceBasis.REGISTERED_UNITS, PlaceBasis.PUBLISHED


async def at(pool, postal_code):
    (generation,) = (await places.fetch_generation(pool, [None])).values()
    key = PostalCode(generation, postal_code)
    return (await places.fetch_by_postal_code(pool, [key])).get(key, ())


async def replace(pool, basis, rows: Iterable[tuple[str, ...]], **options) -> Outcome:
    async with pool.connection() as connection, connection.transaction():
        await place_writes.create_staged(connection)
        await place_writes.stage(connection, rows, lambda count: None)
        return await place_writes.replace(connection, basis, **options)


def row(dno, postal_code="80331", *, basis=REGISTERED, town="", level="NS", locations="1"):
    return (str(basis), postal_code, town, str(dno.id), level, locations, "", "")


async def test_places_of_several_postal_codes_take_one_statement(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    await make.place(pool, a, "80331", municipality="München", voltage_level="NS", locations=3)
    await make.place(pool, b, "80333", basis="PUBLISHED", locations=None)
    generation = UUID(int=0)  # part of the key only
    keys = [PostalCode(generation, code) for code in ("80331", "80333", "80335")]
    before = pool.statements
    assert await places.fetch_by_postal_code(pool, keys) == {
        keys[0]: (Place(a.id, REGISTERED, "München", VoltageLevel.NS, 3),),
        keys[1]: (Place(b.id, PUBLISHED, None, None, None),),
    }
    assert pool.statements - before == 1


async def test_a_replacement_writes_only_differences(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    first = [row(a, locations="3"), row(a, level="MS"), row(b), row(b, "80333", town="München")]
    assert await replace(pool, REGISTERED, first) == Outcome(4, 0, 0, ())
    assert await replace(pool, REGISTERED, first) == Outcome(0, 0, 4, ())
    changed = [row(a, locations="4"), row(a, level="HS"), row(b)]
    assert await replace(pool, REGISTERED, changed) == Outcome(1, 1, 1, (), removed=2)
    assert {(place.dno_id, place.voltage_level, place.locations) for place in await at(pool, "80331")} == {
        (a.id, VoltageLevel.NS, 4),
        (a.id, VoltageLevel.HS, 1),
        (b.id, VoltageLevel.NS, 1),
    }
    assert await at(pool, "80333") == ()


async def test_a_replacement_leaves_places_of_another_basis_and_of_operators_that_are_not_listed(pool):
    a, b = await make.dno(pool, "netze-a"), await make.dno(pool, "netze-b")
    await make.place(pool, a, basis="PUBLISHED", locations=None)
    await replace(pool, REGISTERED, [row(a), row(b)])
    listed = await replace(pool, REGISTERED, [row(a, "80333")], only_listed_operators=True)
    assert listed == Outcome(1, 0, 0, (), removed=1)
    assert {(place.dno_id, place.basis) for place in await at(pool, "80331")} == {
        (a.id, PUBLISHED),
        (b.id, REGISTERED),
    }
    assert await replace(pool, REGISTERED, []) == Outcome(0, 0, 0, (), removed=2)
    assert [place.basis for place in await at(pool, "80331")] == [PUBLISHED]


async def test_each_change_begins_a_generation_and_records_an_event(pool):
    a = await make.dno(pool, "netze-a")

    async def state():
        waiting = await outbox.fetch_waiting(pool, limit=100)
        return (await places.fetch_generation(pool, [None])).get(None), sum(
            e.topic == "places" for e in waiting
        )

    async def execute(statement):
        async with pool.connection() as connection:
            await connection.execute(statement)

    await make.place(pool, a)
    seen = [await state()]
    for statement in (
        "UPDATE places SET locations = 2",
        "INSERT INTO places (basis, postal_code, dno_id) SELECT 'PUBLISHED', '80331', id FROM dnos",
        "DELETE FROM places WHERE basis = 'PUBLISHED'",
    ):
        await execute(statement)
        seen.append(await state())
    assert len({generation for generation, _ in seen}) == 4
    assert [events for _, events in seen] == [1, 2, 3, 4]
    await execute("DELETE FROM places WHERE basis = 'PUBLISHED'")  # there are none any more
    await replace(pool, REGISTERED, [row(a, level="", locations="2")])  # what is stored
    assert await state() == seen[-1]


@pytest.mark.parametrize(
    ("columns", "rule"),
    [
        ({"postal_code": "8033"}, "postal_code_has_5_digits"),
        ({"basis": "SEAT"}, "basis_is_known"),
        ({"voltage_level": "UHS"}, "voltage_level_is_known"),
        ({"locations": 0}, "locations_are_positive"),
        ({"locations": None}, "registered_units_are_counted"),
    ],
)
async def test_the_table_refuses_what_an_import_would_refuse(pool, columns, rule):
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await make.place(pool, await make.dno(pool), **columns)
    assert refused.value.constraint_name == rule


async def test_places_are_not_truncated_without_an_event(pool):
    async with pool.connection() as connection:
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await connection.execute("TRUNCATE places")
