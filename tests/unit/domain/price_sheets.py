"""Time-of-use sheets of the starter data, read without the importer, and prices looked up in their rows."""

import csv
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseWindow

STARTER = Path(__file__).parents[3] / "app" / "starter"


class Sheet(NamedTuple):
    year: int
    bands: tuple[TimeOfUsePrice, ...]
    windows: tuple[TimeOfUseWindow, ...]


def sheet(year: int = 2026, prices: str = "HT 9.80, ST 6.70, NT 1.34", windows: str = "") -> Sheet:
    """`windows`: such as "1 00:00-06:00 NT, 1 06:00-24:00 ST"."""
    bands = [text.split() for text in prices.split(", ") if text]
    parts = [text.split() for text in windows.split(", ") if text]
    return Sheet(
        year,
        tuple(TimeOfUsePrice(TimeOfUseBand(band), Decimal(price)) for band, price in bands),
        tuple(
            TimeOfUseWindow(int(quarter), _minutes(times[:5]), _minutes(times[6:]), TimeOfUseBand(band))
            for quarter, times, band in parts
        ),
    )


def starter_sheet(slug: str, year: int = 2026) -> Sheet:
    prices = ", ".join(
        f"{row['band']} {row['price_ct_per_kwh']}" for row in _rows("section14a.csv", slug, year)
    )
    windows = ", ".join(
        f"{row['quarter']} {row['start']}-{row['end']} {row['band']}"
        for row in _rows("section14a_windows.csv", slug, year)
    )
    return sheet(year, prices, windows)


def row_price(slug: str, year: int, wall_clock: datetime) -> tuple[str, str]:
    """Band and price of the row that covers this time of day in its quarter; times compare as text."""
    time, quarter = f"{wall_clock:%H:%M}", str((wall_clock.month - 1) // 3 + 1)
    [band] = [
        row["band"]
        for row in _rows("section14a_windows.csv", slug, year)
        if row["quarter"] == quarter and row["start"] <= time < row["end"]
    ]
    [price] = [row["price_ct_per_kwh"] for row in _rows("section14a.csv", slug, year) if row["band"] == band]
    return band, price


@cache
def _rows(name: str, slug: str, year: int) -> list[dict[str, str]]:
    with (STARTER / name).open(newline="") as file:
        return [row for row in csv.DictReader(file) if (row["dno_slug"], row["year"]) == (slug, str(year))]


def _minutes(text: str) -> int:
    hours, minutes = text.split(":")
    return 60 * int(hours) + int(minutes)
