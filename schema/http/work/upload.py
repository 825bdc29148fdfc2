"""/work/import: a file is uploaded, reported on, and loaded in a second step.

The report is that of a dry run. What it showed is what is loaded: the same bytes, with the same rows staying out.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from app.error_table import ERRORS
from app.errors import AppError, BadInput, Code
from app.http.request_state import header
from app.importers.decimals import Decimal
from app.importers.encodings import Encoding
from app.importers.import_messages import ImportAnswer
from app.importers.load import Kind
from app.settings import Settings
from schema.http.import_parameters import ImportParameters
from schema.http.import_upload import FORM, Upload, UploadedFile
from schema.http.imports import Imports, OthersStayOut
from schema.http.work.carried_files import carry, digest_of, unpack
from schema.http.work.form_token import FIELD, check_origin, confirmed, form_token
from schema.http.work.forms import page, view_of, whole_number

PATH: Final = "/work/import"
_CARRIED: Final = "carried"
_OPTIONS: Final = ("encoding", "separator", "decimal", "sheet", "ignoreExtra", "overwrite")
# Kinds under one name, and without the whole country's figures.
_KINDS: Final = tuple(kind for kind in Kind if kind.name != "SECTION14A")
# Errors that a person can do something about on the page; others have pages of their own.
_SHOWN: Final = frozenset({Code.BAD_USER_INPUT, Code.LIMIT_EXCEEDED, Code.DEADLINE_EXCEEDED})


class UploadPage:
    def __init__(self, settings: Settings, imports: Imports) -> None:
        self._settings = settings
        self._imports = imports

    async def show(self, request: Request) -> Response:
        """GET: the form."""
        view = view_of(request, ("kind",))
        return page(view, "work/import", **self._values(request, {"kind": view.value("kind")}))

    async def send(self, request: Request) -> Response:
        """POST: the report on a file, or, of one that was reported on, the import."""
        check_origin(request, self._settings)
        _check_content(request)
        view = view_of(request, ())
        fields: dict[str, str] = {}
        with self._imports.place():
            try:
                async with self._imports.arrived(request, (_CARRIED,)) as upload:
                    fields = dict(reversed(upload.fields))
                    confirmed(request, self._settings, fields.get(FIELD, ""))
                    with ExitStack() as opened:
                        shown = await self._respond(request, fields, await self._files(upload, opened))
                status = 200
            except AppError as error:
                if error.code not in _SHOWN:
                    raise
                shown, status = {"error": error}, ERRORS[error.code].status
        return page(view, "work/import", status, **{**self._values(request, fields), **shown})

    async def _files(self, upload: Upload, opened: ExitStack) -> list[UploadedFile]:
        """Raises BadInput: none was chosen."""
        files = [file for file in upload.files if file.name or file.content.seek(0, 2)]
        if not files and _CARRIED in upload.large:
            return await unpack(upload.large[_CARRIED], self._settings.max_import_bytes, opened)
        if not files:
            raise BadInput("No file was chosen.", argument="file")
        return files

    async def _respond(
        self, request: Request, fields: dict[str, str], files: Sequence[UploadedFile]
    ) -> dict[str, Any]:
        if fields.get("kind") not in set(_KINDS):
            raise BadInput("Choose what the file holds.", argument="kind")
        digest = await digest_of(files)
        if fields.get("step") == "load":
            if digest != fields.get("digest"):
                return await self._report(request, fields, files, notice="other")
            if (agreed := _agreed(fields)) is None:
                return await self._report(request, fields, files, notice="choice")
            try:
                return {"loaded": await self._run(request, fields, files, agreed)}
            except OthersStayOut:
                return await self._report(request, fields, files, notice="rows")
        return await self._report(request, fields, files)

    async def _report(
        self, request: Request, fields: dict[str, str], files: Sequence[UploadedFile], notice: str = ""
    ) -> dict[str, Any]:
        """`notice`: why it is not the import that was asked for."""
        answer = await self._run(request, fields, files, None)
        can_load = not answer.refused or answer.partial
        return {
            "report": answer,
            "notice": notice,
            "digest": await digest_of(files),
            "carried": await carry(files) if can_load else None,
            "can_load": can_load,
        }

    async def _run(
        self,
        request: Request,
        fields: dict[str, str],
        files: Sequence[UploadedFile],
        stays_out: tuple[int, int] | None,
    ) -> ImportAnswer:
        """`stays_out` None: a dry run, also without the rows that are refused."""
        options = [(name, fields[name].strip()) for name in _OPTIONS if fields.get(name, "").strip()]
        dry_run = stays_out is None
        skip = dry_run or stays_out != (0, 0)
        given = [*options, ("dryRun", str(dry_run).lower()), ("skipRefused", str(skip).lower())]
        parameters = ImportParameters(QueryParams(given))
        answer = await self._imports.run(request, Kind(fields["kind"]), parameters, files, stays_out)
        if stays_out == (0, 0) and answer.refused:
            raise OthersStayOut
        return answer

    def _values(self, request: Request, fields: dict[str, str]) -> dict[str, Any]:
        return {
            "token": form_token(request, self._settings),
            "fields": fields,
            "kinds": [kind.value for kind in _KINDS],
            "encodings": [*Encoding],
            "decimals": [*Decimal],
            "max_mebibytes": self._settings.max_import_bytes // 2**20,
            "error": None,
            "report": None,
            "loaded": None,
        }


def _agreed(fields: dict[str, str]) -> tuple[int, int] | None:
    """How many rows stay out, refused and held back; None: there are some, and that was not chosen."""
    refused, held_back = (whole_number(fields.get(name, ""), 8) for name in ("refused", "heldBack"))
    if refused is None or held_back is None:
        return None
    return (refused, held_back) if not refused or fields.get("partial") == "true" else None


def _check_content(request: Request) -> None:
    kind = (header(request.scope, b"content-type") or b"").partition(b";")[0].strip().lower()
    if kind != FORM.encode():
        raise AppError(f"The form is sent as {FORM}.", Code.UNSUPPORTED_MEDIA_TYPE)
