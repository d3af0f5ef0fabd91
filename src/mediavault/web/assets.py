"""The pages' styles, scripts and icons, served at ``/static/…``: a fixed list,
so that no request becomes a path.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request, Response

from mediavault.core.failures import NotFound
from mediavault.server.middleware import base_path
from mediavault.server.ranges import is_unchanged
from mediavault.web.icon_pictures import PICTURES, draw

router = APIRouter(include_in_schema=False)

TYPES: Mapping[str, str] = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
}
SERVICE_WORKER = "service-worker.js"
_IMPORTED = re.compile(rb'(?:(?<=from )|(?<=import\())"/static/([\w./-]+\.js)"')
SHORT = 1_000  # bytes; a smaller file is not worth compressing


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A static file. ``packed`` is the body compressed with gzip;
    None for small and already compressed files.
    """

    body: bytes
    packed: bytes | None
    media_type: str
    version: str

    @property
    def etag(self) -> str:
        return f'"{self.version}"'


def static_address(name: str) -> str:
    """Return the path of a file with its version. Raises KeyError for an unknown file."""
    return f"/static/{name}?v={load(name).version}"


@cache
def sources() -> Mapping[str, Traversable]:
    """Return every file by its name below ``static/``."""
    return dict(_walk(files("mediavault.web").joinpath("static"), ""))


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in TYPES:
            yield prefix + entry.name, entry


@cache
def load(name: str) -> StaticFile:
    """Return a file. KeyError for an unknown one.

    Module imports get versions, so that each module is loaded once, and become relative, so that
    they work below any path.
    """
    body = draw(PICTURES[name]) if name in PICTURES else sources()[name].read_bytes()
    if name.endswith(".js"):
        body = _IMPORTED.sub(
            lambda match: (
                f'".{static_address(match[1].decode()).removeprefix("/static")}"'.encode()
            ),
            body,
        )
    packed = (
        gzip.compress(body, mtime=0) if len(body) > SHORT and not name.endswith(".png") else None
    )
    return StaticFile(
        body, packed, TYPES[name.rpartition(".")[2]], hashlib.sha256(body).hexdigest()[:16]
    )


@router.get("/static/{name:path}")
async def static(request: Request, name: str, v: str = "") -> Response:
    """Serve a file: with its version in the URL browsers cache it forever,
    else they revalidate it each time.
    """
    if name not in sources() and name not in PICTURES:
        raise NotFound("Page not found.", help="")
    file = load(name)
    lasting = "public, max-age=31536000, immutable" if v == file.version else "no-cache"
    headers = {"ETag": file.etag, "Cache-Control": lasting, "Vary": "Accept-Encoding"}
    if name == SERVICE_WORKER:
        # else it may serve only what is below /static/
        headers["Service-Worker-Allowed"] = f"{base_path()}/"
    if is_unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(
            file.packed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"}
        )
    return Response(file.body, media_type=file.media_type, headers=headers)
