"""An hour of one vault at work, and whether anything in it grows: memory, open files, threads,
child processes.

    make soak [MINUTES=60]

It saves plain posts as fast as it can, follows 200 feeds, each of which has a new post at every
check, and serves a page with live events. A browser signs in, reads pages and live events, and
signs out again; so does a program whose token is then revoked. A line is printed at every 1,000
saved posts. It fails when memory grows by 2 MB or more for each 1,000 posts after the first 2,000,
or when files, threads or children do.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path

from benchmarks.idle import vault_environment
from benchmarks.posts import running_vault, served

HOSTS, FEEDS, WAITING, JOBS = 20, 200, 400, 3  # JOBS: the vault's usual number
EVERY = 1_000  # posts
WARM = 2_000  # posts until caches are full and pools have their size
MOST_MB = 2.0  # a 1,000 posts
# How many more than after the warm-up may happen to be open. Of files, also a second connection to
# each host: the client keeps as many as were ever needed at once, uses them in turn, and closes
# those that have been idle for 15 s.
SPREAD = {"files": 8 + HOSTS, "threads": 8, "children": 8}
CHECK_S, VISIT_S, ENDS_WITHIN_S = 1.0, 5.0, 60.0
PAGES = ("/", "/library", "/library/feed", "/accounts", "/sites", "/settings", "/doctor")
PASSWORD = secrets.token_urlsafe(16)


@dataclass(frozen=True, slots=True)
class Sample:
    """``all_mb`` is the memory of the vault's process and of its children, ``mb`` its own."""

    posts: int
    minutes: float
    mb: float
    all_mb: float
    files: int
    threads: int
    children: int

    def __str__(self) -> str:
        cells = (
            f"{getattr(self, one.name):>9.{1 if one.type == 'float' else 0}f}"
            for one in fields(self)
        )
        return " ".join(cells)


