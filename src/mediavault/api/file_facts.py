"""Routes for checks of saved files, which run in the background, and for the files' formats."""

from __future__ import annotations

from fastapi import APIRouter

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.files import Place, kept_file
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, saved_files
from mediavault.presentation.schemas import CheckView, FileFormatView
from mediavault.server.errors import HttpRefusal
from mediavault.server.services import ApiServices
from mediavault.store.file_checks import decoded_at, read_checks

router = APIRouter(tags=["files"])

_ACCEPTED = 202


# --- checks --------------------------------------------------------------------------------------------------------


@router.post("/api/jobs/{job_id}/verify", status_code=_ACCEPTED, responses=errors(401, 403, 404, 415, 503))
async def verify(job_id: JobIdPath, services: Services) -> CheckView:
    """Start comparing the job's files with what was saved, and examining them; ask again for the result."""
    return await check_view(services, await begin_check(services, job_id))


@router.get("/api/jobs/{job_id}/verify", responses=errors(401, 404, 503))
async def verified(job_id: JobIdPath, services: Services) -> CheckView:
    """Return the result of the last check, by the index of the item; empty when there was none."""
    return await check_view(services, await services.store.catalogue.get(job_id))


async def begin_check(services: ApiServices, job_id: JobId) -> Job:
    """Start reading the job's files in the background, and return the job.

    Raises JobNotFound, HttpRefusal for a job without files, BadInput (TOO_MANY).
    """
    job = await services.store.catalogue.get(job_id)
    if not saved_files(job):
        raise HttpRefusal(
            404, ErrorCode.NOT_FOUND, "The job has no file in the library.", help="There is nothing to check."
        )
    services.checks.begin(job)
    return job


async def check_view(services: ApiServices, job: Job) -> CheckView:
    running = services.checks.is_checking(job.id)  # before the result: the check may end in between
    checks = await read_checks(services.store.records, job)
    files = {
        index: {"at": check.at, "verdict": check.verdict, "detail": check.detail} for index, check in checks.items()
    }
    decoded = await decoded_at(services.store.marks, job.id)
    return CheckView.model_validate({"running": running, "files": files, "every_picture_decoded_at": decoded})


# --- formats -------------------------------------------------------------------------------------------------------


@router.get("/api/jobs/{job_id}/items/{place}/format", responses=errors(401, 404, 503))
async def file_format(job_id: JobIdPath, place: Place, services: Services) -> FileFormatView:
    """Read the container and codecs of an item's saved file."""
    report = await services.formats.read(await kept_file(services, job_id, place))
    return FileFormatView(
        container=report.container if report else None,
        video_codec=report.video_codec if report else None,
        audio_codec=report.audio_codec if report else None,
    )
