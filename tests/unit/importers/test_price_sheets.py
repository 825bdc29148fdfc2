"""Sheets with titles, units, dates and merged cells, as operators publish them and offices keep them: what is read, or why not."""

import bz2
import gzip
import io
import json
import lzma
import resource
import subprocess
import sys
import tracemalloc
import unicodedata
import zipfile
from datetime import date, time
from xml.sax.saxutils import quoteattr

import msgspec
import pyarrow
import pytest

from app.importers import headers, number_formats
from app.importers.column_names import column_of
from app.importers.load import SOURCES, Kind
from app.importers.raised_digits import raised_digits
from app.importers.reading import read_all
from tests.unit.importers.imported import REFERENCES, A, B, imported, lines
from tests.unit.importers.test_files_as_written import as_parquet
from tests.unit.importers.workbooks import (
    Formula,
    Shown,
    Struck,
    rewritten,
    with_part,
    with_parts_changed,
    workbook,
    zipped,
)

OWN = [
    "dno_slug",
    "year",
    "voltage_level",
    "leistung",
    "arbeit",
    "leistung_unter_2500h",
    "arbeit_unter_2500h",
]
GERMAN = "VNB;Jahr;Ebene;LP ab 2500 h;AP ab 2500 h;LP unter 2500 h;AP unter 2500 h"
ROW = "netze-a;2026;MS;58,20;1,26;12,50;3,09"
VALUES = ["netze-a", 2026, "MS", 58.2, 1.26, 12.5, 3.09]
TITLES = [
    "Stadtwerke Beispiel Netz GmbH",
    "Preisblatt 1: Netzentgelte für Entnahme mit Leistungsmessung",
    "gültig ab 01.01.2026",
    "",
]
# Level and prices of the tariff of `ROW`.
MS = {"MS": ["58.20", "1.26", "12.50", "3.09"]}
MS_SHORT = {"MS": ["58.2", "1.26", "12.5", "3.09"]}
GROUPS = [
    "VNB;Jahr;Ebene;Benutzungsdauer < 2.500 h/a;;Benutzungsdauer ≥ 2.500 h/a;",
    ";;;Leistungspreis;Arbeitspreis;Leistungspreis;Arbeitspreis",
]
GROUPED = "netze-a;2026;MS;12,50;3,09;58,20;1,26"


def with_names(*names: str, row: str = ROW) -> str:
    return lines(";".join(["VNB", "Jahr", "Ebene", *names]), row)


def levels(*rows: str) -> str:
    return lines(GERMAN, *(f"netze-a;2026;{row}" for row in rows))


