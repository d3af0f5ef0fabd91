"""Untrusted documents, read in a separate process: what they do to their reader,
without an effect on anything else.
"""

from __future__ import annotations

import asyncio
import json
import os
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import monotonic

import pytest
from structlog.testing import capture_logs

from mediavault.app.composition import READING_CHILD
from mediavault.browser.port import PageCapture
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.failures import (
    ErrorCode,
    ExtractorBroken,
    LoginRequired,
    NotAVideo,
    PageUnreadable,
    RateLimited,
)
from mediavault.core.job import JobStatus, WorkerId
from mediavault.core.listings import ListCheck
from mediavault.core.media import NoVideo
from mediavault.core.typed_records import to_json
from mediavault.download.manifest_reading import ManifestText, read_manifest
from mediavault.extraction import confined_reader
from mediavault.extraction.browser_extractor import BrowserExtractor, read_capture
from mediavault.extraction.confined_reader import LIMITS, MAX_CHILDREN, ConfinedReader
from mediavault.extraction.port import ApiAnswer, VisitReading
from mediavault.extraction.profile_pages import read_profile
from mediavault.platforms.generic import GENERIC
from mediavault.platforms.x import X
from mediavault.sandbox.standing import IDLE_S
from tests.fakes import FakeClock
from tests.memory_store import MemoryJobStore
from tests.patience import patient, until
from tests.stubs import make_context, new_job, worked
from tests.unit.extraction.samples import capture, page_post, player, x_post
from tests.unit.extraction.test_api_extractor import MASTODON, POST, STATUS
from tests.unit.extraction.test_browser_extractor import OnePage

PLANTED = """
    import os, sys, time
    from mediavault.app import reading_child
    read, whole = reading_child.answer, reading_child.read_visit
    def read_visit(*_, **__):
        reading_child.read_visit = whole
        raise TypeError("a bug of ours")
    def answer(request):
        title = request["given"][4]
        if title == "spin":
            while True: pass
        if title == "fill":
            return {"read": "x" * (3 << 30)}
        if title == "environment":
            raise ValueError(" ".join(sorted(os.environ)))
        if title == "bug":
            reading_child.read_visit = read_visit
        if title == "wait":
            time.sleep(600)
        return read(request)
    reading_child.answer = answer
    sys.exit(reading_child.main())
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the module of a child that does what the title of a page says,
    and then reads the page.
    """
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "planted_reader.py").write_text(textwrap.dedent(PLANTED))
    return "planted_reader"


@asynccontextmanager
async def a_reader(
    child: str = READING_CHILD,
    *,
    clock: Clock | None = None,
    cpu_s: int = LIMITS.cpu_s,
    wall_s: float = LIMITS.wall_s,
) -> AsyncIterator[ConfinedReader]:
    reader = ConfinedReader(
        clock or SystemClock(), child=child, limits=replace(LIMITS, cpu_s=cpu_s, wall_s=wall_s)
    )
    try:
        yield reader
    finally:
        await reader.close()


async def read(reader: ConfinedReader, page: PageCapture) -> VisitReading:
    return await reader.read_visit(page_post(), GENERIC, page, with_viewer=False)


async def ticks_while(work: Callable[[], Awaitable[object]]) -> int:
    """Return how often the event loop ran during ``work``, at most a hundred times a second;
    one that was blocked ran once.
    """
    count = 0

    async def tick() -> None:
        nonlocal count
        while True:
            await asyncio.sleep(0.01)
            count += 1

    ticking = asyncio.create_task(tick())
    try:
        await work()
    finally:
        ticking.cancel()
    return count


async def test_a_page_is_read_as_in_this_process() -> None:
    page = capture(player())
    async with a_reader() as reader:
        reading = await read(reader, page)

    assert reading.extraction == read_capture(page_post(), GENERIC, page)
    assert reading.extraction.videos


async def test_a_failure_that_the_page_reports_arrives_unchanged() -> None:
    wall = capture(url="https://x.com/i/status/12", final_url="https://x.com/i/flow/login")
    frame = capture(
        html='<p>Words</p><iframe src="https://www.youtube.com/embed/2lAe1cqCOXo"></iframe>'
    )
    async with a_reader() as reader:
        with pytest.raises(LoginRequired):
            await reader.read_visit(x_post(), X, wall, with_viewer=False)
        with pytest.raises(NoVideo) as caught:
            await read(reader, frame)

    assert caught.value.embeds == ("https://www.youtube.com/embed/2lAe1cqCOXo",)


