"""The addresses of the workbench."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from starlette.routing import BaseRoute, Route

from app.domain.account import Role
from app.settings import Settings
from app.web.language import LANGUAGES
from app.web.sign_in_address import SIGN_IN
from schema.http.imports import Imports
from schema.http.operation_runner import OperationRunner
from schema.http.rest_operations import RestOperations, own_document
from schema.http.work.access import AccountPage, KeysPage, PeoplePage
from schema.http.work.entry import EntryPage
from schema.http.work.forms import Endpoint, signed_in
from schema.http.work.lists import WorkLists
from schema.http.work.own_changes import OwnChanges
from schema.http.work.sheet import PATH as SHEET
from schema.http.work.sheet import SheetPage
from schema.http.work.sign_in import SignIn
from schema.http.work.upload import PATH as UPLOAD
from schema.http.work.upload import UploadPage

_QUERIES: Final = Path(__file__).parent / "queries"


def own_operations(name: str) -> str:
    return (_QUERIES / f"{name}.graphql").read_text(encoding="utf-8")


class Workbench:
    def __init__(self, settings: Settings, runner: OperationRunner, imports: Imports) -> None:
        operations = RestOperations(settings, runner)
        self._sign_in = SignIn(settings, operations, own_document(own_operations("sign_in")))
        self._lists = WorkLists(settings, operations, own_document(own_operations("lists")))
        self._entry = EntryPage(settings, operations, own_document(own_operations("entry")))
        self._sheet = SheetPage(settings, operations, own_document(own_operations("sheet")))
        self._upload = UploadPage(settings, imports)
        access = own_document(own_operations("access"))
        self._keys = KeysPage(settings, operations, access)
        self._people = PeoplePage(settings, operations, access)
        self._account = AccountPage(settings, operations, access)
        self._changes = OwnChanges(settings, operations, access)

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(f"{prefix}{path}", endpoint, methods=[method])
            for prefix in ("", *(f"/{language}" for language in LANGUAGES))
            for method, path, endpoint in self._addresses()
        ]

    def _addresses(self) -> Iterator[tuple[str, str, Endpoint]]:
        yield "GET", SIGN_IN, self._sign_in.show
        yield "POST", SIGN_IN, self._sign_in.send
        yield "POST", "/work/sign-out", self._sign_in.sign_out
        yield "GET", "/work", signed_in(self._lists.overview)
        yield "GET", "/work/entries", signed_in(self._lists.entries)
        yield "GET", "/work/set-aside", signed_in(self._lists.set_aside)
        yield "GET", "/work/entries/{id}", signed_in(self._entry.show)
        yield "POST", "/work/entries/{id}", signed_in(self._entry.send)
        yield "GET", SHEET, signed_in(self._sheet.show)
        yield "POST", SHEET, signed_in(self._sheet.send)
        yield "GET", UPLOAD, signed_in(self._upload.show)
        yield "POST", UPLOAD, signed_in(self._upload.send)
        yield "GET", "/work/changes", signed_in(self._changes.show)
        yield "POST", "/work/changes", signed_in(self._changes.send)
        yield "GET", "/work/account", signed_in(self._account.show, Role.VIEWER)
        yield "POST", "/work/account", signed_in(self._account.send, Role.VIEWER)
        yield "GET", "/work/keys", signed_in(self._keys.show, Role.ADMIN)
        yield "POST", "/work/keys", signed_in(self._keys.send, Role.ADMIN)
        yield "GET", "/work/people", signed_in(self._people.show, Role.ADMIN)
        yield "POST", "/work/people", signed_in(self._people.send, Role.ADMIN)
        yield "GET", "/work/people/{id}/delete", signed_in(self._people.confirm, Role.ADMIN)
