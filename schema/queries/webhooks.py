"""The query for the caller's subscriptions of webhooks."""

from collections.abc import Sequence

import strawberry

from app.auth.roles import require
from app.db.webhooks import Owner, fetch_owned
from app.domain import webhook as structs
from app.domain.account import Role
from schema.batch_field import length, root_field
from schema.context import Context
from schema.types.webhook import WebhookSubscription


@strawberry.type
class WebhookQueries:
    @root_field(
        list[WebhookSubscription],
        description="The subscriptions of webhooks of the API key that is sent; of those that a signed-in user created; all, for an"
        " ADMIN who is signed in. The newest first.",
        metadata=length(10),
    )
    async def webhook_subscriptions(context: Context) -> Sequence[structs.WebhookSubscription]:
        context.read_set.never_keep("webhooks")
        principal = await context.current_principal()
        require(principal, Role.VIEWER)
        return await fetch_owned(context.resources.pool, Owner.of(principal))
