"""The pages of the sources: a list with the form to follow another one, and a page for each source."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Path, Query, Request, Response

from mediavault.api.dependencies import Services, UserName
from mediavault.api.feed import CLOCKS_DIFFER
from mediavault.api.sources import opml_file, read_for_import
from mediavault.core.failures import MediavaultError
from mediavault.core.following import EntryState, SeenEntry, Source, Start
from mediavault.core.marks import from_source
from mediavault.core.messages import Message
from mediavault.core.users import OWNER
from mediavault.presentation.preferences import current
from mediavault.presentation.schemas import SourceChange
from mediavault.presentation.shown import shown_source
from mediavault.presentation.source_previews import source_preview_view
from mediavault.presentation.source_transfer import SourcesImport, as_followed, import_view, sources_opml
from mediavault.presentation.views import job_view
from mediavault.server.services import ApiServices
from mediavault.store.following import (
    Followed,
    all_seen,
    change_source,
    fill_turns,
    find_followed,
    follow,
    follow_all,
    followed,
    gone_entries,
    look_now,
    new_source_id,
    next_waiting,
    unfollow,
)
from mediavault.store.holds import all_holds
from mediavault.store.port import JobQuery
from mediavault.store.profiles import known_profile
from mediavault.store.source_previews import ask, ask_of_change, find_preview
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
from mediavault.web.source_cards import KIND_LABELS, SourceCard, entry_line, source_cards, wishes
from mediavault.web.source_form import SourceForm, asked_of_all, described, form_of, interval_choices, read_source_form
from mediavault.web.source_preview import PreviewPart, preview_part

PAGE = "/sources"
IMPORT_PAGE = f"{PAGE}/import"
LISTED_SHOWN = 200
SOURCES_ON_A_PAGE = 50
NEWEST_JOBS = 24
WAITING_SHOWN, PASSED_SHOWN = 50, 100
ENTRIES_READ = 2_000
MAX_FIELDS = 40
START_LABELS = {
    Start.NOW: Message("None: only new posts"),
    Start.SINCE: Message("Since a date"),
    Start.NEWEST: Message("Only the newest"),
    Start.EVERYTHING: Message("Everything"),
}

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
    """List the sources, the latest one followed first. ``url`` only fills the form, since a GET changes nothing.

    ``change`` is the id of the source whose values are in the form.
    """
    if not change:
        return await _list(services, SourceForm(url=url.strip()), number=page)
    one = await find_followed(services.store.tables, change)
    return await _list(services, form_of(shown_source(one).source, current().zone), changed=one, number=page)


@router.post(PAGE)
async def follow_form(request: Request, services: Services, user: UserName) -> Response:
    """Follow what the form names. A worker looks at it within a minute."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    try:
        form = await _with_known_profile(services, form)
        address = services.submit.read_source(form.url)
        added_by = None if user == OWNER else user
        new = Source(new_source_id(), address.url, address.platform, services.clock.now(), added_by=added_by)
        source = await follow(services.store.tables, described(form, new, current().zone))
    except MediavaultError as exc:
        return await _list(services, form, error=exc)
    return see_other(f"{PAGE}#{source.id}")


@router.post(f"{PAGE}/preview")
async def preview_form(request: Request, services: Services) -> Response:
    """Ask what would be taken if the form were sent. Nothing is followed."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    try:
        form = await _with_known_profile(services, form)
        address = services.submit.read_source(form.url)
        new = Source(new_source_id(), address.url, address.platform, services.clock.now())
        preview_id = await ask(services.store, described(form, new, current().zone), services.clock)
    except MediavaultError as exc:
        return await _list(services, form, error=exc)
    return see_other(f"{PAGE}/preview/{preview_id}#preview")


@router.post(f"{PAGE}/{{source_id}}/preview")
async def preview_change_form(source_id: SourcePath, request: Request, services: Services) -> Response:
    """Preview what would be saved if the source were changed like this. Nothing is changed."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    one = await find_followed(services.store.tables, source_id)
    try:
        form = await _with_known_profile(services, form)
        draft = described(form, one.source, current().zone)
        preview_id = await ask_of_change(services.store, one, draft, services.clock)
    except MediavaultError as exc:
        return await _list(services, form, changed=one, error=exc)
    return see_other(f"{PAGE}/preview/{preview_id}#preview")


@router.get(f"{PAGE}/preview/{{preview_id}}")
async def show_preview(preview_id: PreviewPath, services: Services) -> Response:
    """Show a preview, with the form to change it or to follow. Raises NotFound once it has expired."""
    found = await find_preview(services.store, preview_id)
    view = await source_preview_view(found, services.store, services.clock.now())
    form = form_of(shown_source(found.draft).source, current().zone)
    return await _list(services, form, changed=found.draft if found.is_followed else None, preview=preview_part(view))


@router.get(f"{PAGE}/export")
async def export(services: Services) -> Response:
    """Return all sources as an OPML file."""
    return await opml_file(await followed(services.store.tables))


@router.get(IMPORT_PAGE)
async def import_page(services: Services) -> Response:
    """Show the form to import a list of sources."""
    return await _import_page(services, SourceForm(start=""))


