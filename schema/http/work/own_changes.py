"""/work/changes: what the reader has changed since a day, each with a button that undoes it."""

from datetime import date, datetime, time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.clock import GERMANY
from app.errors import BadInput
from app.settings import Settings
from app.web.page_view import PageView
from schema.execution.documents import Document
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.form_token import form_token
from schema.http.work.forms import page, redirect, sent_form, status_of, view_of

_PARAMETERS: Final = ("since", "after", "done")


class OwnChanges:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._changes = document.operation("workOwnChanges")
        self._undo = document.operation("workUndo")

    async def show(self, request: Request) -> Response:
        return await self._page(request, view_of(request, _PARAMETERS))

    async def send(self, request: Request) -> Response:
        """Only the state that the page showed is undone: a later change is not overwritten."""
        view = view_of(request, _PARAMETERS)
        fields, confirmed = await sent_form(request, self._settings, ("revision", "version", "reason"))
        version = fields.get("version", "")
        if not (version.isascii() and version.isdigit() and len(version) < 10):
            raise BadInput("The version is a whole number.", argument="version")
        given: Map = {
            "revisionId": fields.get("revision", ""),
            "expectedVersion": int(version),
            "reason": fields.get("reason", "").strip() or None,
        }
        result = await self._operations.run_fields(self._undo, {"input": given}, confirmed)
        errors = result.data["undo"]["errors"]
        if errors:
            return await self._page(request, view, status_of(errors), errors)
        return redirect(view.same(done="undo"))

    async def _page(
        self, request: Request, view: PageView, status: int = 200, errors: tuple[Map, ...] | list[Map] = ()
    ) -> Response:
        day = _day(view.value("since"))
        since = datetime.combine(day, time(), GERMANY).isoformat()
        variables = {"since": since, "after": view.value("after") or None}
        data = (await self._operations.run_fields(self._changes, variables, request)).data
        return page(
            view,
            "work/changes",
            status,
            since=day.isoformat(),
            changes=data["ownChanges"],
            errors=[error["message"] for error in errors],
            conflict=any(error["code"] == "CONFLICT" for error in errors),
            done=view.value("done") == "undo",
            token=form_token(request, self._settings),
        )


def _day(text: str) -> date:
    """Today in Germany if none is given. Raises BadInput."""
    if not text:
        return datetime.now(GERMANY).date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput("`since` is a date, such as 2026-11-29.", argument="since") from None
