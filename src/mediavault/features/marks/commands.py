"""``mark``, ``tags``, ``collections``: what is noted about posts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from mediavault.cli.options import AsJson, JobIds
from mediavault.cli.record_options import changes_of
from mediavault.core.marks import MarkCount, MarkKind
from mediavault.store.mark_changes import MarkChange

if TYPE_CHECKING:
    from mediavault.core.job import JobId
    from mediavault.core.marks import PostMarks
    from mediavault.features.marks.service import UserMarks
    from mediavault.store.port import Store

T = TypeVar("T")


@changes_of(MarkChange)
def mark(values: Mapping[str, Any], job_ids: JobIds, *, as_json: AsJson = False) -> None:
    """Note something about posts: favourite, watched, pinned, tags, collections, a note."""
    from mediavault.cli.context import with_found
    from mediavault.cli.output import out, print_json
    from mediavault.core.clock import SystemClock
    from mediavault.core.messages import counted
    from mediavault.features.marks.service import UserMarks
    from mediavault.presentation.views import marks_view

    async def change(store: Store, ids: Sequence[JobId]) -> dict[JobId, PostMarks]:
        return await UserMarks(store, SystemClock()).change_all(ids, values)

    post_marks = asyncio.run(with_found(job_ids, change))
    if as_json:
        print_json(
            {job_id: marks_view(one).model_dump(mode="json") for job_id, one in post_marks.items()}
        )
    else:
        out().print(f"{counted(len(post_marks), 'post', 'posts')} changed.")


def tags(
    *,
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="TAG NEW", help="Rename a tag, or make two tags one.", show_default=False
        ),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(metavar="TAG", help="Remove a tag from all posts.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the tags with the number of their posts; or rename or remove one."""
    _names(MarkKind.TAG, rename, remove, as_json=as_json)


def collections(
    *,
    rename: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="TITLE NEW", help="Rename a collection, or make two one.", show_default=False
        ),
    ] = None,
    remove: Annotated[
        str | None,
        typer.Option(
            metavar="TITLE", help="Remove a collection; its posts stay.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the collections with the number of their posts; or rename or remove one."""
    _names(MarkKind.COLLECTION, rename, remove, as_json=as_json)


def _names(
    kind: MarkKind, rename: tuple[str, str] | None, remove: str | None, *, as_json: bool
) -> None:
    """Rename or remove what is asked for, then print all of them."""
    from mediavault.cli.output import print_json, print_names

    async def act(marks: UserMarks) -> list[MarkCount]:
        if rename:
            await marks.rename(kind, *rename)
        if remove:
            await marks.remove_name(kind, remove)
        return await marks.names(kind)

    found = _of_marks(act)
    if as_json:
        print_json({"names": [{"name": count.text, "jobs": count.jobs} for count in found]})
    else:
        print_names(found)


def _of_marks(use: Callable[[UserMarks], Awaitable[T]]) -> T:
    """Return what a function of the vault's marks returns."""
    from mediavault.cli.context import quiet_settings, with_store
    from mediavault.core.clock import SystemClock
    from mediavault.features.marks.service import UserMarks

    return asyncio.run(
        with_store(quiet_settings(), lambda store: use(UserMarks(store, SystemClock())))
    )
