"""Entries are decoded by the names of a row's columns, and statements have only what the family needs."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from app.db import hlzf, prices, tariffs
from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.hlzf import Hlzf, Season, TimeWindow
from app.domain.price import PriceKind, PriceUnit
from app.domain.tariff import Tariff

ID, DNO_ID = UUID(int=1), UUID(int=2)
AT = datetime(2026, 1, 2, tzinfo=UTC)
SHARED = {
    "id": ID,
    "dno_id": DNO_ID,
    "year": 2025,
    "voltage_level": "MS",
    "verification_status": "verified",
    "source_url": "https://example.org/sheet.pdf",
    "source_title": "Preisblatt",
    "version": 3,
    "updated_at": AT,
    "publication": "PRELIMINARY",
}
TARIFF = {"leistung": Decimal("58.21"), "arbeit": None, "leistung_unter_2500h": Decimal(2), "arbeit_unter_2500h": Decimal(3)}  # fmt: skip
HLZF = {"season": "WINTER", "windows": '[{"start": "07:30", "end": "13:00"}]'}


@pytest.mark.parametrize("reverse", [False, True])
def test_an_entry_is_read_by_the_names_of_the_columns(reverse: bool) -> None:
    row = SHARED | TARIFF | {"cost": Decimal(9), "slug": "netze-a"}
    shuffled = dict(sorted(row.items(), reverse=reverse))
    assert tariffs.TABLE.entry(shuffled) == Tariff(
        ID,
        DNO_ID,
        2025,
        VoltageLevel.MS,
        Decimal("58.21"),
        None,
        Decimal(2),
        Decimal(3),
        VerificationStatus.VERIFIED,
        "https://example.org/sheet.pdf",
        "Preisblatt",
        3,
        AT,
        Publication.PRELIMINARY,
    )


def test_keys_and_windows_are_decoded() -> None:
    entry = hlzf.TABLE.entry(SHARED | HLZF)
    assert isinstance(entry, Hlzf)
    assert (entry.season, entry.windows) == (Season.WINTER, (TimeWindow(450, 780),))


def test_fields_that_are_no_columns_are_not_selected_and_missing_keys_are_none() -> None:
    row = SHARED | {"kind": "MESSSTELLENBETRIEB", "voltage_level": "", "variant": "", "amount": Decimal("10.68"), "unit": "EUR_PER_YEAR"}  # fmt: skip
    price = prices.TABLE.entry(row)
    assert (price.kind, price.voltage_level, price.variant) == (PriceKind.MESSSTELLENBETRIEB, None, None)
    assert (price.unit, price.derived_from) == (PriceUnit.EUR_PER_YEAR, None)
    assert "derived_from" not in prices.TABLE.selected()


def test_only_writes_of_a_family_with_prices_read_what_prices_are_compared_with() -> None:
    statements = {
        table.family.name: (*table._insert, *table._update_and_compare)
        for table in (tariffs.TABLE, hlzf.TABLE)
    }
    assert ["LEFT JOIN" in statement for statement in statements["tariffs"]] == [True] * 4
    assert ["LEFT JOIN" in statement for statement in statements["hlzf"]] == [False] * 4
    assert "LEFT JOIN" not in tariffs.TABLE._update


def test_only_writes_that_know_no_medians_compute_them() -> None:
    for written in (tariffs.TABLE._insert, tariffs.TABLE._update_and_compare):
        assert "percentile_disc" in written.computing
        assert "percentile_disc" not in written.comparing
