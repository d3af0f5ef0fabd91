"""The saved files over HTTP: ranges, strong ETags,
and headers that keep a file from running scripts.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, Response
from starlette.types import Receive, Scope, Send

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.core.failures import ErrorCode, StorageFailure
from mediavault.core.job import Job, JobId, JobStatus, saved_files
from mediavault.core.logs import bind_job, get_logger
from mediavault.core.media import SavedFile, picture_suffix
from mediavault.core.messages import Message, counted
from mediavault.core.names import slug_keep_case
from mediavault.core.urls import EgressScope
from mediavault.download.frames import FrameRequest
from mediavault.download.port import MediaRequest, media_headers
from mediavault.library.port import OpenedFile
from mediavault.platforms.registry import platform
from mediavault.presentation.views import frame_path, sidecar_path
from mediavault.server.errors import HttpRefusal
from mediavault.server.long_responses import watching_for_disconnect
from mediavault.server.ranges import (
    ByteRange,
    Unsatisfiable,
    is_unchanged,
    range_still_holds,
    wanted_range,
)
from mediavault.server.services import ApiServices, LibraryFiles

log = get_logger(__name__)
router = APIRouter(tags=["files"])

DOWNLOAD_TYPE = "application/octet-stream"
_NO_SUFFIX = re.compile(r"[^A-Za-z0-9.]")
ANSWERS = errors(401, 404, 416, 503, 507) | {
    status: {"description": words} for status, words in ((206, "A part"), (304, "Known"))
}

# By our own extensions, which were chosen by the files' content; a type is never taken from the
# site.
CONTENT_TYPES: Mapping[str, str] = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
    ".mov": "video/quicktime",
    ".ts": "video/mp2t",
    ".ogv": "video/ogg",
    ".mpg": "video/mpeg",
    ".wmv": "video/x-ms-wmv",
    ".m4a": "audio/mp4",
    ".opus": "audio/ogg",
    ".ogg": "audio/ogg",
    ".mp3": "audio/mpeg",
    ".flac": "audio/flac",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".avif": "image/avif",
    ".png": "image/png",
    ".vtt": "text/vtt; charset=utf-8",
}

FILE_HEADERS: Mapping[str, str] = {
    # no scripts, forms or frames; the browser's own player needs the origin when the file is opened
    # in a tab
    "Content-Security-Policy": (
        "sandbox allow-same-origin; default-src 'none'; media-src 'self'; img-src 'self'; style-src"
        " 'unsafe-inline'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, no-cache",
    "Accept-Ranges": "bytes",
}


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file as the job's row describes it: its path below the download folder and,
    where known, its hash and size.
    """

    path: str | None
    sha256: str | None = None
    bytes: int | None = None


Place = Annotated[int, Path(ge=0, le=10_000, description="The item's index.")]


@router.head("/files/{job_id}/video", include_in_schema=False)
@router.get("/files/{job_id}/video", response_class=Response, responses=ANSWERS)
async def video(
    request: Request, job_id: JobIdPath, services: Services, *, download: bool = False
) -> Response:
    """Return the saved video, the first of several.
    ``?download=1`` asks the browser to save it under its name.
    """
    return await _video(
        request, services, await saved_file(services, job_id, None), download=download
    )


@router.head("/files/{job_id}/thumbnail", include_in_schema=False)
@router.get("/files/{job_id}/thumbnail", response_class=Response, responses=ANSWERS)
async def thumbnail(
    request: Request, job_id: JobIdPath, services: Services, *, download: bool = False
) -> Response:
    """Return the video's thumbnail; while the video is being saved, that of the post,
    if this machine has it already.
    """
    job = await _job(services, job_id)
    if job.status is JobStatus.RUNNING and not saved_files(job):
        staged = await services.library.staging.open_thumbnail(job_id)
        if staged is None:
            raise file_not_found()
        return await answer_file(request, staged[1], StoredFile(staged[0]), download=download)
    return await _picture(request, services, _file_of(job, None), download=download)


@router.head("/files/{job_id}/sidecar", include_in_schema=False)
@router.get("/files/{job_id}/sidecar", response_class=Response, responses=ANSWERS)
async def sidecar(request: Request, job_id: JobIdPath, services: Services) -> Response:
    """Return the video's sidecar (``.info.json``), as a download."""
    return await _sidecar(request, services, await saved_file(services, job_id, None))