@router.post(IMPORT_PAGE)
async def import_form(request: Request, services: Services, user: UserName) -> Response:
    """Show what the import of a file would follow, or follow it: then ``opml`` has the sources as they were shown."""
    fields = await read_upload(request)
    texts = {name: [value.decode("utf-8", "replace")] for name, value in fields.items() if name != "file"}
    form, shown = read_source_form(texts), fields.get("opml", b"")
    try:
        asked = SourceChange() if shown else asked_of_all(form, current().zone)
        read = await read_for_import(services, shown or fields.get("file", b""), asked, user)
        if not shown:
            return await _import_page(services, form, read=read)
        await follow_all(services.store.tables, read.new)
    except MediavaultError as exc:
        return await _import_page(services, form, error=exc)
    return see_other(PAGE)


@router.post(f"{PAGE}/{{source_id}}")
async def change_form(source_id: SourcePath, request: Request, services: Services) -> Response:
    """Change a source. If its start or filters change, skipped entries are decided again."""
    form = read_source_form(await read_fields(request, most=MAX_FIELDS))
    one = await find_followed(services.store.tables, source_id)
    try:
        wanted = await _with_known_profile(services, form)
        await change_source(services.store.tables, source_id, lambda source: described(wanted, source, current().zone))
    except MediavaultError as exc:
        return await _list(services, form, changed=one, error=exc)
    return see_other(f"{PAGE}/{one.source.id}")


@router.get(f"{PAGE}/{{source_id}}")
async def show(source_id: SourcePath, services: Services, cursor: CursorText = "") -> Response:
    """Show one source with its posts in every state. Raises NotFound."""
    moment = services.clock.now() - CLOCKS_DIFFER
    sources = await followed(services.store.tables)
    one = await find_followed(services.store.tables, source_id)
    [card] = await _cards(services, sources, [one])
    query = JobQuery(marks=(from_source(source_id),), limit=NEWEST_JOBS, cursor=cursor or None)
    jobs = await services.store.catalogue.jobs(query)
    waiting, passed = await _waiting(services, one), await _passed(services, one)
    gone = (await gone_entries(services.store.tables, one.source.id, limit=ENTRIES_READ))[:PASSED_SHOWN]
    return render(
        "source.html",
        moment=moment,
        gone=[entry_line(entry) for entry in gone],
        card=card,
        wishes=wishes(one, current().zone),
        posts=[job_view(job) for job in jobs.jobs],
        is_first=not cursor,
        next_page=f"{PAGE}/{source_id}?{urlencode({'cursor': jobs.next_cursor})}" if jobs.next_cursor else None,
        waiting=[entry_line(entry) for entry in waiting],
        passed=[entry_line(entry) for entry in passed],
        **await frame(services),
    )


@router.post(f"{PAGE}/{{source_id}}/pause")
async def pause_source_form(source_id: SourcePath, request: Request, services: Services) -> Response:
    return await _paused(source_id, request, services, is_paused=True)


@router.post(f"{PAGE}/{{source_id}}/resume")
async def resume_source_form(source_id: SourcePath, request: Request, services: Services) -> Response:
    return await _paused(source_id, request, services, is_paused=False)


@router.post(f"{PAGE}/{{source_id}}/check")
async def check_form(source_id: SourcePath, request: Request, services: Services) -> Response:
    """Let a worker check the source within a minute."""
    await look_now(services.store.tables, source_id)
    return await _back(request)


@router.post(f"{PAGE}/{{source_id}}/remove")
async def unfollow_form(source_id: SourcePath, services: Services) -> Response:
    """Stop following the source. Its posts stay."""
    await unfollow(services.store, source_id)
    return see_other(PAGE)


async def _paused(source_id: str, request: Request, services: ApiServices, *, is_paused: bool) -> Response:
    await change_source(services.store.tables, source_id, lambda source: replace(source, is_paused=is_paused))
    return await _back(request)


async def _back(request: Request) -> Response:
    """Return to the page with the button."""
    return see_other(own_path((await read_form(request)).get("back", PAGE)))


async def _with_known_profile(services: ApiServices, form: SourceForm) -> SourceForm:
    """Return the form with the stored name of its profile. Raises BadInput if there is no such profile."""
    if not form.profile:
        return form
    return replace(form, profile=await known_profile(services.store.records, form.profile))


async def _import_page(
    services: ApiServices,
    form: SourceForm,
    *,
    read: SourcesImport | None = None,
    error: MediavaultError | None = None,
) -> Response:
    view = import_view(read, is_dry_run=True) if read else None
    opml = await asyncio.to_thread(sources_opml, as_followed(read.new)) if read else b""
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
    """Return the page of the form, and below it the sources, or a preview of what the form asks for."""
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


async def _cards(services: ApiServices, sources: list[Followed], shown: list[Followed]) -> list[SourceCard]:
    platforms = {platform.name: platform for platform in services.platforms}
    records = services.store.records
    turns = await fill_turns(records, {one.source.served_by for one in shown if one.state.waiting})
    return source_cards(sources, shown, platforms, turns, await all_holds(records), services.clock.now())


async def _waiting(services: ApiServices, one: Followed) -> list[SeenEntry]:
    """Return the entries that wait for their turn, in order."""
    return list((await next_waiting(services.store.tables, one.source.id, limit=WAITING_SHOWN)).values())


async def _passed(services: ApiServices, one: Followed) -> list[SeenEntry]:
    """Return the skipped entries, newest first."""
    passed = await all_seen(services.store.tables, one.source.id, limit=ENTRIES_READ, state=EntryState.PASSED)
    now = services.clock.now()
    return sorted(passed.values(), key=lambda entry: entry.published_at or entry.seen_at or now, reverse=True)[
        :PASSED_SHOWN
    ]
