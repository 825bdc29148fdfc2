"""Puts the client's address into the state of each request, and the scheme that it used."""

from starlette.types import ASGIApp, Receive, Scope, Send

from app.http.client_address import Addresses
from app.http.request_state import request_state
from app.settings import Settings


class ClientAddress:
    """Sets the state's `address` and corrects the scheme."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._addresses = Addresses(settings)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer = scope["client"][0] if scope.get("client") else None
        address, scheme = self._addresses.seen(peer, scope["headers"])
        request_state(scope).address = address
        if scheme is not None:
            secure = scheme in ("https", "wss")
            names = ("http", "https") if scope["type"] == "http" else ("ws", "wss")
            scope["scheme"] = names[secure]
        await self.app(scope, receive, send)
