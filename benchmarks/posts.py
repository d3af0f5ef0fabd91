"""What a whole post costs, from its submission to a checked file in the library, compared with
yt-dlp in one run.

    .venv/bin/python -m benchmarks.posts [--posts 100] [--hosts 20] [--jobs 8] [--rounds 1]
    [--scripted] [--before PYTHON]

The posts are plain pages with one ``<video>`` each, served from as many addresses of this machine
as there are hosts. With ``--scripted`` a script makes the player, so that only a browser finds the
video, and mediavault runs alone. CPU is that of a contender and everything that it started; the
server's own is not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.idle import await_healthy, free_port, stop_process, vault_environment
from benchmarks.subjects import Cost, expect

POSTS, HOSTS, JOBS = 100, 20, 8
AT_A_TIME = 100  # posts in one request
AT_ONCE = 2  # processes of yt-dlp at a time, where each post has its own
YTDLP = (
    sys.executable,
    "-m",
    "yt_dlp",
    "--quiet",
    "--no-warnings",
    "--ignore-config",
    "--no-cache-dir",
)
# of /proc/<pid>/stat, counted from after the name: utime to cstime; proc(5)
_PPID, _TIMES = 1, slice(11, 15)


@contextmanager
def running_vault(
    folder: Path,
    hosts: Sequence[str],
    *,
    jobs: int,
    python: str = sys.executable,
    **environment: str,
) -> Iterator[Vault]:
    """Run ``mediavault serve`` of this ``python``,
    which may fetch from these hosts of the private network.
    """
    port = free_port()
    settings = {
        **vault_environment(folder, port),
        "MEDIAVAULT_CONCURRENCY": str(jobs),
        "MEDIAVAULT_ALLOW_PRIVATE": json.dumps(hosts),
    }
    with (folder / "serve.log").open("wb") as log:
        command = [python, "-m", "mediavault", "serve"]
        process = subprocess.Popen(command, env=settings | environment, stdout=log, stderr=log)
        try:
            await_healthy(process, port, folder / "serve.log")
            yield Vault(process.pid, port)
        finally:
            stop_process(process)


@dataclass(frozen=True, slots=True)
class Vault:
    """A running ``mediavault serve``."""

    pid: int
    port: int

    def save(self, urls: Sequence[str]) -> Cost:
        """Submit all URLs and wait until all their files are saved."""
        done = self._count("completed")
        before, began = tree_cpu_s(self.pid), time.perf_counter()
        for start in range(0, len(urls), AT_A_TIME):
            self._post(urls[start : start + AT_A_TIME])
        while self._count("completed") - done < len(urls):
            expect(self._count("failed"), 0)
            time.sleep(0.05)
        wall_s = time.perf_counter() - began
        return Cost(len(urls), tree_cpu_s(self.pid) - before, wall_s)

    def _post(self, urls: Sequence[str]) -> None:
        body = json.dumps({"post_urls": list(urls)}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/jobs", data=body, headers=headers
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            expect(answer.status // 100, 2)

    def _count(self, status: str) -> int:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.port}/api/worker/health", timeout=60
        ) as answer:
            return int(json.loads(answer.read())["counts"].get(status, 0))


def with_mediavault(
    urls: Sequence[str], folder: Path, *, jobs: int, python: str = sys.executable
) -> Cost:
    """Submit all posts at once to a running ``mediavault serve``. Its start is not counted."""
    with running_vault(
        folder, sorted({url.split("/")[2] for url in urls}), jobs=jobs, python=python
    ) as vault:
        cost = vault.save(urls)
    expect(len(list((folder / "downloads").rglob("*.mp4"))), len(urls))
    return cost


def with_one_ytdlp(urls: Sequence[str], folder: Path, *, jobs: int) -> Cost:
    """Run ``yt-dlp -a`` over all posts."""
    (folder / "urls").write_text("\n".join(urls))
    with measured(len(urls)) as costs:
        subprocess.run(
            [*YTDLP, "-a", "urls", "-o", "%(webpage_url_domain)s-%(id)s.%(ext)s"],
            cwd=folder,
            check=True,
        )
    expect(len(list(folder.glob("*.mp4"))), len(urls))
    return costs[0]


def with_ytdlp_per_post(urls: Sequence[str], folder: Path, *, jobs: int) -> Cost:
    """Run a process of yt-dlp for each post, as most web front ends do; AT_ONCE at a time."""
    waiting = list(urls)
    running: list[subprocess.Popen[bytes]] = []
    with measured(len(urls)) as costs:
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                command = [*YTDLP, waiting.pop(), "-o", "%(webpage_url_domain)s-%(id)s.%(ext)s"]
                running.append(subprocess.Popen(command, cwd=folder))
            running.pop(0).wait()
    expect(len(list(folder.glob("*.mp4"))), len(urls))
    return costs[0]


OURS, BEFORE = "mediavault", "mediavault before"
CONTENDERS: Mapping[str, Callable[..., Cost]] = {
    OURS: with_mediavault,
    "yt-dlp -a": with_one_ytdlp,
    "yt-dlp per post": with_ytdlp_per_post,
}


@contextmanager
def measured(posts: int) -> Iterator[list[Cost]]:
    """Append the cost of the processes that ran and were waited for in the block."""
    costs: list[Cost] = []
    before, began = _children_cpu_s(), time.perf_counter()
    yield costs
    costs.append(Cost(posts, _children_cpu_s() - before, time.perf_counter() - began))


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def tree_cpu_s(root: int) -> float:
    """Return the CPU seconds of a process, of everything below it,
    and of the children that these have waited for.
    """
    stats: dict[int, list[str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has just ended
            stats[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    tree, grown = {root}, True
    while grown:
        more = {pid for pid, fields in stats.items() if int(fields[_PPID]) in tree} - tree
        grown, tree = bool(more), tree | more
    ticks = sum(int(value) for pid in tree if pid in stats for value in stats[pid][_TIMES])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(posts: int, hosts: int, folder: Path, *, kind: str = "posts") -> Iterator[list[str]]:
    """Serve the posts from a separate process; yield their URLs. ``kind``:
    "posts" or "scripted".
    """
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.post_server", str(port), str(folder)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        yield [
            f"http://127.0.0.{number % hosts + 1}:{port}/{kind}/{number}" for number in range(posts)
        ]
    finally:
        stop_process(server)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--posts", type=int, default=POSTS)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    parser.add_argument(
        "--jobs", type=int, default=JOBS, help="how many mediavault works on at a time"
    )
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", choices=CONTENDERS, action="append")
    parser.add_argument(
        "--before", metavar="PYTHON", help="that of another installation, to compare with"
    )
    parser.add_argument(
        "--scripted", action="store_true", help="pages whose player is made by a script"
    )
    options = parser.parse_args()
    kind = "scripted" if options.scripted else "posts"
    names = [OURS] if options.scripted else list(options.only or CONTENDERS)
    contenders = dict(CONTENDERS)
    if options.before:
        names.append(BEFORE)
        contenders[BEFORE] = partial(with_mediavault, python=options.before)
    costs: dict[str, list[Cost]] = {name: [] for name in names}
    with (
        tempfile.TemporaryDirectory() as root,
        served(options.posts, options.hosts, Path(root), kind=kind) as urls,
    ):
        for number in range(options.rounds):
            for name, rounds in costs.items():
                folder = Path(root) / f"{number}-{name.replace(' ', '-')}"
                folder.mkdir()
                rounds.append(contenders[name](urls, folder, jobs=options.jobs))
    print(
        f"{options.posts} {'scripted' if options.scripted else 'plain'} pages on {options.hosts}"
        f" hosts, {options.jobs} jobs at a time"
    )
    for name, rounds in costs.items():
        speed = statistics.median(cost.jobs_per_s * 60 for cost in rounds)
        cpu = statistics.median(cost.cpu_us_per_job / 1_000 for cost in rounds)
        print(f"  {name:18} {speed:8.0f} posts a minute {cpu:8.0f} ms of CPU a post")


if __name__ == "__main__":
    main()
