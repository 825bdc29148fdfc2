"""graphql-core's executor without its reference cycle, which keeps each executed document until a garbage collection."""

from collections.abc import Awaitable, Sequence
from typing import Any
from weakref import ref

from graphql.pyutils import gather_with_cancel
from graphql.type.definition import GraphQLResolveInfoHelpers
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class AcyclicExecutor(StrawberryGraphQLCoreExecutionContext):
    """The library stores two of the executor's bound methods on the executor; here they refer to it weakly."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        executor = ref(self)

        def track(values: Sequence[Any]) -> None:
            executing = executor()
            if executing is not None:
                executing.track_async_work(values)

        self.async_helpers = GraphQLResolveInfoHelpers(gather=_gather, track=track)


def _gather(values: Sequence[Awaitable[Any]]) -> Awaitable[list[Any]]:
    return gather_with_cancel(*values)
