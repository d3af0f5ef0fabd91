"""``import``: takes over a folder of videos that other programs saved. Changes nothing without
--apply. Exit code 1 on problems.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, Exit
from mediavault.features.importing.model import OUTCOMES, ImportMode, ImportOutcome

if TYPE_CHECKING:
    from mediavault.core.settings import Settings
    from mediavault.features.importing.model import ImportCounts, ImportedFile, ImportSource

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="The folder; its subfolders are read as well.")
]
Apply = Annotated[
    bool,
    typer.Option(
        "--apply",
        help=(
            "Import the files. Without it, nothing is changed, and the report shows what would be"
            " imported."
        ),
    ),
]
How = Annotated[
    ImportMode,
    typer.Option(
        "--how",
        help=(
            "copy: the originals stay. link: hard links to the same files, on the same file system"
            " only. move: an original is removed once the library has the file and it was read"
            " back. in-place: the files are inside the library's folder and stay where they are."
        ),
    ),
]
AsJsonLines = Annotated[
    bool, typer.Option("--json", help="Print one JSON object per file and a summary, one per line.")
]


def import_folder(
    folder: Folder,
    *,
    apply: Apply = False,
    how: How = ImportMode.COPY,
    as_json: AsJsonLines = False,
) -> None:
    """Import a folder of videos from yt-dlp, MeTube, Tube Archivist, Pinchflat or anything else.
    Changes nothing unless --apply is given.
    """
    from mediavault.cli import context
    from mediavault.cli.context import quiet_settings
    from mediavault.features.importing.service import checked_source

    settings = quiet_settings()
    library = settings.download_dir if settings.vault_url is None else None
    source = checked_source(folder, how, library, apply=apply)
    done = context.run(_import(settings, source, as_json=as_json))
    _sum_up(done, apply=apply, as_json=as_json)
    if done.problems:
        raise Exit(EXIT_JOB_FAILED)


async def _import(settings: Settings, source: ImportSource, *, as_json: bool) -> ImportCounts:
    from mediavault.app.storage import open_import
    from mediavault.cli.progress import steps
    from mediavault.features.importing.service import count_media

    with steps(silent=as_json) as onlooker:
        async with open_import(settings, source, onlooker.advance) as work:
            onlooker.start(
                "Importing" if source.apply else "Reading every file", await count_media(source)
            )
            async for result in work.run():
                _print(result, apply=source.apply, as_json=as_json)
            return work.done


def _print(result: ImportedFile, *, apply: bool, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.names import readable_name
    from mediavault.presentation.labels import one_line

    file = readable_name(result.file)
    if as_json:
        print_json_line({**asdict(result), "file": file, "detail": result.detail or None})
        return
    words = OUTCOMES[result.outcome]
    if result.outcome is ImportOutcome.IMPORTED:
        words = (
            f"{'imported' if apply else 'would be imported'} as"
            f" {result.url or 'a post without a URL'}"
        )
    detail = f" ({one_line(result.detail)})" if result.detail else ""
    out().print(f"{one_line(file)}: {one_line(words)}{detail}", markup=False, soft_wrap=True)


def _sum_up(done: ImportCounts, *, apply: bool, as_json: bool) -> None:
    from mediavault.cli.output import out, print_json_line
    from mediavault.core.messages import counted
    from mediavault.presentation.labels import format_size

    others = dict(sorted(done.outcomes.items()))
    imported = others.pop(ImportOutcome.IMPORTED, 0)
    if as_json:
        print_json_line(
            {
                "ok": not done.problems,
                "applied": apply,
                "files": done.files,
                "imported": imported,
                "without_url": done.without_url,
                "bytes": done.bytes,
                "finished": done.finished,
                "others": others,
            }
        )
        return
    words = "imported" if apply else "would be imported"
    files, size = counted(done.files, "media file"), format_size(done.bytes)
    lines = [f"{files}: {imported:,} {words} ({size}), {done.without_url:,} of them without a URL."]
    if done.finished:
        lines.append(f"{done.finished:,} completed from an interrupted import.")
    lines += [f"{count:,} × {OUTCOMES[outcome]}" for outcome, count in others.items()]
    if not apply:
        lines.append("Nothing was changed. Add --apply to import.")
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)
