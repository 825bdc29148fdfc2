"""Time-of-use grid charges (§ 14a EnWG, Modul 3), read by operator and year."""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from app.db.pool import Pool, Row
from app.domain.clock import minutes
from app.domain.entry import DnoYear, VerificationStatus
from app.domain.time_of_use import TimeOfUseBand, TimeOfUsePrice, TimeOfUseTariff, TimeOfUseWindow


async def fetch_by_dno_year(
    pool: Pool, keys: Sequence[DnoYear]
) -> dict[DnoYear, tuple[TimeOfUseTariff, ...]]:
    rows = await pool.fetch(
        "SELECT id, dno_id, year, price_ht, price_st, price_nt, windows::text,"
        " verification_status, source_url, source_title, version"
        " FROM time_of_use_data JOIN unnest($1::uuid[], $2::int[]) AS wanted (dno_id, year) USING (dno_id, year)"
        " WHERE deleted_at IS NULL",
        *DnoYear.columns(keys),
        name="time_of_use",
    )
    # A list of one: an operator publishes one sheet for a year.
    return {DnoYear(row["dno_id"], row["year"]): (_tariff(row),) for row in rows}


def _tariff(row: Row) -> TimeOfUseTariff:
    entry_id, dno_id, year, ht, st, nt, stored, status, *rest = row
    prices = zip(TimeOfUseBand, (ht, st, nt), strict=True)
    return TimeOfUseTariff(
        entry_id,
        dno_id,
        year,
        tuple([TimeOfUsePrice(band, price) for band, price in prices if price is not None]),
        _windows(stored),
        VerificationStatus(status),
        *rest,
    )


@lru_cache(maxsize=1024)
def _windows(text: str) -> tuple[TimeOfUseWindow, ...]:
    """A sheet has many and is read often: text that is known is not read again."""
    return tuple(
        TimeOfUseWindow(
            window["quarter"], minutes(window["start"]), minutes(window["end"]), TimeOfUseBand(window["band"])
        )
        for window in msgspec.json.decode(text)
    )
