"""Routes for a player's additions to a saved video: chapters, subtitles,
and pictures for its seek bar.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.files import (
    ANSWERS,
    Place,
    StoredFile,
    answer_bytes,
    answer_stored,
    file_not_found,
    saved_file,
)
from mediavault.core.failures import ErrorCode
from mediavault.core.job import Job, JobId, saved_files
from mediavault.core.marks import MarkKind, segments_from_text
from mediavault.core.media import Chapter
from mediavault.core.names import shown_text
from mediavault.core.webvtt import to_webvtt
from mediavault.presentation.schemas import (
    ChapterView,
    CheckView,
    FileFormatView,
    PreviewView,
    SegmentView,
    SubtitlesView,
    TextTracksView,
)
from mediavault.server.errors import HttpRefusal
from mediavault.server.services import ApiServices
from mediavault.store.file_checks import decoded_at, read_checks

router = APIRouter(tags=["files"])

_VTT_TYPE = "text/vtt; charset=utf-8"

SubtitleNumber = Annotated[int, Path(ge=0, le=1_000, description="The subtitles' index.")]


@router.get("/api/jobs/{job_id}/items/{place}/tracks", responses=errors(401, 404, 503))
async def tracks(job_id: JobIdPath, place: Place, services: Services) -> TextTracksView:
    """Read the chapters and subtitles of an item's saved file, and find the subtitle files next to
    it.

    The first time a Matroska file with subtitles is read from end to end.
    """
    saved = await saved_file(services, job_id, place)
    inside, beside = (
        await services.extras.tracks(job_id, place, saved),
        await services.extras.beside(saved),
    )
    post_marks = {
        mark.name: mark.text
        for mark in (await services.store.marks.of_jobs([job_id])).get(job_id, ())
    }
    segments = segments_from_text(post_marks.get(MarkKind.SEGMENTS, "[]"))
    chapters = inside.chapters or await _chapters_of_the_post(services, job_id, place)
    names = [(each.language, shown_text(each.title)) for each in inside.subtitles]
    names += [(each.language, "") for each in beside]
    return TextTracksView(
        chapters=[
            ChapterView(start_s=each.start_s, title=shown_text(each.title)) for each in chapters
        ],
        segments=[
            SegmentView(start_s=segment.start_s, end_s=segment.end_s, category=segment.category)
            for segment in segments
        ],
        subtitles=[
            SubtitlesView(
                language=language,
                title=title,
                href=f"/files/{job_id}/items/{place}/subtitles/{number}",
            )
            for number, (language, title) in enumerate(names)
        ],
    )


async def _chapters_of_the_post(
    services: ApiServices, job_id: JobId, place: int
) -> tuple[Chapter, ...]:
    """Return the chapters that the site named, for a file that has none inside."""
    items = (await services.store.catalogue.get(job_id)).items
    return items[place].item.chapters if place < len(items) else ()


@router.get("/api/jobs/{job_id}/items/{place}/preview", responses=errors(401, 404, 503))
async def preview(job_id: JobIdPath, place: Place, services: Services) -> PreviewView | None:
    """Make the pictures for the seek bar of an item's saved file; null when none can be made.

    Takes a few seconds the first time.
    """
    sheet = await services.extras.preview(job_id, place, await saved_file(services, job_id, place))
    if sheet is None:
        return None
    return PreviewView(
        href=f"/files/{job_id}/items/{place}/preview",
        count=sheet.count,
        columns=sheet.columns,
        width=sheet.width,
        height=sheet.height,
        step_s=sheet.step_s,
    )


@router.head("/files/{job_id}/items/{place}/subtitles/{number}", include_in_schema=False)
@router.get(
    "/files/{job_id}/items/{place}/subtitles/{number}", response_class=Response, responses=ANSWERS
)
async def item_subtitles(
    request: Request, job_id: JobIdPath, place: Place, number: SubtitleNumber, services: Services
) -> Response:
    """Return subtitles of an item as WebVTT, by their index in the list of its tracks."""
    saved = await saved_file(services, job_id, place)
    inside = (await services.extras.tracks(job_id, place, saved)).subtitles
    if number < len(inside):
        return answer_bytes(request, to_webvtt(inside[number].cues).encode(), _VTT_TYPE)
    beside = await services.extras.beside(saved)
    path = beside[number - len(inside)].path if number - len(inside) < len(beside) else None
    return await answer_stored(request, services.library, StoredFile(path))


@router.head("/files/{job_id}/items/{place}/preview", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/preview", response_class=Response, responses=ANSWERS)
async def item_preview(
    request: Request, job_id: JobIdPath, place: Place, services: Services
) -> Response:
    """Return the pictures for an item's seek bar, once they have been made."""
    picture = await services.extras.preview_picture(
        job_id, place, await saved_file(services, job_id, place)
    )
    if picture is None:
        raise file_not_found()
    return answer_bytes(request, picture, "image/jpeg")


_ACCEPTED = 202


# --- checks ---------------------------------------------------------------------------------------


@router.post(
    "/api/jobs/{job_id}/verify", status_code=_ACCEPTED, responses=errors(401, 403, 404, 415, 503)
)
async def verify(job_id: JobIdPath, services: Services) -> CheckView:
    """Start comparing the job's files with what was saved, and examining them;
    ask again for the result.
    """
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
            404,
            ErrorCode.NOT_FOUND,
            "The job has no file in the library.",
            help="There is nothing to check.",
        )
    services.checks.begin(job)
    return job


async def check_view(services: ApiServices, job: Job) -> CheckView:
    running = services.checks.is_checking(job.id)  # before the result: the check may end in between
    checks = await read_checks(services.store.records, job)
    files = {
        index: {"at": check.at, "verdict": check.verdict, "detail": check.detail}
        for index, check in checks.items()
    }
    decoded = await decoded_at(services.store.marks, job.id)
    return CheckView.model_validate(
        {"running": running, "files": files, "every_picture_decoded_at": decoded}
    )


# --- formats --------------------------------------------------------------------------------------


@router.get("/api/jobs/{job_id}/items/{place}/format", responses=errors(401, 404, 503))
async def file_format(job_id: JobIdPath, place: Place, services: Services) -> FileFormatView:
    """Read the container and codecs of an item's saved file."""
    report = await services.formats.read(await saved_file(services, job_id, place))
    return FileFormatView(
        container=report.container if report else None,
        video_codec=report.video_codec if report else None,
        audio_codec=report.audio_codec if report else None,
    )
