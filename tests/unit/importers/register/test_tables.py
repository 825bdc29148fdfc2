"""What is kept of each record of the register."""

from decimal import Decimal

import pytest

from app.importers.register.tables import TABLES, StagedRow, UnitKind

UNIT = {
    "EinheitMastrNummer": "SEE999990000001",
    "LokationMaStRNummer": "SEL999990000002",
    "EinheitBetriebsstatus": "35",
    "Postleitzahl": "01067",
    "Ort": "Dresden",
    "Bruttoleistung": "9.900",
}
POINT = {
    "NetzanschlusspunktMastrNummer": "SAN999990000003",
    "LokationMaStRNummer": "SEL999990000002",
    "Spannungsebene": "353",
    "NetzMaStRNummer": "SNE999990000004",
    "NetzbetreiberMaStRNummer": "SNB999990000005",
    "NochInPlanung": "0",
}


def row(table: str, record: dict[str, str]) -> StagedRow | None:
    return TABLES[table].row([record.get(field, "") for field in TABLES[table].fields])


def test_a_unit_has_its_location_place_and_capacity() -> None:
    solar = (999990000001, 999990000002, UnitKind.SOLAR, "01067", "Dresden", Decimal("9.900"))
    assert row("EinheitenSolar", UNIT) == solar
    assert row("EinheitenWind", UNIT) == (*solar[:2], UnitKind.WIND, *solar[3:])
    assert row("EinheitenStromSpeicher", UNIT) == (*solar[:2], UnitKind.OTHER, *solar[3:])
    assert row("EinheitenStromVerbraucher", UNIT) == (*solar[:2], UnitKind.CONSUMER, "01067", "Dresden", None)


@pytest.mark.parametrize(
    "changed",
    [
        {"EinheitBetriebsstatus": "31"},
        {"EinheitBetriebsstatus": ""},
        {"LokationMaStRNummer": ""},
        {"LokationMaStRNummer": "SEL99999000000"},
        {"LokationMaStRNummer": "SEL９９９９９００００００２"},
        {"EinheitMastrNummer": ""},
    ],
)
def test_units_out_of_operation_or_without_location_are_left_out(changed: dict[str, str]) -> None:
    assert row("EinheitenSolar", UNIT | changed) is None


@pytest.mark.parametrize("postal_code", ["", "1067", "D-01067", "010671", "ABCDE", "０１０６７"])
def test_a_postal_code_that_is_not_german_is_unknown(postal_code: str) -> None:
    found = row("EinheitenSolar", UNIT | {"Postleitzahl": postal_code})
    assert found
    assert found[3] is None


@pytest.mark.parametrize(
    "capacity", ["", "x", "-1", "NaN", "Infinity", "1e9", "9,9", "1234567890", "1.0000000001", "１"]
)
def test_a_capacity_that_is_no_number_of_kilowatts_is_unknown(capacity: str) -> None:
    found = row("EinheitenSolar", UNIT | {"Bruttoleistung": capacity})
    assert found
    assert found[5] is None


def test_a_connection_point_has_its_location_level_network_and_operator() -> None:
    assert row("Netzanschlusspunkte", POINT) == (
        999990000003,
        999990000002,
        "MS_NS",
        999990000004,
        999990000005,
    )
    without = POINT | {
        "Spannungsebene": "",
        "NetzMaStRNummer": "GNE900000000001",
        "NetzbetreiberMaStRNummer": "",
    }
    assert row("Netzanschlusspunkte", without) == (999990000003, 999990000002, None, None, None)


@pytest.mark.parametrize(
    "changed", [{"NochInPlanung": "1"}, {"NochInPlanung": "true"}, {"LokationMaStRNummer": ""}]
)
def test_connection_points_in_planning_or_without_location_are_left_out(changed: dict[str, str]) -> None:
    assert row("Netzanschlusspunkte", POINT | changed) is None


def test_market_participants_without_network_number_are_left_out() -> None:
    listed = {
        "MastrNummer": "SNB999990000005",
        "Firmenname": "Netze A GmbH",
        "Netz": "SNE999990000004;GNE1, SNE999990000001",
    }
    found = row("Marktakteure", listed)
    assert found
    assert found[:3] == (999990000005, "Netze A GmbH", "{999990000001,999990000004}")
    assert row("Marktakteure", listed | {"MastrNummer": "ABR999990000005"}) is None


def test_only_the_code_of_a_network_operator_is_its_bdew_code() -> None:
    role = {
        "MarktakteurMastrNummer": "SNB999990000005",
        "Marktrolle": "Anschlussnetzbetreiber",
        "Marktpartneridentifikationsnummer": "9900000000001",
    }
    assert row("MarktakteureUndRollen", role) == (999990000005, "9900000000001")
    for changed in (
        {"Marktrolle": "Messstellenbetreiber"},
        {"Marktpartneridentifikationsnummer": "11XNETZE-A-----1"},
    ):
        assert row("MarktakteureUndRollen", role | changed) is None


def test_networks_are_of_electricity_by_their_branch() -> None:
    for branch, electricity in (("20", True), ("21", False), ("", True)):
        network = {"MastrNummer": "SNE999990000004", "Sparte": branch, "GeschlossenesVerteilnetz": "1"}
        assert row("Netze", network) == (999990000004, electricity, True)
