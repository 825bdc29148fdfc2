"""What is derived from the description of a family: field names, prices and the name in commands."""

from typing import Any
from uuid import UUID

import pytest

from app.domain.entry import VoltageLevel
from app.domain.family import Column, ColumnType, Family, KeyColumn
from app.domain.tariff import Tariff

PRICE, OTHER_PRICE = Column("arbeit", ColumnType.PRICE), Column("leistung_unter_2500h", ColumnType.PRICE)
WINDOWS = Column("windows", ColumnType.WINDOWS)


def family(**values: Any) -> Family:
    described = {
        "name": "levies", "table": "levy_data", "struct": object, "graphql_type": "Levy", "module": "levy",
        "id_kind": "LEVY", "id_prefix": "levy", "data_type": "LEVIES", "columns": (PRICE, WINDOWS, OTHER_PRICE),
    }  # fmt: skip
    return Family(**(described | values))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("arbeit", "arbeit"),
        ("leistung_unter_2500h", "leistungUnter2500h"),
        ("arbeit_niedrig_ht", "arbeitNiedrigHt"),
    ],
)
def test_a_column_is_named_in_camel_case_in_the_api(name: str, field: str) -> None:
    assert Column(name, ColumnType.PRICE).field == field


def test_the_prices_of_a_family_are_its_price_columns_in_their_order() -> None:
    assert family().prices == (PRICE, OTHER_PRICE)
    assert family(columns=(WINDOWS,)).prices == ()


def test_a_family_is_named_with_hyphens_in_addresses_and_commands() -> None:
    assert family().public_name == "levies"
    assert family(name="time_of_use").public_name == "time-of-use"


def test_a_column_that_is_no_field_has_a_path_in_the_api() -> None:
    assert Column("price_ht", ColumnType.PRICE, path="bands.HT").field == "bands.HT"


def test_entries_have_a_publication_if_their_struct_has_it() -> None:
    assert not family().has_publication
    assert family(struct=Tariff).has_publication


def test_the_tag_names_family_operator_and_year() -> None:
    assert family().tag((UUID(int=7), 2025)) == f"levies:{UUID(int=7)}:2025"


def test_a_key_that_may_be_missing_is_the_empty_text_before_all_others() -> None:
    level = KeyColumn("voltage_level", VoltageLevel, optional=True)
    assert level.sorted_values == ("", *VoltageLevel)
    assert [level.decode(stored) for stored in ("", "MS")] == [None, VoltageLevel.MS]
    assert KeyColumn("voltage_level", VoltageLevel).sorted_values == (*VoltageLevel,)


def test_a_key_of_any_text_has_no_list_of_values() -> None:
    variant = KeyColumn("variant", optional=True)
    assert (variant.sorted_values, variant.decode("Eintarif"), variant.decode("")) == ((), "Eintarif", None)
