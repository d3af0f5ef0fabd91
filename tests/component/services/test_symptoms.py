"""From what a server, a disk or a machine does to the code, the sentence and the next try that are stored with the job."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mediavault.core.failures import BrowserUnavailable, ErrorCode
from mediavault.core.job import Job, JobStatus, WorkerId
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.presentation.labels import help_for
from mediavault.services.download.fetcher import MediaFetcher
from mediavault.services.download.port import DownloadLimits
from mediavault.services.egress.client import AiohttpClient
from mediavault.services.egress.guard import EgressGuard
from mediavault.services.extraction.ytdlp_reading import read_answer
from mediavault.services.media.probe import FfmpegProbe
from mediavault.store.memory.store import MemoryJobStore
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from tests import media
from tests.fakes import START, FakeClock
from tests.fault_server import FaultServer, Script, cut, fault_server, reply, serve
from tests.stubs import StubBrowser, StubExtractor, candidate, extraction, make_tools, new_job

MINUTE = timedelta(minutes=1)
BODY = media.mp4(4.0)
LIMITS = DownloadLimits(max_bytes=50_000_000, reserve_bytes=0, resumes=1)


def spoiled(body: bytes) -> bytes:
    """The pictures and sounds of the second half as zeros: the file closes at its last byte, and does not decode."""
    return body[: len(body) // 2] + bytes(len(body) - len(body) // 2)


class House:
    """A worker's tools with the real client, downloader and probe, a server on loopback and no browser."""

    def __init__(self, server: FaultServer, root: Path) -> None:
        self.server, self.root = server, root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.guard = EgressGuard((f"127.0.0.1:{server.port}",))
        self.client = AiohttpClient(self.guard, clock=self.clock)

    def tools(self, extractor: StubExtractor | None = None) -> WorkerContext:
        post = Post(self.server.url("/post"), self.server.url("/post"), "generic", "1", "jane")
        found = extraction(candidate(self.server.url("/v.mp4?Expires=4102444800&Signature=a")), post=post)
        made = make_tools(
            self.store,
            self.clock,
            self.root,
            extractor=extractor or StubExtractor(found),
            browser=StubBrowser(BrowserUnavailable("There is no browser.")),
        )
        return replace(made, downloader=MediaFetcher(self.client, self.clock), probe=FfmpegProbe(), limits=LIMITS)

    async def run(self, tools: WorkerContext) -> tuple[Job, datetime]:
        """One attempt; the job as it is stored then, and when it was written."""
        await self.store.open()
        await self.store.queue.enqueue([new_job(self.server.url("/post"), clock=self.clock)])
        (claim,) = await self.store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
        await process_one_cycle(claim, tools)
        job = await self.store.catalogue.get(claim.id)
        assert job.failed_at is not None
        return job, job.failed_at


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with fault_server() as server:
        made = House(server, tmp_path)
        yield made
        await made.client.close()
        made.guard.close()


def is_stored(job: Job, code: ErrorCode, said: str) -> None:
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    assert said in (job.error or "")
    assert help_for(job.error_code)


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        (reply(403), ErrorCode.LINK_EXPIRED, "403"),
        (reply(410), ErrorCode.LINK_EXPIRED, "410"),
        (reply(200, b"", Content_Type="video/mp4"), ErrorCode.EMPTY_BODY, "empty file"),
        (cut(serve(BODY), at=len(BODY) // 2), ErrorCode.INCOMPLETE, "broke the transfer off"),
        (serve(spoiled(BODY)), ErrorCode.BAD_FILE, "damaged packets inside"),
    ],
    ids=["refused", "gone", "empty", "cut", "spoiled"],
)
async def test_what_the_media_server_does_is_stored_and_tried_again_a_minute_later(
    script: Script, code: ErrorCode, said: str, house: House
) -> None:
    house.server.on("/v.mp4", script)
    job, at = await house.run(house.tools())

    is_stored(job, code, said)
    assert job.retry_at == at + MINUTE
    assert not list(house.root.rglob("*.mp4"))


async def test_a_video_above_the_limit_is_stored_as_too_large_and_not_tried_again(house: House) -> None:
    house.server.on("/v.mp4", serve(BODY))
    job, _ = await house.run(replace(house.tools(), limits=replace(LIMITS, max_bytes=len(BODY) - 1)))

    is_stored(job, ErrorCode.TOO_LARGE, "at most")
    assert job.retry_at is None


async def test_a_full_disk_is_stored_and_looked_at_again_without_using_up_an_attempt(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(house.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=len(BODY) - 1))
    house.server.on("/v.mp4", serve(BODY))
    job, at = await house.run(house.tools())

    is_stored(job, ErrorCode.NO_SPACE, "are free")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6


class WithoutYtdlp(StubExtractor):
    """What the yt-dlp process answers where the package is not installed."""

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        return read_answer({"missing": True}, post, platform, YtdlpRules(("tube",)), now=START)


async def test_a_missing_program_is_stored_and_looked_for_again_without_using_up_an_attempt(house: House) -> None:
    job, at = await house.run(house.tools(WithoutYtdlp()))

    is_stored(job, ErrorCode.TOOL_MISSING, "yt-dlp is not installed")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6
