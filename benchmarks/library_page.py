"""What the library's page costs the server: the whole request in this process, on SQLite, among
100,000 jobs.

    .venv/bin/python -m benchmarks.library_page [--jobs 100000] [--rounds 15]

A request goes through the middleware, the route, the store and the templates; the network and the
browser are left out. The calls of the store that it made are printed next to its time.
"""

from __future__ import annotations

import argparse
import asyncio
import html
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlencode

from tests.asgi_client import AsgiClient
from tests.file_stubs import StubChecks, StubExtras, StubFormats, StubFrames, stub_copies
from tests.session_stubs import StubSessions, StubWindows

from benchmarks.library import RARE, fill
from mediavault.app.composition import App, open_app
from mediavault.app.doctor.checks import examine
from mediavault.app.ytdlp_upkeep import YtdlpUpkeep
from mediavault.core.settings import Settings
from mediavault.platforms import registry
from mediavault.presentation.doctor_report import Doctor
from mediavault.server.services import ApiServices
from mediavault.store.port import Store
from mediavault.web.app import create_app

JOBS, ROUNDS, DEEP = 100_000, 15, 20
AIM_MS = 100.0
HTMX = {"hx_request": "true"}

ASKED: Mapping[str, tuple[dict[str, str], dict[str, str]]] = {
    "the library": ({}, {}),
    "all states": ({"state": "all"}, {}),
    "the failed": ({"state": "failed"}, {}),
    "the largest first": ({"order": "largest"}, {}),
    "a platform, the longest first": ({"platform": "tiktok", "order": "longest"}, {}),
    "a year": ({"since": "2024-06-01", "until": "2025-05-31"}, {}),
    "two letters, while typing": ({"q": "an"}, HTMX),
    "a rare word, while typing": ({"q": RARE}, HTMX),
    "a platform, a length and two letters": (
        {"platform": "tiktok", "length": "short", "q": "an"},
        HTMX,
    ),
}


class Counted:
    """A store that counts the calls of its methods, in all its ports."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.calls = Counter[str]()

    def __getattr__(self, port: str) -> Any:
        return _CountedPort(getattr(self._store, port), self.calls)


class _CountedPort:
    def __init__(self, port: object, calls: Counter[str]) -> None:
        self._port = port
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        self._calls[name] += 1
        return getattr(self._port, name)


def client_of(vault: App, store: Counted) -> AsgiClient:
    sessions = StubSessions(vault.clock)
    services = ApiServices(
        store=cast("Store", store),
        settings=vault.settings,
        clock=vault.clock,
        submit=vault.submission,
        library=vault.library,
        browser_status=lambda: None,
        sessions=sessions,
        windows=StubWindows(sessions),
        live=vault.live,
        doctor=Doctor(partial(examine, vault.settings), vault.clock),
        ytdlp=YtdlpUpkeep(vault.settings.state_dir, vault.clock),
        notification_sender=vault.notifier.sender,
        checks=StubChecks(),
        formats=StubFormats(),
        extras=StubExtras(),
        frames=StubFrames(),
        sealed_copies=stub_copies(vault.store, vault.clock),
        platforms=registry.all_platforms(),
    )
    return AsgiClient(create_app(services), accept="text/html")


async def measure(client: AsgiClient, store: Counted, rounds: int) -> None:
    pages = {
        name: (f"/library?{urlencode(query)}", headers) for name, (query, headers) in ASKED.items()
    }
    pages[f"the tiles of page {DEEP}"] = (await _tiles_of(client, DEEP), HTMX)
    print(
        f"| {'asked for':37} | median ms | worst ms | kB | calls of the store |\n"
        f"|{'-' * 39}|--:|--:|--:|---|"
    )
    for name, (path, headers) in pages.items():
        times, size = [], 0
        await client.get(path, **headers)
        store.calls.clear()
        for _ in range(rounds):
            began = time.perf_counter()
            response = await client.get(path, **headers)
            times.append((time.perf_counter() - began) * 1000)
            assert response.status == 200, response.text
            size = len(response.body)
        calls = ", ".join(f"{method} {count / rounds:g}" for method, count in store.calls.items())
        median = statistics.median(times)
        print(
            f"| {name:37} | {median:.1f} | {max(times):.1f} | {size / 1000:.0f} | {calls}"
            f" |{_verdict(median)}"
        )


def _verdict(median: float) -> str:
    return "" if median < AIM_MS else f" over the aim of {AIM_MS:.0f} ms"


async def _tiles_of(client: AsgiClient, page: int) -> str:
    """Return the URL that the page's script requests when a user has scrolled to this page."""
    path = "/library"
    for _ in range(page - 1):
        match = re.search(r'hx-get="([^"]+cursor[^"]+)"', (await client.get(path)).text)
        assert match is not None
        path = html.unescape(match[1])
    return path


async def run(jobs: int, rounds: int, folder: Path) -> None:
    settings = Settings(state_dir=folder / "state", download_dir=folder / "downloads")
    async with open_app(settings) as vault:
        await fill(vault.store, jobs)
        print(f"{jobs:,} jobs on SQLite; the median of {rounds}")
        store = Counted(vault.store)
        await measure(client_of(vault, store), store, rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(options.jobs, options.rounds, Path(folder)))


if __name__ == "__main__":
    main()
