"""``follow add | list | change | pause | resume | check | remove``: the accounts, lists and feeds that the vault follows."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.core.following import Source, Start
    from mediavault.core.following_filters import Filters
    from mediavault.presentation.schemas import SourceChange, SourceView
    from mediavault.presentation.source_previews import SourcePreviewView
    from mediavault.store.port import Store

T = TypeVar("T")

SourceId = Annotated[
    str, typer.Argument(metavar="SOURCE", help="The source's id, as `follow list` shows it.", show_default=False)
]
_START = typer.Option(
    "--start",
    metavar="WHAT",
    help="Which earlier posts to save: now (none), 2026-01-31 (since that day), a number (the newest) or everything.",
)
ProfileOption = Annotated[str | None, typer.Option("--profile", help="The profile with which posts are saved.")]
CollectionOption = Annotated[
    str | None, typer.Option("--collection", metavar="TITLE", help="Add posts to this collection.")
]
EveryOption = Annotated[
    int | None,
    typer.Option(
        "--every", metavar="MINUTES", min=0, max=43_200, help="How often to check; 0: depends on how often it posts."
    ),
]
PerDayOption = Annotated[
    int | None,
    typer.Option("--per-day", metavar="N", help="Save at most this many earlier posts per day; 0: no limit."),
]
WithOption = Annotated[
    list[str] | None,
    typer.Option(
        "--with", metavar="WORDS", help="Save only posts with these words, or /a regular expression/; repeatable."
    ),
]
WithoutOption = Annotated[
    list[str] | None, typer.Option("--without", metavar="WORDS", help="Skip posts with these words; repeatable.")
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KIND", help="Save only this kind: video, short or live; repeatable."),
]
ShortestOption = Annotated[float | None, typer.Option("--shortest", metavar="SECONDS", help="Skip anything shorter.")]
PreviewOption = Annotated[
    bool,
    typer.Option("--preview", help="Only show what would be saved, and why the rest would not; nothing is followed."),
]
LongestOption = Annotated[float | None, typer.Option("--longest", metavar="SECONDS", help="Skip anything longer.")]
LanguageOption = Annotated[
    list[str] | None,
    typer.Option(
        "--language", metavar="TAG", help="Leave out posts in other languages than this, such as en; repeatable."
    ),
]
MembersOption = Annotated[
    bool | None, typer.Option("--members/--no-members", help="Whether to save posts for members only too.")
]
RepostsOption = Annotated[bool | None, typer.Option("--reposts/--no-reposts", help="Whether to save reposts too.")]
RepliesOption = Annotated[bool | None, typer.Option("--replies/--no-replies", help="Whether to save replies.")]


def add(
    url: Annotated[
        str, typer.Argument(metavar="URL", help="The page of an account or a list, or a feed.", show_default=False)
    ],
    start: Annotated[str, _START] = "now",
    profile: ProfileOption = None,
    collection: CollectionOption = None,
    every: EveryOption = None,
    per_day: PerDayOption = None,
    having: WithOption = None,
    lacking: WithoutOption = None,
    only: OnlyOption = None,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    language: LanguageOption = None,
    *,
    members: MembersOption = None,
    reposts: RepostsOption = None,
    replies: RepliesOption = None,
    preview: PreviewOption = False,
    as_json: AsJson = False,
) -> None:
    """Follow an account, a list or a feed. A worker checks it within a minute."""
    from mediavault.app.composition import make_submission
    from mediavault.cli.context import quiet_settings
    from mediavault.core.clock import SystemClock
    from mediavault.core.following import Source
    from mediavault.core.following_filters import Filters
    from mediavault.core.marks import collection_title
    from mediavault.presentation.sources import source_view
    from mediavault.store.following import find_followed, follow, new_source_id
    from mediavault.store.profiles import known_profile

    address, now = make_submission(quiet_settings()).read_source(url), SystemClock().now()
    what, since, newest = start_of(start)
    source = Source(
        new_source_id(),
        address.url,
        address.platform,
        followed_at=now,
        collection=collection_title(collection) if collection else None,
        interval=timedelta(minutes=every) if every else None,
        start=what,
        since=since,
        newest=newest,
        per_day=per_day or None,
        filters=_filters(
            Filters(),
            having=having, lacking=lacking, only=only, shortest=shortest, longest=longest,
            language=language, members_only=members, reposts=reposts, replies=replies,
        ),
    )  # fmt: skip

    if preview:
        _print_preview(replace(source, profile=profile), as_json=as_json)
        return

    async def store_it(store: Store) -> SourceView:
        known = await known_profile(store.records, profile) if profile else None
        await follow(store.tables, replace(source, profile=known))
        return source_view(await find_followed(store.tables, source.id), now)

    _print(in_store(store_it), as_json=as_json)


def _print_preview(source: Source, *, as_json: bool) -> None:
    """Print what would be saved, once a worker has read the list."""
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import print_json
    from mediavault.cli.previewing import preview_and_wait, print_preview
    from mediavault.core.clock import SystemClock
    from mediavault.store.profiles import known_profile

    settings = quiet_settings()

    async def run(store: Store) -> SourcePreviewView:
        known = await known_profile(store.records, source.profile) if source.profile else None
        return await preview_and_wait(settings, store, replace(source, profile=known), SystemClock())

    view = asyncio.run(with_store(settings, run))
    if as_json:
        print_json(view)
    else:
        print_preview(view)
    if view.error is not None:
        raise Exit(EXIT_JOB_FAILED)


def list_sources(*, as_json: AsJson = False) -> None:
    """List the sources and their state."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.sources import source_view
    from mediavault.store.following import followed

    now = SystemClock().now()

    async def read(store: Store) -> list[SourceView]:
        return [source_view(one, now) for one in await followed(store.tables)]

    views = in_store(read)
    if as_json:
        print_json({"sources": [view.model_dump(mode="json") for view in views]})
        return
    for view in views:
        _print(view, as_json=False)
    if not views:
        out().print("No sources are followed.")


