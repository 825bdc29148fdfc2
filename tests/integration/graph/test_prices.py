"""Prices of a price sheet: added, corrected, verified, reverted and read like other entries; units and levels fit kinds."""

from typing import Any

import pytest

from app.db.pool import Pool
from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.price import PriceKind
from app.settings import Settings
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running, stream
from tests.integration.graph.writing import Caller, global_id, refusals

PRICES = """query ($year: Int, $kinds: [PriceKind!], $level: VoltageLevel, $variant: String) { dno(slug: "netze-a") {
  prices(year: $year, kinds: $kinds, voltageLevel: $level, variant: $variant, derived: false) {
    id version year kind voltageLevel variant amount unit } years } }"""
NODE = """query ($id: ID!) { node(id: $id) { __typename ... on Price {
  amount verificationStatus publication derivedFrom dno { slug } source { url } history { kind version } } } }"""
NEW = {"dno": "netze-a", "year": 2026, "kind": "SLP_ARBEITSPREIS", "amount": "7.49"}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


async def prices_of(caller: Caller, **wanted: Any) -> list[Any]:
    found: list[Any] = (await caller.execute(PRICES, **wanted))["dno"]["prices"]
    return found


async def test_an_added_price_has_the_unit_and_the_only_level_of_its_kind(editor: Caller, dno: Dno) -> None:
    added = await editor.write("addPrice", **NEW, sourceUrl="https://example.org/2026.pdf")
    assert added["errors"] == []
    price = added["price"]
    assert (price["voltageLevel"], price["unit"], price["amount"]) == ("NS", "CT_PER_KWH", "7.49")
    assert (price["version"], price["variant"], price["derivedFrom"]) == (1, None, None)
    assert (price["verificationStatus"], price["publication"]) == ("UNVERIFIED", "FINAL")
    changes = {change["field"]: change["after"] for change in added["revision"]["changes"]}
    assert (changes["amount"], changes["unit"], changes["sourceUrl"]) == (
        "7.49",
        "CT_PER_KWH",
        "https://example.org/2026.pdf",
    )
    [read] = await prices_of(editor, year=2026)
    assert read == {name: price[name] for name in read}
    node = (await editor.execute(NODE, id=price["id"]))["node"]
    assert (node["__typename"], node["dno"], node["history"]) == (
        "Price",
        {"slug": "netze-a"},
        [{"kind": "CREATED", "version": 1}],
    )


async def test_prices_differ_by_kind_level_and_variant(editor: Caller, dno: Dno) -> None:
    meter = {"dno": "netze-a", "year": 2026, "kind": "MESSSTELLENBETRIEB", "amount": "10.68"}
    for more in ({}, {"variant": "Eintarif"}, {"variant": "Eintarif", "voltageLevel": "NS"}):
        added = await editor.write("addPrice", **meter, **more)
        assert added["errors"] == []
        again = await editor.write("addPrice", **meter, **more)
        assert refusals(again) == [("CONFLICT", ["input", "kind"])]
    # "ä" as one character and as two is one variant.
    await editor.write("addPrice", **meter, variant="Zähler")
    again = await editor.write("addPrice", **meter, variant="Za\u0308hler")
    assert refusals(again) == [("CONFLICT", ["input", "kind"])]
    assert "the variant Za\u0308hler already" in again["errors"][0]["message"]


