"""The route for pictures of the videos among which a user chooses the post's."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from mediavault.api.dependencies import JobIdPath, Services
from mediavault.api.files import ANSWERS, CONTENT_TYPES, answer_bytes, file_not_found
from mediavault.core.job import Job
from mediavault.core.pictures import picture_suffix
from mediavault.core.urls import EgressScope
from mediavault.download.frames import FrameRequest
from mediavault.download.port import MediaRequest, media_headers
from mediavault.platforms.registry import platform
from mediavault.presentation.views import frame_path

router = APIRouter(tags=["files"])

CandidateNumber = Annotated[int, Path(ge=0, le=10_000, description="The candidate's index.")]


@router.head("/files/{job_id}/candidates/{number}/frame", include_in_schema=False)
@router.get("/files/{job_id}/candidates/{number}/frame", response_class=Response, responses=ANSWERS)
async def candidate_frame(request: Request, job_id: JobIdPath, number: CandidateNumber, services: Services) -> Response:
    """Return a picture of a video that can be chosen: the one that its page shows, else one from its beginning.

    Takes a few seconds the first time. 404 where none can be made, none yet, or none of this candidate is offered.
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
    """Return the request for a candidate's picture. The video is asked for as the strategy ``plain`` does, without cookies."""
    candidate = job.candidates[number]
    site = platform(job.platform)
    item = job.items[candidate.item].item if candidate.item is not None and candidate.item < len(job.items) else None
    page_url = job.metadata.get("final_url") or job.post_url
    media = MediaRequest(
        url=candidate.url,
        source_type=candidate.source_type,
        scope=EgressScope(job.post_url, job.listed_by),
        headers=media_headers(candidate, site, page_url=page_url, user_agent=job.metadata.get("user_agent")),
        max_connections=site.media.max_connections,
    )
    return FrameRequest(media, candidate.thumbnail_url or (item.thumbnail_url if item else None))
