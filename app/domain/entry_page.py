"""A page of the entries of all families, and the position at which the next one begins."""

from typing import Final, NamedTuple
from uuid import UUID

import msgspec

from app.domain.entry import Publication, VerificationStatus, VoltageLevel
from app.domain.families import FAMILIES, OF_DATA_TYPE, DataType
from app.domain.family import Family
from app.domain.page_cursor import write_position

# In the place of the slug of families without operators: behind all slugs, which consist of a-z, 0-9 and "-".
NO_SLUG: Final = "~"
_PLACES: Final = {DataType[family.data_type]: place for place, family in enumerate(FAMILIES)}


class EntryFilter(msgspec.Struct, frozen=True):
    """Only entries to which all of this applies; None: all."""

    dno: str | None = None  # slug
    data_type: DataType | None = None
    year: int | None = None
    voltage_level: VoltageLevel | None = None
    verification_status: VerificationStatus | None = None
    publication: Publication | None = None
    implausible: bool | None = None

    def may_have(self, family: Family) -> bool:
        """Whether entries of this family can pass."""
        return (
            (self.data_type is None or OF_DATA_TYPE[self.data_type] is family)
            and (self.voltage_level is None or has_level(family))
            and (self.publication is None or family.has_publication)
            and (self.dno is None or family.of_operators)
        )

    def passes(self, entry: "UnusualEntry") -> bool:
        """Of an entry of the operator `dno`."""
        return (
            self.data_type in (None, entry.data_type)
            and self.year in (None, entry.year)
            and self.voltage_level in (None, entry.voltage_level)
            and self.verification_status in (None, entry.verification_status)
            and self.publication in (None, entry.publication)
        )


def has_level(family: Family) -> bool:
    return any(key.name == "voltage_level" for key in family.key)


class UnusualEntry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stored entry with unusual values, and by what lists of entries are filtered."""

    id: UUID
    dno_id: UUID
    data_type: DataType
    year: int
    voltage_level: VoltageLevel | None
    verification_status: VerificationStatus
    publication: Publication | None


class EntryPosition(NamedTuple):
    """The order of entries: by operator's slug, year, family and id. Those of the whole country are the last."""

    slug: str
    year: int
    family: int  # its place in FAMILIES
    id: UUID

    @staticmethod
    def of(slug: str, entry: UnusualEntry) -> "EntryPosition":
        return EntryPosition(slug, entry.year, _PLACES[entry.data_type], entry.id)


class EntryKey(NamedTuple):
    """Where an entry is stored: in the record of its family, operator and year."""

    family: Family
    dno_id: UUID  # WHOLE_COUNTRY for families without operators
    year: int
    id: UUID


class ListedEntry(NamedTuple):
    position: EntryPosition
    dno_id: UUID

    @property
    def family(self) -> Family:
        return FAMILIES[self.position.family]

    @property
    def key(self) -> EntryKey:
        return EntryKey(self.family, self.dno_id, self.position.year, self.position.id)


class EntryPage(msgspec.Struct, frozen=True):
    entries: tuple[ListedEntry, ...]
    has_next: bool
    has_previous: bool
    filter: EntryFilter

    @property
    def start_cursor(self) -> str | None:
        return write_position(self.entries[0].position) if self.entries else None

    @property
    def end_cursor(self) -> str | None:
        return write_position(self.entries[-1].position) if self.entries else None
