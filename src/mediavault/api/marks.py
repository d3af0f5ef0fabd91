"""Favourites, watched videos, positions, tags, collections, notes and saved searches."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from mediavault.api.dependencies import JobIdPath, Services, UserName, errors, to_job_id
from mediavault.core import marks
from mediavault.core.failures import NotFound
from mediavault.core.job import JobId
from mediavault.core.marks import MarkKind, Noted, Position
from mediavault.core.users import Role
from mediavault.presentation.schemas import (
    CollectionRequest,
    JobPageView,
    ManyMarksRequest,
    MarkedView,
    MarkRequest,
    MarksView,
    NameCountView,
    NameRequest,
    NamesView,
    OrderRequest,
    PositionRequest,
    SearchesView,
    SearchRequest,
    SearchView,
)
from mediavault.presentation.views import marks_view, page_view
from mediavault.server.authentication import require_role
from mediavault.store import noting, paging, saved_searches
from mediavault.store.bulk import existing_jobs
from mediavault.store.noting import MarkChange
from mediavault.store.port import JobPage, Store

router = APIRouter(prefix="/api", tags=["marks"])

NamePath = Annotated[str, Path(max_length=1_000, description="The name, in any case.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.patch("/jobs/{job_id}/marks", response_model=MarksView, responses=CHANGES)
async def change(job_id: JobIdPath, body: MarkRequest, services: Services, user: UserName) -> MarksView:
    """Change what is noted about a job, and return it as it is then. Tags and collections are created as needed."""
    await services.store.catalogue.get(job_id)
    change = allowed(MarkChange(**body.model_dump()))
    await noting.change_marks(services.store, services.clock, user, [job_id], change)
    return await _marks_of(services.store, user, job_id)


@router.post("/marks", response_model=MarkedView, responses=errors(401, 403, 415, 503))
async def change_many(body: ManyMarksRequest, services: Services, user: UserName) -> MarkedView:
    """Change what is noted about up to 1,000 jobs; those that do not exist are ignored."""
    ids = list(dict.fromkeys(to_job_id(job_id) for job_id in body.ids))
    change = allowed(MarkChange(**body.model_dump(exclude={"ids"})))
    return MarkedView(jobs=await noting.change_marks(services.store, services.clock, user, ids, change))


def allowed(change: MarkChange) -> MarkChange:
    """Return the change. Raises HttpRefusal when the caller may not make it: viewers change only what is their own."""
    if change.concerns_all:
        require_role(Role.MEMBER)
    return change


@router.put("/jobs/{job_id}/position", response_model=MarksView, responses=CHANGES)
async def save_position(job_id: JobIdPath, body: PositionRequest, services: Services, user: UserName) -> MarksView:
    """Store where the user stopped watching. Within the first 10 seconds that is nothing; from nine tenths on, the
    video counts as watched."""
    await services.store.catalogue.get(job_id)
    position = Position(body.at, body.of, body.item)
    await noting.save_position(services.store, services.clock, user, job_id, position)
    return await _marks_of(services.store, user, job_id)


# --- tags and collections ----------------------------------------------------------------------------------------


@router.get("/tags", response_model=NamesView, responses=errors(401, 503))
async def tags(services: Services) -> NamesView:
    """List the tags with the number of their jobs, by name."""
    return await _names(services.store, MarkKind.TAG)


@router.patch("/tags/{name:path}", response_model=NameCountView, responses=CHANGES)
async def rename_tag(name: NamePath, body: NameRequest, services: Services) -> NameCountView:
    """Rename a tag. If there is one of the new name, the two become one."""
    new_name, text = marks.tag(body.name), marks.tag_text(body.name)
    return await _renamed(services, marks.tag(name), new_name, text)


@router.delete("/tags/{name:path}", response_model=MarkedView, responses=CHANGES)
async def remove_tag(name: NamePath, services: Services) -> MarkedView:
    """Remove a tag from all jobs, which stay."""
    return await _removed(services, marks.tag(name))


@router.get("/collections", response_model=NamesView, responses=errors(401, 503))
async def collections(services: Services) -> NamesView:
    """List the collections with the number of their jobs, by title."""
    return await _names(services.store, MarkKind.COLLECTION)


@router.get("/collections/{name:path}", response_model=JobPageView, responses=errors(401, 404, 503))
async def collection(
    name: NamePath, query: Annotated[CollectionRequest, Query()], services: Services, user: UserName
) -> JobPageView:
    """List the jobs of a collection in its order."""
    page = await collection_page(services.store, marks.collection(name), query.cursor or None, query.limit)
    return page_view(page, await noting.read_noted(services.store, user, [job.id for job in page.jobs]))


@router.put("/collections/{name:path}", response_model=MarkedView, responses=CHANGES)
async def order_collection(name: NamePath, body: OrderRequest, services: Services) -> MarkedView:
    """Put a collection in order: the named jobs come first."""
    ids = [to_job_id(job_id) for job_id in body.ids]
    count = await noting.put_in_order(services.store, services.clock, marks.collection(name), ids)
    return _counted(count)


@router.patch("/collections/{name:path}", response_model=NameCountView, responses=CHANGES)
async def rename_collection(name: NamePath, body: NameRequest, services: Services) -> NameCountView:
    """Rename a collection. If there is one of the new title, the two become one."""
    new_name, text = marks.collection(body.name), marks.collection_title(body.name)
    return await _renamed(services, marks.collection(name), new_name, text)


@router.delete("/collections/{name:path}", response_model=MarkedView, responses=CHANGES)
async def remove_collection(name: NamePath, services: Services) -> MarkedView:
    """Remove a collection; its jobs stay."""
    return await _removed(services, marks.collection(name))


async def collection_page(store: Store, name: str, cursor: str | None, limit: int) -> JobPage:
    """Return a page of a collection's jobs, in its order. Raises BadInput for an invalid cursor, NotFound for none."""
    after = paging.decode_mark_cursor(cursor, name) if cursor else None
    found = await store.marks.marked(name, after=after, limit=limit + 1)
    if not found and after is None:
        raise no_such_name()
    shown = found[:limit]
    jobs = [job async for job in existing_jobs(store.catalogue, [mark.job_id for mark in shown])]
    return JobPage(tuple(jobs), paging.mark_cursor_of(shown[-1]) if len(found) > limit else None)


