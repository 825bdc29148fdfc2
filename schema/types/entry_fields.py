"""Fields of an entry, whatever its family: id, operator, source, version, history."""

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from app.domain import tags
from app.domain.entry import DnoYear
from app.domain.entry import Source as SourceStruct
from app.domain.family import Family
from app.domain.revision import Revision as RevisionStruct
from schema.batch_field import batch_field, field
from schema.context import Context
from schema.types.entry import Source
from schema.types.node import Kind, id_field
from schema.types.pagination import page_size
from schema.types.revision import Revision

if TYPE_CHECKING:
    from schema.types.dno import Dno


def entry_id(kind: Kind) -> Any:
    return id_field(kind, "Stays the same for the life of the entry; opaque.")


def dno(description: str) -> Any:
    @batch_field(
        Annotated["Dno", strawberry.lazy("schema.types.dno")],
        description=description,
        through=lambda loaders: loaders.dno_by_id,
        reads=lambda entry: (tags.operator(entry.dno_id),),
    )
    async def dno(entries: Sequence[Any], context: Context) -> Sequence[object]:
        return [entry.dno_id for entry in entries]

    return dno


def source(description: str) -> Any:
    @field(description=description)
    def source(root: strawberry.Parent[Any]) -> Source | None:
        if root.source_url is None and root.source_title is None:
            return None
        return SourceStruct(root.source_url, root.source_title)  # type: ignore[return-value]

    return source


def version() -> Any:
    return strawberry.field(description="Rises by one with every change.")


def updated_at() -> Any:
    return strawberry.field(description="When it changed last.")


def publication() -> Any:
    return strawberry.field(description="Whether the operator published it as preliminary or as final.")


def previous_year(family: Family, description: str) -> Any:
    """The entry with the same operator and key in the year before."""
    loader = attrgetter(f"{family.name}_by_dno_year")
    key = [column.name for column in family.key]
    entry_type: Any = Annotated[family.graphql_type, strawberry.lazy(f"schema.types.{family.module}")]

    @batch_field(
        entry_type | None,
        description=description,
        reads=lambda entry: (family.tag(_year_before(entry)),),
    )
    async def previous_year(entries: Sequence[Any], context: Context) -> Sequence[Any]:
        found = await loader(context.loaders).load_many(map(_year_before, entries))
        return [
            next((other for other in others or () if _is_previous(family, other, entry, key)), None)
            for entry, others in zip(entries, found, strict=True)
        ]

    return previous_year


def _year_before(entry: Any) -> DnoYear:
    return DnoYear(entry.dno_id, entry.year - 1)


def _is_previous(family: Family, other: Any, entry: Any, key: Sequence[str]) -> bool:
    return other.year != family.without_year and all(
        getattr(other, name) == getattr(entry, name) for name in key
    )


def history() -> Any:
    @batch_field(
        list[Revision],
        description="Its changes, newest first.",
        reads=lambda entry, **_: (tags.history(entry.id),),
    )
    async def history(
        entries: Sequence[Any],
        context: Context,
        first: Annotated[int | None, strawberry.argument(description="How many at most, 1 to 100.")] = 20,
    ) -> Sequence[Sequence[RevisionStruct]]:
        first = page_size(first, 20)
        found = await context.loaders.history_by_entry.load_many([entry.id for entry in entries])
        return [(revisions or ())[:first] for revisions in found]

    return history
