"""Protection of forms against requests of other sites (CSRF): a token that only a page of the same session can have.

The session cookie already counts only for requests of our own origin (app/auth/cookies.py); the token holds where a browser states no origin.
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from starlette.requests import Request

from app.auth.authenticator import has_credentials
from app.auth.cookies import SessionCookie
from app.errors import AppError, Code
from app.settings import Settings
from app.web.page_view import PageView

FIELD: Final = "token"
_PURPOSE: Final = b"form of the workbench"
_CONFIRMED: Final = (b"x-requested-with", b"form")


class OfAnotherSession(AppError):
    """The reason in German and, as `message`, in English: no role is missing."""

    code = Code.FORBIDDEN
    german = (
        "Das Formular gehört zu einer früheren Anmeldung, oder eine andere Website hat es gesendet. Geändert wurde nichts;"
        " öffnen Sie es neu."
    )

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        """`fields`: as they were sent, for a page that shows its form again."""
        self.fields = fields or {}
        super().__init__(
            "The form is of another session, or was sent by another site; open it again. Nothing was changed."
        )

    def shown_again(self, view: PageView) -> str:
        """Above the form with what was typed and a token of this session: it is sent by the person who reads it."""
        return view.text(
            "Das Formular gehört zu einer früheren Anmeldung, oder eine andere Website hat es gesendet. Geändert wurde"
            " nichts. Prüfen Sie, was darin steht, und senden Sie es noch einmal.",
            "The form is of another session, or was sent by another site. Nothing was changed. Check what it states, and"
            " send it once more.",
        )


def form_token(request: Request, settings: Settings) -> str:
    """Empty for callers with credentials in the header, which no browser sends by itself."""
    if has_credentials(request.headers):
        return ""
    session = SessionCookie(settings).read(request.headers)
    return hmac.new(session.encode(), _PURPOSE, sha256).hexdigest() if session else ""


def check_origin(request: Request, settings: Settings) -> None:
    """Before the body is read. Raises FORBIDDEN."""
    if not has_credentials(request.headers) and not SessionCookie(settings).counts(request.headers):
        raise AppError("The form was sent by another site; nothing was changed.", Code.FORBIDDEN)


def confirmed(request: Request, settings: Settings, token: str) -> Request:
    """The request for operations that write: its form is one of ours. Raises FORBIDDEN."""
    if not hmac.compare_digest(token.encode(), form_token(request, settings).encode()):
        raise OfAnotherSession
    scope = request.scope
    return Request({**scope, "headers": [*scope["headers"], _CONFIRMED]})
