"""Which values one cell may have."""

import pytest

from app.domain.correction import check_source
from app.domain.entry import VoltageLevel
from app.domain.hlzf import Season
from app.errors import BadInput
from app.importers import cells
from app.importers.registry import PARSERS


@pytest.mark.parametrize("blanks", [" ", "\u00a0", "\t \u202f"])
def test_a_cell_of_blanks_is_empty(blanks):
    for parse in (cells.name, cells.price, cells.digits(13), cells.one_of(VoltageLevel), cells.time):
        assert cells.optional(parse)(blanks) == ""
    with pytest.raises(ValueError, match="1 to 300 characters"):
        cells.name(blanks)


@pytest.mark.parametrize("column", ["mastr_nr", "acer_code", "vnb_id"])
def test_codes_of_operators_have_no_blanks_around_them(column):
    assert PARSERS[column](" SNB900000000009\u00a0") == "SNB900000000009"
    assert PARSERS[column]("  ") == ""


@pytest.mark.parametrize("cell", ["0", "58.21", "0.0001", "999999.9999", "007.5"])
def test_a_price_keeps_the_digits_that_were_published(cell):
    assert cells.price(cell) == cell


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1,17", "decimal point"),
        ("1.234,56", "decimal point"),
        ("-1", "negative"),
        ("1.00000", "5 decimals"),
        ("1000000", "below 1,000,000"),
        ("1e3", "decimal number"),
        (" 1", "decimal number"),
        ("+1", "decimal number"),
        (".5", "decimal number"),
        ("NaN", "decimal number"),
        ("Infinity", "decimal number"),
        ("٣", "decimal number"),
        ("12 €", "decimal number"),
        ("", "decimal number"),
    ],
)
def test_an_invalid_price_is_rejected_with_the_reason(cell, reason):
    with pytest.raises(ValueError, match=reason):
        cells.price(cell)


@pytest.mark.parametrize("cell", ["1999", "2101", "25", "02025", "2025.0", "２０２５", "", "2025\n"])
def test_a_year_lies_between_2000_and_2100(cell):
    with pytest.raises(ValueError, match="2000 to 2100"):
        cells.year(cell)


@pytest.mark.parametrize(
    "cell", ["24:01", "25:00", "07:60", "0730", "7", "7 h 30", "07:30:01", "-1:00", "07:30 PM", "٧:30", ""]
)
def test_a_time_is_a_time_of_the_day(cell):
    with pytest.raises(ValueError, match="00:00 to 24:00"):
        cells.time(cell)


@pytest.mark.parametrize(
    ("cell", "time"),
    [
        ("7:45", "07:45"),
        ("16:30 Uhr", "16:30"),
        ("16:30:00", "16:30"),
        ("16.30 Uhr", "16:30"),
        ("7 Uhr", "07:00"),
        (" 07:45 ", "07:45"),
        ("0.322916666666667", "07:45"),
        ("0,6875", "16:30"),
        ("24:00 Uhr", "24:00"),
    ],
)
def test_a_time_is_read_as_people_write_it(cell, time):
    assert cells.time(cell) == time


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("7.30", "could be 7:30 or 7.30 hours"),
        ("0,75", "could be 0.75 of a day or 0.75 hours"),
        ("0.12345", "no whole minute"),
    ],
)
def test_a_time_with_two_readings_is_refused_with_both(cell, reason):
    with pytest.raises(ValueError, match=reason):
        cells.time(cell)


@pytest.mark.parametrize(
    ("cell", "level"),
    [
        ("MS", "MS"),
        ("Mittelspannung", "MS"),
        ("MSP", "MS"),
        ("NE 5", "MS"),
        ("Netzebene 5", "MS"),
        ("MS/NS", "MS_NS"),
        ("Umspannung Mittel-/Niederspannung", "MS_NS"),
        ("HöS", "HOES"),
        ("HO\u0308S", "HOES"),
        ("Höchstspannung", "HOES"),
        ("HöS/HS", "HOES_HS"),
        ("ns", "NS"),
    ],
)
def test_a_voltage_level_is_read_in_its_usual_spellings(cell, level):
    assert cells.one_of(VoltageLevel)(cell) == level


def test_a_season_is_read_in_german_and_english():
    parse = cells.one_of(Season)
    assert [parse(cell) for cell in ("Winter", "Frühling", "Frühjahr", "sommer", "HERBST", "autumn")] == [
        "WINTER", "SPRING", "SPRING", "SUMMER", "AUTUMN", "AUTUMN",
    ]  # fmt: skip


@pytest.mark.parametrize("cell", ["Spannung", "M S N", "NE 8", "NE", "Frühlings", "m" * 1_000, ""])
def test_other_spellings_are_refused_with_the_words_that_are_possible(cell):
    for parse in (cells.one_of(VoltageLevel), cells.one_of(Season)):
        with pytest.raises(ValueError, match="must be one of"):
            parse(cell)


@pytest.mark.parametrize("cell", ["", "-", "–", "—", "keine", "Entfällt", "k.A."])
def test_a_figure_that_is_not_published_is_empty_in_words_too(cell):
    assert cells.optional(cells.price)(cell) == cells.optional(cells.time)(cell) == ""
    with pytest.raises(ValueError, match="decimal number"):
        cells.price(cell)


def test_texts_that_are_a_dash_stay():
    assert cells.optional(cells.text)("-") == "-"


def test_the_end_of_the_day_is_a_time():
    assert cells.time("24:00") == "24:00"


@pytest.mark.parametrize("cell", ["", "-a", "a-", "a--b", "Netze", "netze_bw", "ü", "a" * 201])
def test_a_slug_is_ascii_words_joined_by_hyphens(cell):
    with pytest.raises(ValueError, match="words"):
        cells.slug(cell)


