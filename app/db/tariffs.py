"""The table of Netzentgelte, and the ranking over all operators."""

from collections.abc import Collection
from decimal import Decimal

from app.db.family_table import FamilyTable
from app.db.pool import Pool
from app.domain.cost import THRESHOLD_HOURS, Ranked, annual_cost, check_consumption
from app.domain.entry import Publication, VoltageLevel
from app.domain.folding import fold
from app.domain.tariff import FAMILY, Tariff

TABLE: FamilyTable[Tariff] = FamilyTable(FAMILY, Tariff)

fetch_by_dno_year = TABLE.fetch_by_dno_year
add, correct, lock, save = TABLE.add, TABLE.correct, TABLE.lock, TABLE.save


async def fetch_ranking(
    pool: Pool,
    year: int,
    voltage_level: VoltageLevel,
    consumption_kwh: Decimal,
    peak_load_kw: Decimal,
    regions: Collection[str] | None,
    first: int,
    *,
    dearest: bool = False,
    publication: Publication | None = None,
) -> tuple[Ranked, ...]:
    """Cheapest first, or dearest first; equal costs by the operator's folded name, then its slug: independent of the database's
    collation. A tariff without a needed price has no rank.

    `regions`: only operators with one of these, as they are stored. `publication`: only tariffs that are as final as this.
    """
    check_consumption(consumption_kwh, peak_load_kw)
    rows = await pool.fetch(
        f"SELECT {TABLE.selected('t')}, cost, d.name, d.slug"
        f" FROM {FAMILY.table} t JOIN dnos d ON d.id = dno_id AND d.deleted_at IS NULL,"
        " LATERAL (SELECT"
        " CASE WHEN $3::numeric >= $7 * $4::numeric THEN leistung ELSE leistung_unter_2500h END AS per_kw,"
        " CASE WHEN $3::numeric >= $7 * $4::numeric THEN arbeit ELSE arbeit_unter_2500h END AS per_kwh) AS price,"
        # Rounded as in annual_cost; the prices and 0.01 are exact, a division might not be.
        " LATERAL (SELECT round($4 * per_kw, 2) + round($3 * per_kwh * 0.01, 2) AS cost) AS of_year"
        " WHERE year = $1 AND voltage_level = $2 AND t.deleted_at IS NULL AND ($5::text[] IS NULL OR region = ANY($5))"
        " AND ($8::text IS NULL OR publication = $8)"
        " AND per_kw IS NOT NULL AND per_kwh IS NOT NULL"
        f" ORDER BY cost {'DESC' if dearest else 'ASC'} FETCH FIRST $6 ROWS WITH TIES",
        year,
        voltage_level,
        consumption_kwh,
        peak_load_kw,
        None if regions is None else list(regions),
        first,
        Decimal(THRESHOLD_HOURS),
        publication,
        name="ranking",
    )
    sign = -1 if dearest else 1
    rows.sort(key=lambda row: (sign * row["cost"], fold(row["name"]), row["slug"]))
    return tuple(
        Ranked(rank, tariff, annual_cost(tariff, consumption_kwh, peak_load_kw))
        for rank, tariff in enumerate(map(TABLE.entry, rows[:first]), 1)
    )
