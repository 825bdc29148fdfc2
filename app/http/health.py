"""Addresses for the operators of the server: alive, ready, metrics."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.errors import AppError, Code
from app.http.client_address import Addresses, Networks
from app.http.content_negotiation import JSON
from app.http.request_state import request_state
from app.observability.exposition import CONTENT_TYPE, Exposition
from app.settings import Settings

NO_STORE = {"cache-control": "no-store"}


class Health:
    """Three routes; two of them answer only clients in `operations_networks`."""

    def __init__(self, settings: Settings) -> None:
        self._networks = Networks(settings.operations_networks, "OPERATIONS_NETWORKS")
        self._addresses = Addresses(settings)
        self._exposition = Exposition(deprecated_names=settings.deprecated_metrics)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self.alive, methods=["GET"]),
            Route("/readyz", self.ready, methods=["GET"]),
            Route("/metrics", self.metrics, methods=["GET"]),
        ]

    async def alive(self, request: Request) -> Response:
        """The event loop turns: that is all. A server that waits for its database must not be killed."""
        return Response(b'{"status":"up"}', headers=NO_STORE, media_type=JSON)

    async def ready(self, request: Request) -> Response:
        self._check_origin(request)
        report = await request_state(request.scope).resources.readiness.report()
        return Response(msgspec.json.encode(report), report.code, NO_STORE, media_type=JSON)

    async def metrics(self, request: Request) -> Response:
        self._check_origin(request)
        text = await self._exposition.text()
        return Response(text, headers={**NO_STORE, "content-type": CONTENT_TYPE})

    def _check_origin(self, request: Request) -> None:
        client, headers = request.scope.get("client"), request.scope["headers"]
        if self._addresses.exact(client[0] if client else None, headers) not in self._networks:
            raise AppError(
                "This page is for the operators of the server, in the networks of the setting OPERATIONS_NETWORKS.",
                Code.FORBIDDEN,
            )
