"""Routes for what a player shows besides a saved video: chapters, subtitles, and pictures for its seek bar."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.api.files import ANSWERS, Place, StoredFile, answer_bytes, answer_file, file_not_found, kept_file
from mediavault.core.names import shown_text
from mediavault.presentation.schemas import ChapterView, PreviewView, SubtitlesView, TextTracksView
from mediavault.presentation.webvtt import to_webvtt

router = APIRouter(tags=["files"])

_VTT_TYPE = "text/vtt; charset=utf-8"

SubtitleNumber = Annotated[int, Path(ge=0, le=1_000, description="The subtitles' index.")]


@router.get("/api/jobs/{job_id}/items/{place}/tracks", responses=errors(401, 404, 503))
async def tracks(job_id: JobIdPath, place: Place, services: Services) -> TextTracksView:
    """Read the chapters and subtitles of an item's saved file, and find the subtitle files next to it.

    The first time a Matroska file with subtitles is read from end to end.
    """
    kept = await kept_file(services, job_id, place)
    inside, beside = await services.extras.tracks(job_id, place, kept), await services.extras.beside(kept)
    names = [(each.language, shown_text(each.title)) for each in inside.subtitles]
    names += [(each.language, "") for each in beside]
    return TextTracksView(
        chapters=[ChapterView(start_s=each.start_s, title=shown_text(each.title)) for each in inside.chapters],
        subtitles=[
            SubtitlesView(language=language, title=title, href=f"/files/{job_id}/items/{place}/subtitles/{number}")
            for number, (language, title) in enumerate(names)
        ],
    )


@router.get("/api/jobs/{job_id}/items/{place}/preview", responses=errors(401, 404, 503))
async def preview(job_id: JobIdPath, place: Place, services: Services) -> PreviewView | None:
    """Make the pictures for the seek bar of an item's saved file; null when none can be made.

    Takes a few seconds the first time.
    """
    sheet = await services.extras.preview(job_id, place, await kept_file(services, job_id, place))
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
@router.get("/files/{job_id}/items/{place}/subtitles/{number}", response_class=Response, responses=ANSWERS)
async def item_subtitles(
    request: Request, job_id: JobIdPath, place: Place, number: SubtitleNumber, services: Services
) -> Response:
    """Return subtitles of an item as WebVTT, by their index in the list of its tracks."""
    kept = await kept_file(services, job_id, place)
    inside = (await services.extras.tracks(job_id, place, kept)).subtitles
    if number < len(inside):
        return answer_bytes(request, to_webvtt(inside[number].cues).encode(), _VTT_TYPE)
    beside = await services.extras.beside(kept)
    path = beside[number - len(inside)].path if number - len(inside) < len(beside) else None
    file = await services.library.open(path) if path is not None else None
    if file is None:
        raise file_not_found()
    return await answer_file(request, file, StoredFile(path), download=False)


@router.head("/files/{job_id}/items/{place}/preview", include_in_schema=False)
@router.get("/files/{job_id}/items/{place}/preview", response_class=Response, responses=ANSWERS)
async def item_preview(request: Request, job_id: JobIdPath, place: Place, services: Services) -> Response:
    """Return the pictures for an item's seek bar, once they have been made."""
    picture = await services.extras.preview_picture(job_id, place, await kept_file(services, job_id, place))
    if picture is None:
        raise file_not_found()
    return answer_bytes(request, picture, "image/jpeg")
