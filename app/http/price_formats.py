"""Series of § 14a prices in EUR per kWh, as programs read them: JSON and CSV.

The text comes in pieces, so that a long series can be written in steps.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from app.domain import clock
from app.domain.price_series import PriceInterval


def euros(cents: Decimal) -> str:
    """EUR per kWh, exact, as a JSON number."""
    return f"{cents.scaleb(-2).normalize():f}"


def write_json(intervals: Iterable[PriceInterval], *, gross: bool) -> Iterator[str]:
    """`[{"start", "end", "value"}]`, as evcc reads it from a source of its `custom` tariffs."""
    separator = "["
    for start, end, value, _ in _written(intervals, gross=gross):
        yield f'{separator}{{"start":"{start}","end":"{end}","value":{value}}}'
        separator = ","
    yield "]" if separator == "," else "[]"


def write_csv(intervals: Iterable[PriceInterval], *, gross: bool) -> Iterator[str]:
    """With the band, and whether it follows windows."""
    yield "start,end,value,band,time_variable\n"
    for start, end, value, interval in _written(intervals, gross=gross):
        yield f"{start},{end},{value},{interval.band},{'true' if interval.time_variable else 'false'}\n"


def _written(
    intervals: Iterable[PriceInterval], *, gross: bool
) -> Iterator[tuple[str, str, str, PriceInterval]]:
    """Texts of beginning, end and price. Most intervals begin at the end of the one before, and few prices differ."""
    values = _Values()
    before, text = None, ""
    for interval in intervals:
        start = text if interval.start == before else _moment(interval.start)
        before, text = interval.end, _moment(interval.end)
        yield start, text, values[interval.gross_price if gross else interval.price], interval


def _moment(moment: datetime) -> str:
    return moment.astimezone(clock.GERMANY).isoformat()


class _Values(dict[Decimal, str]):
    def __missing__(self, cents: Decimal) -> str:
        text = self[cents] = euros(cents)
        return text
