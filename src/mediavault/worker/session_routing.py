"""Routes jobs that need a session to the machines that have one,
and never lets a job wait for one that none has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta

from mediavault.core.failures import FAILURES, Failure, SignInHelp
from mediavault.core.fleet import ALIVE_WITHIN, is_served
from mediavault.core.job import Job, WorkerHeartbeat
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.store.bulk import retry_failed
from mediavault.store.port import Store, Workers

# A CAPTCHA is not among these: it is solved in the browser to which it was shown.
_SIGN_IN_MAY_HELP = (SignInHelp.NEEDED, SignInHelp.MAY_HELP)
# a machine that restarts, or is being upgraded, is back by then
STRANDED_AFTER = timedelta(minutes=10)

log = get_logger(__name__)


async def hosts_with_session(
    failure: Failure, platform: str, workers: Workers, *, signed_in: Iterable[str]
) -> list[str]:
    """The machines that are signed in to the platform,
    if a session may help and this machine (``signed_in``) has none.
    """
    if failure.spec.sign_in not in _SIGN_IN_MAY_HELP or platform in signed_in:
        return []
    return hosts_signed_in(platform, await workers.alive(seen_within=ALIVE_WITHIN))


def hosts_signed_in(platform: str, workers: Iterable[WorkerHeartbeat]) -> list[str]:
    """Machines with a worker that is signed in to the platform and takes its jobs."""
    return sorted(
        {
            worker.host
            for worker in workers
            if platform in worker.signed_in and is_served(platform, [worker])
        }
    )


async def where_to_sign_in(failure: Failure, platform: str, workers: Workers) -> str:
    """Return the failure's message; with several machines,
    it names those on which a user may sign in.
    """
    if not failure.spec.waits_for_window:
        return failure.message
    beats = await workers.alive(seen_within=ALIVE_WITHIN)
    hosts = sorted({beat.host for beat in beats if is_served(platform, [beat])})
    if len(hosts) < 2:
        return failure.message
    return Message(
        "%(message)s Sign in on one of these computers: %(hosts)s (`mediavault login %(site)s`).",
        message=failure.message,
        hosts=", ".join(hosts),
        site=platform,
    )


async def release_orphaned_jobs(store: Store) -> int:
    """Let every worker claim the jobs whose session no live machine has; return how many."""
    workers = await store.workers.alive(seen_within=ALIVE_WITHIN)
    held = {
        name for worker in workers for name in worker.signed_in if hosts_signed_in(name, [worker])
    }
    freed = await store.queue.release_session_jobs(held, waiting_for=STRANDED_AFTER)
    if freed:
        log.warning("no_worker_has_session", jobs=freed)
    return freed


async def requeue_after_sign_in(platforms: Collection[str], store: Store) -> int:
    """Queue the failed jobs that wait for a sign-in to these platforms, oldest first; return how
    many.

    The process that opened the sign-in window has done so already, but another machine may have
    claimed them before it knew of the session.
    """

    def needs_sign_in(job: Job) -> bool:
        return job.error_code is not None and FAILURES[job.error_code].sign_in is SignInHelp.NEEDED

    return sum(
        [await retry_failed(store, needs_sign_in, platform=platform) for platform in platforms]
    )
