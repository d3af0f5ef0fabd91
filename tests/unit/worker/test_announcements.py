"""What a post announces about its video holds through all strategies and attempts,
whatever a player measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser.port import SeenVideo
from mediavault.core.failures import Deleted, ErrorCode, Incomplete, NetworkFailure
from mediavault.core.job import ClaimedJob, Job, JobStatus, WorkerId
from mediavault.core.media import (
    DownloadedFile,
    Expected,
    Extraction,
    Item,
    LengthSource,
    ProbeReport,
    Problem,
    ProblemKind,
    SourceType,
)
from mediavault.core.messages import clock_length
from mediavault.core.platform import PLAIN_PAGE
from mediavault.core.records import RecordKind
from mediavault.extraction.browser_extractor import read_capture
from mediavault.extraction.plain_page import read_plain_page
from mediavault.extraction.port import PageAnswer
from mediavault.media import judgement
from mediavault.media.facts import FileFacts, StreamFacts
from mediavault.media.sniff import Kind
from mediavault.platforms.generic import GENERIC
from mediavault.store.port import Store
from mediavault.store.sqlite.store import SqliteJobStore
from mediavault.store.waiting_jobs import questions, retry_job
from mediavault.worker.context import WorkerContext
from tests.fakes import FakeClock
from tests.stubs import (
    StubBrowser,
    StubDownloader,
    StubExtractor,
    StubProbe,
    candidate,
    extraction,
    make_context,
    new_job,
    worked,
)
from tests.unit.extraction.samples import CDN, PAGE, capture, linked, page_post, player, response
from tests.unit.worker.conftest import LEASE

FILE, STREAM = f"{CDN}post.mp4", f"{CDN}post.m3u8"
HALF = b"#EXTM3U\n#EXT-X-TARGETDURATION:8\n" + b"#EXTINF:8.0,\npart.ts\n" * 4 + b"#EXT-X-ENDLIST\n"


def film(seconds: float) -> bytes:
    """Return what stands for a whole film of this length."""
    return f"{seconds}".encode().ljust(20_000)


class LengthProbe(StubProbe):
    """Judges a film by the real verdict, from facts that state its length only."""

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        seconds = float(file.path.read_bytes())
        picture = StreamFacts("h264", seconds, 0, 320, 180)
        facts = FileFacts(
            file.bytes,
            Kind.MP4,
            duration_s=seconds,
            video=picture,
            audio=StreamFacts("aac", seconds),
        )
        return judgement.report(facts, file.expected)


def page(length: str, *, url: str = FILE) -> str:
    words = (
        "<p>Twenty words about a kite that flew over the hill on a windy day in autumn, and came"
        " back home.</p>"
    )
    named = linked(
        **{"@type": "VideoObject", "name": "A kite", "contentUrl": url, "duration": length}
    )
    return (
        f"<html><head>{named}</head><body><main><video controls"
        f' src="{url}"></video>{words}</main></body></html>'
    )


def by_source(html: str) -> Extraction:
    read = read_plain_page(page_post(), GENERIC, PageAnswer(PAGE, 200, {}, html.encode()))
    return replace(read, extractor=PLAIN_PAGE)


def by_visit(html: str, seen: SeenVideo, *, responses: Sequence[Any] = ()) -> Extraction:
    return read_capture(page_post(), GENERIC, capture(seen, html=html, responses=responses))


def context_of(
    store: Store, clock: FakeClock, root: Path, *found: Extraction, films: Sequence[Any]
) -> WorkerContext:
    first = films[-1]
    browser = StubBrowser(first) if isinstance(first, bytes) else StubBrowser()
    return make_context(
        store, clock, root,
        extractor=StubExtractor(*found), downloader=StubDownloader(*films), browser=browser,
        probe=LengthProbe(),
    )  # fmt: skip


async def next_attempt(store: Store, clock: FakeClock) -> ClaimedJob:
    """Claim the job again, once it is due."""
    clock.advance(timedelta(days=1))
    await store.queue.promote_due()
    (claimed,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    return claimed


def announced(job: Job) -> tuple[float | None, LengthSource]:
    (item,) = job.items
    return item.item.expected.duration_s, item.item.expected.length_source


WRONG = {
    "a clip of ten seconds": ("PT1M", 10.0),
    "a preview of a minute": ("PT10M", 60.0),
    "a film that says that it is not available": ("PT1M", 5.0),
    "half of a fragmented file": ("PT1M", 30.0),
    "a film that is too long": ("PT1M", 80.0),
}


@pytest.mark.parametrize(("length", "delivered_s"), WRONG.values(), ids=WRONG.keys())
async def test_a_file_of_another_length_is_not_saved_because_a_player_measured_it(
    store: Store,
    clock: FakeClock,
    claim: ClaimedJob,
    tmp_path: Path,
    length: str,
    delivered_s: float,
) -> None:
    html = page(length)
    visit = by_visit(html, player(FILE, duration_s=delivered_s))
    job = await worked(
        claim, context_of(store, clock, tmp_path, by_source(html), visit, films=[film(delivered_s)])
    )

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.AMBIGUOUS)
    assert f"The file is {clock_length(delivered_s)} long; the page says" in str(job.error)


async def test_half_of_a_playlist_is_not_the_film_that_the_page_announced(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    html = page("PT1M", url=STREAM)
    playlist = response(STREAM, mime="application/vnd.apple.mpegurl", body=HALF)
    visit = by_visit(html, player(STREAM, duration_s=32.0), responses=[playlist])
    job = await worked(
        claim, context_of(store, clock, tmp_path, by_source(html), visit, films=[film(32.0)])
    )

    assert visit.items[0].candidates[0].source_type is SourceType.HLS
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.AMBIGUOUS)


async def test_another_file_at_the_second_request_is_not_saved(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    html = page("PT1M")
    visit = by_visit(html, player(FILE, duration_s=5.0))
    context = context_of(
        store, clock, tmp_path, by_source(html), visit, films=[Incomplete("cut"), film(5.0)]
    )
    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.AMBIGUOUS)


async def test_a_whole_film_whose_length_the_site_rounded_is_saved(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    html = page("PT1M2S")
    job = await worked(
        claim, context_of(store, clock, tmp_path, by_source(html), films=[film(60.0)])
    )

    assert job.status is JobStatus.COMPLETED


async def test_what_was_announced_holds_in_the_next_attempt(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The page's source was read in the first attempt, and only yt-dlp answers in the second."""
    first = context_of(
        store, clock, tmp_path, by_source(page("PT1M")), films=[NetworkFailure("gone")]
    )
    await worked(claim, first)
    expired = candidate(f"{CDN}other.mp4", duration_s=10.0)
    again = Extraction(
        page_post(), PAGE, first.extractors["browser"]._answers[0].account,  # type: ignore[attr-defined]
        items=(Item((expired,), media_id="another id",
                    expected=Expected(10.0, length_source=LengthSource.LISTED)),),
    )  # fmt: skip
    await store.queue.retry(claim.id, chosen_urls=[])
    job = await worked(
        await next_attempt(store, clock),
        context_of(store, clock, tmp_path, again, films=[film(10.0)]),
    )

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.AMBIGUOUS)
    assert announced(job) == (60.0, LengthSource.DECLARED)


