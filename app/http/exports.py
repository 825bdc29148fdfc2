"""Downloads: whole tables, and the peak-load windows of one operator as a calendar."""

import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from math import ceil

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.auth.credentials import Credentials
from app.auth.roles import require_reader
from app.cache.read_set import ReadSet
from app.db import dnos, hlzf, holiday_rules
from app.db.export import COLUMNS, HAS_OPERATORS, Table, stream
from app.db.pool import Pool
from app.domain import tags
from app.domain.account import Role
from app.domain.entry import FIRST_YEAR, LAST_YEAR, DnoYear
from app.domain.families import FAMILIES
from app.edge.keys import of_family
from app.errors import AppError, Code, LimitExceeded, Overloaded, quoted
from app.http import export_formats as formats
from app.http.compression import compressed_stream
from app.http.compression_rule import may_be_compressed
from app.http.conditional_requests import known_version
from app.http.content_coding import Coding
from app.http.download import Download
from app.http.entity_tags import etag
from app.http.export_formats import MEDIA_TYPES
from app.http.export_parameters import ExportRequest, read_export, read_filter
from app.http.hlzf_calendar import write_calendar
from app.http.request_state import accepted_coding, request_state
from app.limits.work_budget import SECONDS_PER_UNIT, WorkBudget, metered
from app.settings import Settings

log = structlog.get_logger("exports")

_YEAR = re.compile(r"\d{4}", re.ASCII)

# The licence of the register requires attribution; every export with operators contains data of it.
LICENCE = '<https://www.govdata.de/dl-de/by-2-0>; rel="license"'


class Exports:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._budgets = msgspec.structs.replace(
            settings,
            limit_answer_bytes=settings.limit_export_bytes,
            limit_cpu_time=settings.limit_export_cpu_time,
        )
        self._running = 0

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route("/export/{table}.{format}", self._export),
            Route("/dnos/{slug}/hlzf/{year}.ics", self._calendar),
        ]

    async def _export(self, request: Request) -> Response:
        self._check_reader(request)
        export = read_export(request)
        formats.require(export.format)
        edge = _for_edges(request, _names_of(export))
        coding = _coding(request, export)
        skipped = _Skipped(export.table)
        chunks = self._metered(self._chunks(request, export, skipped), request, coding)
        # What can go wrong at the start goes wrong before status 200 is sent.
        first = await anext(chunks, b"")
        headers = _headers(export, skipped, coding) | edge
        if request.method == "HEAD":
            await chunks.aclose()
            answer = Response(headers=headers)
            del answer.headers["content-length"]  # GET has none either: it sends chunks
            return answer
        return Download(
            first, chunks, headers, self._credentials(request), deadline=self._settings.export_timeout
        )

    def _places(self, *, anonymous: bool) -> int:
        """Where there are several, the last is kept for callers with credentials."""
        most = self._settings.max_exports
        return max(1, most - 1) if anonymous else most

    async def _chunks(
        self, request: Request, export: ExportRequest, skipped: "_Skipped"
    ) -> AsyncGenerator[bytes, None]:
        state = request_state(request.scope)
        pool: Pool = state.resources.pool
        if self._running >= self._places(anonymous=state.principal.anonymous):
            raise Overloaded("Too many downloads at once; please try again soon.", retry_after=5)
        self._running += 1
        try:
            async with (
                pool.reading() as connection,
                aclosing(
                    stream(
                        connection,
                        export.table,
                        export.wanted,
                        batch_timeout=self._settings.export_timeout,
                        on_broken=skipped.count,
                        with_authors=state.principal.role.includes(Role.EDITOR),
                    )
                ) as rows,
                aclosing(
                    formats.encode(
                        export.format,
                        COLUMNS[export.table],
                        rows,
                        skipped.count,
                        dialect=export.dialect,
                        title=export.table,
                    )
                ) as chunks,
            ):
                async for chunk in chunks:
                    yield chunk
        finally:
            self._running -= 1

    async def _metered(
        self, chunks: AsyncGenerator[bytes, None], request: Request, coding: Coding | None
    ) -> AsyncGenerator[bytes, None]:
        """The same, within the limits; what it took to make them is charged to the caller, however it ends."""
        budget = WorkBudget(self._budgets)
        sent = _limited(chunks, budget)
        try:
            async with aclosing(sent if coding is None else compressed_stream(sent, coding)) as parts:
                while (part := await metered(anext(parts, None), budget)) is not None:
                    budget.check()
                    yield part
        except LimitExceeded as exceeded:
            raise _of_a_download(exceeded) from None
        finally:
            self._charge(budget, request)

    def _charge(self, budget: WorkBudget, request: Request) -> None:
        """One request was paid before; what was sent is not charged, but what was computed is."""
        requests = ceil(budget.cpu_spent() / SECONDS_PER_UNIT / self._settings.rate_limit_cost) - 1
        if requests > 0 and request_state(request.scope).verdict is not None:  # None: without rate limit
            limiter = request_state(request.scope).resources.limiter
            key, policy = request_state(request.scope).budget
            limiter.owe(key, requests, policy)

    async def _calendar(self, request: Request) -> Response:
        self._check_reader(request)
        wanted = read_filter(request.query_params, ("voltage_level",))
        pool: Pool = request_state(request.scope).resources.pool
        slug, year = request.path_params["slug"], year_in_path(request)
        dno = (await dnos.fetch_by_slug(pool, [slug])).get(slug)
        if dno is None:
            raise AppError("There is no such operator.", Code.NOT_FOUND)
        key = DnoYear(dno.id, year)
        entries = (await hlzf.fetch_by_dno_year(pool, [key])).get(key)
        if entries is None:
            raise AppError(f"No Hochlastzeitfenster of {dno.name} are known for {year}.", Code.NOT_FOUND)
        if wanted.voltage_level:
            entries = tuple(entry for entry in entries if entry.voltage_level in wanted.voltage_level)
        rules = (await holiday_rules.fetch_by_dno(pool, [dno.id]))[dno.id]
        body = write_calendar(dno, year, entries, rules, wanted.voltage_level)
        headers = {
            "etag": etag(body),
            "cache-control": "no-cache",  # stored, but revalidated each time, so that corrections are seen
            "vary": "authorization, cookie",
            "link": LICENCE,
            **_for_edges(request, _names_of_calendar(slug, key)),
        }
        if (known := known_version(request.scope, headers["etag"])) is not None:
            return Response(status_code=304, headers=headers | {"etag": known})
        headers["content-disposition"] = f'inline; filename="hlzf-{slug}-{year}.ics"'
        return Response(body, headers=headers, media_type="text/calendar")

    def _credentials(self, request: Request) -> Credentials | None:
        """None for anonymous callers: they have none that could end."""
        principal = request_state(request.scope).principal
        if principal.anonymous:
            return None
        return Credentials(
            request_state(request.scope).resources.authenticator,
            principal,
            timeout=self._settings.credential_check_timeout,
        )

    def _check_reader(self, request: Request) -> None:
        principal = request_state(request.scope).principal
        require_reader(principal, anonymous_reading=self._settings.anonymous_reading)


