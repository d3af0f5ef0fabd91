"""The pages of the sources: a list with the form to follow another one,
and a page for each source.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import FollowingDep, Services, UserName
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.core.clock import EARLIEST
from mediavault.core.failures import MediavaultError
from mediavault.core.marks import from_source
from mediavault.core.messages import Message
from mediavault.features.following.filters import Reason
from mediavault.features.following.model import EntryState, SeenEntry, Source, Start
from mediavault.features.following.pages.cards import (
    KIND_LABELS,
    LINES_SHOWN,
    EntryLine,
    PreviewPart,
    SourceCard,
    entry_line,
    preview_part,
    settings_summary,
    source_cards,
)
from mediavault.features.following.pages.form import (
    SourceForm,
    asked_of_all,
    described,
    form_of,
    interval_choices,
    newest_wanted,
    read_chosen,
    read_source_form,
)
from mediavault.features.following.preview_views import source_preview_view
from mediavault.features.following.previews import find_preview
from mediavault.features.following.records import (
    Followed,
    fill_turns,
    find_followed,
    followed,
    next_waiting,
)
from mediavault.features.following.service import Following
from mediavault.features.following.transfer import (
    EXPORT_HEADERS,
    SourcesImport,
    as_followed,
    import_view,
)
from mediavault.features.following.views import shown_source
from mediavault.presentation.opml import OPML_TYPE
from mediavault.presentation.preferences import current
from mediavault.presentation.views import job_view
from mediavault.server.services import ApiServices
from mediavault.store.holds import all_holds
from mediavault.store.port import JobQuery
from mediavault.web.pages.frame import (
    error_view,
    frame,
    own_path,
    profiles_in_words,
    read_fields,
    read_form,
    read_upload,
    see_other,
)
from mediavault.web.render import render

PAGE = "/sources"
IMPORT_PAGE = f"{PAGE}/import"
LISTED_SHOWN = 200
SOURCES_ON_A_PAGE = 50
NEWEST_JOBS = 24
WAITING_SHOWN = 50
ENTRIES_READ = 2_000
MAX_FIELDS = 40 + LINES_SHOWN  # a check box for each skipped post
START_LABELS = {
    Start.NOW: Message("Today on"),
    Start.SINCE: Message("A date"),
    Start.NEWEST: Message("The newest posts"),
    Start.EVERYTHING: Message("Everything"),
}

NEW = Source("", "", "", EARLIEST)  # a source that is not followed yet

router = APIRouter(include_in_schema=False)

SourcePath = Annotated[str, Path(max_length=64)]
PreviewPath = Annotated[str, Path(max_length=64)]
AddressText = Annotated[str, Query(max_length=8_000)]
ChangedSource = Annotated[str, Query(max_length=64)]
PageNumber = Annotated[int, Query(ge=1, le=1_000)]
CursorText = Annotated[str, Query(max_length=500)]


@router.get(PAGE)
async def index(
    services: Services, url: AddressText = "", change: ChangedSource = "", page: PageNumber = 1
) -> Response:
    """List the sources, the latest one followed first. ``url`` only fills the form, since a GET
    changes nothing.

    ``change`` is the id of the source whose values are in the form.
    """
    if not change:
        return await _list(services, SourceForm(url=url.strip()), number=page)
    one = await find_followed(services.store.tables, change)
    return await _list(
        services, form_of(shown_source(one).source, current().zone), changed=one, number=page
    )


@router.post(PAGE)
async def follow_form(
    request: Request, services: Services, sources: FollowingDep, user: UserName
) -> Response:
    """Follow what the form names. A worker looks at it within a minute."""
    fields = await read_fields(request, most=MAX_FIELDS)
    form = read_source_form(fields)
    try:
        settings, chosen = described(form, NEW, current().zone), read_chosen(fields)
        one = await sources.follow(form.url, settings, chosen, user=user)
    except MediavaultError as exc:
        return await _list(services, form, error=exc)
    return see_other(f"{PAGE}#{one.source.id}")


@router.post(f"{PAGE}/preview")
async def preview_form(request: Request, services: Services, sources: FollowingDep) -> Response:
    """Ask what would be taken if the form were sent. Nothing is followed."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    try:
        preview_id = await sources.preview(form.url, described(form, NEW, current().zone))
    except MediavaultError as exc:
        return await _list(services, form, error=exc)
    return see_other(f"{PAGE}/preview/{preview_id}#preview")


