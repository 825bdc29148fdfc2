"""Time-of-use grid charges (§ 14a EnWG, Modul 3), read by operator and year."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from app.db.family_table import select_by_dno_year
from app.db.pool import Pool, Row
from app.domain.clock import minutes
from app.domain.entry import DnoYear, VerificationStatus
from app.domain.time_of_use import (
    FAMILY,
    PRICE_COLUMNS,
    TimeOfUseBand,
    TimeOfUsePrice,
    TimeOfUseTariff,
    TimeOfUseWindow,
)

_STATEMENT: Final = select_by_dno_year(
    FAMILY.table,
    f"id, {', '.join(PRICE_COLUMNS.values())}, windows::text,"
    " verification_status, source_url, source_title, version",
)


async def fetch_by_dno_year(
    pool: Pool, keys: Sequence[DnoYear]
) -> dict[DnoYear, tuple[TimeOfUseTariff, ...]]:
    rows = await pool.fetch(_STATEMENT, *DnoYear.columns(keys), name=FAMILY.name)
    # A list of one: an operator publishes one sheet for a year.
    return {(key := keys[row["place"] - 1]): (_tariff(row, key),) for row in rows}


def _tariff(row: Row, key: DnoYear) -> TimeOfUseTariff:
    prices = [(band, row[column]) for band, column in PRICE_COLUMNS.items()]
    return TimeOfUseTariff(
        id=row["id"],
        dno_id=key.dno_id,
        year=key.year,
        bands=tuple([TimeOfUsePrice(band, price) for band, price in prices if price is not None]),
        windows=_windows(row["windows"]),
        verification_status=VerificationStatus(row["verification_status"]),
        source_url=row["source_url"],
        source_title=row["source_title"],
        version=row["version"],
    )


@lru_cache(maxsize=1024)
def _windows(text: str) -> tuple[TimeOfUseWindow, ...]:
    """Cached: a sheet has many windows and is read often."""
    return tuple(
        TimeOfUseWindow(
            window["quarter"], minutes(window["start"]), minutes(window["end"]), TimeOfUseBand(window["band"])
        )
        for window in msgspec.json.decode(text)
    )
