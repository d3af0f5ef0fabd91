"""``trash``: lists the trash, restores a post, or empties the trash; directly on the store,
whether a server runs or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import quiet_settings, with_store
from mediavault.cli.options import AsJson

if TYPE_CHECKING:
    from mediavault.features.trash.service import TrashedView, TrashView
    from mediavault.store.port import Store


def trash(
    *,
    restore: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="Restore this post: its id, the first characters of it, or its URL.",
            show_default=False,
        ),
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="Remove everything in it for good.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the trash, restore a post, or empty the trash."""
    from mediavault.app.composition import make_submission
    from mediavault.app.storage import make_library
    from mediavault.cli.output import print_json
    from mediavault.core.clock import SystemClock
    from mediavault.features.trash.service import Trash
    from mediavault.store.live_settings import LiveSettings

    settings, clock = quiet_settings(), SystemClock()

    async def act(store: Store) -> TrashView:
        found = Trash(store, make_library(settings), clock)
        if restore is not None:
            await found.restore(await found.find(restore, make_submission(settings)))
        if empty:
            await found.empty()
        return await found.listed(
            (await LiveSettings(settings, store.records, clock).current()).trash_days
        )

    posts = asyncio.run(with_store(settings, act)).posts
    if as_json:
        print_json(
            {
                "posts": [
                    {
                        "job": post.job.model_dump(mode="json"),
                        "deleted_at": post.deleted_at.isoformat(),
                        "bytes": post.bytes,
                    }
                    for post in posts
                ]
            }
        )
    else:
        print_trash(posts)


def print_trash(posts: Sequence[TrashedView]) -> None:
    """Print what is in the trash: each job, when it was deleted,
    and the bytes of its files there.
    """
    from rich.table import Table
    from rich.text import Text

    from mediavault.cli.output import moment_words, out
    from mediavault.presentation.labels import format_size, one_line
    from mediavault.store.job_ids import shortest_of

    if not posts:
        out().print("The trash is empty.")
        return
    ids = [post.job.id for post in posts]
    short = shortest_of(ids, ids)
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("Job", "Deleted", "Size", "Title"):
        table.add_column(name, overflow="fold")
    for post in posts:
        size = format_size(post.bytes) if post.bytes else ""
        table.add_row(
            short[post.job.id],
            moment_words(post.deleted_at),
            size,
            Text(one_line(post.job.display.title)),
        )
    out().print(table)
