"""Kept files in the background: checked anew, and copies that browsers play. Routes for scripts, forms and players."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from mediavault.api.catalogue import gettext
from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.errors import HttpRefusal
from mediavault.api.files import ANSWERS, Kept, Place, answer_file, kept_file
from mediavault.api.message_patterns import translated
from mediavault.api.schemas import CheckView, CopyView
from mediavault.api.services import ApiServices
from mediavault.api.views import kept_files
from mediavault.api.words import COPY_WORDS
from mediavault.core.checks import FileCheck, read_checks
from mediavault.core.copies import Copy
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.media import KeptFile
from mediavault.core.records import RecordKind
from mediavault.store.port import JobStore

log = get_logger(__name__)
router = APIRouter(tags=["files"])

_ACCEPTED = 202


# --- checks --------------------------------------------------------------------------------------------------------


@router.post("/api/jobs/{job_id}/verify", status_code=_ACCEPTED, responses=errors(401, 403, 404, 415, 503))
async def verify(job_id: JobIdPath, services: Services) -> CheckView:
    """Read the job's files from end to end and hold them against what was saved; ask again for what was found."""
    return await check_view(services, await begin_check(services, job_id))


@router.get("/api/jobs/{job_id}/verify", responses=errors(401, 404, 503))
async def verified(job_id: JobIdPath, services: Services) -> CheckView:
    """What the last check found, by the index of the item; empty where there was none."""
    return await check_view(services, await services.store.get(job_id))


async def begin_check(services: ApiServices, job_id: JobId) -> Job:
    """Start reading the job's files in the background, and return the job.

    Raises JobNotFound, HttpRefusal for a job without files, BadInput (TOO_MANY).
    """
    job = await services.store.get(job_id)
    if not kept_files(job):
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "The job has no file in the library.", help="There is nothing to check."
        )
    services.checks.begin(job)
    return job


async def check_view(services: ApiServices, job: Job) -> CheckView:
    running = services.checks.is_checking(job.id)  # before what was found: the end may come in between
    checks = await checks_of(services.store, job)
    files = {place: {"at": one.at, "verdict": one.verdict, "detail": one.detail} for place, one in checks.items()}
    return CheckView.model_validate({"running": running, "files": files})


async def checks_of(store: JobStore, job: Job) -> dict[int, FileCheck]:
    """What the last check of the job's files found; {} where there was none."""
    record = await store.get_record(RecordKind.VERIFIED, job.id)
    if record is None:
        return {}
    try:
        return read_checks(record.value)
    except (KeyError, TypeError, ValueError):
        log.warning("record_not_read", kind=RecordKind.VERIFIED, job_id=job.id, trace_id=job.trace_id)
        return {}


# --- copies --------------------------------------------------------------------------------------------------------


@router.head("/files/{job_id}/playable", include_in_schema=False)
@router.get("/files/{job_id}/playable", response_class=Response, responses=ANSWERS)
async def playable(request: Request, job_id: JobIdPath, services: Services) -> Response:
    """The first video's copy that browsers play, where one was made."""
    return await _playable(request, services, await kept_file(services, job_id, None))


@router.head("/files/{job_id}/items/{place}/playable", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/playable", response_class=Response, responses=ANSWERS)
async def item_playable(request: Request, job_id: JobIdPath, place: Place, services: Services) -> Response:
    """One item's copy that browsers play, where one was made."""
    return await _playable(request, services, await kept_file(services, job_id, place))


@router.get("/api/jobs/{job_id}/items/{place}/playable", responses=errors(401, 404, 503, 507))
async def copy_of_item(job_id: JobIdPath, place: Place, services: Services) -> CopyView:
    """How its copy stands, and what the file itself holds."""
    kept = await kept_file(services, job_id, place)
    await services.copies.look(kept)
    return await _copy_view(services, kept)


@router.post(
    "/api/jobs/{job_id}/items/{place}/playable", status_code=_ACCEPTED, responses=errors(401, 403, 404, 415, 503, 507)
)
async def make_copy(job_id: JobIdPath, place: Place, services: Services) -> CopyView:
    """Make an MP4 of the same pictures and sound, in the background. Nothing is re-encoded."""
    kept = await kept_file(services, job_id, place)
    services.copies.make(kept)
    return await _copy_view(services, kept)


def copy_trouble_words(copy: Copy) -> str:
    """Why there is no copy, in the reader's language; "" where nothing went wrong."""
    return gettext(COPY_WORDS[copy.trouble]) if copy.trouble else ""


async def _playable(request: Request, services: ApiServices, kept: KeptFile) -> Response:
    file = await services.copies.open(kept)
    if file is None:
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "There is no playable copy of this file.", help="Ask for one on the post's page."
        )
    name = kept.output_path.rpartition(".")[0] + ".mp4"
    return await answer_file(request, file, Kept(name), download=False)


async def _copy_view(services: ApiServices, kept: KeptFile) -> CopyView:
    copy, look = await services.copies.state(kept), services.copies.known_look(kept)
    return CopyView(
        status=copy.status,
        trouble=copy.trouble,
        message=copy_trouble_words(copy),
        detail=translated(copy.detail),
        container=look.container if look else None,
        video_codec=look.video_codec if look else None,
        audio_codec=look.audio_codec if look else None,
        copy_helps=look.copy_helps if look else None,
    )
