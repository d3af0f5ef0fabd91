"""What a power cut may lose: the order in which a worker's writes reach the disk,
read from its system calls.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from tests.faults.house import House, assert_saved, end, until_completed
from tests.stubs import new_job

TRACED = "fsync,fdatasync,rename,renameat,renameat2,pwrite64"
# How strace shows a call: `fsync(7</path>) = 0`,
# `renameat2(AT_FDCWD<…>, "/from", AT_FDCWD<…>, "/to", …) = 0`
_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*)\) += (?P<answer>-?\d+)")
_OPEN_FILE = re.compile(r"^\d+<(?P<path>[^>]+)>")
_QUOTED = re.compile(r'"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Event:
    """``what`` is sync, rename or write. ``text`` is what was written, as strace shows it."""

    what: str
    path: str
    target: str = ""
    text: str = ""


def events_of(log: str) -> list[Event]:
    """Return the successful calls of a strace log in order;
    the parts of an interrupted call are joined.
    """
    events, started = [], {}
    for line in log.splitlines():
        thread, _, rest = line.partition(" ")
        if rest.endswith("<unfinished ...>"):
            started[thread] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        if resumed := re.match(r"\s*<\.\.\. \w+ resumed>\s*(.*)", rest):
            line = started.pop(thread, "") + resumed[1]
        if (event := _event(line)) is not None:
            events.append(event)
    return events


def _event(line: str) -> Event | None:
    call = _CALL.match(line)
    if call is None or call["answer"].startswith("-"):
        return None
    if call["name"].startswith("rename"):
        source, target = _QUOTED.findall(call["arguments"])[:2]
        return Event("rename", source, target)
    opened = _OPEN_FILE.match(call["arguments"])
    assert opened is not None, line
    what = "write" if call["name"] == "pwrite64" else "sync"
    return Event(what, opened["path"], text=call["arguments"] if what == "write" else "")


def complaints(events: list[Event], downloads: Path, log: Path) -> list[str]:
    """Return what a power cut could make untrue: [] when each file is durable before the row that
    mentions it.
    """
    problems = []
    renames = [
        (n, e)
        for n, e in enumerate(events)
        if e.what == "rename" and Path(e.target).parent != downloads
    ]
    placed = [
        (n, e)
        for n, e in renames
        if e.target.startswith(f"{downloads}/") and "/.staging/" not in e.target
    ]
    if {Path(e.target).suffix for _, e in placed} != {".mp4", ".jpg", ".json"}:
        problems.append(f"not everything was placed: {[e.target for _, e in placed]}")
    completed = _first_durable(events, log, "completed")
    committing = _first_durable(events, log, "committing")
    for at, event in placed:
        name = Path(event.target).name
        if not any(e.what == "sync" and e.path == event.path for e in events[:at]):
            problems.append(f"{name} was renamed before its bytes were synced")
        folder = _next_sync(events, at, str(Path(event.target).parent))
        if folder is None or completed is None or folder > completed:
            problems.append(f"the row said completed before the name of {name} was synced")
        if name.endswith(".mp4") and (committing is None or committing > at):
            problems.append("the video was renamed before the row that names it was synced")
    return problems


def _first_durable(events: list[Event], log: Path, word: str) -> int | None:
    """Return when the first transaction whose rows contain ``word`` has reached the disk,
    or None if it never has.
    """
    # the schema's text contains it too, quoted or in a column's name
    in_a_row = re.compile(f"(?<!'){word}(?!['_])")
    written = (
        n
        for n, e in enumerate(events)
        if e.what == "write" and e.path == str(log) and in_a_row.search(e.text)
    )
    first = next(written, None)
    return None if first is None else _next_sync(events, first, str(log))


def _next_sync(events: list[Event], after: int, path: str) -> int | None:
    return next(
        (
            n
            for n in range(after, len(events))
            if events[n].what == "sync" and events[n].path == path
        ),
        None,
    )


async def traced_save(house: House, *, under: tuple[str, ...] = ()) -> list[str]:
    """Save one post in a worker under strace; return the complaints about the order of its
    writes.
    """
    log = house.state / "strace.log"
    strace = (
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-y",
        "-s",
        "5000",
        "-e",
        f"trace={TRACED}",
        "-o",
        str(log),
    )
    async with house.store() as store:
        await store.queue.enqueue([new_job("https://videos.example/1", clock=SystemClock())])
        worker = house.worker(under=(*strace, *under))
        try:
            jobs = await until_completed(store, 1, within_s=60)
        finally:
            end(worker)
    assert_saved(house, jobs)
    return complaints(
        events_of(log.read_text()), house.downloads, house.state / "mediavault.db-wal"
    )


@pytest.mark.fault("F05", "power loss: the order of writes", by="strace's log read by an oracle")
async def test_a_file_is_durable_before_the_row_that_mentions_it(house: House) -> None:
    assert await traced_save(house) == []


@pytest.mark.fault("F05", "power loss: the oracle itself", by="eatmydata takes every fsync away")
async def test_without_syncs_the_oracle_complains(house: House) -> None:
    problems = await traced_save(house, under=("eatmydata",))

    assert any("before its bytes were synced" in complaint for complaint in problems)
    assert any("the row said completed" in complaint for complaint in problems)


@pytest.mark.parametrize(
    "missing", ["sync of the file", "sync of the folder", "sync of committing", "rename first"]
)
def test_the_oracle_detects_each_step_that_is_missing_or_out_of_order(missing: str) -> None:
    whole = [
        Event("sync", "/d/.staging/1/v.part"),
        Event("write", "/s/db-wal", text="committing"),
        Event("sync", "/s/db-wal"),
        Event("rename", "/d/.staging/1/v.part", "/d/jane/v.mp4"),
        Event("sync", "/d/jane"),
        Event("sync", "/d/.staging/1/t.jpg"),
        Event("rename", "/d/.staging/1/t.jpg", "/d/jane/v.jpg"),
        Event("sync", "/d/jane"),
        Event("sync", "/d/.staging/1/s.json"),
        Event("rename", "/d/.staging/1/s.json", "/d/jane/v.info.json"),
        Event("sync", "/d/jane"),
        Event("write", "/s/db-wal", text="completed"),
        Event("sync", "/s/db-wal"),
    ]
    assert complaints(whole, Path("/d"), Path("/s/db-wal")) == []
    broken = list(whole)
    if missing == "rename first":
        broken.insert(0, broken.pop(3))
    else:
        del broken[
            {"sync of the file": 0, "sync of the folder": 10, "sync of committing": 2}[missing]
        ]

    assert complaints(broken, Path("/d"), Path("/s/db-wal"))


def test_interrupted_calls_of_several_threads_are_joined() -> None:
    log = (
        '10 fsync(7</d/a>) = 0\n11 fsync(8</d/b> <unfinished ...>\n10 rename("/d/a", "/d/c") = 0\n'
        "11 <... fsync resumed>) = 0\n10 fsync(9</d/e>) = -1 EIO (Input/output error)\n"
    )
    assert events_of(log) == [
        Event("sync", "/d/a"),
        Event("rename", "/d/a", "/d/c"),
        Event("sync", "/d/b"),
    ]
