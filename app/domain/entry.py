"""Terms that all published figures share: voltage level, verification status, key and source.

Structs of the domain are frozen and hold only values, so they cannot be part of a reference cycle: `gc=False`
exempts cached ones from cyclic garbage collection.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

FIRST_YEAR, LAST_YEAR = 2000, 2100

# Stands in the place of the operator where figures hold for the whole country; no operator has this id.
WHOLE_COUNTRY = UUID(int=0)


class VoltageLevel(StrEnum):
    """From the top of the grid to the bottom; two names are the transformation between them."""

    HOES = "HOES"
    HOES_HS = "HOES_HS"
    HS = "HS"
    HS_MS = "HS_MS"
    MS = "MS"
    MS_NS = "MS_NS"
    NS = "NS"


class VerificationStatus(StrEnum):
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    FLAGGED = "flagged"


class Publication(StrEnum):
    """Whether the operator may still change the figures: price sheets come out as preliminary ones first. FINAL also where
    a source does not say.
    """

    PRELIMINARY = "PRELIMINARY"
    FINAL = "FINAL"


class DnoYear(NamedTuple):
    """What one operator published for one year: the key of most records."""

    dno_id: UUID
    year: int

    @staticmethod
    def columns(keys: "Sequence[DnoYear]") -> tuple[list[UUID], list[int]]:
        """Many keys as two columns, for a statement that joins them."""
        return [dno_id for dno_id, _ in keys], [year for _, year in keys]


class EntryLocation(msgspec.Struct, frozen=True, gc=False):
    """The record that holds an entry: its family's name, its operator and its year."""

    family: str
    dno_id: UUID
    year: int


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where a figure was published."""

    url: str | None = None
    title: str | None = None


# The order in which levels are listed, independent of the database's collation.
LEVEL_ORDER = {level: rank for rank, level in enumerate(VoltageLevel)}