async def test_an_answer_of_an_open_api_is_read_there_too() -> None:
    async with a_reader() as reader:
        extraction = await reader.read_answer(
            POST, MASTODON, ApiAnswer(200, json.dumps(STATUS).encode())
        )
        with pytest.raises(RateLimited) as caught:
            await reader.read_answer(POST, MASTODON, ApiAnswer(429, b"", timedelta(seconds=90)))

    assert extraction.account.display_name == "Jane"
    assert caught.value.retry_after == timedelta(seconds=90)


async def test_the_posts_that_a_page_lists_are_read_there_too() -> None:
    check = ListCheck("https://x.com/jane")
    shown = capture(
        url=check.url,
        final_url=check.url,
        html='<a href="/jane/status/1700000000000000001">A kite</a>',
    )
    async with a_reader() as reader:
        listing = await reader.read_profile(check, X, shown)
        with pytest.raises(ExtractorBroken):
            await reader.read_profile(check, X, capture(url=check.url, final_url=check.url))

    assert listing == read_profile(check, X, shown)
    assert [entry.post_id for entry in listing.entries] == ["1700000000000000001"]


OPEN_MANIFEST = (
    '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>' + " " * 6_000
)


async def test_an_unclosed_manifest_blocks_neither_its_reader_nor_the_event_loop() -> None:
    html = f'<script type="application/json">{json.dumps({"m": OPEN_MANIFEST})}</script>'
    async with a_reader() as reader:
        ticks = await ticks_while(lambda: read(reader, capture(player(), html=html)))

    assert ticks > 0


HUGE_MANIFEST = f"<MPD><BaseURL>{'xxxxxxxxxxxxxxxxxxxx<b/>' * 199_000}</BaseURL></MPD>"  # 4.8 MB
PLAYLIST = (
    '#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXT-X-DEFINE:IMPORT="dir"\n#EXTINF:4,\n{$dir}1.ts\n'
    "#EXT-X-ENDLIST\n"
)


async def test_a_manifest_is_read_as_in_this_process() -> None:
    playlist = ManifestText(PLAYLIST, "https://cdn.example/v/m.m3u8", variables={"dir": "a/"})
    protected = ManifestText(
        "<MPD><Period><AdaptationSet mimeType='video/mp4'/></Period></MPD>", "https://a.example/m"
    )
    async with a_reader() as reader:
        manifest = await reader.read_manifest(playlist)
        with pytest.raises(NotAVideo) as caught:
            await reader.read_manifest(protected)
    with pytest.raises(NotAVideo) as here:
        read_manifest(protected)

    assert manifest == read_manifest(playlist)
    assert [segment.url for segment in manifest.tracks[0].segments] == [
        "https://cdn.example/v/a/1.ts"
    ]
    assert caught.value.message == here.value.message


async def test_huge_manifests_hold_up_neither_the_event_loop_nor_the_end_of_the_vault() -> None:
    """One that is read in a thread would: it holds the interpreter, and no thread can be ended."""
    worst_s = 0.0

    async def measure() -> None:
        nonlocal worst_s
        while True:
            began_s = monotonic()
            await asyncio.sleep(0.01)
            worst_s = max(worst_s, monotonic() - began_s)

    async with a_reader() as reader:
        measuring = asyncio.create_task(measure())
        found = [
            reader.read_manifest(ManifestText(HUGE_MANIFEST, "https://a.example/m"))
            for _ in range(3)
        ]
        assert [type(one) for one in await asyncio.gather(*found, return_exceptions=True)] == [
            NotAVideo
        ] * 3
        reading = asyncio.create_task(
            reader.read_manifest(ManifestText(HUGE_MANIFEST, "https://a.example/m"))
        )
        await asyncio.sleep(0.1)
        reading.cancel()
        async with asyncio.timeout(patient(5)):
            await asyncio.gather(reading, return_exceptions=True)
            await reader.close()
        measuring.cancel()

    assert worst_s < patient(1)


async def test_a_page_whose_reading_never_ends_fails_alone_and_the_next_one_is_read(
    planted: str,
) -> None:
    async def spin() -> None:
        with pytest.raises(
            PageUnreadable, match="in time: it used more than 1 s of processor time"
        ):
            await read(reader, capture(player(), title="spin"))

    async with a_reader(planted, cpu_s=1) as reader:
        ticks = await ticks_while(spin)
        after = await read(reader, capture(player()))

    assert ticks > 2
    assert after.extraction.videos


async def test_a_page_that_takes_too_long_is_given_up(planted: str) -> None:
    async with a_reader(planted, wall_s=0.5) as reader:
        with pytest.raises(PageUnreadable, match="it took longer than"):
            await read(reader, capture(title="wait"))


