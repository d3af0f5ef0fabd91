"""``follow export | import``: the sources to and from other programs. ``import`` has exit code 1 when an entry can't be followed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit
from mediavault.cli.follow import CollectionOption, ProfileOption, in_store, start_of
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.presentation.schemas import SourceChange, SourcesImportView
    from mediavault.store.port import Store

To = Annotated[
    Path | None,
    typer.Option("--to", metavar="FILE", help="The new file. Default: standard output.", show_default=False),
]
ListFile = Annotated[Path, typer.Argument(metavar="FILE", help="The list.", show_default=False)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Follow nothing; only show what would be followed.")]
ListStart = Annotated[
    str | None,
    typer.Option(
        "--start",
        metavar="WHAT",
        help="Which earlier posts to save: now (none), 2026-01-31 (since that day), a number (the newest) or everything. "
        "Default: as the list says, or none.",
        show_default=False,
    ),
]


def export(*, to: To = None) -> None:
    """Export all sources as OPML 2.0, with their settings, for other programs or for a later import."""
    from mediavault.app.doctor.bundle import write_new
    from mediavault.cli.output import err
    from mediavault.presentation.source_transfer import sources_opml
    from mediavault.store.following import followed

    document = sources_opml(in_store(lambda store: followed(store.tables)))
    if to is None:
        sys.stdout.buffer.write(document + b"\n")
        return
    write_new(to, document)
    err().print(f"Written: {to}", markup=False, soft_wrap=True)


def import_list(
    file: ListFile,
    *,
    dry_run: DryRun = False,
    start: ListStart = None,
    profile: ProfileOption = None,
    collection: CollectionOption = None,
    as_json: AsJson = False,
) -> None:
    """Follow the sources in a list: OPML, Google Takeout subscriptions, NewPipe, FreeTube, Invidious, or one link per line."""
    from mediavault.cli.output import print_json
    from mediavault.presentation.schemas import SourceChange

    what, since, newest = start_of(start) if start else (None, None, None)
    # read_import checks the values
    asked = SourceChange.model_construct(
        start=what, since=since, newest=newest, profile=profile or None, collection=collection or None
    )
    done = _import(_content(file), asked, is_dry_run=dry_run)
    if as_json:
        print_json(done)
    else:
        _print(done)
    if done.refused:
        raise Exit(EXIT_JOB_FAILED)


def _content(file: Path) -> bytes:
    """Return the bytes of a list, at most one more than are read of it. Raises BadInput."""
    from mediavault.core.failures import BadInput
    from mediavault.core.messages import Message
    from mediavault.core.source_lists import MAX_LIST_BYTES

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_LIST_BYTES + 1)
    except OSError as exc:
        raise BadInput(Message("%(file)s cannot be read: %(error)s.", file=file, error=exc.strerror or exc)) from exc


def _import(content: bytes, asked: SourceChange, *, is_dry_run: bool) -> SourcesImportView:
    from mediavault.app.composition import make_submission
    from mediavault.cli.context import quiet_settings
    from mediavault.core.clock import SystemClock
    from mediavault.presentation.source_transfer import ImportTerms, import_view, read_import
    from mediavault.store.following import follow_all, followed
    from mediavault.store.profiles import all_profiles

    submit, now = make_submission(quiet_settings()), SystemClock().now()

    async def run(store: Store) -> SourcesImportView:
        terms = ImportTerms(submit, await followed(store.tables), await all_profiles(store.records), asked, now)
        read = await read_import(content, terms)
        if not is_dry_run:
            await follow_all(store.tables, read.new)
        return import_view(read, is_dry_run=is_dry_run)

    return in_store(run)


def _print(done: SourcesImportView) -> None:
    from mediavault.cli.output import err, out
    from mediavault.presentation.labels import one_line

    word = "would be followed" if done.is_dry_run else "followed"
    for state, entries in ((word, done.new), ("already followed", done.known)):
        for entry in entries:
            title = f"{one_line(entry.title)}  " if entry.title else ""
            note = " (on a private host)" if entry.is_private else ""
            out().print(f"{state}: {title}{one_line(entry.url)}{note}", markup=False, highlight=False, soft_wrap=True)
    for refused in done.refused:
        err().print(
            f"line {refused.line}: {one_line(refused.text)}: {one_line(refused.error)} {one_line(refused.help)}".rstrip(),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    out().print(
        f"{len(done.new):,} {word}, {len(done.known):,} already followed, {len(done.refused):,} can't be followed.",
        markup=False,
        highlight=False,
    )
