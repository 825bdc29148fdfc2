"""`/graphql/` is `/graphql`: a slash at the end of a path is ignored, without a redirect."""

from starlette.types import ASGIApp, Receive, Scope, Send


class TrailingSlash:
    """Innermost, before the router. One slash only: `//` is another path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.endswith("/") and len(path) > 1 and not path.endswith("//"):
            scope = {**scope, "path": path[:-1]}
        await self.app(scope, receive, send)
