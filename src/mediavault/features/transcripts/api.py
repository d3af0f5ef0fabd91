"""``/api/jobs/{job_id}/spoken`` and ``/comments``: a search in what is said in a post's videos,
and its comments.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from mediavault.api.dependencies import JobIdPath, Services, errors
from mediavault.core.media import Comment
from mediavault.core.names import shown_text
from mediavault.features.transcripts.model import Passage
from mediavault.features.transcripts.service import saved_comments, search_post
from mediavault.presentation.record_models import view_of

router = APIRouter(prefix="/api/jobs/{job_id}")


class SpokenHitView(view_of(Passage)):  # type: ignore[misc]
    """A passage of a video's subtitles: the item's index, the second at which it begins, its words
    in one line.

    ``text`` is untrusted, ``language`` is that of the subtitles' file.
    """


class SpokenView(BaseModel):
    """The passages that a search found, by item and time."""

    hits: list[SpokenHitView]


class CommentView(view_of(Comment)):  # type: ignore[misc]
    """A comment on the post; ``parent`` is the id of the one that it answers. ``by_author``:
    of the post.
    """


class CommentsView(BaseModel):
    """The comments that were saved with a post, each answer behind what it answers."""

    comments: list[CommentView]


@router.get("/spoken", tags=["jobs"], responses=errors(401, 404, 503))
async def spoken(
    job_id: JobIdPath,
    services: Services,
    q: Annotated[
        str,
        Query(min_length=1, max_length=500, description="Words; each may be the beginning of one."),
    ],
) -> SpokenView:
    """Search what is said in the videos of a post: in the subtitle files next to them.

    Returns the passages with all of the words, or with the most of them; at most 200.
    """
    passages = await search_post(services, await services.store.catalogue.get(job_id), q)
    return SpokenView(
        hits=[
            SpokenHitView(**asdict(replace(passage, text=shown_text(passage.text))))
            for passage in passages
        ]
    )


@router.get("/comments", tags=["files"], responses=errors(401, 404, 503))
async def comments(job_id: JobIdPath, services: Services) -> CommentsView:
    """Return the comments that were saved with a post: those of its profile, up to 1,000."""
    job = await services.store.catalogue.get(job_id)
    return CommentsView(
        comments=[CommentView(**asdict(comment)) for comment in await saved_comments(services, job)]
    )
