"""Commands on jobs and on the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import current_holds, quiet_settings, with_jobs, with_store
from mediavault.cli.options import AsJson, JobIds
from mediavault.cli.record_options import options_of
from mediavault.core.job import JobId, Priority
from mediavault.features.jobs.model import JobFilter

if TYPE_CHECKING:
    from mediavault.core.job import Job
    from mediavault.core.settings import Settings
    from mediavault.features.jobs.service import Jobs
    from mediavault.presentation.schemas import JobPageView
    from mediavault.store.port import JobQuery, Store


MAX_LIMIT = 1_000


def add(
    urls: Annotated[
        list[str],
        typer.Argument(
            metavar="URL…",
            help="URLs of posts; - reads them from standard input.",
            show_default=False,
        ),
    ],
    *,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Save them with this profile: see `mediavault profile list`.",
            show_default=False,
        ),
    ] = None,
    priority: Annotated[
        Priority,
        typer.Option(
            help="When they are saved: before all others, in their turn, or after all others."
        ),
    ] = Priority.NORMAL,
    force: Annotated[
        bool,
        typer.Option("--force", help="Save posts again that have a job already, as a new version."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add posts by their URLs, all of them or none."""
    from mediavault.cli.output import out, print_jobs, print_json
    from mediavault.core.messages import counted
    from mediavault.core.users import OWNER
    from mediavault.features.jobs.service import Caller
    from mediavault.presentation.views import job_list

    texts = read_urls(urls)
    stored = asyncio.run(
        with_jobs(
            lambda jobs: jobs.submit(
                texts, Caller(OWNER), profile=profile, priority=priority, force=force
            )
        )
    )
    views = job_list([enqueued.job for enqueued in stored])
    if as_json:
        print_json(views)
        return
    print_jobs(views.jobs)
    known = sum(not enqueued.created for enqueued in stored)
    if known:
        out().print(f"{counted(known, 'of them was', 'of them were')} known already.", style="dim")


