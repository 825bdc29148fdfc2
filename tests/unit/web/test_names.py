"""What pages call the values of the API."""

from collections.abc import Iterable

import pytest

from app.db.revisions import _FIELDS
from app.domain import derived_prices
from app.domain.bill_profile import BillProfile
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.hlzf import Season
from app.domain.levy import LevyKind
from app.domain.price import PriceKind, PriceUnit
from app.domain.revision import ChangeKind
from app.web import names
from app.web.page_view import PageView

RULES = [value for name, value in vars(derived_prices).items() if name.endswith("_RULE")]
FIELDS = {field for fields in _FIELDS.values() for field, _ in fields.values()}
FIELDS.add("bands")  # in forms the prices of the bands are one field


@pytest.mark.parametrize(
    ("known", "values"),
    [
        (names.PRICE_KINDS, PriceKind),
        (names.PRICE_UNITS, PriceUnit),
        (names.BILL_PROFILES, BillProfile),
        (names.LEVY_KINDS, LevyKind),
        (names.LEVELS, VoltageLevel),
        (names.STATUSES, [each.upper() for each in VerificationStatus]),
        (names.PUBLICATIONS, Publication),
        (names.DATA_TYPES, DataType),
        (names.CHANGES, ChangeKind),
        (names.SEASONS, [each.upper() for each in Season]),
        (names.FIELDS, FIELDS),
        (names.RULES, RULES),
    ],
)
def test_every_value_has_a_name_of_its_own_in_both_languages(
    known: names.Names, values: Iterable[str]
) -> None:
    assert set(known) == set(values)
    for language in (0, 1):
        found = [both[language] for both in known.values()]
        assert all(found)
        assert len(set(found)) == len(found)


def test_values_of_the_history_are_written_as_those_of_the_page() -> None:
    german, english = PageView("de", "", "/"), PageView("en", "", "/")
    assert german.field_value("leistung", "58.2") == "58,20 €/kW und Jahr"
    assert english.field_value("bands.HT", "1.125") == "1.125 ct/kWh"
    assert german.field_value("amount", "1200", "EUR_PER_YEAR") == "1.200,00 €/Jahr"
    assert german.field_value("verificationStatus", "FLAGGED") == "beanstandet"
    assert english.field_value("publication", "PRELIMINARY") == "preliminary"
    assert german.field_value("windows", None) == "–"
    assert german.field_value("windows", "") == "keine"
    assert english.field_value("amount", "12.345") == "12.345"  # of an entry that was deleted
    assert german.field_value("amount", "12.345") == "12,345"
    assert german.field_value("value", "-1234.5") == "-1.234,50"
    assert german.field_value("note", "12.345") == "12.345"


def test_rules_that_were_applied_one_after_another_are_translated_each() -> None:
    both = f"{derived_prices.MODULE_2_RULE}; {derived_prices.STANDARD_PRICE_RULE}"
    assert PageView("en", "", "/").rule(both) == both
    assert PageView("de", "", "/").rule(both) == (
        "Modul 2 = 40 % des SLP-Arbeitspreises; SLP-Arbeitspreis = ST-Preis von § 14a EnWG Modul 3"
    )
