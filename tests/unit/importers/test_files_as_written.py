"""Small files as people write them, each with what is read from it, or why it is refused."""

import io
import json
from collections.abc import Iterable
from datetime import time

import msgspec
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from app.domain.hlzf import Season
from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.records import Format
from tests.unit.importers.imported import A, B, imported, lines
from tests.unit.importers.workbooks import encrypted, understated, with_part, workbook, zipped

# Header and row of a German sheet, and the tariff in it.
GERMAN = (
    "Netzbetreiber;Jahr;Spannungsebene;Leistungspreis ab 2500 h (EUR/kW/a);Arbeitspreis ab 2500 h (ct/kWh);"
    "Leistungspreis unter 2500 h (EUR/kW/a);Arbeitspreis unter 2500 h (ct/kWh);Quelle"
)
ROW = "Stadtwerke München;2026;Mittelspannung;58,20;1,26;12,50;3,09;https://example.org"
SHORT = "dno_slug,year,voltage_level,leistung,arbeit,leistung_unter_2500h,arbeit_unter_2500h"
PRICES = ["58.20", "1.26", "12.50", "3.09"]
TARIFF = [str(B), "2026", "MS", *PRICES, "unverified", "https://example.org", "", ""]


def tariff(*start: str, prices: Iterable[str] = PRICES, source: str = "") -> list[str]:
    return [*(start or (str(A), "2026", "MS")), *prices, "unverified", source, "", ""]


def german(separator: str = ";") -> str:
    return lines(GERMAN, ROW).replace(";", separator)


WINDOWS = "Netzbetreiber;Jahr;Netzebene;Jahreszeit;von;bis"
NAMES = SHORT.split(",")
VALUES = ["netze-a", 2026, "MS", 58.2, 1.26, 12.5, 3.09]
OBJECT = dict(zip(NAMES, VALUES, strict=True))
COLUMNS = {name: [value] for name, value in OBJECT.items()}
PLAIN = tariff(prices=["58.2", "1.26", "12.5", "3.09"])


def as_parquet(**columns: list[object]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), buffer)
    return buffer.getvalue()


