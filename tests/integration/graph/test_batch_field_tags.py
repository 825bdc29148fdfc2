"""Each batch field that declares the tags of its values (`reads`) declares all of them."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from graphql import GraphQLObjectType

from app.db.pool import Pool
from app.domain import tags
from app.domain.bill import Bill
from app.domain.bill_ranking import RankedBill
from app.domain.consumption import Metering
from app.domain.coverage import coverage_of
from app.domain.entry import WHOLE_COUNTRY, DnoYear, VoltageLevel
from app.domain.event import EntryChange, Event, Topic
from app.domain.families import DataType
from app.domain.price import PriceKind
from app.domain.revision import ChangeKind
from app.resources import Resources
from schema.batch_field import RESOLVER, BatchResolver
from schema.context import Context
from schema.execution.compile import DEFINITION
from schema.held_figures import load_held
from schema.root import schema
from schema.types.consumption_input import ConsumptionInput
from schema.types.runtime_types import TAGGED

SPANS: list[dict[str, Any]] = [
    {"start": start, "end": end, "voltage_level": VoltageLevel.MS}
    for start, end in (
        (datetime(2025, 1, 5, tzinfo=UTC), datetime(2025, 1, 6, tzinfo=UTC)),
        (datetime(2023, 12, 31, 23, 30, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)),
    )
]
# Combinations of the arguments of a batch field.
ARGUMENTS: dict[str, list[dict[str, Any]]] = {
    "Coverage.byRegionAndYear": [{}, {"data_type": DataType.HLZF}],
    "Dno.tariffs": [{}, {"year": None}, {"year": 2024}, {"year": 2025, "voltage_level": VoltageLevel.MS}],
    "Dno.tariff": [{"year": year, "voltage_level": VoltageLevel.NS} for year in (1999, 2024, 2025)],
    "Dno.hlzf": [{}, {"year": None}, {"year": 2024}, {"year": 12345}],
    "Dno.timeOfUse": [{}, {"year": None}, {"year": 2025}],
    "Dno.prices": [
        {},
        {"year": 2025},
        {"year": 2025, "kinds": [PriceKind.MODUL_1]},
        {"year": 2025, "derived": False},
        {"derived": False},
    ],
    "Dno.priceHistory": [{"kind": PriceKind.MODUL_1}, {"kind": PriceKind.SLP_GRUNDPREIS, "derived": False}],
    "Dno.timeOfUseTariff": [{"year": year} for year in (1999, 2024, 2025)],
    "Dno.timeOfUsePrice": [
        {"at": at} for at in (datetime(2024, 12, 31, 23, 30, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
    ],
    "TimeOfUseTariff.prices": [
        {"start": datetime(2024, 12, 31, tzinfo=UTC), "end": datetime(2025, 1, 2, tzinfo=UTC)}
    ],
    # On New Year's Eve in Greenwich it may be next year in Germany.
    "Dno.isPeak": [
        {"at": at, "voltage_level": VoltageLevel.MS}
        for at in (datetime(2024, 12, 31, 23, 30, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
    ],
    "Dno.peakStatus": [
        {"at": at, "voltage_level": VoltageLevel.MS}
        for at in (datetime(2024, 12, 31, 23, 30, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))
    ],
    "Dno.peakIntervals": SPANS,
    "Dno.peakStatuses": SPANS,
    "Dno.bill": [
        {"input": ConsumptionInput(year=2025, consumption_kwh=Decimal(3_500), **given)}
        for given in (
            {"voltage_level": VoltageLevel.MS, "metering": Metering.RLM, "peak_load_kw": Decimal(1)},
            {"voltage_level": VoltageLevel.NS, "metering": Metering.SLP, "module": 1},
        )
    ],
    "Dno.holidayRule": [{"year": year} for year in (1999, 2024, 2025)],
    "HolidayRule.history": [{}, {"first": 1}],
    "Tariff.history": [{}, {"first": 1}, {"first": None}],
    "Hlzf.history": [{}, {"first": 1}],
    "TimeOfUseTariff.history": [{}, {"first": 1}],
    "Price.history": [{}, {"first": 1}],
    "Levy.history": [{}, {"first": 1}],
}


def batch_fields() -> Iterator[tuple[str, BatchResolver]]:
    for name, type in schema._schema.type_map.items():
        if not isinstance(type, GraphQLObjectType):
            continue
        for field_name, field in type.fields.items():
            definition: Any = field.extensions.get(DEFINITION)
            resolver = None if definition is None else definition.metadata.get(RESOLVER)
            if resolver is not None and resolver.reads is not None:
                yield f"{name}.{field_name}", resolver


BATCH_FIELDS = dict(batch_fields())


def test_all_types_that_can_be_cached_as_fragments_are_covered() -> None:
    assert {name.partition(".")[0] for name in BATCH_FIELDS} >= {"Dno", "Tariff", "Hlzf", "TimeOfUseTariff"}
    assert {"Dno"} == TAGGED
    assert {name for name in BATCH_FIELDS if _has_arguments(name)} == ARGUMENTS.keys()


def _has_arguments(name: str) -> bool:
    type, field = name.split(".")
    found: Any = schema._schema.type_map[type]
    return bool(found.fields[field].args)


@pytest.mark.parametrize("name", BATCH_FIELDS)
async def test_a_batch_field_declares_all_tags_that_its_values_depend_on(
    name: str, resources: Resources, pool: Pool, operators: Sequence[Any]
) -> None:
    resolver, parents = BATCH_FIELDS[name], await _parents(name.partition(".")[0], resources, operators)
    assert parents
    for parent, arguments in product(parents, ARGUMENTS.get(name, [{}])):
        assert resolver.reads is not None
        declared = frozenset(resolver.reads(parent, **arguments))
        context = Context(resources)
        await resolver.values([parent], context, arguments)
        for event in _events(operators, [getattr(other, "id", None) for other in parents]):
            touched = tags.of(event)
            if touched & context.read_set.tags:
                assert touched & declared, (parent, arguments, event.topic, event.year)


async def _parents(type: str, resources: Resources, operators: Sequence[Any]) -> list[Any]:
    if type == "Dno":
        return list(operators)
    if type == "RankedBill":
        nothing = Bill((), None, None, None, None, None, 19, (), ())
        return [RankedBill(1, dno.id, nothing, None, False, False) for dno in operators]
    if type == "Coverage":
        return [coverage_of(*await load_held(Context(resources), tags.COVERAGE), ())]
    loaders = Context(resources).loaders
    loader: Any = {
        "Tariff": loaders.tariffs_by_dno_year,
        "Hlzf": loaders.hlzf_by_dno_year,
        "TimeOfUseTariff": loaders.time_of_use_by_dno_year,
        "Price": loaders.prices_by_dno_year,
        "HolidayRule": loaders.of_family("holiday_rules"),
        "Levy": loaders.of_family("levies"),
    }[type]
    ids = [WHOLE_COUNTRY] if type == "Levy" else [dno.id for dno in operators]
    found = await loader.load_many([DnoYear(dno_id, year) for dno_id in ids for year in (2024, 2025)])
    return [entry for entries in found for entry in entries or ()]


def _events(operators: Sequence[Any], entry_ids: Sequence[UUID]) -> Iterator[Event]:
    """Each change that could affect the operators, one event each."""
    now = datetime.now(UTC)
    yield Event(1, Topic["LEVIES"], WHOLE_COUNTRY, 2024, now, ())
    for entry_id in entry_ids:
        change = EntryChange(entry_id, 2, ChangeKind.CORRECTED)
        yield Event(1, Topic["LEVIES"], WHOLE_COUNTRY, 2024, now, (change,))
    for dno in operators:
        change = EntryChange(dno.id, 2, ChangeKind.CORRECTED, dno.slug)
        yield Event(1, Topic.OPERATOR, None, None, now, (change,))
        for topic, year in product(
            (Topic.TARIFFS, Topic.HLZF, Topic.TIME_OF_USE, Topic["PRICES"], Topic["HOLIDAY_RULES"]),
            range(2022, 2028),
        ):
            yield Event(1, topic, dno.id, year, now, ())
            for entry_id in entry_ids:
                change = EntryChange(entry_id, 2, ChangeKind.CORRECTED)
                yield Event(1, topic, dno.id, year, now, (change,))
