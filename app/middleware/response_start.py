"""Begins the state of a request, and runs its hooks when its response starts."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.request_state import begin_request

RESPONSE_STARTS = frozenset(
    ("http.response.start", "websocket.accept", "websocket.close", "websocket.http.response.start")
)


class ResponseStartHooks:
    """Outermost. A `send` of its own for each middleware would cost every message a walk through all of them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hooks = begin_request(scope["state"]).hooks

        async def send_with_hooks(message: Message) -> None:
            if message["type"] in RESPONSE_STARTS:
                for hook in hooks:
                    hook(message)
            await send(message)

        try:
            await self.app(scope, receive, send_with_hooks)
        finally:
            # They hold the scope that holds them: a reference cycle, which is broken here.
            hooks.clear()