async def test_prices_are_listed_by_kind_level_and_variant_and_can_be_selected(
    editor: Caller, dno: Dno, pool: Pool
) -> None:
    for kind, amount, level, variant in (
        (PriceKind.MESSSTELLENBETRIEB, "3", None, "b"),
        (PriceKind.MESSSTELLENBETRIEB, "2", None, None),
        (PriceKind.MESSSTELLENBETRIEB, "1", VoltageLevel.MS, "a"),
        (PriceKind.RESERVE_200H, "50", VoltageLevel.NS, None),
        (PriceKind.RESERVE_200H, "40", VoltageLevel.MS, None),
        (PriceKind.SLP_GRUNDPREIS, "60", VoltageLevel.NS, None),
    ):
        await make.price(pool, dno, 2025, kind, amount, level, variant)
    await make.price(pool, dno, 2026)

    async def amounts(**wanted: Any) -> list[str]:
        return [price["amount"] for price in await prices_of(editor, **wanted)]

    assert await amounts() == ["7.49", "60", "40", "50", "2", "3", "1"]
    assert await amounts(year=2025, kinds=["MESSSTELLENBETRIEB", "SLP_GRUNDPREIS"]) == ["60", "2", "3", "1"]
    assert await amounts(year=2025, kinds=["MESSSTELLENBETRIEB"], level="MS") == ["1"]
    assert await amounts(level="NS") == ["7.49", "60", "50"]
    assert await amounts(variant="a") == ["1"]
    assert (await amounts(kinds=[]), await amounts(year=1999), await amounts(year=12345)) == ([], [], [])


@pytest.mark.parametrize(
    ("new", "field", "message"),
    [
        ({"unit": "EUR_PER_YEAR"}, "unit", "SLP_ARBEITSPREIS has the unit CT_PER_KWH, not EUR_PER_YEAR."),
        ({"voltageLevel": "MS"}, "voltageLevel", "SLP_ARBEITSPREIS is a price of NS, not of MS."),
        ({"kind": "MODUL_1"}, "voltageLevel", "MODUL_1 is a price of MS_NS or NS."),
        ({"kind": "RESERVE_200H"}, "voltageLevel", "RESERVE_200H needs a voltage level."),
        ({"amount": "-1"}, "amount", "A price is not negative."),
        ({"amount": "1.23456"}, "amount", "A price has at most 4 decimals."),
        ({"amount": "1000000"}, "amount", "A price is below 1,000,000."),
        ({"variant": ""}, "variant", "A variant must have 1 to 100 characters."),
        ({"variant": "x" * 101}, "variant", "A variant must have 1 to 100 characters."),
        ({"variant": " a"}, "variant", "A variant must be one line without spaces around it."),
        ({"variant": "a\nb"}, "variant", "A variant must be one line without spaces around it."),
        ({"variant": "a\0"}, "variant", "A variant must be one line without spaces around it."),
        ({"year": 1999}, "year", "A year lies between 2000 and 2100."),
        ({"sourceUrl": "ftp://x"}, "sourceUrl", "A source's address begins with https:// or http:// and the name of a host, without spaces around it."),
    ],
)  # fmt: skip
async def test_a_value_that_does_not_fit_is_refused_with_its_field(
    editor: Caller, dno: Dno, new: dict[str, Any], field: str, message: str
) -> None:
    refused = await editor.write("addPrice", **(NEW | new))
    assert (refused["price"], refused["revision"]) == (None, None)
    [error] = refused["errors"]
    assert (error["code"], error["field"], error["message"]) == ("INVALID", ["input", field], message)
    assert await prices_of(editor) == []


async def test_a_price_of_an_operator_that_does_not_exist_is_refused(editor: Caller, dno: Dno) -> None:
    refused = await editor.write("addPrice", **(NEW | {"dno": "netze-b"}))
    assert refusals(refused) == [("NOT_FOUND", ["input", "dno"])]


