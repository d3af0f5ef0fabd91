"""``/api/sources``: the accounts, lists and feeds that the vault follows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import Services, UserName, errors
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.api.files import ANSWERS, CONTENT_TYPES, answer_bytes
from mediavault.core.clock import moment_or_none
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.following import EntryState
from mediavault.core.users import OWNER
from mediavault.presentation.opml import OPML_TYPE
from mediavault.presentation.schemas import (
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
)
from mediavault.presentation.shown import shown_source
from mediavault.presentation.source_previews import SourcePreviewView, source_preview_view
from mediavault.presentation.source_transfer import (
    EXPORT_NAME,
    ImportTerms,
    SourcesImport,
    import_view,
    read_import,
    sources_opml,
    uploaded,
)
from mediavault.presentation.sources import changed, entry_view, inbox_view, new_source, source_view
from mediavault.server.services import ApiServices
from mediavault.store.following import (
    Followed,
    all_seen,
    change_source,
    find_followed,
    find_picture,
    follow,
    follow_all,
    followed,
    gone_entries,
    look_now,
    unfollow,
)
from mediavault.store.inbox import count_news, mark_seen, read_inbox
from mediavault.store.noting import read_noted
from mediavault.store.profiles import all_profiles, known_profile
from mediavault.store.source_previews import ask, ask_of_change, find_preview

MOST_ENTRIES = 2_000
MOST_IN_INBOX = 100

router = APIRouter(prefix="/api/sources", tags=["sources"])

SourcePath = Annotated[str, Path(max_length=64, description="A source's id.")]
PreviewPath = Annotated[str, Path(max_length=64, description="A preview's id.")]
CHANGES = errors(401, 403, 404, 415, 503)


@router.get("", response_model=SourcesView, responses=errors(401, 403, 503))
async def index(services: Services) -> SourcesView:
    """List the sources in the order in which they were followed."""
    now = services.clock.now()
    return SourcesView(sources=[source_view(one, now) for one in await followed(services.store.tables)])


@router.post("", status_code=201, response_model=SourceView, responses=errors(401, 403, 415, 503))
async def add(body: SourceRequest, services: Services, user: UserName) -> SourceView:
    """Follow an account, a list or a feed. Nothing is read yet: a worker checks it within a minute.

    422 for a URL that can't be followed, such as that of a single post, and for one that is already followed.
    """
    records, now = services.store.records, services.clock.now()
    if body.profile:
        body = body.model_copy(update={"profile": await known_profile(records, body.profile)})
    address = services.submit.read_source(body.url)
    source = await follow(
        services.store.tables, new_source(address, body, now=now, user=None if user == OWNER else user)
    )
    return source_view(await find_followed(services.store.tables, source.id), now)


@router.post("/preview", status_code=202, response_model=SourcePreviewView, responses=errors(401, 403, 415, 503))
async def preview(body: SourceRequest, services: Services) -> SourcePreviewView:
    """Preview what would be saved if this were followed. A worker reads the list within seconds; nothing is followed.

    Another preview of the same URL within a quarter of an hour makes no request to the site. 422 as for following.
    """
    records, now = services.store.records, services.clock.now()
    if body.profile:
        body = body.model_copy(update={"profile": await known_profile(records, body.profile)})
    draft = new_source(services.submit.read_source(body.url), body, now=now, user=None)
    return await _preview(await ask(services.store, draft, services.clock), services)


@router.get("/preview/{preview_id}", response_model=SourcePreviewView, responses=errors(401, 403, 404, 503))
async def show_preview(preview_id: PreviewPath, services: Services) -> SourcePreviewView:
    """Return a preview. It is computed now from the list that was read, and kept for an hour."""
    return await _preview(preview_id, services)


async def _preview(preview_id: str, services: ApiServices) -> SourcePreviewView:
    found = await find_preview(services.store, preview_id)
    return await source_preview_view(found, services.store, services.clock.now())


@router.post("/{source_id}/preview", status_code=202, response_model=SourcePreviewView, responses=CHANGES)
async def preview_change(source_id: SourcePath, body: SourceChange, services: Services) -> SourcePreviewView:
    """Preview what would be saved if a source were changed like this. Nothing is changed."""
    records = services.store.records
    if body.profile:
        body = body.model_copy(update={"profile": await known_profile(records, body.profile)})
    one = await find_followed(services.store.tables, source_id)
    return await _preview(await ask_of_change(services.store, one, changed(one.source, body), services.clock), services)


@router.get("/inbox", response_model=InboxView, responses=errors(401, 403, 503))
async def inbox(
    services: Services,
    user: UserName,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_IN_INBOX)] = 24,
    *,
    only_news: Annotated[bool, Query(description="Leave out posts from before their source was followed.")] = False,
) -> InboxView:
    """List the posts that sources have brought, latest arrivals first, and which of them are new to the user."""
    found = await read_inbox(services.store, user, cursor=cursor, limit=limit, only_news=only_news)
    noted = await read_noted(services.store, user, [arrival.job.id for arrival in found.arrivals])
    return inbox_view(found, noted)


@router.post("/inbox/seen", response_model=InboxSeenView, responses=errors(401, 403, 415, 503))
async def see_inbox(body: InboxSeenRequest, services: Services, user: UserName) -> InboxSeenView:
    """Mark as seen what arrived up to a time, or up to now. Posts that were seen never become new again."""
    now = services.clock.now()
    await mark_seen(services.store, user, min(body.until or now, now + CLOCKS_DIFFER))
    return InboxSeenView(news=await count_news(services.store, user))


def seen_moment(text: str, now: datetime) -> datetime:
    """Return the time up to which a form marks the inbox as seen, at most now. Raises BadInput for an invalid time."""
    moment = moment_or_none(text)
    if moment is None:
        raise BadInput("This is not a valid time.", help="Reload the page and press the button again.")
    return min(moment, now + CLOCKS_DIFFER)


@router.get("/export", response_class=Response, responses=errors(401, 403, 503))
async def export(services: Services) -> Response:
    """Export all sources as OPML 2.0, with their settings, for other programs or for a later import."""
    return await opml_file(await followed(services.store.tables))


@router.post("/import", response_model=SourcesImportView, responses=errors(401, 403, 413, 415, 503))
async def import_list(body: SourcesImportRequest, services: Services, user: UserName) -> SourcesImportView:
    """Follow the sources in a list, or report what would be followed. Entries that can't be followed don't stop the rest."""
    read = await read_for_import(services, uploaded(body.file), body.asked, user)
    if not body.dry_run:
        await follow_all(services.store.tables, read.new)
    return import_view(read, is_dry_run=body.dry_run)


@router.get("/{source_id}", response_model=SourceView, responses=errors(401, 403, 404, 503))
async def show(source_id: SourcePath, services: Services) -> SourceView:
    """Return one source."""
    return source_view(await find_followed(services.store.tables, source_id), services.clock.now())


@router.patch("/{source_id}", response_model=SourceView, responses=CHANGES)
async def change(source_id: SourcePath, body: SourceChange, services: Services) -> SourceView:
    """Change, pause or resume a source. If ``start`` or ``filters`` change, skipped entries are decided again."""
    records = services.store.records
    if body.profile:
        body = body.model_copy(update={"profile": await known_profile(records, body.profile)})
    await change_source(services.store.tables, source_id, lambda source: changed(source, body))
    return source_view(await find_followed(services.store.tables, source_id), services.clock.now())


@router.post("/{source_id}/check", response_model=SourceView, responses=CHANGES)
async def check(source_id: SourcePath, services: Services) -> SourceView:
    """Let a worker check a source as soon as possible, whatever its interval."""
    await look_now(services.store.tables, source_id)
    return source_view(await find_followed(services.store.tables, source_id), services.clock.now())


@router.get("/{source_id}/entries", response_model=EntriesView, responses=errors(401, 403, 404, 503))
async def entries(
    source_id: SourcePath,
    services: Services,
    state: Annotated[EntryState | None, Query()] = None,
    *,
    gone: Annotated[
        bool, Query(description="Only entries that are no longer on the list, the latest to disappear first.")
    ] = False,
) -> EntriesView:
    """List up to 2,000 entries that the vault has seen on a source's list, newest first, with the outcome of each."""
    await find_followed(services.store.tables, source_id)
    if gone:
        missing = await gone_entries(services.store.tables, source_id, limit=MOST_ENTRIES)
        return EntriesView(entries=[entry_view(entry) for entry in missing if state is None or entry.state is state])
    seen = await all_seen(services.store.tables, source_id, limit=MOST_ENTRIES, state=state)
    ordered = sorted(
        seen.values(), key=lambda entry: entry.published_at or entry.seen_at or services.clock.now(), reverse=True
    )
    return EntriesView(entries=[entry_view(entry) for entry in ordered])


