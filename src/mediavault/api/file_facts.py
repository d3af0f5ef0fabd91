"""Checks of saved files, in the background, and their formats: routes for scripts and players."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.files import Place, kept_file
from mediavault.api.services import ApiServices
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId
from mediavault.core.logs import get_logger
from mediavault.core.records import FileCheck, RecordKind, read_checks
from mediavault.presentation.schemas import CheckView, FileFormatView
from mediavault.presentation.views import kept_files
from mediavault.server.errors import HttpRefusal
from mediavault.store.port import Records

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
    return await check_view(services, await services.store.catalogue.get(job_id))


async def begin_check(services: ApiServices, job_id: JobId) -> Job:
    """Start reading the job's files in the background, and return the job.

    Raises JobNotFound, HttpRefusal for a job without files, BadInput (TOO_MANY).
    """
    job = await services.store.catalogue.get(job_id)
    if not kept_files(job):
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "The job has no file in the library.", help="There is nothing to check."
        )
    services.checks.begin(job)
    return job


async def check_view(services: ApiServices, job: Job) -> CheckView:
    running = services.checks.is_checking(job.id)  # before what was found: the end may come in between
    checks = await checks_of(services.store.records, job)
    files = {place: {"at": one.at, "verdict": one.verdict, "detail": one.detail} for place, one in checks.items()}
    return CheckView.model_validate({"running": running, "files": files})


async def checks_of(records: Records, job: Job) -> dict[int, FileCheck]:
    """What the last check of the job's files found; {} where there was none."""
    record = await records.get(RecordKind.VERIFIED, job.id)
    if record is None:
        return {}
    try:
        return read_checks(record.value)
    except (KeyError, TypeError, ValueError):
        log.warning("record_not_read", kind=RecordKind.VERIFIED, job_id=job.id, trace_id=job.trace_id)
        return {}


# --- formats -------------------------------------------------------------------------------------------------------


@router.get("/api/jobs/{job_id}/items/{place}/format", responses=errors(401, 404, 503))
async def file_format(job_id: JobIdPath, place: Place, services: Services) -> FileFormatView:
    """Read which container and codecs the saved file of an item has."""
    report = await services.formats.read(await kept_file(services, job_id, place))
    return FileFormatView(
        container=report.container if report else None,
        video_codec=report.video_codec if report else None,
        audio_codec=report.audio_codec if report else None,
    )
