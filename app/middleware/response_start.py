"""Runs the hooks of a request when its response starts."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.response_start import Hook

RESPONSE_STARTS = frozenset(
    ("http.response.start", "websocket.accept", "websocket.close", "websocket.http.response.start")
)


class ResponseStartHooks:
    """Outermost. A `send` of its own for each middleware would cost every message a walk through all of them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        hooks: list[Hook] = []
        scope.setdefault("state", {})["response_start_hooks"] = hooks

        async def send_with_hooks(message: Message) -> None:
            if message["type"] in RESPONSE_STARTS:
                for hook in hooks:
                    hook(message)
            await send(message)

        try:
            await self.app(scope, receive, send_with_hooks)
        finally:
            # They hold the scope that holds them: let it go now, not when the garbage collector comes by.
            hooks.clear()
