"""Shares of operators at a postal code, by what is counted, published and asked for."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.domain.directory import Directory
from app.domain.dno import DirectoryEntry
from app.domain.entry import VoltageLevel
from app.domain.place import Place, PlaceBasis, operators_at, read_postal_code, seats_of

A, B, C, D = (UUID(int=number) for number in (1, 2, 3, 4))
PUBLISHED, REGISTERED = PlaceBasis.PUBLISHED, PlaceBasis.REGISTERED_UNITS
NS, MS, HS = VoltageLevel.NS, VoltageLevel.MS, VoltageLevel.HS


def counted(dno, locations, level=NS, municipality=None):
    return Place(dno, REGISTERED, municipality, level, locations)


def published(dno, municipality=None, level=None, locations=None):
    return Place(dno, PUBLISHED, municipality, level, locations, "https://example.org/places")


def shares(places, *arguments):
    return [(at.dno_id, at.share, at.locations, at.basis) for at in operators_at(places, *arguments)]


def test_shares_are_of_all_counted_locations_the_largest_first():
    places = [counted(A, 1), counted(B, 2), counted(B, 1, MS), counted(C, 4, HS)]
    assert shares(places) == [(C, 0.5, 4, REGISTERED), (B, 0.375, 3, REGISTERED), (A, 0.125, 1, REGISTERED)]


def test_shares_at_a_level_are_of_the_locations_at_that_level():
    places = [counted(A, 1), counted(B, 3), counted(B, 9, MS), counted(C, 4, None)]
    assert shares(places, None, NS) == [(B, 0.75, 3, REGISTERED), (A, 0.25, 1, REGISTERED)]
    assert shares(places, None, HS) == []


def test_published_places_without_a_level_are_of_every_level():
    places = [published(A), published(B, level=MS), counted(C, 1, NS)]
    assert [at.dno_id for at in operators_at(places, None, NS)] == [C, A]
    assert [at.dno_id for at in operators_at(places, None, MS)] == [A, B]


def test_what_is_published_names_the_basis_and_registered_units_the_number():
    places = [counted(A, 3), published(A, locations=50), counted(B, 1)]
    assert shares(places) == [(A, 0.75, 3, PUBLISHED), (B, 0.25, 1, REGISTERED)]
    assert operators_at(places)[0].source_url == "https://example.org/places"


def test_without_counted_locations_no_share_is_made_up():
    assert shares([published(B), published(A)]) == [(A, 0.0, 0, PUBLISHED), (B, 0.0, 0, PUBLISHED)]
    assert shares([]) == []


@pytest.mark.parametrize(
    ("city", "found"),
    [
        ("Halle (Saale)", [A]),
        ("HALLE  (SAALE)", [A]),
        ("Halle", [A, C]),
        ("Halle (Saale) Nord", [A]),
        ("Hallenberg", []),
        ("Saale", []),
        ("", []),
        ("München", [B]),
        ("Muenchen", [B]),
    ],
)
def test_a_city_keeps_municipalities_of_its_name_or_else_those_that_begin_like_it(city, found):
    places = [
        counted(A, 3, municipality="Halle (Saale)"),
        counted(B, 2, municipality="München"),
        counted(C, 1, municipality="Halle-Neustadt"),
    ]
    assert [at.dno_id for at in operators_at(places, city)] == found


@pytest.mark.parametrize(
    ("municipality", "spellings"),
    [
        ("Frankfurt am Main", ["Frankfurt a.M.", "Frankfurt a. M.", "Frankfurt/Main", "Frankfurt (Main)", "Frankfurt/M."]),
        ("Neustadt a.d.Aisch", ["Neustadt an der Aisch", "Neustadt a. d. Aisch", "Neustadt/Aisch", "Neustadt"]),
        ("Weiden i.d.OPf.", ["Weiden in der Oberpfalz", "Weiden i. d. Opf.", "Weiden"]),
        ("Bad Homburg v.d.Höhe", ["Bad Homburg vor der Höhe", "Bad Homburg v. d. H.", "Bad Homburg"]),
        ("St. Ingbert", ["Sankt Ingbert", "St Ingbert", "SANKT-INGBERT"]),
        ("Weil der Stadt", ["Weil d. St.", "Weil d.Stadt", "Weil"]),
        ("Neustadt an der Aisch", ["Neustadt an der", "Neustadt an", "Neustadt a. d. A."]),
        ("Frankfurt am Main", ["Frankfurt am"]),
        ("Am Mellensee", ["am mellensee", "Am Mellensee OT Sperenberg"]),
    ],
)  # fmt: skip
def test_additions_of_municipalities_are_recognized_however_they_are_abbreviated(municipality, spellings):
    places = [counted(A, 1, municipality=municipality), counted(B, 1, municipality="Offenbach an der Queich")]
    for spelling in spellings:
        assert [at.dno_id for at in operators_at(places, spelling)] == [A], spelling
        swapped = [counted(A, 1, municipality=spelling), counted(B, 1, municipality="Offenbach")]
        assert [at.dno_id for at in operators_at(swapped, municipality)] == [A], spelling


@pytest.mark.parametrize(
    "other",
    ["Neustadt an der Donau", "Neustadt a.d.D.", "Neustadt in Holstein", "Neu-Ulm", "Aisch", "An der", "N."],
)
def test_additions_of_other_municipalities_are_not_recognized(other):
    assert shares([counted(A, 1, municipality="Neustadt a.d.Aisch")], other) == []


def test_spellings_of_one_municipality_are_counted_together():
    places = [counted(A, 1, municipality="Frankfurt am Main"), counted(B, 3, municipality="Frankfurt a.M.")]
    assert [at.share for at in operators_at(places, "Frankfurt am Main")] == [0.75, 0.25]


def test_a_place_without_municipality_is_of_every_city_of_the_postal_code():
    assert [at.dno_id for at in operators_at([published(A), published(B, "Ulm")], "Bonn")] == [A]


def test_an_exact_name_excludes_longer_ones():
    places = [counted(A, 1, municipality="Halle"), counted(B, 1, municipality="Halle (Saale)")]
    assert [at.dno_id for at in operators_at(places, "halle")] == [A]


@pytest.mark.parametrize(
    ("city", "found"),
    [("Hof", [B]), ("Hof.", [B]), ("Bad Hof.", [C]), ("Hofh.", [A]), ("Bad H.", [C, D])],
)
def test_a_period_behind_an_exact_name_abbreviates_no_other(city, found):
    places = [
        counted(A, 4, municipality="Hofheim"),
        counted(B, 3, municipality="Hof"),
        counted(C, 2, municipality="Bad Hof"),
        counted(D, 1, municipality="Bad Hofheim"),
    ]
    assert [at.dno_id for at in operators_at(places, city)] == found


def entry(dno_id, postal_code, city):
    return DirectoryEntry(
        dno_id, f"netze-{dno_id.int}", "Netze", None, None, city, postal_code, False, False, None, datetime.now(UTC)
    )  # fmt: skip


def test_a_seat_has_no_share_and_no_location():
    directory = Directory([entry(A, "89073", "Ulm"), entry(B, "89073", "Neu-Ulm"), entry(C, None, None)])
    at_ulm = directory.by_postal_code["89073"]
    assert [(at.dno_id, at.share, at.locations, at.basis) for at in seats_of(at_ulm)] == [
        (A, 0.0, 0, PlaceBasis.SEAT),
        (B, 0.0, 0, PlaceBasis.SEAT),
    ]
    assert [at.dno_id for at in seats_of(at_ulm, "Ulm")] == [A]
    assert list(directory.by_postal_code) == ["89073"]


@pytest.mark.parametrize("text", ["", "1067", "801067", "01067\n", " 01067", "8033a", "８０３３１"])
def test_a_postal_code_has_five_digits(text: str) -> None:
    assert read_postal_code("01067") == "01067"
    with pytest.raises(ValueError, match=r"^must be 5 digits, such as 80331$"):
        read_postal_code(text)
