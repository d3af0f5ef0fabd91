"""Posts that are made to keep the vault busy: it responds all the time,
and continues to save other posts.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mediavault.core.clock import SystemClock
from mediavault.demo.media import Clip
from mediavault.demo.site import practice_site
from tests.acceptance.test_serve import Served, served
from tests.patience import patient

pytestmark = pytest.mark.browser

# one second is usual; the freezes that this guards against took twenty seconds to minutes
ANSWERS_WITHIN_S = 5.0

_MPD = '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>'
PAGES: Mapping[str, str] = {
    "/an-unclosed-manifest": (
        f'<script type="application/json">{json.dumps({"m": _MPD + " " * 6_000})}</script>'
    ),
    "/manifests-in-a-row": (
        f'<script type="application/json">{json.dumps({"m": "<MPD " * 200_000})}</script>'
    ),
    "/addresses-full-of-secrets": "".join(
        f'<video src="/{number}/{"token" * 3_200}.mp4?{"x-" * 3_000}"></video>'
        for number in range(20)
    ),
    "/headings-without-end": "<h1>" * 250_000 + "<script>for (;;) {}</script>",
}


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        page = PAGES.get(head.split(b" ", 2)[1].decode(), "")
        body = f"<!doctype html><title>A post</title>{page}".encode() if page else b""
        status = "200 OK" if page else "404 Not Found"
        writer.write(
            (
                f"HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {len(body)}\r\n"
            ).encode()
        )
        writer.write(b"connection: close\r\n\r\n" + body)
        await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the browser has closed the connection
    finally:
        writer.close()


@asynccontextmanager
async def hostile_site() -> AsyncIterator[str]:
    """The host and port of a site that serves ``PAGES``."""
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def longest_answer(vault: Served, done: asyncio.Event) -> float:
    """Return the time in seconds of the slowest response of the health endpoint until ``done`` was
    set.
    """
    slowest = 0.0
    while not done.is_set():
        began = time.monotonic()
        status, _ = await vault.call("GET", "/healthz")
        assert status == 200
        slowest = max(slowest, time.monotonic() - began)
        await asyncio.sleep(0.1)
    return slowest


async def submitted(vault: Served, url: str) -> str:
    status, job = await vault.call("POST", "/api/jobs", {"post_url": url})
    assert status == 201, job
    return str(job["id"])


async def test_the_vault_responds_and_saves_other_posts_while_hostile_pages_are_read(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with (
        practice_site(tmp_path / "practice", clips=clips, clock=SystemClock()) as site,
        hostile_site() as host,
    ):
        more = {
            "MEDIAVAULT_ALLOW_PRIVATE": json.dumps([site.origin.removeprefix("http://"), host]),
            "MEDIAVAULT_MAX_ATTEMPTS": "1",
            "MEDIAVAULT_EXTRACTION_TIMEOUT_S": f"{patient(10):.0f}",
        }
        async with served(tmp_path, site, **more) as vault:
            over = asyncio.Event()
            watching = asyncio.create_task(longest_answer(vault, over))
            hostile = [await submitted(vault, f"http://{host}{path}") for path in PAGES]
            innocent = await submitted(vault, vault.url("plain"))
            saved = await vault.until(innocent, "completed", "failed")
            ended = [await vault.until(job, "completed", "failed") for job in hostile]
            for job in hostile:
                assert (await vault.call("GET", f"/jobs/{job}"))[0] == 200
                assert (await vault.call("GET", f"/jobs/{job}/log"))[0] == 200
            over.set()
            slowest = await watching

    print(f"slowest answer of /healthz: {slowest:.2f} s")
    assert saved["status"] == "completed", saved
    assert [(job["post_url"], job["status"]) for job in ended if job["status"] != "failed"] == []
    assert all(job["error_code"] and job["error"] for job in ended)
    assert slowest < patient(ANSWERS_WITHIN_S)
