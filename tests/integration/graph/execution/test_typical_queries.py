"""Typical queries have a plan, which does not fail and returns the bytes of the executor."""

from typing import Any

import pytest

from app.domain.entry import DnoYear
from app.resources import Resources
from schema.context import Context
from schema.types.node import Kind, write_id
from tests.integration.graph.test_plans import Comparison

# Queries with their variables. All are executed cold, with cached records, and with cached fragments.
OPERATORS: list[tuple[str, dict[str, Any]]] = [
    ('{ dno(slug: "netze-a") { name } }', {}),
    ('{ a: dno(slug: "netze-a") { n: name slug city postalCode statistics { connectionPoints connectionPointsByLevel { __typename } } } }', {}),
    ('{ dno(slug: "none") { name tariffs { year } } other: dno(slug: "netze-b") { name officialName } }', {}),
    ("query Q($slug: String!) { dno(slug: $slug) { __typename id years updatedAt transmission } }", {"slug": "netze-c"}),
    ("query Q($slug: String!) { dno(slug: $slug) { ...F name } } fragment F on Dno { slug name }", {"slug": "netze-d"}),
    ('{ dno(slug: "netze-a") { name } dno(slug: "netze-a") { slug region } }', {}),
    ('{ dno(slug: "netze-b") { region ... on Node { id } ... { city } } }', {}),
]  # fmt: skip
LISTS: list[tuple[str, dict[str, Any]]] = [
    ("{ dnos(first: 3) { nodes { name } pageInfo { hasNextPage endCursor } totalCount } }", {}),
    ("{ dnos { edges { cursor node { slug tariffs { year leistung arbeit dno { name } } } } } }", {}),
    ("query ($n: Int, $o: DnoOrder) { dnos(first: $n, orderBy: $o) { nodes { slug } } }", {"n": 2, "o": "UPDATED_AT"}),
    ("query ($n: Int = 3, $o: DnoOrder! = SLUG) { dnos(first: $n, orderBy: $o) { nodes { slug } } }", {}),
    ("query ($n: Int = 3, $o: DnoOrder! = SLUG) { dnos(first: $n, orderBy: $o) { nodes { slug } } }", {"n": 1}),
    ("query ($f: DnoFilter) { dnos(filter: $f) { nodes { slug years } } }", {"f": {"region": "Bayern", "hasDataForYear": 2025}}),
    ("query ($r: String) { dnos(filter: {region: $r, transmission: false}) { totalCount } }", {"r": "Hessen"}),
    ('{ searchDnos(query: "netze", first: 2) { score dno { slug hlzf { year windows { start end } } } } }', {}),
    ("{ coverage { totalEntries byRegion { region dnos } byYear { year tariffs } } }", {}),
]  # fmt: skip
FIGURES: list[tuple[str, dict[str, Any]]] = [
    ('{ dno(slug: "netze-c") { tariffs(year: 2025, voltageLevel: MS) { ...T } } } fragment T on Tariff { id year voltageLevel leistung verificationStatus version source { url } }', {}),
    ("query ($y: Int, $l: VoltageLevel) { dno(slug: \"netze-c\") { tariffs(year: $y, voltageLevel: $l) { year voltageLevel } } }", {"y": 2025, "l": "NS"}),
    ("query ($y: Int, $l: VoltageLevel) { dno(slug: \"netze-c\") { tariffs(year: $y, voltageLevel: $l) { year voltageLevel } } }", {"l": "MS"}),
    ("query ($y: Int, $l: VoltageLevel) { dno(slug: \"netze-c\") { tariffs(year: $y, voltageLevel: $l) { year voltageLevel } } }", {"y": None}),
    ("query ($y: Int!, $l: VoltageLevel!) { dnos { nodes { tariff(year: $y, voltageLevel: $l) { arbeit previousYear { year arbeit } } } } }", {"y": 2025, "l": "MS"}),
    ('{ dno(slug: "netze-c") { tariffs { annualCost(consumptionKwh: "1000000", peakLoadKw: "500") { total } history(first: 2) { id } } } }', {}),
    ('query ($p: Publication) { dnos { nodes { tariffs(publication: $p) { year publication } hlzf(year: 2025, publication: $p) { year previousYear { year season } } timeOfUse { year previousYear { year previousYear { version } } } holidayRule(year: 2025) { previousYear { year } } } } }', {"p": "FINAL"}),
    ('query ($p: Publication) { dnos { nodes { tariffs(publication: $p) { year publication } } } rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: "1000", peakLoadKw: "2", publication: $p) { rank } }', {"p": "PRELIMINARY"}),
    ('query ($k: PriceKind!, $d: Boolean! = true) { dnos { nodes { prices(derived: $d) { id kind amount derivedFrom version previousYear { amount } dno { slug } } priceHistory(kind: $k, publication: FINAL) { year amount } } } }', {"k": "MODUL_1"}),
    ('query ($kinds: [PriceKind!]) { dno(slug: "netze-c") { prices(year: 2025, kinds: $kinds, derived: false) { id history { kind } } } }', {"kinds": ["SLP_ARBEITSPREIS", "MODUL_1"]}),
    ("query ($k: Decimal!) { dno(slug: \"netze-c\") { tariffs { annualCost(consumptionKwh: $k, peakLoadKw: 7) { total } } } }", {"k": "2000"}),
    ("query ($k: Decimal!) { dno(slug: \"netze-c\") { tariffs { annualCost(consumptionKwh: $k, peakLoadKw: 7) { total } } } }", {"k": "3000"}),
    ('{ dno(slug: "netze-d") { hlzf(season: WINTER) { season windows { start end } dno { slug hlzf { dno { name } } } } timeOfUse(year: 2025) { year } } }', {}),
    ('{ dnos { nodes { prices { id year kind voltageLevel variant amount unit derivedFrom publication verificationStatus version updatedAt source { url } dno { slug } history { kind } } } } }', {}),
    ('query ($k: [PriceKind!], $l: VoltageLevel) { dno(slug: "netze-c") { prices(year: 2025, kinds: $k, voltageLevel: $l) { kind amount unit } } }', {"k": ["MESSSTELLENBETRIEB", "MODUL_1"]}),
    ('query ($k: [PriceKind!], $l: VoltageLevel) { dno(slug: "netze-c") { prices(year: 2025, kinds: $k, voltageLevel: $l) { kind amount unit } } }', {"k": [], "l": "NS"}),
    ('{ dno(slug: "netze-c") { prices(voltageLevel: NS, variant: "none") { kind } a: prices(kinds: [SLP_ARBEITSPREIS], voltageLevel: NS) { amount } } }', {}),
    ('query ($at: DateTime!) { dnos { nodes { timeOfUsePrice(at: $at) { start end band price grossPrice difference timeVariable } } } }', {"at": "2025-01-15T08:00:00+01:00"}),
    ('query ($from: DateTime!, $r: Resolution) { dno(slug: "netze-d") { timeOfUseTariff(year: 2025) { priceAt(at: $from) { end } prices(from: $from, to: "2025-01-17T00:00:00Z", resolution: $r) { start end band } } } }', {"from": "2025-01-15T08:00:00+01:00", "r": "HOUR"}),
    ('query ($from: DateTime!, $r: Resolution) { dno(slug: "netze-d") { timeOfUseTariff(year: 2025) { prices(from: $from, to: "2025-01-17T00:00:00Z", resolution: $r) { start end band } } } }', {"from": "2025-01-15T08:00:00+01:00"}),
    ('query ($at: DateTime!) { dnos { nodes { peakStatus(at: $at, voltageLevel: MS) { peak reason note interval { start end } } } } }', {"at": "2025-01-15T08:00:00+01:00"}),
    ('query ($a: DateTime!, $b: DateTime!) { dnos { nodes { peakIntervals(from: $a, to: $b, voltageLevel: MS) { start end } peakStatuses(from: $a, to: $b, voltageLevel: NS) { peak reason } } } }', {"a": "2024-12-15T08:00:00+01:00", "b": "2025-01-12T08:00:00+01:00"}),
    ('{ dnos { nodes { holidayRule(year: 2025) { id year bridgeDays excludedDates holidays holidayStates christmas timeStamps bridgeDayWords source { url } dno { slug } history { kind } } } } }', {}),
    ('query ($at: DateTime!) { dnos { nodes { isPeak(at: $at, voltageLevel: MS) } } }', {"at": "2025-01-15T08:00:00+01:00"}),
    ('query ($i: ConsumptionInput!) { dnos { nodes { bill(input: $i) { positions { name quantity quantityUnit price priceUnit amount entry { __typename ... on Tariff { leistung dno { slug } } ... on Price { kind } } levy { kind } } network levies net vat gross vatPercent missing warnings { code message field } } } } }', {"i": {"year": 2025, "voltageLevel": "MS", "metering": "RLM", "consumptionKwh": "1000.50", "peakLoadKw": 5}}),
    ('query ($k: Decimal!) { dno(slug: "netze-d") { bill(input: {year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: $k, bandKwh: {ht: $k, st: 0, nt: 0}, module: 3}) { network positions { name amount entry { ... on TimeOfUseTariff { windows { start } } } } } } }', {"k": "0.250"}),
    ('{ dnos { nodes { a: bill(input: {year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: 1}) { missing } b: bill(input: {year: 2025, voltageLevel: NS, metering: SLP, consumptionKwh: "1.0"}) { positions { quantity } } } } }', {}),
    ('query ($y: Int!, $k: [LevyKind!]) { levies(year: $y, kinds: $k) { previous { value } __typename id kind customerGroup value unit validFrom validTo inhabitantsFrom inhabitantsTo legalBasis articleId note verificationStatus source { url } version updatedAt history { kind } } missingLevies(year: $y) { kind customerGroup validFrom validTo reason } }', {"y": 2025}),
    ('{ rankBills(profile: INDUSTRY, year: 2025) { consumption { peakLoadKw metering } bills { rank dno { slug } bill { network positions { name entry { ... on Tariff { id } } } } difference derived preliminary } ranked derivedOnly notKnown withoutData } }', {}),
    ('query ($p: Publication) { rankBills(profile: INDUSTRY, year: 2025, publication: $p) { bills { rank preliminary } ranked otherPublication } }', {"p": "PRELIMINARY"}),
    ('query ($s: [String!]!, $p: BillProfile, $y: Int) { compareBills(slugs: $s, profile: $p, year: $y) { rank dno { name } bill { network missing warnings { code } } } }', {"s": ["netze-c", "netze-d", "netze-c"], "p": "HOUSEHOLD", "y": 2025}),
    ('{ rankTariffs(year: 2025, voltageLevel: MS, consumptionKwh: "1000", peakLoadKw: "2") { rank cost { total } tariff { dno { name } } } }', {}),
]  # fmt: skip
CONDITIONS = "query ($a: Boolean!, $b: Boolean!) { dno(slug: \"netze-a\") { slug name @skip(if: $a) ... @include(if: $b) { city tariffs { year } } } }"  # fmt: skip
CONDITIONAL = [(CONDITIONS, {"a": a, "b": b}) for a in (True, False) for b in (True, False)]
CONDITIONAL += [
    ("query ($a: Boolean!) { coverage @skip(if: $a) { totalDnos } ...F @include(if: $a) } fragment F on Query { dno(slug: \"netze-a\") { slug } }", {"a": True}),
    ("query ($a: Boolean!) { coverage @skip(if: $a) { totalDnos } dno(slug: \"netze-a\") { slug } ...F @include(if: $a) } fragment F on Query { dno(slug: \"netze-a\") { name } }", {"a": False}),
    ("query ($a: Boolean = true) { dno(slug: \"netze-a\") { slug name @skip(if: $a) } }", {}),
    ("query ($a: Boolean = true) { dno(slug: \"netze-a\") { slug name @skip(if: $a) } }", {"a": False}),
    ("query ($a: Boolean!) { dno(slug: \"netze-a\") { ...F slug } } fragment F on Dno { city @include(if: $a) }", {"a": True}),
    ("query ($a: Boolean!) { dno(slug: \"netze-a\") { ...F slug } } fragment F on Dno { city @include(if: $a) }", {"a": False}),
    ('{ dno(slug: "netze-a") { slug @include(if: false) name @skip(if: false) } }', {}),
]  # fmt: skip


