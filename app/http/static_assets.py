"""Files that browsers may keep forever, for their names change with their content."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import (
    FileResponse,
    MalformedRangeHeader,
    RangeNotSatisfiable,
    Response,
)
from starlette.types import Scope

from app.http.compression import Effort, compressed, is_compressible
from app.http.content_coding import MINIMUM, Coding, choose_coding
from app.http.entity_tags import known_tag, tag_of
from app.http.headers import joined

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
# What the build lays beside a file.
_SUFFIXES = {Coding.BR: ".br", Coding.GZIP: ".gz"}


class _Item:
    """Codings that the build has not made are made with the first request for them, and kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.compressible = path.stat().st_size > MINIMUM and is_compressible(_TYPES[path.suffix].encode())
        self._encoded: dict[Coding, asyncio.Future[bytes]] = {}

    def built(self, coding: Coding) -> Path | None:
        path = self.path.with_name(self.path.name + _SUFFIXES.get(coding, ""))
        return path if path != self.path and path.exists() else None

    async def encoded(self, coding: Coding) -> bytes:
        making = self._encoded.get(coding)
        if making is None or making.cancelled():
            body = compressed(self.path.read_bytes(), coding, Effort.FILE)
            making = self._encoded[coding] = asyncio.ensure_future(body)
        return await asyncio.shield(making)


class StaticAssets:
    """`own`: files of this repository, hashed here; `built`: files whose names contain a hash, with a manifest."""

    def __init__(self, own: list[Path], built: Path) -> None:
        self._hashed = {path.name: _hashed(path) for path in own}
        self._items = {self._hashed[path.name]: _Item(path) for path in own}
        manifest = built / "manifest.json"
        if manifest.exists():
            self._hashed |= json.loads(manifest.read_text(encoding="utf-8"))
            self._items |= {path.name: _Item(path) for path in built.iterdir() if path.suffix in _TYPES}

    @property
    def addresses(self) -> dict[str, str]:
        """Where each file is, by the name it was written under."""
        return {name: f"/assets/{hashed}" for name, hashed in self._hashed.items()}

    async def answer(self, hashed_name: str, scope: Scope) -> Response:
        """Raises HTTPException."""
        item = self._items.get(hashed_name)
        if item is None:
            raise HTTPException(404)
        choice = choose_coding(joined(scope["headers"], b"accept-encoding") or b"")
        coding = choice.coding if item.compressible else None
        tag = b'"%s"' % hashed_name.encode()
        known = known_tag(joined(scope["headers"], b"if-none-match") or b"", tag, coding)
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
            "etag": (known or tag_of(tag, coding)).decode(),
        }
        if known is not None:
            return Response(status_code=304, headers=headers)
        return await _file(item, coding, headers)


async def _file(item: _Item, coding: Coding | None, headers: dict[str, str]) -> Response:
    """A range of a file is one of its encoded bytes; what is encoded here is sent whole."""
    media_type = _TYPES[item.path.suffix]
    if coding is None:
        return File(item.path, media_type=media_type, headers=headers)
    headers["content-encoding"] = coding
    built = item.built(coding)
    if built is not None:
        return File(built, media_type=media_type, headers=headers)
    return Response(await item.encoded(coding), headers=headers, media_type=media_type)


class File(FileResponse):
    @classmethod
    def _parse_range_header(cls, http_range: str, file_size: int) -> list[tuple[int, int]]:
        """None of one that cannot be read or satisfied: it is ignored (RFC 9110, 14.2), as Starlette's refusals have no code."""
        try:
            return super()._parse_range_header(http_range, file_size)
        except (MalformedRangeHeader, RangeNotSatisfiable):
            return []


def _hashed(path: Path) -> str:
    return f"{path.stem}-{sha256(path.read_bytes()).hexdigest()[:10]}{path.suffix}"