@router.head("/files/{job_id}/items/{place}/sidecar", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/sidecar", response_class=Response, responses=ANSWERS)
async def item_sidecar(
    request: Request, job_id: JobIdPath, place: Place, services: Services
) -> Response:
    """Return the sidecar of one item."""
    return await _sidecar(request, services, await saved_file(services, job_id, place))


@router.head("/files/{job_id}/items/{place}/video", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/video", response_class=Response, responses=ANSWERS)
async def item_video(
    request: Request, job_id: JobIdPath, place: Place, services: Services, *, download: bool = False
) -> Response:
    """Return the saved video of one item of the post."""
    return await _video(
        request, services, await saved_file(services, job_id, place), download=download
    )


@router.head("/files/{job_id}/items/{place}/thumbnail", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/thumbnail", response_class=Response, responses=ANSWERS)
async def item_thumbnail(
    request: Request, job_id: JobIdPath, place: Place, services: Services, *, download: bool = False
) -> Response:
    """Return the thumbnail of one item."""
    return await _picture(
        request, services, await saved_file(services, job_id, place), download=download
    )


async def saved_file(services: ApiServices, job_id: JobId, place: int | None) -> SavedFile:
    """Return the saved file of an item, or of the first one for None. Raises JobNotFound,
    HttpRefusal (404).

    A file whose commit is under way does not count, since it may be incomplete.
    """
    return _file_of(await _job(services, job_id), place)


async def _job(services: ApiServices, job_id: JobId) -> Job:
    job = await services.store.catalogue.get(job_id)
    bind_job(job.id, job.trace_id)  # for the log of a transfer that is interrupted
    return job


def _file_of(job: Job, place: int | None) -> SavedFile:
    files = saved_files(job)
    file = next(iter(files.values()), None) if place is None else files.get(place)
    if file is None:
        raise file_not_found()
    return file


async def _video(
    request: Request, services: ApiServices, saved: SavedFile, *, download: bool
) -> Response:
    file = StoredFile(saved.output_path, saved.sha256, saved.bytes)
    return await answer_stored(request, services.library, file, download=download)


async def _picture(
    request: Request, services: ApiServices, saved: SavedFile, *, download: bool
) -> Response:
    return await answer_stored(
        request, services.library, StoredFile(saved.thumbnail_path), download=download
    )


async def _sidecar(request: Request, services: ApiServices, saved: SavedFile) -> Response:
    return await answer_stored(
        request, services.library, StoredFile(sidecar_path(saved)), download=True
    )


async def answer_stored(
    request: Request, library: LibraryFiles, saved: StoredFile, *, download: bool = False
) -> Response:
    """Return a response with a file of the library or the requested part of it.
    Raises HttpRefusal (404) without one.
    """
    file = await library.open(saved.path) if saved.path else None
    if file is None or saved.path is None:
        raise file_not_found()
    return await answer_file(request, file, saved, download=download)


async def answer_file(
    request: Request, file: OpenedFile, saved: StoredFile, *, download: bool
) -> Response:
    """Return a response with the open file or the requested part of it; the file is closed in any
    case.

    ``saved.path`` determines the file's name and content type.
    """
    assert saved.path is not None
    async with contextlib.AsyncExitStack() as until_sent:
        until_sent.push_async_callback(file.close)
        headers = {
            **FILE_HEADERS,
            "ETag": _etag(saved, file),
            **_naming(saved.path, download=download),
        }
        if is_unchanged(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        answer = FileAnswer(
            file, _part(request, headers["ETag"], file.size), headers, head=request.method == "HEAD"
        )
        until_sent.pop_all()  # from here on the answer closes the file
        return answer


def answer_bytes(request: Request, body: bytes, kind: str) -> Response:
    """Return a response with something that was made from a file, of one of our types;
    304 when the caller has it.
    """
    headers = {
        **FILE_HEADERS,
        "ETag": f'"{hashlib.sha256(body).hexdigest()}"',
        "Accept-Ranges": "none",
    }
    if is_unchanged(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
    return Response(b"" if request.method == "HEAD" else body, headers=headers)


def _etag(saved: StoredFile, file: OpenedFile) -> str:
    """Return the file's hash as its ETag, or the library's version when its size has changed since
    it was saved.
    """
    tag = saved.sha256 if saved.sha256 and saved.bytes == file.size else file.version
    return f'"{tag}"'


def file_not_found() -> HttpRefusal:
    """Return the refusal for a file that the library does not have."""
    return HttpRefusal(
        404,
        ErrorCode.NOT_FOUND,
        "The file is not in the library.",
        help="Look at the job's history.",
    )


def _part(request: Request, etag: str, size: int) -> ByteRange | None:
    """Return the requested bytes, None for the whole file. A range is defined for GET only."""
    if request.method != "GET" or not range_still_holds(request.headers.get("if-range"), etag):
        return None
    try:
        return wanted_range(request.headers.get("range"), size)
    except Unsatisfiable:
        raise HttpRefusal(
            416,
            ErrorCode.BAD_REQUEST,
            "The requested range is outside the file.",
            help=Message("The file has %(count)s.", count=counted(size, "byte")),
            headers={"Content-Range": f"bytes */{size}"},
        ) from None


class FileAnswer(Response):
    """A response that streams a file or a part of it, and closes it in any case."""

    def __init__(
        self, file: OpenedFile, part: ByteRange | None, headers: Mapping[str, str], *, head: bool
    ) -> None:
        self._file = file
        self._wanted = part or ByteRange(0, file.size - 1)
        self._head = head
        super().__init__(status_code=206 if part else 200, headers=headers)
        self.headers["Content-Length"] = str(self._wanted.length)
        if part:
            self.headers["Content-Range"] = f"bytes {part.start}-{part.end}/{file.size}"

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            if not self._head:
                gone = asyncio.Event()
                async with watching_for_disconnect(receive, gone.set):
                    await self._stream(send, gone)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await self._file.close()

    async def _stream(self, send: Send, gone: asyncio.Event) -> None:
        # a file that was truncated while being sent gives too few bytes, which makes the server
        # close the connection
        try:
            async for chunk in self._file.chunks(self._wanted.start, self._wanted.end + 1):
                if gone.is_set():
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        except StorageFailure as exc:  # the headers are sent: no error can be reported any more
            log.warning("file_broke_off", error=exc.message)


def _naming(relative: str, *, download: bool) -> dict[str, str]:
    """Return Content-Type and Content-Disposition.
    A file of an unknown type is always an attachment.
    """
    name = PurePosixPath(relative)
    kind = CONTENT_TYPES.get(name.suffix.lower())
    shown = kind is not None and not download
    fallback = slug_keep_case(name.stem) + _NO_SUFFIX.sub("", name.suffix)
    in_full = quote(name.name, safe="", errors="replace")
    disposition = f"filename=\"{fallback}\"; filename*=UTF-8''{in_full}"  # RFC 6266, RFC 8187
    return {
        "Content-Type": kind or DOWNLOAD_TYPE,
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; {disposition}",
    }


CandidateNumber = Annotated[int, Path(ge=0, le=10_000, description="The candidate's index.")]


@router.head("/files/{job_id}/candidates/{number}/frame", include_in_schema=False)
@router.get("/files/{job_id}/candidates/{number}/frame", response_class=Response, responses=ANSWERS)
async def candidate_frame(
    request: Request, job_id: JobIdPath, number: CandidateNumber, services: Services
) -> Response:
    """Return a picture of a video that can be chosen: the one that its page shows, else one from
    its beginning.

    Takes a few seconds the first time. 404 where none can be made, none yet, or none of this
    candidate is offered.
    """
    job = await services.store.catalogue.get(job_id)
    if frame_path(job, number) is None:
        raise file_not_found()
    picture = await services.frames.frame(job_id, frame_request(job, number))
    suffix = picture_suffix(picture) if picture is not None else None
    if picture is None or suffix is None:
        raise file_not_found()
    return answer_bytes(request, picture, CONTENT_TYPES[suffix])


def frame_request(job: Job, number: int) -> FrameRequest:
    """Return the request for a candidate's picture. The video is asked for as the strategy
    ``plain`` does, without cookies.
    """
    candidate = job.candidates[number]
    site = platform(job.platform)
    item = (
        job.items[candidate.item].item
        if candidate.item is not None and candidate.item < len(job.items)
        else None
    )
    page_url = job.metadata.get("final_url") or job.post_url
    media = MediaRequest(
        url=candidate.url,
        source_type=candidate.source_type,
        scope=EgressScope(job.post_url, job.listed_by),
        headers=media_headers(
            candidate, site, page_url=page_url, user_agent=job.metadata.get("user_agent")
        ),
        max_connections=site.media.max_connections,
    )
    return FrameRequest(media, candidate.thumbnail_url or (item.thumbnail_url if item else None))