async def compare(resources: Resources, queries: list[tuple[str, dict[str, Any]]]) -> None:
    comparison = Comparison(resources)
    for text, raw_variables in queries:
        operation = comparison.documents.get(text).operation(None)
        variables = operation.variables(raw_variables)
        plan = operation.plan(variables)
        assert plan.root is not None, (plan.reason, text)
        assert operation.plan(variables) is plan
        expected = await comparison.executor._by_executor(operation, raw_variables, Context(resources), None)
        assert expected.errors == 0, (text, expected.body)
        for _ in range(2):
            context = Context(resources)
            answer = await comparison.executor._by_plan(operation, variables, context, None)
            assert answer is not None, text
            assert answer.body == expected.body
            assert (answer.errors, answer.data) == (0, True)
            assert context.read_set.tags
            assert context.read_set.until < float("inf")


@pytest.mark.parametrize("queries", [OPERATORS, LISTS, FIGURES, CONDITIONAL], ids=["operators", "lists", "figures", "conditional"])  # fmt: skip
async def test_plans_of_typical_queries_return_the_bytes_of_the_executor(
    resources: Resources, operators: list[Any], queries: list[tuple[str, dict[str, Any]]]
) -> None:
    await compare(resources, queries)


async def test_plans_of_nodes_return_the_bytes_of_the_executor(
    resources: Resources, operators: list[Any]
) -> None:
    """Types are abstract: an object may be of any class."""
    key = DnoYear(operators[2].id, 2025)
    (tariffs,) = await Context(resources).loaders.tariffs_by_dno_year.load_many([key])
    (windows,) = await Context(resources).loaders.hlzf_by_dno_year.load_many([key])
    assert tariffs
    assert windows
    ids = [
        write_id(Kind.DNO, operators[0].id),
        write_id(Kind.TARIFF, tariffs[0].id),
        write_id(Kind.HLZF, windows[0].id),
        write_id(Kind.DNO, key.dno_id).replace("0", "1"),
    ]
    fields = "__typename id ... on Dno { slug tariffs { year } } ... on Tariff { year dno { name } history { id } }"
    await compare(
        resources,
        [
            (f"query ($i: ID!) {{ node(id: $i) {{ {fields} }} }}", {"i": ids[0]}),
            (f"query ($i: ID!) {{ node(id: $i) {{ {fields} }} }}", {"i": ids[1]}),
            (f"query ($i: [ID!]!) {{ nodes(ids: $i) {{ {fields} }} }}", {"i": [*ids, ids[0]]}),
            (f"query ($i: ID!) {{ nodes(ids: [$i, $i]) {{ {fields} }} }}", {"i": ids[1]}),
        ],
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{ __schema { queryType { name } } }", "introspection"),
        ('{ __type(name: "Dno") { name } }', "introspection"),
        ("mutation { a: revokeApiKey(id: \"x\") { errors { message } } b: revokeApiKey(id: \"y\") { errors { message } } }", "mutations"),
        ("subscription { dataChanged { year } }", "subscription"),
    ],
)  # fmt: skip
async def test_an_operation_without_a_plan_has_the_reason_of_it(
    resources: Resources, text: str, reason: str
) -> None:
    operation = Comparison(resources).documents.get(text).operation(None)
    plan = operation.plan(operation.variables({}))
    assert (plan.root, plan.reason) == (None, reason)


async def test_an_error_of_a_resolver_and_a_missing_variable_are_left_to_the_executor(
    resources: Resources, operators: list[Any]
) -> None:
    comparison = Comparison(resources)
    for text, raw_variables in (
        ('{ dnos(first: 0) { totalCount } }', {}),
        ('{ node(id: "nonsense") { id } }', {}),
        ("query ($n: Int! = 3) { dnos(first: $n) { totalCount } }", {"n": 0}),
    ):  # fmt: skip
        operation = comparison.documents.get(text).operation(None)
        variables = operation.variables(raw_variables)
        assert operation.plan(variables).root is not None
        assert await comparison.executor._by_plan(operation, variables, Context(resources), None) is None
        answer = await comparison.executor.run(operation, variables, raw_variables, Context(resources))
        assert answer.errors == 1