async def _limited(chunks: AsyncGenerator[bytes, None], budget: WorkBudget) -> AsyncGenerator[bytes, None]:
    """The limit of bytes is that of the content, whether or not it is compressed."""
    async with aclosing(chunks):
        async for chunk in chunks:
            budget.add_bytes(len(chunk))
            budget.check()
            yield chunk


def _coding(request: Request, export: ExportRequest) -> Coding | None:
    described = [(b"content-type", MEDIA_TYPES[export.format].encode())]
    return accepted_coding(request.scope).coding if may_be_compressed(request.scope, described) else None


def _headers(export: ExportRequest, skipped: "_Skipped", coding: Coding | None) -> dict[str, str]:
    headers = {
        "content-type": MEDIA_TYPES[export.format],
        "content-disposition": f'attachment; filename="{export.table}.{export.format}"',
        "cache-control": "no-store",
        "vary": "authorization, cookie",
    }
    if coding is not None:
        headers["content-encoding"] = coding
    if HAS_OPERATORS[export.table]:
        headers["link"] = LICENCE
    if skipped.rows:
        headers["dno-skipped-rows"] = str(skipped.rows)
    return headers


def _for_edges(request: Request, names: Iterable[str]) -> dict[str, str]:
    """The headers for caches at the edge of a response that was read from what these tags name."""
    read_set = ReadSet()
    read_set.update(names)
    headers = request_state(request.scope).resources.edge.headers_of(request.scope, read_set)
    return {name.decode(): value.decode() for name, value in headers}


def _names_of(export: ExportRequest) -> Iterator[str]:
    """Tags, and groups of tags."""
    yield tags.DIRECTORY  # each row has the name of its operator
    for family in FAMILIES:
        if export.table == family.public_name:
            yield from of_family(family, export.wanted.year)
    if export.table is Table["CHANGES"]:
        yield from tags.every_entry()
    elif export.table is Table["PLACES"]:
        yield tags.PLACES


def _names_of_calendar(slug: str, key: DnoYear) -> Iterator[str]:
    yield tags.slug(slug)
    yield tags.operator(key.dno_id)
    yield tags.hlzf(key)
    yield tags.holiday_rules_of(key.dno_id)


def _of_a_download(exceeded: LimitExceeded) -> LimitExceeded:
    limit = (
        str(exceeded.details["limit"]).replace("ANSWER", "EXPORT").replace("LIMIT_CPU", "LIMIT_EXPORT_CPU")
    )
    return LimitExceeded(
        "The download is larger than what is allowed here; please filter it.",
        limit=limit,
        maximum=exceeded.details["maximum"],
    )


def year_in_path(request: Request) -> int:
    """Not by Starlette's convertor, which reads numbers of any length. Raises NOT_FOUND."""
    text: str = request.path_params["year"]
    year = int(text) if _YEAR.fullmatch(text) else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise AppError(f"{quoted(text)} is not a year from {FIRST_YEAR} to {LAST_YEAR}.", Code.NOT_FOUND)
    return year


class _Skipped:
    """Rows that are in the table and not in the download. The header counts those that are known before it begins;
    the log counts them all.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self.rows = 0

    def count(self, rows: int) -> None:
        self.rows += rows
        log.warning("rows left out of an export", table=self._table, rows=rows)
