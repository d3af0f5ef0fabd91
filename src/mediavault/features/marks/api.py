"""Favourites, watched videos, positions, tags, collections, notes and saved searches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from mediavault.api.dependencies import JobIdPath, MarksDep, errors, to_job_id
from mediavault.core.marks import MarkCount, MarkKind, Position
from mediavault.features.marks.service import allowed
from mediavault.presentation.record_models import STRICT, changes_of, given
from mediavault.presentation.schemas import (
    DEFAULT_PAGE,
    MAX_FILTER_CHARS,
    MAX_PAGE,
    JobPageView,
    MarkedView,
    MarksView,
)
from mediavault.presentation.views import marks_view, page_view
from mediavault.store.mark_changes import MarkChange

MAX_MARKED = 1_000  # jobs whose marks one request changes
MAX_SECONDS = 10_000_000.0


class MarkRequest(changes_of(MarkChange)):  # type: ignore[misc]
    """A change of marks: what is left out stays as it is. An empty ``note`` removes the note.

    ``add_to`` and ``remove_from`` are titles of collections.
    """


class ManyMarksRequest(MarkRequest):
    """A change of the marks of several jobs."""

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)]


class PositionRequest(BaseModel):
    """Where the user stopped watching: ``at`` of ``of`` seconds of the post's video number
    ``item``, from 0.
    """

    model_config = STRICT

    at: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
    of: Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
    item: Annotated[int, Field(ge=0, le=10_000)] = 0


class NameRequest(BaseModel):
    """A new name for a tag or a collection."""

    model_config = STRICT

    name: Annotated[str, Field(max_length=1_000)]


class OrderRequest(BaseModel):
    """The order of a collection: these jobs come first, the others stay behind them."""

    model_config = STRICT

    ids: Annotated[list[str], Field(min_length=1, max_length=MAX_MARKED)]


class SearchRequest(BaseModel):
    """A saved search. ``filter`` is what the library page's address has behind its question
    mark.
    """

    model_config = STRICT

    filter: Annotated[str, Field(max_length=MAX_FILTER_CHARS)]


class CollectionRequest(BaseModel):
    """The query of a collection's page. An empty value counts as absent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cursor: Annotated[str | None, Field(max_length=500)] = None
    limit: Annotated[int, Field(ge=1, le=MAX_PAGE)] = DEFAULT_PAGE


class NameCountView(BaseModel):
    """A tag or a collection, and how many jobs have it."""

    name: str
    jobs: int


class NamesView(BaseModel):
    names: list[NameCountView]


class SearchView(BaseModel):
    """A saved search. ``filter`` is what the library page's address has behind its question
    mark.
    """

    name: str
    filter: str


class SearchesView(BaseModel):
    searches: list[SearchView]


router = APIRouter(prefix="/api", tags=["marks"])

