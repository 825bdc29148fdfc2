"""CORS: which other origins may read responses."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.settings import Settings

EXPOSED = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id")
ALLOWED = (
    "Authorization",
    "Content-Type",
    "If-None-Match",
    "X-Request-Id",
    "X-Requested-With",
    "Apollo-Require-Preflight",
)


def cors(app: ASGIApp, settings: Settings) -> ASGIApp:
    """Listed origins may send cookies; `*` in the list lets every origin read, but without cookies."""
    origins = settings.allowed_origins
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=ALLOWED,
        allow_credentials="*" not in origins,
        expose_headers=EXPOSED,
        max_age=7200,
    )