def change(
    source_id: SourceId,
    start: Annotated[str | None, _START] = None,
    profile: ProfileOption = None,
    collection: CollectionOption = None,
    every: EveryOption = None,
    per_day: PerDayOption = None,
    having: WithOption = None,
    lacking: WithoutOption = None,
    only: OnlyOption = None,
    shortest: ShortestOption = None,
    longest: LongestOption = None,
    language: LanguageOption = None,
    *,
    members: MembersOption = None,
    reposts: RepostsOption = None,
    replies: RepliesOption = None,
    as_json: AsJson = False,
) -> None:
    """Change a source. Options that are left out stay as they are; an empty text or a length of 0 removes a setting.

    If the start or a filter changes, the next check decides again about skipped posts.
    """
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.schemas import SourceChange
    from mediavault.presentation.sources import changed, source_view
    from mediavault.store.following import change_source, find_followed
    from mediavault.store.profiles import known_profile

    what, since, newest = start_of(start) if start is not None else (None, None, None)
    asked = SourceChange(
        collection=collection, interval_minutes=every, per_day=per_day, start=what, since=since, newest=newest
    )

    def apply(source: Source) -> Source:
        filters = _filters(
            source.filters,
            having=having, lacking=lacking, only=only, shortest=shortest, longest=longest,
            language=language, members_only=members, reposts=reposts, replies=replies,
        )  # fmt: skip
        return replace(changed(source, asked), filters=filters)

    async def store_it(store: Store) -> SourceView:
        known = await known_profile(store.records, profile) if profile else None
        await change_source(
            store.tables, source_id, lambda one: apply(one if profile is None else replace(one, profile=known))
        )
        return source_view(await find_followed(store.tables, source_id), SystemClock().now())

    _print(in_store(store_it), as_json=as_json)


