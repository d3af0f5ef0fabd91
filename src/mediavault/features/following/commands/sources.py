"""``follow add | list | change | save | pause | resume | check | remove``: the accounts,
lists and feeds that the vault follows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit
from mediavault.cli.record_options import changes_of
from mediavault.features.following.model import SettingValues, SourceSettings

if TYPE_CHECKING:
    from mediavault.features.following.records import Followed
    from mediavault.features.following.service import Following
    from mediavault.features.following.views import SourceView
    from mediavault.store.port import Store

T = TypeVar("T")

SourceId = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE", help="The source's id, as `follow list` shows it.", show_default=False
    ),
]
PreviewOption = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Only show what would be saved, and why the rest would not; nothing is followed.",
    ),
]


@changes_of(SourceSettings)
def add(
    settings: SettingValues,
    url: Annotated[
        str,
        typer.Argument(
            metavar="URL", help="The page of an account or a list, or a feed.", show_default=False
        ),
    ],
    *,
    preview: PreviewOption = False,
    as_json: AsJson = False,
) -> None:
    """Follow an account, a list or a feed. A worker checks it within a minute."""
    if preview:
        _preview(url, settings, as_json=as_json)
    else:
        _print_one(lambda sources: sources.follow(url, settings), as_json=as_json)


def _preview(url: str, settings: SettingValues, *, as_json: bool) -> None:
    """Print what would be saved, once a worker has read the list."""
    from mediavault.cli.context import quiet_settings
    from mediavault.cli.output import print_json
    from mediavault.features.following.commands.previews import preview_and_wait, print_preview

    view = of_sources(lambda sources: preview_and_wait(quiet_settings(), sources, url, settings))
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
    from mediavault.features.following.views import source_view

    now = SystemClock().now()
    views = [source_view(entry, now) for entry in of_sources(lambda sources: sources.all())]
    if as_json:
        print_json({"sources": [view.model_dump(mode="json") for view in views]})
        return
    for view in views:
        _print(view, as_json=False)
    if not views:
        out().print("No sources are followed.")


@changes_of(SourceSettings)
def change(settings: SettingValues, source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Change a source. Options that are left out stay as they are; an empty text or a length of 0
    removes a setting.

    If the start or a filter changes, the next check decides again about skipped posts.
    """
    _print_one(lambda sources: sources.change(source_id, settings), as_json=as_json)


def save(
    source_id: SourceId,
    posts: Annotated[
        list[str],
        typer.Argument(metavar="URL …", help="The links of posts on its list.", show_default=False),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Save posts that were skipped, whatever the source's settings say."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.messages import counted
    from mediavault.features.following.service import Chosen
    from mediavault.features.following.taking import entry_key

    def chosen(sources: Following) -> Chosen:
        urls = [sources.submit.read(text).canonical_url for text in posts]
        return Chosen([entry_key(url) for url in urls])

    count = of_sources(lambda sources: sources.save(source_id, chosen(sources)))
    if as_json:
        print_json({"count": count})
    else:
        out().print(f"{counted(count, 'post')} of {source_id} chosen.", highlight=False)


def pause(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Stop checking a source until it is resumed. Its earlier posts wait too."""
    _print_one(lambda sources: sources.change(source_id, {"is_paused": True}), as_json=as_json)


def resume(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Resume a paused source."""
    _print_one(lambda sources: sources.change(source_id, {"is_paused": False}), as_json=as_json)


def check(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Let a worker check a source within a minute."""
    _print_one(lambda sources: sources.check(source_id), as_json=as_json)


def remove(source_id: SourceId, *, as_json: AsJson = False) -> None:
    """Stop following a source. Its posts stay."""
    from mediavault.cli.output import out, print_json

    of_sources(lambda sources: sources.remove(source_id))
    if as_json:
        print_json({"removed": source_id})
    else:
        out().print(f"{source_id} is no longer followed.", markup=False, highlight=False)


def _print_one(do: Callable[[Following], Awaitable[Followed]], *, as_json: bool) -> None:
    """Do something to a source, and print it as it is then."""
    from mediavault.core.clock import SystemClock
    from mediavault.features.following.views import source_view

    _print(source_view(of_sources(do), SystemClock().now()), as_json=as_json)


def _print(view: SourceView, *, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json
    from mediavault.core.names import readable_name

    if as_json:
        print_json(view)
        return
    state = (
        "paused"
        if view.is_paused
        else "failing"
        if view.error
        else "new"
        if view.checked_at is None
        else "followed"
    )
    counts = f"{view.seen:,} seen" + (f", {view.waiting:,} waiting" if view.waiting else "")
    line = f"{view.id}  {state:<8}  {readable_name(view.name)}  {view.url}  ({counts})"
    out().print(line, markup=False, highlight=False, soft_wrap=True)
    if view.error:
        out().print(
            f"  {view.error} {view.help or ''}".rstrip(),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def of_sources(use: Callable[[Following], Awaitable[T]]) -> T:
    """Return what a function of the vault's sources returns."""
    from mediavault.app.composition import make_submission
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.features.following.service import Following
    from mediavault.store.live_settings import LiveSettings

    settings, clock = quiet_settings(), SystemClock()

    def sources(store: Store) -> Following:
        live = LiveSettings(settings, store.records, clock)
        return Following(store, clock, make_submission(settings), live)

    return asyncio.run(with_store(settings, lambda store: use(sources(store))))
