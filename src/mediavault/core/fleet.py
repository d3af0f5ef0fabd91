"""What the workers' signs of life say of the fleet as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from mediavault.core.job import WorkerBeat
from mediavault.core.messages import Message, counted

ALIVE_WITHIN = timedelta(seconds=90)  # three heartbeats: a worker that was silent for longer is not there


def is_served(platform: str, workers: Iterable[WorkerBeat]) -> bool:
    """Whether one of these workers goes on claiming, and takes jobs of the platform."""
    return any(not one.draining and (not one.platforms or platform in one.platforms) for one in workers)


def unserved(waiting: Mapping[str, int], workers: Sequence[WorkerBeat]) -> dict[str, int]:
    """The waiting jobs that none of these workers takes: platform -> how many."""
    return {name: count for name, count in sorted(waiting.items()) if count and not is_served(name, workers)}


def unserved_in_words(platform: str, count: int) -> str:
    """What the doctor says of them."""
    return Message(
        "%(jobs)s waiting for a worker that takes jobs of %(site)s", jobs=counted(count, "job"), site=platform
    )


def versions(workers: Iterable[WorkerBeat]) -> list[str]:
    """More than one: the fleet is being upgraded."""
    return sorted({one.version for one in workers})


def hosts_signed_in(workers: Iterable[WorkerBeat]) -> dict[str, list[str]]:
    """Platform -> the machines whose profile is signed in there."""
    found: dict[str, set[str]] = {}
    for one in workers:
        for platform in one.signed_in:
            found.setdefault(platform, set()).add(one.host)
    return {platform: sorted(hosts) for platform, hosts in sorted(found.items())}
