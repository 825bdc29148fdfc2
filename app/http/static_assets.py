"""Files that browsers may keep forever, for their names change with their content."""

import json
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response

from app.http.content_negotiation import accepted_encodings

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
# Best first: what the build lays beside a file, and what it is called in headers.
_ENCODINGS = {".br": "br", ".gz": "gzip"}


class _Item(NamedTuple):
    path: Path
    encodings: dict[str, Path]


class StaticAssets:
    """`own`: files of this repository, hashed here; `built`: files whose names contain a hash, with a manifest."""

    def __init__(self, own: list[Path], built: Path) -> None:
        self._hashed = {path.name: _hashed(path) for path in own}
        self._items = {self._hashed[path.name]: _Item(path, {}) for path in own}
        manifest = built / "manifest.json"
        if manifest.exists():
            self._hashed |= json.loads(manifest.read_text())
            self._items |= {
                path.name: _Item(path, _encodings(path)) for path in built.iterdir() if path.suffix in _TYPES
            }

    @property
    def addresses(self) -> dict[str, str]:
        """Where each file is, by the name it was written under."""
        return {name: f"/assets/{hashed}" for name, hashed in self._hashed.items()}

    def answer(self, hashed_name: str, accept_encoding: str) -> Response:
        item = self._items.get(hashed_name)
        if item is None:
            raise HTTPException(404)
        headers = {
            "cache-control": "public, max-age=31536000, immutable",
            "x-content-type-options": "nosniff",
            "vary": "accept-encoding",
        }
        path = item.path
        encoding = next(filter(accepted_encodings(accept_encoding).__contains__, item.encodings), None)
        if encoding is not None:
            headers["content-encoding"] = encoding
            path = item.encodings[encoding]
        return FileResponse(path, media_type=_TYPES[item.path.suffix], headers=headers)


def _hashed(path: Path) -> str:
    return f"{path.stem}-{sha256(path.read_bytes()).hexdigest()[:10]}{path.suffix}"


def _encodings(path: Path) -> dict[str, Path]:
    beside = {encoding: path.with_name(path.name + suffix) for suffix, encoding in _ENCODINGS.items()}
    return {encoding: packed for encoding, packed in beside.items() if packed.exists()}
