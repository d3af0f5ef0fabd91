"""``priority``, ``pause``, ``resume``: the order of the queue, and whether it goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import quiet_settings, with_store
from mediavault.cli.jobs import for_each, refuse_unknown_site
from mediavault.cli.options import AsJson, JobIds
from mediavault.core.job import Priority

if TYPE_CHECKING:
    from mediavault.store.port import Store

SiteName = Annotated[str | None, typer.Argument(metavar="[SITE]", help="Only this site.", show_default=False)]


def priority(
    level: Annotated[Priority, typer.Argument(help="Where the jobs go.", show_default=False)],
    job_ids: JobIds,
    *,
    as_json: AsJson = False,
) -> None:
    """Move jobs in the queue: now comes before normal, and normal before later; the oldest of each first."""
    for_each(job_ids, lambda jobs, job_id: jobs.prioritize(job_id, level), as_json=as_json)


def pause(site: SiteName = None, *, as_json: AsJson = False) -> None:
    """Start no more jobs, of one site or of any, until they are resumed. Running jobs go on."""
    _change(site, is_paused=True, as_json=as_json)


def resume(site: SiteName = None, *, as_json: AsJson = False) -> None:
    """End the pause of one site, or of the whole queue. Sites that were paused by name stay paused then."""
    _change(site, is_paused=False, as_json=as_json)


def _change(site: str | None, *, is_paused: bool, as_json: bool) -> None:
    from mediavault.cli.output import print_holds, print_json
    from mediavault.presentation.views import hold_view
    from mediavault.store import holds

    if site is not None:
        refuse_unknown_site(site)

    async def act(store: Store) -> None:
        await (holds.pause if is_paused else holds.resume)(store.records, site)
        views = [hold_view(hold) for hold in await holds.all_holds(store.records)]
        if as_json:
            print_json(views)
        else:
            print_holds(views)

    asyncio.run(with_store(quiet_settings(), act))
