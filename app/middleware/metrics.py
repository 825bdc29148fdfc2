"""Counts and times every request, by route."""

from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.http.response_start import on_response_start
from app.observability import metrics
from app.observability.counting import Count, Counts, LocalGauge, Timings

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
UNKNOWN = "unknown"  # arbitrary values of clients must not become labels

requests = Counts(metrics.HTTP_REQUESTS)
in_flight = LocalGauge(metrics.HTTP_IN_FLIGHT)
_timings: dict[str, Timings] = {}
# By method, route and status.
_meters: dict[tuple[str, str, int], tuple[Count, Timings]] = {}


class Metrics:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # A client that disconnects before the response counts as 499, as in nginx.
        status = 499

        def begin(message: Message) -> None:
            nonlocal status
            status = message["status"]

        on_response_start(scope, begin)
        in_flight.value += 1
        began = perf_counter()
        try:
            await self.app(scope, receive, send)
        except BaseException:
            status = 500 if status == 499 else status
            raise
        finally:
            in_flight.value -= 1
            note(scope["method"], _route(scope), status, perf_counter() - began)


def note(method: str, route: str, status: int, seconds: float) -> None:
    """Also for the fast path, which passes no middleware."""
    key = method if method in METHODS else UNKNOWN, route, status
    meters = _meters.get(key)
    if meters is None:
        meters = _meters[key] = _meters_of(*key)
    count, timings = meters
    count.value += 1
    timings.observe(seconds)


def _meters_of(method: str, route: str, status: int) -> tuple[Count, Timings]:
    timings = _timings.get(route)
    if timings is None:
        timings = _timings[route] = Timings(metrics.HTTP_SECONDS, route)
    return requests[method, route, str(status)], timings


def _route(scope: Scope) -> str:
    path: str = getattr(scope.get("route"), "path", UNKNOWN)
    return path
