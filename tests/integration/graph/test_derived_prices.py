"""Prices that follow from others are shown with their rule, are stored nowhere, and go as soon as one is published."""

from typing import Any

import pytest

from app.cache.read_set import ReadSet
from app.db.pool import Pool
from app.domain.account import Role
from app.domain.derived_prices import MODULE_1_RULE, MODULE_2_RULE, STANDARD_PRICE_RULE
from app.domain.dno import Dno
from app.domain.entry import DnoYear
from app.domain.price import PriceKind
from app.observability import operation_stats
from app.resources import Resources
from app.settings import Settings
from loaders.registry import Loaders
from tests import factories as make
from tests.integration.graph.running import Running, issue_key, running
from tests.integration.graph.writing import Caller, global_id, mutation
from tests.waiting import until_equal

PRICES = """query ($year: Int, $derived: Boolean = true, $p: Publication, $kinds: [PriceKind!]) {
  dno(slug: "netze-a") { prices(year: $year, derived: $derived, publication: $p, kinds: $kinds) {
    id kind voltageLevel variant amount unit derivedFrom } } }"""
NODE = """query ($id: ID!) { node(id: $id) { __typename id ... on Price {
  year kind amount derivedFrom verificationStatus publication version history { kind } source { url } dno { slug } } } }"""
FROM_SHEET = {"SLP_ARBEITSPREIS": "8.62", "MODUL_1": "131.88", "MODUL_2_ARBEITSPREIS": "3.45"}


@pytest.fixture
async def dno(pool: Pool) -> Dno:
    return await make.dno(pool, "netze-a")


async def prices_of(caller: Caller, **wanted: Any) -> list[Any]:
    found: list[Any] = (await caller.execute(PRICES, **wanted))["dno"]["prices"]
    return found


def amounts(prices: list[Any]) -> dict[str, str]:
    return {price["kind"]: price["amount"] for price in prices}


async def test_prices_that_follow_from_modul_3_are_shown_with_their_rule(
    editor: Caller, pool: Pool, dno: Dno
) -> None:
    await make.time_of_use(pool, dno, 2025, price_st="8.62", source_url="https://example.org/modul3")
    found = await prices_of(editor, year=2025)
    assert amounts(found) == FROM_SHEET
    assert [(price["voltageLevel"], price["variant"]) for price in found] == [("NS", None)] * 3
    assert [price["derivedFrom"] for price in found] == [
        STANDARD_PRICE_RULE,
        f"{MODULE_1_RULE}; {STANDARD_PRICE_RULE}",
        f"{MODULE_2_RULE}; {STANDARD_PRICE_RULE}",
    ]
    assert await prices_of(editor) == found  # of all years
    assert await prices_of(editor, derived=False) == []
    assert await prices_of(editor, year=2024) == await prices_of(editor, year=12345) == []
    assert amounts(await prices_of(editor, kinds=["MODUL_1", "SLP_GRUNDPREIS"])) == {"MODUL_1": "131.88"}


async def test_a_derived_price_is_found_by_its_id_and_cannot_be_changed(
    editor: Caller, admin: Caller, pool: Pool, dno: Dno
) -> None:
    sheet = await make.time_of_use(
        pool,
        dno,
        2025,
        price_st="8.62",
        source_url="https://example.org/modul3",
        verification_status="verified",
    )
    for price in await prices_of(editor):
        node = (await editor.execute(NODE, id=price["id"]))["node"]
        assert node == {
            "__typename": "Price",
            "id": price["id"],
            "year": 2025,
            "kind": price["kind"],
            "amount": price["amount"],
            "derivedFrom": price["derivedFrom"],
            "verificationStatus": "UNVERIFIED",
            "publication": "FINAL",
            "version": 0,
            "history": [],
            "source": {"url": "https://example.org/modul3"},
            "dno": {"slug": "netze-a"},
        }
    for name, more in (("verify", {}), ("flag", {"reason": "x"}), ("correctPrice", {"amount": "1"})):
        payload = await admin.write(name, id=price["id"], **more)
        (error,) = payload["errors"]
        assert (error["code"], error["field"]) == ("INVALID", ["input", "id"])
        assert "is the id of a derived price, which is not stored and cannot be changed." in error["message"]
    assert (await admin.execute("{ coverage { totalEntries } }"))["coverage"] == {"totalEntries": 1}
    await admin.write("flag", id=global_id(sheet), reason="in doubt")
    assert (await editor.execute(NODE, id=price["id"]))["node"]["verificationStatus"] == "FLAGGED"


