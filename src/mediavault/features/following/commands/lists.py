"""``follow export | import``: the sources to and from other programs. ``import`` has exit code 1
when an entry can't be followed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, AsJson, Exit
from mediavault.cli.record_options import changes_of
from mediavault.features.following.commands.sources import of_sources
from mediavault.features.following.model import SettingValues, SourceSettings

if TYPE_CHECKING:
    from mediavault.features.following.service import Following
    from mediavault.features.following.views import SourcesImportView

To = Annotated[
    Path | None,
    typer.Option(
        "--to", metavar="FILE", help="The new file. Default: standard output.", show_default=False
    ),
]
ListFile = Annotated[Path, typer.Argument(metavar="FILE", help="The list.", show_default=False)]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Follow nothing; only show what would be followed.")
]


def export(*, to: To = None) -> None:
    """Export all sources as OPML 2.0, with their settings,
    for other programs or for a later import.
    """
    from mediavault.app.doctor.bundle import write_new
    from mediavault.cli.output import err

    document = of_sources(lambda sources: sources.export())
    if to is None:
        sys.stdout.buffer.write(document + b"\n")
        return
    write_new(to, document)
    err().print(f"Written: {to}", markup=False, soft_wrap=True)


@changes_of(SourceSettings, only=("start", "profile", "collection"))
def import_list(
    settings: SettingValues, file: ListFile, *, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Follow the sources in a list: OPML, Google Takeout subscriptions, NewPipe, FreeTube,
    Invidious, or one link per line.

    Without --start, earlier posts are saved as the list says, or none.
    """
    from mediavault.cli.output import print_json
    from mediavault.features.following.transfer import import_view

    content = _content(file)

    async def run(sources: Following) -> SourcesImportView:
        read = await sources.read_import(content, settings)
        if not dry_run:
            await sources.follow_all(read)
        return import_view(read, is_dry_run=dry_run)

    done = of_sources(run)
    if as_json:
        print_json(done)
    else:
        _print(done)
    if done.refused:
        raise Exit(EXIT_JOB_FAILED)


def _content(file: Path) -> bytes:
    """Return the bytes of a list, at most one more than are read of it. Raises BadInput."""
    from mediavault.core.failures import BadInput
    from mediavault.core.listings import MAX_LIST_BYTES
    from mediavault.core.messages import Message

    try:
        with file.open("rb") as stream:
            return stream.read(MAX_LIST_BYTES + 1)
    except OSError as exc:
        raise BadInput(
            Message("%(file)s cannot be read: %(error)s.", file=file, error=exc.strerror or exc)
        ) from exc


def _print(done: SourcesImportView) -> None:
    from mediavault.cli.output import err, out
    from mediavault.presentation.labels import one_line

    word = "would be followed" if done.is_dry_run else "followed"
    for state, entries in ((word, done.new), ("already followed", done.known)):
        for entry in entries:
            title = f"{one_line(entry.title)}  " if entry.title else ""
            note = " (on a private host)" if entry.is_private else ""
            out().print(
                f"{state}: {title}{one_line(entry.url)}{note}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    for refused in done.refused:
        err().print(
            (
                f"line {refused.line}: {one_line(refused.text)}: {one_line(refused.error)}"
                f" {one_line(refused.help)}"
            ).rstrip(),
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    out().print(
        (
            f"{len(done.new):,} {word}, {len(done.known):,} already followed, {len(done.refused):,}"
            " can't be followed."
        ),
        markup=False,
        highlight=False,
    )