TARIFFS: dict[str, tuple[bytes | str, dict[str, list[str]]]] = {
    # Titles above the header, several rows of header, units below it.
    "titles above the header": (lines(*TITLES, GERMAN, ROW), MS),
    "titles with separators above the header": (lines(*(f"{title};;;;;;" for title in TITLES), GERMAN, ROW), MS),
    "a title with commas above a header with semicolons": (lines("Preise, netto, ohne Umlagen, Stand Oktober", GERMAN, ROW), MS),
    "a title in quotation marks that spans lines": (lines('"Preisblatt\n2026";;;;;;', GERMAN, ROW), MS),
    "titles in Windows-1252": (lines(*TITLES, GERMAN, ROW).encode("cp1252"), MS),
    "titles in UTF-16 with tabs": (lines(*TITLES, GERMAN, ROW).replace(";", "\t").encode("utf-16"), MS),
    "groups of hours above the prices": (lines(*GROUPS, GROUPED), MS),
    "titles, groups of hours and units": (
        lines(*TITLES, *GROUPS, ";;;[€/kW];[ct/kWh];[€/kW];[ct/kWh]", GROUPED), MS
    ),
    "units above the names": (lines(";;;€/kW*a;ct/kWh;€/kW*a;ct/kWh", GERMAN, ROW), MS),
    "units in the upper row of a header": (
        lines("VNB;Jahr;Ebene;€/kW;ct/kWh;€/kW;ct/kWh", GERMAN.replace("VNB;Jahr;Ebene", ";;"), ROW), MS
    ),
    "titles with the units of the columns, and prices beside them": (
        lines("Preise in €/(kW·a) und ct/kWh, zzgl. USt.", "zzgl. KWKG-Umlage 4,46 €/MWh", "Bruttopreise siehe Seite 2", GERMAN, ROW), MS
    ),
    "a title with another unit than that of all names": (
        lines("Vergleich der Arbeitspreise in €/MWh", ";".join([*GERMAN.split(";")[:3], "LP ab 2500 h [€/kW]", "AP ab 2500 h [ct/kWh]"]), "netze-a;2026;MS;58,20;1,26"), {"MS": ["58.20", "1.26"]}
    ),
    "units below the names": (lines(GERMAN, ";;;€/kW*a;ct/kWh;€/kW*a;ct/kWh", ROW), MS),
    "names that span lines": (
        lines('VNB;Jahr;Ebene;"Leistungspreis\nab 2.500 h/a\n[€/kW]";"Arbeitspreis\nab 2.500 h/a\n[ct/kWh]";"LP\n< 2.500 h";"AP\n< 2.500 h"', ROW), MS
    ),
    "names with hyphens at the end of lines": (
        lines('VNB;Jahr;Ebene;"Leistungs-\npreis ≥ 2500 h/a";"Arbeits-\npreis ≥ 2500 h/a";"Leistungs-\npreis < 2500 h/a";"Arbeits-\npreis < 2500 h/a"', ROW), MS
    ),
    "an empty column in between": (lines(GERMAN.replace(";LP ab", ";;LP ab"), ROW.replace(";58", ";;58")), MS),
    "a file that states its separator, then a title": (lines("sep=;", "Preise", GERMAN, ROW), MS),
    "the same header again in between": (lines(GERMAN, GERMAN, ROW, GERMAN), MS),
    # Names of prices.
    "hours and units in brackets": (
        with_names("Leistungspreis (≥ 2.500 h/a) [€/(kW·a)]", "Arbeitspreis (≥ 2.500 h/a) [Cent/kWh]", "Leistungspreis (< 2.500 h/a) [€/(kW·a)]",
                   "Arbeitspreis (< 2.500 h/a) [Cent/kWh]"), MS,
    ),
    "hours of use in words": (
        with_names("Leistungspreis über 2.500 Benutzungsstunden in €/kW und Jahr", "Arbeitspreis über 2.500 Benutzungsstunden in ct/kWh",
                   "Leistungspreis unter 2.500 Benutzungsstunden in €/kW und Jahr", "Arbeitspreis unter 2.500 Benutzungsstunden in ct/kWh"), MS,
    ),
    "hours before the price": (
        with_names("T ≥ 2500 h/a Leistungspreis", "T ≥ 2500 h/a Arbeitspreis", "T < 2500 h/a Leistungspreis", "T < 2500 h/a Arbeitspreis"), MS
    ),
    "English names with hours": (
        with_names("demand charge >= 2500 h (EUR/kW p.a.)", "energy charge >= 2500 h (ct per kWh)", "demand charge < 2500 h", "energy charge < 2500 h"), MS
    ),
    "the year as the first day of validity": (lines(GERMAN, ROW.replace("2026", "01.01.2026")), MS),
    # Units, signs and blanks in cells.
    "units in cells": (lines(GERMAN, "netze-a;2026;MS;58,20 €/kW;1,26 ct/kWh;12,50 €/kW;3,09 ct/kWh"), MS),
    "units before and behind numbers": (lines(GERMAN, "netze-a;2026;MS;€ 58,20;1,26 Cent;12,50 EUR;3,09 Ct/kWh"), MS),
    "units of a price of the year": (lines(GERMAN, "netze-a;2026;MS;58,20 EUR/kW/a;1,26 ct;12,50 € pro kW und Jahr;3,09 ct"), MS),
    "units in a file separated by commas": (lines(",".join(OWN), "netze-a,2026,MS,58.20 €,1.26 ct/kWh,12.50 EUR/kW,3.09 ct"), MS),
    "blanks between thousands": (lines(GERMAN, ROW.replace("58,20", "1 058,20")), {"MS": ["1058.20", *MS["MS"][1:]]}),
    "narrow blanks between thousands": (lines(GERMAN, ROW.replace("58,20", "1\u202f058,20 €")), {"MS": ["1058.20", *MS["MS"][1:]]}),
    "apostrophes between thousands": (lines(",".join(OWN), "netze-a,2026,MS,1'058.20,1.26,12.50,3.09"), {"MS": ["1058.20", *MS["MS"][1:]]}),
    "points for thousands and a unit": (lines(GERMAN, ROW.replace("58,20", "1.058,20 €")), {"MS": ["1058.20", *MS["MS"][1:]]}),
    "commas for thousands in a file with decimal points": (
        lines(",".join(OWN), 'netze-a,2026,MS,"1,058.20",1.26,12.50,3.09'), {"MS": ["1058.20", *MS["MS"][1:]]}
    ),
    "dashes behind whole euros": (lines(GERMAN, ROW.replace("58,20", "58,- €")), {"MS": ["58", *MS["MS"][1:]]}),
    "prices that are not published in several ways": (
        levels("MS;58,20;1,26;k. A.;./.", "NS;---;entfällt;nicht veröffentlicht;n. v."), {"MS": ["58.20", "1.26", "", ""], "NS": ["", "", "", ""]}
    ),
    "blanks around every cell, also those that do not break lines": (
        lines(GERMAN, "\u00a0netze-a ; 2026\u00a0;\tMS ; 58,20\u00a0€ ; 1,26 ; 12,50 ; 3,09 "), MS
    ),
    "rows of blanks below the table": (lines(GERMAN, ROW, " ; ; ;;;; ", "\t", "\u00a0;;;;;;"), MS),
    "prices from 2,500 h only": (lines("VNB;Jahr;Ebene;LP ab 2500 h;AP ab 2500 h", "netze-a;2026;MS;58,20;1,26"), {"MS": ["58.20", "1.26"]}),
    "codes of operators that a spreadsheet shall not take for numbers": (
        levels("MS;58,20;1,26;12,50;3,09").replace("netze-a", '="9900000000002"'), MS
    ),
    "codes of operators behind an apostrophe": (levels("MS;58,20;1,26;12,50;3,09").replace("netze-a", "'9900000000002"), MS),
    # Levels.
    "levels with their abbreviation": (levels("Mittelspannung (MS);1,2;;;", "Umspannung Mittel-/Niederspannung (MS/NS);1,3;;;"), {"MS": ["1.2", "", "", ""], "MS_NS": ["1.3", "", "", ""]}),
    "levels with their number": (levels("Netzebene 5 (Mittelspannung);1,2;;;", "NE 7 Niederspannung;1,3;;;"), {"MS": ["1.2", "", "", ""], "NS": ["1.3", "", "", ""]}),
    "levels in sentences": (
        levels("Entnahme aus dem Hochspannungsnetz;1,2;;;", "Umspannung von Hoch- auf Mittelspannung;1,3;;;", "Umspannung zur Niederspannung;1,4;;;"),
        {"HS": ["1.2", "", "", ""], "HS_MS": ["1.3", "", "", ""], "MS_NS": ["1.4", "", "", ""]},
    ),
    "levels with kilovolts": (levels("Mittelspannung (20 kV);1,2;;;", "Hochspannung 110 kV;1,3;;;", "NS (0,4 kV);1,4;;;"), {"MS": ["1.2", "", "", ""], "HS": ["1.3", "", "", ""], "NS": ["1.4", "", "", ""]}),
    "levels with dashes": (levels("MS-NS;1,2;;;", "HS – MS;1,3;;;", "HÖS / HS;1,4;;;"), {"MS_NS": ["1.2", "", "", ""], "HS_MS": ["1.3", "", "", ""], "HOES_HS": ["1.4", "", "", ""]}),
    # Workbooks.
    "a workbook with titles and an empty first column": (
        workbook([[None, "Preisblatt 2026"], [], [None, *OWN], [None, *VALUES]]), MS_SHORT
    ),
    "a workbook with numbers in formats": (
        workbook([OWN, [*VALUES[:3], Shown(58.2, "0.00"), Shown(1.26, "#,##0.00"), Shown(12.5, "0.00"), 3.09]]), MS
    ),
    "a workbook with currencies and units in formats": (
        workbook([OWN, [*VALUES[:3], Shown(58.2, '#,##0.00\\ "€"'), Shown(1.26, '0.00\\ "ct/kWh"'), Shown(12.5, '#,##0.00\\ "€"'), 3.09]]), MS
    ),
    "a workbook with decimal points in texts, and numbers in formats": (
        workbook([OWN, [*VALUES[:3], "58.20", Shown(1.2, "0.00"), "12.50", Shown(3.1, "0.00")]]), {"MS": ["58.20", "1.20", "12.50", "3.10"]}
    ),
    "a workbook with more decimals than it has": (
        workbook([OWN, [*VALUES[:3], Shown(58.2, "0.000000"), Shown(1.2612, "0.00"), 12.5, 3.09]]), {"MS": ["58.2000", "1.2612", "12.5", "3.09"]}
    ),
    "a workbook with currencies without quotation marks in formats": (
        workbook([OWN, [*VALUES[:3], Shown(58.2, "#,##0.00\\ €/\\k\\W"), Shown(1.26, "_-* #,##0.00\\ _€_-"), Shown(12.5, '"Preis "0.00 €'), 3.09]]), MS
    ),
    "a workbook without addresses of its cells": (
        rewritten(
            workbook([OWN, [*VALUES[:3], Shown(58.2, "0.00"), *VALUES[4:]]]), {r' r="\w+"': "", "</row>": '<c s="5"/><c t="n" s="7" /></row>'}
        ),
        MS_SHORT,
    ),
    "a workbook with a year in a format of zeros": (workbook([OWN, ["netze-a", Shown(2026, "00000"), *VALUES[2:]]]), MS_SHORT),
    "a workbook with a year in a format": (workbook([OWN, ["netze-a", Shown(2026, "0.00"), *VALUES[2:]]]), MS_SHORT),
    "a workbook with a year as a day": (workbook([OWN, ["netze-a", date(2026, 1, 1), *VALUES[2:]]]), MS_SHORT),
    "a workbook with numbers as texts": (workbook([OWN, ["netze-a", "2026", "MS", "58,20 €", "1,26", "12,50 €", "3,09"]]), MS),
    "a workbook with texts and numbers in one column": (
        workbook([OWN, ["netze-a", 2026, "MS", "58,20", 1.26, 12.5, 3.09], ["netze-a", 2026, "NS", 60.5, "2,00", "k.A.", "–"]]),
        {"MS": ["58.20", "1.26", "12.5", "3.09"], "NS": ["60.5", "2.00", "", ""]},
    ),
    "a workbook with operator and year merged over rows": (
        workbook([OWN, VALUES, [None, None, "NS", 1.5]], merged=["A2:A3", "B2:B3"]), MS_SHORT | {"NS": ["1.5", "", "", ""]}
    ),
    "a workbook with a word for no price merged over columns": (
        workbook([OWN, VALUES, ["netze-a", 2026, "NS", "keine", None, 1.5, 2.5]], merged=["D3:E3"]), MS_SHORT | {"NS": ["", "", "1.5", "2.5"]}
    ),
    "a workbook with blanks merged over columns": (
        workbook([OWN, VALUES, ["netze-a", 2026, "NS", " ", None, 1.5, 2.5], ["netze-a", 2026, "HS", "\u00a0", None, 1.5, 2.5]], merged=["D3:E3", "D4:E4"]),
        MS_SHORT | {"NS": ["", "", "1.5", "2.5"], "HS": ["", "", "1.5", "2.5"]},
    ),
    "a workbook with a level merged over an empty column": (
        workbook([OWN, VALUES, ["netze-a", 2026, "NS", None, 3.5, 1.5, 2.5]], merged=["C3:D3"]), MS_SHORT | {"NS": ["", "3.5", "1.5", "2.5"]}
    ),
    "a workbook with a source merged over its columns": (
        workbook([[*OWN, "source_url", "source_title"], [*VALUES, "https://e.org", None]], merged=["H2:I2"]), MS_SHORT
    ),
    "a workbook with a level that is broken after its stroke": (
        workbook([OWN, VALUES, ["netze-a", 2026, "Mittel-/\nNiederspannung", 1.5, None, None, None]]), MS_SHORT | {"MS_NS": ["1.5", "", "", ""]}
    ),
    "a workbook with merged groups of hours": (
        workbook(
            [["Netzentgelte 2026"], ["VNB", "Jahr", "Ebene", "< 2.500 h/a", None, ">= 2.500 h/a"], [None, None, None, "LP", "AP", "LP", "AP"], ["netze-a", 2026, "MS", 12.5, 3.09, 58.2, 1.26]],
            merged=["A1:G1", "D2:E2", "F2:G2", "A2:A3", "B2:B3", "C2:C3"],
        ),
        MS_SHORT,
    ),
    "a workbook with units below the names": (
        workbook([OWN, [None, None, None, "€/kW", "ct/kWh", "€/kW", "ct/kWh"], VALUES]), MS_SHORT
    ),
    "a workbook with the operator's code as a number": (workbook([OWN, [9900000000002, *VALUES[1:]]]), MS_SHORT),
    "a workbook with blanks in names and cells": (workbook([[f" {name} " for name in OWN], [" netze-a ", 2026, " MS ", *VALUES[3:]]]), MS_SHORT),
    "a workbook with formulas": (workbook([OWN, [*VALUES[:3], Formula("D1*2", 58.2), Formula("E1", 1.26), 12.5, 3.09]]), MS_SHORT),
    "a workbook with errors in another sheet that is hidden": (
        workbook([OWN, VALUES], [[Formula("A1", "#REF!")]], hidden=1), MS_SHORT
    ),
    # JSON and Parquet.
    "JSON objects that span lines": (json.dumps(dict(zip(OWN, VALUES, strict=True)), indent=2), MS_SHORT),
    "several JSON objects that span lines": (
        "\n".join(json.dumps(dict(zip(OWN, [*VALUES[:2], level, *VALUES[3:]], strict=True)), indent=1) for level in ("MS", "NS")),
        MS_SHORT | {"NS": MS_SHORT["MS"]},
    ),
    "JSON with German names, units and null": (
        json.dumps([{"Netzbetreiber": "Netze A", "Jahr": "2026", "Spannungsebene": "MSP", "LP ab 2500 h": "58,20 €", "AP ab 2500 h": 1.26, "LP unter 2500 h": None, "AP unter 2500 h": None}]),
        {"MS": ["58.20", "1.26", "", ""]},
    ),
    "a JSON array of long elements": (
        json.dumps([dict(zip([*OWN, "source_title"], [*VALUES[:2], level, *VALUES[3:], "x" * 9_000], strict=True)) for level in ("MS", "NS")]), MS_SHORT | {"NS": MS_SHORT["MS"]}
    ),
    "Parquet with decimals, texts and missing values": (
        as_parquet(Netzbetreiber=["Netze A"], Jahr=[2026.0], Spannungsebene=["MS"], leistung=pyarrow.array(["58,20"]), arbeit=[1.26], leistung_unter_2500h=[None], arbeit_unter_2500h=[3.09]),
        {"MS": ["58.20", "1.26", "", "3.09"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TARIFFS)
def test_prices_of_a_sheet_are_read(name):
    data, expected = TARIFFS[name]
    found = imported("tariffs", data)
    assert found.problems == []
    assert {values[2]: values[3 : 3 + len(expected[values[2]])] for values in found.entries} == expected
    assert {values[0] for values in found.entries} == {str(A)}


HLZF = "VNB;Jahr;Ebene;Jahreszeit;von;bis"
WINDOWS: dict[str, tuple[bytes | str, dict[str, list[str]]]] = {
    "windows beside columns of their start and end that are empty": (
        lines(f"{HLZF};Zeitfenster", "netze-a;2026;MS;Winter;;;16:30-18:00", "netze-a;2026;MS;Sommer;08:00;09:00;", "netze-a;2026;MS;Herbst;-;-;07:45-12:00"),
        {"WINTER": ["16:30-18:00"], "SUMMER": ["08:00-09:00"], "AUTUMN": ["07:45-12:00"]},
    ),
    "titles above the header": (lines("Hochlastzeitfenster 2026", "gemäß § 19 Abs. 2 StromNEV", "", HLZF, "netze-a;2026;MS;Winter;7:45;9 Uhr"), {"WINTER": ["07:45-09:00"]}),
    "seasons with their months": (
        lines(HLZF, "netze-a;2026;MS;Winter (Dez.–Feb.);7:45;9:00", "netze-a;2026;MS;Frühjahr (März bis Mai);keine;keine"), {"WINTER": ["07:45-09:00"], "SPRING": []}
    ),
    "no windows in other words": (
        lines(HLZF, "netze-a;2026;MS;Sommer;./.;./.", "netze-a;2026;MS;Herbst;entfällt;entfällt", "netze-a;2026;MS;Winter;keine Zeitfenster;keine Zeitfenster"),
        {"SUMMER": [], "AUTUMN": [], "WINTER": []},
    ),
    "windows in one cell with Uhr at each time": (
        lines("VNB;Jahr;Ebene;Saison;Hochlastzeitfenster", "netze-a;2026;MS;Winter;7:45 Uhr bis 9:00 Uhr und 16:30 Uhr bis 18:00 Uhr", "netze-a;2026;MS;Sommer;keine Hochlastzeitfenster"),
        {"WINTER": ["07:45-09:00", "16:30-18:00"], "SUMMER": []},
    ),
    "windows that end with the last second": (lines(HLZF, "netze-a;2026;MS;Winter;22:00:00;23:59:59"), {"WINTER": ["22:00-24:00"]}),
    "windows in several lines of a cell": (
        workbook([["VNB", "Jahr", "Netzebene", "Saison", "Zeitfenster"], ["netze-a", 2026, "MS", "Winter", "07:45 - 09:00\n16:30 - 18:00"]]),
        {"WINTER": ["07:45-09:00", "16:30-18:00"]},
    ),
    "windows over midnight in one cell": (
        lines("VNB;Jahr;Ebene;Saison;Zeitfenster", "netze-a;2026;MS;Winter;22:00–02:00 Uhr"), {"WINTER": ["00:00-02:00", "22:00-24:00"]}
    ),
    "a workbook with operator, year, level and season merged over windows": (
        workbook([HLZF.split(";"), ["netze-a", 2026, "MS", "Winter", time(7, 45), time(9)], [None, None, None, None, time(16, 30), time(18)]], merged=["A2:A3", "B2:B3", "C2:C3", "D2:D3"]),
        {"WINTER": ["07:45-09:00", "16:30-18:00"]},
    ),
    "a workbook with titles and the times as texts": (
        workbook([["Hochlastzeitfenster"], [], HLZF.split(";"), ["netze-a", "2026", "NE 5", "Winter", "7:45", "9:00 Uhr"]]), {"WINTER": ["07:45-09:00"]}
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_windows_of_a_sheet_are_read(name):
    data, expected = WINDOWS[name]
    found = imported("hlzf", data)
    assert found.problems == []
    assert {
        values[3]: [f"{each['start']}-{each['end']}" for each in msgspec.json.decode(values[4])]
        for values in found.entries
    } == expected


LEVIES = "Umlage;Kundengruppe;Wert;Einheit;gültig ab;gültig bis"
DAYS: dict[str, tuple[bytes | str, tuple[str, str, str]]] = {
    "German days": (lines(LEVIES, "KWKG;;0,277;ct/kWh;01.01.2026;31.12.2026"), ("2026-01-01", "2026-12-31", "0.277")),
    "German days without zeros": (lines(LEVIES, "KWKG;;0,277;ct/kWh;1.1.2026;31. 12. 2026"), ("2026-01-01", "2026-12-31", "0.277")),
    "days with months in words": (lines(LEVIES, "KWKG;;0,277 ct/kWh;ct/kWh;1. Januar 2026;31. Dezember 2026"), ("2026-01-01", "2026-12-31", "0.277")),
    "days with the time of midnight": (lines(LEVIES, "KWKG;;0,277;Cent/kWh;2026-01-01 00:00:00;2026-12-31T00:00:00"), ("2026-01-01", "2026-12-31", "0.277")),
    "days with slashes that have one reading": (lines(LEVIES, "KWKG;;0,277;ct/kWh;01/01/2026;31/12/2026"), ("2026-01-01", "2026-12-31", "0.277")),
    "a workbook with days": (workbook([LEVIES.split(";"), ["KWKG", None, 0.277, "ct/kWh", date(2026, 1, 1), date(2026, 12, 31)]]), ("2026-01-01", "2026-12-31", "0.277")),
    "days with the year first and slashes": (lines(LEVIES, "KWKG;;0,277;ct/kWh;2026/01/01;"), ("2026-01-01", "", "0.277")),
    "a workbook with a rate in percent": (
        workbook([LEVIES.split(";"), ["Umsatzsteuer", None, Shown(0.19, "0.00%"), "Prozent", date(2026, 1, 1), None]]), ("2026-01-01", "", "19.00")
    ),
    "a rate with the sign of percent": (lines(LEVIES, "Mehrwertsteuer;;19 %;%;2026-01-01;"), ("2026-01-01", "", "19")),
}  # fmt: skip


@pytest.mark.parametrize("name", DAYS)
def test_days_and_rates_of_levies_are_read(name):
    data, expected = DAYS[name]
    found = imported("levies", data)
    assert found.problems == []
    [values] = found.entries
    first, last, rate = (values[index] for index in (4, 5, 6))
    assert (first, last, rate) == expected


OTHERS: dict[str, tuple[str, bytes | str, slice, list[list[str]]]] = {
    "prices with titles, tabs and units": (
        "prices",
        lines("Preisblatt 3: Messung", "", "Netzbetreiber\tJahr\tPreisart\tVariante\tBetrag (netto)\tEinheit", "netze-a\t2026\tMessstellenbetrieb\tEintarifzähler\t12,50 €\tEUR/Jahr"),
        slice(2, 7), [["MESSSTELLENBETRIEB", "", "Eintarifzähler", "12.50", "EUR_PER_YEAR"]],
    ),
    "prices without levels and variants": (
        "prices", lines("VNB;Jahr;Preisart;Preis;Einheit", "netze-a;2026;SLP-Arbeitspreis;8,30 ct/kWh;ct/kWh", "netze-a;2026;Sperrung;45,00 €;€ je Auftrag"),
        slice(2, 7), [["SLP_ARBEITSPREIS", "NS", "", "8.30", "CT_PER_KWH"], ["SPERRUNG", "", "", "45.00", "EUR_PER_ORDER"]],
    ),
    "a row per sheet under German names": (
        "prices", lines("VNB;Jahr;Grundpreis (EUR/Jahr);Arbeitspreis (ct/kWh)", "netze-a;2026;58,20 €;8,30 ct/kWh"),
        slice(2, 6), [["SLP_GRUNDPREIS", "NS", "", "58.20"], ["SLP_ARBEITSPREIS", "NS", "", "8.30"]],
    ),
    "time-of-use prices and windows in a workbook with merged cells": (
        "time-of-use",
        workbook(
            [["Modul 3"], ["VNB", "Jahr", "Tarifstufe", "Preis in ct/kWh", "Quartal", "von", "bis"], ["netze-a", 2026, "Hochtarif", 12.45, "Q1", time(17), time(20)],
             [None, None, "ST", 8.3, "1. Quartal", time(20), time(17)], [None, None, "NT", 2.1, None, None, None]],
            merged=["A3:A5", "B3:B5"],
        ),
        slice(1, 5), [["2026", "12.45", "8.3", "2.1"]],
    ),
    "places below a title": (
        "places", lines("Postleitzahlen im Netzgebiet", "PLZ;Ort;VNB;Anzahl", "01067;Dresden;netze-a;12", "01069;Dresden;netze-a;"),
        slice(1, 3), [["01067", "Dresden"], ["01069", "Dresden"]],
    ),
    "operators with some columns": (
        "registry", lines("slug;Kurzname;Firma;BDEW-Code;PLZ;Sitz;geschlossenes Verteilernetz", "netze-neu;Netze Neu;Netze Neu GmbH;9900000000009;01067;Dresden;nein"),
        slice(0, 7), [["netze-neu", "Netze Neu", "Netze Neu GmbH", "9900000000009", "Dresden", "01067", "false"]],
    ),
    "levies under their usual names": (
        "levies", lines("Umlage;Satz;Einheit;gültig ab", "Offshore-Netzumlage;0,816;ct/kWh;01.01.2026", "§ 19 StromNEV-Umlage;1,558 ct/kWh;Cent/kWh;01.01.2026"),
        slice(2, 7), [["OFFSHORE", "", "2026-01-01", "", "0.816"], ["PARAGRAF_19_STROM_NEV", "", "2026-01-01", "", "1.558"]],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_other_sheets_are_read(name):
    kind, data, columns, expected = OTHERS[name]
    found = imported(kind, data)
    assert found.problems == []
    assert [[str(value) for value in values[columns]] for values in found.entries] == expected


def test_postal_codes_have_the_zeros_that_a_workbook_shows():
    found = imported(
        "places", workbook([["PLZ", "Ort", "Netzbetreiber"], [Shown(1067, "00000"), "Dresden", "netze-a"]])
    )
    assert (found.problems, [values[1:3] for values in found.entries]) == (
        [],
        [["01067", "Dresden"]],
    )
    names = ["slug", "name", "postal_code", "capacity_mw_total"]
    sheet = workbook([names, ["netze-x", "Netze X", Shown(1067, "00000"), Shown(12, "00000")]])
    found = imported("registry", sheet)
    assert (found.problems, found.entries[0][-2:]) == ([], ["01067", "12"])


def test_other_numbers_than_codes_stay_as_they_are_in_a_format_of_zeros():
    names = ["dno_slug", "year", "quarter", "band", "start", "end"]
    bands = [["ST", 0.25, 0.5], ["HT", 0.5, 1], ["NT", Shown(0, "00"), 0.25]]
    rows = [["netze-a", 2026, Shown(quarter, "00"), *each] for quarter in range(1, 5) for each in bands]
    found = imported("time-of-use", workbook([names, *rows]))
    assert found.problems == []


DECOMPOSED = {
    "names of columns": ("tariffs", with_names("LP über 2500 h", "LP unter 2500 h", row="netze-a;2026;MS;58,20;12,50")),
    "units in names": ("tariffs", with_names("Leistungspreis (€/kW jährlich)", "LP unter 2500 h", row="netze-a;2026;MS;58,20;12,50")),
    "units in cells": (
        "prices", lines("dno_slug;year;voltage_level;grundpreis_eur_per_year;source_url;source_title;note", "netze-a;2026;NS;58,20 € jährlich;;;")
    ),
    "months": ("levies", lines(LEVIES, "KWKG;;0,277;ct/kWh;1. März 2026;")),
    "words of operators": (
        "holiday-rules",
        lines(
            "dno_slug,year,date,subject,rule,read_how,source_url,source_title",
            "netze-a,2026,,bridge_day,alle Brückentage,read directly,,",
            "netze-a,2026,,holiday,Feiertage im gesamten Netzgebiet (Thüringen),read directly,,",
        ),
    ),
    "notes": (
        "prices",
        lines("dno_slug,year,voltage_level,arbeitspreis_ct_per_kwh,source_url,source_title,note", "netze-a,2026,NS,9.1,,,vorläufig"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECOMPOSED)
def test_texts_that_a_program_has_decomposed_are_read_as_others(name):
    """As by programs of macOS."""
    kind, data = DECOMPOSED[name]
    expected, found = (imported(kind, unicodedata.normalize(form, data)) for form in ("NFC", "NFD"))
    assert (expected.problems, found.problems) == ([], [])
    assert [list(map(composed, values)) for values in found.entries] == [
        list(map(composed, values)) for values in expected.entries
    ]


def composed(value: object) -> str:
    return unicodedata.normalize("NFC", str(value))


# The number of a cell, its format, and why what is shown is another number.
SHOWN_OTHERWISE = {
    "in thousands": (1.26, "0.00,", "is shown divided by 1,000 by"),
    "in millions": (1.26, "#,##0.0,,", "is shown divided by 1,000,000 by"),
    "percent of percent": (1.26, "0%%", "is shown multiplied by 10,000 by"),
    "per mille": (1.26, '0.00\\ "‰"', "is shown in ‰ by"),
    "thousands in a word": (1.26, '0.00\\ "Tsd."', "is shown in Tsd. by"),
    "hidden": (1.26, ";;;", "is not shown by"),
    "a zero that is hidden": (0, "0.00;-0.00;", "is not shown by"),
    "a zero as a word": (0, '0.00;-0.00;"entfällt"', "is shown as entfällt by"),
    "large numbers in thousands": (1260, '[>=1000]0.0,"k";0.00', "is shown divided by 1,000 by"),
    "per mille without quotation marks": (1.26, "0.00‰", "is shown in ‰ by"),
    "a zero as a word in brackets": (0, '0.00;-0.00;("entfällt")', "is shown as (entfällt) by"),
    "a zero as a word between dashes": (0, '0.00;-0.00;-"entfällt"-', "is shown as -entfällt- by"),
    "a zero as letters": (0, "0.00;-0.00;k\\.A\\.", "is shown as k.A. by"),
}


@pytest.mark.parametrize("name", SHOWN_OTHERWISE)
def test_a_number_that_its_format_shows_as_another_one_is_refused(name):
    number, code, reason = SHOWN_OTHERWISE[name]
    found = imported("tariffs", workbook([OWN, [*VALUES[:4], Shown(number, code), 12.5, 3.09]]))
    assert [each[:2] for each in found.problems] == [(2, "arbeit")]
    assert reason in found.problems[0][2]


@pytest.mark.parametrize("value", [1.26, 1, "1,26", "1.26 ct/kWh", "entfällt"])
def test_a_figure_that_is_struck_through_is_refused(value):
    """Also one in a row whose other cells are as usual, and in a text."""
    sheet = workbook([OWN, [*VALUES[:4], Struck(value), 12.5, 3.09], ["netze-a", 2025, *VALUES[2:]]])
    ((line, column, reason),) = imported("tariffs", sheet).problems
    assert (line, column) == (2, "arbeit")
    assert "is struck through; remove the row" in reason


def test_an_operator_and_a_time_that_are_struck_through_are_refused():
    struck = imported("tariffs", workbook([OWN, [Struck("netze-a"), *VALUES[1:4], 1.26, 12.5, 3.09]]))
    assert [each[:2] for each in struck.problems] == [(2, "dno_slug")]
    names = ["dno_slug", "year", "voltage_level", "season", "start", "end"]
    windows = workbook([names, ["netze-a", 2026, "MS", "WINTER", Struck(0.75), time(20)]])
    assert [each[:2] for each in imported("hlzf", windows).problems] == [(2, "start")]


def test_fonts_of_conditions_and_of_named_styles_strike_nothing_through():
    names = ["dno_slug", "year", "voltage_level", "season", "start", "end"]
    found = imported("hlzf", workbook([names, ["netze-a", 2026, "MS", "WINTER", time(18), time(20)]]))
    assert found.problems == []


def test_a_count_that_is_shown_in_thousands_is_refused():
    names = ["PLZ", "Ort", "Netzbetreiber", "Anzahl", "basis"]
    found = imported(
        "places",
        workbook([names, ["01067", "Dresden", "netze-a", Shown(12_345, "0.00,"), "REGISTERED_UNITS"]]),
    )
    assert [each[:2] for each in found.problems] == [(2, "locations")]
    without_address = rewritten(
        workbook([names, ["01067", "Dresden", "netze-a", Shown(12_345, "0.00,"), None]]), {r' r="\w+"': ""}
    )
    assert "have no addresses" in imported("places", without_address).problems[0][2]


def test_a_sheet_without_addresses_is_read_where_only_zeros_are_hidden():
    sheet = workbook([OWN, [*VALUES[:4], Shown(1.26, "0.00;-0.00;"), 12.5, 3.09]])
    found = imported("tariffs", rewritten(sheet, {r' r="\w+"': ""}))
    assert (found.problems, [values[4] for values in found.entries]) == ([], ["1.26"])


@pytest.mark.parametrize("code", ["0.00%", '#,##0.00\\ "€"'])
def test_a_count_in_a_unit_is_refused(code):
    names = ["PLZ", "Ort", "Netzbetreiber", "Anzahl", "basis"]
    sheet = workbook([names, ["01067", "Dresden", "netze-a", Shown(5, code), "REGISTERED_UNITS"]])
    ((line, column, reason),) = imported("places", sheet).problems
    assert (line, column) == (2, "locations")
    assert "the column has no unit" in reason


@pytest.mark.parametrize("code", ["[h]", "[mm]:ss", 'hh:mm" Uhr"', 'd. mmmm" 2026"'])
def test_days_and_times_are_shown_as_they_are(code):
    assert number_formats.number_format(code) is None


def test_a_code_may_be_shown_with_the_letter_of_a_country():
    names = ["PLZ", "Ort", "Netzbetreiber", "Anzahl", "basis"]
    sheet = workbook([names, [Shown(1067, '"D-"00000'), "Dresden", "netze-a", 5, "REGISTERED_UNITS"]])
    found = imported("places", sheet)
    assert (found.problems, found.entries[0][1]) == ([], "01067")
    year = workbook([OWN, [VALUES[0], Shown(2026, '"Jahr "0'), *VALUES[2:]]])
    assert imported("tariffs", year).problems == []


@pytest.mark.parametrize("unit", ["W", "Wp", "kVA", "kWel"])
def test_capacities_in_other_units_are_refused(unit):
    names = ["slug", "name", "capacity_mw_total"]
    sheet = workbook([names, ["netze-x", "Netze X", Shown(1200, f'0\\ "{unit}"')]])
    (problem,) = imported("registry", sheet).problems
    assert problem == (2, "capacity_mw_total", f"is shown in {unit}, which is no known unit")


def test_capacities_are_in_megawatts():
    names = ["slug", "name", "capacity_mw_total"]
    sheet = workbook([names, ["netze-x", "Netze X", Shown(1200, '0\\ "kWp"')]])
    assert imported("registry", sheet).problems == [(2, "capacity_mw_total", "is in kW; it must be in MW")]
    text = lines(";".join(names), "netze-x;Netze X;1200 kW")
    assert imported("registry", text).problems == [(2, "capacity_mw_total", "is in kW; it must be in MW")]
    for written in (
        workbook([names, ["netze-x", "Netze X", Shown(1.2, '0.0" MW"')]]),
        lines(";".join(names), "netze-x;Netze X;1,2 MW"),
    ):
        found = imported("registry", written)
        assert (found.problems, found.entries[0][-1]) == ([], "1.2")


@pytest.mark.parametrize(
    ("number", "code", "expected"),
    [
        (1.26, "0.00;-0.00;", "1.26"),
        (0, '_-* #,##0.00_-;\\-* #,##0.00_-;_-* "-"??_-;_-@_-', "0.00"),
        (0, "0.00;\\-0.00;\\-", "0.00"),
        (1.26, '0.00" (netto; ohne USt.)"', "1.26"),
        (1260, "#,##0", "1260"),
        (1.26, '[=0]"";0.00', "1.26"),
        (1.26, '[=0]"entfällt";0.00', "1.26"),
        (1.26, '0.00" Millstätter"', "1.26"),
    ],
)
def test_numbers_in_formats_of_accounts_are_read(number, code, expected):
    found = imported("tariffs", workbook([OWN, [*VALUES[:4], Shown(number, code), 12.5, 3.09]]))
    assert (found.problems, [values[4] for values in found.entries]) == ([], [expected])


RATE = workbook(
    [LEVIES.split(";"), ["Umsatzsteuer", "Wärme", Shown(0.07, "0.00%"), "%", date(2026, 1, 1), None]]
)
LONG = f"<!--{'x' * 2**16}-->" * 2**5
# Parts of workbooks of other programs, and of those that have been copied for years.
PARTS = {
    "thousands of formats": {"xl/styles.xml": ("</cellXfs>", f"{LONG}</cellXfs>")},
    "thousands of names": {"xl/workbook.xml": ("</sheets>", f"</sheets>{LONG}")},
    "a sheet in capitals": {"xl/_rels/workbook.xml.rels": ("worksheets/sheet1.xml", "Worksheets/Sheet1.xml")},
}


@pytest.mark.parametrize("name", PARTS)
def test_percentages_are_read_however_the_parts_of_a_workbook_are_written(name):
    found = imported("levies", with_parts_changed(RATE, PARTS[name]))
    assert (found.problems, [values[6] for values in found.entries]) == ([], ["7.00"])


def _with_styles(count, code):
    """The workbook with as many formats before those of its cells."""
    formats = "".join(
        f'<numFmt numFmtId="{1000 + n}" formatCode={quoteattr(code.format(n))}/>' for n in range(count)
    )
    styles = "".join(f'<xf numFmtId="{1000 + n}"/>' for n in range(count))
    sheet = with_parts_changed(
        RATE, {"xl/styles.xml": ('<cellXfs><xf numFmtId="0"/>', f'<cellXfs>{styles}<xf numFmtId="0"/>')}
    )
    return rewritten(
        with_parts_changed(sheet, {"xl/styles.xml": ("<numFmts>", f"<numFmts>{formats}")}),
        {r'\bs="(\d+)"': lambda style: f's="{int(style[1]) + count}"'},
    )


@pytest.mark.parametrize("code", ['0.00;-0.00;"wort{}"', '0.00 "€ {}"'])
def test_percentages_are_read_beside_hundreds_of_other_formats(code):
    found = imported("levies", _with_styles(300, code))
    assert (found.problems, [values[6] for values in found.entries]) == ([], ["7.00"])


def test_a_sheet_with_more_formats_than_a_workbook_can_have_is_refused():
    cells = "".join(f'<c r="A{3 + n}" s="{n}"><v>1</v></c>' for n in range(300))
    sheet = rewritten(_with_styles(300, '0.00 "€ {}"'), {"</sheetData>": f"<row>{cells}</row></sheetData>"})
    (problem,) = imported("levies", sheet).problems
    assert "more than 255 formats" in problem[2]


def test_megabytes_of_cell_formats_are_read_and_endless_ones_are_refused(monkeypatch):
    def changed(text):
        return with_parts_changed(RATE, {"xl/styles.xml": ("</cellXfs>", text)})

    many = f'<xf numFmtId="204"{" " * 1_000}><alignment wrapText="1"/></xf>' * 10_000
    found = imported("levies", changed(f"{many}</cellXfs><cellStyleXfs>{many}</cellStyleXfs>"))
    assert [values[6] for values in found.entries] == ["7.00"]
    monkeypatch.setattr(number_formats, "_MAX_ELEMENTS", 20_000)
    attributes = " ".join(f'a{n}="1"' for n in range(40_000))
    for endless in (f"{'<a/>' * 20_001}</cellXfs>", f"<xf {attributes}/></cellXfs>"):
        (problem,) = imported("levies", changed(endless)).problems
        assert "xl/styles.xml is too large; copy the sheet into a new workbook" in problem[2]


_RELATED = "xl/_rels/workbook.xml.rels"
# How the reader is led to the part that fills the memory, beside a harmless one.
TWICE = {
    "a sheet outside the list": (
        "xl/tables/huge.xml",
        {
            "xl/workbook.xml": ("</sheets>", '</sheets><sheet name="Tabelle1" sheetId="9" r:id="rId9"/>'),
            _RELATED: (
                'Target="worksheets/sheet1.xml"/>',
                'Target="tables/huge.xml"/><Relationship Id="rId9" Type="x/worksheet" Target="worksheets/sheet1.xml"/>',
            ),
        },
    ),
    "an entity that the reader leaves as it is": (
        "xl/tables/&#97;.xml",
        {_RELATED: ("worksheets/sheet1.xml", "tables/&#97;.xml")},
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_sheet_that_would_fill_the_memory_is_refused_wherever_it_is(tmp_path, name):
    part, changes = TWICE[name]
    huge = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
        "</sheetData></worksheet>"
    )
    file = tmp_path / "a.xlsx"
    sheet = with_part(with_parts_changed(workbook([OWN, VALUES]), changes), part, huge.encode())
    file.write_bytes(with_part(sheet, "xl/tables/a.xml", b"<worksheet/>"))
    # The reader ends the process where there is no memory.
    ended = subprocess.run(
        [sys.executable, "-c", _READS, file],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32)),
        check=False,
    )
    assert (ended.returncode, ended.stdout.strip()) == (0, "refused"), ended.stderr


_READS = """
import sys
from app.importers.records import UnreadableFile
from app.importers.workbook_records import workbook_table
try:
    workbook_table(open(sys.argv[1], "rb"), "a.xlsx", [], None, lambda characters: None)
except UnreadableFile:
    print("refused")
"""


def test_a_sheet_that_is_listed_twice_is_refused():
    twice = {"xl/workbook.xml": ("</sheets>", '<sheet name="Tabelle1" r:id="rId0"/></sheets>')}
    (problem,) = imported("levies", with_parts_changed(RATE, twice)).problems
    assert "there are two sheets Tabelle1" in problem[2]


@pytest.mark.parametrize("part", ["xl/worksheets/media/image1.png", "xl/worksheets/binaryIndex1.bin"])
def test_other_files_beside_the_sheets_are_no_sheets(part):
    found = imported("levies", with_part(RATE, part, b"\x89PNG\x00\x00<"))
    assert (found.problems, [values[6] for values in found.entries]) == ([], ["7.00"])


@pytest.mark.parametrize("blank", ["\t", "\n", "\r\n"])
def test_the_name_of_a_sheet_may_have_raw_white_space(blank):
    named = {"xl/workbook.xml": ('name="Tabelle1"', f'name="Preise{blank}2026"')}
    found = imported("levies", with_parts_changed(RATE, named))
    assert (found.problems, [values[6] for values in found.entries]) == ([], ["7.00"])


def test_an_error_is_found_in_a_sheet_at_an_unusual_place():
    sheet = workbook([OWN, [*VALUES[:5], Formula("D2", "#REF!"), 3.09]])
    with zipfile.ZipFile(io.BytesIO(sheet)) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/tables/a.xml"] = parts.pop("xl/worksheets/sheet1.xml")
    related = "xl/_rels/workbook.xml.rels"
    parts[related] = parts[related].replace("worksheets/sheet1.xml", "tables/a.xml")
    (problem,) = imported("tariffs", zipped(parts)).problems
    assert "the cell F2 has an error" in problem[2]


# How programs write the cells of a workbook.
WRITTEN = {
    "attributes in another order": {r'<c r="(\w+)" s="(\d+)"': r'<c s="\2" t="n" r="\1"'},
    "an attribute between address and style": {r'<c r="(\w+)" s="(\d+)"': r'<c r="\1" t="n" s="\2"'},
    "a prefix before each name": {"<(/?)": r"<\1x:", "xmlns=": "xmlns:x="},
    "single quotation marks": {'"': "'"},
    "lines within tags": {" (r|s)=": r"\n  \1="},
    "blanks around the sign": {" (r|s)=": r" \1  =  "},
    "addresses in small letters": {f'<c r="{letter}': f'<c r="{letter.lower()}' for letter in "ABCDEFG"},
}


@pytest.mark.parametrize("changes", WRITTEN.values(), ids=list(WRITTEN))
def test_the_formats_of_a_workbook_hold_however_its_cells_are_written(changes):
    rate = workbook(
        [LEVIES.split(";"), ["Umsatzsteuer", "Wärme", Shown(0.07, "0.00%"), "%", date(2026, 1, 1), None]]
    )
    found = imported("levies", rewritten(rate, changes))
    assert (found.problems, [values[6] for values in found.entries]) == ([], ["7.00"])
    price = workbook([OWN, [*VALUES[:4], Shown(1.26, '#,##0.00\\ "€"'), 12.5, 3.09]])
    assert imported("tariffs", rewritten(price, changes)).problems == [
        (2, "arbeit", "is in EUR; it must be in ct/kWh")
    ]


REFUSED: dict[str, tuple[str, bytes | str, tuple[int, str | None, str]]] = {
    "a unit that is not that of the column": ("tariffs", lines(GERMAN, ROW.replace("1,26", "12,60 €/MWh")), (2, "arbeit", "is in EUR/MWh; it must be in ct/kWh")),
    "euros for cents": ("tariffs", lines(GERMAN, ROW.replace("1,26", "0,0126 €")), (2, "arbeit", "is in EUR; it must be in ct/kWh")),
    "a price of a month": ("tariffs", lines(GERMAN, ROW.replace("58,20", "4,85 €/kW/Monat")), (2, "leistung", "is in EUR/kW/month")),
    "a gross price": ("tariffs", lines(GERMAN, ROW.replace("58,20", "69,26 € brutto")), (2, "leistung", "is in EUR/gross")),
    "a unit that is none": ("tariffs", lines(GERMAN, ROW.replace("58,20", "58,20 Taler")), (2, "leistung", "must be a decimal number")),
    "another unit below the names": ("tariffs", lines(GERMAN, ";;;€/kW;€/MWh;€/kW;€/MWh", ROW), (1, "AP ab 2500 h (€/MWh)", "another unit than arbeit, which is in ct/kWh")),
    "another unit in a row above the names": (
        "tariffs", lines(";;;€/kW;€/MWh;€/kW;€/MWh", GERMAN, ROW), (1, None, "the row names prices in EUR/MWh, but arbeit is in ct/kWh; state the unit")
    ),
    "another unit in a title": ("tariffs", lines("Alle Preise in €/MWh, netto", GERMAN, ROW), (1, None, "names prices in EUR/MWh")),
    "another unit in a title of a workbook": (
        "tariffs", workbook([["Netzentgelte"], ["Leistungspreise je Monat", "EUR / (kW · Monat)"], OWN, VALUES]), (2, None, "names prices in EUR/kW/month")
    ),
    "a price of a month in a title": (
        "prices", lines("Preise in €/Monat und ct/kWh", "VNB;Jahr;Grundpreis;Arbeitspreis", "netze-a;2026;5,00;8,00"), (1, None, "names prices in EUR/month")
    ),
    "gross prices by a title": ("tariffs", lines("Alle Preise inkl. 19 % Umsatzsteuer", GERMAN, ROW), (1, None, "names gross prices")),
    "gross prices by a title above names with units": (
        "tariffs", lines("Preise (brutto)", GERMAN.replace("AP ab 2500 h", "AP ab 2500 h (ct/kWh)"), ROW), (1, None, "names gross prices")
    ),
    "another unit in the upper row of a header": (
        "tariffs", lines("VNB;Jahr;Ebene;€/kW;€/MWh;€/kW;€/MWh", GERMAN.replace("VNB;Jahr;Ebene", ";;"), ROW), (1, None, "names prices in EUR/MWh")
    ),
    "gross prices by the upper row of a header": (
        "tariffs", lines("VNB;Jahr;Ebene;brutto;;brutto;", GERMAN.replace("VNB;Jahr;Ebene", ";;"), ROW), (1, None, "names gross prices")
    ),
    "prices of last year by the upper row of a header": (
        "tariffs", lines("VNB;Jahr;Ebene;Vorjahr;;Vorjahr;", GERMAN.replace("VNB;Jahr;Ebene", ";;"), ROW), (1, None, "names prices of last year")
    ),
    "prices of last year by a row above a header": ("tariffs", lines(";;;Vorjahr;Vorjahr;Vorjahr;Vorjahr", GERMAN, ROW), (1, None, "names prices of last year")),
    **{
        f"prices of last year by ({remark})": ("tariffs", lines(GERMAN.replace("AP ab 2500 h", f"AP ab 2500 h ({remark})"), ROW), (1, f"AP ab 2500 h ({remark})", "no such column"))
        for remark in ("Vorj.", "VJ", "letztes Jahr", "Preise des Vorjahres")
    },
    "prices of last year": ("tariffs", lines(GERMAN.replace("AP ab 2500 h", "AP ab 2500 h (Vorjahr)"), ROW), (1, "AP ab 2500 h (Vorjahr)", "no such column")),
    "another unit in a name": ("tariffs", with_names("LP ab 2500 h [€/kW]", "AP ab 2500 h [€/MWh]"), (1, "AP ab 2500 h [€/MWh]", "another unit than arbeit")),
    "a currency in the format of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:4], Shown(1.26, '#,##0.00\\ "€"'), 12.5, 3.09]]), (2, "arbeit", "is in EUR; it must be in ct/kWh")
    ),
    "a currency without quotation marks in the format of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:4], Shown(1.26, "0.00 €"), 12.5, 3.09]]), (2, "arbeit", "is in EUR; it must be in ct/kWh")
    ),
    "a currency behind another word in the format of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:4], Shown(1.26, '0.00\\ "netto"\\ €'), 12.5, 3.09]]), (2, "arbeit", "is in EUR; it must be in ct/kWh")
    ),
    "a currency and a word before the number in the format of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:4], Shown(1.26, '"Preis "0.00 €'), 12.5, 3.09]]), (2, "arbeit", "is in EUR; it must be in ct/kWh")
    ),
    "another currency before the number in the format of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:3], Shown(58.2, '"Preis in T€: "0.00 €'), *VALUES[4:]]]), (2, "leistung", "is shown in Preis in T€: €, which")
    ),
    "a percentage in a column of prices": ("tariffs", workbook([OWN, [*VALUES[:3], Shown(0.58, "0.00%"), 1.26, 12.5, 3.09]]), (2, "leistung", "is in percent")),
    "decimal commas and points in one column": (
        "tariffs", levels("MS;58,20;1,2;1,3;1,4", "NS;1.26;1,2;1,3;1,4"), (3, None, "decimal commas (58,20 in line 2) and decimal points (1.26 in line 3)")
    ),
    "decimal commas and points in texts of a workbook": (
        "tariffs", workbook([OWN, [*VALUES[:3], "58,20", "1.26", 12.5, 3.09]]), (2, None, "decimal commas (58,20 in line 2) and decimal points (1.26 in line 2)")
    ),
    "decimal commas and points with units": ("tariffs", lines(GERMAN, ROW.replace("1,26", "1.26 ct/kWh")), (2, None, "decimal points (1.26 in line 2)")),
    "a day with two readings": ("levies", lines(LEVIES, "KWKG;;0,277;ct/kWh;03/04/2026;"), (2, "valid_from", "could be 2026-04-03 or 2026-03-04")),
    "a year of two digits": ("levies", lines(LEVIES, "KWKG;;0,277;ct/kWh;01.01.26;"), (2, "valid_from", "has a year of two digits")),
    "a day that the calendar lacks": ("levies", lines(LEVIES, "KWKG;;0,277;ct/kWh;31.02.2026;"), (2, "valid_from", "must be a day")),
    "a levy in a unit that its row does not state": ("levies", lines(LEVIES, "KWKG;;0,277 €/kWh;ct/kWh;2026-01-01;"), (2, "value", "is in EUR/kWh; it must be in ct/kWh")),
    "a price that begins in between": (
        "prices", lines("VNB;Jahr;Arbeitspreis;gültig ab", "netze-a;2026;8,00;01.07.2026"), (2, "valid_from", "is after the first day of 2026")
    ),
    "a position of a sheet that begins in between": (
        "prices",
        workbook([["dno_slug", "year", "voltage_level", "position", "meaning", "value", "unit", "valid_from"], ["netze-a", 2026, "NS", "slp_energy", "Arbeitspreis", 8.0, "ct/kWh", date(2026, 2, 1)]]),
        (2, "valid_from", "is after the first day of 2026"),
    ),
    "a year that begins in between": ("tariffs", lines(GERMAN, ROW.replace("2026", "01.07.2026")), (2, "year", "must be a year")),
    "a level with another abbreviation": ("tariffs", levels("Mittelspannung (NS);1,2;;;"), (2, "voltage_level", "must be one of")),
    "a level with kilovolts of another": ("tariffs", levels("Mittelspannung (110 kV);1,2;;;"), (2, "voltage_level", "must be one of")),
    "two levels at once": ("tariffs", levels("Hoch- und Mittelspannung;1,2;;;"), (2, "voltage_level", "must be one of")),
    "a season with other months": ("hlzf", lines(HLZF, "netze-a;2026;MS;Winter (Nov.–Feb.);7:45;9:00"), (2, "season", "must be one of")),
    "hours that are others": ("tariffs", with_names("LP ab 5000 h", "AP ab 5000 h"), (1, "LP ab 5000 h", "no such column")),
    "a header without a required column below titles": ("tariffs", lines(*TITLES, GERMAN.replace("Jahr;", ""), ROW), (5, "year", "missing")),
    "titles without a table": ("tariffs", lines(*TITLES), (1, "year", "missing")),
    "a cell in a column without a name": ("tariffs", lines(GERMAN.replace(";LP ab", ";;LP ab"), ROW.replace(";58", ";x;58")), (2, None, "a column without a name")),
    "rows of the table above its header": (
        "tariffs", lines(ROW, GERMAN, ROW.replace("2026", "2025")), (1, None, "above the header in line 2")
    ),
    "rows of the table above its header in a workbook": (
        "tariffs", workbook([["Preise"], VALUES, OWN, VALUES]), (2, None, "above the header in line 3")
    ),
    "a formula without a result": ("tariffs", workbook([OWN, [*VALUES[:4], Formula("D2", None), 12.5, 3.09]]), (0, None, "the cell E2 has an error, or a formula without")),
    "a formula with an empty result that a library wrote": (
        "tariffs", rewritten(workbook([OWN, [*VALUES[:4], Formula("D2", None), 12.5, 3.09]]), {"</f>": "</f><v/>"}), (0, None, "the cell E2 has an error, or a formula without")
    ),
    "a formula with an error": ("tariffs", workbook([OWN, [*VALUES[:5], Formula("D2", "#REF!"), 3.09]]), (0, None, "the cell F2 has an error")),
    "a number of a day": (
        "levies", workbook([LEVIES.split(";"), ["KWKG", None, 0.277, "ct/kWh", 46023, None]]), (2, "valid_from", "is a number; write it as 2026-01-31")
    ),
    "another unit in the format of a workbook": ("tariffs", workbook([OWN, [*VALUES[:3], Shown(58.2, '0.00\\ "T€"'), *VALUES[4:]]]), (2, "leistung", "is shown in T€")),
    "two levels with a comma between them": ("tariffs", levels("HS, MS;1,2;;;"), (2, "voltage_level", "must be one of")),
    "more columns than any table has": ("tariffs", ";".join(f"Spalte {n}" for n in range(1_001)), (1, None, "there are 1,001 columns; 1,000 are allowed")),
    "no price at all": ("tariffs", lines("VNB;Jahr;Ebene", "netze-a;2026;MS"), (1, "arbeit", "missing")),
    "a postal code without its zero": ("places", lines("PLZ;Ort;Netzbetreiber", "1067;Dresden;netze-a"), (2, "postal_code", "zeros at the beginning")),
    "a year of two years": ("tariffs", lines(GERMAN, ROW.replace("2026", "2026/2027")), (2, "year", "must be a year")),
    "a price that is merged over two columns": (
        "tariffs", workbook([OWN, ["netze-a", 2026, "MS", 58.2, None, 12.5, 3.09]], merged=["D2:E2"]), (2, "arbeit", "is merged with the cell to its left")
    ),
    "a price that is merged over rows and columns": (
        "tariffs",
        workbook([OWN, VALUES, ["netze-a", 2026, "HS", 58.2, None, 12.5, 3.09], ["netze-a", 2026, "NS", None, None, 12.5, 3.09]], merged=["D3:E4"]),
        (4, "arbeit", "is merged with the cell to its left"),
    ),
    "a note that is merged over the table": (
        "tariffs", workbook([OWN, VALUES, ["Alle Preise netto", *[None] * 6]], merged=["A3:G3"]), (3, "dno_slug", "no operator has this slug")
    ),
    "a window beside its start and end": (
        "hlzf", lines(f"{HLZF};Zeitfenster", "netze-a;2026;MS;Winter;07:45;12:00;16:30-18:00"), (2, "Zeitfenster", "has a window and its start or end")
    ),
    "a window in front of its end": (
        "hlzf", lines("VNB;Jahr;Ebene;Jahreszeit;Zeitfenster;bis", "netze-a;2026;MS;Winter;16:30-18:00;12:00"), (2, "Zeitfenster", "has a window and its start or end")
    ),
    "no window beside its start and end": (
        "hlzf", lines(f"{HLZF};Zeitfenster", "netze-a;2026;MS;Winter;07:45;12:00;keine"), (2, "Zeitfenster", "has a window and its start or end")
    ),
    "two columns of windows": (
        "hlzf", lines("VNB;Jahr;Ebene;Jahreszeit;Zeitfenster;Uhrzeit", "netze-a;2026;MS;Winter;16:30-18:00;"), (1, "window", "is there twice: as Zeitfenster and as Uhrzeit")
    ),
    "a season that is merged over its windows": (
        "hlzf", workbook([HLZF.split(";"), ["netze-a", 2026, "MS", "Winter", None, None]], merged=["D2:F2"]), (2, "end", "is merged with the cell to its left")
    ),
    "two levels on two lines of one cell": (
        "tariffs", workbook([OWN, [*VALUES[:2], "MS\nNS", *VALUES[3:]]]), (2, "voltage_level", "must be one of HOES")
    ),
    "two levels with a bar between them": ("tariffs", lines(GERMAN, ROW.replace("MS", "HS | MS")), (2, "voltage_level", "must be one of HOES")),
    "a mark of a footnote": ("tariffs", lines(GERMAN, ROW.replace("58,20", "58,20*")), (2, "leistung", "must be a decimal number")),
    "a row of totals": ("tariffs", lines(GERMAN, ROW, "Summe;;;;;;"), (3, "dno_slug", "no operator")),
    "JSON within another object": ("tariffs", json.dumps({"data": []}), (1, "dno_slug", "missing")),
    "a page of HTML": ("tariffs", "<html><table><tr><td>VNB</td></tr></table></html>", (0, None, "is XML or HTML; save it as .xlsx")),
    "a note below the table": ("tariffs", lines(GERMAN, ROW, "Alle Preise netto."), (3, None, "the row has 1 cells")),
    "a merged operator in a file without merged cells": ("tariffs", levels("MS;1,2;;;").replace("netze-a", ""), (2, "dno_slug", "is empty")),
    "a percentage in a cell without an address": (
        "levies",
        rewritten(workbook([LEVIES.split(";"), ["Umsatzsteuer", "Wärme", Shown(0.07, "0.00%"), "%", date(2026, 1, 1), None]]), {r' r="\w+"': ""}),
        (0, None, "have no addresses"),
    ),
    "a code with zeros in a cell without an address": (
        "places",
        rewritten(workbook([["PLZ", "Ort", "Netzbetreiber"], [Shown(1067, "00000"), "Dresden", "netze-a"]]), {r' r="\w+"': ""}),
        (0, None, "cells whose format changes what a number means have no addresses; save the workbook again"),
    ),
    "a hidden sheet alone": ("tariffs", workbook([OWN, VALUES], hidden=1), (0, None, "only hidden sheets have rows: Tabelle1; name one with --sheet")),
    "two sheets with prices": ("tariffs", workbook([["Deckblatt"]], [OWN, VALUES]), (0, None, "name one with --sheet")),
    "an OpenDocument file": ("tariffs", zipped({"mimetype": "x", "content.xml": "<a/>"}), (0, None, "is an OpenDocument file; save it as .xlsx")),
    "a PDF": ("tariffs", b"%PDF-1.7\n\xe2\xe3", (0, None, "the file is a PDF; its figures must be in a table")),
    "a file that is compressed": ("tariffs", gzip.compress(lines(GERMAN, ROW).encode()), (0, None, "compressed with gzip; unpack it")),
    "an empty ZIP file": ("tariffs", zipped({}), (0, None, "is an empty ZIP file")),
    "a scanned sheet": ("tariffs", b"\xff\xd8\xff\xe0\x00\x10JFIF", (0, None, "is a picture; its figures")),
    "a document": ("tariffs", "{\\rtf1\\ansi Preisblatt}", (0, None, "is an RTF document")),
    "a workbook of XML": ("tariffs", '<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n<Workbook/>', (0, None, "is XML or HTML; save it as .xlsx")),
    "XML behind an empty line": ("tariffs", '\ufeff\n<?xml version="1.0"?>\n<Workbook/>', (0, None, "is XML or HTML; save it as .xlsx")),
    "a scan of a fax": ("tariffs", b"II*\x00\x08\x00\x00\x00", (0, None, "is a picture; its figures")),
    "a file that is compressed with xz": ("tariffs", lzma.compress(lines(GERMAN, ROW).encode()), (0, None, "compressed with xz; unpack it")),
    "a file that is compressed with bzip2": ("tariffs", bz2.compress(lines(GERMAN, ROW).encode()), (0, None, "compressed with bzip2; unpack it")),
    "an object of JSON that is cut off": ("tariffs", '{\n "Jahr": 2026,\n', (1, None, "no JSON")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_sheet_is_refused(name):
    kind, data, (line, column, reason) = REFUSED[name]
    problems = imported(kind, data).problems
    assert any(each[:2] == (line, column) and reason in each[2] for each in problems), problems


def test_each_merged_block_ends_with_its_last_row():
    rows = [
        ["netze-a", 2026, "HS", 1, None, 2, None],
        ["netze-a", 2026, "HS_MS", None, None, None, None],
        ["netze-a", 2026, "MS", 1, None, None, None],
        ["netze-a", 2026, "NS", 1, None, 2, None],
    ]
    found = imported("tariffs", workbook([OWN, *rows], merged=["F2:G4", "D2:E3"]))
    places = [(line, OWN.index(column)) for line, column, _ in found.problems]
    assert sorted(places) == [(2, 4), (2, 6), (3, 4), (3, 6), (4, 6)]
    assert [values[2:7] for values in found.entries] == [["NS", "1", "", "2", ""]]


def test_of_a_row_with_a_merged_price_all_but_that_is_known():
    data = workbook([OWN, ["netze-a", 2026, "MS", 58.2, None, 12.5, 3.09]], merged=["D2:E2"])
    source = SOURCES[Kind.TARIFFS](REFERENCES)
    problem, row = read_all(io.BytesIO(data), "f", source.layouts)
    assert (problem.column, problem.value) == ("arbeit", "58.2")
    assert row.refused
    assert row.cells[:3] == ["netze-a", "2026", "MS"]


def test_a_whole_day_of_the_calendar_of_1904_ends_it():
    sheet = workbook([HLZF.split(";"), ["netze-a", 2026, "MS", "Winter", time(16, 30), time(0, 0)]])
    changed = with_parts_changed(
        sheet,
        {
            "xl/workbook.xml": ("<sheets>", '<workbookPr date1904="1"/><sheets>'),
            "xl/worksheets/sheet1.xml": ("<v>0.0</v>", "<v>1</v>"),
        },
    )
    found = imported("hlzf", changed)
    assert (found.problems, [values[4] for values in found.entries]) == (
        [],
        ['[{"start":"16:30","end":"24:00"}]'],
    )


def with_raised(*runs: str, shared: bool = False) -> bytes:
    """A workbook whose first price is a text of these runs; those that begin with ^ are raised."""
    text = "".join(
        f'<r><rPr><b/><vertAlign val="superscript"/></rPr><t>{run[1:]}</t></r>'
        if run[0] == "^"
        else f"<r><t>{run}</t></r>"
        for run in runs
    )
    sheet = workbook([OWN, [*VALUES[:3], "text", "1,26", "12,50", "3,09"]])
    if not shared:
        return rewritten(sheet, {r"<is><t [^>]*>text</t></is>": f"<is>{text}</is>"})
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
    related = f'<Relationship Id="rId9" Type="{kind}" Target="sharedStrings.xml"/></Relationships>'
    sheet = rewritten(sheet, {r't="inlineStr"><is><t [^>]*>text</t></is>': 't="s"><v>1</v>'})
    sheet = with_parts_changed(sheet, {"xl/_rels/workbook.xml.rels": ("</Relationships>", related)})
    root = 'sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    return with_part(
        sheet, "xl/sharedStrings.xml", f"<{root}><si><t>x</t></si><si>{text}</si></sst>".encode()
    )


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(
    "runs",
    [("58,20", "^1"), ("^1", "58,20"), ("58,", "20", "^1", "^,2"), ("58,20", "^1)"), ("58,20", "^1_x000D_")],
)
def test_the_raised_mark_of_a_footnote_is_no_digit_of_a_price(runs, shared):
    (problem,) = imported("tariffs", with_raised(*runs, shared=shared)).problems
    assert problem == (2, "leistung", "must be a decimal number such as 58.21")


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("runs", [("58,20",), ("58,", "20"), ("58,", "^20"), ("58,20", " €")])
def test_prices_of_several_runs_are_read(runs, shared):
    found = imported("tariffs", with_raised(*runs, shared=shared))
    assert (found.problems, [values[3] for values in found.entries]) == ([], ["58.20"])


@pytest.mark.timeout(30)
def test_a_raised_digit_within_many_tags_is_found_soon():
    levels = 100_000
    text = (
        b'<si><r><rPr><vertAlign val="superscript"/></rPr>'
        + b"<t>1" * levels
        + b"</t>" * levels
        + b"</r></si>"
    )
    with zipfile.ZipFile(io.BytesIO(zipped({"a": b"<sst>" + text + b"</sst>"}))) as archive:
        assert raised_digits(archive, ["a"]) == {}


def test_readings_of_characters_are_no_part_of_a_text():
    text = "<si><t>1</t><rPh sb='0' eb='1'><t>9</t></rPh><r><rPr><vertAlign val='superscript'/></rPr><t>2</t></r></si>"
    with zipfile.ZipFile(io.BytesIO(zipped({"a": text}))) as archive:
        assert raised_digits(archive, ["a"]) == {"12": "1²"}


def test_a_part_of_a_workbook_is_held_once():
    size = 2**24
    with zipfile.ZipFile(io.BytesIO(zipped({"a": b" " * size}))) as archive:
        tracemalloc.start()
        try:
            raised_digits(archive, ["a"])
            assert tracemalloc.get_traced_memory()[1] < 1.5 * size
        finally:
            tracemalloc.stop()


SLP = "VNB;Jahr;Grundpreis;Arbeitspreis"
SLP_ROW = "netze-a;2026;60,00;8,00"
MODULE_3 = "VNB;Jahr;Modul;Tarifstufe;Preis;Quelle"
MODULE_3_ROW = "netze-a;2026;3;HT;8,78;https://netze-a.de/x.pdf"


@pytest.mark.parametrize(
    "titles",
    [
        ["Leistungspreis in €/kW/a bzw. Arbeitspreis in ct/kWh"],
        ["Entgelte für Messstellenbetrieb [€/a] und Blindarbeit [ct/kvarh] siehe Preisblätter 3 und 5"],
        ["Inhalt: Jahresleistungspreis (€/kW/a), Monatsleistungspreis (€/kW/Monat), Messung (€/a)"],
        ["Blindstrom > 50 %: 1,10 ct/kvarh; Grundpreis Messung 350,00 €/a"],
        ["1. SLP", "Grundpreis;60,00;€/a", "Arbeitspreis;80,00;€/MWh", "2. RLM"],
        ["Netzreserve: 60,- €/MWh", "Umlage: 6,43 (€/MWh)", "KWK-Zuschlag 6,43 [€/MWh]"],
        ["Umlagen (KWKG, Offshore, § 19) werden in ct/kWh bzw. €/MWh veröffentlicht"],
        ["Preise in ct/kWh (Jahr 2026) und €/kW a) RLM b) SLP", "Baukostenzuschuss in €/MW"],
        ["Netto-Preise. Bruttopreise (inkl. 19 % USt) in Klammern"],
        ["Bruttopreise in Klammern", "Bruttopreise finden Sie im Anhang"],
        ["Die Rechnungsstellung erfolgt inkl. gesetzlicher USt", "Messung 12,00 €/a (brutto 23,80 €/a)"],
        ["Preise ohne gesetzliche USt, brutto in Spalte 9", "keine Bruttopreise"],
        [
            "Mehr-/Mindermengen in €/MWh",
            "Vermiedene Netzentgelte [€/MWh]",
            "Konzessionsabgabe in €/kWh",
            "Redispatch in €/MWh",
        ],
        [
            "Brutto-Leistung der Anlagen, Bruttoleistung",
            "Preise zuzügl. MwSt., Endpreise inkl. MwSt. in Spalte I",
        ],
        ["Bruttopreise auf Seite 2", "Bruttopreis = Preis + 19 % USt"],
        ["Die Preise in diesem Blatt sind netto,", "in Rechnungsbeträgen brutto inkl. 19 % USt"],
        ["Endpreise brutto enthalten die USt. Genannte Preise", "sind zzgl. der gesetzlichen Umsatzsteuer"],
        ["Preise in €/kW D-12345 Berlin"],
        ["Änderung zum Vorjahr: +3,2 %", "Vorjahresvergleich auf Anfrage;;;;;;"],
    ],
)
@pytest.mark.parametrize("header", [[GERMAN, ROW], [*GROUPS, GROUPED]])
def test_titles_about_other_figures_are_left_out(titles, header):
    found = imported("tariffs", lines(*titles, *header))
    assert (found.problems, [values[3:7] for values in found.entries]) == ([], [MS["MS"]])
    rows = [[cell or None for cell in row.split(";")] for row in [*titles, *header]]
    assert imported("tariffs", workbook(rows)).problems == []


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("prices", ["Grundpreis in €/Jahr, Arbeitspreis in ct/kWh", SLP.replace("Grundpreis", "Grundpreis (€/Jahr)"), SLP_ROW]),
        ("prices", ["Preise in Euro (Monat Januar)", "Preise in EUR Monat 1", SLP, SLP_ROW]),
        ("section14a", ["Modul 1: Reduzierung in €/a (brutto 136,13 €)", "Modul 3", MODULE_3, MODULE_3_ROW]),
        ("tariffs", ["Leistungspreis: EUR/kW*a", "Arbeitspreis: ct/kWh", GERMAN.replace("2500 h;AP", "2500 h [€/kW/a];AP"), ROW]),
        ("tariffs", ["VNB;Jahr;Ebene;€/kW/a und ct/kWh;;;", ";;;LP < 2500;AP < 2500;LP ≥ 2500;AP ≥ 2500", GROUPED]),
        ("tariffs", ["VNB;Jahr;Ebene;Preise unverändert zum Vorjahr;;;", ";;;LP < 2500;AP < 2500;LP ≥ 2500;AP ≥ 2500", GROUPED]),
        ("tariffs", [GERMAN.replace("VNB", "VNB (vormals Stadtwerke X)").replace("Ebene", "Spannungsebene (bisherige Bezeichnung)"), ROW]),
        ("tariffs", [GERMAN.replace("VNB", "Netzbetreiber (alter Name)").replace("Jahr", "Jahr (Vorjahr)"), ROW]),
    ],
)  # fmt: skip
def test_sheets_with_remarks_are_read(kind, rows):
    found = imported(kind, lines(*rows))
    assert found.problems == []
    assert found.entries


@pytest.mark.parametrize(
    "title",
    [
        "Bruttopreise für Entnahme ohne Leistungsmessung",
        "Netznutzung ohne Leistungsmessung brutto",
        "Preisblatt 2: Netznutzung ohne Leistungsmessung, alle Preise inkl. 19 % USt",
        "Blatt 2: Bruttopreise",
        "Seite 1 | Preise brutto",
        "Preise brutto 2026",
        "Netzentgelte brutto, Umlagen nicht enthalten",
        ";;brutto;netto",
        "Preise inkl. ges. MwSt.",
        "einschließlich der jeweils gültigen MwSt",
        "Bruttopreise zzgl. Konzessionsabgabe",
        "inkl. 19 Prozent Umsatzsteuer",
        "einschließlich der derzeit gültigen Umsatzsteuer",
        "Preise inkl. Konzessionsabgabe und USt",
        "Bruttonetzentgelte",
        "Bruttoarbeitspreise",
        "Brutto-Preise",
    ],
)
def test_titles_with_gross_prices_are_refused(title):
    assert imported("prices", lines(title, SLP, SLP_ROW)).problems == [
        (1, None, "the row names gross prices; prices are net")
    ]


@pytest.mark.parametrize(
    "remark",
    [
        "inkl. MwSt.",
        "inkl. 19 % USt",
        "inkl. Umlagen",
        "einschließlich Konzessionsabgabe",
        "incl. KA",
        "inkl. KWKG-Umlage, § 19 und Offshore",
        "nur Modul 2",
        "§ 14a EnWG Modul 2",
        "Wärmepumpe",
        "für Wärmepumpen / Nachtspeicherheizung",
        "steuerbare Verbrauchseinrichtungen",
        "Monatsleistungspreissystem",
        "Schwachlast",
        "Netzreservekapazität",
        "HT",
        "NT",
        "SteuVE",
        "Nachtspeicher",
        "Nachtstrom",
        "Elektrospeicherheizung",
        "WP",
        "mit USt",
        "mit 19 % MwSt.",
        "inkl. 19%",
        "mit Umlagen",
        "KA und Umlagen enthalten",
        "einschl. gesetzl. Umlagen",
        "inkl. gesetzlicher Steuern und Abgaben",
        "inkl. Steuern",
        "incl. levies",
        "ohne USt., inkl. Umlagen",
    ],
)
@pytest.mark.parametrize(("kind", "header", "row"), [("tariffs", GERMAN, ROW), ("prices", SLP, SLP_ROW)])
def test_remarks_in_brackets_that_state_other_prices_are_refused(kind, header, row, remark):
    name = f"{header.split(';')[3]} ({remark})"
    names = ";".join([*header.split(";")[:3], name, *header.split(";")[4:]])
    [reason] = [reason for _, column, reason in imported(kind, lines(names, row)).problems if column == name]
    assert reason.startswith("there is no such column; in brackets it states other prices than those of ")
    assert reason.endswith(
        ", gross prices or levies; name the column so, or remove the remark if it does not change the prices"
    )


@pytest.mark.parametrize(
    "remark",
    [
        "zzgl. Umlagen",
        "zzgl. USt., Umlagen und KA",
        "ohne Konzessionsabgabe",
        "nicht inkl. Umlagen",
        "inkl. vorgelagerter Netze, zzgl. Umlagen",
        "inkl. vorgelagerter Netze",
        "Umlagen siehe Preisblatt 5",
        "auch für Wärmepumpen",
        "ohne Wärmepumpen",
        "SLP",
        "Preise 2026",
        "1",
        "Modul 1",
        "zzgl. Umlagen inkl. Offshore",
        "zzgl. Umlagen, inkl. KWKG-Umlage",
        "weder inkl. Umlagen noch KA",
        "inkl. KWK-Anlagen",
        "KA nicht enthalten",
        "Straßenbeleuchtung",
    ],
)
@pytest.mark.parametrize(("kind", "header", "row"), [("tariffs", GERMAN, ROW), ("prices", SLP, SLP_ROW)])
def test_remarks_in_brackets_that_do_not_change_the_price_are_left_out(kind, header, row, remark):
    names = ";".join([*header.split(";")[:3], f"{header.split(';')[3]} ({remark})", *header.split(";")[4:]])
    found = imported(kind, lines(names, row))
    assert (found.problems, found.entries) == ([], imported(kind, lines(header, row)).entries)


@pytest.mark.parametrize(
    "above",
    [
        ["Preisblatt 3: Netzentgelte für Wärmepumpen", SLP],
        ["Preisblatt 4 - § 14a EnWG Modul 2", SLP],
        ["Netzentgelte Strom 2026 für steuerbare Verbrauchseinrichtungen (netto)", SLP],
        ["Netzentgelte Gas 2026", SLP],
        ["Preisblatt 5: Vermiedene Netzentgelte", SLP],
        [";;Wärmepumpe;", SLP],
        [";Wärmepumpe;;", SLP],
        ["VNB;Jahr;Nachtspeicherheizung;", ";;Grundpreis;Arbeitspreis"],
    ],
)
def test_titles_and_groups_of_other_prices_are_refused(above):
    reason = (
        "the row names other prices than those of grundpreis_eur_per_year; name the columns so, or remove the row if it does"
        " not change the prices"
    )
    assert imported("prices", lines(*above, SLP_ROW)).problems == [(1, None, reason)]


def test_a_number_above_its_own_title_is_no_list_of_titles():
    found = imported("prices", lines("Preisblatt 3", "Netzentgelte für Wärmepumpen", SLP, SLP_ROW))
    assert [problem[0] for problem in found.problems] == [2]


@pytest.mark.parametrize("remark", ["HT/NT", "HT / NT"])
def test_a_price_of_both_times_is_the_usual_one(remark):
    names = SLP.replace("Arbeitspreis", f"Arbeitspreis ({remark})")
    assert len(imported("prices", lines(names, SLP_ROW)).entries) == 2


WITH_LEVIES = [(1, None, "the row names prices with levies; prices are without")]


@pytest.mark.parametrize(
    "title",
    [
        "Netzentgelte inkl. Umlagen und Konzessionsabgabe",
        "Preise ohne MwSt. Inkl. Umlagen und KA",
        "Preise ohne USt., aber inkl. § 19 StromNEV-Umlage",
        "Gilt nicht für Wärmepumpen. Preise inkl. KWKG, Offshore",
        "einschl. aller gesetzl. Umlagen; KA nicht enthalten",
    ],
)
def test_titles_with_levies_are_refused(title):
    assert imported("prices", lines(title, SLP, SLP_ROW)).problems == WITH_LEVIES


def test_titles_may_name_levies_above_columns_of_these():
    title = "Netzentgelte inkl. Umlagen und Konzessionsabgabe"
    for column in ["KWKG-Umlage", "kwkg_umlage", "KA (ct/kWh)", "Offshore-Netzumlage in ct/kWh"]:
        beside = lines(title, f"{SLP};{column}", f"{SLP_ROW};0,446")
        assert imported("prices", beside, ignore_extra=True).problems == []


@pytest.mark.parametrize("column", ["KWK-Anlage", "Bemerkung Offshore", "Summe inkl. Umlagen"])
def test_titles_may_not_name_levies_above_columns_that_only_mention_these(column):
    rows = lines("Preise inkl. Umlagen", f"{SLP};{column}", f"{SLP_ROW};ja")
    assert imported("prices", rows, ignore_extra=True).problems == WITH_LEVIES


@pytest.mark.parametrize(
    "title",
    [
        "Preise zzgl. gesetzlicher Umlagen (inkl. KWKG-Umlage, § 19 StromNEV-Umlage, Offshore-Netzumlage)",
        "zzgl. Abgaben einschließlich Konzessionsabgabe und Umlagen",
        "Preise ohne Umlagen (einschließlich Offshore-Netzumlage) und ohne USt.",
        "Die Preise sind keine Preise inkl. Umlagen",
        "Die Umlagen einschließlich Konzessionsabgabe sind nicht enthalten",
        "Hinzu kommen Umlagen inkl. Konzessionsabgabe",
        "Preise plus Umlagen inkl. Offshore-Netzumlage",
        "Preise ohne Steuern einschließlich Stromsteuer und Konzessionsabgabe",
        "Endpreise inkl. Umlagen auf Seite 3",
        "Preise netto; in Spalte H inkl. Umlagen",
        "Bruttopreise in Spalte H",
        "Die Abrechnung erfolgt inkl. Konzessionsabgabe und Umlagen",
        "Mess- und Abrechnungsentgelte inkl. KA entfallen",
        "Entnahme inkl. KWK-Anlagen",
        "Netzentgelte inkl. EEG-Anlagen",
        "inkl. KWK- und EEG-Anlagen",
        "inkl. Blindstromabgabe bis 50 %",
        "inkl. Umlage der Kosten vorgelagerter Netze",
        "Netzentgelte inkl. § 19 StromNEV singulär genutzte Betriebsmittel",
    ],
)
def test_titles_that_name_levies_for_another_reason_are_left_out(title):
    found = imported("prices", lines(title, SLP, SLP_ROW))
    assert (found.problems, len(found.entries)) == ([], 2)


@pytest.mark.parametrize(
    "rows",
    [
        ["Netzentgelte inkl. der Kosten vorgelagerter Netze", SLP, SLP_ROW],
        ["Wärmepumpen siehe Preisblatt 5", "Preise gelten nicht für Wärmepumpen", SLP, SLP_ROW],
        ["Preisblatt 2: § 14a EnWG Modul 2", f"{SLP};Modul 2", f"{SLP_ROW};3,20"],
        [";;;;Modul 2", f"{SLP};Arbeitspreis", f"{SLP_ROW};3,20"],
        ["Preisblatt 1: Netznutzung", "Preisblatt 2: Monatsleistungspreissystem", "Preisblatt 3: Netzreservekapazität", SLP, SLP_ROW],
        ["Preisblatt 2: Wärmepumpen", "Blatt 3: Kommunalrabatt", SLP, SLP_ROW],
        ["1;Entnahme mit Leistungsmessung", "2;Monatsleistungspreise", SLP, SLP_ROW],
        ["Inhalt", "Preise SLP", "Modul 1", "Modul 2", "Modul 3", SLP, SLP_ROW],
        ["Modul 1", SLP, SLP_ROW],
        ["Stadtwerke A Strom Gas Wasser GmbH", SLP, SLP_ROW],
        ["Preisblatt Strom und Gas", SLP, SLP_ROW],
        ["Einspeisung", SLP, SLP_ROW],
        ["Straßenbeleuchtung", SLP, SLP_ROW],
        ["Stadtwerke A;;;Wärmepumpe", SLP, SLP_ROW],
        [";;ohne Leistungsmessung;;Modul 2;", "VNB;Jahr;Grundpreis;Arbeitspreis;Grundpreis;Arbeitspreis", f"{SLP_ROW};0;3,20"],
    ],
)  # fmt: skip
def test_titles_and_groups_that_do_not_change_the_prices_are_left_out(rows):
    found = imported("prices", lines(*rows))
    assert (found.problems, len(found.entries)) == ([], 2 + max(0, len(rows[-1].split(";")) - 4))


@pytest.mark.parametrize("names", ["GP WP;AP WP", "Modul 2;Modul 2 Grundpreis"])
def test_a_group_of_other_prices_without_one_to_its_right_ends_where_the_usual_ones_begin(names):
    rows = [";;Wärmepumpe;;;", f"VNB;Jahr;{names};Grundpreis;Arbeitspreis", "netze-a;2026;0;3,20;60,00;8,00"]
    found = imported("prices", lines(*rows), ignore_extra=True)
    assert (found.problems, len(found.entries)) == ([], 2 if "WP" in names else 4)


@pytest.mark.parametrize(
    ("kind", "names", "row"),
    [
        ("tariffs", "VNB;Jahr;Entnahmestelle;Ebene;LP ab 2500 h;AP ab 2500 h", "netze-a;2026;Trafo 1;MS;58,20;1,26"),
        ("prices", "VNB;Jahr;Entnahmestelle;Grundpreis;Arbeitspreis", "netze-a;2026;DE001;60,00;8,00"),
    ],
)  # fmt: skip
def test_the_code_of_a_point_of_delivery_is_no_level(kind, names, row):
    found = imported(kind, lines(names, row), ignore_extra=True)
    assert (found.problems, len(found.entries)) == ([], {"tariffs": 1, "prices": 2}[kind])


@pytest.mark.parametrize(
    "names",
    [
        ["Leistungspreis in €/kW und Jahr ≥ 2.500 h", "Arbeitspreis in ct/kWh ≥ 2.500 h"],
        ["Leistungspreis €/(kW·a) ab 2500 h/a", "Arbeitspreis ct/kWh, ab 2500 h/a"],
        ["LP EUR/kW/a für Benutzungsdauer größer/gleich 2.500 h", "AP Cent/kWh für Benutzungsdauer größer/gleich 2.500 h"],
        ["LP €/kW\n>= 2.500 h", "Arbeitspreis\nin ct/kWh\nab 2.500 h"],
        ["LP\u00a0in\u00a0€/kW\u00a0ab\u00a02.500 h", "AP in\u00a0ct/kWh ab\u00a02.500 h"],
        ["LP größer/ gleich 2.500 h", "AP größer-gleich 2.500 h"],
    ],
)  # fmt: skip
def test_units_may_be_in_front_of_the_hours_of_use(names):
    rows = [
        "VNB;Jahr;Entnahmenetzebene;" + ";".join(f'"{name}"' for name in names),
        "netze-a;2026;MS;58,20;1,26",
    ]
    found = imported("tariffs", lines(*rows))
    assert (found.problems, [values[3:5] for values in found.entries]) == ([], [["58.20", "1.26"]])


@pytest.mark.parametrize(
    "unit", ["€/MW und Jahr", "€/kW/Monat", "€/kW und Tag", "€/kW je Quartal", "€/kW-Monat", "ct/kWh"]
)
def test_other_units_in_front_of_the_hours_of_use_are_refused(unit):
    rows = [f"VNB;Jahr;Ebene;Leistungspreis in {unit} ≥ 2.500 h;AP ab 2500 h", "netze-a;2026;MS;58,20;1,26"]
    assert [column for _, column, _ in imported("tariffs", lines(*rows)).problems] == [rows[0].split(";")[3]]


@pytest.mark.parametrize("cell", ["07:45-12:00, 11:00-13:00", "25:00-26:00", "12:00-12:00"])
@pytest.mark.parametrize(("kind", "row"), [("hlzf", "MS;Winter"), ("time-of-use", "1;HT")])
def test_refusals_of_windows_name_the_column_of_the_file(kind, row, cell):
    names = {"hlzf": "Ebene;Saison", "time-of-use": "Quartal;Tarifstufe"}[kind]
    found = imported(kind, lines(f"VNB;Jahr;{names};Zeitfenster", f'netze-a;2026;{row};"{cell}"'))
    assert {column for _, column, _ in found.problems} == {"Zeitfenster"}


BY_PRICE = "VNB;Jahr;Preisart;Spannungsebene;Variante;Betrag;Einheit;Status"
BY_PRICE_ROW = "netze-a;2026;slp_arbeitspreis;NS;;8,00;ct/kWh;unverified"


@pytest.mark.parametrize("title", ["Alle Preise brutto inkl. 19 % USt", "Bruttopreise", "Vorjahr"])
def test_titles_of_rows_with_their_own_units_may_not_name_other_prices(title):
    [problem] = imported("prices", lines(title, BY_PRICE, BY_PRICE_ROW)).problems
    assert problem[:2] == (1, None)
    assert "the row names" in problem[2]


@pytest.mark.parametrize(
    "title",
    [
        "Preise in Euro/MWh",
        "Preise 2026 [€/MWh]",
        "Preise;2026;€/MWh",
        "Preise in €/kWh",
        "Alle Preise in €/MWh, netto, zzgl. Umlagen und Abgaben",
        "Preise in €/MWh inkl. Konzessionsabgabe",
        "Netzentgelte gültig ab 01.01.2026 (€/MWh)",
        "Netzentgelte ab 1.1.2026 (€/MWh)",
        "Preise in Euro je Megawattstunde",
        "Preise in Cent/Megawattstunde",
        "Preise in Cts/MWh",
        "Preise in c/MWh",
        "Preise in Euro je Kilowattstunde",
    ],
)
def test_titles_with_another_unit_are_refused(title):
    [(line, column, reason)] = imported("tariffs", lines(title, GERMAN, ROW)).problems
    assert (line, column) == (1, None)
    assert "but arbeit is in ct/kWh" in reason


@pytest.mark.parametrize(("word", "reason"), [("Vorjahr", "prices of last year"), ("brutto", "gross prices")])
def test_a_group_of_other_prices_is_not_ignored_in_part(word, reason):
    header = [f"VNB;Jahr;Ebene;{word};;aktuell;", GERMAN.replace("VNB;Jahr;Ebene", ";;")]
    [problem] = imported("tariffs", lines(*header, ROW), ignore_extra=True).problems
    assert problem[:2] == (1, None)
    assert reason in problem[2]


def test_groups_above_columns_that_are_ignored_name_no_prices_of_others():
    rows = [";;;netto;;;;brutto;", f"{GERMAN};Summe A;Summe B", f"{ROW};1,50;1,05"]
    assert imported("tariffs", lines(*rows), ignore_extra=True).problems == []
    [problem] = imported("tariffs", lines(rows[0], f"{GERMAN};;", f"{ROW};;"), ignore_extra=True).problems
    assert "gross prices" in problem[2]
    titled = "Bruttopreise;2026", f"Summe A;{GERMAN}", f"1,50;{ROW}"
    [problem] = imported("tariffs", lines(*titled), ignore_extra=True).problems
    assert "gross prices" in problem[2]


def test_columns_of_other_prices_may_be_ignored_above_a_row_of_units():
    rows = f"{GERMAN};Bruttopreis;Vorjahr", ";;;€/kW*a;ct/kWh;€/kW*a;ct/kWh;;", f"{ROW};1,50;1,05"
    assert imported("tariffs", lines(*rows), ignore_extra=True).problems == []


@pytest.mark.parametrize(
    ("begin", "reason"),
    [
        ("ab 01.07.2026", "is after the first day of 2026"),
        ("ab 1. Juli 2026", "is after the first day of 2026"),
        ("Juli 2026", "is after the first day of 2026"),
        ("2027", "is after the first day of 2026"),
        ("01.07.26", "has a year of two digits"),
        ("07/01/2026", "could be 2026-01-07 or 2026-07-01"),
        ("46204", "is a number"),
        ("07.2026", "must be a day"),
        ("02/2026", "must be a day"),
        ("01/2027", "must be a day"),
        ("1.1.27", "has a year of two digits"),
        ("01/2026 - 06/2026", "must be a day"),
        ("01.01.26 - 31.12.25", "has a year of two digits"),
        ("gültig ab 01.07.2026", "is after the first day of 2026"),
        ("Gültigkeit ab 01.07.2026", "is after the first day of 2026"),
        ("Gültigkeitsbeginn 01.07.2026", "is after the first day of 2026"),
        ("Gültigkeitszeitraum: 01.07.2026-31.12.2026", "is after the first day of 2026"),
        ("Gültigkeit: 01.01.2026-30.06.2026", "ends before the last day of 2026"),
        ("1.7.2026-31.12.2026", "is after the first day of 2026"),
        ("vom 01.07.2026 bis 31.12.2026", "is after the first day of 2026"),
        ("zum 01.07.2026", "is after the first day of 2026"),
        ("seit 01.07.2026", "is after the first day of 2026"),
        ("from 2026-07-01", "is after the first day of 2026"),
        ("01.07.2026 (vorläufig)", "is after the first day of 2026"),
        ("Okt. 2026", "is after the first day of 2026"),
        (unicodedata.normalize("NFD", "März 2026"), "is after the first day of 2026"),
        (unicodedata.normalize("NFD", "gültig ab 1. März 2026"), "is after the first day of 2026"),
        ("01.01.2026 - 30.06.2026", "ends before the last day of 2026"),
        ("ab 01.01.2026 bis 30.06.2026", "ends before the last day of 2026"),
        ("Januar 2026 – Juni 2026", "ends before the last day of 2026"),
        ("2025 – 2025", "ends before the last day of 2026"),
        ("01.01.2026 bis 30.06.", "must be a day"),
        ("2026 (ab 01.07.2026)", "must be a day"),
        ("31.06.2026", "must be a day"),
        ("bis 30.06.2026", "ends before the last day of 2026"),
        ("gültig bis 30.06.2026", "ends before the last day of 2026"),
        ("gültig bis: 30.06.2026", "ends before the last day of 2026"),
        ("bis: 30.06.2026", "ends before the last day of 2026"),
        ("bis Ende 06/2026", "must be a day"),
        ("bis Ende Juni 2026", "ends before the last day of 2026"),
        ("gültig: ab 01.07.2026", "is after the first day of 2026"),
        ("gültig 01.07.2026", "is after the first day of 2026"),
        ("gültig: 01.07.2026 - 31.12.2026", "is after the first day of 2026"),
        ("valid: from 2026-07-01", "is after the first day of 2026"),
        ("gilt bis zum 30. Juni 2026", "ends before the last day of 2026"),
        ("- 30.06.2026", "ends before the last day of 2026"),
        ("– 30.06.2026", "ends before the last day of 2026"),
        ("Januar 2026 - 06/2026", "must be a day"),
        ("ab Jan. 2026 bis 06.2026", "must be a day"),
        ("bis 06/2026", "must be a day"),
    ],
)
def test_a_price_whose_begin_is_later_or_unclear_is_refused(begin, reason):
    rows = "VNB;Jahr;Arbeitspreis;gültig ab", f"netze-a;2026;8,00;{begin}"
    [(line, column, found)] = imported("prices", lines(*rows)).problems
    assert (line, column) == (2, "valid_from")
    assert reason in found


def test_the_begin_of_a_position_that_is_left_out_is_not_read():
    header = "dno_slug,year,voltage_level,position,meaning,value,unit,valid_from,source_url,source_title"
    row = "netze-a,2026,NS,module1_gross,Modul 1,136.13,EUR/a gross,2026-07-01,,"
    assert imported("prices", lines(header, row)).problems == []


@pytest.mark.parametrize(
    "begin",
    [
        "01.01.2026",
        "ab 01.01.2026",
        "01.01.2026-31.12.2026",
        "Gültigkeit: 1.1.2026-31.12.2026",
        "Gültigkeit unbefristet",
        "2025-01-01",
        "2026",
        "Januar 2026",
        "",
        "siehe Preisblatt",
        "wie im Vorjahr - 2 Preise",
        "bis 31.12.2026",
        "gültig bis 31.12.2026",
        "bis 12/2026",
        "bis auf Weiteres",
        "bis Ende 2026",
        "bis Ende Dezember 2026",
        "gültig 2026",
        "gültig: bis 31.12.2026",
        "- 31.12.2026",
        "01.01.2026 - 31.12.2026",
        "01.01.2026 bis 31.12.2026",
        "01.01.2026–31.12.2026",
        "gültig vom 01.01.2026 bis zum 31.12.2027",
        "ab 01.01.2026 bis auf Weiteres",
        "2026 - 2027",
        "Januar 2026 bis Dezember 2026",
        "1.1.2026 (vorläufig)",
        "2026 (vorläufig)",
        "Jan. 2026",
        "1.1.26",
        "gültig ab 01.01.26 bis 31.12.26",
        "01/2026",
        "ab 01.2026",
        "2026-01 bis 2026-12",
        "1/2026 - 12/2027",
        "1.1.25",
        "gültig ab: 01.01.2026",
    ],
)
def test_prices_may_state_since_when_they_hold(begin):
    found = imported("prices", lines("VNB;Jahr;Arbeitspreis;gültig ab", f"netze-a;2026;8,00;{begin}"))
    assert (found.problems, [values[5] for values in found.entries]) == ([], ["8.00"])


def test_the_line_of_the_header_is_named():
    assert "header in line 5" in imported("tariffs", lines(*TITLES, GERMAN, ROW)).notes[0]
    assert "header in line 1" in imported("tariffs", lines(*GROUPS, GROUPED)).notes[0]
    assert "header" not in imported("tariffs", lines(GERMAN, ROW)).notes[0]


def test_a_sheet_that_was_named_for_a_file_without_sheets_is_mentioned():
    found = imported("tariffs", lines(GERMAN, ROW), sheet="Preise")
    assert (found.problems, found.notes[0]) == ([], "f: has no sheets; Preise had no effect")


def test_prices_of_last_year_beside_those_of_the_year_may_be_ignored():
    both = lines(f"{GERMAN};AP ab 2500 h (Vorjahr)", f"{ROW};1,05")
    found = imported("tariffs", both, ignore_extra=True)
    assert (found.problems, [values[3:7] for values in found.entries]) == ([], [MS["MS"]])


@pytest.mark.parametrize(
    ("kind", "header", "row"),
    [
        ("prices", BY_PRICE.replace("Betrag", "Betrag (Vorjahr)"), BY_PRICE_ROW),
        ("prices", BY_PRICE.replace("Betrag", "Preis (Vorjahr)"), BY_PRICE_ROW),
        ("levies", LEVIES.replace("Wert", "Wert (Vorjahr)"), "KWKG;;0,277;ct/kWh;2026-01-01;"),
    ],
)
def test_amounts_of_last_year_are_no_amounts(kind, header, row):
    [other] = [name for name in header.split(";") if "Vorjahr" in name]
    assert (1, other) in [problem[:2] for problem in imported(kind, lines(header, row)).problems]


def test_lines_of_rows_count_the_titles():
    [(line, _, _)] = imported("tariffs", lines(*TITLES, GERMAN, ROW.replace("MS", "X"))).problems
    assert line == 6


def test_another_operator_of_a_merged_cell_begins_with_its_own():
    rows = [OWN, VALUES, [None, 2025, *VALUES[2:]], ["SWM", *VALUES[1:]], [None, 2025, *VALUES[2:]]]
    found = imported("tariffs", workbook(rows, merged=["A2:A3", "A4:A5"]))
    assert [values[0] for values in found.entries] == [str(A), str(A), str(B), str(B)]


NAMES = {
    "dno_slug": ["Netzbetreiber (Name)", "VNB-Name", "Betreibername", "DSO", "Verteilernetzbetreiber (VNB)", "BDEW Nr.", "BDEW-Code", "Name des Netzbetreibers"],
    "year": ["JAHR", "Kalenderjahr", "Preisjahr", "Lieferjahr", "Jahr der Gültigkeit", "year of validity"],
    "voltage_level": ["Netz- oder Umspannebene", "Spannungs-/Umspannebene", "Netzebene / Spannungsebene", "voltage level", "Netz- oder Umspannungsebene", "Spannungsebene / Umspannung", "Netzebene (NE)"],
    "leistung": ["Leistungspreis (≥ 2.500 h/a) [€/kW]", "LP >2500 h/a", "leistungspreis_ab_2500_h_eur_kw", "power price from 2500 h"],
    "arbeit_unter_2500h": ["Arbeitspreis bis 2.500 h/a in ct/kWh", "AP < 2500 h", "energy price up to 2,500 h", "Arbeitspreis (unter 2.500 Benutzungsstunden)"],
    "source_url": ["Quelle", "Link zur Quelle", "Quellen-URL", "Fundstelle", "source link"],
    "source_title": ["Quellentitel", "Dokument", "Titel der Quelle"],
    "verification_status": ["Status", "Verifizierungsstatus", "Prüfstatus"],
}  # fmt: skip


@pytest.mark.parametrize("column", NAMES)
def test_usual_names_of_columns_are_known(column):
    assert {column_of(name, (*NAMES, "arbeit", "leistung_unter_2500h")) for name in NAMES[column]} == {column}


@pytest.mark.parametrize("words", ["k. A.", "keine Angabe", "n. v.", "nicht veröffentlicht"])
@pytest.mark.parametrize("columns", ["von;bis", "Zeitfenster"])
def test_words_for_what_is_not_known_do_not_state_that_a_season_has_no_windows(columns, words):
    cells = ";".join([words] * (columns.count(";") + 1))
    found = imported("hlzf", lines(f"VNB;Jahr;Ebene;Saison;{columns}", f"netze-a;2026;MS;Winter;{cells}"))
    assert found.entries == []
    reason = "does not state that there are no windows; leave the row out, or write keine if the operator published that"
    assert found.problems == [(2, "start" if columns == "von;bis" else columns, reason)]


def test_an_unknown_end_is_not_that_of_a_window():
    rows = "VNB;Jahr;Ebene;Saison;von;bis", "netze-a;2026;MS;Winter;7:45;k.A."
    assert [each[:2] for each in imported("hlzf", lines(*rows)).problems] == [(2, "end")]


@pytest.mark.parametrize(
    "rows",
    [
        ("Preise 2025", GERMAN, ROW),
        ("Preise  2025", GERMAN, ROW),
        ("Preise\u00a02025", GERMAN, ROW),
        ("Preisblatt;2025;;;;;", GERMAN, ROW),
        ("Preisblatt 2025;;;;;;Beispiel GmbH", GERMAN, ROW),
        ("Preisblatt (2025)", GERMAN, ROW),
        ("Preisblatt (Jahr 2025)", GERMAN, ROW),
        ("Preisblatt 2025:", GERMAN, ROW),
        ("Netze A;Preisblatt 2025;;;;;", GERMAN, ROW),
        ("Preisblatt 2025;Netze A;;;;;", GERMAN, ROW),
        ("Preisblatt:;Netzentgelte 2025;;;;;", GERMAN, ROW),
        (";;;Preise 2025;Preise 2025;Preise 2025;Preise 2025", GERMAN, ROW),
        ("Preise 2025 (netto)", GERMAN, ROW),
        ("Jahr 2025", GERMAN, ROW),
        ("Jahr: 2025", GERMAN, ROW),
        ("Kalenderjahr 2025", GERMAN, ROW),
        ("2025", GERMAN, ROW),
        ("Netzentgelte Strom für das Jahr 2025;;;;;;", GERMAN, ROW),
        (";;;2025;;;", GERMAN, ROW),
        *(
            (
                f"VNB;Jahr;Ebene;{group};;;",
                ";;;LP ab 2500 h;AP ab 2500 h;LP unter 2500 h;AP unter 2500 h",
                ROW,
            )
            for group in ("2025", "Preise 2025", "Netzentgelte 2025", "Jahr 2025", "(2025)")
        ),
    ],
)
def test_a_row_of_another_year_than_stands_above_the_columns_is_refused(rows):
    [(line, column, reason)] = imported("tariffs", lines(*rows)).problems
    assert (line, column) == (len(rows), "year")
    assert reason == "the file states 2025 in f:1"
    assert imported("tariffs", lines(*rows).replace("2025", "2026")).problems == []
    # Also a workbook, of which the years are numbers.
    cells = [[int(cell) if cell.isdecimal() else cell or None for cell in row.split(";")] for row in rows]
    assert [each[1] for each in imported("tariffs", workbook(cells)).problems] == ["year"]


def test_a_title_that_spans_lines_states_its_year():
    found = imported("tariffs", lines('"Preisblatt\n2025";;;;;;', GERMAN, ROW))
    assert [each[1:] for each in found.problems] == [("year", "the file states 2025 in f:1")]


@pytest.mark.parametrize("words", ["(2025)", "[2025]", "(Jahr 2025)", "(Preise 2025)"])
def test_the_year_in_the_name_of_a_price_is_that_of_each_row(words):
    name = f"LP ab 2500 h {words}"
    rows = lines(GERMAN.replace("LP ab 2500 h", name), ROW)
    record = dict(zip(rows.splitlines()[0].split(";"), ROW.split(";"), strict=True))
    files = [
        rows,
        json.dumps([record]),
        json.dumps(record),
        as_parquet(**{key: [value] for key, value in record.items()}),
    ]
    for data in files:
        assert [each[1:] for each in imported("tariffs", data).problems] == [
            ("year", f"the file states 2025 in {name}")
        ]
    for data in (rows, json.dumps([record]), json.dumps(record)):
        assert (
            imported(
                "tariffs",
                data.replace("(2025)", "(2026)").replace(" 2025)", " 2026)").replace("[2025]", "[2026]"),
            ).problems
            == []
        )


@pytest.mark.parametrize("year", ["2025", "2026"])
def test_no_row_has_two_stated_years(year):
    names = GERMAN.replace("LP ab 2500 h", "LP ab 2500 h (2025)")
    found = imported("tariffs", lines("Preisblatt 2026", names, ROW.replace("2026", year)))
    assert (found.entries, [each[:2] for each in found.problems]) == ([], [(3, "year")])
    found = imported("tariffs", lines("Preisblatt 2026", "Preise 2025", GERMAN, ROW.replace("2026", year)))
    assert (found.entries, [each[:2] for each in found.problems]) == ([], [(4, "year")])


def test_each_row_of_another_year_is_named():
    found = imported(
        "tariffs",
        lines(
            "Netzentgelte 2026",
            GERMAN,
            ROW,
            *[ROW.replace("2026", "2025").replace("MS", level) for level in ("MS", "NS")],
        ),
    )
    assert [each[:2] for each in found.problems] == [(4, "year"), (5, "year")]


@pytest.mark.parametrize(
    "title",
    [
        "Preisblatt;;;;;;2025",
        ";;;;;;;2025",
        ";;;;;;;Jahr 2025",
        ";;;2000;;;",
        "2000;;;;;;",
        "Stand: 15.10.2025",
        "Preisblatt 2024/2025",
        "Preise im Vergleich zu 2025",
        "Preise ab 2025",
        "Amtsblatt 2025",
    ],
)
def test_years_of_which_a_title_does_not_say_that_the_prices_are_theirs_refuse_nothing(title):
    assert imported("tariffs", lines(title, f"{GERMAN};source_title", f"{ROW};Preisblatt")).problems == []


def test_names_of_a_header_that_is_too_wide_are_not_compared_for_titles(monkeypatch):
    def fail(*_):
        raise AssertionError

    monkeypatch.setattr(headers, "unclear", fail)
    names = ";".join([GERMAN, *(f"Spalte {n}" for n in range(1_000))])
    [(_, _, reason)] = imported("tariffs", lines(names, ROW)).problems
    assert reason.startswith("there are 1,007 columns")


@pytest.mark.parametrize("words", ["2025", "Jahr 2025", "Preise 2025", "Netzentgelte Strom für 2025"])
def test_the_year_above_an_ignored_column_refuses_nothing(words):
    rows = f";;;;;;;{words}", f"{GERMAN};Vorjahr", f"{ROW};57,00"
    assert imported("tariffs", lines(*rows), ignore_extra=True).problems == []
    between = f";;;{words};;;;", GERMAN.replace("Ebene;", "Ebene;Vorjahr;"), ROW.replace("MS;", "MS;57,00;")
    assert imported("tariffs", lines(*between), ignore_extra=True).problems == []


def test_windows_of_another_year_than_the_title_are_refused():
    found = imported(
        "hlzf",
        lines(
            "Hochlastzeitfenster 2025",
            "VNB;Jahr;Ebene;Saison;Zeitfenster",
            "netze-a;2026;MS;Winter;7:45-9:00, 16:30-18:00",
        ),
    )
    assert [each[:2] for each in found.problems] == [(3, "year")]


def test_hidden_rows_are_read_and_stated():
    data = workbook([OWN, VALUES, [*VALUES[:2], "NS", *VALUES[3:]], [*VALUES[:2], "HS", *VALUES[3:]]])
    hidden = rewritten(
        data,
        {'<row r="3">': '<row r="3" spans="1:7" hidden="1">', '<row r="4">': "<row r='4' hidden='true'>"},
    )
    assert len(imported("tariffs", hidden).entries) == 3
    assert imported("tariffs", hidden).notes == [
        "f: read as sheet Tabelle1 of a workbook, 2 rows are hidden (the first is line 3)"
    ]
    # Rows below the last cell and those of the header do not count.
    others = rewritten(
        data, {'<row r="1">': '<row r="1" hidden="1">', "</sheetData>": '<row r="9" hidden="1"/></sheetData>'}
    )
    assert imported("tariffs", others).notes == imported("tariffs", data).notes


def test_hidden_columns_are_read_and_stated():
    data = workbook([OWN, VALUES])
    columns = '<cols><col min="1" max="3" width="9"/><col min="6" max="7" width="0" hidden="1"/><col min="9" max="16384" hidden="1"/></cols>'
    hidden = rewritten(data, {"<sheetData>": f"{columns}<sheetData>"})
    assert imported("tariffs", hidden).entries == imported("tariffs", data).entries
    assert imported("tariffs", hidden).notes == [
        "f: read as sheet Tabelle1 of a workbook, 2 columns are hidden (leistung_unter_2500h, arbeit_unter_2500h)"
    ]
    # Those without a name do not count.
    empty = rewritten(data, {"<sheetData>": '<cols><col min="9" max="16384" hidden="1"/></cols><sheetData>'})
    assert imported("tariffs", empty).notes == imported("tariffs", data).notes


RULES = "dno_slug;year;date;subject;rule;read_how"
RULE = "netze-a;{};;bridge_day;bridge days count as working days;read directly"


@pytest.mark.parametrize(
    ("year", "years"),
    [
        ("01.01.2026", ["2026"]),
        ("1. Januar 2026", ["2026"]),
        ("2026-01-01", ["2026"]),
        ("2015–2016", ["2015", "2016"]),
        (" ", ["2000"]),
    ],
)
def test_the_year_of_a_holiday_rule_is_read_as_others(year, years):
    found = imported("holiday-rules", lines(RULES, RULE.format(year)))
    assert (found.problems, [values[1] for values in found.entries]) == ([], years)


@pytest.mark.parametrize("year", ["01.01.2015-01.01.2018", "2018-2015", "01.07.2026", "2026-07-01", "2026-"])
def test_another_year_of_a_holiday_rule_is_refused(year):
    assert [
        (line, column)
        for line, column, _ in imported("holiday-rules", lines(RULES, RULE.format(year))).problems
    ] == [(2, "year")]


PLACES = "PLZ;Ort;Netzbetreiber;Anzahl"


def test_a_dash_in_place_of_a_number_of_locations_is_none():
    found = imported("places", lines(PLACES, "80331;München;netze-a;-"))
    assert (found.problems, found.entries[0][-3:]) == ([], ["", "", ""])


def test_names_of_towns_and_companies_have_no_blanks_around_them():
    assert imported("places", lines(PLACES, "80331; München\u00a0;netze-a;")).entries[0][2] == "München"
    [values] = imported(
        "registry", lines("slug;name;official_name;city", "a-b; Netze A ;Netze A GmbH ;Hof ")
    ).entries
    assert values[1:] == ["Netze A", "Netze A GmbH", "Hof"]


@pytest.mark.parametrize(
    ("kind", "rows"), [("places", [PLACES, "80331;-;netze-a;"]), ("registry", ["slug;name", "a-b;--"])]
)
def test_a_dash_is_no_name(kind, rows):
    [(line, _, reason)] = imported(kind, lines(*rows)).problems
    assert (line, reason) == (2, "must be a name, and no dash")


def test_a_price_of_a_band_may_have_other_digits_in_each_of_its_rows():
    names = "VNB;Jahr;band;price_ct_per_kwh;quarter;start;end"
    rows = ["netze-a;2026;HT;8,7;1;17:00;20:00", "netze-a;2026;HT;8,70;2;17:00;20:00"]
    assert imported("time-of-use", lines(names, *rows)).problems == []
    assert imported("time-of-use", lines(names, *rows).replace("8,70", "8,71")).problems != []


NET = "VNB;Jahr;Ebene;Grundpreis netto;Grundpreis brutto;Arbeitspreis netto (ct/kWh);Arbeitspreis brutto (ct/kWh)"


def test_net_prices_are_read_beside_gross_ones_that_are_ignored():
    row = "netze-a;2026;NS;60,00;71,40;8,00;9,52"
    assert [column for _, column, _ in imported("prices", lines(NET, row)).problems] == [
        "Grundpreis brutto",
        "Arbeitspreis brutto (ct/kWh)",
    ]
    found = imported("prices", lines(NET, row), ignore_extra=True)
    assert (found.problems, [values[5] for values in found.entries]) == ([], ["60.00", "8.00"])


STATED_PRELIMINARY = {
    "a title": lines("Vorläufige Netzentgelte 2026", GERMAN, ROW),
    "a title with the date of the sheet": lines("Vorläufiges Preisblatt (Stand 15.10.2025)", GERMAN, ROW),
    "a title of what is expected": lines("Voraussichtliche Netzentgelte", GERMAN, ROW),
    "a title of a draft": lines("Entwurf", GERMAN, ROW),
    "an English title": lines("Preliminary grid charges", GERMAN, ROW),
    "a group of columns": lines(";;;vorläufig;;;", GERMAN, ROW),
    "a remark behind a name": with_names("LP ≥ 2500 h (vorl.)", "AP ≥ 2500 h", "LP < 2500 h", "AP < 2500 h"),
}


@pytest.mark.parametrize("name", STATED_PRELIMINARY)
def test_figures_that_a_file_states_to_be_preliminary_are_not_imported_as_final(name):
    problems = imported("tariffs", STATED_PRELIMINARY[name]).problems
    assert any("give the file a column publication" in reason for _, _, reason in problems), problems


def test_a_sheet_may_state_that_its_figures_are_preliminary():
    sheet = with_parts_changed(
        workbook([OWN, VALUES]), {"xl/workbook.xml": ('name="Tabelle1"', 'name="Vorläufig 2026"')}
    )
    ((_, _, reason),) = imported("tariffs", sheet).problems
    assert "preliminary" in reason


def test_windows_that_a_title_states_to_be_preliminary_are_not_imported_as_final():
    names = "VNB;Jahr;Ebene;Saison;von;bis"
    windows = lines("Vorläufige Hochlastzeitfenster", names, "netze-a;2026;MS;Winter;16:00;18:00")
    ((line, _, reason),) = imported("hlzf", windows).problems
    assert (line, "preliminary" in reason) == (1, True)


@pytest.mark.parametrize(
    "title",
    [
        "Endgültige Netzentgelte 2026 (ersetzen das vorläufige Preisblatt)",
        "Die Preise sind nicht vorläufig",
        "Vorläufige Preise siehe Blatt 2",
        "Final prices, no provisional ones",
    ],
)
def test_titles_that_only_mention_preliminary_figures_change_nothing(title):
    assert imported("tariffs", lines(title, GERMAN, ROW)).problems == []


@pytest.mark.parametrize(("cell", "stored"), [("vorläufig", "PRELIMINARY"), ("endgültig", "FINAL")])
def test_a_column_decides_whether_figures_are_preliminary(cell, stored):
    found = imported("tariffs", lines("Vorläufige Netzentgelte", f"{GERMAN};publication", f"{ROW};{cell}"))
    assert (found.problems, found.entries[0][-1]) == ([], stored)