@pytest.mark.parametrize(
    "id",
    [
        "derived_{dno}_2024_MODUL_1",  # Modul 3 exists since 2025
        "derived_{dno}_2027_MODUL_1",
        "derived_00000000000000000000000000000000_2025_MODUL_1",
    ],
)
async def test_an_id_of_a_price_that_is_not_derived_leads_to_nothing(
    editor: Caller, pool: Pool, dno: Dno, id: str
) -> None:
    for year in (2024, 2025):
        await make.time_of_use(pool, dno, year)
    assert (await editor.execute(NODE, id=id.format(dno=dno.id.hex)))["node"] is None


@pytest.mark.parametrize(
    "id", ["derived_{dno}_2025_SLP_GRUNDPREIS", "derived_{dno}_25_MODUL_1", "derived_{dno}", "derived_"]
)
async def test_a_malformed_id_of_a_derived_price_is_refused(editor: Caller, dno: Dno, id: str) -> None:
    answer = await editor.execute_with_errors(NODE, id=id.format(dno=dno.id.hex))
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_derived_prices_of_a_deleted_operator_are_not_found(
    editor: Caller, pool: Pool, dno: Dno
) -> None:
    await make.time_of_use(pool, dno, 2025)
    (price, *_) = await prices_of(editor)
    async with pool.connection() as connection:
        await connection.execute("UPDATE dnos SET deleted_at = now()")
    assert (await editor.execute(NODE, id=price["id"]))["node"] is None


async def test_a_published_price_replaces_the_derived_one_at_once_on_every_instance(
    server: Running, pool: Pool, settings: Settings, dno: Dno
) -> None:
    """Also what follows from it; what follows from Modul 3 is back when the published price is removed."""
    await make.time_of_use(pool, dno, 2025, price_st="8.62")
    await server.delivered()
    _, admin = await issue_key(pool, Role.ADMIN)
    read = """query ($id: ID!) { node(id: $id) { id }
      dno(slug: "netze-a") { prices(year: 2025) { id kind amount derivedFrom }
        all: prices { amount } priceHistory(kind: MODUL_1) { amount } }
      dnos { nodes { prices(year: 2025, kinds: [MODUL_2_ARBEITSPREIS]) { amount } } } }"""
    async with running(settings) as other:
        energy = f"derived_{dno.id.hex}_2025_SLP_ARBEITSPREIS"

        async def state(instance: Running) -> tuple[Any, ...]:
            data = await instance.execute(read, id=energy)
            found = data["dno"]["prices"]
            published = [price["kind"] for price in found if price["derivedFrom"] is None]
            assert [price["amount"] for price in found] == [price["amount"] for price in data["dno"]["all"]]
            assert data["dno"]["priceHistory"] == [{"amount": found[1]["amount"]}]
            assert data["dnos"]["nodes"] == [{"prices": [{"amount": found[2]["amount"]}]}]
            return data["node"] is not None, published, *(price["amount"] for price in found)

        async def write(name: str, **input: Any) -> Any:
            payload = (await other.execute(mutation(name), admin, input=input))[name]
            assert payload["errors"] == []
            return payload

        async def expect(*expected: Any) -> None:
            # Twice: the second response is a cached one.
            for instance in (other, server, other, server):
                assert await state(instance) == expected

        await expect(True, [], "8.62", "131.88", "3.45")
        new = {"dno": "netze-a", "year": 2025, "kind": "SLP_ARBEITSPREIS", "amount": "10"}
        added = await write("addPrice", **new)
        await expect(False, ["SLP_ARBEITSPREIS"], "10", "142.23", "4.00")
        module = await write("addPrice", **(new | {"kind": "MODUL_2_ARBEITSPREIS", "amount": "4.01"}))
        await expect(False, ["SLP_ARBEITSPREIS", "MODUL_2_ARBEITSPREIS"], "10", "142.23", "4.01")
        await write("correctPrice", id=added["price"]["id"], amount="12")
        await expect(False, ["SLP_ARBEITSPREIS", "MODUL_2_ARBEITSPREIS"], "12", "157.23", "4.01")
        await write("revert", revisionId=module["revision"]["id"])
        await write("revert", revisionId=added["revision"]["id"])
        await expect(True, [], "8.62", "131.88", "3.45")
        sheet = await other.execute('{ dno(slug: "netze-a") { timeOfUse { id } } }')
        bands = [{"band": "ST", "price": "10"}]
        await write("correctTimeOfUse", id=sheet["dno"]["timeOfUse"][0]["id"], bands=bands)
        await expect(True, [], "10", "142.23", "4.00")


