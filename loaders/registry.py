"""All loaders of one operation, each created on first access."""

import asyncio
from functools import cached_property
from typing import Any, Generic, overload

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region
from app.domain.entry import DnoYear
from app.domain.families import FIGURES
from loaders import regions
from loaders.derived_prices import PricesWithDerived
from loaders.record_loader import K, RecordLoader, V


class LoaderAttribute(Generic[K, V]):
    """Descriptor that creates a loader on first access and then stores it as an instance attribute."""

    def __init__(self, region: Region[K, V]) -> None:
        self._region = region

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, loaders: None, owner: type) -> "LoaderAttribute[K, V]": ...
    @overload
    def __get__(self, loaders: "Loaders", owner: type) -> RecordLoader[K, V]: ...
    def __get__(self, loaders: "Loaders | None", owner: type) -> "RecordLoader[K, V] | LoaderAttribute[K, V]":
        if loaders is None:
            return self
        loader = loaders.loader(self._region)
        loaders.__dict__[self._name] = loader
        return loader


class Loaders:
    """The loaders of one operation. Without `memoize` each load reads the read-through cache again."""

    def __init__(self, cache: ReadThrough, read_set: ReadSet, *, memoize: bool = True) -> None:
        self._cache = cache
        self._read_set = read_set
        self._memoize = memoize

    dno_by_slug = LoaderAttribute(regions.DNO_BY_SLUG)
    dno_by_id = LoaderAttribute(regions.DNO_BY_ID)
    directory = LoaderAttribute(regions.DIRECTORY)
    aliases = LoaderAttribute(regions.ALIASES)
    tariffs_by_dno_year = LoaderAttribute(regions.TARIFFS)
    hlzf_by_dno_year = LoaderAttribute(regions.HLZF)
    time_of_use_by_dno_year = LoaderAttribute(regions.TIME_OF_USE)
    prices_by_dno_year = LoaderAttribute(regions.PRICES)
    levies = LoaderAttribute(regions.LEVIES)
    holiday_rules_by_dno = LoaderAttribute(regions.HOLIDAY_RULES_OF_DNO)
    place_generation = LoaderAttribute(regions.PLACE_GENERATION)
    places_by_postal_code = LoaderAttribute(regions.PLACES)
    years_by_dno = LoaderAttribute(regions.YEARS)
    dnos_with_data_by_year = LoaderAttribute(regions.DNOS_WITH_DATA)
    held_figures_by_year = LoaderAttribute(regions.HELD_FIGURES)
    held_years = LoaderAttribute(regions.HELD_YEARS)
    location_by_entry = LoaderAttribute(regions.ENTRY_LOCATIONS)
    history_by_entry = LoaderAttribute(regions.HISTORY)
    revision_by_id = LoaderAttribute(regions.REVISIONS)
    unusual_entries_by_dno = LoaderAttribute(regions.UNUSUAL_ENTRIES)
    unusual_figures_by_family = LoaderAttribute(regions.UNUSUAL_FIGURES)
    interpretation_by_question = LoaderAttribute(regions.QUESTIONS)
    opinion_by_question = LoaderAttribute(regions.OPINIONS)

    @cached_property
    def prices_with_derived(self) -> PricesWithDerived:
        return PricesWithDerived(self.prices_by_dno_year, self.time_of_use_by_dno_year)

    def of_family(self, name: str) -> RecordLoader[DnoYear, tuple[Any, ...]]:
        """The loader of a family's entries by operator and year, such as `tariffs_by_dno_year`."""
        loader: RecordLoader[DnoYear, tuple[Any, ...]] = getattr(self, f"{name}_by_dno_year")
        return loader

    def clear(self) -> None:
        """Drops all loaded records: later loads read as in a new operation."""
        for name in [name for name in self.__dict__ if not name.startswith("_")]:
            del self.__dict__[name]

    def loader(self, region: Region[K, V]) -> RecordLoader[K, V]:
        return RecordLoader(self._cache, region, self._read_set, memoize=self._memoize)


for _name, _region in regions.OF_FAMILY.items():
    if not hasattr(Loaders, f"{_name}_by_dno_year"):
        _attribute = LoaderAttribute(_region)
        _attribute.__set_name__(Loaders, f"{_name}_by_dno_year")
        setattr(Loaders, f"{_name}_by_dno_year", _attribute)


async def load_dno_year(cache: ReadThrough, key: DnoYear) -> None:
    """Loads all records of one operator and year, and the levies of its bills, as queries would."""
    loaders = Loaders(cache, ReadSet())
    await asyncio.gather(
        loaders.dno_by_id.load_many([key.dno_id]),
        loaders.years_by_dno.load_many([key.dno_id]),
        loaders.holiday_rules_by_dno.load_many([key.dno_id]),
        loaders.levies.load_many([None]),
        *(loaders.of_family(family.name).load_many([key]) for family in FIGURES),
    )
