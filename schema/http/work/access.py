"""/work/keys, /work/people and /work/account: who has access. Secrets are in the response to the form, and in nothing else."""

from collections.abc import Collection, Mapping, Sequence
from datetime import time
from typing import Any, ClassVar, Final, TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from app.domain.account import Role
from app.errors import AppError, BadInput, Code
from app.settings import Settings
from app.web.page_view import PageView
from schema.execution.documents import Document
from schema.http.pages.form_page import FormError
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.form_token import form_token
from schema.http.work.forms import digest, moment_of, page, redirect, sent_form, status_of, view_of

# The operation of each action, and the fields of its form.
_Actions: TypeAlias = Mapping[str, tuple[str, Collection[str]]]
_ROLES: Final = tuple(role.value for role in Role)
_PASSWORDS: Final = ("current", "password", "again")
_LAST_MOMENT: Final = time(23, 59, 59)


class AccessPage:
    """`template` shows the result of `query`; a form is the operation that `actions` has for its `action`."""

    template: str
    query: str
    actions: ClassVar[_Actions]

    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._document = document

    async def show(self, request: Request) -> Response:
        return await self._page(request, view_of(request, ("done",)))

    async def send(self, request: Request) -> Response:
        """Raises BadInput for an action that the page does not have."""
        view = view_of(request, ("done",))
        names = {name for _, fields in self.actions.values() for name in fields}
        sent, confirmed = await sent_form(request, self._settings, {*names, "action"})
        action = sent.pop("action", "")
        if action not in self.actions:
            raise BadInput("There is no such action.", argument="action")
        operation, fields = self.actions[action]
        given = {name: _cleaned(name, sent[name]) for name in fields if name in sent}
        typed = given if action == "create" else {}
        refusal = await self._refusal(action, given, request, view)
        if refusal:
            return await self._page(request, view, 409, messages=[refusal], given=typed)
        try:
            variables = self._variables(action, given)
            [payload] = (await self._run(operation, variables, confirmed)).values()
        except FormError as error:
            reason = view.text(error.german, error.message)
            return await self._page(request, view, 400, messages=[reason], given=typed)
        except AppError as error:
            if error.code is not Code.BAD_USER_INPUT:
                raise
            # A value that GraphQL refuses, such as a role that does not exist.
            errors = [{"code": error.code, "message": error.message}]
            return await self._page(request, view, 400, errors=errors, given=typed)
        errors = payload.pop("errors")
        made = payload if any(payload.values()) else None
        if errors:
            return await self._page(request, view, status_of(errors), errors=errors, given=typed, made=made)
        if made:
            return await self._page(request, view, made=made)
        return redirect(view.same(done=action))

    async def _refusal(self, action: str, given: Map, request: Request, view: PageView) -> str | None:
        """Why the form is not executed."""
        return None

    def _variables(self, action: str, given: Map) -> Map:
        return given

    async def _run(self, operation: str, variables: Map, request: Request) -> Map:
        return (
            await self._operations.run_fields(self._document.operation(operation), variables, request)
        ).data

    async def _page(
        self,
        request: Request,
        view: PageView,
        status: int = 200,
        *,
        errors: Sequence[Map] = (),
        messages: Sequence[str] = (),
        made: Map | None = None,
        given: Map | None = None,
    ) -> Response:
        """`given`: what was typed into the form for something new, where it is shown again."""
        try:
            data = await self._run(self.query, {}, request)
        except AppError as error:
            # What the form has led to is shown all the same: a secret is shown only here.
            if error.code is not Code.UNAVAILABLE or not (errors or made):
                raise
            data = {}
        empty = {name: "" for _, fields in self.actions.values() for name in fields}
        values: dict[str, Any] = {
            **data,
            "seen": seen(data),
            "roles": _ROLES,
            "messages": messages,
            "errors": [error["message"] for error in errors],
            "given": empty | (given or {}),
            "conflict": any(error["code"] == "CONFLICT" for error in errors),
            "made": made,
            "done": view.value("done") if view.value("done") in self.actions else "",
            "token": form_token(request, self._settings),
        }
        return page(view, self.template, status, **values)


class KeysPage(AccessPage):
    template = "work/keys"
    query = "workKeys"
    actions: ClassVar[_Actions] = {
        "create": ("workCreateKey", ("name", "role", "expires", "seen")),
        "revoke": ("workRevokeKey", ("id",)),
    }

    async def _refusal(self, action: str, given: Map, request: Request, view: PageView) -> str | None:
        """A form that is sent again, as by reloading the page with the secret, makes no second key."""
        if action != "create" or given.get("seen") == seen(await self._run(self.query, {}, request)):
            return None
        return view.text(
            "Seit dem Öffnen des Formulars hat sich die Liste geändert; vielleicht wurde es schon gesendet. Es wurde kein Schlüssel angelegt.",
            "The list has changed since the form was opened; it may have been sent before. No key was created.",
        )

    def _variables(self, action: str, given: Map) -> Map:
        if action != "create":
            return given
        return {
            "name": given.get("name"),
            "role": given.get("role"),
            "expiresAt": moment_of(given["expires"], _LAST_MOMENT, "expires")
            if given.get("expires")
            else None,
        }


class PeoplePage(AccessPage):
    template = "work/people"
    query = "workPeople"
    actions: ClassVar[_Actions] = {
        "create": ("workCreateUser", ("email", "role")),
        "role": ("workSetRole", ("id", "role")),
        "reset": ("workResetPassword", ("id",)),
        "delete": ("workDeleteUser", ("id",)),
        "end": ("workEndSessions", ("id", "session")),
    }

    async def confirm(self, request: Request) -> Response:
        """The page that a user is deleted from. Raises NOT_FOUND."""
        users = (await self._run(self.query, {}, request))["users"]
        user = next((each for each in users if each["id"] == request.path_params["id"]), None)
        if user is None:
            raise AppError("There is no such user.", Code.NOT_FOUND)
        token = form_token(request, self._settings)
        return page(view_of(request), "work/delete_user", user=user, token=token)


class AccountPage(AccessPage):
    template = "work/account"
    query = "workAccount"
    actions: ClassVar[_Actions] = {"password": ("workChangePassword", _PASSWORDS)}

    async def _refusal(self, action: str, given: Map, request: Request, view: PageView) -> str | None:
        if given.get("password") == given.pop("again", None):
            return None
        return view.text("Die beiden neuen Passwörter sind verschieden.", "The two new passwords differ.")


def _cleaned(name: str, value: str) -> str:
    """Blanks belong to passwords."""
    return value if name in _PASSWORDS else value.strip()


def seen(data: Map) -> str:
    """Changes with the list of keys; of no use elsewhere."""
    return digest(sorted(key["id"] for key in data.get("apiKeys", ())))
