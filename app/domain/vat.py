"""German value-added tax (Umsatzsteuer): the standard rate by day, each with the law that set it."""

from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple


class VatPeriod(NamedTuple):
    """A standard rate, and the first day on which it holds."""

    since: date
    percent: int
    factor: Decimal  # gross price divided by net price
    source: str


# In order. The last one holds until a law changes it.
PERIODS: Final = (
    VatPeriod(
        date(1998, 4, 1),
        16,
        Decimal("1.16"),
        "§ 12 (1) UStG as changed by the law of 19 December 1997, BGBl. I p. 3121",
    ),
    VatPeriod(
        date(2007, 1, 1),
        19,
        Decimal("1.19"),
        "§ 12 (1) UStG as changed by the Haushaltsbegleitgesetz 2006, BGBl. I p. 1402",
    ),
    VatPeriod(
        date(2020, 7, 1),
        16,
        Decimal("1.16"),
        "§ 28 (1) UStG, Zweites Corona-Steuerhilfegesetz, BGBl. 2020 I p. 1512",
    ),
    VatPeriod(date(2021, 1, 1), 19, Decimal("1.19"), "§ 12 (1) UStG; the end of § 28 (1) UStG"),
)


def period_on(day: date) -> VatPeriod:
    """Raises ValueError for a day before the first period: no family of figures has a year that early."""
    for period in reversed(PERIODS):  # most days lie in the last one
        if period.since <= day:
            return period
    raise ValueError(f"no VAT rate is listed for {day}")


def changes_between(first: date, last: date) -> tuple[date, ...]:
    """The days after `first`, up to `last`, on which another rate begins."""
    return tuple(period.since for period in PERIODS if first < period.since <= last)


def periods_between(first: date, last: date | None) -> tuple[VatPeriod, ...]:
    """The rates that hold on any day from `first` to `last`, in order. None: without an end."""
    return (period_on(first), *(p for p in PERIODS if first < p.since and (last is None or p.since <= last)))
