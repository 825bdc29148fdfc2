"""The pages for people, one line each: the path, and the operation with the template of its name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from starlette.routing import BaseRoute, Route

from app.settings import Settings
from app.web.language import LANGUAGES
from schema.http.operation_runner import OperationRunner
from schema.http.pages.address import PageAddress
from schema.http.pages.coverage import CoveragePage
from schema.http.pages.home import HomePage
from schema.http.pages.operator import OperatorPage
from schema.http.pages.operator_files import OperatorFiles
from schema.http.rest_operations import RestOperations, own_document

# One document: operations may spread fragments of other files.
DOCUMENT: Final = "\n".join(
    path.read_text() for path in sorted((Path(__file__).parent / "queries").glob("*.graphql"))
)

# The path, the operation, and the class of the address where variables or values need more than the operation has.
PAGES: Final[tuple[tuple[str, str, type[PageAddress]], ...]] = (
    ("/", "home", HomePage),
    ("/operators", "operators", PageAddress),
    ("/coverage", "coverage", CoveragePage),
    ("/operators/{slug}", "operator", OperatorPage),
    ("/operators/{slug}/{year}", "operator", OperatorPage),
)


class Pages:
    def __init__(self, settings: Settings, runner: OperationRunner) -> None:
        self._operations = RestOperations(settings, runner)

    @property
    def routes(self) -> list[BaseRoute]:
        return list(self._routes())

    def _routes(self) -> Iterator[BaseRoute]:
        document = own_document(DOCUMENT)
        similar = document.operation("similarOperators")
        for path, name, address in PAGES:
            page = address(self._operations, document.operation(name), similar)
            for prefix in ("", *(f"/{language}" for language in LANGUAGES)):
                yield Route(f"{prefix}{path}".rstrip("/") or "/", page.respond)
        files = OperatorFiles(self._operations, document.operation("operatorsFile"))
        yield Route("/operators.{format}", files.respond)
