"""Coverage: how many operators have published figures, by year and region."""

import msgspec


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
