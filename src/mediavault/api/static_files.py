"""``/static/…``: what ``assets.py`` knows, and nothing else, so that no request ever becomes a path."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.assets import load, sources
from mediavault.api.errors import HttpRefusal
from mediavault.api.ranges import is_unchanged
from mediavault.core.failures import ErrorCode

router = APIRouter(include_in_schema=False)


@router.get("/static/{name:path}")
async def static(request: Request, name: str, v: str = "") -> Response:
    """With its version in the address a file is kept by the browser for good, else asked about each time."""
    if name not in sources():
        raise HttpRefusal(404, ErrorCode.NOT_FOUND, "There is nothing at this address.", help="")
    file = load(name)
    lasting = "public, max-age=31536000, immutable" if v == file.version else "no-cache"
    headers = {"ETag": file.etag, "Cache-Control": lasting, "Vary": "Accept-Encoding"}
    if is_unchanged(request.headers.get("if-none-match"), file.etag):
        return Response(status_code=304, headers=headers)
    if file.packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        return Response(file.packed, media_type=file.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(file.body, media_type=file.media_type, headers=headers)
