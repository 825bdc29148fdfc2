"""Queries, mutations and subscriptions joined into one schema."""

from collections.abc import Iterable
from functools import cache
from importlib import import_module

import strawberry
from graphql import GraphQLInputObjectType
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition

from app.domain.families import FAMILIES
from schema.mutations.api_keys import ApiKeyMutations
from schema.mutations.bulk import bulk_mutations
from schema.mutations.cache import CacheMutations
from schema.mutations.entries import EntryMutations
from schema.mutations.hlzf import HlzfMutations
from schema.mutations.holiday_rules import HolidayRuleMutations
from schema.mutations.levies import LevyMutations
from schema.mutations.prices import PriceMutations
from schema.mutations.sessions import SessionMutations
from schema.mutations.tariffs import TariffMutations
from schema.mutations.time_of_use import TimeOfUseMutations
from schema.mutations.users import UserMutations
from schema.mutations.webhooks import WebhookMutations
from schema.queries.accounts import AccountQueries
from schema.queries.bill_ranking import BillRankingQueries
from schema.queries.changes import ChangeQueries
from schema.queries.coverage import CoverageQueries
from schema.queries.dnos import DnoQueries
from schema.queries.entries import EntryQueries
from schema.queries.levies import LevyQueries
from schema.queries.natural import NaturalQueries
from schema.queries.nodes import NodeQueries
from schema.queries.own_changes import OwnChangeQueries
from schema.queries.places import PlaceQueries
from schema.queries.ranking import RankingQueries
from schema.queries.set_aside import SetAsideQueries
from schema.queries.viewer import ViewerQueries
from schema.queries.webhooks import WebhookQueries
from schema.subscriptions import Subscription
from schema.types.account import ApiKey, User
from schema.types.revision import Revision
from schema.types.scalars import SCALARS


@strawberry.type(description="Where every question begins.")
class Query(
    NodeQueries,
    DnoQueries,
    PlaceQueries,
    LevyQueries,
    RankingQueries,
    BillRankingQueries,
    CoverageQueries,
    EntryQueries,
    ChangeQueries,
    NaturalQueries,
    ViewerQueries,
    AccountQueries,
    OwnChangeQueries,
    SetAsideQueries,
    WebhookQueries,
):
    pass


@strawberry.type
class SingleMutations(
    SessionMutations,
    ApiKeyMutations,
    UserMutations,
    TariffMutations,
    HlzfMutations,
    TimeOfUseMutations,
    PriceMutations,
    HolidayRuleMutations,
    LevyMutations,
    EntryMutations,
    CacheMutations,
    WebhookMutations,
):
    pass


@strawberry.type(description="What changes something. Each answers with `errors` where it was refused.")
class Mutation(SingleMutations, bulk_mutations(SingleMutations)):  # type: ignore[misc]  # made of those
    pass


# The GraphQL type of each family, in schema/types/<module>.py.
FAMILY_TYPES = [
    getattr(import_module(f"schema.types.{family.module}"), family.graphql_type) for family in FAMILIES
]

schema = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    subscription=Subscription,
    types=[*FAMILY_TYPES, Revision, User, ApiKey],
    config=StrawberryConfig(scalar_map=SCALARS),
)


def _check_one_of(types: Iterable[object]) -> None:
    """Lets graphql-core check input objects with one field: its errors have a location and the path of the value.

    Strawberry checks them only when their fields are converted, and its errors have neither.
    """
    for type in types:
        if isinstance(type, GraphQLInputObjectType):
            definition = type.extensions.get("strawberry-definition")
            type.is_one_of = isinstance(definition, StrawberryObjectDefinition) and definition.is_one_of


_check_one_of(schema._schema.type_map.values())


@cache
def schema_text() -> str:
    """The schema as text (SDL)."""
    return f"{schema}\n"
