"""A valid row in one short call: `await make.tariff(pool, dno, year=2025, leistung="58.21")`.

Rows are written as the crawler writes them, with plain SQL, so that the triggers see them.
"""

import itertools
from datetime import date
from decimal import Decimal
from uuid import UUID

from app.db.aliases import fetch_aliases
from app.db.dnos import fetch_by_id
from app.db.hlzf import fetch_by_dno_year as fetch_hlzf
from app.db.holiday_rules import fetch_by_dno as fetch_rules
from app.db.levies import fetch_all as fetch_levies
from app.db.pool import Pool
from app.db.prices import fetch_by_dno_year as fetch_prices
from app.db.tariffs import fetch_by_dno_year as fetch_tariffs
from app.db.time_of_use import fetch_by_dno_year as fetch_time_of_use
from app.domain.account import Role, User
from app.domain.dno import Alias, Dno
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.hlzf import Hlzf, Season
from app.domain.holiday_rule import WITHOUT_YEAR, HolidayRule
from app.domain.levy import Levy, LevyKind
from app.domain.price import Price, PriceKind, unit_of
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff

_numbers = itertools.count(1)


async def dno(pool: Pool, slug: str = "netze-a", **columns: object) -> Dno:
    columns = {"slug": slug, "name": slug.replace("-", " ").title(), "region": "Bayern"} | columns
    dno_id = await _insert(pool, "dnos", columns)
    return (await fetch_by_id(pool, [dno_id]))[dno_id]


async def alias(pool: Pool, dno: Dno, alias: str, source: str = "https://example.org/names") -> Alias:
    await _insert(pool, "dno_aliases", {"dno_id": dno.id, "alias": alias, "source": source})
    [made] = [one for one in (await fetch_aliases(pool, [None]))[None] if one.alias == alias]
    return made


async def tariff(
    pool: Pool,
    dno: Dno,
    year: int = 2025,
    voltage_level: VoltageLevel = VoltageLevel.MS,
    leistung: str | None = "58.21",
    arbeit: str | None = "1.26",
    leistung_unter_2500h: str | None = "18.30",
    arbeit_unter_2500h: str | None = "2.86",
    **columns: object,
) -> Tariff:
    prices = {
        "leistung": leistung,
        "arbeit": arbeit,
        "leistung_unter_2500h": leistung_unter_2500h,
        "arbeit_unter_2500h": arbeit_unter_2500h,
    }
    columns |= {"dno_id": dno.id, "year": year, "voltage_level": voltage_level} | _decimals(prices)
    entry_id = await _insert(pool, "netzentgelte_data", columns)
    found = (await fetch_tariffs(pool, [DnoYear(dno.id, year)]))[DnoYear(dno.id, year)]
    return next(made for made in found if made.id == entry_id)


async def hlzf(
    pool: Pool,
    dno: Dno,
    year: int = 2025,
    voltage_level: VoltageLevel = VoltageLevel.MS,
    season: Season = Season.WINTER,
    windows: str = "07:30-13:00, 16:00-19:00",
    **columns: object,
) -> Hlzf:
    pairs = [window.split("-") for window in windows.split(", ") if window]
    columns |= {
        "dno_id": dno.id,
        "year": year,
        "voltage_level": voltage_level,
        "season": season,
        "windows": [{"start": start, "end": end} for start, end in pairs],
    }
    entry_id = await _insert(pool, "hlzf_data", columns)
    found = (await fetch_hlzf(pool, [DnoYear(dno.id, year)]))[DnoYear(dno.id, year)]
    return next(made for made in found if made.id == entry_id)


async def holiday_rule(pool: Pool, dno: Dno, year: int = WITHOUT_YEAR, **columns: object) -> HolidayRule:
    """What is not given is not known."""
    entry_id = await _insert(pool, "holiday_rules", {"dno_id": dno.id, "year": year} | columns)
    return next(rule for rule in (await fetch_rules(pool, [dno.id]))[dno.id] if rule.id == entry_id)


