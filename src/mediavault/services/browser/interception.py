"""Reads the bodies of JSON, manifests and documents at DevTools' response stage, and lets everything else pass.

``response.body()`` answers b"" when the page read the response as a blob, and never ends on media; paused at the
response stage the body is ours first. Nothing stays paused: every request goes on, whatever happens to us.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from enum import Enum
from typing import Any

from mediavault.core.errors import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger, redact_url
from mediavault.services.browser.driver import Ask, Cdp, PageFailed, quietly
from mediavault.services.browser.media_signs import bare_mime, is_html, is_json, is_manifest
from mediavault.services.browser.network_log import MAX_BODY_BYTES, NetworkLog

BODY_WITHIN_S = 3.0  # a body that streams on and on is let go
ANSWER_WITHIN_S = 5.0
STOP_WITHIN_S = 2.0
_NO_BODY = frozenset({204, 205, 304})

PATTERNS: list[dict[str, str]] = [
    *({"urlPattern": "*", "requestStage": "Response", "resourceType": t} for t in ("Document", "XHR", "Fetch")),
    # native HLS loads its playlists as media
    *({"urlPattern": p, "requestStage": "Response"} for p in ("*.m3u8", "*.m3u8?*", "*.mpd", "*.mpd?*")),
]

log = get_logger(__name__)


class Verdict(Enum):
    PASS = "pass"  # noqa: S105 - not a password
    READ = "read"
    STOP = "stop"  # it would be saved as a download


def judge(resource_type: str, url: str, status: int | None, headers: Mapping[str, str], *, named: bool) -> Verdict:
    """What to do with a paused response. ``named`` says that the platform's facts name this address as page data."""
    if status is None or status >= 500 or 300 <= status < 400 or status in _NO_BODY:
        return Verdict.PASS
    if resource_type == "Document" and headers.get("content-disposition", "").lstrip().lower().startswith("attachment"):
        return Verdict.STOP
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY_BYTES:
        return Verdict.PASS
    mime = bare_mime(headers.get("content-type"))
    wanted = is_json(mime) or is_manifest(mime, url) or named or (resource_type == "Document" and is_html(mime))
    return Verdict.READ if wanted else Verdict.PASS


class BodyTap:
    """Taps one DevTools session: a page's, or that of a frame in a process of its own."""

    def __init__(self, cdp: Cdp, ask: Ask, log: NetworkLog) -> None:
        self._cdp = cdp
        self._ask = ask
        self._log = log
        self._main_frame = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        tree = await self._ask(self._cdp.send("Page.getFrameTree"), ANSWER_WITHIN_S)
        self._main_frame = tree["frameTree"]["frame"]["id"]
        self._cdp.on("Fetch.requestPaused", self._on_paused)
        await self._ask(self._cdp.send("Fetch.enable", {"patterns": PATTERNS}), ANSWER_WITHIN_S)

    async def stop(self) -> None:
        """Let go of everything, before the page is closed: Chromium never finishes closing one that waits for us."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await quietly(self._ask, self._cdp.send("Fetch.disable"), STOP_WITHIN_S)

    def _on_paused(self, event: Mapping[str, Any]) -> None:
        task = asyncio.ensure_future(self._handle(event))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _handle(self, event: Mapping[str, Any]) -> None:
        url = event["request"]["url"]
        headers = {h["name"].lower(): h["value"] for h in event.get("responseHeaders", ())}
        named = self._log.json_paths is not None and self._log.json_paths.search(url) is not None
        verdict = judge(event["resourceType"], url, event.get("responseStatusCode"), headers, named=named)
        if verdict is Verdict.STOP:
            self._log.saw(
                url=url,
                status=event["responseStatusCode"],
                headers=headers,
                resource_type="document",
                frame_url=url,
                request_headers=event["request"]["headers"],
                main=event.get("frameId") == self._main_frame,
            )
        try:
            if verdict is Verdict.READ and (body := await self._read(event["requestId"], url)) is not None:
                self._log.body(url, body)
        finally:
            await self._go_on(event["requestId"], stop=verdict is Verdict.STOP)

    async def _read(self, request_id: str, url: str) -> bytes | None:
        try:
            answer = await self._ask(self._cdp.send("Fetch.getResponseBody", {"requestId": request_id}), BODY_WITHIN_S)
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            log.debug("body_not_read", url=redact_url(url), error=str(exc))
            return None
        body: str = answer["body"]
        return base64.b64decode(body) if answer.get("base64Encoded") else body.encode()

    async def _go_on(self, request_id: str, *, stop: bool) -> None:
        method = "Fetch.failRequest" if stop else "Fetch.continueResponse"
        params = {"requestId": request_id, **({"errorReason": "Aborted"} if stop else {})}
        try:
            await self._ask(self._cdp.send(method, params), ANSWER_WITHIN_S)
        except (TookTooLong, PageFailed, BrowserUnavailable):
            return  # the page, and with it the request, is gone