@router.head("/{source_id}/picture", include_in_schema=False)
@router.get("/{source_id}/picture", response_class=Response, responses=ANSWERS)
async def picture(request: Request, source_id: SourcePath, services: Services) -> Response:
    """Return the picture of a source, a small JPEG. 404 if it has none."""
    body = await find_picture(services.store.records, source_id)
    if body is None:
        raise NotFound("This source has no picture.", help="If the site shows one, it is fetched with the next check.")
    return answer_bytes(request, body, CONTENT_TYPES[".jpg"])


async def read_for_import(services: ApiServices, content: bytes, asked: SourceChange, user: str) -> SourcesImport:
    """Return what an import would follow, for a user. Raises BadInput for a file that contains no list."""
    records = services.store.records
    if asked.profile:
        asked = asked.model_copy(update={"profile": await known_profile(records, asked.profile)})
    terms = ImportTerms(
        services.submit,
        await followed(services.store.tables),
        await all_profiles(records),
        asked,
        services.clock.now(),
        user=None if user == OWNER else user,
    )
    return await read_import(content, terms)


async def opml_file(sources: Sequence[Followed]) -> Response:
    """Return sources as a file. Writing thousands takes a second, so it runs in a thread."""
    headers = {"Content-Disposition": f'attachment; filename="{EXPORT_NAME}"', "Cache-Control": "no-store"}
    shown = list(map(shown_source, sources))
    return Response(await asyncio.to_thread(sources_opml, shown), media_type=OPML_TYPE, headers=headers)


@router.delete("/{source_id}", status_code=204, responses=CHANGES)
async def remove(source_id: SourcePath, services: Services) -> None:
    """Stop following a source, and forget its entries. Its posts stay."""
    await unfollow(services.store, source_id)
