"""Operators by what one consumption costs with each of them, page by page and as a file."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Final

from starlette.requests import Request

from app.cache.read_set import ReadSet
from app.db.file_columns import Column
from app.domain.consumption import Consumption
from app.web.comparison import share_of
from schema.http.pages.address import Loaded, query_address
from schema.http.pages.document import page_operation
from schema.http.pages.files import Rows, TableFiles
from schema.http.pages.form_page import FormError, FormPage, usual_year
from schema.http.pages.profile import (
    PROFILE_PARAMETERS,
    check_form_year,
    input_of,
    read_consumption,
    read_profile,
)
from schema.http.rest_operations import Map, RestOperations

PER_PAGE: Final = 50
_MOST_PAGES: Final = 200
_PER_FILE_PART: Final = 100
_COMPUTED: Final = frozenset(("input", "first", "skip"))
_FURTHER: Final = {**PROFILE_PARAMETERS, "year": "Int", "page": "Int"}
_OF_OPERATION: Final = ("region", "derived", "dearest", "publication")
_COLUMNS: Final = {
    "rank": Column.WHOLE,
    "slug": Column.TEXT,
    "name": Column.TEXT,
    "region": Column.TEXT,
    "year": Column.WHOLE,
    "network_eur_net": Column.PRICE,
    "difference_eur_net": Column.PRICE,
    "gross_eur": Column.PRICE,
    "derived": Column.FLAG,
    "preliminary": Column.FLAG,
}


class RankingPage(FormPage):
    computed = _COMPUTED
    further = _FURTHER

    async def _load(self, variables: Map, request: Request) -> Loaded:
        form = _Form(self._operations)
        page = _page(variables)
        form_values, consumption, read_set = await form.read(variables, request)
        wanted = {**_wanted(variables, consumption), "first": PER_PAGE, "skip": (page - 1) * PER_PAGE}
        result = await self._operations.run_fields(self._operation, wanted, request)
        read_set.merge(result.read_set)
        ranking = result.data["rankBills"]
        values = {
            **form_values,
            "ranking": ranking,
            "shares": [_share(one, ranking) for one in ranking["bills"]],
            "consumption": consumption,
            "profile": read_profile(variables),
            "page": page,
            "pages": -(-ranking["ranked"] // PER_PAGE),
            "refusal": None,
            "query_address": query_address(self._text, wanted),
        }
        return Loaded(values, read_set, result.counter)

    async def _form(self, request: Request) -> Map:
        options, _ = await _Form(self._operations).options(request)
        return {**options, "ranking": None, "consumption": None, "profile": None}


class RankingFiles(TableFiles):
    """All places of such a view."""

    name = "ranking"
    computed = _COMPUTED
    further = _FURTHER
    columns = _COLUMNS

    async def rows(self, variables: Map, request: Request, read: ReadSet) -> AsyncIterator[Rows]:
        _, consumption, form = await _Form(self._operations).read(variables, request)
        read.merge(form)
        wanted = {**_wanted(variables, consumption), "first": _PER_FILE_PART}
        skip = 0
        while True:
            result = await self._operations.run_fields(self._operation, {**wanted, "skip": skip}, request)
            read.merge(result.read_set)
            ranking = result.data["rankBills"]
            yield [_row(one, consumption.year) for one in ranking["bills"]]
            skip += _PER_FILE_PART
            if skip >= ranking["ranked"]:
                return


class _Form:
    """What the form offers, and what it asks for."""

    def __init__(self, operations: RestOperations) -> None:
        self._operations = operations
        self._operation = page_operation("rankingForm")

    async def options(self, request: Request) -> tuple[Map, ReadSet]:
        result = await self._operations.run_fields(self._operation, {}, request)
        coverage = result.data["coverage"]
        years = [row["year"] for row in coverage["byYear"]]
        return {"years": years, "regions": coverage["byRegion"]}, result.read_set

    async def read(self, variables: Map, request: Request) -> tuple[Map, Consumption, ReadSet]:
        """Raises FormError."""
        values, read_set = await self.options(request)
        year = variables.get("year")
        year = usual_year(values["years"], read_set) if year is None else check_form_year(year)
        return values, read_consumption(variables, year), read_set


def _page(variables: Map) -> int:
    page: int = variables.get("page", 1)
    if not 1 <= page <= _MOST_PAGES:
        raise FormError(f"Eine Seite von 1 bis {_MOST_PAGES}.", f"A page from 1 to {_MOST_PAGES}.", "page")
    return page


def _wanted(variables: Map, consumption: Consumption) -> Map:
    given: Map = {name: variables[name] for name in _OF_OPERATION if name in variables}
    return {**given, "input": input_of(consumption)}


def _share(one: Map, ranking: Map) -> str:
    return share_of(Decimal(one["bill"]["network"]), Decimal(ranking["highest"]))


def _row(one: Map, year: int) -> list[str | None]:
    dno, bill = one["dno"], one["bill"]
    return [
        str(one["rank"]),
        dno["slug"],
        dno["name"],
        dno["region"],
        str(year),
        bill["network"],
        one["difference"],
        bill["gross"],
        str(one["derived"]).lower(),
        str(one["preliminary"]).lower(),
    ]