READ_TARIFFS: dict[str, tuple[bytes | str, list[str], str]] = {
    "separated by semicolons, with decimal commas": (german(), TARIFF, ";-separated, UTF-8, decimal comma"),
    "separated by tabs": (german("\t"), TARIFF, "tab-separated, UTF-8, decimal comma"),
    "separated by bars": (german("|"), TARIFF, "|-separated, UTF-8, decimal comma"),
    "separated by commas, with quoted decimal commas": (
        lines(SHORT, 'netze-a,2026,MS,"58,20","1,26","12,50","3,09"'), tariff(), ",-separated, UTF-8, decimal comma"
    ),
    "with a line for spreadsheet programs": ("sep=;\r\n" + german(), TARIFF, ";-separated, UTF-8, decimal comma"),
    "in UTF-8 with a byte order mark": (german().encode("utf-8-sig"), TARIFF, ";-separated, UTF-8"),
    "in UTF-16": (german().encode("utf-16"), TARIFF, ";-separated, UTF-16, decimal comma"),
    "in UTF-16 without a byte order mark": (german().encode("utf-16-le"), TARIFF, ";-separated, UTF-16"),
    "in big-endian UTF-16": (german().encode("utf-16-be"), TARIFF, ";-separated, UTF-16"),
    "in Windows-1252": (german().encode("cp1252"), TARIFF, ";-separated, Windows-1252, decimal comma"),
    "in Windows-1252 with quotation marks and a euro sign": (
        lines(GERMAN.replace("EUR", "€"), '"Stadtwerke München";2026;MS;58,20;1,26;12,50;3,09;https://e.org/„Blatt“').encode("cp1252"),
        tariff(str(B), "2026", "MS", source="https://e.org/„Blatt“"), "Windows-1252",
    ),
    "with blank lines and rows of separators": ("\r\n\r\n" + german() + ";;;;;;;\r\n;;\r\n\r\n", TARIFF, ";-separated"),
    "with separators behind each row": (
        lines(GERMAN + ";;", ROW + ";;", ";;;;;;;;;"), TARIFF, ";-separated"
    ),
    "in single quotes": (lines("'" + SHORT.replace(",", "','") + "'", "'netze-a','2026','MS','58.20','1.26','12.50','3.09'"), tariff(), ",-sep"),
    "with points for thousands": (
        lines(GERMAN, "netze-a;2026;MS;1.058,20;1,26;12,50;3,09;"), tariff(prices=["1058.20", *PRICES[1:]]), "decimal comma"
    ),
    "with English numbers and commas for thousands": (
        lines(SHORT.replace(",", ";"), "netze-a;2026;MS;1,058.20;1.26;12.50;3.09"),
        tariff(prices=["1058.20", *PRICES[1:]]), ";-separated, UTF-8, decimal point",
    ),
    "with three decimals that have one reading": (
        lines(GERMAN, "netze-a;2026;MS;58,20;0,126;12,50;3,095;"), tariff(prices=["58.20", "0.126", "12.50", "3.095"]), "comma"
    ),
    "with dashes and words for prices that are not published": (
        lines(GERMAN, "netze-a;2026;MS;58,20;1,26;–;entfällt;"), tariff(prices=["58.20", "1.26", "", ""]), "comma"
    ),
    "with blanks around cells": (
        lines(GERMAN, "Netze A ;2026; MSP ; 58,20 ;1,26;12,50 ;3,09;"), tariff(), "comma"
    ),
    "with columns in another order": (
        lines(";".join(reversed(GERMAN.split(";"))), ";".join(reversed(ROW.split(";")))), TARIFF, "Jahr as year"
    ),
    "with English names of columns": (
        lines("Operator,Year,Level,capacity price,energy price,capacity price below 2500 h,energy price below 2500 h,Source",
              "SWM,2026,MV,58.20,1.26,12.50,3.09,https://example.org"), TARIFF, "Operator as dno_slug",
    ),
    "with names of columns in another case": (
        lines(SHORT.upper(), "netze-a,2026,MS,58.20,1.26,12.50,3.09"), tariff(), "YEAR as year"
    ),
    "with comparisons in names of columns": (
        lines("VNB;Jahr;Ebene;Leistungspreis >= 2500 h/a;Arbeitspreis ≥ 2500 h/a;Leistungspreis < 2500 h/a;Arbeitspreis < 2500 h/a",
              "netze-a;2026;NE 5;58,20;1,26;12,50;3,09"), tariff(), "comma",
    ),
    "with prices of which one pair has no hours": (
        lines("VNB;Jahr;Ebene;Leistungspreis;Arbeitspreis;Leistungspreis unter 2500 h;Arbeitspreis unter 2500 h",
              "netze-a;2026;MS;58,20;1,26;12,50;3,09"), tariff(), "Leistungspreis as leistung",
    ),
    "with hours of use in brackets": (
        lines("Operator,Year,Level,Capacity price (>= 2500 h),Energy price (>= 2500 h),Capacity price (< 2500 h),Energy price (< 2500 h)",
              "netze-a,2026,MV,58.20,1.26,12.50,3.09"), tariff(), "Capacity price (< 2500 h) as leistung_unter_2500h",
    ),
    "with only the prices of few hours of use": (
        lines("Operator,Year,Level,Capacity price (< 2500 h),Energy price (< 2500 h)", "netze-a,2026,MV,12.50,3.09"),
        tariff(prices=["12.50", "3.09"]), "Energy price (< 2500 h) as arbeit_unter_2500h",
    ),
    "with brackets around hours of use and in the unit": (
        lines(*("VNB;Jahr;Ebene;" + ";".join(
            f"{price} (Benutzungsdauer {hours} 2500 h/a) {unit}" for hours in (">=", "<")
            for price, unit in (("Leistungspreis", "€/(kW·a)"), ("Arbeitspreis", "ct/kWh"))
        ), "netze-a;2026;MS;58,20;1,26;12,50;3,09")), tariff(), "decimal comma",
    ),
    "as one JSON object per line": (json.dumps(OBJECT), PLAIN, "one JSON object per line, UTF-8, decimal point"),
    "as JSON with texts and a decimal comma": (
        json.dumps(OBJECT | {"leistung": "58,20", "voltage_level": "NE 5"}), tariff(prices=["58.20", *PLAIN[4:7]]), "decimal comma"
    ),
    "as a JSON array": (json.dumps([OBJECT], indent=2), PLAIN, "JSON array, UTF-8"),
    "as a JSON array in UTF-16": (json.dumps([OBJECT]).encode("utf-16"), PLAIN, "JSON array, UTF-16"),
    "as a workbook": (workbook([NAMES, VALUES]), PLAIN, "sheet Tabelle1 of a workbook"),
    "as a workbook with texts": (
        workbook([NAMES, ["SWM", "2026", "NE 5", "58,20", "1,26", "12,50", "3,09"]]), tariff(str(B), "2026", "MS"), "decimal comma"
    ),
    "as a workbook with numbers of three decimals": (
        workbook([NAMES, [*VALUES[:3], 58.201, 0.1 + 0.2, 1234.5, 3.09]]), tariff(prices=["58.201", "0.3", "1234.5", "3.09"]), "workbook"
    ),
    "as a workbook with an empty first row and an empty sheet": (
        workbook([[], NAMES, VALUES, [None, ""]], []), PLAIN, "sheet Tabelle1"
    ),
    "as a workbook with a hidden sheet": (workbook([NAMES, VALUES], [["notes"]], hidden=1), PLAIN, "sheet Tabelle1"),
    "as Parquet with floats of 32 bits": (
        as_parquet(**{name: [value] for name, value in OBJECT.items()} | {"leistung": pyarrow.array([58.2], pyarrow.float32())}), PLAIN, "Parquet"
    ),
    "as Parquet": (as_parquet(**{name: [value] for name, value in OBJECT.items()}), PLAIN, "Parquet"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_TARIFFS)
def test_a_file_is_read(name):
    data, expected, note = READ_TARIFFS[name]
    found = imported("tariffs", data)
    assert (found.problems, found.entries) == ([], [expected])
    assert len(found.notes) == 1
    assert note in found.notes[0]


def windows_of(*rows: str, header: str = WINDOWS) -> str:
    return lines(header, *(f"netze-a;2026;MS;{row}" for row in rows))


READ_WINDOWS: dict[str, tuple[bytes | str, dict[str, list[str]]]] = {
    "times without a zero": (windows_of("Winter;7:45;9:00"), {"WINTER": ["07:45-09:00"]}),
    "times with Uhr": (windows_of("Winter;16:30 Uhr;18.15 Uhr"), {"WINTER": ["16:30-18:15"]}),
    "times with seconds": (windows_of("Herbst;16:30:00;24:00:00"), {"AUTUMN": ["16:30-24:00"]}),
    "a hyphen that does not break": (
        windows_of("Winter;07:45 h \u2011 12:00 h", header="VNB;Jahr;Ebene;Saison;Zeitfenster"), {"WINTER": ["07:45-12:00"]},
    ),
    "short fractions of a day beside one that is clear": (
        windows_of("Winter;0,322916667;0,5", "Sommer;0,9375;1", "Herbst;0;0,0625"),
        {"WINTER": ["07:45-12:00"], "SUMMER": ["22:30-24:00"], "AUTUMN": ["00:00-01:30"]},
    ),
    "a workbook's fraction of a day up to its end": (
        workbook([WINDOWS.split(";"), ["netze-a", 2026, "MS", "Winter", 0.75, 1]]), {"WINTER": ["18:00-24:00"]},
    ),
    "fractions of a day": (windows_of("Herbst;0,322916667;0,6875"), {"AUTUMN": ["07:45-16:30"]}),
    "a window over midnight": (windows_of("Winter;22:00;6:00"), {"WINTER": ["00:00-06:00", "22:00-24:00"]}),
    "a window until midnight": (windows_of("Winter;22:00;0:00"), {"WINTER": ["22:00-24:00"]}),
    "no window in words": (windows_of("Frühling;keine;keine", "Sommer;-;–"), {"SPRING": [], "SUMMER": []}),
    "seasons in German": (
        windows_of(*(f"{name};7:00;8:00" for name in ("Winter", "Frühjahr", "Sommer", "Herbst"))),
        {season: ["07:00-08:00"] for season in Season},
    ),
    "windows in one cell": (
        windows_of("Winter;07:45–12:00, 16:30 – 18:00 Uhr", "Sommer;keine", header="VNB;Jahr;Ebene;Saison;Zeitfenster"),
        {"WINTER": ["07:45-12:00", "16:30-18:00"], "SUMMER": []},
    ),
    "windows in words": (
        windows_of("Winter;von 7 bis 9 Uhr und 16:30 bis 18 Uhr", header="VNB;Jahr;Ebene;Saison;Uhrzeit"),
        {"WINTER": ["07:00-09:00", "16:30-18:00"]},
    ),
    "a workbook with times": (
        workbook([WINDOWS.split(";"), ["netze-a", 2026, "MS", "Winter", time(7, 45), time(16, 30)]]),
        {"WINTER": ["07:45-16:30"]},
    ),
    "a workbook with fractions of a day": (
        workbook([WINDOWS.split(";"), ["netze-a", 2026, "MS", "Winter", 0.75, 1395 / 1440]]), {"WINTER": ["18:00-23:15"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", READ_WINDOWS)
def test_windows_are_read(name):
    data, expected = READ_WINDOWS[name]
    found = imported("hlzf", data)
    assert found.problems == []
    read = {
        values[3]: [f"{each['start']}-{each['end']}" for each in msgspec.json.decode(values[4])]
        for values in found.entries
    }
    assert read == expected


LEVELS = {
    "HÖS": "HOES", "Höchstspannung": "HOES", "HöS/HS": "HOES_HS", "NE2": "HOES_HS", "Hochspannung": "HS", "HSP": "HS",
    "HS/MS": "HS_MS", "Umspannung Hoch-/Mittelspannung": "HS_MS", "MSP": "MS", "NE 5": "MS", "MS/NS": "MS_NS",
    "Umspannung MS/NS": "MS_NS", "Niederspannung": "NS", "NE-7": "NS",
}  # fmt: skip


def test_levels_are_read_in_all_their_names():
    rows = [f"netze-a;{2005 + n};{level};1,20;;;;" for n, level in enumerate(LEVELS)]
    found = imported("tariffs", lines(GERMAN, *rows))
    assert found.problems == []
    assert [values[2] for values in found.entries] == [*LEVELS.values()]


WIDE = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
REFUSED: dict[str, tuple[bytes | str, tuple[int, str | None, str]]] = {
    "a number with two readings": (
        lines(GERMAN, "netze-a;2026;MS;1.234;1,26;12,50;3,09;"), (2, "leistung", "could be 1234 or 1.234"),
    ),
    "a number with two readings where nothing else has a decimal": (
        lines(GERMAN, "netze-a;2026;MS;1,234;1;12;3;"), (2, "leistung", "could be 1234 or 1.234"),
    ),
    "decimal commas and decimal points": (
        lines(GERMAN, "netze-a;2026;MS;58,20;1,26;12,50;3,09;", "netze-a;2025;MS;58,20;1.26;12,50;3,09;"),
        (3, None, "decimal commas (58,20 in line 2) and decimal points (1.26 in line 3)"),
    ),
    "a unit that is not that of the column": (
        lines(GERMAN.replace("ct/kWh", "EUR/MWh"), ROW), (1, "Arbeitspreis ab 2500 h (EUR/MWh)", "another unit than arbeit"),
    ),
    "a monthly price beside one of few hours of use": (
        lines("VNB;Jahr;Ebene;Leistungspreis (Monat);Leistungspreis (< 2500 h)", "netze-a;2026;MS;5,20;12,50"),
        (1, "Leistungspreis (Monat)", "there is no such column"),
    ),
    "an English price without hours of use": (
        lines("Operator,Year,Level,Capacity price", "netze-a,2026,MV,58.20"), (1, "Capacity price", "could be leistung or"),
    ),
    "an error of a spreadsheet in place of a price": (
        lines(GERMAN, ROW.replace("58,20", "#NV")), (2, "leistung", "must be a decimal number"),
    ),
    "a price without hours of use": (
        lines("VNB;Jahr;Ebene;Leistungspreis;Arbeitspreis", "netze-a;2026;MS;1,26;2,2"), (1, "Leistungspreis", "could be leistung or"),
    ),
    "a column twice under two names": (
        lines(GERMAN + ";VNB", ROW + ";x"), (1, "dno_slug", "twice: as Netzbetreiber and as VNB"),
    ),
    "an extra column": (lines(GERMAN + ";Bemerkung", ROW + ";x"), (1, "Bemerkung", "no such column")),
    "an operator that is not known": (
        lines(GERMAN, ROW.replace("München", "Münche")), (2, "dno_slug", "the nearest are stadtwerke-muenchen"),
    ),
    "a code of two operators": (
        lines(GERMAN, ROW.replace("Stadtwerke München", "9900000000001")), (2, "dno_slug", "netze-a and stadtwerke-muenchen"),
    ),
    "another level": (lines(GERMAN, ROW.replace("Mittelspannung", "NE 8")), (2, "voltage_level", "must be one of")),
    "bytes of two encodings": (
        german().encode() + lines(ROW.replace("2026", "2025")).encode("cp1252"), (3, "dno_slug", "no operator"),
    ),
    "bytes of an encoding of DOS": (german().encode("cp850"), (2, "dno_slug", "no operator")),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), (0, None, "save it as .xlsx")),
    "a workbook with two sheets": (
        workbook([NAMES, VALUES], [NAMES, VALUES]), (0, None, "the sheets Tabelle1, Tabelle2; name one with --sheet"),
    ),
    "an empty workbook": (workbook([]), (0, None, "empty")),
    "a truncated workbook": (workbook([NAMES, VALUES])[:300], (0, None, "no .xlsx")),
    "another ZIP file": (zipped({"a.txt": "a"}), (0, None, "no .xlsx")),
    "a workbook with a part that unpacks to more than it states": (
        understated(with_part(workbook([NAMES, VALUES]), "xl/sharedStrings.xml", bytes(2**22)), "xl/sharedStrings.xml", 100),
        (0, None, "unpacks to more than the 100 bytes that it states"),
    ),
    "a workbook with a sheet that unpacks to more than it states": (
        understated(workbook([NAMES] + [VALUES] * 9), "xl/worksheets/sheet1.xml", 20), (0, None, "more than the 20 bytes"),
    ),
    "a workbook that states 300 MB": (
        understated(with_part(workbook([NAMES, VALUES]), "xl/sharedStrings.xml", b""), "xl/sharedStrings.xml", 300 * 2**20),
        (0, None, "has more than 256 MB"),
    ),
    "an encrypted part of a workbook": (encrypted(workbook([NAMES, VALUES])), (0, None, "without a password")),
    "a workbook with a cell in the last row and column": (
        zipped(
            {"xl/workbook.xml": "", "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{WIDE}</sheetData></worksheet>"}
        ),
        (0, None, "1,048,576 rows and 16,384 columns"),
    ),
    "a cell beside the named columns": (
        workbook([NAMES, [*VALUES, "note"]]), (2, None, "column without a name"),
    ),
    "a truncated Parquet file": (as_parquet(year=[2026])[:40], (0, None, "no Parquet")),
    "a number of Parquet that is none": (as_parquet(**COLUMNS | {"source_title": [float("nan")]}), (1, "source_title", "must be text, a number")),
    "a date of Parquet that Python has none for": (
        as_parquet(**COLUMNS | {"year": pyarrow.array([2**31 - 1], pyarrow.int32()).cast(pyarrow.date32())}), (0, None, "out of range"),
    ),
    "a duration of Parquet that Python has none for": (
        as_parquet(**COLUMNS | {"year": pyarrow.array([2**62], pyarrow.int64()).cast(pyarrow.duration("s"))}), (0, None, "out of range"),
    ),
    "a truncated JSON array": ('[\n{"year": 2026},', (2, "dno_slug", "missing")),
    "an array of JSON that is no object": ("[\n\n1]", (3, None, "no JSON object")),
    "more behind a JSON array": (json.dumps([OBJECT]) + "x", (1, None, "more behind")),
    "truncated UTF-16": (german().encode("utf-16")[:-1], (1, None, "no UTF-16")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused(name):
    data, (line, column, reason) = REFUSED[name]
    problems = imported("tariffs", data).problems
    assert any(each[:2] == (line, column) and reason in each[2] for each in problems), problems


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        ("Winter;7.45;9:00", "start", "could be 7:45 or 7.45 hours"),
        ("Winter;0,3333;9:00", "start", "no whole minute"),
        ("Winter;7:45;7:45", "end", "after the start"),
        ("Winter;7:45;keine", "start", "both"),
        ("Wintre;7:45;9:00", "season", "must be one of"),
        ("Winter;7:45;25:00", "end", "00:00 to 24:00"),
    ],
)
def test_windows_with_errors_are_refused(row, column, reason):
    [(line, found, why)] = imported("hlzf", windows_of(row)).problems
    assert line == 2
    assert found in (column, "end")
    assert reason in why


def test_what_can_be_read_in_two_ways_is_read_as_the_user_states():
    row = lines(GERMAN, "netze-a;2026;MS;1.234;1;12;3;")
    prices = [imported("tariffs", row, decimal=decimal).entries[0][3] for decimal in Decimal]
    assert sorted(prices) == ["1.234", "1234"]
    dos = german().encode("cp850")
    assert imported("tariffs", dos, encoding=Encoding.CP850).entries == [TARIFF]
    sheets = workbook([NAMES, VALUES], [["x"]])
    assert imported("tariffs", sheets, sheet="Tabelle1").entries == [PLAIN]
    assert "the sheets are" in imported("tariffs", sheets, sheet="x").problems[0][2]
    assert imported("tariffs", german("|"), separator="|").entries == [TARIFF]
    assert imported("tariffs", german("\t"), format=Format.TSV).entries == [TARIFF]


def test_extra_columns_are_ignored_on_request_and_named():
    found = imported("tariffs", lines(GERMAN + ";Bemerkung", ROW + ";x"), ignore_extra=True)
    assert (found.problems, found.entries) == ([], [TARIFF])
    assert "ignored columns Bemerkung" in found.notes[0]


@settings(max_examples=60)
@given(
    st.sampled_from([workbook([NAMES, VALUES]), as_parquet(year=[2026]), german().encode("utf-16")]),
    st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_changed_bytes_give_rows_or_problems(data, changes):
    """Nothing is raised."""
    changed = bytearray(data)
    for position, byte in changes:
        changed[position % len(changed)] = byte
    imported("tariffs", bytes(changed))
