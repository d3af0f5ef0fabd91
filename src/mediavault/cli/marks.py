"""``mark``, ``tags``, ``collections``: what is noted about posts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import quiet_settings, with_store
from mediavault.cli.options import AsJson, JobIds

if TYPE_CHECKING:
    from mediavault.core.marks import MarkCount, MarkKind
    from mediavault.store.port import Store


def mark(
    job_ids: JobIds,
    *,
    favourite: Annotated[
        bool | None, typer.Option("--favourite/--no-favourite", help="Whether they are favourites.", show_default=False)
    ] = None,
    watched: Annotated[
        bool | None, typer.Option("--watched/--unwatched", help="Whether they were watched.", show_default=False)
    ] = None,
    pinned: Annotated[
        bool | None, typer.Option("--pin/--unpin", help="Whether retention rules leave them alone.", show_default=False)
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Add this tag.", show_default=False)] = None,
    untag: Annotated[list[str] | None, typer.Option(help="Remove this tag.", show_default=False)] = None,
    collect: Annotated[
        list[str] | None, typer.Option(metavar="TITLE", help="Add to this collection.", show_default=False)
    ] = None,
    uncollect: Annotated[
        list[str] | None, typer.Option(metavar="TITLE", help="Remove from this collection.", show_default=False)
    ] = None,
    note: Annotated[str | None, typer.Option(help="Set the note; empty removes it.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Note something about posts: favourite, watched, pinned, tags, collections, a note."""
    from mediavault.cli.output import out, print_json
    from mediavault.core.clock import SystemClock
    from mediavault.core.job import JobId
    from mediavault.core.messages import counted
    from mediavault.core.users import OWNER
    from mediavault.presentation.views import marks_view
    from mediavault.store.noting import MarkChange, change_marks, read_noted

    change = MarkChange(favourite, watched, note, tag or (), untag or (), collect or (), uncollect or (), pinned)
    ids = [JobId(job_id) for job_id in job_ids]

    async def note_it(store: Store) -> None:
        for job_id in ids:
            await store.catalogue.get(job_id)  # all or nothing: a typing mistake changes none
        count = await change_marks(store, SystemClock(), OWNER, ids, change)
        if as_json:
            noted = await read_noted(store, OWNER, ids)
            print_json({job_id: marks_view(marks).model_dump(mode="json") for job_id, marks in noted.items()})
        else:
            out().print(f"{counted(count, 'post', 'posts')} changed.")

    asyncio.run(with_store(quiet_settings(), note_it))


def tags(
    *,
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="TAG NEW", help="Rename a tag, or make two tags one.", show_default=False),
    ] = None,
    remove: Annotated[
        str | None, typer.Option(metavar="TAG", help="Remove a tag from all posts.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tags with the number of their posts; or rename or remove one."""
    from mediavault.core.marks import MarkKind, tag, tag_text

    change = (tag(rename[0]), tag(rename[1]), tag_text(rename[1])) if rename else None
    _names(MarkKind.TAG, change, tag(remove) if remove else None, as_json=as_json)


def collections(
    *,
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option(metavar="TITLE NEW", help="Rename a collection, or make two one.", show_default=False),
    ] = None,
    remove: Annotated[
        str | None, typer.Option(metavar="TITLE", help="Remove a collection; its posts stay.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the collections with the number of their posts; or rename or remove one."""
    from mediavault.core.marks import MarkKind, collection, collection_title

    change = (collection(rename[0]), collection(rename[1]), collection_title(rename[1])) if rename else None
    _names(MarkKind.COLLECTION, change, collection(remove) if remove else None, as_json=as_json)


def _names(kind: MarkKind, change: tuple[str, str, str] | None, removed: str | None, *, as_json: bool) -> None:
    """Rename or remove what is asked for, then print what there is. Raises NotFound for a name without posts."""
    from mediavault.cli.output import print_json, print_names
    from mediavault.core.clock import SystemClock
    from mediavault.core.failures import NotFound
    from mediavault.store import noting

    async def act(store: Store) -> list[MarkCount]:
        changed = [await noting.rename(store, SystemClock(), *change)] if change else []
        changed += [await noting.remove_name(store, SystemClock(), removed)] if removed else []
        if 0 in changed:
            raise NotFound("No post has it.", help="Run the command without options to see what there is.")
        return await store.marks.names(f"{kind}/")

    found = asyncio.run(with_store(quiet_settings(), act))
    if as_json:
        print_json({"names": [{"name": count.text, "jobs": count.jobs} for count in found]})
    else:
        print_names(found)
