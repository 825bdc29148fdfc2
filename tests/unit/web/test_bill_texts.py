"""What a bill states, in both languages."""

import re
from datetime import date
from pathlib import Path

import pytest

from app.domain import missing_figures as figures
from app.domain.entry import VoltageLevel
from app.domain.levy import LevyKind
from app.domain.price import PriceKind
from app.web.bill_texts import WARNINGS, missing, warning

DOCS = Path(__file__).parents[3] / "docs" / "prices.md"


def test_every_documented_warning_of_a_bill_has_a_text_in_both_languages() -> None:
    table = DOCS.read_text().partition("| Warning | Meaning |")[2].partition("\n\n")[0]
    rows = [row for row in table.splitlines() if row.startswith("| `")]
    codes = {code for row in rows for code in re.findall(r"`([A-Z_]+)`", row.split("|")[1])}
    assert set(WARNINGS) == codes
    assert all(german and english and german != english for german, english in WARNINGS.values())


def test_warnings_keep_the_positions_that_they_are_about() -> None:
    message = "Derived by a rule, not published: Arbeitspreis; Pauschale Reduzierung Modul 1."
    assert warning("DERIVED_PRICES", message, "de") == (
        "Nach einer Regel abgeleitet, nicht veröffentlicht: Arbeitspreis; Pauschale Reduzierung Modul 1."
    )
    assert warning("DERIVED_PRICES", message, "en") == message
    assert warning("NEW_CODE", "Something new.", "de") == "Something new."


@pytest.mark.parametrize(
    ("figure", "german", "english"),
    [
        (
            figures.MissingTariff(2025, VoltageLevel.MS),
            "Netzentgelte 2025, Mittelspannung",
            "Grid charges 2025, medium voltage",
        ),
        (
            figures.MissingTariffPrice(2025, VoltageLevel.NS, True, True),
            "Leistungspreis unter 2500 h/a 2025, Niederspannung",
            "Capacity price below 2500 h/a 2025, low voltage",
        ),
        (
            figures.MissingTariffPrice(2025, VoltageLevel.NS, False, False),
            "Arbeitspreis ab 2500 h/a 2025, Niederspannung",
            "Energy price from 2500 h/a 2025, low voltage",
        ),
        (
            figures.MissingPrice(2025, PriceKind.MODUL_2_ARBEITSPREIS, VoltageLevel.NS),
            "§ 14a Modul 2: Arbeitspreis 2025, Niederspannung",
            "§ 14a module 2: energy price 2025, low voltage",
        ),
        (
            figures.MissingPrice(
                2025, PriceKind.MODUL_2_GRUNDPREIS, VoltageLevel.NS, ("Wärmepumpe.", "ab 5 kW")
            ),
            "§ 14a Modul 2: Grundpreis 2025, Niederspannung (veröffentlicht nur für: Wärmepumpe., ab 5 kW)",
            "§ 14a module 2: base price 2025, low voltage (published only for: Wärmepumpe., ab 5 kW)",
        ),
        (
            figures.MissingRate(
                2027, LevyKind.PARAGRAF_19_STROM_NEV, "A'", date(2027, 1, 1), date(2027, 12, 31)
            ),
            "Aufschlag für besondere Netznutzung (§ 19 StromNEV): Satz vom 2027-01-01 bis 2027-12-31",
            "levy of § 19 StromNEV: rate from 2027-01-01 to 2027-12-31",
        ),
        (
            figures.MissingQuantities(2022, LevyKind.EEG, (date(2022, 7, 1),), "firstHalfKwh"),
            "EEG-Umlage: Der Satz änderte sich am 2022-07-01; dafür werden die kWh davor und danach gebraucht",
            "EEG levy: the rate changed on 2022-07-01, which needs the kWh before and after",
        ),
    ],
)
def test_what_is_missing_is_named_as_on_the_rest_of_the_page(
    figure: figures.MissingFigure, german: str, english: str
) -> None:
    assert missing(figure.sentence, "de") == german
    assert missing(figure.sentence, "en") == english


def test_a_sentence_of_another_kind_is_left_as_it_is() -> None:
    assert missing("Not known of 2025: something new.", "de") == "Not known of 2025: something new."
