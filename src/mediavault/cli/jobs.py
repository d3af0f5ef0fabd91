"""Commands on jobs and on the queue."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from mediavault.cli.context import current_holds, quiet_settings, with_jobs, with_store
from mediavault.cli.options import AsJson, JobIds, JobIdText
from mediavault.cli.record_options import options_of
from mediavault.core.job import JobId, JobStatus, Priority
from mediavault.features.jobs.model import JobFilter

if TYPE_CHECKING:
    from mediavault.core.job import Job
    from mediavault.core.settings import Settings
    from mediavault.features.jobs.service import Jobs
    from mediavault.presentation.schemas import JobPageView
    from mediavault.store.port import Enqueued, JobQuery, Store


MAX_LIMIT = 1_000


Links = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="URL…",
        help="URLs of posts; - reads them from standard input.",
        show_default=False,
    ),
]
LinkFile = Annotated[
    str | None,
    typer.Option(
        "--from",
        "-a",
        metavar="FILE",
        help="Also the URLs in this file; lines that begin with # are comments.",
        show_default=False,
    ),
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Save them with this profile: see `mediavault profile list`.",
        show_default=False,
    ),
]


def add(
    urls: Links = None,
    *,
    file: LinkFile = None,
    profile: ProfileName = None,
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
    from mediavault.store.job_ids import short_ids

    texts = read_urls(urls or [], file)

    async def submit(jobs: Jobs) -> tuple[list[Enqueued], dict[str, str]]:
        stored = await jobs.submit(
            texts, Caller(OWNER), profile=profile, priority=priority, force=force
        )
        ids = [enqueued.job.id for enqueued in stored]
        return stored, await short_ids(jobs.store.catalogue, ids)

    stored, short = asyncio.run(with_jobs(submit))
    views = job_list([enqueued.job for enqueued in stored])
    if as_json:
        print_json(views)
        return
    print_jobs(views.jobs, short)
    known = sum(not enqueued.created for enqueued in stored)
    if known:
        out().print(f"{counted(known, 'of them was', 'of them were')} known already.", style="dim")


@options_of(JobFilter)
def list_jobs(
    which: JobFilter,
    *,
    limit: Annotated[
        int, typer.Option(min=0, max=MAX_LIMIT, help="At most this many jobs; 0 for all.")
    ] = 50,
    page: Annotated[int, typer.Option(min=1, help="Which page, of --limit jobs each.")] = 1,
    cursor: Annotated[
        str | None,
        typer.Option(help="Continue after the last page, by its `next_cursor` in --json."),
    ] = None,
    former: Annotated[list[JobStatus] | None, typer.Option("--status", hidden=True)] = None,
    as_json: AsJson = False,
) -> None:
    """List jobs, newest first or in another order."""
    from mediavault.cli.output import out, print_jobs, print_json
    from mediavault.core.users import OWNER

    if which.platform is not None:
        refuse_unknown_site(which.platform)
    which = replace(which, status=(*which.status, *(former or ())))
    query = which.query(OWNER, cursor=cursor, limit=limit or MAX_LIMIT)
    view, short = asyncio.run(_list(quiet_settings(), query, page, is_whole=not limit))
    if as_json:
        print_json(view)
        return
    print_jobs(view.jobs, short)
    if view.next_cursor:
        out().print(f"There are more: --page {page + 1}, or --limit 0 for all.", style="dim")


def show(
    job_id: JobIdText,
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

    async def show(jobs: Jobs) -> None:
        store, found = jobs.store, await jobs.find(job_id)
        post_marks = await read_marks(store, OWNER, [found])
        job = job_view(
            await store.catalogue.get(found),
            post_marks.get(found, PostMarks()),
            holds=await current_holds(store, settings),
        )
        history = [history_view(record) for record in await store.catalogue.history(found)]
        if as_json:
            print_json({**job.model_dump(mode="json"), "history": history})
        else:
            print_job(job, history)

    asyncio.run(with_jobs(show))


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


def read_urls(urls: Sequence[str], file: str | None = None) -> list[str]:
    """Return the arguments, with - replaced by the URLs on standard input, and those in the file.
    Raises BadInput for a file that cannot be read, and without any URL.
    """
    from pathlib import Path

    from mediavault.core.failures import BadInput, BadUrl

    result: list[str] = []
    for url in urls:
        result += _urls_in(sys.stdin.read()) if url == "-" else [url]
    if file == "-":
        result += _urls_in(sys.stdin.read())
    elif file is not None:
        try:
            result += _urls_in(Path(file).read_text(encoding="utf-8-sig", errors="replace"))
        except OSError as exc:
            raise BadInput(f"{file} cannot be read: {exc.strerror}.") from exc
    if not result:
        raise BadUrl("No link found.")
    return result


def _urls_in(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [url for line in lines if not line.startswith("#") for url in line.split()]


def for_each(
    texts: Sequence[str], do: Callable[[Jobs, JobId], Awaitable[Job]], *, as_json: bool
) -> None:
    """Apply ``do`` to each job and stop at the first error;
    what was done before stays done and is printed. Nothing is done unless all are found.
    """
    from mediavault.cli.output import print_jobs, print_json
    from mediavault.presentation.views import job_list
    from mediavault.store.job_ids import short_ids

    done: list[Job] = []
    short: dict[str, str] = {}

    async def act(jobs: Jobs) -> None:
        ids = [await jobs.find(text) for text in texts]
        short.update(await short_ids(jobs.store.catalogue, ids))
        for job_id in ids:
            done.append(await do(jobs, job_id))  # noqa: PERF401 - the list is printed after an error too

    try:
        asyncio.run(with_jobs(act))
    finally:
        if done and not as_json:
            print_jobs(job_list(done).jobs, short)
    if as_json:
        print_json(job_list(done))


async def _list(
    settings: Settings, query: JobQuery, page: int, *, is_whole: bool
) -> tuple[JobPageView, dict[str, str]]:
    """Return that page of the query's jobs, or all of them, and their ids as lists show them."""
    from mediavault.app import storage
    from mediavault.core.users import OWNER
    from mediavault.presentation.views import page_view
    from mediavault.store.job_ids import short_ids
    from mediavault.store.mark_changes import read_marks
    from mediavault.store.port import JobPage

    async with storage.open_store(settings) as store:
        found = await store.catalogue.jobs(query)
        jobs, number = [*found.jobs], 1
        while found.next_cursor is not None and (is_whole or number < page):
            query, number = replace(query, cursor=found.next_cursor), number + 1
            found = await store.catalogue.jobs(query)
            jobs = [*(jobs if is_whole else ()), *found.jobs]
        if number < page:  # there are fewer pages
            jobs = []
        ids = [job.id for job in jobs]
        view = page_view(
            JobPage(tuple(jobs), found.next_cursor),
            await read_marks(store, OWNER, ids),
            holds=await current_holds(store, settings),
        )
        return view, await short_ids(store.catalogue, ids)


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
