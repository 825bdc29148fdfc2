"""Subscriptions."""

from typing import Annotated
from uuid import UUID

import strawberry

from app.broadcast import Filter, Subscriber
from app.domain.event import Topic
from app.domain.families import LEVY, DataType
from app.errors import BadInput, quoted
from schema.context import Context, Info
from schema.types.data_change import TOPICS, DataChange, LevyChange


@strawberry.type(description="What is told as it happens.")
class Subscription:
    @strawberry.subscription(  # type: ignore[untyped-decorator]
        graphql_type=DataChange,
        description="Every committed change of an operator's entry of any data type, by any writer: once, and in order for each "
        "entry. Changes of levies, which have no operator, come by `levyChanged`.",
    )
    async def data_changed(
        self,
        info: Info,
        dno: Annotated[str | None, strawberry.argument(description="Only this operator's; its slug.")] = None,
        data_type: Annotated[DataType | None, strawberry.argument(description="Only of this type.")] = None,
    ) -> Subscriber:
        if data_type is LEVY:
            raise BadInput(
                "Levies have no operator; their changes come by `levyChanged`.", argument="dataType"
            )
        topics = TOPICS.values() if data_type is None else [TOPICS[data_type]]
        dno_id = None if dno is None else await _dno_id(info.context, dno)
        return info.context.resources.broadcast.subscribe(Filter(frozenset(topics), dno_id))

    @strawberry.subscription(  # type: ignore[untyped-decorator]
        graphql_type=LevyChange,
        description="Every committed change of a levy, by any writer: once, and in order for each levy.",
    )
    async def levy_changed(self, info: Info) -> Subscriber:
        return info.context.resources.broadcast.subscribe(Filter(frozenset([Topic["LEVIES"]])))


async def _dno_id(context: Context, slug: str) -> UUID:
    (found,) = await context.loaders.dno_by_slug.load_many([slug])
    if found is None:
        raise BadInput(f"There is no operator with the slug {quoted(slug)}.", argument="dno")
    return found.id
