"""Names without legal forms, and slugs, as in the register of operators."""

import csv

import pytest

from app.domain.company_name import slug_of, without_legal_form
from app.importers.starter import FOLDER


@pytest.mark.parametrize(
    ("company", "name"),
    [
        ("Netze BW GmbH", "Netze BW"),
        ("Netze GmbH Berlin-Köpenick", "Netze Berlin-Köpenick"),
        ("Albwerk GmbH & Co. KG", "Albwerk"),
        ("Stadtwerke Greven GMBH", "Stadtwerke Greven"),
        ("SWK Versorgungs-AG", "SWK Versorgungs"),
        ("Gemeindewerke X, KU", "Gemeindewerke X"),
        ("Kommunalunternehmen Stadtwerke Klingenberg a.M. (AöR)", "Kommunalunternehmen Stadtwerke Klingenberg a.M."),
        ("Teutoburger Energie Netzwerk eG (TEN eG)", "Teutoburger Energie Netzwerk (TEN)"),
        ("Flughafen X Gesellschaft mit beschränkter Haftung", "Flughafen X"),
        ("AGGER Netze", "AGGER Netze"),
        ("GmbH", "GmbH"),
        ("", ""),
    ],
)  # fmt: skip
def test_legal_forms_are_left_out(company: str, name: str) -> None:
    assert without_legal_form(company) == name


def test_names_and_slugs_of_the_starter_data_follow_from_the_registered_names() -> None:
    with (FOLDER / "registry.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    different = [row["slug"] for row in rows if without_legal_form(row["official_name"]) != row["name"]]
    assert different == []
    assert [row["slug"] for row in rows if slug_of(row["name"]) != row["slug"]] == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Stadtwerke Fürth / Süd", "stadtwerke-fuerth-sued"), ("ÉLECTRICITÉ", "electricite"), ("+", ""), ("x" * 500, "x" * 180)],
)  # fmt: skip
def test_slugs_are_words_of_ascii_letters(name: str, slug: str) -> None:
    assert slug_of(name) == slug
