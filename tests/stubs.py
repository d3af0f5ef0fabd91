"""Scripted stand-ins for the worker's ports: the result of each call is set in advance,
calls are recorded.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

from mediavault.browser.port import BrowserDownload, PageCapture
from mediavault.core.bandwidth_limiter import BandwidthLimiter, SiteBandwidth, SlowTransferDetector
from mediavault.core.clock import Clock, SystemClock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import ErrorCode, Failure, NetworkFailure, Unsupported
from mediavault.core.job import ClaimedJob, ItemStatus, Job, JobItem, NewJob, new_job_id
from mediavault.core.listings import ListCheck, Listing, ListPage
from mediavault.core.media import (
    Candidate,
    Chapter,
    Cue,
    DownloadedFile,
    Expected,
    Extraction,
    FoundIn,
    Item,
    NoVideo,
    OnProgress,
    Ownership,
    Post,
    ProbeReport,
    Problem,
    SourceType,
    SubtitleSource,
    account,
)
from mediavault.core.platform import Platform
from mediavault.core.urls import EgressScope
from mediavault.download.manifest_reading import ManifestContents, ManifestText, read_manifest
from mediavault.download.port import DownloadLimits, MediaRequest
from mediavault.egress.port import HttpResponse, Timeouts
from mediavault.extraction.api_extractor import read_answer
from mediavault.extraction.browser_extractor import read_visit
from mediavault.extraction.feed_documents import read_feed
from mediavault.extraction.plain_page import read_plain_page
from mediavault.extraction.port import ApiAnswer, PageAnswer, VisitReading
from mediavault.extraction.profile_pages import read_profile
from mediavault.library.local_library import LocalLibrary
from mediavault.media.remux import Joiner
from mediavault.sandbox.standing import ChildPool
from mediavault.store.port import Store
from mediavault.worker.context import RetryPolicy, WorkerContext
from mediavault.worker.pipeline import process_one_cycle

POST_URL = "https://videos.example/watch/1"
MEDIA_URL = "https://cdn.example/1.mp4"
VIDEO = b"\0\0\0\x18ftypmp42" + b"v" * 20_000

Answer = Failure | bytes


def new_job(
    url: str = POST_URL, *, clock: Clock, max_attempts: int = 5, platform: str = "generic"
) -> NewJob:
    return NewJob(new_job_id(clock.now()), "0" * 32, url, url, platform, max_attempts)


def candidate(url: str = MEDIA_URL, **facts: object) -> Candidate:
    basic: dict[str, object] = {
        "source_type": SourceType.DIRECT,
        "found_in": FoundIn.DOM,
        "ownership": Ownership.PLAYER,
    }
    return Candidate(url=url, **{**basic, **facts})  # type: ignore[arg-type]


def extraction(
    *candidates: Candidate,
    post: Post | None = None,
    expected: Expected | None = None,
    **facts: object,
) -> Extraction:
    post = post or Post(POST_URL, POST_URL, "generic", "1", "jane")
    candidates = candidates or (candidate(),)
    owned = tuple(c for c in candidates if c.ownership <= Ownership.LONE)
    return Extraction(
        post=post,
        final_url=post.url,
        items=(Item(owned, expected=expected or Expected()),) if owned else (),
        others=tuple(c for c in candidates if c not in owned),
        account=account("generic", "jane", "Jane"),
        title="A title",
        **facts,  # type: ignore[arg-type]
    )


class ReaderHere:
    """Reads in this process, where a test can observe it."""

    async def read_visit(
        self, post: Post, platform: Platform, capture: PageCapture, *, with_viewer: bool
    ) -> VisitReading:
        return read_visit(post, platform, capture, with_viewer=with_viewer)

    async def read_answer(self, post: Post, platform: Platform, answer: ApiAnswer) -> Extraction:
        return read_answer(post, platform, answer)

    async def read_page(self, post: Post, platform: Platform, answer: PageAnswer) -> Extraction:
        return read_plain_page(post, platform, answer)

    async def read_feed(self, check: ListCheck, platform: Platform, answer: PageAnswer) -> ListPage:
        return read_feed(check, platform, answer)

    async def read_profile(
        self, check: ListCheck, platform: Platform, capture: PageCapture
    ) -> Listing:
        return read_profile(check, platform, capture)


class StubExtractor:
    """Returns its scripted results in order; the last one is repeated."""

    name = "browser"
    signed_in = False

    def __init__(self, *answers: Extraction | Failure) -> None:
        self._answers = deque(answers or (extraction(),))
        self.posts: list[Post] = []

    @property
    def asked(self) -> int:
        return len(self.posts)

    async def extract(self, post: Post, platform: Platform, *, within_s: float) -> Extraction:
        self.posts.append(post)
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Failure):
            raise answer
        return answer


class StubDownloader:
    """Writes the scripted bytes into the staging folder, or raises the scripted failure;
    the last one is repeated.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = deque(answers or (VIDEO,))
        self.requests: list[MediaRequest] = []
        self.limits: list[DownloadLimits] = []
        self.found_in_staging: list[list[str]] = []

    async def fetch(
        self, request: MediaRequest, *, into: Path, limits: DownloadLimits, on_progress: OnProgress
    ) -> DownloadedFile:
        self.requests.append(request)
        self.limits.append(limits)
        self.found_in_staging.append(sorted(path.name for path in into.iterdir()))
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        path = into / "media.part"
        if isinstance(answer, Failure):
            path.write_bytes(b"half")
            raise answer
        path.write_bytes(answer)
        on_progress(len(answer), len(answer))
        return DownloadedFile(
            path,
            request.url,
            len(answer),
            "video/mp4",
            request.expected,
            sha256=hashlib.sha256(answer).hexdigest(),
        )


