"""Failures of a server, a disk or a machine, and the code,
message and retry time that are stored with the job.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mediavault.core.companions import SIDECAR_SUFFIX, sibling
from mediavault.core.failures import BadInput, BrowserUnavailable, ErrorCode
from mediavault.core.job import ItemStatus, Job, JobStatus, WorkerId
from mediavault.core.media import Extraction, Post
from mediavault.core.platform import Platform, YtdlpRules
from mediavault.core.records import CheckVerdict, RecordKind
from mediavault.download.fetcher import MediaFetcher
from mediavault.download.port import DownloadLimits
from mediavault.egress.client import AiohttpClient
from mediavault.egress.guard import EgressGuard
from mediavault.extraction.ytdlp_reading import read_answer
from mediavault.library.sidecars import read_sidecar
from mediavault.maintenance.checking import check_files
from mediavault.maintenance.decoding import PictureDecoder
from mediavault.maintenance.examining import FileExaminer
from mediavault.maintenance.verifying import Verification
from mediavault.media.probe import FfmpegProbe
from mediavault.presentation.labels import help_for
from mediavault.store.waiting_jobs import retry_job
from mediavault.worker.context import WorkerContext
from mediavault.worker.pipeline import process_one_cycle
from tests import media
from tests.fakes import START, FakeClock
from tests.fault_server import FaultServer, Reply, Request, Script, cut, fault_server, reply, serve
from tests.memory_store import MemoryJobStore
from tests.stubs import (
    IN_PROCESS,
    UNSTARTED,
    StubBrowser,
    StubExtractor,
    candidate,
    extraction,
    make_context,
    new_job,
)

MINUTE = timedelta(minutes=1)
BODY = media.mp4(4.0)
LIMITS = DownloadLimits(max_bytes=50_000_000, reserve_bytes=0, resumes=1)


_PACKETS = len(media.ts(6.0)) // 188
# of a transport stream, without a third of its packets
WITH_GAP = media.ts(6.0)[: _PACKETS // 3 * 188] + media.ts(6.0)[_PACKETS * 2 // 3 * 188 :]


def spoiled(body: bytes) -> bytes:
    """Return ``body`` with its second half zeroed: the file is structurally complete,
    and does not decode.
    """
    return body[: len(body) // 2] + bytes(len(body) - len(body) // 2)


class WorkerRig:
    """A worker's tools with the real client, downloader and probe,
    a server on loopback and no browser.
    """

    def __init__(self, server: FaultServer, root: Path, probe: FfmpegProbe) -> None:
        self.server, self.root = server, root
        self.clock = FakeClock(auto=True)
        self.store = MemoryJobStore(self.clock)
        self.guard = EgressGuard((f"127.0.0.1:{server.port}",))
        self.client = AiohttpClient(self.guard, clock=self.clock)
        self.probe = probe

    def context(self, extractor: StubExtractor | None = None) -> WorkerContext:
        post = Post(self.server.url("/post"), self.server.url("/post"), "generic", "1", "jane")
        url = self.server.url("/v.mp4?Expires=4102444800&Signature=a")
        extracted = extraction(candidate(url, signed=True), post=post)
        made = make_context(
            self.store,
            self.clock,
            self.root,
            extractor=extractor or StubExtractor(extracted),
            browser=StubBrowser(BrowserUnavailable("There is no browser.")),
        )
        return replace(
            made,
            downloader=MediaFetcher(self.client, self.clock, UNSTARTED, IN_PROCESS),
            probe=self.probe,
            limits=LIMITS,
        )

    async def run(self, context: WorkerContext) -> tuple[Job, datetime]:
        """Run the first attempt; return the stored job and the time of its failure."""
        await self.store.open()
        await self.store.queue.enqueue([new_job(self.server.url("/post"), clock=self.clock)])
        return await self.attempt(context)

    async def attempt(self, context: WorkerContext) -> tuple[Job, datetime]:
        """Run an attempt that is due and fails; return the stored job and the time of its
        failure.
        """
        job = await self.work(context)
        assert job.failed_at is not None
        return job, job.failed_at

    async def work(self, context: WorkerContext) -> Job:
        """Run the attempt that is due, and return the stored job."""
        await self.store.queue.promote_due()
        (claim,) = await self.store.queue.claim(
            WorkerId("w-1"), limit=1, lease=timedelta(seconds=90)
        )
        await process_one_cycle(claim, context)
        return await self.store.catalogue.get(claim.id)


@pytest.fixture
async def rig(tmp_path: Path, probe: FfmpegProbe) -> AsyncIterator[WorkerRig]:
    async with fault_server() as server:
        made = WorkerRig(server, tmp_path, probe)
        yield made
        await made.client.close()
        made.guard.close()


def assert_stored(job: Job, code: ErrorCode, message: str) -> None:
    assert (job.status, job.error_code) == (JobStatus.FAILED, code)
    assert message in (job.error or "")
    assert help_for(job.error_code)


@pytest.mark.parametrize(
    ("script", "code", "message"),
    [
        (reply(403), ErrorCode.LINK_EXPIRED, "403"),
        (reply(410), ErrorCode.LINK_EXPIRED, "410"),
        (reply(200, b"", Content_Type="video/mp4"), ErrorCode.EMPTY_BODY, "empty file"),
        (cut(serve(BODY), at=len(BODY) // 2), ErrorCode.INCOMPLETE, "interrupted the transfer"),
        (serve(spoiled(BODY)), ErrorCode.DAMAGED, "damaged packets inside"),
    ],
    ids=["refused", "gone", "empty", "cut", "spoiled"],
)
async def test_a_failure_of_the_media_server_is_stored_and_retried_a_minute_later(
    script: Script, code: ErrorCode, message: str, rig: WorkerRig
) -> None:
    rig.server.on("/v.mp4", script)
    job, at = await rig.run(rig.context())

    assert_stored(job, code, message)
    assert job.retry_at == at + MINUTE
    assert not list(rig.root.rglob("*.mp4"))


SAME = "The site delivers the same damaged file each time."


@pytest.mark.parametrize(
    ("served", "downloads"),
    [
        ({"etag": '"v1"'}, 1),
        ({"etag": None, "last_modified": "Mon, 23 Nov 2026 11:00:00 GMT"}, 1),
        ({"etag": None}, 2),
        ({"etag": 'W/"v1"'}, 2),
    ],
    ids=["etag", "date", "no validator", "weak etag"],
)
async def test_a_damaged_file_is_not_downloaded_again_in_the_attempt_or_later(
    served: dict[str, str | None], downloads: int, rig: WorkerRig
) -> None:
    """A server that states which version it has is asked for no body twice;
    else a second copy with the same hash is enough.
    """
    body, asked = spoiled(BODY), 0
    whole, headers_only = serve(body, **served), cut(serve(body, **served), at=0)  # type: ignore[arg-type]

    def script(request: Request) -> Reply:
        nonlocal asked
        asked += 1
        return (whole if asked <= downloads else headers_only)(request)

    rig.server.on("/v.mp4", script)
    first, _ = await rig.run(rig.context())
    in_first = asked
    assert_stored(first, ErrorCode.DAMAGED, SAME)
    rig.clock.advance(3600)
    again, _ = await rig.attempt(rig.context())

    assert_stored(again, ErrorCode.DAMAGED, SAME)
    assert (again.error, again.attempt_count) == (first.error, 2)
    assert (in_first, asked) == (2, 3)


async def test_a_damaged_file_that_the_site_has_repaired_is_saved(rig: WorkerRig) -> None:
    rig.server.on("/v.mp4", serve(spoiled(BODY)))
    await rig.run(rig.context())
    rig.server.on("/v.mp4", serve(BODY, etag='"v2"'))
    rig.clock.advance(3600)

    assert (await rig.work(rig.context())).status is JobStatus.COMPLETED


async def test_another_url_of_a_fresh_extraction_is_tried_once(rig: WorkerRig) -> None:
    post = Post(rig.server.url("/post"), rig.server.url("/post"), "generic", "1", "jane")
    first, second = (
        extraction(candidate(rig.server.url(path)), post=post) for path in ("/v.mp4", "/w.mp4")
    )
    rig.server.on("/v.mp4", serve(spoiled(BODY)))
    rig.server.on("/w.mp4", serve(spoiled(BODY), etag='"w"'))
    job, _ = await rig.run(rig.context(StubExtractor(first, second)))
    asked = [request.path for request in rig.server.requests]

    assert_stored(job, ErrorCode.DAMAGED, SAME)
    assert (asked.count("/v.mp4"), asked.count("/w.mp4")) == (2, 1)


async def test_a_film_that_has_the_same_gap_whenever_it_is_downloaded_can_be_kept(
    rig: WorkerRig,
) -> None:
    """The transfer is whole each time: what is missing is missing at the site."""
    rig.server.on("/v.mp4", serve(WITH_GAP))
    refused, _ = await rig.run(rig.context())
    assert_stored(refused, ErrorCode.DAMAGED, SAME)
    await retry_job(rig.store, refused.id, as_it_is=True)

    (item,) = (await rig.work(rig.context())).items
    assert (item.status, item.error_code) == (ItemStatus.SAVED, ErrorCode.DAMAGED)


async def test_a_file_that_is_cut_off_whenever_it_is_downloaded_is_downloaded_twice(
    rig: WorkerRig,
) -> None:
    rig.server.on("/v.mp4", serve(BODY[: len(BODY) * 9 // 10], etag=None))
    refused, _ = await rig.run(rig.context())

    assert_stored(refused, ErrorCode.BAD_FILE, SAME)
    assert [request.path.partition("?")[0] for request in rig.server.requests].count("/v.mp4") == 2


def unplayable(body: bytes) -> bytes:
    """Return ``body`` with its tables, and without any picture or sound that decodes."""
    begin = body.index(b"mdat") + 4
    end = body.find(b"moov", begin) - 4
    end = end if end > begin else len(body)
    return body[:begin] + bytes(end - begin) + body[end:]


async def test_a_user_can_keep_a_damaged_file_and_it_says_why_it_was_refused(
    rig: WorkerRig,
) -> None:
    """The same damage is no news to checks of the library afterwards."""
    rig.server.on("/v.mp4", serve(spoiled(BODY)))
    refused, _ = await rig.run(rig.context())
    await retry_job(rig.store, refused.id, as_it_is=True)
    context = rig.context()
    job = await rig.work(context)
    (item,) = job.items
    assert (job.status, item.status, item.error_code) == (
        JobStatus.COMPLETED,
        ItemStatus.SAVED,
        ErrorCode.DAMAGED,
    )
    assert "The file was refused because it has damaged packets inside" in (item.error or "")
    assert item.saved is not None
    assert job.sha256 == hashlib.sha256(spoiled(BODY)).hexdigest()

    vault, path = context.library, item.saved.output_path
    examiner = FileExaminer(rig.probe, lambda path: vault.local_path(path, into=rig.root))
    checked = await check_files(job, vault.digest, rig.clock, examiner, rig.store.records)
    found = [
        finding
        async for finding in Verification(rig.store, vault, read_data=True, examiner=examiner).run()
    ]
    decoder = PictureDecoder(rig.store, vault, rig.clock, examiner, lambda: True)
    await decoder.decode_due()
    sidecar = await vault.read_json(sibling(path, SIDECAR_SUFFIX))
    assert sidecar is not None
    (read,) = read_sidecar(sidecar, sibling(path, SIDECAR_SUFFIX)).items
    assert checked.verdicts == [CheckVerdict.WHOLE]
    assert found == []
    assert await rig.store.records.all(RecordKind.DAMAGED) == []
    assert (read.error_code, read.error) == (item.error_code, item.error)


async def test_a_file_of_which_nothing_plays_cannot_be_kept(rig: WorkerRig) -> None:
    rig.server.on("/v.mp4", serve(unplayable(BODY)))
    job, _ = await rig.run(rig.context())

    assert_stored(job, ErrorCode.BAD_FILE, SAME)
    with pytest.raises(BadInput):
        await retry_job(rig.store, job.id, as_it_is=True)


async def test_a_video_above_the_limit_is_stored_as_too_large_and_not_retried(
    rig: WorkerRig,
) -> None:
    rig.server.on("/v.mp4", serve(BODY))
    job, _ = await rig.run(replace(rig.context(), limits=replace(LIMITS, max_bytes=len(BODY) - 1)))

    assert_stored(job, ErrorCode.TOO_LARGE, "at most")
    assert job.retry_at is None


async def test_a_full_disk_is_stored_and_retried_without_using_up_an_attempt(
    rig: WorkerRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(rig.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=len(BODY) - 1))
    rig.server.on("/v.mp4", serve(BODY))
    job, at = await rig.run(rig.context())

    assert_stored(job, ErrorCode.NO_SPACE, "are free")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6


class WithoutYtdlp(StubExtractor):
    """Answers as the yt-dlp process does where the package is not installed."""

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        return read_answer({"missing": True}, post, platform, YtdlpRules(("tube",)), now=START)


async def test_a_missing_program_is_stored_and_retried_without_using_up_an_attempt(
    rig: WorkerRig,
) -> None:
    job, at = await rig.run(rig.context(WithoutYtdlp()))

    assert_stored(job, ErrorCode.TOOL_MISSING, "yt-dlp is not installed")
    assert job.retry_at == at + 5 * MINUTE
    assert job.max_attempts == 6
