"""POST /api/v1/import/{kind}: a file is imported as by `dno import`, and answered with counts and problems.

The file is stored while it arrives, and imported by a process of its own (app/importers/import_run.py). The answer is sent when
the caches are invalidated, as for mutations.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import IO

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.auth.authenticator import has_credentials
from app.auth.roles import require
from app.db.pool import Incomplete
from app.db.staging import author_of
from app.domain.account import Role
from app.errors import AppError, BadInput, Code, DeadlineExceeded, Overloaded
from app.http.content_negotiation import JSON
from app.http.request_state import header, request_state
from app.importers.import_messages import Changed, ImportAnswer, ImportRequest, Ready
from app.importers.import_run import ImportRun, NotWritten
from app.importers.load import Kind
from app.limits.cancellation import shield_once
from app.resources import resources_of
from app.settings import Settings
from schema.http.import_parameters import ImportParameters, kind_of
from schema.http.import_upload import Upload, UploadedFile, stored
from schema.http.request import PREFLIGHTED

# What an HTML form of another site can send with the cookies of its visitor.
_OF_FORMS = frozenset((b"", b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"))


class Imports:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._running = 0

    @property
    def routes(self) -> list[BaseRoute]:
        return [Route("/api/v1/import/{kind}", self._post, methods=["POST"])]

    async def _post(self, request: Request) -> Response:
        principal = request_state(request.scope).principal
        require(principal, Role.EDITOR)
        _check_content(request)
        kind = kind_of(request)
        ImportParameters(request.query_params)  # refused before the file arrives
        with self.place():
            answer = await self._import(request, kind)
        if answer.problem_count and not answer.partial:
            raise _refused(answer)
        return Response(msgspec.json.encode(answer), headers={"cache-control": "no-store"}, media_type=JSON)

    @contextmanager
    def place(self) -> Iterator[None]:
        """From the first byte of the file on. Raises Overloaded."""
        if self._running >= self._settings.max_imports:
            raise Overloaded("Too many imports at once; please try again soon.", retry_after=5)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1

    async def _import(self, request: Request, kind: Kind) -> ImportAnswer:
        async with self.arrived(request) as upload:
            given = QueryParams([*request.query_params.multi_items(), *upload.fields])
            return await self.run(request, kind, ImportParameters(given), upload.files)

    @asynccontextmanager
    async def arrived(self, request: Request, large: Collection[str] = ()) -> AsyncIterator[Upload]:
        """The files of the body, stored, and its fields; `large` as of `stored`. Raises AppError."""
        within = self._settings.read_timeout + self._settings.operation_timeout
        try:
            async with asyncio.timeout(within) as arrival, stored(request, large) as upload:
                arrival.reschedule(None)
                yield upload
        except TimeoutError:
            raise DeadlineExceeded("The file took too long to arrive; nothing was imported.") from None

    async def run(
        self,
        request: Request,
        kind: Kind,
        parameters: ImportParameters,
        files: Sequence[UploadedFile],
        stays_out: tuple[int, int] | None = None,
    ) -> ImportAnswer:
        """`stays_out`: how many rows are refused and held back, else nothing is imported. Raises AppError."""
        wanted = self._request(request, kind, parameters, files)
        return await _run(request, wanted, [file.content for file in files], stays_out)

    def _request(
        self, request: Request, kind: Kind, parameters: ImportParameters, files: Sequence[UploadedFile]
    ) -> ImportRequest:
        principal = request_state(request.scope).principal
        return ImportRequest(
            database_url=self._settings.database_url,
            kind=kind,
            file_names=[parameters.name_of(file.name) for file in files],
            options=parameters.options,
            overwrite=parameters.overwrite,
            dry_run=parameters.dry_run,
            strict=parameters.strict,
            skip_refused=parameters.skip_refused,
            author=author_of(principal.name or ""),
            may_verify=principal.role.includes(Role.ADMIN),
            deadline=self._settings.import_request_timeout,
            max_memory=self._settings.max_import_memory,
        )


class OthersStayOut(AppError):
    """Other rows would stay out than the caller has agreed to; nothing was imported."""

    def __init__(self) -> None:
        super().__init__("Other rows are refused than before; nothing was imported.", Code.CONFLICT)


async def _run(
    request: Request, wanted: ImportRequest, files: Sequence[IO[bytes]], stays_out: tuple[int, int] | None
) -> ImportAnswer:
    """Once the commit has begun, a cancellation takes effect only after the invalidation."""
    resources = resources_of(request.scope)
    principal = request_state(request.scope).principal

    async def may_commit(ready: Ready) -> None:
        if stays_out not in (None, (ready.refused, ready.held_back)):
            raise OthersStayOut
        if not (await resources.authenticator.renewed(principal)).role.includes(principal.role):
            raise AppError("Your role has changed meanwhile; please try again.", Code.FORBIDDEN)

    confirmed = True

    async def on_change(changed: Changed) -> None:
        """Once Redis has not confirmed, L2 is not used until the relay has delivered all events, which does the rest."""
        nonlocal confirmed
        if confirmed:
            confirmed = await resources.invalidator.invalidate(changed.tags, changed.events)
        else:
            resources.invalidator.evict(changed.tags)

    def on_loss() -> None:
        resources.invalidator.keep_nothing("it is not known whether an import was committed")

    run = ImportRun(wanted, may_commit=may_commit, on_change=on_change, on_loss=on_loss)
    try:
        answer = await shield_once(run.run(files), begun=lambda: run.committing)
    except Incomplete:
        resources.pool.note_incomplete()
        raise
    except NotWritten:
        resources.pool.note_write(refused=True)
        raise
    if answer.imported:
        resources.pool.note_write(refused=False)
    return answer


def _check_content(request: Request) -> None:
    """The format is detected, whatever type a program states; a compressed body is refused."""
    kind = (header(request.scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    coding = (header(request.scope, b"content-encoding") or b"identity").strip().lower()
    if coding != b"identity":
        raise AppError("The file is sent without Content-Encoding.", Code.UNSUPPORTED_MEDIA_TYPE)
    if not has_credentials(request.headers) and kind in _OF_FORMS and not _is_preflighted(request):
        raise BadInput(
            "With a session cookie, the file needs a Content-Type that no form sends, such as text/csv, or the header"
            " X-Requested-With."
        )


def _is_preflighted(request: Request) -> bool:
    return any(header(request.scope, name) for name in PREFLIGHTED)


def _refused(answer: ImportAnswer) -> BadInput:
    rows = "1 row was" if answer.refused == 1 else f"{answer.refused:,} rows were"
    return BadInput(f"{rows} refused, and nothing was imported.", **msgspec.to_builtins(answer))
