"""The whole process as a user starts it: ``mediavault serve``, its API, a real Chromium,
the practice site.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mediavault.core.clock import SystemClock
from mediavault.demo.media import Clip
from mediavault.demo.site import PracticeSite, practice_site
from tests.patience import patient, until

pytestmark = pytest.mark.browser

START_S, JOB_S = 60.0, 120.0


class Served:
    """A running ``mediavault serve`` and a tiny client for it."""

    def __init__(
        self, process: asyncio.subprocess.Process, port: int, root: Path, site: PracticeSite
    ) -> None:
        self.process, self.root, self.site = process, root, site
        self.base = f"http://127.0.0.1:{port}"

    async def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(
            self.base + path, data=data, method=method, headers={"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=patient(30)) as answer:
                raw, status = answer.read(), answer.status
        except urllib.error.HTTPError as exc:
            raw, status = exc.read(), exc.code
            exc.close()
        try:
            return status, json.loads(raw)
        except ValueError:
            return status, raw

    async def until(self, job_id: str, *statuses: str) -> dict[str, Any]:
        return await self.until_job(
            job_id, lambda job: job["status"] in statuses and job["retry_at"] is None
        )

    async def until_job(
        self, job_id: str, is_so: Callable[[dict[str, Any]], bool]
    ) -> dict[str, Any]:
        ends = time.monotonic() + patient(JOB_S)
        while True:
            _, job = await self.call("GET", f"/api/jobs/{job_id}")
            if is_so(job):
                return dict(job)
            assert time.monotonic() < ends, job
            await asyncio.sleep(0.1)

    def url(self, slug: str) -> str:
        return next(self.site.url(post) for post in self.site.posts if post.slug == slug)

    def downloads(self) -> Path:
        return self.root / "downloads"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def environment(root: Path, port: int, site: PracticeSite, **more: str) -> Mapping[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("MEDIAVAULT_")},
        "MEDIAVAULT_STATE_DIR": str(root / "state"),
        "MEDIAVAULT_DOWNLOAD_DIR": str(root / "downloads"),
        "MEDIAVAULT_PORT": str(port),
        "MEDIAVAULT_ALLOW_PRIVATE": json.dumps([site.origin.removeprefix("http://")]),
        "MEDIAVAULT_RETRY_BASE_S": "0.5",
        "MEDIAVAULT_SHUTDOWN_GRACE_S": "2",
        **more,
    }


@asynccontextmanager
async def served(root: Path, site: PracticeSite, **more: str) -> AsyncIterator[Served]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mediavault", "serve", env=environment(root, port, site, **more),
        stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 24,
    )  # fmt: skip
    vault = Served(process, port, root, site)
    try:
        await up(vault)
        yield vault
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.communicate(), patient(30))
            except TimeoutError:
                process.kill()  # it must not outlive its test, even if it is frozen
                raise


async def up(vault: Served) -> None:
    async def answers() -> bool:
        try:
            return (await vault.call("GET", "/healthz"))[0] == 200
        except (urllib.error.URLError, ConnectionError):
            return False

    await until(answers, within_s=START_S)


@pytest.fixture
async def site(tmp_path: Path, clips: Mapping[str, Clip]) -> AsyncIterator[PracticeSite]:
    async with practice_site(tmp_path / "practice", clips=clips, clock=SystemClock()) as site:
        yield site


def chromium_of(root: Path) -> list[int]:
    """Return the processes whose command line names this vault's state folder."""
    pids = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(root / "state").encode() in (entry / "cmdline").read_bytes():
                    pids.append(int(entry.name))
            except OSError:
                continue
    return pids


async def test_a_submitted_url_becomes_a_playable_file_that_the_api_streams(
    tmp_path: Path, site: PracticeSite
) -> None:
    async with served(tmp_path, site) as vault:
        status, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        again, same = await vault.call(
            "POST", "/api/jobs", {"post_url": vault.url("plain") + "?utm_source=x#top"}
        )
        saved = await vault.until(job["id"], "completed", "failed")
        _, body = await vault.call("GET", f"/files/{job['id']}/video")
        _, history = await vault.call("GET", f"/api/jobs/{job['id']}/history")
        health, beats = await vault.call("GET", "/api/worker/health")

        assert (status, again, same["id"]) == (201, 200, job["id"])
        assert saved["status"] == "completed", saved
        assert hashlib.sha256(body).hexdigest() == saved["sha256"]
        assert (vault.downloads() / saved["output_path"]).read_bytes() == body
        assert (vault.downloads() / saved["thumbnail_path"]).is_file()
        assert [r["strategy"] for r in history if r["stage"] == "download"] == ["plain"]
        assert (health, len(beats["workers"])) == (200, 1)


async def test_every_log_line_is_json_and_every_line_of_a_job_carries_its_ids(
    tmp_path: Path, site: PracticeSite
) -> None:
    async with served(tmp_path, site) as vault:
        _, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("session")})
        await vault.until(job["id"], "completed", "failed")
        vault.process.terminate()
        _, errors = await asyncio.wait_for(vault.process.communicate(), patient(30))
    lines = [json.loads(line) for line in errors.decode().splitlines()]
    of_jobs = [
        line
        for line in lines
        if re.match(r"mediavault\.worker\.(pipeline|recorder)", line["logger"])
    ]

    assert len(of_jobs) > 8
    assert [
        line
        for line in of_jobs
        if line.get("job_id") != job["id"] or line.get("trace_id") != job["trace_id"]
    ] == []


async def test_sigterm_during_a_job_releases_it_and_leaves_no_browser_and_no_staging(
    tmp_path: Path, site: PracticeSite
) -> None:
    async with served(tmp_path, site) as vault:
        await vault.call(
            "POST", "/api/jobs", {"post_urls": [site.url(post) for post in site.posts]}
        )
        await until(lambda: chromium_of(tmp_path))
        seen = chromium_of(tmp_path)
        vault.process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(vault.process.communicate(), patient(60))
        code = vault.process.returncode

    assert seen
    assert code == 0
    assert chromium_of(tmp_path) == []
    assert [path for path in (tmp_path / "downloads/.staging").iterdir() if path.is_dir()] == []


async def test_a_new_process_continues_after_a_kill(tmp_path: Path, site: PracticeSite) -> None:
    async with served(tmp_path, site) as vault:
        _, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        await vault.until_job(job["id"], lambda job: job["status"] == "running")
        vault.process.kill()
        await vault.process.communicate()
    async with served(tmp_path, site) as vault:
        saved = await vault.until(job["id"], "completed", "failed")
        _, history = await vault.call("GET", f"/api/jobs/{job['id']}/history")

    assert saved["status"] == "completed", saved
    assert "RECOVERED_FROM_RESTART" in {record["error_code"] for record in history}


async def test_nothing_is_written_outside_the_state_and_download_folders(
    tmp_path: Path, site: PracticeSite
) -> None:
    async with served(tmp_path, site) as vault:
        _, job = await vault.call("POST", "/api/jobs", {"post_url": vault.url("plain")})
        await vault.until(job["id"], "completed", "failed")

    assert {path.name for path in tmp_path.iterdir()} == {"state", "downloads"}