async def test_a_correction_is_recorded_and_can_be_reverted_verified_and_flagged(
    editor: Caller, admin: Caller, dno: Dno, pool: Pool
) -> None:
    price = await make.price(pool, dno, verification_status="verified", source_title="Preisblatt")
    id = global_id(price)
    corrected = await editor.write("correctPrice", id=id, amount="7.94", reason="typing error")
    assert (corrected["price"]["amount"], corrected["price"]["version"]) == ("7.94", 2)
    assert corrected["revision"]["changes"] == [
        {"field": "amount", "before": "7.49", "after": "7.94"},
        {"field": "verificationStatus", "before": "VERIFIED", "after": "UNVERIFIED"},
    ]
    stale = await editor.write("correctPrice", id=id, amount="8", expectedVersion=1)
    assert refusals(stale) == [("CONFLICT", ["input", "expectedVersion"])]
    same = await editor.write("correctPrice", id=id, amount="7.94")
    assert (same["revision"], same["price"]["version"]) == (None, 2)
    verified = await admin.write("verify", id=id)
    assert verified["entry"] == {
        "id": id,
        "version": 3,
        "amount": "7.94",
        "verificationStatus": "VERIFIED",
        "publication": "FINAL",
    }
    await editor.write("flag", id=id, reason="in doubt")
    await admin.write("revert", revisionId=corrected["revision"]["id"])
    node = (await editor.execute(NODE, id=id))["node"]
    assert (node["amount"], node["verificationStatus"]) == ("7.49", "VERIFIED")
    assert [each["kind"] for each in node["history"]] == [
        "REVERTED",
        "FLAGGED",
        "VERIFIED",
        "CORRECTED",
        "CREATED",
    ]


async def test_a_price_that_is_added_again_after_it_was_removed_keeps_its_id(
    editor: Caller, admin: Caller, dno: Dno
) -> None:
    added = await editor.write("addPrice", **NEW)
    removed = await admin.write("revert", revisionId=added["revision"]["id"])
    assert removed["entry"] is None
    assert await prices_of(editor) == []
    restored = await editor.write("addPrice", **(NEW | {"amount": "8"}))
    assert (restored["price"]["id"], restored["price"]["version"]) == (added["price"]["id"], 3)


async def test_a_rise_to_more_than_three_times_last_years_amount_is_a_warning(
    editor: Caller, dno: Dno, pool: Pool
) -> None:
    await make.price(pool, dno, 2025, amount="7.49")
    await make.price(pool, dno, 2025, PriceKind.MESSSTELLENBETRIEB, "10", None)
    added = await editor.write("addPrice", **(NEW | {"amount": "74.90"}))
    assert added["warnings"] == [
        {
            "code": "UNUSUAL_RISE",
            "message": "74.90 is more than 3 times last year's 7.49.",
            "field": ["input", "amount"],
        }
    ]
    meter = {"dno": "netze-a", "year": 2026, "kind": "MESSSTELLENBETRIEB", "amount": "31"}
    assert (await editor.write("addPrice", **meter))["warnings"] != []
    # Last year's price of another variant is no measure.
    assert (await editor.write("addPrice", **meter, variant="Eintarif"))["warnings"] == []


async def test_changes_are_delivered_and_no_instance_serves_the_former_amount(
    server: Running, pool: Pool, settings: Settings, dno: Dno
) -> None:
    price = await make.price(pool, dno)
    id = global_id(price)
    await server.delivered()
    _, editor = await issue_key(pool)
    changes = """subscription { dataChanged(dataType: PRICE) {
      kind dataType year dno { slug } entry { ... on Price { id version } } } }"""
    correct = """mutation ($input: CorrectPriceInput!) { correctPrice(input: $input) { errors { code } } }"""
    read = 'query ($id: ID!) { node(id: $id) { ... on Price { version amount } } dno(slug: "netze-a") { prices(derived: false) { amount } } }'
    async with running(settings) as other, stream(server, changes) as client:
        for version in range(2, 5):
            await server.execute(read, id=id)
            await other.execute(correct, editor, input={"id": id, "amount": f"{version}.5"})
            assert await client.next_change() == {
                "kind": "CORRECTED",
                "dataType": "PRICE",
                "year": 2025,
                "dno": {"slug": "netze-a"},
                "entry": {"id": id, "version": version},
            }
            for instance in (server, other):
                assert await instance.execute(read, id=id) == {
                    "node": {"version": version, "amount": f"{version}.5"},
                    "dno": {"prices": [{"amount": f"{version}.5"}]},
                }
