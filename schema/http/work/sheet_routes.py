"""The addresses of price sheets and uploads in the workbench."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from starlette.routing import BaseRoute, Route

from app.settings import Settings
from app.web.language import LANGUAGES
from schema.http.imports import Imports
from schema.http.operation_runner import OperationRunner
from schema.http.rest_operations import RestOperations, own_document
from schema.http.work import sheet, upload
from schema.http.work.forms import signed_in

_DOCUMENT: Final = (Path(__file__).parent / "queries" / "sheet.graphql").read_text()


class Sheets:
    def __init__(self, settings: Settings, runner: OperationRunner, imports: Imports) -> None:
        operations = RestOperations(settings, runner)
        self._sheet = sheet.SheetPage(settings, operations, own_document(_DOCUMENT))
        self._upload = upload.UploadPage(settings, imports)

    @property
    def routes(self) -> list[BaseRoute]:
        return list(self._routes())

    def _routes(self) -> Iterator[BaseRoute]:
        for prefix in ("", *(f"/{language}" for language in LANGUAGES)):
            yield Route(f"{prefix}{sheet.PATH}", signed_in(self._sheet.show), methods=["GET"])
            yield Route(f"{prefix}{sheet.PATH}", signed_in(self._sheet.send), methods=["POST"])
            yield Route(f"{prefix}{upload.PATH}", signed_in(self._upload.show), methods=["GET"])
            yield Route(f"{prefix}{upload.PATH}", signed_in(self._upload.send), methods=["POST"])
