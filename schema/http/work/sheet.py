"""/work/sheets/new: the form of a whole price sheet, checked by a dry run before it is saved."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app.auth.roles import require
from app.domain.account import Role
from app.domain.entry import FIRST_YEAR, LAST_YEAR
from app.errors import AppError, BadInput, Code, DeadlineExceeded, quoted
from app.http.request_state import header, joined_header, request_state
from app.settings import Settings
from app.web.language import preferred_language, split_path
from app.web.page_view import PageView
from app.web.policy import PAGE_POLICY
from app.web.rendering import render
from schema.execution.documents import Document
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.form_token import FIELD, check_origin, confirmed, form_token
from schema.http.work.sheet_form import SheetForm, Write, set_errors
from schema.http.work.sheet_texts import SheetTexts

PATH: Final = "/work/sheets/new"
FORM: Final = b"application/x-www-form-urlencoded"
# More than the form has: four rows of fields for each level, and at most 80 prices.
MAX_FIELDS: Final = 800
_PARAMETERS: Final = ("dno", "year", "saved")


class SheetPage:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._query = document.operation("workSheet")
        self._mutation = document.operation("writeSheet")

    async def show(self, request: Request) -> Response:
        """GET: the form with what is stored; without an operator and a year, a form that asks for them."""
        require(request_state(request.scope).principal, Role.EDITOR)
        view = view_of(request, _PARAMETERS)
        given = {name: view.value(name).strip() for name in _PARAMETERS}
        if not given["dno"] or not given["year"]:
            return page(view, "work/sheet_start", given=given)
        form = await self._form(request, view, given, None)
        token = form_token(request, self._settings)
        saved = int(given["saved"]) if given["saved"].isdigit() and len(given["saved"]) < 4 else None
        return sheet(view, form, token, saved=saved)

    async def send(self, request: Request) -> Response:
        """POST: a dry run, or, of what was checked just so, the writes."""
        require(request_state(request.scope).principal, Role.EDITOR)
        check_origin(request, self._settings)
        view = view_of(request, _PARAMETERS)
        fields = await read_fields(request, self._settings)
        request = confirmed(request, self._settings, fields.get(FIELD, ""))
        form = await self._form(request, view, fields, fields)
        token, writes = fields.get(FIELD, ""), form.writes()
        digest = _digest(writes)
        if form.has_errors or not writes:
            return sheet(
                view, form, token, 400 if form.has_errors else 200, saved=None if form.has_errors else 0
            )
        save = fields.get("step") == "save" and fields.get("checked") == digest
        outcome = await self._write(request, writes, dry_run=not save)
        others = set_errors(writes, outcome["errors"])
        if outcome["written"]:
            address = view.link(PATH, dno=form.dno["slug"], year=form.year, saved=len(writes))
            return RedirectResponse(address, 303, {"cache-control": "no-store"})
        if outcome["errors"]:
            return sheet(view, form, token, 400, others=others)
        checked = Checked(digest, list(zip(writes, outcome["results"], strict=True)))
        return sheet(view, form, token, checked=checked)

    async def _form(
        self, request: Request, view: PageView, given: Mapping[str, str], fields: Mapping[str, str] | None
    ) -> SheetForm:
        slug, year = given.get("dno", "").strip(), given.get("year", "").strip()
        if not (year.isascii() and year.isdigit() and FIRST_YEAR <= int(year[:5]) <= LAST_YEAR):
            raise BadInput(f"The year is one from {FIRST_YEAR} to {LAST_YEAR}.", argument="year")
        variables: Map = {"slug": slug, "year": int(year)}
        data = (await self._operations.run_fields(self._query, variables, request)).data
        if data["dno"] is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
        return SheetForm(data["dno"], int(year), view.language, fields)

    async def _write(self, request: Request, writes: Sequence[Write], *, dry_run: bool) -> Map:
        variables: Map = {"input": {"writes": [write.input for write in writes], "dryRun": dry_run}}
        data = (await self._operations.run_fields(self._mutation, variables, request)).data
        outcome: Map = data["writeEntries"]
        return outcome


class Checked(msgspec.Struct, frozen=True):
    """A dry run without errors: the digest of its writes, and each with its result."""

    digest: str
    results: Sequence[tuple[Write, Map]]

    @property
    def warnings(self) -> int:
        return sum(len(result["warnings"]) for _, result in self.results)


def view_of(request: Request, parameters: Sequence[str]) -> PageView:
    """Raises BadInput for an unknown parameter."""
    scope = request.scope
    given = [(name, value) for name, value in request.query_params.multi_items() if value.strip()]
    for name, _ in given:
        if name not in parameters:
            raise BadInput(
                f"There is no parameter {quoted(name)}; there are {', '.join(parameters) or 'none'}.",
                argument=name[:80],
            )
    path = split_path(scope["path"])
    language = path.language or preferred_language(joined_header(scope, b"accept-language"))
    return PageView(language, path.prefix, path.path, given)


async def read_fields(request: Request, settings: Settings) -> dict[str, str]:
    """The fields of a sent form. Raises AppError."""
    kind = (header(request.scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != FORM:
        raise AppError("The form is sent as application/x-www-form-urlencoded.", Code.UNSUPPORTED_MEDIA_TYPE)
    try:
        async with asyncio.timeout(settings.read_timeout):
            body = await request.body()
    except TimeoutError:
        raise DeadlineExceeded("The form took too long to arrive; nothing was changed.") from None
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise BadInput(f"The form cannot be read: it has at most {MAX_FIELDS} fields, in UTF-8.") from None
    return dict(reversed(pairs))


def page(view: PageView, template: str, status: int = 200, **values: Any) -> Response:
    """Never stored: it has what a person typed."""
    headers = {
        "cache-control": "no-store",
        "content-security-policy": PAGE_POLICY,
        "content-language": view.language,
    }
    return Response(render(template, view, **values), status, headers, media_type="text/html")


def sheet(
    view: PageView,
    form: SheetForm,
    token: str,
    status: int = 200,
    *,
    checked: Checked | None = None,
    others: Sequence[str] = (),
    saved: int | None = None,
) -> Response:
    """`others`: errors of no particular field; `saved`: how many entries were."""
    values = {"form": form, "token": token, "checked": checked, "others": others, "saved": saved}
    return page(view, "work/sheet", status, texts=SheetTexts(view), **values)


def _digest(writes: Sequence[Write]) -> str:
    return sha256(msgspec.json.encode([write.input for write in writes])).hexdigest()
