"""``inspect``: what a post has, which candidate would be saved, and why.
Nothing is stored or downloaded.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediavault.cli.options import EXIT_JOB_FAILED, EXIT_REFUSED, AsJson, Exit

if TYPE_CHECKING:
    from mediavault.app.one_shot import Inspection
    from mediavault.cli.saved_page import SavedInspection


def inspect(
    url: Annotated[
        str | None, typer.Argument(metavar="URL", help="Address of a post.", show_default=False)
    ] = None,
    *,
    saved_page: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Read this saved page or JSON answer instead of the network; - reads lines"
            " FILE<TAB>URL, or objects "
            "with file and url. May be given several times.",
            show_default=False,
        ),
    ] = None,
    post_url: Annotated[
        list[str] | None,
        typer.Option(
            "--url",
            help="The post that the saved page shows, one for each page.",
            show_default=False,
        ),
    ] = None,
    playlist: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Count what this HLS playlist or DASH manifest lists; - reads lines"
            " FILE<TAB>BASE-URL. May be given "
            "several times.",
            show_default=False,
        ),
    ] = None,
    base_url: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Where the playlist came from, one for each.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a post: its items, the candidates, the choice and why."""
    if playlist:
        _playlists(playlist, base_url or [])
    elif saved_page:
        _saved_pages(saved_page, post_url or ([url] if url else []), as_json=as_json)
    else:
        _online(_address(url, *(post_url or [])), as_json=as_json)


def _online(url: str, *, as_json: bool) -> None:
    from mediavault.cli.inspection import as_dict, print_inspection
    from mediavault.cli.output import print_json

    inspection = _inspect(url)
    if as_json:
        print_json(as_dict(inspection))
    else:
        print_inspection(inspection)
    if inspection.choice is None:
        raise Exit(EXIT_JOB_FAILED)


def _inspect(url: str) -> Inspection:
    from mediavault.app import composition, one_shot
    from mediavault.cli.context import quiet_settings

    settings = quiet_settings()
    composition.make_submission(settings).read(url)  # refuses what a submission would refuse
    return asyncio.run(one_shot.inspect_url(settings, url))


def _saved_pages(pages: list[str], urls: list[str], *, as_json: bool) -> None:
    """Print one result per line, in order. A single page exits like an inspection of its post,
    a list with 0.
    """
    from mediavault.cli.inspection import print_inspection, saved_as_dict
    from mediavault.cli.output import print_json_line
    from mediavault.cli.saved_page import confined_inspection, pairs

    is_single = len(pages) == 1 and pages[0] != "-"
    with confined_inspection() as inspect:
        for address, page in pairs(pages, urls, sys.stdin):
            inspection = inspect(address, page)
            if as_json or not is_single:
                print_json_line(saved_as_dict(inspection))
            else:
                print_inspection(inspection)
            if is_single and inspection.choice is None:
                raise Exit(_exit_code(inspection))


def _exit_code(inspection: SavedInspection) -> int:
    from mediavault.core.failures import BadInput

    return EXIT_REFUSED if isinstance(inspection.error, BadInput) else EXIT_JOB_FAILED


def _playlists(files: list[str], bases: list[str]) -> None:
    """Print one result per line, in order; for a file that is not a playlist,
    an ``error`` instead of the counts.
    """
    from mediavault.cli.output import print_json_line
    from mediavault.cli.playlist_inspection import inspect_playlist
    from mediavault.cli.saved_page import pairs
    from mediavault.core.failures import BadInput

    refused = 0
    for base, file in pairs(files, bases, sys.stdin):
        line: dict[str, Any] = {"file": str(file), "base_url": base}
        try:
            line |= inspect_playlist(file, None, base or "")
        except BadInput as exc:
            refused += 1
            line["error"] = {"code": exc.code, "message": exc.message, "help": exc.help}
        print_json_line(line)
    if refused and len(files) == 1 and files[0] != "-":
        raise Exit(EXIT_REFUSED)


def _address(*candidates: str | None) -> str:
    from mediavault.core.failures import BadUrl

    if address := next(filter(None, candidates), None):
        return address
    raise BadUrl("No link found.", help="Give the post's address; with --saved-page, as --url.")