async def levy(
    pool: Pool,
    kind: LevyKind = LevyKind.KWKG,
    valid_from: str = "2024-01-01",
    value: str = "0.275",
    **columns: object,
) -> Levy:
    """Of all customers, without a last day."""
    first = date.fromisoformat(valid_from)
    usual = {"kind": kind, "valid_from": first, "year": first.year, "value": Decimal(value), "unit": "ct/kWh"}
    entry_id = await _insert(pool, "levies", usual | columns)
    return next(made for made in (await fetch_levies(pool, [None]))[None] if made.id == entry_id)


async def time_of_use(
    pool: Pool,
    dno: Dno,
    year: int = 2026,
    price_ht: str | None = "9.80",
    price_st: str | None = "6.70",
    price_nt: str | None = "1.34",
    windows: str = "1 00:00-06:00 NT, 1 06:00-17:00 ST, 1 17:00-20:00 HT, 1 20:00-24:00 ST",
    **columns: object,
) -> TimeOfUseTariff:
    words = [window.split() for window in windows.split(", ") if window]
    columns |= {
        "dno_id": dno.id,
        "year": year,
        "windows": [
            {"quarter": int(quarter), "start": times[:5], "end": times[6:], "band": band}
            for quarter, times, band in words
        ],
    } | _decimals({"price_ht": price_ht, "price_st": price_st, "price_nt": price_nt})
    await _insert(pool, "time_of_use_data", columns)
    [made] = (await fetch_time_of_use(pool, [DnoYear(dno.id, year)]))[DnoYear(dno.id, year)]
    return made


async def price(
    pool: Pool,
    dno: Dno,
    year: int = 2025,
    kind: PriceKind = PriceKind.SLP_ARBEITSPREIS,
    amount: str = "7.49",
    voltage_level: VoltageLevel | None = VoltageLevel.NS,
    variant: str | None = None,
    **columns: object,
) -> Price:
    columns |= {
        "dno_id": dno.id,
        "year": year,
        "kind": kind,
        "voltage_level": voltage_level or "",
        "variant": variant or "",
        "amount": Decimal(amount),
        "unit": unit_of(kind),
    }
    entry_id = await _insert(pool, "prices", columns)
    found = (await fetch_prices(pool, [DnoYear(dno.id, year)]))[DnoYear(dno.id, year)]
    return next(made for made in found if made.id == entry_id)


async def place(pool: Pool, dno: Dno, postal_code: str = "80331", **columns: object) -> None:
    """Evidence of registered units, unless the columns state another basis."""
    values = {"basis": "REGISTERED_UNITS", "locations": 1} | columns
    names = ", ".join(values)
    given = ", ".join(f"${number}" for number in range(3, 3 + len(values)))
    async with pool.connection() as connection:
        await connection.execute(
            f"INSERT INTO places (dno_id, postal_code, {names}) VALUES ($1, $2, {given})",
            dno.id,
            postal_code,
            *values.values(),
        )


async def user(
    pool: Pool, email: str | None = None, role: Role = Role.EDITOR, password_hash: str = "!"
) -> User:
    """With a hash that no password has, unless one is given."""
    email = email or f"user-{next(_numbers)}@example.org"
    async with pool.connection() as connection:
        row = await connection.fetchrow(
            "INSERT INTO users (email, role, password_hash) VALUES ($1, $2, $3)"
            " RETURNING id, email, role, created_at",
            email,
            role,
            password_hash,
        )
    assert row is not None
    return User(row["id"], row["email"], Role(row["role"]), row["created_at"])


async def _insert(pool: Pool, table: str, columns: dict[str, object]) -> UUID:
    names = ", ".join(columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    async with pool.connection() as connection:
        made: UUID = await connection.fetchval(
            f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING id", *columns.values()
        )
    return made


def _decimals(prices: dict[str, str | None]) -> dict[str, object]:
    return {name: None if price is None else Decimal(price) for name, price in prices.items()}
