"""§ 14a EnWG, Modul 3: a file of prices and a file of windows make one sheet per operator and year."""

from collections.abc import Iterator

import msgspec

from app.db import staging
from app.db.pool import Connection
from app.db.staging import OnRows, Outcome, Rows
from app.domain.entry import VerificationStatus
from app.domain.time_of_use import TimeOfUseBand
from app.importers import cells
from app.importers.layout import Layout, Row
from app.importers.problems import Problem, RowLocation
from app.importers.source import References, Source


class _Sheet(msgspec.Struct):
    location: RowLocation
    prices: dict[str, tuple[str, str, RowLocation]] = {}  # by band: price, verification status
    source_url: str = ""
    windows: list[tuple[str, str, str, str, RowLocation]] = []  # quarter, start, end, band

    @property
    def verification_status(self) -> str:
        """The least verified status of its bands."""
        statuses = {status for _, status, _ in self.prices.values()}
        for status in (VerificationStatus.FLAGGED, VerificationStatus.UNVERIFIED):
            if status in statuses:
                return status
        return VerificationStatus.VERIFIED


class Section14a(Source):
    async def load(self, connection: Connection, rows: Rows, overwrite: bool, on_rows: OnRows) -> Outcome:
        return await staging.load_time_of_use(connection, rows, overwrite, on_rows)

    def __init__(self, references: References) -> None:
        operator = cells.operator(references.operators)
        self._prices = Layout(
            {
                "dno_slug": operator,
                "year": cells.year,
                "module": cells.one_of(["3"]),
                "band": cells.one_of(TimeOfUseBand),
                "price_ct_per_kwh": cells.price,
                "verification_status": cells.one_of(VerificationStatus),
                "source_url": cells.text,
            }
        )
        self._windows = Layout(
            {
                "dno_slug": operator,
                "year": cells.year,
                "quarter": cells.one_of(["1", "2", "3", "4"]),
                "band": cells.one_of(TimeOfUseBand),
                "start": cells.time,
                "end": cells.time,
            }
        )
        self.layouts = (self._prices, self._windows)
        self._stored_sheets = references.time_of_use
        self._sheets: dict[tuple[str, str], _Sheet] = {}

    def take(self, row: Row, values: list[str]) -> Iterator[Problem]:
        key = (values[0], values[1])
        sheet = self._sheets.setdefault(key, _Sheet(row.location))
        yield from (_take_price if row.layout is self._prices else _take_window)(sheet, row, *values[2:])

    def finish(self) -> Iterator[Problem]:
        for key, sheet in self._sheets.items():
            if not sheet.prices and key not in self._stored_sheets:
                yield Problem(sheet.location, "there are windows, but no prices of this operator and year")

    def entries(self) -> Iterator[tuple[RowLocation, list[str]]]:
        """Values that the files lack are empty: stored values are then kept."""
        for key, sheet in self._sheets.items():
            prices = [sheet.prices[band][0] if band in sheet.prices else "" for band in TimeOfUseBand]
            windows = [
                {"quarter": int(quarter), "start": start, "end": end, "band": band}
                for quarter, start, end, band, _ in sorted(sheet.windows)
            ]
            yield (
                sheet.location,
                [
                    *key,
                    *prices,
                    sheet.verification_status if sheet.prices else "",
                    sheet.source_url,
                    msgspec.json.encode(windows).decode() if windows else "",
                ],
            )


def _take_price(
    sheet: _Sheet, row: Row, module: str, band: str, price: str, status: str, source_url: str
) -> Iterator[Problem]:
    if band in sheet.prices:
        yield row.problem("band", f"the same band as in {sheet.prices[band][2]}")
    elif sheet.prices and source_url != sheet.source_url:
        yield row.problem("source_url", "must be the same for all bands of an operator and year")
    else:
        sheet.prices[band] = (price, status, row.location)
        sheet.source_url = source_url


def _take_window(sheet: _Sheet, row: Row, quarter: str, band: str, start: str, end: str) -> Iterator[Problem]:
    if end <= start:
        yield row.problem("end", f"must be after the start, {start}")
        return
    for other, begins, ends, _, location in sheet.windows:
        if other == quarter and start < ends and begins < end:
            yield row.problem("start", f"{start}-{end} overlaps {begins}-{ends} in {location}")
            return
    sheet.windows.append((quarter, start, end, band, row.location))
