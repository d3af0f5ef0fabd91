"""``/api/sources``: the accounts, lists and feeds that the vault follows."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import FollowingDep, Services, UserName, errors
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.api.files import ANSWERS, CONTENT_TYPES, answer_bytes
from mediavault.core.failures import NotFound
from mediavault.features.following.inbox import count_news, mark_seen, read_inbox
from mediavault.features.following.model import EntryState
from mediavault.features.following.preview_views import SourcePreviewView
from mediavault.features.following.records import find_picture
from mediavault.features.following.service import Chosen
from mediavault.features.following.transfer import EXPORT_HEADERS, import_view, uploaded
from mediavault.features.following.views import (
    ChosenPosts,
    ChosenPostsView,
    EntriesView,
    InboxSeenRequest,
    InboxSeenView,
    InboxView,
    SourceChange,
    SourceRequest,
    SourcesImportRequest,
    SourcesImportView,
    SourcesView,
    SourceView,
    entry_view,
    inbox_view,
    source_view,
)
from mediavault.presentation.opml import OPML_TYPE
from mediavault.presentation.record_models import given
from mediavault.store.mark_changes import read_marks

MOST_ENTRIES = 2_000
MOST_IN_INBOX = 100

router = APIRouter(prefix="/api/sources", tags=["sources"])

SourcePath = Annotated[str, Path(max_length=64, description="A source's id.")]
PreviewPath = Annotated[str, Path(max_length=64, description="A preview's id.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.get("", response_model=SourcesView, responses=errors(401, 403, 503))
async def index(sources: FollowingDep) -> SourcesView:
    """List the sources in the order in which they were followed."""
    now = sources.clock.now()
    return SourcesView(sources=[source_view(one, now) for one in await sources.all()])


@router.post("", status_code=201, response_model=SourceView, responses=errors(401, 403, 415, 503))
async def add(body: SourceRequest, sources: FollowingDep, user: UserName) -> SourceView:
    """Follow an account, a list or a feed. Nothing is read yet: a worker checks it within a minute.

    422 for a URL that can't be followed, such as that of a single post, and for one that is already
    followed.
    """
    settings = given(body)
    followed = await sources.follow(settings.pop("url"), settings, user=user)
    return source_view(followed, sources.clock.now())


@router.post(
    "/preview",
    status_code=202,
    response_model=SourcePreviewView,
    responses=errors(401, 403, 415, 503),
)
async def preview(body: SourceRequest, sources: FollowingDep) -> SourcePreviewView:
    """Preview what would be saved if this were followed. A worker reads the list within seconds;
    nothing is followed.

    Another preview of the same URL within a quarter of an hour makes no request to the site. 422 as
    for following.
    """
    settings = given(body)
    return await sources.find_preview(await sources.preview(settings.pop("url"), settings))


@router.get(
    "/preview/{preview_id}", response_model=SourcePreviewView, responses=errors(401, 403, 404, 503)
)
async def show_preview(preview_id: PreviewPath, sources: FollowingDep) -> SourcePreviewView:
    """Return a preview. It is computed now from the list that was read, and kept for an hour."""
    return await sources.find_preview(preview_id)


@router.post(
    "/{source_id}/preview", status_code=202, response_model=SourcePreviewView, responses=CHANGES
)
async def preview_change(
    source_id: SourcePath, body: SourceChange, sources: FollowingDep
) -> SourcePreviewView:
    """Preview what would be saved if a source were changed like this. Nothing is changed."""
    return await sources.find_preview(await sources.preview_change(source_id, given(body)))


@router.get("/inbox", response_model=InboxView, responses=errors(401, 403, 503))
async def inbox(
    services: Services,
    user: UserName,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_INBOX)] = 24,
    *,
    only_news: Annotated[
        bool, Query(description="Leave out posts from before their source was followed.")
    ] = False,
) -> InboxView:
    """List the posts that sources have brought, latest arrivals first,
    and which of them are new to the user.
    """
    found = await read_inbox(services.store, user, cursor=cursor, limit=limit, only_news=only_news)
    post_marks = await read_marks(
        services.store, user, [arrival.job.id for arrival in found.arrivals]
    )
    return inbox_view(found, post_marks)


@router.post("/inbox/seen", response_model=InboxSeenView, responses=errors(401, 403, 415, 503))
async def see_inbox(body: InboxSeenRequest, services: Services, user: UserName) -> InboxSeenView:
    """Mark as seen what arrived up to a time, or up to now.
    Posts that were seen never become new again.
    """
    now = services.clock.now()
    await mark_seen(services.store, user, min(body.until or now, now + CLOCKS_DIFFER))
    return InboxSeenView(news=await count_news(services.store, user))


@router.get("/export", response_class=Response, responses=errors(401, 403, 503))
async def export(sources: FollowingDep) -> Response:
    """Export all sources as OPML 2.0, with their settings,
    for other programs or for a later import.
    """
    return Response(await sources.export(), media_type=OPML_TYPE, headers=EXPORT_HEADERS)


@router.post("/import", response_model=SourcesImportView, responses=errors(401, 403, 413, 415, 503))
async def import_list(
    body: SourcesImportRequest, sources: FollowingDep, user: UserName
) -> SourcesImportView:
    """Follow the sources in a list, or report what would be followed. Entries that can't be
    followed don't stop the rest.
    """
    read = await sources.read_import(uploaded(body.file), given(body.asked), user=user)
    if not body.dry_run:
        await sources.follow_all(read)
    return import_view(read, is_dry_run=body.dry_run)


@router.get("/{source_id}", response_model=SourceView, responses=errors(401, 403, 404, 503))
async def show(source_id: SourcePath, sources: FollowingDep) -> SourceView:
    """Return one source."""
    return source_view(await sources.find(source_id), sources.clock.now())


@router.patch("/{source_id}", response_model=SourceView, responses=CHANGES)
async def change(source_id: SourcePath, body: SourceChange, sources: FollowingDep) -> SourceView:
    """Change, pause or resume a source. If ``start`` or ``filters`` change,
    skipped entries are decided again.
    """
    return source_view(await sources.change(source_id, given(body)), sources.clock.now())


@router.post("/{source_id}/check", response_model=SourceView, responses=CHANGES)
async def check(source_id: SourcePath, sources: FollowingDep) -> SourceView:
    """Let a worker check a source as soon as possible, whatever its interval."""
    return source_view(await sources.check(source_id), sources.clock.now())


@router.get(
    "/{source_id}/entries", response_model=EntriesView, responses=errors(401, 403, 404, 503)
)
async def entries(
    source_id: SourcePath,
    sources: FollowingDep,
    state: Annotated[EntryState | None, Query()] = None,
    *,
    unlisted: Annotated[
        bool,
        Query(
            description=(
                "Only entries that are no longer on the list, the latest to disappear first."
            )
        ),
    ] = False,
) -> EntriesView:
    """List up to 2,000 entries that the vault has seen on a source's list, newest first,
    with the outcome of each.
    """
    found = await sources.entries(source_id, limit=MOST_ENTRIES, state=state, unlisted=unlisted)
    return EntriesView(entries=[entry_view(key, entry) for key, entry in found.items()])


@router.post("/{source_id}/save", response_model=ChosenPostsView, responses=CHANGES)
async def save(
    source_id: SourcePath, body: ChosenPosts, sources: FollowingDep, user: UserName
) -> ChosenPostsView:
    """Save posts of a source's list by hand, whatever its settings say.

    422 if one of them can't be saved; nothing is saved then.
    """
    chosen = Chosen(body.posts, body.preview)
    return ChosenPostsView(count=await sources.save(source_id, chosen, user=user))


@router.head("/{source_id}/picture", include_in_schema=False)
@router.get("/{source_id}/picture", response_class=Response, responses=ANSWERS)
async def picture(request: Request, source_id: SourcePath, services: Services) -> Response:
    """Return the picture of a source, a small JPEG. 404 if it has none."""
    body = await find_picture(services.store.records, source_id)
    if body is None:
        raise NotFound(
            "This source has no picture.",
            help="If the site shows one, it is fetched with the next check.",
        )
    return answer_bytes(request, body, CONTENT_TYPES[".jpg"])


@router.delete("/{source_id}", status_code=204, responses=CHANGES)
async def remove(source_id: SourcePath, sources: FollowingDep) -> None:
    """Stop following a source, and forget its entries. Its posts stay."""
    await sources.remove(source_id)
