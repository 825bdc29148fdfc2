"""A page with a form that states on itself why it is refused."""

from datetime import UTC, date, datetime
from typing import Final

from starlette.requests import Request

from app.cache.clock import monotonic
from app.cache.read_set import ReadSet
from app.cache.responses import ResponseKey
from app.domain.clock import midnight, today
from app.errors import AppError, BadInput, Code
from app.http.buffered_response import BufferedResponse
from app.http.content_negotiation import prefers_page
from app.http.request_state import joined_header
from app.web.language import language_of, split_path
from app.web.page_view import PageView
from app.web.rendering import render
from schema.http.pages.address import PageAddress
from schema.http.pages.parameters import MAX_PARAMETERS
from schema.http.pages.representation import HTML
from schema.http.rest_operations import Map

_REFUSED: Final = 400
MAX_REPEATED: Final = 500  # letters of the parameters that a refused form has again


class FormError(BadInput):
    """A value of a form that cannot be: the reason in German and, as `message`, in English."""

    def __init__(self, german: str, english: str, argument: str) -> None:
        super().__init__(english, argument=argument)
        self.german = german


class FormPage(PageAddress):
    """Browsers get the form again, with the reason and the status of the error; programs the problem."""

    async def _respond(self, request: Request, key: ResponseKey, *, waits: bool = True) -> BufferedResponse:
        try:
            return await super()._respond(request, key, waits=waits)
        except AppError as error:
            scope = request.scope
            if error.code is not Code.BAD_USER_INPUT or not prefers_page(joined_header(scope, b"accept")):
                raise
            return await self._refused(request, error)

    async def _refused(self, request: Request, error: AppError) -> BufferedResponse:
        scope = request.scope
        given = [
            (name, text)
            for name, text in request.query_params.multi_items()
            if self._parameters.has(name) and len(text) <= MAX_REPEATED
        ][:MAX_PARAMETERS]
        view = PageView(
            language_of(scope), *split_path(scope["path"]), given, public_url=self._operations.public_url
        )
        body = render(self._template, view, refusal=error, **await self._form(request))
        headers = [
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(body)),
            (b"content-type", HTML.encode()),
            (b"content-language", view.language.encode()),
        ]
        return BufferedResponse(_REFUSED, headers, body)

    async def _form(self, request: Request) -> Map:
        """The values of the template for a form without results."""
        return {}


def usual_year(years: list[int], read_set: ReadSet) -> int:
    """This year, or else the year with figures that is next to it, past ones first. The read set is valid as long as that is so."""
    day = today()
    new_year = midnight(date(day.year + 1, 1, 1))
    read_set.change_at(monotonic() + (new_year - datetime.now(UTC)).total_seconds())
    past = [year for year in years if year <= day.year]
    return max(past) if past else min(years, default=day.year)