class StubBrowser:
    """A browser with a cookie jar whose downloads follow a script.

    ``signed_in_requests`` records for each request for cookies or a download whether it was signed
    in.
    """

    def __init__(self, *answers: Answer, cookies: Iterable[Cookie] = ()) -> None:
        self._answers = deque(answers or (NetworkFailure("the browser got nothing"),))
        self._cookies = tuple(cookies)
        self.downloads: list[str] = []
        self.scopes: list[EgressScope] = []
        self.floors: list[SlowTransferDetector] = []
        self.signed_in_requests: list[bool] = []

    async def capture(
        self,
        url: str,
        *,
        scope: EgressScope,
        platform: Platform,
        within_s: float,
        signed_in: bool = False,
        screenshot: bool = False,
        is_list: bool = False,
    ) -> PageCapture:
        raise NoVideo("a stub shows no pages")

    async def cookies(self, url: str, *, signed_in: bool = False) -> Sequence[Cookie]:
        self.signed_in_requests.append(signed_in)
        return self._cookies

    async def user_agent(self) -> str:
        return "stub"

    async def download(
        self,
        url: str,
        *,
        scope: EgressScope,
        referer: str | None,
        into: Path,
        max_bytes: int,
        within_s: float,
        floor: SlowTransferDetector,
        on_progress: OnProgress,
        bandwidth: SiteBandwidth | None = None,
        signed_in: bool = False,
    ) -> BrowserDownload:
        self.downloads.append(url)
        self.signed_in_requests.append(signed_in)
        self.scopes.append(scope)
        self.floors.append(floor)
        answer = self._answers.popleft() if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Failure):
            raise answer
        path = into / "browser.part"
        path.write_bytes(answer)
        return BrowserDownload(path, len(answer), url, "video/mp4")

    async def close(self) -> None:
        return None


class StubProbe:
    """Reports a good video for every file, unless the script has problems for it."""

    def __init__(self, *problems: Problem | None, still: bool = True) -> None:
        self._problems = deque(problems)
        self._still = still

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        problem = self._problems.popleft() if self._problems else None
        return ProbeReport(
            "mp4", "h264", "aac", 4.0, 320, 180, problems=(problem,) if problem else ()
        )

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        if not self._still:
            return None
        into.write_bytes(b"\xff\xd8\xff still")
        return into

    async def shrink(self, picture: Path, *, into: Path, longest_px: int) -> Path | None:
        if not self._still:
            return None
        into.write_bytes(b"\xff\xd8\xff %d px" % longest_px)
        return into


class StubResponse:
    def __init__(
        self, status: int, body: bytes, headers: Mapping[str, str], url: str = MEDIA_URL
    ) -> None:
        self.status, self.url, self._body, self.headers = status, url, body, headers

    async def read_chunk(self, limit: int = 1 << 20) -> bytes:
        chunk, self._body = self._body[:limit], self._body[limit:]
        return chunk

    async def read(self, *, limit: int) -> bytes:
        return await self.read_chunk(limit)


