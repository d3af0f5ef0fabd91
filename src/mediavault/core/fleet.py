"""What the workers' heartbeats say about the fleet as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from mediavault.core.job import WorkerHeartbeat
from mediavault.core.messages import Message, counted

# three heartbeats: a worker that was silent for longer is gone
ALIVE_WITHIN = timedelta(seconds=90)


def is_served(platform: str, workers: Iterable[WorkerHeartbeat]) -> bool:
    """Whether one of these workers is still claiming jobs of the platform."""
    return any(
        not worker.draining and (not worker.platforms or platform in worker.platforms)
        for worker in workers
    )


def unserved(waiting: Mapping[str, int], workers: Sequence[WorkerHeartbeat]) -> dict[str, int]:
    """Return how many waiting jobs none of these workers takes, by platform."""
    return {
        name: count
        for name, count in sorted(waiting.items())
        if count and not is_served(name, workers)
    }


def unserved_in_words(platform: str, count: int) -> str:
    """Return what the doctor reports about unserved jobs."""
    return Message(
        "%(jobs)s waiting for a worker that takes jobs of %(site)s",
        jobs=counted(count, "job"),
        site=platform,
    )


def versions(workers: Iterable[WorkerHeartbeat]) -> list[str]:
    """Return the versions of these workers. More than one means that the fleet is being
    upgraded.
    """
    return sorted({worker.version for worker in workers})


def hosts_signed_in(workers: Iterable[WorkerHeartbeat]) -> dict[str, list[str]]:
    """Return the hosts whose browser profile is signed in, by platform."""
    hosts_by_platform: dict[str, set[str]] = {}
    for worker in workers:
        for platform in worker.signed_in:
            hosts_by_platform.setdefault(platform, set()).add(worker.host)
    return {platform: sorted(hosts) for platform, hosts in sorted(hosts_by_platform.items())}