async def test_a_page_that_takes_too_much_memory_fails_alone(planted: str) -> None:
    async with a_reader(planted) as reader:
        with pytest.raises(PageUnreadable, match="could not be read"):
            await read(reader, capture(title="fill"))
        assert (await read(reader, capture(player()))).extraction.videos


async def test_the_child_sees_nothing_of_our_environment(
    planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "secret")
    monkeypatch.setenv("PGPASSWORD", "secret")
    async with a_reader(planted) as reader:
        with pytest.raises(PageUnreadable) as caught:
            await read(reader, capture(title="environment"))

    assert "PATH" in caught.value.message
    assert "MEDIAVAULT_TOKEN" not in caught.value.message
    assert "PGPASSWORD" not in caught.value.message


async def test_a_bug_of_ours_is_logged_with_its_traceback_and_the_next_page_is_read(
    planted: str,
) -> None:
    async with a_reader(planted) as reader:
        with (
            capture_logs() as lines,
            pytest.raises(PageUnreadable, match=r"TypeError: a bug of ours"),
        ):
            await read(reader, capture(title="bug"))
        assert (await read(reader, capture(player()))).extraction.videos

    (line,) = [line for line in lines if line["event"] == "reader_hit_a_bug"]
    assert "in read_visit" in line["trace"]


async def test_a_page_that_takes_long_does_not_hold_up_another(planted: str) -> None:
    async with a_reader(planted) as reader:
        # both are started
        await asyncio.gather(*(read(reader, capture(player())) for _ in range(MAX_CHILDREN)))
        slow = asyncio.create_task(read(reader, capture(title="wait")))
        await asyncio.sleep(0)
        await read(reader, capture(player()))

        assert not slow.done()
        slow.cancel()
        await asyncio.wait([slow])


async def test_no_number_of_slow_lists_holds_up_a_post(planted: str) -> None:
    """Whoever writes a followed list chooses how long it takes to read."""
    check = ListCheck(url="https://x.com/jane")
    async with a_reader(planted) as reader:
        lists = [
            asyncio.create_task(reader.read_profile(check, X, capture(title="wait")))
            for _ in range(MAX_CHILDREN + 1)
        ]
        await asyncio.sleep(0)  # they ask first
        await asyncio.wait_for(read(reader, capture(player())), patient(30))

        assert not any(task.done() for task in lists)
        for task in lists:
            task.cancel()
        await asyncio.wait(lists)


async def test_a_page_that_waits_its_turn_is_not_copied_yet(
    planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy for the child may take more than a hundred megabytes,
    and any number of pages may wait.
    """
    copied: list[object] = []

    def to_json_and_note(kind: object, value: object) -> object:
        copied.append(value)
        return to_json(kind, value)

    monkeypatch.setattr(confined_reader, "to_json", to_json_and_note)
    pages = [capture(title="wait") for _ in range(MAX_CHILDREN + 1)]
    async with a_reader(planted) as reader:
        reading = [asyncio.create_task(read(reader, page)) for page in pages]
        await until(lambda: sum(isinstance(value, PageCapture) for value in copied) >= MAX_CHILDREN)
        await asyncio.sleep(0.2)
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)

    assert sum(isinstance(value, PageCapture) for value in copied) == MAX_CHILDREN


async def test_an_idle_reader_process_is_ended() -> None:
    clock = FakeClock()
    async with a_reader(clock=clock) as reader:
        await read(reader, capture(player()))
        (child,) = [child for child in reader._for_posts._all if child._process is not None]
        process = child._process
        await clock.settle()
        clock.advance(IDLE_S)
        assert process is not None
        await asyncio.wait_for(process.wait(), patient(30))

        assert (await read(reader, capture(player()))).extraction.videos


async def test_a_post_whose_page_cannot_be_read_in_time_fails_with_the_reason_and_is_retried(
    planted: str, tmp_path: Path
) -> None:
    clock = FakeClock()
    store = MemoryJobStore(clock)
    async with a_reader(planted, cpu_s=1) as reader:
        hostile = BrowserExtractor(OnePage(capture(player(), title="spin")), clock, reader)
        context = replace(make_context(store, clock, tmp_path), extractors={"browser": hostile})
        await store.queue.enqueue([new_job(clock=clock)])
        (claim,) = await store.queue.claim(WorkerId("w-1"), limit=1, lease=timedelta(seconds=90))
        job = await worked(claim, context)

    assert (job.status, job.error_code) == (JobStatus.FAILED, ErrorCode.PAGE_UNREADABLE)
    assert (
        job.error
        == "What the site sent could not be read in time: it used more than 1 s of processor time."
    )
    assert job.retry_at is not None
