"""The words that every published figure shares: where it holds, how sure it is, where it stands."""

from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

import msgspec

FIRST_YEAR, LAST_YEAR = 2000, 2100


class VoltageLevel(StrEnum):
    """From the top of the grid to the bottom; two names are the transformation between them."""

    HOES = "HOES"
    HOES_HS = "HOES_HS"
    HS = "HS"
    HS_MS = "HS_MS"
    MS = "MS"
    MS_NS = "MS_NS"
    NS = "NS"


class DataType(StrEnum):
    NETZENTGELTE = "NETZENTGELTE"
    HLZF = "HLZF"


class VerificationStatus(StrEnum):
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    FLAGGED = "flagged"


class DnoYear(NamedTuple):
    """What one operator published for one year: the key of most records."""

    dno_id: UUID
    year: int


class Source(msgspec.Struct, frozen=True):
    """Where a figure was read."""

    url: str | None = None
    title: str | None = None


# The order in which levels are listed, whatever the database's collation says.
LEVEL_ORDER = {level: rank for rank, level in enumerate(VoltageLevel)}
