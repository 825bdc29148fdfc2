"""/work/changes: what the reader has changed since a day, each with a button that undoes it."""

from datetime import datetime, time
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.domain.clock import GERMANY
from app.errors import BadInput
from app.settings import Settings
from app.web.page_view import PageView
from schema.execution.documents import Document
from schema.http.pages.form_page import FormError
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.form_token import form_token
from schema.http.work.forms import moment_of, page, redirect, sent_form, status_of, view_of, whole_number

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
        version = whole_number(fields.get("version", ""), 9)
        if version is None:
            raise BadInput("The version is a whole number.", argument="version")
        given: Map = {
            "revisionId": fields.get("revision", ""),
            "expectedVersion": version,
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
        since = view.value("since") or datetime.now(GERMANY).date().isoformat()
        messages: list[str] = []
        changes: Map | None = None
        try:
            moment = moment_of(since, time(), "since")
        except FormError as error:
            status = status if errors else 400
            messages = [view.text(error.german, error.message)]
        else:
            variables = {"since": moment, "after": view.value("after") or None}
            changes = (await self._operations.run_fields(self._changes, variables, request)).data[
                "ownChanges"
            ]
        return page(
            view,
            "work/changes",
            status,
            since=since,
            changes=changes,
            messages=messages,
            errors=[error["message"] for error in errors],
            conflict=any(error["code"] == "CONFLICT" for error in errors),
            done=view.value("done") == "undo",
            token=form_token(request, self._settings),
        )
