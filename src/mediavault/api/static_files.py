"""The page's own style, script and icon: a fixed list, read once, so that no request ever becomes a path."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request, Response

from mediavault.api.errors import HttpRefusal
from mediavault.api.ranges import is_unchanged
from mediavault.core.errors import ErrorCode

router = APIRouter(include_in_schema=False)

TYPES: Mapping[str, str] = {
    "app.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
    "sessions.js": "text/javascript; charset=utf-8",
    "window.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    body: bytes
    media_type: str
    etag: str


@router.get("/static/{name}")
async def static(request: Request, name: str) -> Response:
    if name not in TYPES:
        raise HttpRefusal(404, ErrorCode.NOT_FOUND, "There is nothing at this address.", help="")
    file = _load(name)
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}  # always asked about, hardly ever sent again
    if is_unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)


@cache
def _load(name: str) -> StaticFile:
    body = files("mediavault.api").joinpath("static", name).read_bytes()
    return StaticFile(body, TYPES[name], f'"{hashlib.sha256(body).hexdigest()[:32]}"')
