"""A write of one entry: what a mutation does, alone or as one of several in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.db.unit_of_work import UnitOfWork
from app.domain.account import Principal, Role

# Key of the EntryWrite in the metadata of a mutation's field.
WRITE: Final = "write"


class Change(NamedTuple):
    """`run` returns the entry as it is then; None: it is deleted. `entry_id`: None for a new entry."""

    entry_id: UUID | None
    run: Callable[[UnitOfWork], Awaitable[Any]]


@dataclass(frozen=True, eq=False)
class EntryWrite:
    """`prepare` reads the input, and checks what depends on the caller; it raises AppErrors with paths that begin with `input`."""

    input_type: type
    role: Role
    description: str
    prepare: Callable[[Principal, Any], Change]
