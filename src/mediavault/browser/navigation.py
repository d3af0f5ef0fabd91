"""Has the browser save a file: it navigates to the URL, and the response is turned into a download
on its way in.

An inline video would open in the browser's player and save nothing. A
``Content-Disposition: attachment`` header added at DevTools' response stage turns it into a
download that streams to disk, with the session's cookies and the referer.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mediavault.browser.driver import BrowserCall, Cdp, Download, Page, PageFailed, try_call
from mediavault.browser.network_log import stated_bytes
from mediavault.browser.port import BrowserDownload
from mediavault.browser.url_signs import bare_mime, is_html, is_json
from mediavault.core import unreached
from mediavault.core.bandwidth_limiter import SiteBandwidth, SlowTransferDetector
from mediavault.core.clock import Clock
from mediavault.core.failures import (
    BadUrl,
    EmptyBody,
    Failure,
    HttpError,
    Incomplete,
    LinkExpired,
    NetworkFailure,
    NotAVideo,
    RateLimited,
    SiteClosed,
    TookTooLong,
    TooLarge,
)
from mediavault.core.media import OnProgress
from mediavault.core.messages import Message
from mediavault.core.retry_after import parse_retry_after
from mediavault.core.system_errors import failure_of_disk
from mediavault.core.urls import MAX_MEDIA_URL_CHARS, parse_http_url
from mediavault.egress.redirects import referer_for

# --- What it means that Chromium could not load a page or a file.
# Its codes are for programmers: https://chromium.googlesource.com/chromium/src/+/main/net/base/net_error_list.h.

_CODE = re.compile(r"net::ERR_(\w+)")
_CLOSED = frozenset(
    {"CONNECTION_RESET", "CONNECTION_CLOSED", "CONNECTION_ABORTED", "EMPTY_RESPONSE"}
)
_NOT_HTTP = frozenset(
    {"INVALID_HTTP_RESPONSE", "INVALID_RESPONSE", "UNEXPECTED", "HTTP2_PROTOCOL_ERROR"}
)


def failure_of_load(error: str, url: str) -> Failure:
    """Return the failure of loading ``url``; ``error`` is Playwright's text,
    which names Chromium's code.
    """
    match, host = _CODE.search(error), urlsplit(url).hostname or ""
    code = match[1] if match else ""
    if code == "NAME_NOT_RESOLVED":
        return unreached.no_such_site(host)
    if code.startswith("CERT_"):
        return unreached.bad_certificate(host)
    if code == "TOO_MANY_REDIRECTS":
        return unreached.circle(host)
    if code in ("TIMED_OUT", "CONNECTION_TIMED_OUT"):
        return unreached.too_slow(host)
    if code == "CONNECTION_REFUSED":
        return unreached.refused(host)
    if code in _CLOSED:
        return unreached.hung_up(host)
    if code in _NOT_HTTP:
        return unreached.not_http(host)
    if code.startswith("SSL_"):
        return unreached.not_https(host)
    return NetworkFailure(Message("%(host)s could not be loaded.", host=host))


ANSWER_S = 60.0  # from navigating to the answer's headers
STALL_S = 60.0  # without one byte
TICK_S = 0.25
CALL_S = 10.0
# what is left is for the other downloads, which wait for what the browser takes
PART_OF_LIMIT = 0.5
FILE_NAME = "navigation.part"  # never one that the site chose

PATTERNS = [{"urlPattern": "*", "requestStage": "Response", "resourceType": "Document"}]


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of the response at which a navigation ended."""

    url: str
    status: int
    mime: str
    headers: Mapping[str, str]

    @property
    def length(self) -> int | None:
        return (
            None
            if "content-encoding" in self.headers
            else stated_bytes(self.headers.get("content-length", ""))
        )


def refusal(answer: Answer, *, max_bytes: int) -> Failure | None:
    """Return why the answer is not saved, by its status, type and length;
    None when it is. Redirects are not judged.
    """
    status, wait = answer.status, parse_retry_after(answer.headers)
    if status == 429:
        return RateLimited("The site asked us to slow down.", http_status=429, retry_after=wait)
    if status == 503 and wait is not None:
        return SiteClosed(Message("The site is closed for now."), http_status=503, retry_after=wait)
    if status in (401, 403, 410):
        return LinkExpired(
            Message(
                "The site refused the media URL in the browser too (HTTP %(status)s).",
                status=status,
            ),
            http_status=status,
        )
    if status not in (200, 206):
        return HttpError(
            Message("The site answered the browser with HTTP %(status)s.", status=status),
            http_status=status,
        )
    if is_html(answer.mime) or is_json(answer.mime):
        return NotAVideo("The site sent a web page instead of the video.", http_status=status)
    if answer.length == 0:
        return EmptyBody("The site sent an empty file.", http_status=status)
    if answer.length is not None and answer.length > max_bytes:
        return TooLarge(
            Message(
                "The file has %(length)d bytes; at most %(max_bytes)d are allowed.",
                length=answer.length,
                max_bytes=max_bytes,
            )
        )
    return None


