"""What was found for a question: figures, operators, and what can be offered instead."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple
from uuid import UUID

from app.domain.dno import Dno
from app.domain.entry import VoltageLevel
from app.domain.question_figures import Figures

_NO_NAMES: Final[Mapping[UUID, str]] = MappingProxyType({})


class Found(NamedTuple):
    """`used`: the tags that the answer depends on; `uncached`: a statement was run for it in any case."""

    figures: Figures
    dno: Dno | None = None
    candidates: Sequence[Dno] = ()
    names: Mapping[UUID, str] = _NO_NAMES
    years: Sequence[int] = ()
    levels: Sequence[VoltageLevel] = ()
    at: datetime | None = None
    used: Set[str] = frozenset()
    uncached: bool = False
