"""Jobs that need a session which lies on another machine: they go on there, and never wait for one that nobody has."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from mediavault.core.errors import ErrorCode, Failure
from mediavault.core.fleet import ALIVE_WITHIN, is_served
from mediavault.core.job import JobStatus, WorkerBeat
from mediavault.core.logs import get_logger
from mediavault.core.sessions import WAITS_FOR_SIGN_IN
from mediavault.store.bulk import iter_jobs, retry_each
from mediavault.store.port import JobOrder, JobQuery, JobStore

# What a stranger is told and somebody who is signed in may not be. An answer to a challenge is another matter: it is
# given in the browser that was asked.
_OF_STRANGERS = frozenset(
    {ErrorCode.LOGIN_REQUIRED, ErrorCode.SESSION_EXPIRED, ErrorCode.AGE_RESTRICTED, ErrorCode.PRIVATE}
)
_SIGN_IN_HELPS = WAITS_FOR_SIGN_IN - {ErrorCode.CHALLENGE}
PAGE = 200
STRANDED_AFTER = timedelta(minutes=10)  # a machine that restarts, or is being upgraded, is back by then

log = get_logger(__name__)


async def machines_that_may_help(
    failure: Failure, platform: str, store: JobStore, *, signed_in: Iterable[str]
) -> list[str]:
    """The machines that are signed in to the platform where this one (``signed_in``) is not; [] when that is no matter."""
    if failure.code not in _OF_STRANGERS or platform in signed_in:
        return []
    return holders(platform, await store.workers(seen_within=ALIVE_WITHIN))


def holders(platform: str, workers: Iterable[WorkerBeat]) -> list[str]:
    """Machines with a worker that is signed in to the platform and takes its jobs."""
    return sorted({one.host for one in workers if platform in one.signed_in and is_served(platform, [one])})


async def where_to_sign_in(failure: Failure, platform: str, store: JobStore) -> str:
    """The failure's message; in a fleet of several machines with those on which a person may sign in."""
    if failure.code not in WAITS_FOR_SIGN_IN:
        return failure.message
    workers = await store.workers(seen_within=ALIVE_WITHIN)
    hosts = sorted({one.host for one in workers if is_served(platform, [one])})
    if len(hosts) < 2:
        return failure.message
    return f"{failure.message} Sign in on one of these machines: {', '.join(hosts)} (`mediavault login {platform}`)."


async def free_stranded_jobs(store: JobStore) -> int:
    """Let anybody try the jobs whose session no live machine has; how many."""
    workers = await store.workers(seen_within=ALIVE_WITHIN)
    held = {name for one in workers for name in one.signed_in if holders(name, [one])}
    freed = await store.drop_need_of_session(held, waiting_for=STRANDED_AFTER)
    if freed:
        log.warning("session_of_nobody", jobs=freed)
    return freed


async def go_on_after_sign_in(platforms: Collection[str], store: JobStore) -> int:
    """Queue the failed jobs that wait for a sign-in to these, oldest first; returns how many.

    The process that opened the window has done so already, but then another machine may have taken them before it could
    know.
    """
    count = 0
    for platform in platforms:
        failed = iter_jobs(store, JobQuery((JobStatus.FAILED,), platform, limit=PAGE, order=JobOrder.OLDEST))
        count += await retry_each(store, (job async for job in failed if job.error_code in _SIGN_IN_HELPS))
    return count
