"""/work/sheets/new: the form of a whole price sheet, checked by a dry run before it is saved."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.error_table import ERRORS
from app.errors import Code, quoted
from app.settings import Settings
from app.web.page_view import PageView
from schema.execution.documents import Document
from schema.http.pages.form_page import MAX_REPEATED, FormError
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.form_token import OfAnotherSession, form_token
from schema.http.work.forms import digest, page, redirect, sent_form, view_of, whole_number
from schema.http.work.sheet_form import SheetForm, Write, field_names, set_errors
from schema.http.work.sheet_texts import SheetTexts
from schema.types.pagination import MAX_TEXT_LENGTH

PATH: Final = "/work/sheets/new"
_PARAMETERS: Final = ("dno", "year", "saved")


class SheetPage:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._query = document.operation("workSheet")
        self._mutation = document.operation("writeSheet")

    async def show(self, request: Request) -> Response:
        """GET: the form with what is stored; without an operator and a year, a form that asks for them."""
        view = view_of(request, _PARAMETERS)
        given = {name: view.value(name).strip() for name in _PARAMETERS}
        if not given["dno"] or not given["year"]:
            return page(view, "work/sheet_start", given=given, refusal=None)
        try:
            form = await self._form(request, view, given, None)
        except FormError as error:
            given = {name: text if len(text) <= MAX_REPEATED else "" for name, text in given.items()}
            return page(view, "work/sheet_start", ERRORS[error.code].status, given=given, refusal=error)
        token = form_token(request, self._settings)
        return sheet(view, form, token, saved=whole_number(given["saved"], 3))

    async def send(self, request: Request) -> Response:
        """POST: a dry run, or, of what was checked just so, the writes."""
        view = view_of(request, _PARAMETERS)
        try:
            fields, request = await sent_form(request, self._settings, field_names(), restores=True)
        except OfAnotherSession as refusal:
            form = await self._form(request, view, refusal.fields, refusal.fields)
            form.writes()  # names what has changed meanwhile
            token = form_token(request, self._settings)
            return sheet(view, form, token, 403, refusal=refusal.shown_again(view))
        form = await self._form(request, view, fields, fields)
        token, writes = form_token(request, self._settings), form.writes()
        shown = digest([write.input for write in writes])
        if form.has_errors or not writes:
            return sheet(
                view, form, token, 400 if form.has_errors else 200, saved=None if form.has_errors else 0
            )
        save = fields.get("step") == "save" and fields.get("checked") == shown
        outcome = await self._write(request, writes, dry_run=not save)
        others = set_errors(writes, outcome["errors"])
        if outcome["written"]:
            address = view.link(PATH, dno=form.dno["slug"], year=form.year, saved=len(writes))
            return redirect(address)
        if outcome["errors"]:
            return sheet(view, form, token, 400, others=others)
        checked = Checked(shown, list(zip(writes, outcome["results"], strict=True)))
        return sheet(view, form, token, checked=checked)

    async def _form(
        self, request: Request, view: PageView, given: Mapping[str, str], fields: Mapping[str, str] | None
    ) -> SheetForm:
        slug, year = given.get("dno", "").strip(), whole_number(given.get("year", "").strip(), 4)
        if year is None or not FIRST_YEAR <= year <= LAST_YEAR:
            raise FormError(
                f"Das Jahr muss zwischen {FIRST_YEAR} und {LAST_YEAR} liegen.",
                f"The year must be between {FIRST_YEAR} and {LAST_YEAR}.",
                "year",
            )
        if len(slug) > MAX_TEXT_LENGTH:  # longer than any name: the query refuses it
            raise _NoOperator(slug)
        variables: Map = {"slug": slug, "year": year}
        data = (await self._operations.run_fields(self._query, variables, request)).data
        if data["dno"] is None:
            raise _NoOperator(slug)
        return SheetForm(data["dno"], year, view.language, fields)

    async def _write(self, request: Request, writes: Sequence[Write], *, dry_run: bool) -> Map:
        variables: Map = {"input": {"writes": [write.input for write in writes], "dryRun": dry_run}}
        data = (await self._operations.run_fields(self._mutation, variables, request)).data
        outcome: Map = data["writeEntries"]
        return outcome


class _NoOperator(FormError):
    code = Code.NOT_FOUND

    def __init__(self, slug: str) -> None:
        name = quoted(slug)
        super().__init__(f"Einen Netzbetreiber {name} gibt es nicht.", f"There is no operator {name}.", "dno")


class Checked(msgspec.Struct, frozen=True):
    """A dry run without errors: the digest of its writes, and each with its result."""

    digest: str
    results: Sequence[tuple[Write, Map]]

    @property
    def warnings(self) -> int:
        return sum(len(result["warnings"]) for _, result in self.results)


def sheet(
    view: PageView,
    form: SheetForm,
    token: str,
    status: int = 200,
    *,
    checked: Checked | None = None,
    others: Sequence[str] = (),
    saved: int | None = None,
    refusal: str | None = None,
) -> Response:
    """`others`: errors of no particular field; `saved`: how many entries were; `refusal`: why the form was not read."""
    values = {
        "form": form,
        "token": token,
        "checked": checked,
        "others": others,
        "saved": saved,
        "refusal": refusal,
    }
    return page(view, "work/sheet", status, texts=SheetTexts(view), **values)