@pytest.mark.parametrize("cell", ["2147483648", "-1", "1.0", "", "99999999999999999999"])
def test_a_count_fits_the_database(cell):
    with pytest.raises(ValueError, match="whole number"):
        cells.count(cell)


@pytest.mark.parametrize("cell", ["", "https://example.org/a%20b.pdf?x=1#page=2", "HTTP://example.org"])
def test_the_address_of_a_source_is_one_of_the_web(cell):
    assert cells.source_url(cell) == cell


def test_a_dash_in_place_of_the_address_of_a_source_is_none():
    assert [cells.source_url(cell) for cell in ("-", "–", "keine", "k.A.")] == ["", "", "", ""]


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "Preisblatt 2026.pdf",
            "www.example.org",
            "ftp://example.org/a",
            "javascript:alert(1)",
            "https://",
            "https:///a",
        ),
        *(" https://example.org", "https://example.org ", "https://example.org/\u202e", "https://[", "u"),
    ],
)
def test_another_address_of_a_source_is_refused_as_in_mutations(cell):
    with pytest.raises(ValueError, match="begins with https:// or http://"):
        cells.source_url(cell)
    with pytest.raises(BadInput):
        check_source(cell)


def test_a_text_has_a_maximum_length():
    assert cells.text("x" * 10_000)
    with pytest.raises(ValueError, match="10,001 characters"):
        cells.text("x" * 10_001)


def test_names_are_stored_composed_and_federal_states_under_their_official_names():
    assert (
        cells.name("Stadtwerke Mu\u0308nchen")
        == cells.composed("Stadtwerke Mu\u0308nchen")
        == "Stadtwerke München"
    )
    assert cells.region("baden-wu\u0308rttemberg") == "Baden-Württemberg"
    assert cells.region("Tirol") == "Tirol"
    assert cells.region("") == ""


@pytest.mark.parametrize(
    "cell",
    ["#NV", "#N/A", "#NAME?", "#BEZUG!", "#REF!", "#DIV/0!", "#WERT!", "#BLOCKIERT!", "#NV ", "Err:502"],
)
@pytest.mark.parametrize(
    "parse", [cells.text, cells.code, cells.name, cells.composed, cells.label, cells.region]
)
def test_an_error_of_a_spreadsheet_is_no_text(parse, cell):
    with pytest.raises(ValueError, match="is an error of a spreadsheet"):
        parse(cell)


@pytest.mark.parametrize("cell", ["#NV Netze", "#1", "# 3", "Netz #REF!", "Err:"])
def test_a_text_that_begins_or_ends_as_an_error_of_a_spreadsheet_stays(cell):
    assert cells.text(cell) == cell


@pytest.mark.parametrize(
    ("words", "cell", "hint"),
    [
        (VoltageLevel, "110/20 kV", "also read are names such as MS/NS, Netzebene 6"),
        (Season, "Winter (01.12.–28.02.)", "also read are Winter, Frühling, Sommer and Herbst, alone or with their months"),
        (["1", "2", "3", "4"], "1. Quartal (Januar - März)", "also read are 1. Quartal, Quartal 1 and Q1, without months"),
    ],
)  # fmt: skip
def test_a_refused_word_has_the_names_that_are_read(words, cell, hint):
    with pytest.raises(ValueError, match=hint):
        cells.one_of(words)(cell)


def test_a_refused_empty_cell_has_no_usual_names():
    with pytest.raises(ValueError, match=r"is empty; must be one of .* NS$"):
        cells.one_of(VoltageLevel)("")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("high\nvoltage", "HS"),
        ("Mittelspan-\nnung", "MS"),
        ("Umspan-\nnung MS/NS", "MS_NS"),
        ("Netz-\nebene 5", "MS"),
        ("Hoch-\nspannung", "HS"),
        ("HS\nHochspannung", "HS"),
        ("Hoch-/\r\nMittelspannung", "HS_MS"),
    ],
)
def test_a_level_may_be_broken_over_lines(cell, expected):
    assert cells.one_of(VoltageLevel)(cell) == expected


@pytest.mark.parametrize("cell", ["MS\nNS", "HS\r\nMS", "Hochspannung\nMittelspannung"])
def test_levels_on_several_lines_are_not_one(cell):
    with pytest.raises(ValueError, match="must be one of"):
        cells.one_of(VoltageLevel)(cell)


def test_a_dash_is_no_code_and_no_town():
    assert [cells.code(cell) for cell in ("-", " – ", "k. A.", "SNB1\n")] == ["", "", "", "SNB1"]
    assert [cells.composed(cell) for cell in ("-", "Ohne", "\u3000Hof\n")] == ["", "Ohne", "Hof"]
    assert cells.name("\u3000Hof\n") == "Hof"
    with pytest.raises(ValueError, match="not UTF-8"):
        cells.composed("\udc80")


def test_names_that_a_refusal_offers_are_read():
    level, season = cells.one_of(VoltageLevel), cells.one_of(Season)
    offered = ["MS/NS", "Netzebene 6", "Umspannung Mittel-/Niederspannung", "Mittelspannung 20 kV"]
    assert [level(name) for name in offered] == ["MS_NS", "MS_NS", "MS_NS", "MS"]
    offered = ["Winter", "Frühling", "Sommer", "Herbst", "Winter (Dezember bis Februar)"]
    assert [season(name) for name in offered] == ["WINTER", "SPRING", "SUMMER", "AUTUMN", "WINTER"]
    quarter = cells.one_of(["1", "2", "3", "4"])
    assert [quarter(name) for name in ("1. Quartal", "Quartal 1", "Q1")] == ["1", "1", "1"]