@router.post(f"{PAGE}/{{source_id}}/preview")
async def preview_change_form(
    source_id: SourcePath, request: Request, services: Services, sources: FollowingDep
) -> Response:
    """Preview what would be saved if the source were changed like this. Nothing is changed."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    one = await sources.find(source_id)
    try:
        preview_id = await sources.preview_change(
            source_id, described(form, one.source, current().zone)
        )
    except MediavaultError as exc:
        return await _list(services, form, changed=one, error=exc)
    return see_other(f"{PAGE}/preview/{preview_id}#preview")


@router.get(f"{PAGE}/preview/{{preview_id}}")
async def show_preview(preview_id: PreviewPath, services: Services) -> Response:
    """Show a preview, with the form to change it or to follow.
    Raises NotFound once it has expired.
    """
    preview = await find_preview(services.store, preview_id)
    view = await source_preview_view(preview, services.store, services.clock.now())
    form = form_of(shown_source(preview.draft).source, current().zone)
    return await _list(
        services,
        form,
        changed=preview.draft if preview.is_followed else None,
        preview=preview_part(view),
    )


@router.get(f"{PAGE}/export")
async def export(sources: FollowingDep) -> Response:
    """Return all sources as an OPML file."""
    return Response(await sources.export(), media_type=OPML_TYPE, headers=EXPORT_HEADERS)


@router.get(IMPORT_PAGE)
async def import_page(services: Services, sources: FollowingDep) -> Response:
    """Show the form to import a list of sources."""
    return await _import_page(services, sources, SourceForm(start=""))


@router.post(IMPORT_PAGE)
async def import_form(
    request: Request, services: Services, sources: FollowingDep, user: UserName
) -> Response:
    """Show what the import of a file would follow, or follow it:
    then ``opml`` has the sources as they were shown.
    """
    fields = await read_upload(request)
    texts = {
        name: [value.decode("utf-8", "replace")] for name, value in fields.items() if name != "file"
    }
    form, shown = read_source_form(texts), fields.get("opml", b"")
    try:
        asked = {} if shown else asked_of_all(form, current().zone)
        read = await sources.read_import(shown or fields.get("file", b""), asked, user=user)
        if not shown:
            return await _import_page(services, sources, form, read=read)
        await sources.follow_all(read)
    except MediavaultError as exc:
        return await _import_page(services, sources, form, error=exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/{{source_id}}")
async def change_form(
    source_id: SourcePath,
    request: Request,
    services: Services,
    sources: FollowingDep,
    user: UserName,
) -> Response:
    """Change a source. If its start or filters change, skipped entries are decided again."""
    fields = await read_fields(request, most=MAX_FIELDS)
    form = read_source_form(fields)
    one = await sources.find(source_id)
    try:
        settings, chosen = described(form, one.source, current().zone), read_chosen(fields)
        await sources.change(source_id, settings, chosen, user=user)
    except MediavaultError as exc:
        return await _list(services, form, changed=one, error=exc)
    return see_other(f"{PAGE}/{one.source.id}")


@router.get(f"{PAGE}/{{source_id}}")
async def show(
    source_id: SourcePath, services: Services, sources: FollowingDep, cursor: CursorText = ""
) -> Response:
    """Show one source with its posts in every state. Raises NotFound."""
    moment = services.clock.now() - CLOCKS_DIFFER
    one = await sources.find(source_id)
    [card] = await _cards(services, await sources.all(), [one])
    query = JobQuery(marks=(from_source(source_id),), limit=NEWEST_JOBS, cursor=cursor or None)
    jobs = await services.store.catalogue.jobs(query)
    waiting = await next_waiting(services.store.tables, source_id, limit=WAITING_SHOWN)
    skipped = await sources.entries(source_id, limit=ENTRIES_READ, state=EntryState.SKIPPED)
    unlisted = await sources.entries(source_id, limit=ENTRIES_READ, unlisted=True)
    return render(
        "source.html",
        moment=moment,
        unlisted=_lines(unlisted),
        card=card,
        settings_summary=settings_summary(one, current().zone),
        posts=[job_view(job) for job in jobs.jobs],
        is_first=not cursor,
        next_page=f"{PAGE}/{source_id}?{urlencode({'cursor': jobs.next_cursor})}"
        if jobs.next_cursor
        else None,
        waiting=_lines(waiting),
        skipped=_lines(skipped),
        earlier=sum(entry.reason is Reason.BEFORE for entry in skipped.values()),
        **await frame(services),
    )


@router.post(f"{PAGE}/{{source_id}}/pause")
async def pause_source_form(
    source_id: SourcePath, request: Request, sources: FollowingDep
) -> Response:
    await sources.change(source_id, {"is_paused": True})
    return await _back(request)


@router.post(f"{PAGE}/{{source_id}}/resume")
async def resume_source_form(
    source_id: SourcePath, request: Request, sources: FollowingDep
) -> Response:
    await sources.change(source_id, {"is_paused": False})
    return await _back(request)


@router.post(f"{PAGE}/{{source_id}}/check")
async def check_form(source_id: SourcePath, request: Request, sources: FollowingDep) -> Response:
    """Let a worker check the source within a minute."""
    await sources.check(source_id)
    return await _back(request)


@router.post(f"{PAGE}/{{source_id}}/save")
async def save_posts_form(
    source_id: SourcePath, request: Request, sources: FollowingDep, user: UserName
) -> Response:
    """Save the posts that are ticked."""
    chosen = read_chosen(await read_fields(request, most=MAX_FIELDS))
    await sources.save(source_id, chosen, user=user)
    return see_other(f"{PAGE}/{source_id}")


@router.post(f"{PAGE}/{{source_id}}/newest")
async def save_newest_form(
    source_id: SourcePath, request: Request, sources: FollowingDep
) -> Response:
    """Save the newest of the posts that were there before, from the next check on."""
    await sources.change(source_id, newest_wanted(await read_fields(request, most=MAX_FIELDS)))
    return see_other(f"{PAGE}/{source_id}")


@router.post(f"{PAGE}/{{source_id}}/remove")
async def unfollow_form(source_id: SourcePath, sources: FollowingDep) -> Response:
    """Stop following the source. Its posts stay."""
    await sources.remove(source_id)
    return see_other(PAGE)


def _lines(entries: Mapping[str, SeenEntry]) -> list[EntryLine]:
    return [entry_line(key, entry) for key, entry in islice(entries.items(), LINES_SHOWN)]


async def _back(request: Request) -> Response:
    """Return to the page with the button."""
    return see_other(own_path((await read_form(request)).get("back", PAGE)))


async def _import_page(
    services: ApiServices,
    sources: Following,
    form: SourceForm,
    *,
    read: SourcesImport | None = None,
    error: MediavaultError | None = None,
) -> Response:
    view = import_view(read, is_dry_run=True) if read else None
    opml = await sources.export(as_followed(read.new)) if read else b""
    return render(
        "sources_import.html",
        status=422 if error else 200,
        error=error_view(error) if error else None,
        form=form,
        read=view,
        opml=opml.decode(),
        most_shown=LISTED_SHOWN,
        starts=START_LABELS,
        profiles=await profiles_in_words(services.store.records),
        **await frame(services),
    )


async def _list(
    services: ApiServices,
    form: SourceForm,
    *,
    changed: Followed | None = None,
    error: MediavaultError | None = None,
    number: int = 1,
    preview: PreviewPart | None = None,
) -> Response:
    """Return the page of the form, and below it the sources,
    or a preview of what the form asks for.
    """
    sources = [] if preview else await followed(services.store.tables)
    newest_first, start = sources[::-1], (number - 1) * SOURCES_ON_A_PAGE
    shown = newest_first[start : start + SOURCES_ON_A_PAGE]
    return render(
        "sources.html",
        moment=services.clock.now() - CLOCKS_DIFFER,
        status=422 if error else 200,
        error=error_view(error) if error else None,
        cards=await _cards(services, sources, shown),
        count=len(sources),
        here=PAGE if number == 1 else f"{PAGE}?page={number}",
        newer=number - 1,
        older=number + 1 if start + SOURCES_ON_A_PAGE < len(sources) else 0,
        form=form,
        changed=changed,
        preview=preview,
        starts=START_LABELS,
        kinds=KIND_LABELS,
        intervals=interval_choices(form),
        profiles=await profiles_in_words(services.store.records),
        **await frame(services),
    )


async def _cards(
    services: ApiServices, sources: list[Followed], shown: list[Followed]
) -> list[SourceCard]:
    platforms = {platform.name: platform for platform in services.platforms}
    records = services.store.records
    turns = await fill_turns(records, {one.source.served_by for one in shown if one.state.waiting})
    return source_cards(
        sources, shown, platforms, turns, await all_holds(records), services.clock.now()
    )