class StubClient:
    """Returns the same response for every URL."""

    def __init__(
        self, status: int = 404, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> None:
        self._status, self._body, self._headers = status, body, headers or {}
        self.urls: list[str] = []

    @asynccontextmanager
    async def get(
        self,
        url: str,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
        timeouts: Timeouts | None = None,
        max_redirects: int = 10,
        decode: bool = False,
    ) -> AsyncIterator[HttpResponse]:
        self.urls.append(url)
        yield StubResponse(self._status, self._body, self._headers, url)

    async def close(self) -> None:
        return None


# for downloads that join nothing, or join in this process
UNSTARTED = Joiner(ChildPool("", SystemClock(), size=1))


async def stub_remux(sources: Sequence[Path], into: Path) -> None:
    into.write_bytes(b"".join(source.read_bytes() for source in sources))


async def stub_extract_sound(
    source: Path,
    into: Path,
    *,
    tags: Mapping[str, str],
    chapters: Sequence[Chapter],
    cover: Path | None,
    codec: str | None = None,
) -> Path:
    path = into.with_suffix(".m4a")
    path.write_bytes(source.read_bytes())
    return path


async def stub_embed_texts(
    source: Path, into: Path, *, texts: Mapping[str, Sequence[Cue]], chapters: Sequence[Chapter]
) -> None:
    into.write_bytes(source.read_bytes())


class InProcessManifests:
    """Reads manifests in the test's own process."""

    async def read_manifest(self, manifest: ManifestText) -> ManifestContents:
        return read_manifest(manifest)


IN_PROCESS = InProcessManifests()


class StubSubtitles:
    """Returns one cue that names the address, unless the script has a failure for it;
    remembers what it was asked.
    """

    def __init__(self, failures: Mapping[str, Failure] | None = None) -> None:
        self.failures = dict(failures or {})
        self.asked: list[str] = []

    async def __call__(
        self,
        source: SubtitleSource,
        *,
        scope: EgressScope,
        headers: Mapping[str, str] | None = None,
        cookies: Sequence[Cookie] = (),
    ) -> tuple[Cue, ...]:
        self.asked.append(source.url)
        if source.url in self.failures:
            raise self.failures[source.url]
        return (Cue(1.0, 2.0, f"words of {source.language}"),)


async def no_extras(
    post: Post, platform: Platform, *, within_s: float, comments: int
) -> Extraction:
    raise Unsupported(f"yt-dlp does not know {platform.title}.")


def make_context(
    store: Store,
    clock: Clock,
    root: Path,
    *,
    extractor: StubExtractor | None = None,
    downloader: StubDownloader | None = None,
    browser: StubBrowser | None = None,
    probe: StubProbe | None = None,
    client: StubClient | None = None,
    jitter: Callable[[], float] = lambda: 0.5,
    remux: Callable[[Sequence[Path], Path], Awaitable[object]] | None = None,
) -> WorkerContext:
    return WorkerContext(
        store=store,
        clock=clock,
        extractors={"browser": extractor or StubExtractor()},
        client=client or StubClient(),
        browser=browser or StubBrowser(),
        remux=remux or stub_remux,
        extract_sound=stub_extract_sound,
        embed_texts=stub_embed_texts,
        fetch_subtitles=StubSubtitles(),
        extract_extras=no_extras,
        downloader=downloader or StubDownloader(),
        probe=probe or StubProbe(),
        library=LocalLibrary(root),
        limits=DownloadLimits(max_bytes=1 << 30, reserve_bytes=0),
        bandwidth=BandwidthLimiter(clock),
        retry=RetryPolicy(base=timedelta(minutes=1), jitter=jitter),
        extraction_timeout_s=180.0,
    )


async def fail_by_length(store: Store, claim: ClaimedJob, reason: str = "it lasts 10.0 s") -> Job:
    """End an attempt whose file is not as long as the post announced."""
    return await fail_asking(
        store, claim, ErrorCode.NOT_AS_ANNOUNCED, f"The file was refused because {reason}."
    )


async def fail_asking(store: Store, claim: ClaimedJob, code: ErrorCode, error: str) -> Job:
    """End an attempt with a question about its file."""
    await store.queue.save_items(claim, (JobItem(Item(), ItemStatus.FAILED, None, code, error),))
    return await store.queue.fail(claim, error_code=code, error=error, retry_in=None)


async def worked(claim: ClaimedJob, context: WorkerContext) -> Job:
    """Take a claimed job through the pipeline, and return the job as it is then stored."""
    await process_one_cycle(claim, context)
    return await context.store.catalogue.get(claim.id)
