"""Errors as pages, for browsers."""

from collections.abc import Mapping
from difflib import get_close_matches
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, Response
from starlette.types import Scope

from app.error_table import ERRORS
from app.errors import AppError
from app.http.request_state import request_state
from app.web.error_texts import ADVICE, TITLES
from app.web.language import language_of, split_path
from app.web.page_view import PageView
from app.web.policy import PAGE_POLICY
from app.web.rendering import render
from app.web.sign_in_address import sign_in_address

_PATHS: Final = (
    *("/", "/operators", "/compare", "/ranking", "/my-operator", "/coverage", "/changes", "/docs"),
    *("/graphql", "/schema.graphql"),
)
# Beginnings of addresses that exist without the prefix of a language only.
_OF_NO_LANGUAGE: Final = (
    *("/api/", "/export/", "/dnos/", "/assets/", "/operators.", "/ranking."),
    *("/graphql", "/schema.graphql", "/healthz", "/readyz", "/metrics"),
)
MAX_PATH_LENGTH: Final = 200  # of an address that similar ones are searched for


def error_page(scope: Scope, error: AppError, headers: Mapping[str, str]) -> Response:
    status = ERRORS[error.code].status
    view = PageView(language_of(scope), *split_path(scope["path"]))
    body = render(
        "error",
        view,
        in_both_languages=not view.path.startswith(_OF_NO_LANGUAGE),
        status=status,
        error=error,
        titles=TITLES,
        advice=ADVICE,
        near=error.details.get("near", ()),
        similar=_similar_paths(scope) if status is HTTPStatus.NOT_FOUND else (),
        retry_after=headers.get("retry-after"),
        allowed=headers.get("Allow"),
        sign_in=sign_in_address(scope),
        sent=scope["method"] not in ("GET", "HEAD"),
        request_id=request_state(scope).request_id,
    )
    return HTMLResponse(body, status, {**headers, "content-security-policy": PAGE_POLICY})


def _similar_paths(scope: Scope) -> list[str]:
    path = split_path(scope["path"]).path
    return get_close_matches(path.lower(), _PATHS, n=1, cutoff=0.7) if len(path) <= MAX_PATH_LENGTH else []
