"""GraphQL types of pages of operators, after the Relay connection specification."""

from collections.abc import Sequence
from typing import Protocol

import strawberry

from app.domain import directory_pages as structs
from app.domain.dno import DirectoryEntry
from app.domain.entry import VerificationStatus, VoltageLevel
from app.domain.families import DataType
from app.domain.price import PriceKind
from schema.batch_field import batch_field, describe, field, type_for
from schema.context import Context
from schema.types.dno import Dno
from schema.types.dno_facets import DnoFacets

describe(
    structs.DnoOrder,
    "Order of a list of operators; equals are ordered by slug.",
    NAME="By name, A to Z, umlauts like their vowels.",
    SLUG="By slug, a to z.",
    CITY="By city, A to Z; unknown last.",
    REGION="By federal state, A to Z; unknown last.",
    CONNECTION_POINTS="By registered units, most first; unknown last.",
    UPDATED_AT="By the last change of the operator's own data, newest first.",
)


@strawberry.input(description="Only operators to which all of this applies.")
class DnoFilter:
    region: str | None = strawberry.field(
        default=None, description="Federal state (Bundesland), as `region` names it."
    )
    search: str | None = strawberry.field(
        default=None,
        description="All of these words begin a word of the name, the official name or the city.",
    )
    has_data_for_year: int | None = strawberry.field(
        default=None, description="Any figures of that year; holiday rules are none."
    )
    data_types: list[DataType] | None = strawberry.field(
        default=None,
        description="Entries of each of these kinds, of the year if `hasDataForYear` is given, else of any. Refused with "
        "BAD_USER_INPUT: kinds that `byDataType` does not count.",
    )
    price_kinds: list[PriceKind] | None = strawberry.field(
        default=None, description="Prices of each of these kinds, likewise."
    )
    voltage_level: VoltageLevel | None = strawberry.field(
        default=None,
        description="An entry of this level; with kinds, one of each kind that is of this level or of none.",
    )
    verification_status: VerificationStatus | None = strawberry.field(
        default=None, description="An entry with this status; with kinds or a level, one of these."
    )
    transmission: bool | None = strawberry.field(
        default=None, description="Also a transmission system operator, or not."
    )
    closed_network: bool | None = strawberry.field(
        default=None, description="Closed distribution system, or not."
    )


class PageItem(tuple[structs.Page, DirectoryEntry]):
    """One operator on a page."""

    __slots__ = ()


class Paged(Protocol):
    """A page of any list."""

    has_next: bool
    has_previous: bool

    @property
    def start_cursor(self) -> str | None: ...

    @property
    def end_cursor(self) -> str | None: ...


@type_for(object, description="Where a page lies in its list.")
class PageInfo:
    @field(description="Whether more come after this page.")
    def has_next_page(root: strawberry.Parent[Paged]) -> bool:
        return root.has_next

    @field(description="Whether some come before this page.")
    def has_previous_page(root: strawberry.Parent[Paged]) -> bool:
        return root.has_previous

    @field(description="Cursor of the first item of this page.")
    def start_cursor(root: strawberry.Parent[Paged]) -> str | None:
        return root.start_cursor

    @field(description="Cursor of the last item of this page: `after` of the next.")
    def end_cursor(root: strawberry.Parent[Paged]) -> str | None:
        return root.end_cursor


@type_for(PageItem, description="An operator and its place in the list.")
class DnoEdge:
    @field(description="`after` of a page that begins behind this operator.")
    def cursor(root: strawberry.Parent[PageItem]) -> str:
        return structs.write_cursor(root[1], root[0].order)

    @batch_field(Dno, description="The operator.", through=lambda loaders: loaders.dno_by_slug)
    async def node(edges: Sequence[PageItem], context: Context) -> Sequence[object]:
        return [entry.slug for _, entry in edges]


@type_for(structs.Page, description="A page of a list of operators.")
class DnoConnection:
    @field(description="The operators of this page, each with its cursor.")
    def edges(root: strawberry.Parent[structs.Page]) -> list[DnoEdge]:
        return [PageItem((root, entry)) for entry in root.entries]  # type: ignore[misc]

    # By slug, as `dno` does: both share cached records, and the slug needs no conversion to be part of a key.
    @batch_field(
        list[Dno], description="The operators of this page.", through=lambda loaders: loaders.dno_by_slug
    )
    async def nodes(pages: Sequence[structs.Page], context: Context) -> Sequence[object]:
        return [[entry.slug for entry in page.entries] for page in pages]

    @field(description="Where this page lies in its list.")
    def page_info(root: strawberry.Parent[structs.Page]) -> PageInfo:
        return root  # type: ignore[return-value]

    @field(description="How many operators the filter lets through, on all pages.")
    def total_count(root: strawberry.Parent[structs.Page]) -> int:
        return root.total

    @field(description="How many of them come before this page.")
    def offset(root: strawberry.Parent[structs.Page]) -> int:
        return root.before

    @field(description="How many there would be with another value of one part of the filter.")
    def facets(root: strawberry.Parent[structs.Page]) -> DnoFacets:
        return root.selection  # type: ignore[no-any-return]