NamePath = Annotated[str, Path(max_length=1_000, description="The name, in any case.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.patch("/jobs/{job_id}/marks", response_model=MarksView, responses=CHANGES)
async def change(job_id: JobIdPath, body: MarkRequest, marks: MarksDep) -> MarksView:
    """Change what is noted about a job, and return it as it is then.
    Tags and collections are created as needed.
    """
    return marks_view((await marks.change_all([job_id], allowed(given(body))))[job_id])


@router.post("/marks", response_model=MarkedView, responses=errors(401, 403, 415, 503))
async def change_many(body: ManyMarksRequest, marks: MarksDep) -> MarkedView:
    """Change what is noted about up to 1,000 jobs; those that do not exist are ignored."""
    values = given(body)
    ids = list(dict.fromkeys(map(to_job_id, values.pop("ids"))))
    return MarkedView(jobs=await marks.change(ids, allowed(values)))


@router.put("/jobs/{job_id}/position", response_model=MarksView, responses=CHANGES)
async def save_position(job_id: JobIdPath, body: PositionRequest, marks: MarksDep) -> MarksView:
    """Store where the user stopped watching. Within the first 10 seconds that is nothing; from nine
    tenths on, the video counts as watched.
    """
    return marks_view(await marks.save_position(job_id, Position(body.at, body.of, body.item)))


# --- tags and collections -------------------------------------------------------------------------


@router.get("/tags", response_model=NamesView, responses=errors(401, 503))
async def tags(marks: MarksDep) -> NamesView:
    """List the tags with the number of their jobs, by name."""
    return NamesView(names=list(map(_count, await marks.names(MarkKind.TAG))))


@router.patch("/tags/{name:path}", response_model=NameCountView, responses=CHANGES)
async def rename_tag(name: NamePath, body: NameRequest, marks: MarksDep) -> NameCountView:
    """Rename a tag. If there is one of the new name, the two become one."""
    return _count(await marks.rename(MarkKind.TAG, name, body.name))


@router.delete("/tags/{name:path}", response_model=MarkedView, responses=CHANGES)
async def remove_tag(name: NamePath, marks: MarksDep) -> MarkedView:
    """Remove a tag from all jobs, which stay."""
    return MarkedView(jobs=await marks.remove_name(MarkKind.TAG, name))


@router.get("/collections", response_model=NamesView, responses=errors(401, 503))
async def collections(marks: MarksDep) -> NamesView:
    """List the collections with the number of their jobs, by title."""
    return NamesView(names=list(map(_count, await marks.names(MarkKind.COLLECTION))))


@router.get("/collections/{name:path}", response_model=JobPageView, responses=errors(401, 404, 503))
async def collection(
    name: NamePath, query: Annotated[CollectionRequest, Query()], marks: MarksDep
) -> JobPageView:
    """List the jobs of a collection in its order."""
    page = await marks.collection(name, query.cursor or None, query.limit)
    return page_view(page, await marks.of([job.id for job in page.jobs]))


@router.put("/collections/{name:path}", response_model=MarkedView, responses=CHANGES)
async def order_collection(name: NamePath, body: OrderRequest, marks: MarksDep) -> MarkedView:
    """Put a collection in order: the named jobs come first."""
    return MarkedView(jobs=await marks.order(name, list(map(to_job_id, body.ids))))


@router.patch("/collections/{name:path}", response_model=NameCountView, responses=CHANGES)
async def rename_collection(name: NamePath, body: NameRequest, marks: MarksDep) -> NameCountView:
    """Rename a collection. If there is one of the new title, the two become one."""
    return _count(await marks.rename(MarkKind.COLLECTION, name, body.name))


@router.delete("/collections/{name:path}", response_model=MarkedView, responses=CHANGES)
async def remove_collection(name: NamePath, marks: MarksDep) -> MarkedView:
    """Remove a collection; its jobs stay."""
    return MarkedView(jobs=await marks.remove_name(MarkKind.COLLECTION, name))


def _count(count: MarkCount) -> NameCountView:
    return NameCountView(name=count.text, jobs=count.jobs)


# --- saved searches -------------------------------------------------------------------------------


@router.get("/searches", response_model=SearchesView, responses=errors(401, 503))
async def searches(marks: MarksDep) -> SearchesView:
    """List the user's saved searches, by name."""
    return SearchesView(
        searches=[
            SearchView(name=search.name, filter=search.filter) for search in await marks.searches()
        ]
    )


@router.put(
    "/searches/{name:path}", response_model=SearchView, responses=errors(401, 403, 415, 503)
)
async def save_search(name: NamePath, body: SearchRequest, marks: MarksDep) -> SearchView:
    """Save a search, replacing one of the same name."""
    search = await marks.save_search(name, body.filter)
    return SearchView(name=search.name, filter=search.filter)


@router.delete("/searches/{name:path}", response_model=SearchesView, responses=CHANGES)
async def remove_search(name: NamePath, marks: MarksDep) -> SearchesView:
    """Remove a saved search, and return those that are left."""
    await marks.remove_search(name)
    return await searches(marks)
