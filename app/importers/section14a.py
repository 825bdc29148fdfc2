"""§ 14a EnWG, Modul 3: a file of prices and a file of windows, or one file with both, make a tariff per operator and year.

The one file is that of the export: a row per window with the price of its band, and a row for a band without windows.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

import msgspec

from app.db import staging
from app.db.file_columns import PUBLICATION, family_columns
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.clock import hh_mm, minutes
from app.domain.entry import Publication, VerificationStatus
from app.domain.time_of_use import FAMILY, QUARTERS, TimeOfUseBand, TimeOfUseWindow
from app.domain.time_of_use_correction import parts_of_day
from app.importers import cells
from app.importers.cells import optional
from app.importers.layout import Layout, Row
from app.importers.operators import operator
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source


class _Price(NamedTuple):
    price: str  # "": not published
    verification_status: str
    location: RowLocation


class _Window(NamedTuple):
    quarter: str
    start: str
    end: str
    band: str
    location: RowLocation


class _Published(NamedTuple):
    """What all prices of a tariff have in common; a title of None: the file has no such column."""

    source_url: str
    source_title: str | None
    publication: str


class _Sheet(msgspec.Struct):
    location: RowLocation
    complete: bool  # its rows have prices and windows: what they do not list is not published
    prices: dict[str, _Price] = {}  # by band
    published: _Published | None = None
    windows: list[_Window] = []

    @property
    def verification_status(self) -> str:
        """The least verified status of its bands."""
        statuses = {price.verification_status for price in self.prices.values()}
        for status in (VerificationStatus.FLAGGED, VerificationStatus.UNVERIFIED):
            if status in statuses:
                return status
        return VerificationStatus.VERIFIED


class Section14a(Source):
    family = FAMILY
    together = ("dno_slug", "year")

    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        return await staging.load_time_of_use(
            connection, rows, overwrite, on_rows, may_verify=self.may_verify
        )

    def __init__(self, references: References) -> None:
        parsers: dict[str, cells.Parser] = {
            "dno_slug": operator(references),
            "year": cells.year,
            "module": cells.one_of(["3"]),
            "quarter": cells.one_of([str(quarter) for quarter in QUARTERS]),
            "band": cells.one_of(TimeOfUseBand),
            "start": cells.time,
            "end": cells.time,
            "price_ct_per_kwh": cells.price,
            "verification_status": cells.one_of(VerificationStatus),
            "source_url": cells.source_url,
            "source_title": cells.text,
            PUBLICATION: optional(cells.one_of(Publication)),
        }
        may_be_empty = {name: optional(parsers[name]) for name in _BAND_AND_WINDOW}
        prices = Layout(
            {name: parsers[name] for name in _PRICES},
            frozenset({"source_title", PUBLICATION}),
            {"module": "3"},
        )
        windows = Layout({name: parsers[name] for name in _WINDOWS})
        both = Layout(
            {name: (parsers | may_be_empty)[name] for name in family_columns(FAMILY)},
            frozenset({PUBLICATION}),
        )
        # Of layouts that fit a header equally well, the first is taken.
        self.layouts = (prices, windows, both)
        self._stored_sheets = references.time_of_use
        self._sheets: dict[tuple[str, str], _Sheet] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        given = dict(zip(row.layout.names, values, strict=True))
        complete = "quarter" in given and "price_ct_per_kwh" in given
        key = (given["dno_slug"], given["year"])
        sheet = self._sheets.setdefault(key, _Sheet(row.location, complete))
        if sheet.complete is not complete:
            yield row.problem("year", f"{sheet.location} has this operator and year with other columns")
        elif complete:
            yield from _take_both(sheet, row, given)
        elif "quarter" in given:
            yield from _take_window(sheet, row, given)
        elif given["band"] in sheet.prices:
            yield row.problem("band", f"the same band as in {sheet.prices[given['band']].location}")
        else:
            yield from _take_price(sheet, row, given)

    def finish(self) -> Iterator[Problem]:
        for key, sheet in self._sheets.items():
            if sheet.published is None and key not in self._stored_sheets:
                yield Problem(sheet.location, "there are windows, but no prices of this operator and year")

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        """Values that the files lack are empty: stored values are then kept."""
        for key, sheet in self._sheets.items():
            prices = [sheet.prices[band].price if band in sheet.prices else "" for band in TimeOfUseBand]
            windows = [
                {"quarter": int(quarter), "start": start, "end": end, "band": band}
                for quarter, start, end, band, _ in sorted(sheet.windows)
            ]
            priced, published = sheet.published is not None, sheet.published or _Published("", None, "")
            yield (
                sheet.location,
                [
                    *key,
                    *prices,
                    sheet.verification_status if priced else "",
                    published.source_url,
                    published.source_title or "",
                    published.publication,
                    msgspec.json.encode(windows).decode() if windows or sheet.complete else "",
                    "false" if published.source_title is None else "true",
                ],
            )


_PRICES = ("dno_slug", "year", "module", "band", "price_ct_per_kwh", "verification_status", "source_url", "source_title", PUBLICATION)  # fmt: skip
_WINDOWS = ("dno_slug", "year", "quarter", "band", "start", "end")
_BAND_AND_WINDOW = ("band", "price_ct_per_kwh", "quarter", "start", "end")


def _take_both(sheet: _Sheet, row: Row, given: dict[str, str]) -> Iterator[Problem]:
    """A row of the export. One without band is the only row of a tariff of which nothing is published."""
    band, window = given["band"], [bool(given[name]) for name in ("quarter", "start", "end")]
    if any(window) and not all(window):
        yield row.problem("quarter", "quarter, start and end must all be given or all be empty")
    elif not band and any(given[name] for name in _BAND_AND_WINDOW):
        yield row.problem("band", "is empty")
    elif earlier := _contradicted(sheet, given, has_window=any(window)):
        yield row.problem("band", f"{earlier} has this band with another price or status, or without windows")
    else:
        yield from _take_price(sheet, row, given)
        if any(window):
            yield from _take_window(sheet, row, given)


def _contradicted(sheet: _Sheet, given: dict[str, str], *, has_window: bool) -> RowLocation | None:
    """Several rows of a band have one window each, the same price and the same status."""
    band = given["band"]
    if not band:
        return next((price.location for price in sheet.prices.values()), None)
    earlier = sheet.prices.get(band, sheet.prices.get(""))
    if earlier is None:
        return None
    same = earlier.verification_status == given["verification_status"] and _is_same_price(
        earlier.price, given["price_ct_per_kwh"]
    )
    more_windows = has_window and any(window.band == band for window in sheet.windows)
    return None if same and more_windows else earlier.location


def _is_same_price(one: str, other: str) -> bool:
    """Also if one has fewer digits: 8.7 and 8.70."""
    return one == other or (bool(one and other) and Decimal(one) == Decimal(other))


def _take_price(sheet: _Sheet, row: Row, given: dict[str, str]) -> Iterator[Problem]:
    published = _Published(given["source_url"], given.get("source_title"), given.get(PUBLICATION, ""))
    sheet.published = sheet.published or published
    for column, own, other in zip(_Published._fields, published, sheet.published, strict=True):
        if own != other:
            reason = f"{column} must be the same for all bands of an operator and year"
            yield row.problem(column if column in given else "source_url", reason)
    price = _Price(given["price_ct_per_kwh"], given["verification_status"], row.location)
    sheet.prices.setdefault(given["band"], price)


def _take_window(sheet: _Sheet, row: Row, given: dict[str, str]) -> Iterator[Problem]:
    """A window over midnight is two windows of its quarter."""
    quarter, band, start, end = (given[name] for name in ("quarter", "band", "start", "end"))
    if start in (end, "24:00"):
        yield row.problem("end", f"{start}-{end} holds at no time")
        return
    window = TimeOfUseWindow(int(quarter), minutes(start), minutes(end), TimeOfUseBand(band))
    parts = [(hh_mm(part.start), hh_mm(part.end)) for part in parts_of_day(window)]
    for other in sheet.windows:
        if other.quarter == quarter and any(
            other.start < ends and starts < other.end for starts, ends in parts
        ):
            yield row.problem(
                "start", f"{start}-{end} overlaps {other.start}-{other.end} in {other.location}"
            )
            return
    sheet.windows += [_Window(quarter, starts, ends, band, row.location) for starts, ends in parts]
