"""Which stored operator a registered one is, and what the register adds to it."""

from decimal import Decimal
from typing import Any

from app.db.file_columns import OPERATOR_COLUMNS
from app.importers.register.operators import Stored, merge

ALL = frozenset({"capacity_mw_total", "capacity_mw_solar", "capacity_mw_wind"})


def registered(operator: int, name: str | None = "Netze A GmbH", **facts: Any) -> dict[str, Any]:
    none = dict.fromkeys(
        ("acer_code", "bdew_code", "region", "postal_code", "city", "website", "total", "solar", "wind")
    )
    counts = {"closed": False, "ns": 1, "ms": 0, "hs": 0, "hoes": 0}
    return {**none, **counts, "operator": operator, "name": name, **facts}


def stored(slug: str, mastr_nr: str = "", **columns: str) -> Stored:
    empty = dict.fromkeys(OPERATOR_COLUMNS, "")
    flags = {"closed_network": "false", "transmission": "false", "deleted": "false"}
    return {
        **empty,
        **flags,
        "slug": slug,
        "name": slug.replace("-", " ").title(),
        "mastr_nr": mastr_nr,
        **columns,
    }


A = "SNB999990000001"


def merged(found: list[dict[str, Any]], known: list[Stored], **options: Any) -> dict[int, Stored]:
    return dict(merge(found, known, ALL, **{"overwrite": False, **options}).rows)


def test_an_operator_is_found_by_its_number_whatever_its_name_is() -> None:
    [row] = merged([registered(999990000001, "Another Name AG")], [stored("netze-a", A)]).values()
    assert (row["slug"], row["name"], row["connection_points_ns"]) == ("netze-a", "Netze A", "1")


def test_no_value_is_emptied() -> None:
    known = stored(
        "netze-a",
        A,
        acer_code="A1",
        vnb_id="7",
        website="https://example.org/",
        city="Hof",
        capacity_mw_total="5",
    )
    [row] = merged([registered(999990000001)], [known]).values()
    assert {name for name in row if row[name] != known[name]} == {
        "official_name",
        "connection_points_ns",
        "connection_points_ms",
        "connection_points_hs",
        "connection_points_hoes",
    }


def test_codes_and_address_are_filled_where_they_are_empty() -> None:
    facts = registered(
        999990000001, acer_code="A1", bdew_code="9900000000001", region="bayern", city="Hof", postal_code="95028",
        website="https://example.org/",
    )  # fmt: skip
    [row] = merged([facts], [stored("netze-a", A, city="Rehau")]).values()
    given = {
        name: row[name] for name in ("acer_code", "bdew_code", "region", "city", "postal_code", "website")
    }
    assert list(given.values()) == ["A1", "9900000000001", "Bayern", "Rehau", "95028", "https://example.org/"]


def test_a_different_code_stays_and_is_reported_unless_the_file_takes_precedence() -> None:
    found, known = [registered(999990000001, acer_code="A2")], [stored("netze-a", A, acer_code="A1")]
    result = merge(found, known, ALL, overwrite=False)
    assert result.rows[999990000001]["acer_code"] == "A1"
    assert result.remarks == ["netze-a: acer_code is A1 in the database and A2 in the register"]
    assert merged(found, known, overwrite=True)[999990000001]["acer_code"] == "A2"


def test_an_operator_without_number_is_found_by_code_or_by_name() -> None:
    known = [
        stored("netze-a", bdew_code="9900000000001"),
        stored("netze-b"),
        stored("netze-c", acer_code="C"),
    ]
    found = [
        registered(1, "X AG", bdew_code="9900000000001"),
        registered(2, "NETZE B GmbH & Co. KG"),
        registered(3, "Y AG", acer_code="C"),
    ]
    rows = merged(found, known)
    assert [rows[n]["slug"] for n in (1, 2, 3)] == ["netze-a", "netze-b", "netze-c"]
    assert rows[2]["mastr_nr"] == "SNB000000000002"


def test_a_name_that_two_registered_operators_have_identifies_none() -> None:
    rows = merged([registered(1, "Netze B AG"), registered(2, "Netze B GmbH")], [stored("netze-b")])
    assert [rows[n]["slug"] for n in (1, 2)] == ["netze-b-ag", "netze-b-gmbh"]


def test_an_operator_is_matched_once() -> None:
    known = [stored("netze-b", bdew_code="9900000000001")]
    rows = merged([registered(1, "X AG", bdew_code="9900000000001"), registered(2, "Netze B AG")], known)
    assert [rows[n]["slug"] for n in (1, 2)] == ["netze-b", "netze-b-ag"]


def test_a_new_operator_has_a_name_without_legal_form_and_a_slug_of_its_own() -> None:
    known = [stored("stadtwerke-muenchen", A), stored("gone", name="Other", deleted="true")]
    rows = merged(
        [
            registered(2, "Stadtwerke München GmbH"),
            registered(3, "Gone AG", closed=True),
            registered(4, "+++"),
        ],
        known,
    )
    assert [(row["slug"], row["name"]) for row in rows.values()] == [
        ("stadtwerke-muenchen-gmbh", "Stadtwerke München"),
        ("gone-ag", "Gone"),
        ("snb000000000004", "+++"),
    ]
    assert [row["closed_network"] for row in rows.values()] == ["false", "true", "false"]
    assert {*OPERATOR_COLUMNS} <= {*rows[2]}


def test_deleted_operators_and_nameless_ones_are_left_out_and_reported() -> None:
    result = merge(
        [registered(999990000001), registered(2, None)],
        [stored("netze-a", A, deleted="true")],
        ALL,
        overwrite=False,
    )
    assert not result.rows
    assert [remark.partition(":")[0] for remark in result.remarks] == [A, "SNB000000000002"]


def test_capacities_are_replaced_only_if_the_export_has_their_tables() -> None:
    found = [registered(999990000001, total=Decimal("12.5000"), solar=Decimal(1000), wind=Decimal(0))]
    known = [stored("netze-a", A, capacity_mw_total="7")]
    rows = merge(found, known, frozenset({"capacity_mw_solar", "capacity_mw_wind"}), overwrite=False).rows
    assert [rows[999990000001][f"capacity_mw_{name}"] for name in ("total", "solar", "wind")] == [
        "7",
        "1000",
        "0",
    ]
    assert merged(found, known)[999990000001]["capacity_mw_total"] == "12.5"


def test_a_website_without_scheme_and_a_region_without_name_are_unknown() -> None:
    [row] = merged([registered(1, website="example.org", region="1403")], []).values()
    assert (row["website"], row["region"]) == ("", "")
