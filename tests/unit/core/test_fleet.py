from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mediavault.core.fleet import hosts_signed_in, is_served, unserved, unserved_in_words, versions
from mediavault.core.job import WorkerHeartbeat, WorkerId

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def worker(
    host: str = "a", version: str = "1", *, draining: bool = False, **facts: Any
) -> WorkerHeartbeat:
    return replace(
        WorkerHeartbeat(WorkerId(host), host, 1, version, NOW, NOW, draining=draining), **facts
    )


def test_waiting_jobs_are_unserved_when_no_worker_takes_their_platform() -> None:
    fleet = [worker(platforms=("x",)), worker(platforms=("reddit", "tiktok"))]

    assert unserved({"x": 3, "vimeo": 2, "tiktok": 1, "bluesky": 0}, fleet) == {"vimeo": 2}
    assert unserved({"vimeo": 2}, [*fleet, worker()]) == {}
    assert unserved({"x": 3}, []) == {"x": 3}


def test_a_draining_worker_serves_no_platform() -> None:
    assert not is_served("x", [worker(draining=True)])


def test_unserved_jobs_are_described_in_words() -> None:
    assert (
        unserved_in_words("instagram", 12)
        == "12 jobs waiting for a worker that takes jobs of instagram"
    )
    assert unserved_in_words("x", 1) == "1 job waiting for a worker that takes jobs of x"


def test_each_version_is_listed_once() -> None:
    assert versions([worker(version="2"), worker(version="1"), worker(version="2")]) == ["1", "2"]


def test_hosts_are_listed_by_the_sites_that_they_are_signed_in_to() -> None:
    fleet = [
        worker("b", signed_in=("x",)),
        worker("a", signed_in=("instagram", "x")),
        worker("b", signed_in=("x",)),
    ]

    assert hosts_signed_in(fleet) == {"instagram": ["a"], "x": ["a", "b"]}
