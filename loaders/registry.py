"""Everything that one operation can load, as one readable list."""

from functools import cached_property
from uuid import UUID

from app.cache.read_set import ReadSet
from app.cache.read_through import ReadThrough
from app.cache.region import Region
from app.domain.coverage import Coverage
from app.domain.dno import Alias, DirectoryEntry, Dno
from app.domain.entry import DnoYear, Place
from app.domain.hlzf import Hlzf
from app.domain.question import Interpretation
from app.domain.revision import Revision
from app.domain.tariff import Tariff
from app.domain.time_of_use import TimeOfUseTariff
from loaders import regions
from loaders.opinions import Doubt
from loaders.questions import Question
from loaders.region_loader import K, RegionLoader, V


class Loaders:
    """One operation's loaders. `remember=False` for subscriptions, where each event reads anew."""

    def __init__(self, cache: ReadThrough, read_set: ReadSet, *, remember: bool = True) -> None:
        self._cache = cache
        self._read_set = read_set
        self._remember = remember

    @cached_property
    def dno_by_slug(self) -> RegionLoader[str, Dno]:
        return self._loader(regions.DNO_BY_SLUG)

    @cached_property
    def dno_by_id(self) -> RegionLoader[UUID, Dno]:
        return self._loader(regions.DNO_BY_ID)

    @cached_property
    def directory(self) -> RegionLoader[None, tuple[DirectoryEntry, ...]]:
        return self._loader(regions.DIRECTORY)

    @cached_property
    def aliases(self) -> RegionLoader[None, tuple[Alias, ...]]:
        return self._loader(regions.ALIASES)

    @cached_property
    def tariffs_by_dno_year(self) -> RegionLoader[DnoYear, tuple[Tariff, ...]]:
        return self._loader(regions.TARIFFS)

    @cached_property
    def hlzf_by_dno_year(self) -> RegionLoader[DnoYear, tuple[Hlzf, ...]]:
        return self._loader(regions.HLZF)

    @cached_property
    def time_of_use_by_dno_year(self) -> RegionLoader[DnoYear, tuple[TimeOfUseTariff, ...]]:
        return self._loader(regions.TIME_OF_USE)

    @cached_property
    def years_by_dno(self) -> RegionLoader[UUID, tuple[int, ...]]:
        return self._loader(regions.YEARS)

    @cached_property
    def dnos_with_data_by_year(self) -> RegionLoader[int, frozenset[UUID]]:
        return self._loader(regions.DNOS_WITH_DATA)

    @cached_property
    def place_by_entry(self) -> RegionLoader[UUID, Place]:
        return self._loader(regions.PLACES)

    @cached_property
    def history_by_entry(self) -> RegionLoader[UUID, tuple[Revision, ...]]:
        return self._loader(regions.HISTORY)

    @cached_property
    def revision_by_id(self) -> RegionLoader[UUID, Revision]:
        return self._loader(regions.REVISIONS)

    @cached_property
    def coverage(self) -> RegionLoader[None, Coverage]:
        return self._loader(regions.COVERAGE)

    @cached_property
    def interpretation_by_question(self) -> RegionLoader[Question, Interpretation]:
        return self._loader(regions.QUESTIONS)

    @cached_property
    def opinion_by_doubt(self) -> RegionLoader[Doubt, Interpretation]:
        return self._loader(regions.OPINIONS)

    def clear(self) -> None:
        """Forgets all that was loaded: what comes next is read as if by a new operation."""
        for name in [name for name in self.__dict__ if not name.startswith("_")]:
            del self.__dict__[name]

    def _loader(self, region: Region[K, V]) -> RegionLoader[K, V]:
        return RegionLoader(self._cache, region, self._read_set, remember=self._remember)
