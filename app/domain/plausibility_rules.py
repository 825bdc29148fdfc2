"""All rules of plausibility, for imports, mutations and reports alike."""

from collections.abc import Iterator
from typing import Any

from app.domain import hlzf, tariff, time_of_use
from app.domain.family import Family
from app.domain.plausibility import NO_REFERENCES, PlausibilityWarning, References
from app.domain.plausible_prices import price_warnings
from app.domain.plausible_tariff import tariff_warnings
from app.domain.plausible_time_of_use import bound_warnings, coverage_warnings, missing_price_warnings
from app.domain.plausible_windows import daily_hours_warnings, quarter_hour_warnings


def has_rules(family: Family) -> bool:
    return bool(family.prices) or family is hlzf.FAMILY


def plausibility_warnings(
    family: Family, entry: Any, references: References = NO_REFERENCES
) -> tuple[PlausibilityWarning, ...]:
    return tuple(_warnings(family, entry, references))


def _warnings(family: Family, entry: Any, references: References) -> Iterator[PlausibilityWarning]:
    if family is tariff.FAMILY:
        yield from tariff_warnings(entry)
    if family is time_of_use.FAMILY:
        yield from bound_warnings(entry)
    yield from price_warnings(family, entry, references)
    if family is time_of_use.FAMILY:
        yield from missing_price_warnings(entry)
        yield from coverage_warnings(entry)
    if family in (hlzf.FAMILY, time_of_use.FAMILY):
        yield from quarter_hour_warnings(entry)
    if family is hlzf.FAMILY:
        yield from daily_hours_warnings(entry)
