"""/work/sign-in and /work/sign-out: forms that run the mutations `signIn` and `signOut`."""

import re
from math import ceil
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.http.request_state import request_state
from app.settings import Settings
from app.web.sign_in_address import SIGN_IN
from schema.execution.documents import Document
from schema.http.rest_operations import RestOperations
from schema.http.work.form_token import form_token
from schema.http.work.forms import page, redirect, sent_form, status_of, view_of

_AFTER: Final = "/work"
# A path of this server. Browsers read // and /\\ as the beginning of another host, and leave out control characters.
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9_~.%-][A-Za-z0-9_~.%/-]*)?(?:\?[!-\[\]-~]*)?")
_MAX_ADDRESS: Final = 2000
_MINUTE: Final = 60


def local_address(text: str) -> str:
    """The address of a page of this server; that of the workbench if the text is none."""
    return text if len(text) <= _MAX_ADDRESS and _PATH.fullmatch(text) else _AFTER


class SignIn:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._sign_in = document.operation("workSignIn")
        self._sign_out = document.operation("workSignOut")

    async def show(self, request: Request) -> Response:
        view = view_of(request, ("next",))
        principal = request_state(request.scope).principal
        return page(
            view,
            "work/sign_in",
            name=principal.name,
            token=form_token(request, self._settings),
            next=local_address(view.value("next")),
            email="",
            error=None,
            wait=0,
        )

    async def send(self, request: Request) -> Response:
        """The password is passed on to the mutation, and is in nothing else."""
        view = view_of(request, ("next",))
        fields, confirmed = await sent_form(request, self._settings, ("email", "password", "next"))
        variables = {name: fields.get(name, "") for name in ("email", "password")}
        result = await self._operations.run_fields(self._sign_in, variables, confirmed)
        address = local_address(fields.get("next", ""))
        errors = result.data["signIn"]["errors"]
        if not errors:
            return redirect(address, result.cookies)
        status = 401 if errors[0]["code"] == "UNAUTHENTICATED" else status_of(errors)
        values = {
            "next": address,
            "email": variables["email"],
            "error": errors[0],
            "name": None,
            "wait": ceil(self._settings.rate_limit_sign_in_window / _MINUTE),
        }
        return page(view, "work/sign_in", status, token=form_token(request, self._settings), **values)

    async def sign_out(self, request: Request) -> Response:
        view = view_of(request)
        _, confirmed = await sent_form(request, self._settings, ())
        result = await self._operations.run_fields(self._sign_out, {}, confirmed)
        return redirect(view.link(SIGN_IN), result.cookies)
