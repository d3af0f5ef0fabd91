"""``inspect``: what a post has, which candidate would be saved, and why. Nothing is stored or downloaded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.commands.complaints import EXIT_JOB_FAILED, Ended
from mediavault.commands.options import AsJson

if TYPE_CHECKING:
    from mediavault.commands.house import Inspection


def inspect(
    url: Annotated[str | None, typer.Argument(help="Address of a post.", show_default=False)] = None,
    *,
    saved_page: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Read this saved page or JSON answer instead of the network.", show_default=False
        ),
    ] = None,
    post_url: Annotated[
        str | None, typer.Option("--url", help="The post that the saved page shows.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at a post: its candidates, the choice and why."""
    from mediavault.commands.inspecting import as_dict, print_inspection
    from mediavault.commands.output import print_json

    found = _look_offline(_address(post_url, url), saved_page) if saved_page else _look(_address(url, post_url))
    if as_json:
        print_json(as_dict(found))
    else:
        print_inspection(found)
    if found.choice is None:
        raise Ended(EXIT_JOB_FAILED)


def _look_offline(url: str, page: Path) -> Inspection:
    from mediavault.commands.saved_page import look_at_saved_page

    return look_at_saved_page(url, page)


def _look(url: str) -> Inspection:
    from mediavault.commands.house import house
    from mediavault.commands.jobs import quiet_settings

    settings = quiet_settings()
    house().make_submission(settings).read(url)  # refuses what a submission would refuse
    return asyncio.run(house().inspect_url(settings, url))


def _address(*given: str | None) -> str:
    from mediavault.core.errors import BadUrl

    if address := next(filter(None, given), None):
        return address
    raise BadUrl("There is no address.", help="Give the post's address; with --saved-page, as --url.")
