"""A load profile: the mean load of each quarter-hour of one calendar year, read from CSV as it arrives.

A row is `timestamp;kW` or only `kW`, separated by semicolon, tab or comma, under an optional header. Timestamps are German wall-clock
time, or any time with its offset from UTC, and mark the start or the end of the quarter-hour. Nothing is filled in: a profile with
rows that cannot be read, or without some quarter-hour, is refused as a whole.
"""

import csv
import re
from array import array
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from app.domain.kilowatts import SCALE, DecimalMark, InvalidNumber, KilowattReader
from app.domain.metering_year import MeteringYear
from app.domain.profile_stamps import BadRow, StampPosition, StampReader, UnreadableStamp, WrongBeginning
from app.errors import AppError, BadInput, LimitExceeded, quoted

MAX_ROWS: Final = 40_000
MAX_PROBLEMS: Final = 20
MAX_LINE_BYTES: Final = 512

_ABSENT: Final = -1
_BOM: Final = b"\xef\xbb\xbf"
_HOURLY: Final = (8760, 8784)
_DAY: Final = timedelta(days=1)
# Units in a header that are not kW.
_OTHER_UNIT: Final = re.compile(
    r"(?<![A-Za-z])([kMG]?Wh|MW|GW|W|kVA|kvarh?)(?![A-Za-z])", re.ASCII | re.IGNORECASE
)
# A header may end with a number, too, but not with a cell that is one.
_NUMBER_AT_END: Final = re.compile(r"(?:^|[;,\t\"])\s*[+-]?\d[\d.,]*[\s;,\t\"]*$", re.ASCII)
# A row with a timestamp is no header, even where its number is wrong.
_TIMESTAMP_AT_START: Final = re.compile(
    r"[\s\"]*(?:\d{4}-\d\d-\d\d|\d\d?\.\d\d?\.(?:\d{4}|\d\d))[T ]+\d\d?:\d\d", re.ASCII
)
_SHOWN: Final = "%Y-%m-%d %H:%M"


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
        self._stamps = StampReader(self._year, None if stamps is StampPosition.NONE else stamps)
        self._without_stamps = stamps is StampPosition.NONE
        self._rest = b""
        self._line = 0
        self._rows = 0
        self._last_row = 0
        self._next = 0  # number of the quarter-hour that comes next
        self._layout: _Layout | None = None
        self._header_seen = False
        self._problems: list[Problem] = []

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
        if not self._layout.has_stamps:
            return LoadProfile(self._year, self._loads, StampPosition.NONE, assumed=False)
        assert self._stamps.position is not None
        return LoadProfile(self._year, self._loads, self._stamps.position, self._stamps.assumed)

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
        except BadRow as bad:
            self._refuse(str(bad))

    def _take_row(self, text: str) -> None:
        layout = self._layout
        if layout is None:
            if text.startswith("sep="):  # for spreadsheets
                return
            if not self._header_seen and _is_header(text):
                self._take_header(text)
                return
            layout = self._layout = _layout_of(text, without_stamps=self._without_stamps)
            if layout.separator == "," and '"' not in text:
                self._numbers.settle(self._numbers.mark or DecimalMark.POINT)
        self._last_row = self._line
        cells = layout.cells(text)
        if not layout.has_stamps:
            self._store(self._next, cells[0].strip())
            return
        try:
            number = self._stamps.number_of(cells[0].strip(), self._next)
        except WrongBeginning as wrong:
            raise self._refusal(Problem(self._line, str(wrong))) from None
        except UnreadableStamp:
            if self._stamps.position is not None and self._next < self._year.count:
                self._loads[self._next] = 0
                self._next += 1
            raise
        self._check_order(number)
        self._store(number, cells[1].strip())

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

    # Order

    def _check_order(self, number: int) -> None:
        """Raises BadRow for a row out of order; reports missing quarter-hours before a row and takes the row."""
        year = self._year
        if not 0 <= number < year.count:
            raise BadRow(f"its quarter-hour, {_shown(year.start_of(number))}, is not in {year.year}")
        if number == self._next:
            return
        if number < self._next:
            if self._loads[number] == _ABSENT:
                raise BadRow(f"its quarter-hour, {_shown(year.start_of(number))}, is out of order")
            raise BadRow(f"the quarter-hour {_shown(year.start_of(number))} was there before")
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
            below = " below the header" if self._header_seen else ""
            self._refuse(
                f"there are {found:,} numbers{below}; {year.year} has {year.count:,} quarter-hours",
                self._last_row,
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


class _Layout(NamedTuple):
    separator: str | None
    has_stamps: bool

    def cells(self, text: str) -> Sequence[str]:
        """As many as there are columns. Raises BadRow."""
        if '"' in text:
            try:
                cells = next(csv.reader([text], delimiter=self.separator or ";"), [])
            except csv.Error:
                raise BadRow("its quotation marks cannot be read") from None
        elif self.separator is None:
            cells = [text]
        else:
            cells = text.split(self.separator)
        expected = 1 + self.has_stamps
        if len(cells) == expected + 1 and not cells[-1].strip():
            cells.pop()  # a separator at the end of the row
        if len(cells) != expected:
            raise BadRow(f"it has {len(cells)} columns instead of {expected}")
        return cells


def _is_header(text: str) -> bool:
    return not _NUMBER_AT_END.search(text) and not _TIMESTAMP_AT_START.match(text)


def _layout_of(text: str, *, without_stamps: bool) -> _Layout:
    """By the first row with a number."""
    stamped = ":" in text
    if without_stamps and stamped:
        raise BadRow(f"{quoted(text)} has a timestamp, and timeStamps states that there is none")
    if ";" in text:
        separator: str | None = ";"
    elif "\t" in text:
        separator = "\t"
    elif stamped:
        separator = "," if "," in text else None
    else:
        separator = None
    if stamped and separator is None:
        raise BadRow(
            f"{quoted(text)} has no separator between timestamp and number; there are semicolon, tab and comma"
        )
    cells = text.split(separator) if separator else [text]
    return _Layout(separator, stamped or any(cell.strip() for cell in cells[1:]))


def _quarter_hours(count: int) -> str:
    return "1 quarter-hour is" if count == 1 else f"{count:,} quarter-hours are"


def _shown(moment: datetime) -> str:
    return f"{moment:{_SHOWN}}{moment:%z}"[:-2] + ":" + f"{moment:%z}"[-2:]
