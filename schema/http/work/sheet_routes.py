"""The addresses of price sheets and uploads in the workbench."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from starlette.routing import BaseRoute, Route

from app.settings import Settings
from app.web.language import LANGUAGES
from schema.http.operation_runner import OperationRunner
from schema.http.rest_operations import RestOperations, own_document
from schema.http.work.sheet import PATH, SheetPage

_DOCUMENT: Final = (Path(__file__).parent / "queries" / "sheet.graphql").read_text()


class Sheets:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._page = SheetPage(settings, RestOperations(settings, runner), own_document(_DOCUMENT))

    @property
    def routes(self) -> list[BaseRoute]:
        return list(self._routes())

    def _routes(self) -> Iterator[BaseRoute]:
        for prefix in ("", *(f"/{language}" for language in LANGUAGES)):
            yield Route(f"{prefix}{PATH}", self._page.show, methods=["GET"])
            yield Route(f"{prefix}{PATH}", self._page.send, methods=["POST"])
