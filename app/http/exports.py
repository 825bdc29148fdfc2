"""Downloads: whole tables, and the peak-load windows of one operator as a calendar."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from math import ceil

import msgspec
import structlog
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from app.auth.credentials import Credentials
from app.auth.roles import require_reader
from app.db import dnos, hlzf, holiday_rules
from app.db.export import COLUMNS, FILTERS, HAS_OPERATORS, Filter, Table, stream
from app.db.pool import Pool
from app.domain.entry import FIRST_YEAR, LAST_YEAR, DnoYear
from app.errors import AppError, BadInput, Code, LimitExceeded, Overloaded, quoted
from app.http import export_formats as formats
from app.http.conditional_requests import etag, is_current
from app.http.export_formats import MEDIA_TYPES, Format
from app.http.hlzf_calendar import write_calendar
from app.http.request_state import request_state
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
        table, as_format = _table(request), _format(request)
        wanted = read_filter(request.query_params, FILTERS[table])
        formats.require(as_format)
        headers = {
            "content-type": MEDIA_TYPES[as_format],
            "content-disposition": f'attachment; filename="{table}.{as_format}"',
            "cache-control": "no-store",
        }
        if HAS_OPERATORS[table]:
            headers["link"] = LICENCE
        if request.method == "HEAD":
            answer = Response(headers=headers)
            del answer.headers["content-length"]  # GET has none either: it sends chunks
            return answer
        skipped = _Skipped(table)
        anonymous = request_state(request.scope).principal.anonymous
        rows = self._chunks(
            request_state(request.scope).resources.pool,
            table,
            as_format,
            wanted,
            skipped,
            self._places(anonymous=anonymous),
        )
        chunks = self._counted(rows, request)
        # What can go wrong at the start goes wrong before status 200 is sent.
        first = await anext(chunks, b"")
        if skipped.rows:
            headers["dno-skipped-rows"] = str(skipped.rows)
        return _Download(
            first, chunks, headers, self._credentials(request), deadline=self._settings.export_timeout
        )

    def _places(self, *, anonymous: bool) -> int:
        """Where there are several, the last is kept for callers with credentials."""
        most = self._settings.max_exports
        return max(1, most - 1) if anonymous else most

    async def _chunks(
        self, pool: Pool, table: Table, format: Format, wanted: Filter, skipped: "_Skipped", places: int
    ) -> AsyncGenerator[bytes, None]:
        if self._running >= places:
            raise Overloaded("Too many downloads at once; please try again soon.", retry_after=5)
        self._running += 1
        try:
            async with (
                pool.reading() as connection,
                aclosing(
                    stream(
                        connection,
                        table,
                        wanted,
                        batch_timeout=self._settings.export_timeout,
                        on_broken=skipped.count,
                    )
                ) as rows,
                aclosing(formats.encode(format, COLUMNS[table], rows, skipped.count)) as chunks,
            ):
                async for chunk in chunks:
                    yield chunk
        finally:
            self._running -= 1

    async def _counted(
        self, chunks: AsyncGenerator[bytes, None], request: Request
    ) -> AsyncGenerator[bytes, None]:
        """The same, within the limits; what it took to make them is charged to the caller, however it ends."""
        budget = WorkBudget(self._budgets)
        try:
            async with aclosing(chunks):
                while (chunk := await metered(anext(chunks, None), budget)) is not None:
                    budget.add_bytes(len(chunk))
                    budget.check()
                    yield chunk
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
        body = write_calendar(dno, year, entries, rules)
        headers = {
            "etag": etag(body),
            "cache-control": "no-cache",  # stored, but revalidated each time, so that corrections are seen
            "link": LICENCE,
        }
        if is_current(request.scope, headers["etag"]):
            return Response(status_code=304, headers=headers)
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


def read_filter(parameters: QueryParams, allowed: tuple[str, ...]) -> Filter:
    """`year=2025&year=2026` selects both. Raises BadInput with the name of the parameter."""
    if unknown := sorted(set(parameters) - set(allowed)):
        raise BadInput(
            f"There is no filter {unknown[0]}; there are {', '.join(allowed)}.", field=(unknown[0],)
        )
    texts = {name: [_text(name, text) for text in parameters.getlist(name)] for name in parameters}
    for name, given in texts.items():
        try:
            msgspec.convert({name: given}, Filter, strict=False)
        except msgspec.ValidationError:
            raise BadInput(
                f"The filter {name} cannot be {quoted(', '.join(given))}.", field=(name,)
            ) from None
    return msgspec.convert(texts, Filter, strict=False)


def _text(name: str, text: str) -> str:
    if "\x00" in text:
        raise BadInput(f"The filter {name} holds a NUL character.", field=(name,))
    # Statuses are in capitals in the API and in small letters in files.
    return text.lower() if name == "verification_status" else text


def _table(request: Request) -> Table:
    try:
        return Table(request.path_params["table"])
    except ValueError:
        raise AppError(f"There is no such export; there are {', '.join(Table)}.", Code.NOT_FOUND) from None


def _format(request: Request) -> Format:
    try:
        return Format(request.path_params["format"])
    except ValueError:
        raise AppError(f"There is no such format; there are {', '.join(Format)}.", Code.NOT_FOUND) from None


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


class _Download(StreamingResponse):
    """Ends with its deadline or when the reader has gone, and closes what it reads from however it ends.

    Starlette's own way cancels every single step of the closing, too; the transaction would stay open.
    """

    def __init__(
        self,
        first: bytes,
        chunks: AsyncGenerator[bytes, None],
        headers: Mapping[str, str],
        credentials: Credentials | None,
        *,
        deadline: float,
    ) -> None:
        super().__init__(chunks, headers=headers)
        self._credentials = credentials
        self._first = first
        self._chunks = chunks
        self._deadline = deadline

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            async with asyncio.timeout(self._deadline), aclosing(self._chunks):
                await self._send(send, gone)
        except (TimeoutError, AppError) as error:
            # Too late for a status. The server cuts the connection, so the reader sees that something is missing.
            log.warning("export cut off", path=scope["path"], reason=str(error) or "deadline")
        except OSError:
            pass  # the reader went away in the middle of a part
        finally:
            gone.cancel()

    async def _send(self, send: Send, gone: "asyncio.Future[None]") -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        async for chunk in self._chunks:
            if gone.done():
                return
            if self._credentials is not None:
                await self._credentials.renew()  # a revoked key gets no further part
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
