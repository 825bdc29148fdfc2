"""Synthetic data: 939 operators, five years, five voltage levels; the same on every machine."""

import csv
import io
import random
from collections.abc import Iterable, Iterator, Mapping

from app.importers.load import File, Kind, import_files
from app.importers.registry import LAYOUT

OPERATORS, YEARS = 939, (2022, 2023, 2024, 2025, 2026)
LEVELS = ("HS", "HS_MS", "MS", "MS_NS", "NS")
REGIONS = ("Bayern", "Baden-Württemberg", "Hessen", "Niedersachsen", "Nordrhein-Westfalen", "Thüringen")
SLUGS = [f"stadtwerke-{number:03}" for number in range(OPERATORS)]
PLACE = ("dno_slug", "year", "voltage_level")
ORIGIN = ("verification_status", "source_url", "source_title")
PRICES = ("leistung", "arbeit", "leistung_unter_2500h", "arbeit_unter_2500h")
SEED = 939

Row = Mapping[str, object]


async def load(database_url: str) -> str:
    """Fills an empty, migrated database and returns a description of the data."""
    parts = {
        Kind.REGISTRY: (LAYOUT.names, _operators()),
        Kind.TARIFFS: ((*PLACE, *PRICES, *ORIGIN), _tariffs()),
        Kind.HLZF: ((*PLACE, "season", "start", "end", *ORIGIN), _windows()),
    }
    entries = {}
    for kind, (columns, rows) in parts.items():
        file = File(f"{kind}.csv", io.BytesIO(as_csv(columns, rows)))
        entries[kind] = (await import_files(database_url, kind, [file])).inserted
    return ", ".join(f"{entries[kind]:,} {name}" for kind, name in zip(parts, _NAMES, strict=True))


_NAMES = ("operators", "tariffs", "seasons with peak-load windows")


def as_csv(columns: Iterable[str], rows: Iterable[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def operator(slug: str, name: str, **facts: object) -> Row:
    return {"slug": slug, "name": name, "closed_network": "false", "transmission": "false", **facts}


def _operators() -> Iterator[Row]:
    chance = random.Random(SEED)
    for number, slug in enumerate(SLUGS):
        yield operator(
            slug,
            f"Stadtwerke Nürnförde {number:03}",
            region=chance.choice(REGIONS),
            connection_points_ns=chance.randrange(500, 400_000),
        )


def _tariffs() -> Iterator[Row]:
    chance = random.Random(SEED + 1)
    for slug, year in _places():
        status = chance.choices(("verified", "unverified", "flagged"), (6, 3, 1))[0]
        for level in LEVELS:
            prices = {name: f"{chance.randrange(1, 2_000_000) / 10_000:.4f}" for name in PRICES}
            yield {**_entry(slug, year, level, status), **prices}


def _windows() -> Iterator[Row]:
    """Medium voltage, in winter and in autumn, one in the morning and one in the evening."""
    chance = random.Random(SEED + 2)
    for slug, year in _places():
        for season in ("WINTER", "AUTUMN"):
            for earliest in (28, 64):
                start = earliest + chance.randrange(6)
                times = {"start": _clock(start), "end": _clock(start + chance.randrange(6, 20))}
                yield {**_entry(slug, year, "MS", "verified"), "season": season, **times}


def _places() -> Iterator[tuple[str, int]]:
    return ((slug, year) for slug in SLUGS for year in YEARS)


def _entry(slug: str, year: int, level: str, status: str) -> dict[str, object]:
    return {
        "dno_slug": slug,
        "year": year,
        "voltage_level": level,
        "verification_status": status,
        "source_url": f"https://example.org/{slug}/preisblatt-{year}.pdf",
        "source_title": f"Preisblatt {year}",
    }


def _clock(quarters: int) -> str:
    return f"{quarters // 4:02}:{quarters % 4 * 15:02}"
