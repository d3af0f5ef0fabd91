"""Sealed copies of practice posts, with a real browser and an authority on this machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import bagit
import pytest

from mediavault.app.one_shot import seal_copy
from mediavault.cli.progress import Steps
from mediavault.core.job import JobStatus
from mediavault.demo.media import Clip
from mediavault.demo.posts import BY_SLUG
from mediavault.demo.site import practice_site
from mediavault.features.sealing.checking import check_copy
from tests.acceptance.test_choosing import served, until
from tests.authority import Authority, make_authority, needs_openssl
from tests.sealing import unpacked

pytestmark = [pytest.mark.browser, needs_openssl]


@asynccontextmanager
async def answering(authority: Authority) -> AsyncIterator[str]:
    """Serve an authority over HTTP; returns its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b"content-type: application/timestamp-query\r\n" in head
        length = next(
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.startswith(b"content-length")
        )
        body = await asyncio.to_thread(authority.answer, await reader.readexactly(length))
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nConnection: close\r\n"
        )
        writer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/tsr"


async def test_a_saved_post_is_sealed_with_its_page_and_a_timestamp(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    post = BY_SLUG["plain"]
    authority = make_authority(tmp_path / "authority")
    async with (
        practice_site(tmp_path, clips=clips) as site,
        answering(authority) as address,
        served(tmp_path, site) as (vault, _),
    ):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(post))]))[0].job
        job = await until(
            vault, job.id, lambda job: job.status in (JobStatus.COMPLETED, JobStatus.FAILED)
        )
        assert job.status is JobStatus.COMPLETED
        settings = vault.settings.model_copy(update={"timestamp_url": address})
        before = {path.name for path in settings.state_dir.iterdir()}
        copy, file = await seal_copy(settings, job.id, tmp_path, Steps(None, is_terminal=False))
        left = {path.name for path in settings.state_dir.iterdir()} - before
    bag = unpacked(file, tmp_path / "out")
    picture = (bag / "data" / "screenshot.png").read_bytes()
    width, height = int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    headers = json.loads((bag / "data" / "headers.json").read_text())["responses"]
    checked = check_copy(file, roots=[authority.root])

    assert copy.not_captured == ()
    assert post.title in (bag / "data" / "page.txt").read_text()
    assert post.title in (bag / "data" / "page.html").read_text()
    assert picture.startswith(b"\x89PNG")
    assert (width >= 1_000, height >= 300, len(picture) > 3_000) == (True, True, True)
    assert (headers[-1]["url"], headers[-1]["status"]) == (site.url(post), 200)
    assert headers[-1]["headers"]["content-type"].startswith("text/html")
    assert checked.problems == ()
    assert checked.timestamp is not None
    assert checked.timestamp.root == "Local Time Root"
    assert bagit.Bag(str(bag)).is_valid()
    assert left == set()  # nothing of its browser


async def test_a_page_that_is_gone_does_not_stop_the_copy(
    tmp_path: Path, clips: Mapping[str, Clip]
) -> None:
    async with practice_site(tmp_path, clips=clips) as site, served(tmp_path, site) as (vault, _):
        job = (await vault.store.queue.enqueue([vault.submit(site.url(BY_SLUG["plain"]))]))[0].job
        job = await until(vault, job.id, lambda job: job.status is JobStatus.COMPLETED)
    copy, file = await seal_copy(vault.settings, job.id, tmp_path, Steps(None, is_terminal=False))

    assert [missing.what for missing in copy.not_captured] == ["the page"]
    assert check_copy(file).problems == ()
