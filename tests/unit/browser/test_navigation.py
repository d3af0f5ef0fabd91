"""The browser's own download: which answers become files,
and what is checked during the download.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from mediavault.browser.driver import Page, PageFailed
from mediavault.browser.navigation import TICK_S, Answer, Navigation, refusal
from mediavault.core.bandwidth_limiter import BandwidthLimiter, SiteBandwidth, SlowTransferDetector
from mediavault.core.failures import (
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NotAVideo,
    RateLimited,
    TookTooLong,
    TooLarge,
)
from mediavault.core.settings import ChangeableSettings
from tests.fakes import FakeClock
from tests.patience import until

T = TypeVar("T")
URL = "https://a.test/v.mp4"


def answer(status: int = 200, mime: str = "video/mp4", **headers: str) -> Answer:
    return Answer(
        URL, status, mime, {name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("received", "kind"),
    [
        (answer(403), LinkExpired),
        (answer(410), LinkExpired),
        (answer(404), HttpError),
        (answer(500), HttpError),
        (answer(429, retry_after="77"), RateLimited),
        (answer(mime="text/html"), NotAVideo),
        (answer(mime="application/json"), NotAVideo),
        (answer(content_length="0"), EmptyBody),
        (answer(content_length="1001"), TooLarge),
    ],
)
def test_an_answer_that_is_not_a_video_is_refused_before_a_byte_is_saved(
    received: Answer, kind: type[Failure]
) -> None:
    failure = refusal(received, max_bytes=1000)

    assert type(failure) is kind


@pytest.mark.parametrize(
    "received",
    [answer(), answer(206), answer(mime=""), answer(mime="text/plain", content_length="999")],
)
def test_a_video_is_saved_whatever_type_it_claims_except_that_of_a_page(received: Answer) -> None:
    assert refusal(received, max_bytes=1000) is None


def test_the_wait_that_the_site_names_is_read() -> None:
    failure = refusal(answer(429, retry_after="77"), max_bytes=1)

    assert failure is not None
    assert failure.retry_after == timedelta(seconds=77)


# --- with a stub browser --------------------------------------------------------------------------


class StubDownload:
    url = URL

    def __init__(
        self, file: Path | None, failure: str | None = None, *, endless: bool = False
    ) -> None:
        self._file = file
        self._failure = failure
        self._ended = asyncio.Event()
        self.cancelled = False
        if not endless:
            self._ended.set()

    async def failure(self) -> str | None:
        await self._ended.wait()
        return "canceled" if self.cancelled else self._failure

    async def path(self) -> Path:
        assert self._file is not None
        return self._file

    async def cancel(self) -> None:
        self.cancelled = True
        self.end()

    def end(self) -> None:
        self._ended.set()


class StubBrowser:
    """One page and its DevTools session: navigation pauses at the scripted answer,
    then starts the scripted download.
    """

    def __init__(
        self,
        download: StubDownload | None,
        *,
        status: int = 200,
        progress: tuple[int, int] = (0, 0),
        **headers: str,
    ) -> None:
        self._download = download
        self._status = status
        self._bytes = progress
        self._headers = [
            {"name": n.replace("_", "-"), "value": v}
            for n, v in {"content_type": "video/mp4", **headers}.items()
        ]
        self._handlers: dict[str, Callable[[Any], Any]] = {}
        self.sent: list[tuple[str, Mapping[str, Any]]] = []
        self.referer: str | None = None

    def on(self, event: str, f: Callable[[Any], Any]) -> None:
        self._handlers[event] = f

    async def send(self, method: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        self.sent.append((method, params or {}))
        return {}

    async def goto(self, url: str, *, referer: str | None = None, **options: Any) -> None:
        self.referer = referer
        if self._status == 0:
            raise PageFailed("Page.goto: net::ERR_CONNECTION_REFUSED at https://a.test/")
        paused = {
            "requestId": "1",
            "request": {"url": url},
            "responseStatusCode": self._status,
            "responseHeaders": self._headers,
        }
        self._handlers["Fetch.requestPaused"](paused)
        for _ in range(3):
            await asyncio.sleep(0)
        if self._download is not None:
            self._handlers["download"](self._download)
            received, total = self._bytes
            self.receive(received, total)
            raise PageFailed("Page.goto: Download is starting")

    def receive(self, received: int, total: int = 0) -> None:
        self._handlers["Page.downloadProgress"]({"receivedBytes": received, "totalBytes": total})

    def passed_on(self) -> Mapping[str, Any]:
        return next(
            params
            for method, params in self.sent
            if method.startswith(("Fetch.continue", "Fetch.fail"))
        )


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


async def navigate(
    browser: StubBrowser,
    into: Path,
    *,
    max_bytes: int = 1_000,
    clock: FakeClock | None = None,
    referer: str | None = "https://a.test/post",
    bandwidth: SiteBandwidth | None = None,
) -> Any:
    clock = clock or FakeClock(auto=True)
    end_s, floor = clock.monotonic() + 500, SlowTransferDetector(1_024, 60.0)
    navigation = Navigation(
        cast("Page", browser),
        browser,
        ask,
        clock,
        max_bytes,
        end_s,
        floor,
        lambda *_: None,
        bandwidth,
    )
    return await navigation.run(URL, referer=referer, into=into)


def saved(tmp_path: Path, content: bytes) -> Path:
    file = tmp_path / "guid"
    file.write_bytes(content)
    return file


async def test_the_browser_gets_half_of_a_limit_as_it_changes_and_its_bytes_are_counted(
    tmp_path: Path,
) -> None:
    (tmp_path / "into").mkdir()
    clock = FakeClock(auto=True)
    limit = "2 MB/s"

    async def settings() -> ChangeableSettings:
        return ChangeableSettings(bandwidth=limit)

    bandwidth = BandwidthLimiter(clock, settings)
    browser = StubBrowser(
        download := StubDownload(saved(tmp_path, b"video"), endless=True), progress=(300, 900)
    )

    def limits() -> list[float]:
        return [
            params["downloadThroughput"]
            for method, params in browser.sent
            if method == "Network.emulateNetworkConditions"
        ]

    saving = asyncio.ensure_future(
        navigate(browser, tmp_path / "into", clock=clock, bandwidth=bandwidth.of_site("x"))
    )
    await until(lambda: limits() == [1_000_000])
    limit = "1 MB/s"
    await until(lambda: limits() == [1_000_000, 500_000])
    limit = ""
    await until(lambda: limits() == [1_000_000, 500_000, -1])
    download.end()
    await saving

    assert bandwidth.received == 300


async def test_an_inline_video_is_made_an_attachment_and_moved_into_the_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "into").mkdir()
    browser = StubBrowser(StubDownload(saved(tmp_path, b"video")), content_disposition="inline")

    saved_file = await navigate(browser, tmp_path / "into")

    disposition = [
        h["value"]
        for h in browser.passed_on()["responseHeaders"]
        if h["name"].lower() == "content-disposition"
    ]
    assert disposition == ['attachment; filename="video"']
    assert (saved_file.bytes, saved_file.path.read_bytes(), saved_file.path.parent) == (
        5,
        b"video",
        tmp_path / "into",
    )
    assert browser.referer == "https://a.test/post"
    assert not (tmp_path / "guid").exists()


@pytest.mark.parametrize(
    ("page", "referer"),
    [
        ("https://a.test/post?private=1", "https://a.test/post?private=1"),
        ("https://b.test/post?private=1", "https://b.test/"),
        ("blob:nothing", None),
        (None, None),
    ],
)
async def test_another_host_gets_only_the_site_of_the_page_as_referer(
    tmp_path: Path, page: str | None, referer: str | None
) -> None:
    """Chromium would send any referer it gets."""
    (tmp_path / "into").mkdir()
    browser = StubBrowser(StubDownload(saved(tmp_path, b"video")))
    await navigate(browser, tmp_path / "into", referer=page)

    assert browser.referer == referer


async def test_a_refused_answer_stays_a_page(tmp_path: Path) -> None:
    browser = StubBrowser(None, status=403)

    with pytest.raises(LinkExpired):
        await navigate(browser, tmp_path)
    assert "responseHeaders" not in browser.passed_on()


async def test_a_transfer_that_breaks_off_is_never_taken_for_whole(tmp_path: Path) -> None:
    with pytest.raises(Incomplete):
        await navigate(StubBrowser(StubDownload(None, "canceled"), progress=(10, 100)), tmp_path)


async def test_fewer_bytes_than_announced_are_not_whole_even_if_the_browser_says_so(
    tmp_path: Path,
) -> None:
    browser = StubBrowser(StubDownload(saved(tmp_path, b"vid")), content_length="5")

    with pytest.raises(Incomplete):
        await navigate(browser, tmp_path)


async def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmptyBody):
        await navigate(StubBrowser(StubDownload(saved(tmp_path, b""))), tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_without_a_length_is_stopped_at_the_limit(tmp_path: Path) -> None:
    download = StubDownload(None, endless=True)

    with pytest.raises(TooLarge):
        await navigate(StubBrowser(download, progress=(2_000, 0)), tmp_path)
    assert download.cancelled


async def test_a_transfer_without_bytes_is_given_up(tmp_path: Path) -> None:
    download, clock = StubDownload(None, endless=True), FakeClock(auto=True)
    task = asyncio.ensure_future(navigate(StubBrowser(download), tmp_path, clock=clock))
    await clock.settle()
    clock.advance(61)

    with pytest.raises(TookTooLong):
        await task
    assert download.cancelled


async def test_a_transfer_that_goes_on_for_ever_is_given_up_when_its_time_is_over(
    tmp_path: Path,
) -> None:
    download, clock = StubDownload(None, endless=True), FakeClock(auto=True)
    browser = StubBrowser(download)
    task = asyncio.ensure_future(navigate(browser, tmp_path, clock=clock))
    await clock.settle()
    for received in range(1, 12):
        clock.advance(50)
        browser.receive(received)

    with pytest.raises(TookTooLong, match="took too long"):
        await task


@pytest.mark.parametrize(("step", "is_given_up"), [(1, True), (20_000, False)])
async def test_a_server_that_drips_is_given_up_after_a_minute_and_a_slow_one_is_not(
    tmp_path: Path, step: int, is_given_up: bool
) -> None:
    (tmp_path / "into").mkdir()
    download, clock = StubDownload(saved(tmp_path, b"video"), endless=True), FakeClock(auto=True)
    browser = StubBrowser(download)
    task = asyncio.ensure_future(
        navigate(browser, tmp_path / "into", clock=clock, max_bytes=1 << 20)
    )
    await clock.settle()
    for count in range(1, 14):
        clock.advance(5)
        browser.receive(count * step)
    await asyncio.wait({task}, timeout=2 * TICK_S)
    download.end()

    if is_given_up:
        with pytest.raises(TookTooLong, match="less than 1024 bytes a second"):
            await task
    else:
        assert (await task).bytes == 5
    assert download.cancelled is is_given_up


async def test_an_address_that_does_not_answer_is_a_failure_of_the_network(tmp_path: Path) -> None:
    with pytest.raises(NetworkFailure, match=r"^a\.test does not accept connections\.$"):
        await navigate(StubBrowser(None, status=0), tmp_path)


def test_a_length_of_thousands_of_digits_is_ignored() -> None:
    assert answer(content_length="9" * 5_000).length is None
    assert answer(content_length="77").length == 77