@options_of(JobFilter)
def list_jobs(
    which: JobFilter,
    *,
    limit: Annotated[int, typer.Option(min=1, max=MAX_LIMIT, help="At most this many jobs.")] = 50,
    cursor: Annotated[
        str | None, typer.Option(help="Continue after the last page.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first or in another order."""
    from mediavault.cli.output import out, print_jobs, print_json
    from mediavault.core.users import OWNER

    if which.platform is not None:
        refuse_unknown_site(which.platform)
    page = asyncio.run(_list(quiet_settings(), which.query(OWNER, cursor=cursor, limit=limit)))
    if as_json:
        print_json(page)
        return
    print_jobs(page.jobs)
    if page.next_cursor:
        out().print(f"There are more: --cursor {page.next_cursor}", style="dim")


def show(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="Id of a job.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one job and its history."""
    from mediavault.cli.output import print_job, print_json
    from mediavault.core.marks import PostMarks
    from mediavault.core.users import OWNER
    from mediavault.presentation.views import history_view, job_view
    from mediavault.store.mark_changes import read_marks

    settings = quiet_settings()

    async def show(store: Store) -> None:
        post_marks = await read_marks(store, OWNER, [JobId(job_id)])
        holds = await current_holds(store, settings)
        job = job_view(
            await store.catalogue.get(JobId(job_id)),
            post_marks.get(JobId(job_id), PostMarks()),
            holds=holds,
        )
        history = [history_view(record) for record in await store.catalogue.history(JobId(job_id))]
        if as_json:
            print_json({**job.model_dump(mode="json"), "history": history})
        else:
            print_job(job, history)

    asyncio.run(with_store(quiet_settings(), show))


def retry(
    job_ids: JobIds,
    *,
    choose: Annotated[
        list[int] | None,
        typer.Option(
            metavar="NUMBER",
            min=1,
            help=(
                "Number of a candidate that is the post's video, as `show` lists them. Repeat it"
                " for several videos."
            ),
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help='Save them with this profile; with "" in the usual form of their site or vault.',
            show_default=False,
        ),
    ] = None,
    as_it_is: Annotated[
        bool,
        typer.Option(
            "--as-it-is",
            help=(
                "Save a file although it is not what the post announced, or although parts of it do"
                " not play."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Queue failed or cancelled jobs again; --choose says which videos are the post's."""
    from mediavault.core.failures import BadInput

    if choose and len(job_ids) != 1:
        raise BadInput("--choose is about one job.")
    chosen = [number - 1 for number in choose or ()]
    for_each(
        job_ids,
        lambda jobs, job_id: jobs.retry(job_id, chosen=chosen, profile=profile, as_it_is=as_it_is),
        as_json=as_json,
    )


def limits(
    *,
    open_site: Annotated[
        str | None,
        typer.Option(
            "--open", metavar="SITE", help="Open this site again at once.", show_default=False
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show each site's limits: whether it is closed, until when and why; when its next request is
    allowed, the daily limit of its account, its jobs, and how many posts no extractor understood
    within seven days.
    """
    from mediavault.cli.output import print_holds, print_json, print_limits
    from mediavault.core.clock import SystemClock
    from mediavault.features.sites.service import all_site_limits, reopen_site
    from mediavault.presentation.views import hold_view

    settings = quiet_settings()

    async def show_limits(store: Store) -> None:
        if open_site is not None:
            refuse_unknown_site(open_site)
            await reopen_site(store, open_site)
        views = await all_site_limits(store, SystemClock())
        if as_json:
            print_json(views)
        else:
            print_holds(
                [hold_view(hold) for hold in await current_holds(store, settings)], silent=True
            )
            print_limits(views)

    asyncio.run(with_store(quiet_settings(), show_limits))


def refuse_unknown_site(site: str) -> None:
    """Raise BadInput for an unknown site: a typing mistake would silently have no effect."""
    from mediavault.core.failures import BadInput
    from mediavault.platforms.registry import all_platforms

    names = sorted(platform.name for platform in all_platforms())
    if site not in names:
        raise BadInput(f"There is no site {site}.", help=f"The sites are {', '.join(names)}.")


def cancel(job_ids: JobIds, *, as_json: AsJson = False) -> None:
    """Cancel jobs."""
    for_each(job_ids, lambda jobs, job_id: jobs.cancel(job_id), as_json=as_json)


def remove(
    job_ids: JobIds,
    *,
    files: Annotated[
        bool,
        typer.Option(
            "--files", help="Move the saved files too; otherwise they stay in the library."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move jobs to the trash."""
    from mediavault.store.trash import new_batch

    batch = new_batch()
    for_each(
        job_ids, lambda jobs, job_id: jobs.remove(job_id, files=files, batch=batch), as_json=as_json
    )


def read_urls(urls: Sequence[str]) -> list[str]:
    """Return the arguments, with - replaced by the lines of standard input."""
    import sys

    from mediavault.core.failures import BadUrl

    result: list[str] = []
    for url in urls:
        result += sys.stdin.read().split() if url == "-" else [url]
    if not result:
        raise BadUrl("No link found.")
    return result


def for_each(
    job_ids: Sequence[str], do: Callable[[Jobs, JobId], Awaitable[Job]], *, as_json: bool
) -> None:
    """Apply ``do`` to each job and stop at the first error;
    what was done before stays done and is printed.
    """
    from mediavault.cli.output import print_jobs, print_json
    from mediavault.presentation.views import job_list

    done: list[Job] = []

    async def act(jobs: Jobs) -> None:
        for job_id in job_ids:
            done.append(await do(jobs, JobId(job_id)))  # noqa: PERF401 - the list is printed after an error too

    try:
        asyncio.run(with_jobs(act))
    finally:
        if done and not as_json:
            print_jobs(job_list(done).jobs)
    if as_json:
        print_json(job_list(done))


async def _list(settings: Settings, query: JobQuery) -> JobPageView:
    from mediavault.app import storage
    from mediavault.core.users import OWNER
    from mediavault.presentation.views import page_view
    from mediavault.store.mark_changes import read_marks

    async with storage.open_store(settings) as store:
        page = await store.catalogue.jobs(query)
        post_marks = await read_marks(store, OWNER, [job.id for job in page.jobs])
        return page_view(page, post_marks, holds=await current_holds(store, settings))


SiteName = Annotated[
    str | None, typer.Argument(metavar="[SITE]", help="Only this site.", show_default=False)
]


def priority(
    level: Annotated[Priority, typer.Argument(help="Where the jobs go.", show_default=False)],
    job_ids: JobIds,
    *,
    as_json: AsJson = False,
) -> None:
    """Move jobs in the queue: now comes before normal, and normal before later;
    the oldest of each first.
    """
    for_each(job_ids, lambda jobs, job_id: jobs.prioritize(job_id, level), as_json=as_json)


def pause(site: SiteName = None, *, as_json: AsJson = False) -> None:
    """Start no more jobs, of one site or of any, until they are resumed. Running jobs go on."""
    _change(site, is_paused=True, as_json=as_json)


def resume(site: SiteName = None, *, as_json: AsJson = False) -> None:
    """End the pause of one site, or of the whole queue.
    Sites that were paused by name stay paused then.
    """
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
