"""The two mutations of a family: add an entry, correct an entry."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, cast
from uuid import UUID

import msgspec
import strawberry
from strawberry.types.field import StrawberryField

from app.auth.roles import require
from app.db.family_table import FamilyTable
from app.db.family_tables import TABLES
from app.domain.account import Principal, Role
from app.domain.correction import Correction, NewEntry
from app.domain.entry import Publication
from app.domain.family import Family
from schema.context import Context, Info
from schema.mutations.entry_write import WRITE, Change, EntryWrite
from schema.mutations.payload import mutation
from schema.types.node import Kind, read_id


class AddInput(Protocol):
    def new_entry(self) -> NewEntry: ...


class CorrectInput(Protocol):
    id: strawberry.ID
    expected_version: int | None
    source_url: str | None
    reason: str | None
    verify: bool | None

    def correction(self, id: UUID) -> Correction[Any]:
        """With the family's values; what all families have in common is set for all alike."""
        ...


class PublishedInput(Protocol):
    """What a correction of a family with publication has, too."""

    publication: Publication | None
    force: bool | None


@dataclass(frozen=True)
class FamilyMutations:
    """`payload` has the fields `revision`, `errors`, `warnings` and one for the entry, named by `entry`."""

    family: Family
    payload: type
    entry: str

    def add(self, input_type: type[AddInput], description: str, *, argument: str) -> StrawberryField:
        """`argument`: description of the argument `input`."""

        def prepare(principal: Principal, input: AddInput) -> Change:
            new = input.new_entry()
            return Change(None, lambda work: self._table.add(work, new))

        async def add(info: Info, input: AddInput) -> Any:
            return await self._write(info.context, prepare(info.context.principal, input))

        return self._field(add, prepare, input_type, description, argument)

    def correct(self, input_type: type[CorrectInput], description: str, *, argument: str) -> StrawberryField:
        """`argument`: description of the argument `input`."""

        def prepare(principal: Principal, input: CorrectInput) -> Change:
            if input.verify:
                require(principal, Role.ADMIN)
            _, id = read_id(input.id, Kind[self.family.id_kind], field=("input", "id"))
            correction = msgspec.structs.replace(
                input.correction(id),
                expected_version=input.expected_version,
                source_url=msgspec.UNSET if input.source_url is strawberry.UNSET else input.source_url,
                reason=input.reason,
                verify=bool(input.verify),
                **_published(cast("PublishedInput", input)) if self.family.has_publication else {},
            )
            return Change(id, lambda work: self._table.correct(work, correction))

        async def correct(info: Info, input: CorrectInput) -> Any:
            return await self._write(info.context, prepare(info.context.principal, input))

        return self._field(correct, prepare, input_type, description, argument)

    @property
    def _table(self) -> FamilyTable[Any]:
        return TABLES[self.family.name]

    async def _write(self, context: Context, change: Change) -> Any:
        entry, work = await context.write(change.run, one_entry=change.entry_id is not None)
        return self.payload(**{self.entry: entry}, revision=work.revision, warnings=work.warnings)

    def _field(
        self,
        resolver: Callable[..., Any],
        prepare: Callable[[Principal, Any], Change],
        input_type: type,
        description: str,
        argument: str,
    ) -> StrawberryField:
        """Strawberry reads the type of `input` from the resolver's annotations."""
        resolver.__annotations__["input"] = Annotated[input_type, strawberry.argument(description=argument)]
        write = EntryWrite(input_type, Role.EDITOR, description, prepare)
        return mutation(
            self.payload,
            description=description,
            role=Role.EDITOR,
            entry=self.entry,
            metadata={WRITE: write},
        )(resolver)


def _published(input: PublishedInput) -> dict[str, Any]:
    return {"publication": input.publication, "force": bool(input.force)}