@dataclass(frozen=True, slots=True)
class Vault:
    """A running ``mediavault serve`` with a password and an admin token."""

    pid: int
    port: int
    token: str

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask with the admin token, or with these headers instead.
        Raises RuntimeError for a status from 400 on.
        """
        headers = headers or {"Authorization": f"Bearer {self.token}"}
        content = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path, content, {"Content-Type": kind} | headers)
            answer = connection.getresponse()
            content_read = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {content_read[:200]!r}")
        return answer, content_read

    def saved(self) -> int:
        return int(
            json.loads(self.ask("GET", "/api/worker/health")[1])["counts"].get("completed", 0)
        )

    def sample(self, posts: int, began: float) -> Sample:
        children = _below(self.pid)
        own = _memory_mb(self.pid)
        return Sample(
            posts,
            (time.monotonic() - began) / 60,
            own,
            own + sum(map(_memory_mb, children)),
            _entries(Path(f"/proc/{self.pid}/fd")),
            _entries(Path(f"/proc/{self.pid}/task")),
            len(children),
        )


@contextmanager
def protected_vault(folder: Path, hosts: Sequence[str]) -> Iterator[Vault]:
    """Run a vault that has a password and an admin token."""
    token = secrets.token_urlsafe(24)
    command = [sys.executable, "-m", "mediavault", "password", "--stdin"]
    subprocess.run(command, env=vault_environment(folder, 0), input=PASSWORD, text=True, check=True)
    with running_vault(folder, hosts, jobs=JOBS, MEDIAVAULT_TOKEN=token) as started:
        yield Vault(started.pid, started.port, token)


def submit(vault: Vault, urls: Iterator[str]) -> None:
    """Keep ``WAITING`` posts in the queue."""
    counts = json.loads(vault.ask("GET", "/api/worker/health")[1])["counts"]
    if counts.get("queued", 0) < WAITING:
        vault.ask("POST", "/api/jobs", {"post_urls": list(itertools.islice(urls, WAITING))})


def check_feeds(vault: Vault, sources: Iterator[str]) -> None:
    for source in itertools.islice(sources, 10):
        vault.ask("POST", f"/api/sources/{source}/check")


def visit(vault: Vault) -> None:
    """Sign in, read some pages and the live events,
    and sign out while the events are still open.
    """
    form = urllib.parse.urlencode({"password": PASSWORD})
    answer, _ = vault.ask("POST", "/login", form, Accept="text/html")
    cookie = str(answer.headers["Set-Cookie"]).partition(";")[0]
    with listening(vault, Cookie=cookie):
        for page in PAGES:
            vault.ask("GET", page, Cookie=cookie, Accept="text/html")
        vault.ask("POST", "/logout", "", Cookie=cookie, Accept="text/html")


def use_token(vault: Vault, command: Callable[..., str]) -> None:
    """Read the live events with a new token, and revoke it while they are open."""
    name = secrets.token_hex(4)
    token = command("token", "add", name, "--scope", "read").strip()
    with listening(vault, Authorization=f"Bearer {token}"):
        vault.ask("GET", "/api/jobs", Authorization=f"Bearer {token}")
        command("token", "revoke", name)


@contextmanager
def listening(vault: Vault, *, ends: bool = True, **headers: str) -> Iterator[None]:
    """Read the live events in the block, after which the vault ends them (``ends``),
    since the access has ended.
    """
    connection = http.client.HTTPConnection("127.0.0.1", vault.port, timeout=120)
    connection.request("GET", "/api/events", headers=headers)
    line, answer = connection.sock, connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"the live events: {answer.status}")

    def read() -> None:
        try:
            while answer.read1(65_536):
                pass
        except (OSError, http.client.HTTPException):
            pass  # shut down below
        finally:
            answer.close()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield
        if not ends:
            return
        reader.join(ENDS_WITHIN_S)
        if reader.is_alive():
            raise RuntimeError(f"the live events went on for {ENDS_WITHIN_S} s")
    finally:
        with suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        connection.close()


def soak(folder: Path, minutes: float) -> tuple[list[Sample], list[str | None]]:
    """Return the samples, and the outcome of each visit, check and submission: None,
    or a problem.
    """
    with served(1, HOSTS, folder) as (first,):
        site = first.rpartition("/posts/")[0].rpartition(":")[2]
        hosts = [f"127.0.0.{number + 1}:{site}" for number in range(HOSTS)]
        urls = (f"http://{hosts[number % HOSTS]}/posts/{number}" for number in itertools.count())
        with protected_vault(folder, hosts) as vault:
            environment = {**vault_environment(folder, vault.port), "MEDIAVAULT_TOKEN": vault.token}
            sources = [
                json.loads(
                    vault.ask(
                        "POST", "/api/sources", {"url": f"http://{hosts[n % HOSTS]}/feeds/{n}"}
                    )[1]
                )["id"]
                for n in range(FEEDS)
            ]
            turns = itertools.cycle(sources)
            deadline = time.monotonic() + minutes * 60

            def command(*arguments: str) -> str:
                line = [sys.executable, "-m", "mediavault", *arguments]
                return subprocess.run(
                    line, env=environment, check=True, capture_output=True, text=True
                ).stdout

            with (
                listening(vault, ends=False, Authorization=f"Bearer {vault.token}"),
                each(
                    deadline,
                    {
                        CHECK_S: lambda: submit(vault, urls),
                        VISIT_S: lambda: visit(vault),
                        2 * VISIT_S: lambda: check_feeds(vault, turns),
                        6 * VISIT_S: lambda: use_token(vault, command),
                    },
                ) as outcomes,
            ):
                samples = _samples(vault, deadline)
            print(f"jobs: {json.loads(vault.ask('GET', '/api/worker/health')[1])['counts']}")
    return samples, outcomes


def _samples(vault: Vault, deadline: float) -> list[Sample]:
    samples: list[Sample] = []
    began = time.monotonic()
    print(" ".join(f"{one.name:>9}" for one in fields(Sample)))
    while time.monotonic() < deadline:
        time.sleep(CHECK_S)
        saved = vault.saved()
        if saved // EVERY >= len(samples):
            samples.append(vault.sample(saved, began))
            print(samples[-1], flush=True)
    return samples


@contextmanager
def each(deadline: float, work: Mapping[float, Callable[[], None]]) -> Iterator[list[str | None]]:
    """Do each piece of work in its own thread, with its pause in seconds.
    Yields the outcomes: None, or a problem.
    """
    outcomes: list[str | None] = []

    def repeat(pause_s: float, do: Callable[[], None]) -> None:
        while time.monotonic() < deadline:
            try:
                do()
                outcomes.append(None)
            except Exception as exc:
                outcomes.append(f"{type(exc).__name__}: {exc}")
            time.sleep(pause_s)

    threads = [threading.Thread(target=repeat, args=one) for one in work.items()]
    for thread in threads:
        thread.start()
    yield outcomes
    for thread in threads:
        thread.join()


def growth(samples: Sequence[Sample], name: str) -> float:
    """Return by how much a column grows for each 1,000 posts after the warm-up:
    the slope of a line through it.
    """
    later = [one for one in samples if one.posts >= WARM]
    if len(later) < 2:
        return 0.0
    return statistics.linear_regression(
        [one.posts / 1_000 for one in later], [getattr(one, name) for one in later]
    ).slope


def problems(samples: Sequence[Sample]) -> list[str]:
    found = [
        f"{name} grows by {growth(samples, name):.1f} MB for each 1,000 posts"
        for name in ("mb", "all_mb")
        if growth(samples, name) >= MOST_MB
    ]
    later = [one for one in samples if one.posts >= WARM]
    return found + [
        (
            f"{name}: {getattr(later[0], name)} after the warm-up, {getattr(later[-1], name)} at"
            " the end"
        )
        for name, spread in SPREAD.items()
        if later and getattr(later[-1], name) > getattr(later[0], name) + spread
    ]


def _below(root: int) -> list[int]:
    """Return the processes below this one, of all generations."""
    found, pending = list[int](), [root]
    while pending:
        for path in Path(f"/proc/{pending.pop()}/task").glob("*/children"):
            try:
                ids = [int(pid) for pid in path.read_text().split()]
            except OSError:  # it has just ended
                continue
            found += ids
            pending += ids
    return found


def _memory_mb(pid: int) -> float:
    """Return the resident memory of a process; 0 when it has just ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4_096 / 1e6
    except OSError:
        return 0.0


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        samples, outcomes = soak(Path(folder), options.minutes)
    for name in ("mb", "all_mb", "files", "threads", "children"):
        print(f"{name}: {growth(samples, name):+.2f} for each 1,000 posts after the first {WARM:,}")
    kinds = Counter(outcome[:200] for outcome in outcomes if outcome)
    print(f"{len(outcomes)} visits, checks and submissions, {kinds.total()} with a problem")
    if found := [
        *problems(samples),
        *(f"{count} × {kind}" for kind, count in kinds.most_common(5)),
    ]:
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