def no_such_name() -> NotFound:
    return NotFound("No post has this tag, or is in this collection.", help="Look at the list of them.")


async def _names(store: Store, kind: MarkKind) -> NamesView:
    found = await store.marks.names(f"{kind}/")
    return NamesView(names=[NameCountView(name=count.text, jobs=count.jobs) for count in found])


async def _renamed(services: Services, name: str, new_name: str, text: str) -> NameCountView:
    count = await noting.rename(services.store, services.clock, name, new_name, text)
    return NameCountView(name=text, jobs=_counted(count).jobs)


async def _removed(services: Services, name: str) -> MarkedView:
    return _counted(await noting.remove_name(services.store, services.clock, name))


def _counted(count: int) -> MarkedView:
    if not count:
        raise no_such_name()
    return MarkedView(jobs=count)


async def _marks_of(store: Store, user: str, job_id: JobId) -> MarksView:
    return marks_view((await noting.read_noted(store, user, [job_id])).get(job_id, Noted()))


# --- saved searches ----------------------------------------------------------------------------------------------


@router.get("/searches", response_model=SearchesView, responses=errors(401, 503))
async def searches(services: Services, user: UserName) -> SearchesView:
    """List the user's saved searches, by name."""
    found = await saved_searches.saved_searches(services.store.records, user)
    return SearchesView(searches=[SearchView(name=search.name, filter=search.filter) for search in found])


@router.put("/searches/{name:path}", response_model=SearchView, responses=errors(401, 403, 415, 503))
async def save_search(name: NamePath, body: SearchRequest, services: Services, user: UserName) -> SearchView:
    """Save a search, replacing one of the same name."""
    search = await saved_searches.save_search(services.store.records, user, name, body.filter)
    return SearchView(name=search.name, filter=search.filter)


@router.delete("/searches/{name:path}", response_model=SearchesView, responses=CHANGES)
async def remove_search(name: NamePath, services: Services, user: UserName) -> SearchesView:
    """Remove a saved search, and return those that are left."""
    await saved_searches.remove_search(services.store.records, user, name)
    return await searches(services, user)