def pause(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Stop checking a source until it is resumed. Its earlier posts wait too."""
    from mediavault.presentation.schemas import SourceChange

    _print(_changed(source_id, SourceChange(is_paused=True)), as_json=as_json)


def resume(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Resume a paused source."""
    from mediavault.presentation.schemas import SourceChange

    _print(_changed(source_id, SourceChange(is_paused=False)), as_json=as_json)


def check(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Let a worker check a source within a minute."""
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.sources import source_view
    from mediavault.store.following import find_followed, look_now

    async def ask(store: Store) -> SourceView:
        await look_now(store.tables, source_id)
        return source_view(await find_followed(store.tables, source_id), SystemClock().now())

    _print(in_store(ask), as_json=as_json)


def remove(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Stop following a source. Its posts stay."""
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.cli.output import out, print_json
    from mediavault.store.following import unfollow

    async def run(store: Store) -> None:
        await unfollow(store, source_id)

    asyncio.run(with_store(quiet_settings(), run))
    if as_json:
        print_json({"removed": source_id})
    else:
        out().print(f"{source_id} is no longer followed.", markup=False, highlight=False)


def _changed(source_id: str, asked: SourceChange) -> SourceView:
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.sources import changed, source_view
    from mediavault.store.following import change_source, find_followed

    async def change(store: Store) -> SourceView:
        await change_source(store.tables, source_id, lambda source: changed(source, asked))
        return source_view(await find_followed(store.tables, source_id), SystemClock().now())

    return in_store(change)


def start_of(text: str) -> tuple[Start, datetime | None, int | None]:
    """Return which earlier posts are saved, with the day or number. Raises BadInput."""
    from mediavault.core.failures import BadInput
    from mediavault.core.following import Start

    if text in {Start.NOW, Start.EVERYTHING}:
        return Start(text), None, None
    if text.isascii() and text.isdecimal() and len(text) < 8:
        return Start.NEWEST, None, int(text)
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(
            "This is not a valid choice of earlier posts.",
            help="Use now, everything, a number, or a date such as 2026-01-31.",
        ) from None
    return Start.SINCE, since if since.tzinfo else since.replace(tzinfo=UTC), None


def _filters(
    filters: Filters,
    *,
    having: Sequence[str] | None,
    lacking: Sequence[str] | None,
    only: Sequence[str] | None,
    shortest: float | None,
    longest: float | None,
    language: Sequence[str] | None,
    **flags: bool | None,
) -> Filters:
    """Return the filters with the given changes. Raises BadInput for an unknown kind of video or language."""
    from mediavault.core.failures import BadInput
    from mediavault.core.listings import EntryKind
    from mediavault.core.profiles import language_tags

    try:
        kinds = tuple(map(EntryKind, only)) if only else None
    except ValueError:
        raise BadInput("This is not a valid kind of video.", help="The kinds are video, short and live.") from None
    given = {
        "having": tuple(filter(None, having)) if having else None,
        "lacking": tuple(filter(None, lacking)) if lacking else None,
        "kinds": kinds,
        "languages": language_tags(" ".join(language)) if language else None,
        **flags,
    }
    lengths: dict[str, Any] = {
        name: seconds or None
        for name, seconds in (("shortest_s", shortest), ("longest_s", longest))
        if seconds is not None
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    return replace(filters, **changes, **lengths)


def _print(view: SourceView, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json
    from mediavault.core.names import readable_name

    if as_json:
        print_json(view)
        return
    state = "paused" if view.is_paused else "failing" if view.error else "new" if view.looked_at is None else "followed"
    counts = f"{view.seen:,} seen" + (f", {view.waiting:,} waiting" if view.waiting else "")
    line = f"{view.id}  {state:<8}  {readable_name(view.name)}  {view.url}  ({counts})"
    out().print(line, markup=False, highlight=False, soft_wrap=True)
    if view.error:
        out().print(f"  {view.error} {view.help or ''}".rstrip(), markup=False, highlight=False, soft_wrap=True)


def in_store(use: Callable[[Store], Awaitable[T]]) -> T:
    """Return what a function of the vault's store returns."""
    from mediavault.cli.context import quiet_settings, with_store

    return asyncio.run(with_store(quiet_settings(), use))
