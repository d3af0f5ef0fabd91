"""Reads the bodies of JSON, manifests and documents at DevTools' response stage, and lets
everything else pass.

``response.body()`` answers b"" when the page read the response as a blob, and never ends on media;
paused at the response stage the body can be read first. Nothing stays paused: every request
continues, whatever happens here.

A page's session sees its frames of the same process and all its workers (checked with Chromium 156
on 2026-11-24); frames in another process are attached before they run, and handled alike.

Playwright routes messages only to the sessions that it opened itself, so such a frame is addressed
through its parent (``Target.sendMessageToTarget``, the form without ``flatten``; checked with
Chromium 147 and 156 on 2026-11-24), as are its own children.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping
from contextvars import copy_context
from enum import Enum
from typing import Any

from mediavault.browser.driver import BrowserCall, Cdp, PageFailed, try_call
from mediavault.browser.network_log import MAX_BODY_BYTES, NetworkLog, stated_bytes
from mediavault.browser.url_signs import (
    bare_mime,
    is_ad_answer,
    is_html,
    is_json,
    is_manifest,
    is_vague,
    looks_like_data,
    names_media,
)
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger, redact_url

BODY_WITHIN_S = 3.0  # a body that streams on and on is given up
ANSWER_WITHIN_S = 5.0
STOP_WITHIN_S = 2.0
MAX_VAGUE_BYTES = 2 << 20  # of a body that is read only to see whether it is a manifest or JSON
MAX_CHILDREN = 50  # frames in other processes
_NO_BODY = frozenset({204, 205, 304})

PATTERNS: list[dict[str, str]] = [
    *(
        {"urlPattern": "*", "requestStage": "Response", "resourceType": t}
        for t in ("Document", "XHR", "Fetch")
    ),
    # native HLS loads its playlists as media; of these only what calls itself a manifest is read
    {"urlPattern": "*", "requestStage": "Response", "resourceType": "Media"},
    *(
        {"urlPattern": p, "requestStage": "Response"}
        for p in ("*.m3u8", "*.m3u8?*", "*.mpd", "*.mpd?*")
    ),
]
_AUTO_ATTACH = {
    "waitForDebuggerOnStart": True,  # else its first requests are over before we see them
    "flatten": False,
    "filter": [{"type": "iframe"}, {"exclude": True}],
}

log = get_logger(__name__)


class InterceptVerdict(Enum):
    PASS = "pass"  # noqa: S105 - not a password
    READ = "read"
    # its type says nothing: read it, and keep it where it turns out to be JSON, a manifest or an ad
    # server's
    SNIFF = "sniff"
    STOP = "stop"  # it would be saved as a download


def judge(
    resource_type: str, url: str, status: int | None, headers: Mapping[str, str], *, named: bool
) -> InterceptVerdict:
    """Return what to do with a paused response. ``named``:
    the platform's facts name this URL as page data.
    """
    if status is None or status >= 500 or 300 <= status < 400 or status in _NO_BODY:
        return InterceptVerdict.PASS
    if resource_type == "Document" and headers.get(
        "content-disposition", ""
    ).lstrip().lower().startswith("attachment"):
        return InterceptVerdict.STOP
    length = stated_bytes(headers.get("content-length", ""))
    if length is not None and length > MAX_BODY_BYTES:
        return InterceptVerdict.PASS
    mime = bare_mime(headers.get("content-type"))
    if (
        is_json(mime)
        or is_manifest(mime, url)
        or named
        or (resource_type == "Document" and is_html(mime))
    ):
        return InterceptVerdict.READ
    # text of unknown length ends soon, and films are not compressed; other bytes without a length
    # may be one
    is_text = mime.startswith("text/") or mime.endswith("xml") or "content-encoding" in headers
    bounded = length <= MAX_VAGUE_BYTES if length is not None else is_text
    if (
        resource_type not in ("Document", "Media")
        and status == 200
        and bounded
        and is_vague(mime)
        and not names_media(url)
    ):
        return InterceptVerdict.SNIFF
    return InterceptVerdict.PASS


class BodyTap:
    """Taps a page's DevTools session, and those of its frames in other processes."""

    def __init__(self, cdp: Cdp, ask: BrowserCall, log: NetworkLog) -> None:
        self._cdp = cdp
        self._ask = ask
        self._log = log
        # the driver calls back in its own context, without our job's ids
        self._context = copy_context()
        self._main_frame = ""
        self._tasks: set[asyncio.Task[None]] = set()
        self._children: dict[str, ChildSession] = {}

    async def start(self) -> None:
        tree = await self._ask(self._cdp.send("Page.getFrameTree"), ANSWER_WITHIN_S)
        self._main_frame = tree["frameTree"]["frame"]["id"]
        await self._tap(self._cdp)

    async def stop(self) -> None:
        """Release everything before the page is closed:
        Chromium never finishes closing a page that waits for us.
        """
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        for child in self._children.values():
            child.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        # detaching resumes the frames that wait for us, with all that is paused in them
        detach = {"autoAttach": False, "waitForDebuggerOnStart": False, "flatten": False}
        await try_call(self._ask, self._cdp.send("Target.setAutoAttach", detach), STOP_WITHIN_S)
        await try_call(self._ask, self._cdp.send("Fetch.disable"), STOP_WITHIN_S)

    # --- sessions ---------------------------------------------------------------------------------

    async def _tap(self, cdp: Cdp) -> None:
        cdp.on("Fetch.requestPaused", lambda event: self._spawn(self._handle(cdp, event)))
        cdp.on("Target.attachedToTarget", lambda event: self._spawn(self._attach(cdp, event)))
        cdp.on("Target.receivedMessageFromTarget", self._on_message)
        cdp.on("Target.detachedFromTarget", self._on_detached)
        await self._ask(cdp.send("Fetch.enable", {"patterns": PATTERNS}), ANSWER_WITHIN_S)
        await try_call(
            self._ask,
            cdp.send("Target.setAutoAttach", {"autoAttach": True, **_AUTO_ATTACH}),
            ANSWER_WITHIN_S,
        )

    async def _attach(self, parent: Cdp, event: Mapping[str, Any]) -> None:
        """Tap a frame that waits to run, and let it run even where that fails."""
        child = self._children[event["sessionId"]] = ChildSession(parent, event["sessionId"])
        if len(self._children) <= MAX_CHILDREN:
            try:
                await self._tap(child)
            except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
                log.debug("frame_not_tapped", error=str(exc))
        await try_call(self._ask, child.send("Runtime.runIfWaitingForDebugger"), ANSWER_WITHIN_S)

    def _on_message(self, event: Mapping[str, Any]) -> None:
        child = self._children.get(event["sessionId"])
        if child is not None:
            child.receive(event["message"])

    def _on_detached(self, event: Mapping[str, Any]) -> None:
        child = self._children.pop(event["sessionId"], None)
        if child is not None:
            child.end()

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(call, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- responses --------------------------------------------------------------------------------

    async def _handle(self, cdp: Cdp, event: Mapping[str, Any]) -> None:
        url = event["request"]["url"]
        headers = {h["name"].lower(): h["value"] for h in event.get("responseHeaders", ())}
        named = self._log.json_paths is not None and self._log.json_paths.search(url) is not None
        verdict = judge(
            event["resourceType"], url, event.get("responseStatusCode"), headers, named=named
        )
        if verdict is InterceptVerdict.STOP:
            self._log.add_response(
                url=url,
                status=event["responseStatusCode"],
                headers=headers,
                resource_type="document",
                frame_url=url,
                request_headers=event["request"]["headers"],
                main=event.get("frameId") == self._main_frame,
            )
        try:
            if verdict in (InterceptVerdict.READ, InterceptVerdict.SNIFF):
                body = await self._read(cdp, event["requestId"], url)
                if body is not None and (
                    verdict is InterceptVerdict.READ or looks_like_data(body) or is_ad_answer(body)
                ):
                    self._log.body(url, body)
        finally:
            await self._resume(cdp, event["requestId"], stop=verdict is InterceptVerdict.STOP)

    async def _read(self, cdp: Cdp, request_id: str, url: str) -> bytes | None:
        try:
            answer = await self._ask(
                cdp.send("Fetch.getResponseBody", {"requestId": request_id}), BODY_WITHIN_S
            )
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            log.debug("body_not_read", url=redact_url(url), error=str(exc))
            return None
        body: str = answer["body"]
        return base64.b64decode(body) if answer.get("base64Encoded") else body.encode()

    async def _resume(self, cdp: Cdp, request_id: str, *, stop: bool) -> None:
        method = "Fetch.failRequest" if stop else "Fetch.continueResponse"
        params = {"requestId": request_id, **({"errorReason": "Aborted"} if stop else {})}
        try:
            await self._ask(cdp.send(method, params), ANSWER_WITHIN_S)
        except (TookTooLong, PageFailed, BrowserUnavailable):
            return  # the page, and with it the request, is gone


# --- frames in other processes --------------------------------------------------------------------


class ChildSession:
    """A DevTools session with one attached target, through ``parent``; a :class:`Cdp`."""

    def __init__(self, parent: Cdp, session_id: str) -> None:
        self._parent = parent
        self._session_id = session_id
        self._count = 0
        self._waiting: dict[int, asyncio.Future[Mapping[str, Any]]] = {}
        self._handlers: dict[str, list[Callable[..., Any]]] = defaultdict(list)

    def on(self, event: str, f: Callable[..., Any]) -> None:
        self._handlers[event].append(f)

    async def send(self, method: str, params: dict[str, Any] | None = None) -> Mapping[str, Any]:
        """Return the target's answer. Raises PageFailed for a refusal,
        and when the target goes away first.
        """
        self._count += 1
        number = self._count
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = json.dumps({"id": number, "method": method, "params": params or {}})
        try:
            wrapped = {"sessionId": self._session_id, "message": message}
            await self._parent.send("Target.sendMessageToTarget", wrapped)
            return await answer
        finally:
            del self._waiting[number]
            if answer.done() and not answer.cancelled():
                # `end` may have failed it while the request was being sent: asyncio would log that
                answer.exception()

    def receive(self, message: str) -> None:
        """Handle a message for this session from the parent's
        ``Target.receivedMessageFromTarget``.
        """
        try:
            document = json.loads(message)
        except ValueError:
            return
        if "id" not in document:
            for handler in self._handlers[document.get("method", "")]:
                handler(document.get("params", {}))
            return
        answer = self._waiting.get(document["id"])
        if answer is None or answer.done():
            return
        if "error" in document:
            answer.set_exception(PageFailed(str(document["error"].get("message", "refused"))))
        else:
            answer.set_result(document.get("result", {}))

    def end(self) -> None:
        """Fail all pending requests: the target is gone."""
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(PageFailed("the frame is gone"))
