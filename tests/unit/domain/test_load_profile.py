"""Load profiles are read in every usual form, right on both clock changes; what is wrong in them is named with its line."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.kilowatts import SCALE, DecimalMark
from app.domain.load_profile import LoadProfile, LoadProfileReader
from app.domain.metering_year import MeteringYear
from app.domain.profile_stamps import StampPosition
from app.errors import AppError, BadInput, LimitExceeded
from tests.load_profiles import read, stamped

START, END, NONE = StampPosition.START, StampPosition.END, StampPosition.NONE
ISO = "%Y-%m-%dT%H:%M:%S"
FIRST_ROWS = "".join(f"01.01.2025 00:{minute:02};{minute}\n" for minute in (0, 15, 30, 45))


def loads(profile: LoadProfile) -> list[int]:
    return [load // SCALE for load in profile.loads]


def refusal(file: str | bytes, year: int = 2025, **given: Any) -> tuple[AppError, list[tuple[int, str]]]:
    with pytest.raises(AppError) as caught:
        read(file.encode() if isinstance(file, str) else file, year, **given)
    rows: Any = caught.value.details.get("rows", [])
    return caught.value, [(row["line"], row["reason"]) for row in rows]


def with_line(file: bytes, number: int, line: str | None) -> bytes:
    """One line replaced, or removed."""
    lines = file.splitlines(keepends=True)
    lines[number - 1 : number] = [] if line is None else [f"{line}\n".encode()]
    return b"".join(lines)


# Years and clock changes


@pytest.mark.parametrize("year", [2024, 2025, 2026])
def test_a_year_is_numbered_by_quarter_hours_with_92_and_100_on_clock_changes(year: int) -> None:
    quarter_hours = MeteringYear(year)
    days = Counter(quarter_hours.start_of(number).date() for number in range(quarter_hours.count))
    last_sundays = [
        max(day for day in days if day.month == month and day.weekday() == 6) for month in (3, 10)
    ]
    assert quarter_hours.count == (35_136 if year == 2024 else 35_040)
    assert [days[day] for day in last_sundays] == [92, 100]
    assert set(days.values()) == {92, 96, 100}
    assert all(
        quarter_hours.number_of(quarter_hours.start_of(number)) == number for number in range(0, 35_040, 97)
    )


FORMS = {
    "German, starts": {},
    "German, ends": {"end": True},
    "German with seconds": {"form": "%d.%m.%Y %H:%M:%S"},
    "short years": {"form": "%d.%m.%y %H:%M", "end": True},
    "ISO with space": {"form": "%Y-%m-%d %H:%M", "separator": ","},
    "ISO with offset": {"form": ISO + "%z", "separator": "\t"},
    "ISO with offset, ends": {"form": ISO + "%z", "end": True},
    "UTC": {"form": ISO + "Z", "zone_of_the_file": timedelta()},
    "UTC, ends": {"form": ISO + "Z", "zone_of_the_file": timedelta(), "end": True},
    "winter time all year": {"form": ISO + "+01:00", "zone_of_the_file": timedelta(hours=1)},
}


@pytest.mark.parametrize(
    ("year", "form"),
    [(2025, form) for form in FORMS.values()] + [(2026, form) for form in list(FORMS.values())[:2]],
    ids=[*FORMS, *[f"2026: {name}" for name in list(FORMS)[:2]]],
)
def test_each_form_of_timestamps_gives_the_same_quarter_hours(year: int, form: dict[str, Any]) -> None:
    profile = read(stamped(year, **form), year)
    assert loads(profile) == list(range(35_040))
    assert (profile.stamps, profile.assumed) == (END if form.get("end") else START, True)


def test_a_leap_year_has_96_quarter_hours_more() -> None:
    assert loads(read(stamped(2024), 2024)) == list(range(35_136))
    assert refusal("1\n" * 35_040, 2024)[1] == [
        (35_040, "there are 35,040 numbers; 2024 has 35,136 quarter-hours")
    ]


def test_the_position_of_timestamps_may_be_stated() -> None:
    profile = read(stamped(2025, end=True), stamps=END)
    assert (profile.stamps, profile.assumed) == (END, False)
    _, rows = refusal(stamped(2025), stamps=END)
    assert rows[0] == (1, "its quarter-hour, 2024-12-31 23:45+01:00, is not in 2025")


def test_ends_of_quarter_hours_may_be_written_by_either_clock_at_a_change() -> None:
    """The quarter-hour before a change ends at 02:00, which is 03:00, and before the other at 03:00, which is 02:00."""
    file = stamped(2025, end=True).decode()
    spring = file.replace("30.03.2025 03:00", "30.03.2025 02:00")
    autumn = file.replace("26.10.2025 02:00", "26.10.2025 03:00").replace(
        "26.10.2025 03:00", "26.10.2025 02:00", 1
    )
    midnight = file.replace("01.02.2025 00:00", "31.01.2025 24:00").replace(
        "01.01.2026 00:00", "31.12.2025 24:00"
    )
    for changed in (spring, autumn, midnight):
        assert changed != file
        assert loads(read(changed.encode())) == list(range(35_040))


def test_a_file_in_winter_time_without_offsets_is_refused_in_spring() -> None:
    file = stamped(2025, zone_of_the_file=timedelta(hours=1))
    line = 1 + MeteringYear(2025).first_of(date(2025, 3, 30)) + 8  # 02:00
    _, rows = refusal(file)
    assert rows[0][0] == line
    assert "'30.03.2025 02:00' does not exist" in rows[0][1]
    assert "+01:00" in rows[0][1]


def test_an_hour_that_autumn_repeats_is_needed_twice() -> None:
    quarter_hours = MeteringYear(2025)
    first = quarter_hours.first_of(date(2025, 10, 26)) + 12  # the second 02:00
    lines = stamped(2025).splitlines(keepends=True)
    _, rows = refusal(b"".join(lines[:first] + lines[first + 4 :]))
    assert rows == [(first + 1, "before it 4 quarter-hours are missing, from 2025-10-26 02:00+01:00")]


# Forms of files


@pytest.mark.parametrize(
    "change",
    [
        lambda file: b"\xef\xbb\xbfZeit;Leistung in kW\r\n" + file.replace(b"\n", b"\r\n"),
        lambda file: b"sep=;\nZeitstempel;Z\xe4hler 1 [kW]\n" + file,
        lambda file: file.replace(b"\n", b";\n"),
        lambda file: file.replace(b";", b" ; ").rstrip(b"\n"),
        lambda file: b"".join(b'"%b"\n' % line.replace(b";", b'";"') for line in file.splitlines()),
        lambda file: b"\n" + file + b"\n\n",
    ],
)
def test_headers_marks_quotes_and_empty_lines_do_not_matter(change: Any) -> None:
    assert loads(read(change(stamped(2025)))) == list(range(35_040))


@pytest.mark.parametrize(("text", "mark"), [("{},25", None), ("{}.25", None), ("{},250", DecimalMark.COMMA)])
def test_numbers_may_be_german_or_english(text: str, mark: DecimalMark | None) -> None:
    profile = read("\n".join(text.format(number) for number in range(35_040)).encode(), decimal_mark=mark)
    assert profile.consumption_kwh == (Decimal(sum(range(35_040))) + 35_040 * Decimal("0.25")) / 4
    assert (profile.stamps, profile.assumed) == (NONE, False)


@pytest.mark.parametrize("number", ["NaN", "1e9", "-", "4oo"])
def test_a_first_row_with_a_wrong_number_is_no_header(number: str) -> None:
    [(line, reason)] = refusal(with_line(stamped(2025), 1, f"2025-01-01 00:00;{number}"))[1]
    assert (line, reason) == (1, f"'{number}' is not a number of kW")


def test_quoted_german_numbers_may_stand_between_commas() -> None:
    file = stamped(2025, lambda number: f'"{number},5"', separator=",")
    assert read(file).loads[7] == 7 * SCALE + SCALE // 2


def test_numbers_that_could_be_read_in_both_notations_are_not_guessed() -> None:
    file = "1.234\n" * 35_040
    assert "decimalMark" in refusal(file)[0].message
    assert read(file.encode(), decimal_mark=DecimalMark.COMMA).loads[0] == 1234 * SCALE
    assert read(file.encode(), decimal_mark=DecimalMark.POINT).loads[0] == 1234 * SCALE // 1000


@settings(max_examples=10)
@given(st.integers(1, 3000), st.sampled_from(["\n", "\r\n"]))
def test_it_does_not_matter_how_a_file_is_divided(part: int, line_end: str) -> None:
    rows = stamped(2025)[: 200 * 20].replace(b"\n", line_end.encode())
    whole, divided = LoadProfileReader(2025), LoadProfileReader(2025)
    whole.feed(rows)
    for start in range(0, len(rows), part):
        divided.feed(rows[start : start + part])
    assert divided._loads == whole._loads
    assert whole._loads[150] == 150 * SCALE


@settings(max_examples=100)
@given(st.lists(st.text(alphabet='0123456789;,.:-\t"TZ kWh\r', max_size=30), max_size=8))
def test_any_text_is_refused_with_lines_that_exist(lines: list[str]) -> None:
    error, rows = refusal("\n".join(lines))
    assert isinstance(error, BadInput)
    assert all(1 <= line <= len(lines) for line, _ in rows)


# Refusals


def rows_after_the_first(*lines: str) -> list[tuple[int, str]]:
    """Reasons for lines that follow four good rows; the missing rest of the year is left out."""
    _, rows = refusal(FIRST_ROWS + "".join(f"{line}\n" for line in lines))
    assert "to the end of the year" in rows[-1][1]
    return rows[:-1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("01.01.2025 01:00;-5", "'-5' is negative: a load profile states what is drawn from the grid"),
        ("01.01.2025 01:00;NaN", "'NaN' is not a number of kW"),
        ("01.01.2025 01:00;", "it has no number"),
        ("01.01.2025 01:00;1;2", "it has 3 columns instead of 2"),
        ("1.5", "it has 1 columns instead of 2"),
        ("01.01.2025 00:15;1", "the quarter-hour 2025-01-01 00:15+01:00 was there before"),
        ("01.01.2025 01:30;1", "before it 2 quarter-hours are missing, from 2025-01-01 01:00+01:00"),
        ("01.01.2025 01:15;1", "before it 1 quarter-hour is missing, from 2025-01-01 01:00+01:00"),
        ("01.01.2025 01:10;1", "'01.01.2025 01:10' is not the start or end of a quarter-hour"),
        ("01.01.2025 01:00:30;1", "'01.01.2025 01:00:30' has seconds: quarter-hours begin at 00, 15, 30 and 45 minutes"),
        ("01.01.2025 25:00;1", "'01.01.2025 25:00' is not a time"),
        ("31.02.2025 01:00;1", "'31.02.2025 01:00' is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"),
        ("01/01/2025 01:00;1", "'01/01/2025 01:00' is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"),
        ("01.01.2026 01:00;1", "its quarter-hour, 2026-01-01 01:00+01:00, is not in 2025"),
        ("01.01.1999 01:00;1", "'01.01.1999 01:00' is not in 2025"),
        ("2025-01-01T01:00+26:00;1", "'2025-01-01T01:00+26:00' has an offset from UTC that does not exist"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_with_line_and_reason(line: str, reason: str) -> None:
    assert rows_after_the_first(line) == [(5, reason)]


def test_a_row_out_of_order_is_named() -> None:
    assert rows_after_the_first("01.01.2025 01:30;1", "01.01.2025 01:15;1") == [
        (5, "before it 2 quarter-hours are missing, from 2025-01-01 01:00+01:00"),
        (6, "its quarter-hour, 2025-01-01 01:15+01:00, is out of order"),
    ]


def test_a_row_with_an_unreadable_timestamp_does_not_make_the_next_one_wrong() -> None:
    assert [line for line, _ in rows_after_the_first("gestern;1", "01.01.2025 01:15;1")] == [5]


def test_a_missing_row_within_the_year_and_at_its_end_are_named() -> None:
    file = with_line(stamped(2025), 20_000, None)
    _, [(line, reason)] = refusal(file)
    assert (line, reason) == (20_000, "before it 1 quarter-hour is missing, from 2025-07-28 08:45+02:00")
    _, [(line, reason)] = refusal(with_line(stamped(2025), 35_040, None))
    assert line == 35_039
    assert (
        reason
        == "behind the last row 1 quarter-hour is missing, from 2025-12-31 23:45+01:00 to the end of the year"
    )


def test_hours_are_refused_as_hours() -> None:
    assert refusal("01.01.2025 00:00;1\n01.01.2025 01:00;1\n")[1] == [
        (2, "the rows are an hour apart: quarter-hours are needed")
    ]
    assert refusal("1\n" * 8760)[1] == [(8760, "8,760 numbers are those of hours: quarter-hours are needed")]


def test_a_profile_that_begins_elsewhere_is_refused() -> None:
    for first in ("01.07.2025 00:00", "31.12.2024 23:45", "01.01.2025 01:00"):
        [(line, reason)] = refusal(f"Zeit;kW\n{first};1\n")[1]
        assert line == 2
        assert reason.startswith(f"the first timestamp is '{first}': a profile of 2025 begins with")


@pytest.mark.parametrize(
    ("header", "unit"), [("Zeit;kWh", "kWh"), ("Zeit;Leistung (MW)", "MW"), ("Zeit;Wert [W]", "W")]
)
def test_other_units_than_kilowatts_are_refused(header: str, unit: str) -> None:
    [(line, reason)] = refusal(f"{header}\n{FIRST_ROWS}")[1]
    assert (line, reason.partition(":")[0]) == (1, f"the header names {unit}")


def test_at_most_twenty_rows_are_named() -> None:
    error, rows = refusal("\n".join(["x"] + ["-1"] * 40_000))
    assert [line for line, _ in rows] == list(range(2, 22)) or [line for line, _ in rows] == list(
        range(2, 21)
    )
    assert "line 2: '-1' is negative" in error.message


def test_more_than_40_000_rows_are_refused() -> None:
    error, _ = refusal("kW\n" + "1\n" * 40_001)
    assert isinstance(error, LimitExceeded)
    assert error.details == {"limit": "rows", "maximum": 40_000}
    assert isinstance(refusal("\n" * 40_001)[0], LimitExceeded)
    assert refusal("kW\n" + "1\n" * 40_000)[1] == [
        (40_001, "there are 40,000 numbers below the header; 2025 has 35,040 quarter-hours")
    ]


def test_empty_files_and_long_lines_are_refused() -> None:
    for file in ("", "\n\n", "Zeit;kW\n"):
        assert refusal(file)[0].message == "The load profile has no rows with numbers."
    long = "it is longer than 512 bytes, or its lines do not end with LF"
    for file in (b"1" * 600, b"1;" * 100_000, b"1\r" * 35_040):
        assert refusal(file)[1] == [(1, long)]
    assert refusal("1\n".encode("utf-16"))[1] == [(1, "it is not text in UTF-8")]


def test_memory_is_one_number_per_quarter_hour() -> None:
    reader = LoadProfileReader(2025)
    reader.feed(stamped(2025))
    assert len(reader._loads) * reader._loads.itemsize == 35_040 * 8
    assert (len(reader._stamps._days), len(reader._stamps._times)) == (365, 96)
