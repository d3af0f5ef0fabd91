"""The responses for a post's media. One small function per kind of fault; a post without one is
served normally.

A page's own player is nearly always served: the faults concern programs that want to *save* the
video. ``first`` means the first such request since the site started (or
:meth:`~mediavault.demo.site.PracticeSite.reset`), so that what a post does never depends on chance
or on the order in which posts are saved.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from aiohttp import web

RETRY_AFTER_S = 2
LINK_LIFE = timedelta(hours=1)  # long enough that a link fails only because it was used
CUT_PART = 0.6  # of the file, then the connection closes
LIVE_WINDOW = 5  # segments
MISSING_SEGMENT = "fmp4/seg-3.m4s"
SESSION_COOKIE = "practice_session"


class ClientKind(StrEnum):
    """The kind of client, by the browser's Fetch Metadata headers (sites rely on them,
    scripts cannot change them).
    """

    PLAYER = "player"  # the page's <video>, or its script
    NAVIGATION = "navigation"  # a browser that opens the URL
    CLIENT = "client"  # anything else


def caller(request: web.BaseRequest) -> ClientKind:
    """Return the kind of client.

    A program that copies a player's ``Sec-Fetch-*`` headers counts as a player: only browsers may
    send these. Players always ask for a range (Chromium 156: ``bytes=0-`` at first); a page's
    scripts and pictures need not.
    """
    goal, mode = request.headers.get("sec-fetch-dest"), request.headers.get("sec-fetch-mode")
    if goal == "document" and mode == "navigate":
        return ClientKind.NAVIGATION
    if goal in {"video", "audio"}:
        return ClientKind.PLAYER if "range" in request.headers else ClientKind.CLIENT
    return ClientKind.PLAYER if goal in {"empty", "image"} else ClientKind.CLIENT


@dataclass(slots=True)
class PostState:
    """The state of a post between requests."""

    # the session cookie's value, the signing key
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    visits: int = 0  # of its page
    first_visit_at: datetime | None = None
    saves: int = 0  # requests for media, except by the page's player
    troubles: int = 0  # such requests that met the post's fault
    spent: str | None = None  # the visit whose signed link is used up
    limited_until_s: float | None = None  # monotonic
    live_since_s: float | None = None  # monotonic
    live_ended_s: float | None = None  # how long the stream lasted


@dataclass(frozen=True, slots=True)
class FaultyRequest:
    """A request for media, with everything that a fault may depend on.
    ``honest`` is the normal response.
    """

    request: web.BaseRequest
    file: str  # its name below the post's media path
    honest: web.Response
    state: PostState
    now: datetime
    monotonic_s: float

    @property
    def by(self) -> ClientKind:
        return caller(self.request)

    @property
    def is_first_save(self) -> bool:
        return self.by is not ClientKind.PLAYER and self.state.saves == 1


Fault = Callable[[FaultyRequest], web.Response]


def reply(
    body: str | bytes,
    kind: str = "text/html; charset=utf-8",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """Return a response that is not cached: a cached one would be an unplanned failure."""
    data = body.encode() if isinstance(body, str) else body
    return web.Response(
        status=status,
        body=data,
        headers={"Content-Type": kind, "Cache-Control": "no-store", **(headers or {})},
    )


def page(status: int, text: str, **headers: str) -> web.Response:
    """Return a small page instead of the media."""
    body = f"<!doctype html><html lang=en><title>{text}</title><p>{text}</p></html>\n"
    return reply(
        body,
        status=status,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


class CutResponse(web.Response):
    """Announces its whole body, sends a part of it and closes the connection."""

    def __init__(self, whole: web.Response, request: web.BaseRequest) -> None:
        super().__init__(status=whole.status, headers=whole.headers, body=whole.body)
        self._transport = request.transport

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002 - aiohttp passes none
        assert isinstance(self.body, bytes)
        await self.write(self.body[: int(len(self.body) * CUT_PART)])
        if self._transport is not None:
            self._transport.close()


def empty_without_cookie(request: FaultyRequest) -> web.Response:
    if request.request.cookies.get(SESSION_COOKIE) == request.state.token:
        return request.honest
    return reply(b"", "video/mp4")


def only_navigation(request: FaultyRequest) -> web.Response:
    """Refuse the page's player too, so that only the page's metadata name the file."""
    return (
        request.honest
        if request.by is ClientKind.NAVIGATION
        else page(403, "Open this film in your browser.")
    )


def only_first_link_used_up(request: FaultyRequest) -> web.Response:
    """The first link that is used works for the page's player only;
    links of other visits work for all.
    """
    visit = request.request.query.get("visit", "")
    if not is_signed(request.request, request.state.token, now=request.now):
        return page(403, "This link is not valid.")
    if request.state.spent is None:
        request.state.spent = visit
    if visit == request.state.spent and request.by is not ClientKind.PLAYER:
        return page(403, "This link has been used up.")
    return request.honest


def only_with_link_and_cookie(request: FaultyRequest) -> web.Response:
    if not is_signed(request.request, request.state.token, now=request.now):
        return page(403, "This link is not valid.")
    has_cookie = request.request.cookies.get(SESSION_COOKIE) == request.state.token
    return request.honest if has_cookie else page(403, "This link is for visitors of the post.")


def only_navigation_with_link(request: FaultyRequest) -> web.Response:
    if not is_signed(request.request, request.state.token, now=request.now):
        return page(403, "This link is not valid.")
    return only_navigation(request)


def page_at_first(request: FaultyRequest) -> web.Response:
    if not request.is_first_save:
        return request.honest
    words = "One moment, please: your film is being prepared."
    return page(200, words, content_disposition='inline; filename="video.mp4"')


def cut_at_first(request: FaultyRequest) -> web.Response:
    """Announce the full length and send a part; the rest is served for a Range request."""
    is_cut = request.is_first_save and request.request.method == "GET"
    return CutResponse(request.honest, request.request) if is_cut else request.honest


def limited_at_first(request: FaultyRequest) -> web.Response:
    """Answer 429 for two seconds after the first request: coming back earlier does not help."""
    if request.by is ClientKind.PLAYER:
        return request.honest
    if request.state.limited_until_s is None:
        request.state.limited_until_s = request.monotonic_s + RETRY_AFTER_S
    left = request.state.limited_until_s - request.monotonic_s
    return (
        page(429, "Slow down, please.", retry_after=str(ceil(left))) if left > 0 else request.honest
    )


def hole(request: FaultyRequest) -> web.Response:
    return page(404, "No such segment.") if request.file == MISSING_SEGMENT else request.honest


def page_always(request: FaultyRequest) -> web.Response:
    return (
        request.honest
        if request.by is ClientKind.PLAYER
        else page(200, "Please use our app to keep this film.")
    )


def running(request: FaultyRequest) -> web.Response:
    """Send the video again and again as a stream that began with the first request: one segment a
    second, the last LIVE_WINDOW of which can be had.
    """
    state = request.state
    if state.live_since_s is None:
        state.live_since_s = request.monotonic_s
    lasted_s = (
        request.monotonic_s - state.live_since_s
        if state.live_ended_s is None
        else state.live_ended_s
    )
    newest = int(lasted_s) + LIVE_WINDOW - 1
    oldest = newest - LIVE_WINDOW + 1
    if not request.file.endswith(".m3u8"):
        wanted = request.request.query.get("n", "")
        available = wanted.isdigit() and oldest - 1 <= int(wanted) <= newest
        return request.honest if available else page(404, "Not found")
    listed = (request.honest.text or "").splitlines()
    pieces = [
        (listed[at], listed[at + 1]) for at, line in enumerate(listed) if line.startswith("#EXTINF")
    ]
    lines = [
        "#EXTM3U",
        "#EXT-X-VERSION:3",
        "#EXT-X-TARGETDURATION:1",
        f"#EXT-X-MEDIA-SEQUENCE:{oldest}",
    ]
    lines.append(f"#EXT-X-DISCONTINUITY-SEQUENCE:{max(0, oldest - 1) // len(pieces)}")
    for number in range(oldest, newest + 1):
        length, name = pieces[number % len(pieces)]
        lines += ["#EXT-X-DISCONTINUITY"] if number and number % len(pieces) == 0 else []
        lines += [length, f"{name}?n={number}"]
    lines += ["#EXT-X-ENDLIST"] if state.live_ended_s is not None else []
    return reply("\n".join(lines), request.honest.headers["Content-Type"])


FAULTS: Mapping[str, Fault] = {
    "live": running,
    "session": empty_without_cookie,
    "navigation": only_navigation,
    "signed": only_first_link_used_up,
    "signed-session": only_with_link_and_cookie,
    "signed-browser": only_navigation_with_link,
    "html-first": page_at_first,
    "truncated": cut_at_first,
    "limited": limited_at_first,
    "holed": hole,
    "fake": page_always,
}


def signed_query(path: str, visit: int, key: str, *, now: datetime) -> str:
    """Return ``?expires=…&visit=…&signature=…`` for a link that one visit to a page receives."""
    expires = str(int((now + LINK_LIFE).timestamp()))
    return (
        f"?expires={expires}&visit={visit}&signature={_signature(path, expires, str(visit), key)}"
    )


def is_signed(request: web.BaseRequest, key: str, *, now: datetime) -> bool:
    expires, visit = request.query.get("expires", ""), request.query.get("visit", "")
    wanted = _signature(request.path, expires, visit, key)
    genuine = hmac.compare_digest(wanted.encode(), request.query.get("signature", "").encode())
    return genuine and int(expires) > now.timestamp()


def _signature(path: str, expires: str, visit: str, key: str) -> str:
    return hmac.new(key.encode(), f"{path} {expires} {visit}".encode(), hashlib.sha256).hexdigest()
