"""Synthetic data of many times the size of Germany, written by SQL; the same on every machine.

An operator has in each of five years five tariffs, peak-load windows of two seasons, a § 14a sheet and eight prices of its price
sheet: 80 entries. Each entry of the latest year has a revision.
"""

import itertools
import random
from collections.abc import Iterator

import asyncpg

from benchmarks.registry import LEVELS, OPERATORS, REGIONS, SEED, YEARS

_STARTS = (
    "Ahr Berg Bir Brei Buch Dill Dorn Ebers Eich Els Erl Fal Feld Frei Fürst Gar Gersten Göt Grün Hal Hasel Heil Hirsch Hoch"
    " Ilm Jever Kalten Kirch Köt Lau Lich Linden Lüne Mar Meis Mühl Naum Ober Osna Pegn Quer Raben Rosen Rüs Saal Schön"
    " Schwarz Sieg Stein Tannen Tau Uls Vils Wald Weil Wester Wies Wolf Würm Zell Zwie"
)
_ENDS = (
    "ach au bach bar berg brück burg büttel dorf feld fels förde furt gau hain hausen heim hof ingen kamp leben lingen moos"
    " münde rath rode see stadt stedt tal wang weiler werth winkel"
)
_TOWNS = (
    "{}",
    "Bad {}",
    "Neu{}",
    "Ober{}",
    "Nieder{}",
    "Groß {}",
    "{} am Berg",
    "Alt{}",
    "Sankt {}",
    "Klein {}",
)
_NAMES = ("Stadtwerke {}", "{} Netz", "Netze {}", "Gemeindewerke {}", "Elektrizitätswerk {}")
_COLUMNS = (
    "slug",
    "name",
    "official_name",
    "region",
    "city",
    "postal_code",
    "mastr_nr",
    "bdew_code",
    "connection_points_ns",
)
# Where an operator publishes what: a price of each kind, and one at each level.
_KINDS = (
    "SLP_GRUNDPREIS",
    "SLP_ARBEITSPREIS",
    "MODUL_1",
    "MODUL_2_ARBEITSPREIS",
    "WAERMEPUMPE_ARBEITSPREIS",
    "SPERRUNG",
    "ENTSPERRUNG",
    "MESSUNG",
)
_STATUS = "(ARRAY['verified', 'verified', 'unverified', 'flagged'])[1 + (n * 7 + year) % 4]"
_SOURCE = "'https://example.org/' || slug || '/preisblatt-' || year || '.pdf', 'Preisblatt ' || year"
_NUMBERED = (
    "(SELECT id, slug, row_number() OVER (ORDER BY slug) AS n FROM dnos) AS d"
    f" CROSS JOIN unnest(ARRAY{list(YEARS)}) AS year"
)
_WINDOWS = '[{"start": "07:15", "end": "11:00"}, {"start": "16:30", "end": "19:15"}]'
_BANDS = '[{"quarter": 1, "start": "00:00", "end": "06:30", "band": "NT"}, {"quarter": 1, "start": "17:00", "end": "20:30", "band": "HT"}]'
# Table -> columns beside those of every family, their values, and what an operator and year has several of.
_ENTRIES = {
    "netzentgelte_data": (
        "voltage_level, leistung, arbeit, leistung_unter_2500h, arbeit_unter_2500h",
        "level, 60 + 8 * k + n % 20, 1 + k * 0.2, 12 + k, 4 + 0.01 * (n % 300)",
        f"unnest(ARRAY{list(LEVELS)}) WITH ORDINALITY AS levels (level, k)",
    ),
    "hlzf_data": (
        "voltage_level, season, windows",
        f"'MS', season, '{_WINDOWS}'",
        "unnest(ARRAY['WINTER', 'AUTUMN']) AS season",
    ),
    "time_of_use_data": (
        "price_ht, price_st, price_nt, windows",
        f"9 + 0.01 * (n % 100), 6, 2, '{_BANDS}'",
        "(SELECT) AS one",
    ),
    "prices": (
        "kind, voltage_level, variant, amount, unit",
        "kind, CASE WHEN k <= 5 THEN 'NS' ELSE '' END, '', k + 0.01 * (n % 1000),"
        " CASE WHEN kind LIKE '%ARBEITSPREIS' THEN 'CT_PER_KWH' WHEN kind LIKE '%SPERRUNG' THEN 'EUR_PER_ORDER' ELSE 'EUR_PER_YEAR' END",
        f"unnest(ARRAY{list(_KINDS)}) WITH ORDINALITY AS kinds (kind, k)",
    ),
}
TIMEOUT = 600  # seconds for one statement


def operators(factor: int) -> Iterator[tuple[object, ...]]:
    """So many times 939; two thirds of them in a town of their own."""
    chance = random.Random(SEED)
    number = OPERATORS * factor
    stems = [start + end for start, end in itertools.product(_STARTS.split(), _ENDS.split())]
    chance.shuffle(stems)
    towns = [form.format(stem) for form, stem in itertools.product(_TOWNS, stems)][: number * 2 // 3]
    for at in range(number):
        turn, town = divmod(at, len(towns))
        name = _NAMES[(at + turn) % len(_NAMES)].format(towns[town])
        yield (
            f"netze-{at:05}",
            name,
            f"{name} GmbH",
            REGIONS[at % len(REGIONS)],
            towns[town],
            f"{chance.randrange(10_000, 99_999)}",
            f"SNB9{at:011}",
            f"99{at:011}",
            chance.randrange(500, 400_000),
        )


async def fill(database_url: str, factor: int) -> int:
    """Fills an empty, migrated database; returns the number of entries."""
    connection = await asyncpg.connect(database_url, command_timeout=TIMEOUT)
    try:
        await connection.execute("SET jit = off")
        await connection.copy_records_to_table("dnos", records=operators(factor), columns=_COLUMNS)
        return await fill_entries(connection)
    finally:
        await connection.close()


async def fill_entries(connection: asyncpg.Connection) -> int:
    entries = 0
    for table in (*_ENTRIES, "dnos", "revisions"):
        # A migration gives up where another transaction holds a table for longer than 0.3 s.
        await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    for table, (columns, values, several) in _ENTRIES.items():
        # Triggers would take most of the time; the revisions that they write come below.
        await connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        done = await connection.execute(
            f"INSERT INTO {table} (dno_id, year, {columns}, verification_status, source_url, source_title)"
            f" SELECT d.id, year, {values}, {_STATUS}, {_SOURCE} FROM {_NUMBERED} CROSS JOIN {several}"
        )
        entries += int(done.split()[-1])
        await connection.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
        await connection.execute(
            "INSERT INTO revisions (entry_id, data_type, dno_id, year, version, kind, after)"
            f" SELECT t.id, (SELECT data_type FROM families WHERE table_name = '{table}'), t.dno_id, t.year, 1, 'CREATED',"
            f" entry_state(to_jsonb(t)) FROM {table} t WHERE t.year = {YEARS[-1]}"
        )
    return entries


async def analyse(database_url: str) -> None:
    connection = await asyncpg.connect(database_url, command_timeout=TIMEOUT)
    try:
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
