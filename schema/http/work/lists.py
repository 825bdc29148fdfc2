"""/work, /work/entries and /work/set-aside: what is to be looked at, as lists."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from app.errors import BadInput
from app.http.request_state import request_state
from app.settings import Settings
from schema.execution.documents import Document
from schema.http.pages.form_page import FormError
from schema.http.pages.parameters import PageParameters
from schema.http.rest_operations import Map, RestOperations
from schema.http.work.entry_fields import plain
from schema.http.work.form_token import form_token
from schema.http.work.forms import page, view_of

# The lists, with the filter of each.
LISTS: Final[dict[str, Map]] = {
    "unverified": {"verificationStatus": "UNVERIFIED"},
    "flagged": {"verificationStatus": "FLAGGED"},
    "implausible": {"implausible": True},
    "preliminary": {"publication": "PRELIMINARY"},
}
_YEAR: Final = FormError(
    "Das Jahr ist eine Zahl, zum Beispiel 2026.", "The year is a number, such as 2026.", "year"
)
_PARAMETERS: Final = ("list", "dno", "dataType", "year", "after")


class WorkLists:
    def __init__(self, settings: Settings, operations: RestOperations, document: Document) -> None:
        self._settings = settings
        self._operations = operations
        self._overview = document.operation("workOverview")
        self._entries = document.operation("workEntries")
        self._parameters = PageParameters(self._entries)
        self._set_aside = document.operation("workSetAside")

    async def overview(self, request: Request) -> Response:
        view = view_of(request, ("done",))
        data = (await self._operations.run_fields(self._overview, {}, request)).data
        counts = {name: data[name]["totalCount"] for name in (*LISTS, "setAside")}
        principal = request_state(request.scope).principal
        return page(
            view,
            "work/overview",
            counts=counts,
            name=principal.name,
            role=principal.role.value,
            deleted=view.value("done") == "delete",
            token=form_token(request, self._settings),
        )

    async def entries(self, request: Request) -> Response:
        view = view_of(request, _PARAMETERS)
        chosen = view.value("list") or "unverified"
        if chosen not in LISTS:
            raise BadInput(f"list must be one of {', '.join(LISTS)}.", argument="list")
        given = [each for each in view.parameters if each[0] != "list"]
        values: Map = {"chosen": chosen, "lists": LISTS}
        try:
            variables = {**self._parameters.variables({}, given), **LISTS[chosen]}
            data = (await self._operations.run_fields(self._entries, variables, request)).data
        except BadInput as error:
            refusal = _YEAR if error.details.get("argument") == "year" else error
            return page(view, "work/entries", 400, entries=None, refusal=refusal, **values)
        entries = data["entries"]
        rows = [
            {"entry": plain(edge["node"]), "warnings": edge["warnings"]}
            for edge in entries["edges"]
            if edge["node"] is not None
        ]
        return page(view, "work/entries", entries=entries, rows=rows, refusal=None, **values)

    async def set_aside(self, request: Request) -> Response:
        """Rows of a crawler's database that were not taken over."""
        view = view_of(request, ("after",))
        variables = {"after": view.value("after") or None}
        rows = (await self._operations.run_fields(self._set_aside, variables, request)).data["setAside"]
        return page(view, "work/set_aside", rows=rows)