async def test_many_operators_and_years_cost_one_statement_for_prices_and_one_for_sheets(
    resources: Resources, pool: Pool
) -> None:
    keys = []
    for number in range(3):
        dno = await make.dno(pool, f"netze-{number}")
        for year in (2023, 2024, 2025, 2026):
            await make.price(pool, dno, year, PriceKind.SLP_GRUNDPREIS)
            await make.time_of_use(pool, dno, year)
            keys.append(DnoYear(dno.id, year))
    spent = operation_stats.begin()
    loaders = Loaders(resources.read_through, ReadSet())
    found = await loaders.prices_with_derived.load_many(keys)
    assert [len(prices) for prices in found] == [1, 1, 4, 4] * 3
    assert spent.statements == 2

    async def statements_of_another_load() -> int:
        spent = operation_stats.begin()
        await Loaders(resources.read_through, ReadSet()).prices_with_derived.load_many(keys)
        return spent.statements

    await until_equal(statements_of_another_load, 0)  # events of the writes above may arrive in between


async def test_years_before_modul_3_cost_no_statement_for_sheets(resources: Resources, pool: Pool) -> None:
    dno = await make.dno(pool)
    for year in (2023, 2024):
        await make.price(pool, dno, year)
    spent = operation_stats.begin()
    loaders = Loaders(resources.read_through, ReadSet())
    keys = [DnoYear(dno.id, year) for year in (2022, 2023, 2024)]
    assert [len(prices) for prices in await loaders.prices_with_derived.load_many(keys)] == [0, 1, 3]
    assert spent.statements == 1


async def test_the_history_of_a_kind_has_all_years_the_oldest_first(
    editor: Caller, pool: Pool, dno: Dno
) -> None:
    await make.time_of_use(pool, dno, 2025, price_st="8.62")
    await make.time_of_use(pool, dno, 2026, price_st="9.00")
    await make.price(pool, dno, 2016, amount="6.54")
    await make.price(pool, dno, 2026, amount="9.01", publication="PRELIMINARY")
    await make.price(pool, dno, 2026, amount="5.00", variant="kommunal")
    await make.price(pool, dno, 2024, PriceKind.SLP_GRUNDPREIS, "60")
    query = """query ($derived: Boolean = true, $variant: String, $p: Publication, $kind: PriceKind = SLP_ARBEITSPREIS) {
      dno(slug: "netze-a") { priceHistory(kind: $kind, derived: $derived, variant: $variant, publication: $p) {
        year amount derivedFrom } } }"""

    async def history(**wanted: Any) -> list[tuple[int, str, bool]]:
        found = (await editor.execute(query, **wanted))["dno"]["priceHistory"]
        return [(price["year"], price["amount"], price["derivedFrom"] is not None) for price in found]

    assert await history() == [
        (2016, "6.54", False),
        (2025, "8.62", True),
        (2026, "9.01", False),
        (2026, "5.00", False),
    ]
    assert await history(derived=False, publication=None) == [
        (2016, "6.54", False),
        (2026, "9.01", False),
        (2026, "5.00", False),
    ]
    assert await history(variant="kommunal") == [(2026, "5.00", False)]
    assert await history(p="FINAL", variant=None) == [
        (2016, "6.54", False),
        (2025, "8.62", True),
        (2026, "5.00", False),
    ]
    assert await history(kind="BLINDARBEIT") == []


async def test_the_year_before_has_the_same_kind_level_and_variant_published_or_derived(
    editor: Caller, pool: Pool, dno: Dno
) -> None:
    await make.time_of_use(pool, dno, 2025, price_st="8.62")
    await make.price(pool, dno, 2024, amount="7")
    await make.price(pool, dno, 2026, amount="9")
    await make.price(pool, dno, 2026, amount="5", variant="kommunal")
    await make.price(pool, dno, 2025, PriceKind.MODUL_1, "120", "MS_NS")
    query = """{ dno(slug: "netze-a") { prices(year: 2026) { kind amount
      previousYear { year amount derivedFrom previousYear { amount derivedFrom } } } } }"""
    energy, of_group, module_1, module_2 = (await editor.execute(query))["dno"]["prices"]
    assert energy["previousYear"] == {
        "year": 2025,
        "amount": "8.62",
        "derivedFrom": STANDARD_PRICE_RULE,
        "previousYear": {"amount": "7", "derivedFrom": None},
    }
    assert (of_group["amount"], of_group["previousYear"]) == ("5", None)
    assert (module_1["previousYear"]["amount"], module_1["previousYear"]["previousYear"]["amount"]) == (
        "131.88",
        "119.73",
    )
    assert module_2["previousYear"]["amount"] == "3.45"


async def test_a_publication_is_that_of_the_source(editor: Caller, pool: Pool, dno: Dno) -> None:
    await make.price(pool, dno, 2025, amount="6.41", publication="PRELIMINARY")
    assert await prices_of(editor, year=2025, p="FINAL") == []
    assert amounts(await prices_of(editor, year=2025, p="PRELIMINARY")) == {
        "SLP_ARBEITSPREIS": "6.41",
        "MODUL_1": "115.30",
        "MODUL_2_ARBEITSPREIS": "2.56",
    }
