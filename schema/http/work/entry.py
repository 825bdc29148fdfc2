"""/work/entries/{id}: an entry with its source, its history, and forms that correct, verify, flag, revert and delete it."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from app.domain.account import Role
from app.errors import AppError, BadInput, Code
from app.http.request_state import request_state
from app.settings import Settings
from app.web.page_view import PageView
from schema.execution.documents import Document
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.entry_form import EntryForm
from schema.http.work.form_token import OfAnotherSession, form_token
from schema.http.work.forms import digest, page, redirect, sent_form, status_of, view_of

_SAVE: Final = "save"
# Which field of the input has what was written as a reason.
_ACTIONS: Final = {"verify": "notes", "unflag": "notes", "flag": "reason", "delete": "reason"}
_DONE: Final = ("saved", "verify", "flag", "unflag", "revert")

_CHANGED: Final = (
    "Der Eintrag wurde inzwischen geändert, und es wurde nichts gespeichert. Hier ist sein jetziger Stand: Sehen Sie ihn durch,"
    " und wiederholen Sie den Schritt, wenn er noch zutrifft.",
    "The entry has changed meanwhile, and nothing was saved. This is its present state: look it over, and repeat the step if it"
    " still applies.",
)
_NOTHING: Final = ("Es wurde nichts geändert.", "Nothing was changed.")
_AS_BEFORE: Final = (
    "Es wurde nichts geändert: Der Eintrag ist schon so, wie er vor dieser Änderung war.",
    "Nothing was changed: the entry already is as it was before this change.",
)


class Outcome(NamedTuple):
    """Why a form was not written, and what its page shows of that."""

    status: int = 200
    messages: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()  # as the API states them, in English
    warnings: tuple[Map, ...] = ()
    changes: tuple[Map, ...] = ()
    checked: str | None = None


_SHOWN: Final = Outcome()


class EntryPage:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._entry = document.operation("workEntry")
        self._write = document.operation("workWrite")
        self._revert = document.operation("workRevert")

    async def show(self, request: Request) -> Response:
        view = view_of(request, ("done",))
        return self._page(request, view, EntryForm(await self._fetch(request), view.language))

    async def send(self, request: Request) -> Response:
        view = view_of(request, ("done",))
        entry = await self._fetch(request)
        try:
            names = EntryForm.names(entry)
            sent, confirmed = await sent_form(request, self._settings, names, restores=True)
        except OfAnotherSession as refusal:
            if refusal.fields.get("action", _SAVE) != _SAVE:
                raise
            form = EntryForm(entry, view.language, refusal.fields)
            return self._page(request, view, form, Outcome(403, (refusal.shown_again(view),)))
        form = EntryForm(entry, view.language, sent)
        action = sent.get("action", _SAVE)
        if action == _SAVE:
            return await self._save(confirmed, view, form)
        if action == "revert":
            return await self._take_back(confirmed, view, form)
        if action not in _ACTIONS:
            raise BadInput("There is no such action.", argument="action")
        reason = sent.get("reason", "").strip() or None
        target = {"id": form.entry["id"], "expectedVersion": form.version}
        write = {
            action: {**target, _ACTIONS[action]: reason or ("" if action in ("flag", "delete") else None)}
        }
        result = await self._run(confirmed, write, dry_run=False)
        return self._after(confirmed, view, form, result, action)

    async def _save(self, request: Request, view: PageView, form: EntryForm) -> Response:
        """What has a warning is written when it was shown with it."""
        write = form.correction()
        if write is None:
            status = 400 if form.errors else 200
            nothing = () if form.errors else (view.text(*_NOTHING),)
            return self._page(request, view, form, Outcome(status, nothing))
        seen = form.sent.get("checked") == digest(write)
        result = await self._run(request, write, dry_run=not seen)
        if not result["errors"] and not seen:
            warnings = result["results"][0]["warnings"]
            if warnings:
                changes = tuple(result["results"][0]["changes"])
                return self._page(
                    request,
                    view,
                    form,
                    Outcome(200, warnings=tuple(warnings), changes=changes, checked=digest(write)),
                )
            result = await self._run(request, write, dry_run=False)
        return self._after(request, view, form, result, "saved")

    async def _take_back(self, request: Request, view: PageView, form: EntryForm) -> Response:
        given = {
            "revisionId": form.sent.get("revision", ""),
            "expectedVersion": form.version,
            "reason": form.sent.get("reason", "").strip() or None,
        }
        result = (await self._operations.run_fields(self._revert, {"input": given}, request)).data["revert"]
        errors = result["errors"]
        if not errors and result["revision"] is None:
            return self._page(request, view, form, Outcome(200, (view.text(*_AS_BEFORE),)))
        # None: reverted was the creation or the restoration of the entry, which deletes it.
        if not errors and result["entry"] is None:
            return redirect(view.link("/work", done="delete"))
        if not errors:
            return redirect(self._address(view, form, "revert"))
        status = status_of(errors)
        if status == 409 and int(form.entry["version"]) != form.version:
            return self._changed_meanwhile(request, view, form, form.entry)
        return self._page(request, view, form, Outcome(status, errors=_messages(errors)))

    def _after(self, request: Request, view: PageView, form: EntryForm, result: Map, done: str) -> Response:
        errors = result["errors"]
        if not errors:
            # None: nothing changed, such as a verification of what was verified already.
            if result["results"][0]["revision"] is None:
                return self._page(request, view, form, Outcome(200, (view.text(*_NOTHING),)))
            if done == "delete":
                return redirect(view.link("/work", done=done))
            return redirect(self._address(view, form, done))
        now = result["results"][0]["entry"] if result["results"] else None
        if now is not None and int(now["version"]) != form.version:
            return self._changed_meanwhile(request, view, form, now)
        others = tuple(form.set_errors(errors))
        return self._page(request, view, form, Outcome(status_of(errors), errors=others))

    def _changed_meanwhile(self, request: Request, view: PageView, form: EntryForm, now: Map) -> Response:
        form.show_conflict(now)
        # Where no figure was typed there is nothing to compare, as after two flags.
        messages = () if form.conflict else (view.text(*_CHANGED),)
        return self._page(request, view, form, Outcome(409, messages))

    def _page(self, request: Request, view: PageView, form: EntryForm, outcome: Outcome = _SHOWN) -> Response:
        principal = request_state(request.scope).principal
        values: Mapping[str, Any] = {
            "form": form,
            "entry": form.entry,
            "outcome": outcome,
            "administrator": principal.role.includes(Role.ADMIN),
            "done": view.value("done") if view.value("done") in _DONE else "",
            "token": form_token(request, self._settings),
            "reason": form.sent.get("reason", ""),
            "name": principal.name,
        }
        return page(view, "work/entry", outcome.status, **values)

    async def _fetch(self, request: Request) -> Map:
        variables = {"id": request.path_params["id"]}
        entry: Map | None = (await self._operations.run_fields(self._entry, variables, request)).data["node"]
        if entry is None or "version" not in entry:
            raise AppError("There is no such entry; it may have been deleted.", Code.NOT_FOUND)
        return entry

    async def _run(self, request: Request, write: Map, *, dry_run: bool) -> Map:
        """What is no value at all, such as the time 25:00, is an error of its field, too."""
        variables: Map = {"input": {"writes": [write], "dryRun": dry_run}}
        try:
            result = await self._operations.run_fields(self._write, variables, request)
        except AppError as error:
            if error.code is not Code.BAD_USER_INPUT:
                raise
            [values] = write.values()
            field = [name for name in values if f".{name}" in error.message]
            return {"results": [], "errors": [{"code": error.code, "message": error.message, "field": field}]}
        outcome: Map = result.data["writeEntries"]
        return outcome

    def _address(self, view: PageView, form: EntryForm, done: str) -> str:
        return view.link(f"/work/entries/{form.entry['id']}", done=done)


def _messages(errors: list[Map]) -> tuple[str, ...]:
    return tuple(error["message"] for error in errors)
