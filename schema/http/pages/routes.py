"""The pages for people, one line each: the path, and the operation with the template of its name."""

from collections.abc import Iterator
from typing import Final

from starlette.routing import BaseRoute, Route

from app.settings import Settings
from app.web.language import LANGUAGES
from schema.http.operation_runner import OperationRunner
from schema.http.pages.address import PageAddress
from schema.http.pages.changes import ChangesFeed, ChangesPage
from schema.http.pages.compare import ComparePage
from schema.http.pages.coverage import CoveragePage
from schema.http.pages.document import page_operation
from schema.http.pages.documentation import DocumentationPages
from schema.http.pages.home import HomePage
from schema.http.pages.my_operator import MyOperatorPage
from schema.http.pages.operator import OperatorPage
from schema.http.pages.operator_files import OperatorFiles
from schema.http.pages.operators import OperatorsPage
from schema.http.pages.ranking import RankingFiles, RankingPage
from schema.http.rest_operations import RestOperations

# The path, the operation, and the class of the address where variables or values need more than the operation has.
PAGES: Final[tuple[tuple[str, str, type[PageAddress]], ...]] = (
    ("/", "home", HomePage),
    ("/operators", "operators", OperatorsPage),
    ("/coverage", "coverage", CoveragePage),
    ("/changes", "changes", ChangesPage),
    ("/changes.atom", "changes", ChangesFeed),
    ("/compare", "compare", ComparePage),
    ("/ranking", "ranking", RankingPage),
    ("/my-operator", "myOperator", MyOperatorPage),
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
        similar = page_operation("similarOperators")
        for path, name, address in PAGES:
            page = address(self._operations, page_operation(name), similar)
            for prefix in ("", *(f"/{language}" for language in LANGUAGES)):
                yield Route(f"{prefix}{path}".rstrip("/") or "/", page.respond)
        operators = OperatorFiles(self._operations, page_operation("operatorsFile"))
        yield Route("/operators.{format}", operators.respond)
        ranking = RankingFiles(self._operations, page_operation("ranking"))
        yield Route("/ranking.{format}", ranking.respond)
        yield from DocumentationPages().routes
