"""Coverage: how many operators have published figures, by year and region."""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import or_
from typing import NamedTuple

import msgspec

from app.domain.directory import Directory
from app.domain.entry import VerificationStatus
from app.domain.families import FIGURES
from app.domain.federal_state import canonical_region
from app.domain.held_figures import HeldInDirectory


class YearCoverage(msgspec.Struct, frozen=True, gc=False):
    year: int
    dnos: int
    tariffs: int
    hlzf: int
    time_of_use: int
    prices: int
    verified: int


class RegionCoverage(msgspec.Struct, frozen=True, gc=False):
    region: str
    dnos: int
    dnos_with_data: int


class RegionYearCoverage(msgspec.Struct, frozen=True, gc=False):
    """Operators with entries. `region`: None for those without one. `data_type`: as families name it; None for any figures."""

    region: str | None
    year: int
    data_type: str | None
    dnos: int


class Coverage(msgspec.Struct, frozen=True, gc=False):
    total_dnos: int
    total_entries: int
    verified_entries: int
    by_year: tuple[YearCoverage, ...]
    by_region: tuple[RegionCoverage, ...]


class EntryCount(NamedTuple):
    year: int
    data_type: str
    verification_status: VerificationStatus
    entries: int


Held = Mapping[int, HeldInDirectory]  # by year, newest first


def coverage_of(directory: Directory, held: Held, of_deleted: Iterable[EntryCount]) -> Coverage:
    """`of_deleted`: the entries of the operators that `held` has and the directory has not."""
    deleted = list(of_deleted)
    counts = {
        year: _counts(of_year, [each for each in deleted if each.year == year])
        for year, of_year in held.items()
        if of_year.operators
    }
    having = reduce(or_, (of_year.operators for of_year in held.values()), 0)
    return Coverage(
        total_dnos=len(directory.entries),
        total_entries=sum(sum(each.by_family.values()) for each in counts.values()),
        verified_entries=sum(each.verified for each in counts.values()),
        by_year=tuple(_year_coverage(year, held[year], each) for year, each in counts.items()),
        by_region=tuple(
            RegionCoverage(region, operators.bit_count(), (operators & having).bit_count())
            for region, operators in sorted(_regions(directory).items())
        ),
    )


def coverage_of_regions(directory: Directory, held: Held) -> tuple[RegionYearCoverage, ...]:
    """Without regions, years and families that have none; of each region any figures first."""
    regions: list[tuple[str | None, int]] = [*sorted(_regions(directory).items())]
    elsewhere = directory.all_operators & ~reduce(or_, (operators for _, operators in regions), 0)
    rows = [
        RegionYearCoverage(region, year, data_type, dnos)
        for year, of_year in held.items()
        for region, operators in (*regions, (None, elsewhere))
        for data_type, having in _by_data_type(of_year).items()
        if (dnos := (operators & having).bit_count())
    ]
    return tuple(rows)


class _Counts(NamedTuple):
    """Entries of a year."""

    by_family: dict[str, int]
    verified: int


def _counts(held: HeldInDirectory, deleted: Iterable[EntryCount]) -> _Counts:
    entries = dict.fromkeys((family.data_type for family in FIGURES), 0)
    verified = 0
    counted = [
        *(
            (each.figures.data_type, each.figures.verification_status, each.figures.entries)
            for each in held.figures
        ),
        *((each.data_type, each.verification_status, -each.entries) for each in deleted),
    ]
    for data_type, status, count in counted:
        entries[data_type] += count
        verified += count if status is VerificationStatus.VERIFIED else 0
    return _Counts({family.name: entries[family.data_type] for family in FIGURES}, verified)


def _year_coverage(year: int, held: HeldInDirectory, counts: _Counts) -> YearCoverage:
    # A family that was added later has no field of its own.
    by_family = {
        name: count for name, count in counts.by_family.items() if name in YearCoverage.__struct_fields__
    }
    return YearCoverage(year=year, dnos=held.operators.bit_count(), verified=counts.verified, **by_family)


def _by_data_type(held: HeldInDirectory) -> dict[str | None, int]:
    """The operators with any figures, under None, and with those of each family."""
    found: dict[str | None, int] = {None: held.operators}
    for data_type in sorted({each.figures.data_type for each in held.figures}):
        of_family = (each.operators for each in held.figures if each.figures.data_type == data_type)
        found[data_type] = reduce(or_, of_family, 0)
    return found


def _regions(directory: Directory) -> dict[str, int]:
    """The operators of each region by its official name, in whatever spelling it is stored."""
    found: dict[str, int] = {}
    for region, operators in directory.masks.regions.items():
        name = canonical_region(region)
        found[name] = found.get(name, 0) | operators
    return found