async def test_a_length_that_only_a_player_measured_is_compared_with_nothing(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    html = f'<html><body><video controls src="{FILE}"></video></body></html>'
    visit = by_visit(html, player(FILE, duration_s=10.0))
    job = await worked(claim, context_of(store, clock, tmp_path, visit, films=[film(60.0)]))

    assert job.status is JobStatus.COMPLETED
    assert announced(job) == (10.0, LengthSource.MEASURED)


async def test_the_length_that_a_manifest_listed_first_holds_when_a_later_one_is_shorter(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    whole, half = (
        extraction(candidate(f"{CDN}{name}.m3u8", source_type=SourceType.HLS, duration_s=seconds))
        for name, seconds in (("whole", 60.0), ("half", 30.0))
    )
    context = context_of(
        store,
        clock,
        tmp_path,
        whole,
        half,
        films=[Incomplete("cut"), Incomplete("cut"), film(30.0)],
    )
    job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.NOT_AS_ANNOUNCED)
    assert announced(job) == (60.0, LengthSource.LISTED)


async def test_sound_that_was_announced_once_stays_announced(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    loud = extraction(candidate(), expected=Expected(audio=True))
    unknown = extraction(candidate(f"{CDN}2.mp4"))
    downloader = StubDownloader(Incomplete("cut"), Incomplete("cut"), film(10.0))
    await worked(
        claim,
        make_context(
            store, clock, tmp_path, extractor=StubExtractor(loud, unknown), downloader=downloader
        ),
    )

    assert [request.expected.audio for request in downloader.requests] == [True, True, True]


# --- the user's answer ----------------------------------------------------------------------------


def fifty_seconds(
    store: Store, clock: FakeClock, root: Path, *, seconds: float = 50.0
) -> WorkerContext:
    """Return what works on a page that announces a minute: by ten seconds less,
    most of a film may be missing.
    """
    return context_of(store, clock, root, by_source(page("PT1M")), films=[film(seconds)])


async def asked(store: Store, clock: FakeClock, claim: ClaimedJob, root: Path) -> Job:
    """Return the job after the attempt that asked about fifty seconds of a minute."""
    job = await worked(claim, fifty_seconds(store, clock, root))
    assert job.error_code is ErrorCode.NOT_AS_ANNOUNCED
    return job


async def test_a_file_of_another_length_is_tried_once_more_and_then_believed(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    first = await asked(store, clock, claim, tmp_path)
    second = await worked(await next_attempt(store, clock), fifty_seconds(store, clock, tmp_path))

    assert (first.retry_at is None, second.retry_at) == (False, None)
    assert (second.error_code, second.attempt_count) == (ErrorCode.NOT_AS_ANNOUNCED, 2)


async def test_a_file_that_the_user_accepts_is_saved_as_it_is(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await asked(store, clock, claim, tmp_path)
    await retry_job(store, claim.id, as_it_is=True)
    job = await worked(await next_attempt(store, clock), fifty_seconds(store, clock, tmp_path))
    details = [str(record.detail) for record in await store.catalogue.history(claim.id)]

    assert (job.status, job.duration_s) == (JobStatus.COMPLETED, 50.0)
    assert "saved as it is: it lasts 50.0 s, but the post announced 60.0 s" in details


async def test_another_length_than_the_accepted_one_is_asked_about_again(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await asked(store, clock, claim, tmp_path)
    await retry_job(store, claim.id, as_it_is=True)
    job = await worked(
        await next_attempt(store, clock), fifty_seconds(store, clock, tmp_path, seconds=54.0)
    )
    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.NOT_AS_ANNOUNCED)

    await retry_job(store, claim.id, as_it_is=True)
    job = await worked(
        await next_attempt(store, clock), fifty_seconds(store, clock, tmp_path, seconds=50.0)
    )
    assert job.status is JobStatus.COMPLETED, "the first answer still holds"


async def test_an_answer_does_not_cover_damage(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    await asked(store, clock, claim, tmp_path)
    await retry_job(store, claim.id, as_it_is=True)
    context = replace(
        fifty_seconds(store, clock, tmp_path),
        probe=StubProbe(*[Problem(ProblemKind.DAMAGED, "bad")] * 4),
    )
    job = await worked(await next_attempt(store, clock), context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.BAD_FILE)


async def test_a_restart_between_the_answer_and_the_next_attempt_loses_nothing(
    clock: FakeClock, tmp_path: Path
) -> None:
    """Neither does one before the job is queued: the answer holds once it is."""
    path = tmp_path / "vault.db"
    first = SqliteJobStore(path, clock)
    await first.open()
    await first.queue.enqueue([new_job(clock=clock)])
    (claim,) = await first.queue.claim(WorkerId("w-1"), limit=1, lease=LEASE)
    job = await asked(first, clock, claim, tmp_path)
    await first.records.put(RecordKind.ACCEPTED, claim.id, {"reasons": sorted(questions(job))})
    await first.close()
    second = SqliteJobStore(path, clock)
    await second.open()
    job = await worked(await next_attempt(second, clock), fifty_seconds(second, clock, tmp_path))
    await second.close()

    assert job.status is JobStatus.COMPLETED


async def test_all_that_differs_is_one_question(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    questions = [
        Problem(ProblemKind.DOUBTFUL, "it is short"),
        Problem(ProblemKind.DOUBTFUL, "it is silent"),
    ]

    class Probe(StubProbe):
        async def examine(self, file: DownloadedFile) -> ProbeReport:
            return replace(await super().examine(file), problems=tuple(questions))

    job = await worked(claim, make_context(store, clock, tmp_path, probe=Probe()))

    assert str(job.error) == "The file was refused because it is short; it is silent."


async def test_a_file_that_plays_stays_the_question_when_other_strategies_get_nothing(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    context = context_of(
        store,
        clock,
        tmp_path,
        by_source(page("PT1M")),
        films=[film(50.0), NetworkFailure("refused")],
    )
    job = await worked(claim, context)

    assert job.error_code is ErrorCode.NOT_AS_ANNOUNCED


async def test_a_post_that_is_gone_meanwhile_is_gone(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    extractor = StubExtractor(by_source(page("PT1M")), Deleted("gone"))
    context = make_context(
        store,
        clock,
        tmp_path,
        extractor=extractor,
        downloader=StubDownloader(film(50.0)),
        probe=LengthProbe(),
    )

    assert (await worked(claim, context)).error_code is ErrorCode.DELETED


async def test_a_file_that_is_put_into_another_container_stays_accepted(
    store: Store, clock: FakeClock, claim: ClaimedJob, tmp_path: Path
) -> None:
    """The copy lasts a little longer than the file that was accepted."""

    class Probe(LengthProbe):
        async def examine(self, file: DownloadedFile) -> ProbeReport:
            report = await super().examine(file)
            return replace(report, container="mp4" if file.path.suffix == ".mp4" else "matroska")

    async def remux(sources: Sequence[Path], into: Path) -> None:
        into.write_bytes(film(50.5))

    def context() -> WorkerContext:
        return replace(fifty_seconds(store, clock, tmp_path), probe=Probe(), remux=remux)

    await worked(claim, context())
    await retry_job(store, claim.id, as_it_is=True)
    job = await worked(await next_attempt(store, clock), context())

    assert (job.status, job.duration_s) == (JobStatus.COMPLETED, 50.5)
