"""A load profile: the mean load of each quarter-hour of one calendar year, read from CSV as it arrives.

A row is `timestamp;kW` or only `kW`, separated by semicolon, tab or comma, under an optional header. Timestamps are German wall-clock
time, or any time with its offset from UTC, and mark the start or the end of the quarter-hour. Nothing is filled in: a profile with
rows that cannot be read, or without some quarter-hour, is refused as a whole.
"""

import csv
import re
from array import array
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from app.domain import clock
from app.domain.kilowatts import SCALE, DecimalMark, InvalidNumber, KilowattReader
from app.domain.metering_year import QUARTER_HOUR, MeteringYear, changes_clock
from app.errors import AppError, BadInput, LimitExceeded, quoted

MAX_ROWS: Final = 40_000
MAX_PROBLEMS: Final = 20
MAX_LINE_BYTES: Final = 512

_MAX_TIMES: Final = 1000
_ABSENT: Final = -1
_BOM: Final = b"\xef\xbb\xbf"
_HOURLY: Final = (8760, 8784)
_DAY: Final = timedelta(days=1)
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_GERMAN_DATE: Final = re.compile(r"(\d\d?)\.(\d\d?)\.(\d{4}|\d\d)", re.ASCII)
_TIME: Final = re.compile(r"(\d\d?):(\d\d)(?::00(?:[.,]0{1,9})?)? ?(Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)
_SECONDS: Final = re.compile(r"\d\d?:\d\d:\d\d.*", re.ASCII)
# Units in a header that are not kW.
_OTHER_UNIT: Final = re.compile(
    r"(?<![A-Za-z])([kMG]?Wh|MW|GW|W|kVA|kvarh?)(?![A-Za-z])", re.ASCII | re.IGNORECASE
)
# A header may end with a number, too, but not with a cell that is one.
_NUMBER_AT_END: Final = re.compile(r"(?:^|[;,\t\"])\s*[+-]?\d[\d.,]*[\s;,\t\"]*$", re.ASCII)
_SHOWN: Final = "%Y-%m-%d %H:%M"


class StampPosition(StrEnum):
    """What a timestamp marks."""

    START = "START"
    END = "END"
    NONE = "NONE"  # rows have no timestamps


class LoadProfile(NamedTuple):
    """`loads`: of each quarter-hour, in billionths of a kW. `assumed`: whether `stamps` was found by the first timestamp."""

    year: MeteringYear
    loads: "array[int]"
    stamps: StampPosition
    assumed: bool

    @property
    def consumption_kwh(self) -> Decimal:
        """Exact."""
        return kilowatts(sum(self.loads)) / 4


def kilowatts(load: int) -> Decimal:
    """Exact, without trailing zeros."""
    whole, rest = divmod(load, SCALE)
    return Decimal(f"{whole}.{rest:09}".rstrip("0").rstrip(".")) if rest else Decimal(whole)


class Problem(NamedTuple):
    line: int
    reason: str


class _Bad(ValueError):
    """Why a row is refused."""


class _Unreadable(_Bad):
    """The timestamp has no known form, so the row is taken for the quarter-hour that comes next."""


class LoadProfileReader:
    """`feed` takes the file in parts of any size, `finish` gives the profile. Both refuse with BadInput, which names up to
    MAX_PROBLEMS lines with their reasons, and with LimitExceeded. Memory does not depend on the file: one number per quarter-hour.
    """

    def __init__(
        self, year: int, stamps: StampPosition | None = None, decimal_mark: DecimalMark | None = None
    ) -> None:
        self._year = MeteringYear(year)
        self._loads = array("q", [_ABSENT]) * self._year.count
        self._numbers = KilowattReader(decimal_mark)
        self._stamps: StampPosition | None = None if stamps is StampPosition.NONE else stamps
        self._without_stamps = stamps is StampPosition.NONE
        self._assumed = False
        self._rest = b""
        self._line = 0
        self._rows = 0
        self._last_row = 0
        self._next = 0  # number of the quarter-hour that comes next
        self._layout: _Layout | None = None
        self._header_seen = False
        self._problems: list[Problem] = []
        self._days: dict[str, _Day] = {}
        self._times: dict[str, _Time] = {}

    def feed(self, part: bytes) -> None:
        data = self._rest + part
        lines = data.split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            self._take_line(line)
        if len(self._rest) > MAX_LINE_BYTES:
            self._line += 1
            self._too_long()

    def finish(self) -> LoadProfile:
        if self._rest:
            line, self._rest = self._rest, b""
            self._take_line(line)
        if self._layout is None:
            if self._problems:
                raise self._refusal()
            raise BadInput("The load profile has no rows with numbers.")
        self._check_end()
        if self._problems:
            raise self._refusal()
        if self._numbers.ambiguous:
            raise BadInput(
                "The numbers of the load profile could be read in German and in English notation (1.234 is 1234 or 1.234 kW);"
                " please state decimalMark as COMMA or POINT."
            )
        position = self._stamps if self._layout.has_stamps else StampPosition.NONE
        assert position is not None
        return LoadProfile(self._year, self._loads, position, self._assumed)

    # Lines

    def _take_line(self, line: bytes) -> None:
        self._line += 1
        if self._line == 1:
            line = line.removeprefix(_BOM)
        if len(line) > MAX_LINE_BYTES:
            self._too_long()
        if b"\0" in line:
            raise self._refusal(Problem(self._line, "it is not text in UTF-8"))
        text = line.decode("utf-8", "replace").strip(" \r\ufeff")
        self._rows += 1
        if self._rows > MAX_ROWS + self._header_seen:
            raise LimitExceeded(
                f"The load profile has more than {MAX_ROWS:,} rows.", limit="rows", maximum=MAX_ROWS
            )
        if not text:
            return
        try:
            self._take_row(text)
        except InvalidNumber as invalid:
            # The quarter-hour is there; only its number is not.
            self._refuse(str(invalid))
        except _Bad as bad:
            self._refuse(str(bad))

    def _take_row(self, text: str) -> None:
        layout = self._layout
        if layout is None:
            if text.startswith("sep="):  # for spreadsheets
                return
            if not self._header_seen and not _NUMBER_AT_END.search(text):
                self._take_header(text)
                return
            layout = self._layout = _layout_of(text, without_stamps=self._without_stamps)
            if layout.separator == "," and '"' not in text:
                self._numbers.settle(self._numbers.mark or DecimalMark.POINT)
        self._last_row = self._line
        cells = layout.cells(text)
        if not layout.has_stamps:
            self._store(self._next, cells[0])
            return
        try:
            number = self._number_of(cells[0])
        except _Unreadable:
            if self._stamps is not None and self._next < self._year.count:
                self._loads[self._next] = 0
                self._next += 1
            raise
        self._check_order(number)
        self._store(number, cells[1])

    def _take_header(self, text: str) -> None:
        self._header_seen = True
        if unit := _OTHER_UNIT.search(text):
            raise self._refusal(
                Problem(
                    self._line,
                    f"the header names {unit[1]}: the load is needed in kW, as the mean of each quarter-hour"
                    " (kWh in a quarter-hour times four)",
                )
            )

    def _store(self, number: int, text: str) -> None:
        self._next = number + 1
        if number >= self._year.count:
            return  # rows without timestamps; reported at the end
        try:
            self._loads[number] = self._numbers.read(text)
        except InvalidNumber:
            self._loads[number] = 0  # not missing
            raise

    # Timestamps

    def _number_of(self, text: str) -> int:
        """Of the quarter-hour that a timestamp marks. Raises _Bad."""
        between = "T" if "T" in text else " "
        day_text, _, time_text = text.partition(between)
        day = self._days.get(day_text) or self._read_day(day_text, text)
        at = self._times.get(time_text) or self._read_time(time_text, text)
        if self._stamps is None:
            self._stamps = self._position_of_first(day, at, text)
            self._assumed = True
        is_end = self._stamps is StampPosition.END
        if at.offset is not None:
            moment = datetime.combine(day.date, time(), timezone(at.offset)) + at.minute * timedelta(
                minutes=1
            )
            number = self._year.number_of(moment.astimezone(UTC))
            assert number is not None
            return number - is_end
        if not day.changes_clock:
            return day.first + at.minute // 15 - is_end
        return self._number_on_clock_change(
            datetime.combine(day.date, time()), at.minute, text, is_end=is_end
        )

    def _number_on_clock_change(self, midnight: datetime, minute: int, text: str, *, is_end: bool) -> int:
        """Of an hour that is repeated the order of rows decides which it is; one that is skipped is refused."""
        local = midnight + timedelta(minutes=minute)
        numbers = self._year.numbers_of_wall_clock(local)
        if is_end:
            # The end of the last quarter-hour before a change is written by the clock before or behind it.
            numbers = tuple(number - 1 for number in numbers) + self._year.numbers_of_wall_clock(
                local - QUARTER_HOUR
            )
        if not numbers:
            raise _Bad(
                f"{quoted(text)} does not exist: clocks in Germany skip that hour. In a file without daylight saving time"
                " each timestamp needs its offset, +01:00"
            )
        return self._next if self._next in numbers else numbers[0]

    def _position_of_first(self, day: "_Day", at: "_Time", text: str) -> StampPosition:
        year = self._year
        if at.offset is not None:
            moment = datetime.combine(day.date, time(), timezone(at.offset)) + at.minute * timedelta(
                minutes=1
            )
            number = year.number_of(moment.astimezone(UTC))
        else:
            number = day.first + at.minute // 15
        if number not in (0, 1):
            raise self._refusal(
                Problem(
                    self._line,
                    f"the first timestamp is {quoted(text)}: a profile of {year.year} begins with 1 January 00:00 (start of the"
                    " quarter-hour) or 00:15 (its end)",
                )
            )
        return StampPosition.END if number else StampPosition.START

    def _read_day(self, day_text: str, text: str) -> "_Day":
        found = _read_date(day_text)
        if found is None:
            raise _Unreadable(
                f"{quoted(text)} is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"
            )
        if abs(found.year - self._year.year) > 1:
            raise _Bad(f"{quoted(text)} is not in {self._year.year}")
        day = self._days[day_text] = _Day(found, self._year.first_of(found), changes_clock(found))
        return day

    def _read_time(self, time_text: str, text: str) -> "_Time":
        found = _TIME.fullmatch(time_text)
        if found is None:
            if _SECONDS.fullmatch(time_text):
                raise _Unreadable(
                    f"{quoted(text)} has seconds: quarter-hours begin at 00, 15, 30 and 45 minutes"
                )
            raise _Unreadable(
                f"{quoted(text)} is not a timestamp of the form 2026-01-31 07:45 or 31.01.2026 07:45"
            )
        minute = int(found[1]) * 60 + int(found[2])
        if int(found[2]) > 59 or minute > clock.DAY_END:
            raise _Unreadable(f"{quoted(text)} is not a time")
        if minute % 15:
            raise _Bad(f"{quoted(text)} is not the start or end of a quarter-hour")
        if len(self._times) >= _MAX_TIMES:  # one for each offset and form; a file has few
            self._times.clear()
        at = self._times[time_text] = _Time(minute, _offset(found[3], text))
        return at

    def _check_order(self, number: int) -> None:
        """Raises _Bad for a row out of order; reports missing quarter-hours before a row and takes the row."""
        year = self._year
        if not 0 <= number < year.count:
            raise _Bad(f"its quarter-hour, {_shown(year.start_of(number))}, is not in {year.year}")
        if number == self._next:
            return
        if number < self._next:
            if self._loads[number] == _ABSENT:
                raise _Bad(f"its quarter-hour, {_shown(year.start_of(number))}, is out of order")
            raise _Bad(f"the quarter-hour {_shown(year.start_of(number))} was there before")
        missing = number - self._next
        if missing == 3 and self._next == 1:
            raise self._refusal(Problem(self._line, "the rows are an hour apart: quarter-hours are needed"))
        self._refuse(f"before it {_quarter_hours(missing)} missing, from {_shown(year.start_of(self._next))}")

    # Problems

    def _check_end(self) -> None:
        layout, year, found = self._layout, self._year, self._next
        if layout is None or found == year.count:
            return
        if layout.has_stamps:
            self._refuse(
                f"behind the last row {_quarter_hours(year.count - found)} missing, from"
                f" {_shown(year.start_of(found))} to the end of the year",
                self._last_row,
            )
        elif found in _HOURLY:
            self._refuse(f"{found:,} numbers are those of hours: quarter-hours are needed", self._last_row)
        else:
            self._refuse(
                f"there are {found:,} numbers; {year.year} has {year.count:,} quarter-hours", self._last_row
            )

    def _too_long(self) -> None:
        raise self._refusal(
            Problem(self._line, f"it is longer than {MAX_LINE_BYTES} bytes, or its lines do not end with LF")
        )

    def _refuse(self, reason: str, line: int | None = None) -> None:
        self._problems.append(Problem(self._line if line is None else line, reason))
        if len(self._problems) >= MAX_PROBLEMS:
            raise self._refusal()

    def _refusal(self, *more: Problem) -> AppError:
        problems = [*self._problems, *more]
        first = "; ".join(f"line {line}: {reason}" for line, reason in problems[:3])
        further = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        rows: Sequence[dict[str, object]] = [problem._asdict() for problem in problems]
        return BadInput(f"The load profile cannot be used: {first}{further}.", rows=rows)


class _Day(NamedTuple):
    date: date
    first: int  # number of its first quarter-hour
    changes_clock: bool


class _Time(NamedTuple):
    minute: int
    offset: timedelta | None


class _Layout(NamedTuple):
    separator: str | None
    has_stamps: bool

    def cells(self, text: str) -> Sequence[str]:
        """As many as there are columns, stripped. Raises _Bad."""
        if '"' in text:
            try:
                cells = next(csv.reader([text], delimiter=self.separator or ";"), [])
            except csv.Error:
                raise _Bad("its quotation marks cannot be read") from None
        elif self.separator is None:
            cells = [text]
        else:
            cells = text.split(self.separator)
        expected = 1 + self.has_stamps
        if len(cells) == expected + 1 and not cells[-1].strip():
            cells.pop()  # a separator at the end of the row
        if len(cells) != expected:
            raise _Bad(f"it has {len(cells)} columns instead of {expected}")
        return [cell.strip() for cell in cells]


def _layout_of(text: str, *, without_stamps: bool) -> _Layout:
    """By the first row with a number."""
    stamped = ":" in text
    if without_stamps and stamped:
        raise _Bad(f"{quoted(text)} has a timestamp, and timeStamps states that there is none")
    if ";" in text:
        separator: str | None = ";"
    elif "\t" in text:
        separator = "\t"
    elif stamped:
        separator = "," if "," in text else None
    else:
        separator = None
    if stamped and separator is None:
        raise _Bad(
            f"{quoted(text)} has no separator between timestamp and number; there are semicolon, tab and comma"
        )
    cells = text.split(separator) if separator else [text]
    return _Layout(separator, stamped or any(cell.strip() for cell in cells[1:]))


def _read_date(text: str) -> date | None:
    if found := _ISO_DATE.fullmatch(text):
        year, month, day = map(int, found.groups())
    elif found := _GERMAN_DATE.fullmatch(text):
        day, month, year = map(int, found.groups())
        year += 2000 if year < 100 else 0
    else:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _offset(text: str | None, stamp: str) -> timedelta | None:
    if text is None:
        return None
    if text == "Z":
        return timedelta()
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    if offset >= _DAY or offset % QUARTER_HOUR:
        raise _Bad(f"{quoted(stamp)} has an offset from UTC that does not exist")
    return -offset if text[0] == "-" else offset


def _quarter_hours(count: int) -> str:
    return "1 quarter-hour is" if count == 1 else f"{count:,} quarter-hours are"


def _shown(moment: datetime) -> str:
    return f"{moment:{_SHOWN}}{moment:%z}"[:-2] + ":" + f"{moment:%z}"[-2:]
