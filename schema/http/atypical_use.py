"""POST /api/v1/dnos/{slug}/atypical-use/{year}: a load profile is read as it arrives, and answered with a report.

The profile is neither stored nor logged, and the report is not cached. Prices and windows are those at the end of the upload.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from enum import StrEnum
from time import thread_time
from typing import Final, TypeVar

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.auth.roles import require_reader
from app.cache.read_set import ReadSet
from app.domain.atypical_use import work_out
from app.domain.dno import Dno
from app.domain.entry import DnoYear, VoltageLevel
from app.domain.kilowatts import DecimalMark
from app.domain.load_profile import LoadProfile, LoadProfileReader
from app.domain.profile_stamps import StampPosition
from app.errors import AppError, BadInput, Code, DeadlineExceeded, Overloaded, quoted
from app.http.content_negotiation import JSON
from app.http.exports import year_in_path
from app.http.request_state import header, request_state
from app.limits.work_budget import WorkBudget
from app.resources import resources_of
from app.settings import Settings
from loaders.registry import Loaders
from schema.http.parameters import check_parameters
from schema.http.stages.charge import RateLimitCharges

# Bytes that are read without a turn for other requests: some milliseconds.
PART: Final = 16 * 1024
PARAMETERS: Final = ("voltageLevel", "timeStamps", "decimalMark")

E = TypeVar("E", bound=StrEnum)


class AtypicalUseReports:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._charges = RateLimitCharges(settings)
        self._uploads = 0
        # One part at a time: with many uploads, other requests wait for one part and not for one of each.
        self._turn = asyncio.Lock()

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/api/v1/dnos/{slug}/atypical-use/{year}", self._post, methods=["POST"])]

    async def _post(self, request: Request) -> Response:
        principal = request_state(request.scope).principal
        require_reader(principal, anonymous_reading=self._settings.anonymous_reading)
        with self._upload(anonymous=principal.anonymous):
            budget = WorkBudget(self._settings)
            try:
                async with asyncio.timeout(self._settings.read_timeout + self._settings.operation_timeout):
                    body = await self._report(request, budget)
            except TimeoutError:
                raise DeadlineExceeded("The load profile and its report took too long.") from None
            finally:
                self._charges.charge_work(budget.units, 0, request.scope)
        return Response(body, headers={"cache-control": "no-store"}, media_type=JSON)

    @contextmanager
    def _upload(self, *, anonymous: bool) -> Iterator[None]:
        """Where there are several places, the last is kept for callers with credentials. Raises Overloaded."""
        most = self._settings.max_load_profiles
        if self._uploads >= (max(1, most - 1) if anonymous else most):
            raise Overloaded("Too many load profiles at once; please try again soon.", retry_after=1)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    async def _report(self, request: Request, budget: WorkBudget) -> bytes:
        _check_content(request)
        parameters = request.query_params
        check_parameters(parameters, *PARAMETERS)
        level = _choice(parameters, "voltageLevel", VoltageLevel)
        if level is None:
            raise BadInput(
                f"The parameter voltageLevel is needed: {', '.join(VoltageLevel)}.", argument="voltageLevel"
            )
        year = year_in_path(request)
        reader = LoadProfileReader(
            year,
            _choice(parameters, "timeStamps", StampPosition),
            _choice(parameters, "decimalMark", DecimalMark),
        )
        slug: str = request.path_params["slug"]
        await self._operator(slug, request)  # before the upload, which may be long
        profile = await self._read(request, reader, budget)
        return await self._work_out(slug, level, profile, request, budget)

    async def _read(self, request: Request, reader: LoadProfileReader, budget: WorkBudget) -> LoadProfile:
        async with aclosing(_parts(request)) as parts:
            async for part in parts:
                async with self._turn:
                    with _computing(budget):
                        reader.feed(part)
                    await asyncio.sleep(0)
        with _computing(budget):
            return reader.finish()

    async def _operator(self, slug: str, request: Request) -> tuple[Dno, Loaders]:
        """With loaders that read what holds now."""
        loaders = Loaders(resources_of(request.scope).read_through, ReadSet())
        [dno] = await loaders.dno_by_slug.load_many([slug])
        if dno is None:
            raise AppError(f"There is no operator {quoted(slug)}.", Code.NOT_FOUND)
        return dno, loaders

    async def _work_out(
        self, slug: str, level: VoltageLevel, profile: LoadProfile, request: Request, budget: WorkBudget
    ) -> bytes:
        dno, loaders = await self._operator(slug, request)
        key = DnoYear(dno.id, profile.year.year)
        [tariffs], [hlzf], [rules] = await asyncio.gather(
            loaders.tariffs_by_dno_year.load_many([key]),
            loaders.hlzf_by_dno_year.load_many([key]),
            loaders.holiday_rules_by_dno.load_many([dno.id]),
        )
        async with self._turn:
            with _computing(budget):
                return msgspec.json.encode(
                    work_out(profile, dno, level, tariffs or (), hlzf or (), rules or ())
                )


@contextmanager
def _computing(budget: WorkBudget) -> Iterator[None]:
    """Counts the CPU time of the block. Raises LimitExceeded."""
    began = thread_time()
    try:
        yield
    finally:
        budget.add_cpu(thread_time() - began)
    budget.check()


async def _parts(request: Request) -> AsyncGenerator[bytes, None]:
    async with aclosing(request.stream()) as chunks:
        async for chunk in chunks:
            for start in range(0, len(chunk), PART):
                yield chunk[start : start + PART]


def _check_content(request: Request) -> None:
    """Programs send files under various types; a form or a compressed body would be read as rows."""
    kind = (header(request.scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    coding = (header(request.scope, b"content-encoding") or b"identity").strip().lower()
    if kind.startswith(b"multipart/") or kind == b"application/json" or coding != b"identity":
        raise AppError(
            "A load profile is sent as the request's body, as text/csv, without Content-Encoding.",
            Code.UNSUPPORTED_MEDIA_TYPE,
            headers={"accept": "text/csv"},
        )


def _choice(parameters: QueryParams, name: str, choices: type[E]) -> E | None:
    given = parameters.getlist(name)
    if not given:
        return None
    try:
        [text] = given
        return choices(text)
    except ValueError:
        raise BadInput(
            f"The parameter {name} is one of {', '.join(choices)}, and not {quoted(', '.join(given))}.",
            argument=name,
        ) from None