# no slots: Playwright notes its wrapper on the object whose method it is given
@dataclass(eq=False)
class Navigation:
    """One download. ``end_s`` is the clock's monotonic time at which it must be over."""

    page: Page
    cdp: Cdp
    ask: BrowserCall
    clock: Clock
    max_bytes: int
    end_s: float
    floor: SlowTransferDetector
    on_progress: OnProgress
    bandwidth: SiteBandwidth | None = None
    answer: Answer | None = None
    refused: Failure | None = None
    received: int = 0
    total: int | None = None
    _last_byte_s: float = 0.0
    _judged_s: float = 0.0  # until when the transfer's speed was judged, and with how many bytes
    _judged_bytes: int = 0
    _counted_bytes: int = 0  # of those received, by ``bandwidth``
    _limit: float | None = None  # in bytes a second, as last sent to the browser
    _download: Download | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, url: str, *, referer: str | None, into: Path) -> BrowserDownload:
        """Save the answer in ``into``. Raises what the Browser port's ``download`` names."""
        self.page.on("download", self._on_download)
        self.cdp.on(
            "Fetch.requestPaused", lambda event: self._spawn(self._continue_response(event))
        )
        self.cdp.on("Page.downloadProgress", self._on_bytes)
        await self.ask(self.cdp.send("Page.enable"), CALL_S)
        await self.ask(self.cdp.send("Fetch.enable", {"patterns": PATTERNS}), CALL_S)
        await self._keep_limit()
        try:
            await self._navigate(url, referer)
            download = await self._download_begun(url)
            saved = await self._wait_for(download)
        finally:
            await self._stop()
        return await self._take(saved, into)

    # --- the answer -------------------------------------------------------------------------------

    async def _navigate(self, url: str, referer: str | None) -> None:
        within_s = max(1.0, min(ANSWER_S, self._left_s()))
        self._last_byte_s = self.clock.monotonic()
        try:
            navigating = self.page.goto(
                url,
                referer=_referer_for(url, referer),
                timeout=within_s * 1000,
                wait_until="commit",
            )
            await self.ask(navigating, within_s + 1.0)
        except PageFailed as exc:
            if self.answer is None and self._download is None:
                raise failure_of_load(str(exc), url) from exc
        if self.refused is not None:
            raise self.refused

    async def _download_begun(self, url: str) -> Download:
        """Wait for the download's event, which follows the answer at once;
        without it the answer is a page, not a file.
        """
        for _ in range(int(CALL_S / TICK_S)):
            if self._download is not None:
                return self._download
            await self.clock.sleep(TICK_S)
        raise HttpError(Message("The site sent no file at %(url)s.", url=url.split("?", 1)[0]))

    async def _continue_response(self, event: Mapping[str, Any]) -> None:
        """Judge the answer, and make it an attachment where it is a file."""
        headers = {h["name"].lower(): h["value"] for h in event.get("responseHeaders", ())}
        status = event.get("responseStatusCode")
        params: dict[str, Any] = {"requestId": event["requestId"]}
        method = "Fetch.continueResponse"
        if status is not None and not 300 <= status < 400:
            answer = Answer(
                event["request"]["url"], status, bare_mime(headers.get("content-type")), headers
            )
            self.answer = answer
            self.refused = refusal(answer, max_bytes=self.max_bytes)
            if self.refused is None:
                params |= {
                    "responseCode": status,
                    "responseHeaders": _as_attachment(event["responseHeaders"]),
                }
            elif isinstance(self.refused, TooLarge):
                method, params["errorReason"] = "Fetch.failRequest", "Aborted"
        # the page is gone, and the request with it
        with contextlib.suppress(PageFailed, TookTooLong):
            await self.ask(self.cdp.send(method, params), CALL_S)

    # --- the bytes --------------------------------------------------------------------------------

    def _on_download(self, download: Download) -> None:
        if self._download is None:
            self._download = download
        else:  # one navigation, one file
            self._spawn(_cancel(download, self.ask))

    def _on_bytes(self, event: Mapping[str, Any]) -> None:
        received = int(event.get("receivedBytes", 0))
        if received > self.received:
            self.received = received
            self._last_byte_s = self.clock.monotonic()
        self.total = int(event.get("totalBytes", 0)) or None
        self.on_progress(self.received, self.total)

    async def _wait_for(self, download: Download) -> Path:
        """Return the finished file's path. Size, stalls and time are watched while the browser
        writes.
        """
        ended = asyncio.ensure_future(download.failure())
        self._judged_s = self.clock.monotonic()
        try:
            while not ended.done():
                if (failure := self._exceeded_limit()) is not None:
                    await _cancel(download, self.ask)
                    raise failure
                await asyncio.wait({ended}, timeout=TICK_S)
                await self._keep_limit()
            reason = await self.ask(ended, CALL_S)
        finally:
            ended.cancel()
        if reason:
            message = (
                Message(
                    "The download stopped at %(done)d of %(total)d bytes.",
                    done=self.received,
                    total=self.total,
                )
                if self.total
                else Message("The download stopped after %(done)d bytes.", done=self.received)
            )
            raise Incomplete(message, bytes_received=self.received)
        return await self.ask(download.path(), CALL_S)

    async def _keep_limit(self) -> None:
        """Count the bytes that came, and give the browser its part of the limit in force."""
        if self.bandwidth is None:
            return
        new_bytes, self._counted_bytes = self.received - self._counted_bytes, self.received
        await self.bandwidth.pay(new_bytes, may_wait=False)
        limit = await self.bandwidth.limit()
        if limit != self._limit:
            self._limit = limit
            lowest = 2 * self.floor.bytes_per_s  # with less, the site would seem to be too slow
            throughput = -1 if limit is None else max(limit * PART_OF_LIMIT, lowest)
            conditions = {
                "offline": False,
                "latency": 0,
                "downloadThroughput": throughput,
                "uploadThroughput": -1,
            }
            await try_call(
                self.ask, self.cdp.send("Network.emulateNetworkConditions", conditions), CALL_S
            )

    def _exceeded_limit(self) -> Failure | None:
        if max(self.received, self.total or 0) > self.max_bytes:
            return TooLarge(
                Message(
                    "The file is larger than the allowed %(max_bytes)d bytes.",
                    max_bytes=self.max_bytes,
                ),
                bytes_received=self.received,
            )
        if self._left_s() <= 0:
            return TookTooLong(
                "The browser's download took too long.", bytes_received=self.received
            )
        if self.clock.monotonic() - self._last_byte_s > STALL_S:
            return TookTooLong(
                Message("No byte came for %(stall_s).0f seconds.", stall_s=STALL_S),
                bytes_received=self.received,
            )
        if self._is_too_slow():
            slow_bytes_per_s = self.floor.bytes_per_s
            return TookTooLong(
                Message(
                    "The site sent less than %(slow_bytes_per_s)s bytes a second.",
                    slow_bytes_per_s=slow_bytes_per_s,
                ),
                bytes_received=self.received,
            )
        return None

    def _is_too_slow(self) -> bool:
        now_s, count = self.clock.monotonic(), self.received
        waited_s, new_bytes = now_s - self._judged_s, count - self._judged_bytes
        self._judged_s, self._judged_bytes = now_s, count
        return self.floor.is_too_slow(count=new_bytes, waited_s=waited_s)

    async def _take(self, saved: Path, into: Path) -> BrowserDownload:
        target = into / FILE_NAME
        size = await asyncio.to_thread(_move, saved, target)
        answer = self.answer
        if size == 0:
            target.unlink(missing_ok=True)
            raise EmptyBody(
                "The site sent an empty file.", http_status=answer.status if answer else None
            )
        if (
            answer is not None
            and answer.length is not None
            and answer.status == 200
            and size != answer.length
        ):
            raise Incomplete(
                Message(
                    "Only %(size)d of %(length)d bytes arrived.", size=size, length=answer.length
                ),
                bytes_received=size,
            )
        self.on_progress(size, size)
        return BrowserDownload(
            target, size, answer.url if answer else "", answer.mime or None if answer else None
        )

    async def _stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # no paused request may be left waiting
        await try_call(self.ask, self.cdp.send("Fetch.disable"), CALL_S)

    def _spawn(self, call: Any) -> None:
        task = asyncio.ensure_future(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _left_s(self) -> float:
        return self.end_s - self.clock.monotonic()


def _referer_for(url: str, page: str | None) -> str | None:
    """Return the Referer that a browser would send from ``page``:
    Playwright sends any value unchanged to any host.
    """
    try:
        return referer_for(page, parse_http_url(url, max_chars=MAX_MEDIA_URL_CHARS))
    except BadUrl:
        return None


async def _cancel(download: Download, ask: BrowserCall) -> None:
    with contextlib.suppress(PageFailed, TookTooLong):
        await ask(download.cancel(), CALL_S)


def _move(saved: Path, target: Path) -> int:
    """Rename; copy only where the browser's folder lies on another file system.
    Returns the size in bytes.
    """
    try:
        try:
            saved.replace(target)
        except OSError as exc:
            if exc.errno != errno.EXDEV:
                raise
            shutil.copyfile(saved, target)
            saved.unlink()
        return target.stat().st_size
    except OSError as exc:
        raise failure_of_disk(exc, target.parent) from exc


def _as_attachment(headers: list[dict[str, str]]) -> list[dict[str, str]]:
    others = [h for h in headers if h["name"].lower() != "content-disposition"]
    return [*others, {"name": "Content-Disposition", "value": 'attachment; filename="video"'}]
