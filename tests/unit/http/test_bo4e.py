"""Price sheets as BO4E: what the package `bo4e` reads, and each price with its unit, Artikel-ID and level."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.domain.entry import Publication, VoltageLevel
from app.domain.price import RULES, PriceKind
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice
from app.http.bo4e import (
    BandPrices,
    OperatorYear,
    SheetPrice,
    Source,
    YearlyPrices,
    write_price_sheets,
)
from app.http.bo4e_objects import VERSION
from app.http.bo4e_positions import LEVELS, OF_KIND, UNITS
from tests.bo4e_models import bo4e, read_sheets

FINAL, PRELIMINARY = Publication.FINAL, Publication.PRELIMINARY
COMMON = {"id": "x", "version": 2, "verification_status": "VERIFIED", "source": Source("https://a.de", None)}


def operator(
    tariffs: Sequence[YearlyPrices] = (),
    prices: Sequence[SheetPrice] = (),
    bands: Sequence[BandPrices] = (),
    bdew_code: str | None = "9900001000003",
) -> OperatorYear:
    return OperatorYear(
        "Netze A", "Netze A GmbH", "SNB123", bdew_code, "https://a.de", tariffs, prices, bands
    )


def yearly(*prices: str | None, level: VoltageLevel = VoltageLevel.MS) -> YearlyPrices:
    """Leistung and Arbeit from 2,500 h, then below."""
    amounts = [None if price is None else Decimal(price) for price in prices]
    return YearlyPrices(**COMMON, publication=FINAL, voltage_level=level, leistung=amounts[0], arbeit=amounts[1], leistung_unter_2500h=amounts[2], arbeit_unter_2500h=amounts[3])  # fmt: skip


def price(
    kind: PriceKind,
    amount: str = "1.23",
    level: VoltageLevel | None = VoltageLevel.NS,
    variant: str | None = None,
    publication: Publication = FINAL,
) -> SheetPrice:
    return SheetPrice(**COMMON, publication=publication, kind=kind, voltage_level=level, variant=variant, amount=Decimal(amount), unit=RULES[kind].unit)  # fmt: skip


def written(found: OperatorYear, year: int = 2025) -> list[Any]:
    sheets: list[Any] = msgspec.json.decode(write_price_sheets(found, year))
    return sheets


EVERYTHING = operator(
    [yearly("119.08", "1.09", "21.49", "5.00", level=level) for level in VoltageLevel],
    [
        price(kind, level=level, variant=variant, publication=publication)
        for kind, rule in RULES.items()
        for level in rule.levels
        for variant in (None, "A")
        for publication in Publication
    ],
    [
        BandPrices(
            **COMMON,
            publication=FINAL,
            bands=[TimeOfUsePrice(band, Decimal("8.62")) for band in TimeOfUseBand],
        )
    ],
)


def test_every_sheet_is_read_by_the_package_of_the_standard_without_unknown_members():
    sheets = written(EVERYTHING)
    objects = read_sheets(sheets)
    assert len(objects) > 500
    assert {each.version for each in objects if hasattr(each, "version")} == {VERSION}
    assert bo4e.__version__ == VERSION
    assert sum(len(sheet["preispositionen"]) for sheet in sheets) == 7 * 2 + 3 + sum(
        4 * len(rule.levels) for kind, rule in RULES.items() if OF_KIND[kind] is not None
    )


def test_every_kind_level_and_unit_has_its_place():
    assert set(OF_KIND) == set(PriceKind)
    assert {kind for kind, position in OF_KIND.items() if position is None} == {
        PriceKind.VERMIEDENE_NETZENTGELTE_LEISTUNG,
        PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT,
    }
    assert set(UNITS) == {rule.unit for rule in RULES.values()} | {"EUR_PER_MONTH"}
    assert {level.name: netzebene.value for level, netzebene in LEVELS.items()} == {
        "HOES": "HSS",
        "HOES_HS": "HSS_HSP_UMSP",
        "HS": "HSP",
        "HS_MS": "HSP_MSP_UMSP",
        "MS": "MSP",
        "MS_NS": "MSP_NSP_UMSP",
        "NS": "NSP",
    }


def test_a_sheet_with_load_metering_has_steps_by_utilisation():
    """Stadtwerke Malchow 2025, medium voltage."""
    [sheet] = written(operator([yearly("119.08", "1.09", "21.49", "5.00")]))
    assert (sheet["_typ"], sheet["netzebene"], sheet["bilanzierungsmethode"], sheet["preisstatus"]) == (
        "PREISBLATTNETZNUTZUNG",
        "MSP",
        "RLM",
        "ENDGUELTIG",
    )
    assert sheet["gueltigkeit"] == {
        "_typ": "ZEITRAUM",
        "startdatum": "2025-01-01",
        "enddatum": "2025-12-31",
    }
    capacity, energy = sheet["preispositionen"]
    assert (capacity["leistungstyp"], capacity["preiseinheit"], capacity["bezugsgroesse"], capacity["zeitbasis"]) == ("LEISTUNGSPREIS_WIRKLEISTUNG", "EUR", "KW", "JAHR")  # fmt: skip
    assert (capacity["berechnungsmethode"], capacity["zonungsgroesse"], capacity["gruppenartikelId"]) == (
        "STUFEN",
        "BENUTZUNGSDAUER",
        "1-01-5",
    )
    assert capacity["preisstaffeln"] == [
        {
            "_typ": "PREISSTAFFEL",
            "preis": "21.49",
            "staffelgrenzeVon": "0",
            "staffelgrenzeBis": "2500",
            "artikelId": "1-01-5-001",
        },
        {
            "_typ": "PREISSTAFFEL",
            "preis": "119.08",
            "staffelgrenzeVon": "2500",
            "artikelId": "1-01-5-003",
        },
    ]
    assert [(step["preis"], step["artikelId"]) for step in energy["preisstaffeln"]] == [
        ("5.00", "1-01-5-002"),
        ("1.09", "1-01-5-004"),
    ]
    assert (energy["preiseinheit"], energy["bezugsgroesse"], energy["bdewArtikelnummer"]) == (
        "CT",
        "KWH",
        "WIRKARBEIT",
    )
    assert {each["name"]: each["wert"] for each in capacity["zusatzAttribute"]} == {
        "id": "x",
        "version": 2,
        "verificationStatus": "VERIFIED",
        "sourceUrl": "https://a.de",
    }


def test_what_is_not_published_has_no_step_and_no_position():
    [sheet] = written(operator([yearly("152.25", None, None, None)]))
    [capacity] = sheet["preispositionen"]
    assert [step["preis"] for step in capacity["preisstaffeln"]] == ["152.25"]
    assert written(operator([yearly(None, None, None, None)])) == []
    assert written(operator(prices=[price(PriceKind.VERMIEDENE_NETZENTGELTE_ARBEIT)])) == []


def test_modules_of_14a_have_their_articles_and_the_reduction_is_below_zero():
    """E-Werk Wanfried 2025. Market communication has prices of 1-02-0-015 at or below zero."""
    bands = [
        TimeOfUsePrice(band, Decimal(amount))
        for band, amount in zip(TimeOfUseBand, ("10.84", "8.62", "3.45"), strict=True)
    ]
    [sheet] = written(
        operator(
            prices=[
                price(PriceKind.MODUL_1, "131.88"),
                price(PriceKind.MODUL_2_ARBEITSPREIS, "3.45"),
            ],
            bands=[BandPrices(**COMMON, publication=FINAL, bands=bands)],
        )
    )
    assert (sheet["bilanzierungsmethode"], sheet["netzebene"]) == ("SLP", "NSP")
    assert [
        (step["preis"], step["artikelId"], position.get("tarifzeit"))
        for position in sheet["preispositionen"]
        for step in position["preisstaffeln"]
    ] == [
        ("-131.88", "1-02-0-015", None),
        ("3.45", "1-02-0-016", None),
        ("10.84", "1-02-0-017", "TZ_HT"),
        ("8.62", "1-02-0-002", "TZ_STANDARD"),
        ("3.45", "1-02-0-018", "TZ_NT"),
    ]
    [rlm] = written(operator(prices=[price(PriceKind.MODUL_1, "131.88", VoltageLevel.MS_NS)]))
    assert rlm["bilanzierungsmethode"] == "RLM"
    assert rlm["preispositionen"][0]["preisstaffeln"][0]["artikelId"] == "1-01-9-002"


def test_sheets_are_divided_by_status_customer_group_and_what_they_are_of():
    sheets = written(
        operator(
            prices=[
                price(PriceKind.SLP_ARBEITSPREIS),
                price(PriceKind.SLP_GRUNDPREIS, publication=PRELIMINARY),
                price(PriceKind.WAERMEPUMPE_ARBEITSPREIS),
                price(PriceKind.MESSSTELLENBETRIEB, variant="Eintarif"),
                price(PriceKind.SPERRUNG, level=None),
            ]
        )
    )
    assert [(sheet["_typ"], sheet["preisstatus"], sheet.get("kundengruppe")) for sheet in sheets] == [
        ("PREISBLATTNETZNUTZUNG", "ENDGUELTIG", None),
        ("PREISBLATTNETZNUTZUNG", "VORLAEUFIG", None),
        ("PREISBLATTNETZNUTZUNG", "ENDGUELTIG", "SLP_S_WP"),
        ("PREISBLATTMESSUNG", "ENDGUELTIG", None),
        ("PREISBLATTDIENSTLEISTUNG", "ENDGUELTIG", None),
    ]
    assert sheets[3]["messebene"] == "NSP"
    assert "netzebene" not in sheets[4]


def test_a_variant_is_named_and_has_no_article_of_another_price():
    [sheet] = written(operator(prices=[price(PriceKind.SLP_ARBEITSPREIS, variant="kommunal")]))
    [position] = sheet["preispositionen"]
    assert position["leistungsbezeichnung"] == "Arbeitspreis: kommunal"
    assert "artikelId" not in position["preisstaffeln"][0]


@pytest.mark.parametrize(
    ("code", "kind"), [("9900001000003", "BDEW"), ("4045399000015", "GLN"), (None, None)]
)
def test_the_code_of_the_publisher_has_its_type(code: str | None, kind: str | None):
    [sheet] = written(operator([yearly("1", "1", "1", "1")], bdew_code=code))
    publisher = sheet["herausgeber"]
    assert (publisher.get("rollencodenummer"), publisher.get("rollencodetyp")) == (code, kind)
    assert publisher["geschaeftspartner"]["organisationsname"] == "Netze A GmbH"
