"""Load profiles for tests: the file, and the profile that is read from it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache

from app.domain.kilowatts import DecimalMark
from app.domain.load_profile import LoadProfile, LoadProfileReader
from app.domain.metering_year import QUARTER_HOUR, MeteringYear
from app.domain.profile_stamps import StampPosition

GERMAN = "%d.%m.%Y %H:%M"


@cache
def stamped(
    year: int,
    kw: Callable[[int], str] = str,
    form: str = GERMAN,
    *,
    end: bool = False,
    separator: str = ";",
    line_end: str = "\n",
    zone_of_the_file: timedelta | None = None,
) -> bytes:
    """A row per quarter-hour. `kw`: the number of a quarter-hour. `zone_of_the_file`: German time without it."""
    quarter_hours = MeteringYear(year)
    rows = []
    for number in range(quarter_hours.count):
        moment = quarter_hours.start_of(number)
        if end:
            moment = (moment.astimezone(UTC) + QUARTER_HOUR).astimezone(moment.tzinfo)
        if zone_of_the_file is not None:
            moment = moment.astimezone(UTC) + zone_of_the_file
        rows.append(f"{moment.strftime(form)}{separator}{kw(number)}{line_end}")
    return "".join(rows).encode()


def unstamped(year: int, loads: Mapping[str, int | str], base: int | str = 0) -> bytes:
    """`base` kW, but in quarter-hours that begin at these times in Germany."""
    quarter_hours = MeteringYear(year)
    rows = [str(base)] * quarter_hours.count
    for moment, load in loads.items():
        [number] = quarter_hours.numbers_of_wall_clock(datetime.fromisoformat(moment))
        rows[number] = str(load)
    return "\n".join(rows).encode()


def read(
    file: bytes,
    year: int = 2025,
    stamps: StampPosition | None = None,
    decimal_mark: DecimalMark | None = None,
    part: int = 16 * 1024,
) -> LoadProfile:
    reader = LoadProfileReader(year, stamps, decimal_mark)
    for start in range(0, len(file), part):
        reader.feed(file[start : start + part])
    return reader.finish()
