"""What the pages of the workbench share: who may open them, the fields of a form that was sent, and pages that are stored nowhere."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.roles import require
from app.domain.account import Role
from app.domain.clock import GERMANY
from app.errors import AppError, BadInput, Code, DeadlineExceeded, Unauthenticated, quoted
from app.http.request_state import header, request_state
from app.settings import Settings
from app.web.language import language_of, split_path
from app.web.page_view import PageView
from app.web.policy import PAGE_POLICY
from app.web.rendering import render
from app.web.sign_in_address import sign_in_address
from schema.http.pages.form_page import FormError
from schema.http.rest_operations import Map
from schema.http.work.form_token import FIELD, OfAnotherSession, check_origin, confirmed
from schema.types.scalars import read_datetime

Endpoint = Callable[[Request], Awaitable[Response]]

MAX_FIELDS: Final = 800
_FORM: Final = b"application/x-www-form-urlencoded"
_STORED_NOWHERE: Final = {"cache-control": "no-store"}


class _SignedOut(Unauthenticated):
    """For a form that arrived without a session: it has ended, or does not count for a form of another site.

    The reason in German and English, for people; `message` is for programs.
    """

    german = (
        "Das Formular kam ohne Anmeldung an; geändert wurde nichts. Melden Sie sich in einem neuen Fenster an und laden Sie"
        " dann diese Seite neu."
    )
    english = "The form arrived without a sign-in; nothing was changed. Sign in in a new window, and then reload this page."


def signed_in(endpoint: Endpoint, role: Role = Role.EDITOR) -> Endpoint:
    """For callers with this role. Others get an error, and those who are not signed in the form for it."""

    async def respond(request: Request) -> Response:
        principal = request_state(request.scope).principal
        if principal.anonymous and request.method in ("GET", "HEAD"):
            return redirect(sign_in_address(request.scope))
        try:
            require(principal, role)
        except Unauthenticated as error:
            raise _SignedOut(error.message) from None
        return await endpoint(request)

    return respond


def view_of(request: Request, parameters: Collection[str] = ()) -> PageView:
    """Raises BadInput for an unknown parameter, or one that is given several times."""
    scope = request.scope
    given = [(name, value) for name, value in request.query_params.multi_items() if value.strip()]
    _check_names([name for name, _ in given], parameters, "parameter")
    return PageView(language_of(scope), *split_path(scope["path"]), given)


async def sent_form(
    request: Request, settings: Settings, names: Collection[str], *, restores: bool = False
) -> tuple[dict[str, str], Request]:
    """The fields of a form that one of our own pages sent, and the request for operations that write.

    Raises FORBIDDEN for a form of another site, OfAnotherSession for one with the token of another session, BadInput for fields
    that the form does not have. `restores`: the page catches OfAnotherSession, which then has the fields.
    """
    check_origin(request, settings)
    pairs = await _read_pairs(request, settings)
    _check_names([name for name, _ in pairs], {*names, FIELD}, "field")
    fields = dict(pairs)
    token = fields.pop(FIELD, "")
    try:
        return fields, confirmed(request, settings, token)
    except OfAnotherSession:
        raise OfAnotherSession(fields if restores else None) from None


def page(view: PageView, template: str, status: int = 200, **values: Any) -> Response:
    """Never stored: it has what only its reader may see."""
    headers = {
        **_STORED_NOWHERE,
        "content-security-policy": PAGE_POLICY,
        "content-language": view.language,
    }
    return Response(render(template, view, **values), status, headers, media_type="text/html")


def redirect(address: str, cookies: Sequence[str] = ()) -> Response:
    """After a form was sent: reloading the next page sends nothing again."""
    response = RedirectResponse(address, 303, _STORED_NOWHERE)
    for cookie in cookies:
        response.headers.append("set-cookie", cookie)
    return response


def whole_number(text: str, digits: int) -> int | None:
    """Of a field or parameter that has at most so many digits; None for any other text."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def digest(shown: Any) -> str:
    """Of what a page has shown, so that just that is written, and only once."""
    return sha256(msgspec.json.encode(shown)).hexdigest()


def moment_of(day: str, at: time, argument: str) -> str:
    """This time of a day that was typed, in Germany, as a variable. Raises FormError."""
    try:
        read = date.fromisoformat(day)
        if read.isoformat() != day:  # "20271231", "2027-W52-5"
            raise ValueError(day)
        moment = datetime.combine(read, at, GERMANY).isoformat()
        read_datetime(moment)  # date fields of browsers take the year 20 as well
    except ValueError:
        raise FormError(
            "Ein Datum wird wie 2027-12-31 geschrieben und liegt zwischen 1900 und 2200.",
            "A date is written like 2027-12-31, and lies between 1900 and 2200.",
            argument,
        ) from None
    return moment


def status_of(errors: Sequence[Map]) -> int:
    """Of a page with the errors of a mutation."""
    codes = {error["code"] for error in errors}
    if "CONFLICT" in codes:
        return 409
    if "UNAVAILABLE" in codes:
        return 503
    return 403 if codes & {"FORBIDDEN", "UNAUTHENTICATED"} else 429 if "RATE_LIMITED" in codes else 400


def _check_names(given: Sequence[str], known: Collection[str], noun: str) -> None:
    for name, times in Counter(given).items():
        if name not in known:
            raise BadInput(f"There is no {noun} {quoted(name[:80])} here.", argument=name[:80])
        if times > 1:
            raise BadInput(f"The {noun} {name} is given several times.", argument=name)


async def _read_pairs(request: Request, settings: Settings) -> list[tuple[str, str]]:
    kind = (header(request.scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != _FORM:
        raise AppError(f"The form is sent as {_FORM.decode()}.", Code.UNSUPPORTED_MEDIA_TYPE)
    try:
        async with asyncio.timeout(settings.read_timeout):
            body = await request.body()
    except TimeoutError:
        raise DeadlineExceeded("The form took too long to arrive; nothing was changed.") from None
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise BadInput(f"The form cannot be read: it has at most {MAX_FIELDS} fields, in UTF-8.") from None
