"""The practice site: routes, the state of each post, and a record of requests and responses.

Paths: ``/`` · ``/posts/<slug>`` · ``/@<handle>`` · ``/login`` · ``/api/play/<slug>`` ·
``/media/<slug>/<number>/<file>`` · ``/ads/spot/<file>`` · ``/static/<file>``.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from mediavault.core.clock import Clock, SystemClock
from mediavault.demo import pages
from mediavault.demo.faults import FAULTS, SESSION_COOKIE, ClientKind, FaultyRequest, PostState, caller, signed_query
from mediavault.demo.http_server import HttpServer, PracticeRequest, PracticeResponse, whole_or_range
from mediavault.demo.media import Clip, ClipSpec, make_clips
from mediavault.demo.posts import ADVERT, LOOKS, POSTS, Links, PracticePost, Shows

REMEMBERED_REQUESTS = 500  # per post

_LAST_MODIFIED = "Fri, 01 May 2026 12:00:00 GMT"
_STATIC = Path(__file__).parent / "static"
_TYPES = {
    ".mp4": "video/mp4",
    ".m4s": "video/iso.segment",
    ".ts": "video/mp2t",
    ".m3u8": "application/vnd.apple.mpegurl",
    ".jpg": "image/jpeg",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}
_NO_STORE = ("Cache-Control", "no-store")  # a cached response would be an unplanned failure


@dataclass(frozen=True, slots=True)
class Seen:
    """One request for a page or file of a post, and its response. ``troubled``: not the response of a normal server."""

    method: str
    path: str
    by: ClientKind
    status: int
    troubled: bool = False
    range: str | None = None


@dataclass(slots=True)
class _PostRecord:
    state: PostState = field(default_factory=PostState)
    seen: deque[Seen] = field(default_factory=lambda: deque(maxlen=REMEMBERED_REQUESTS))


class PracticeSite:
    """Answers requests. State is per post and in memory; :meth:`reset` clears it."""

    def __init__(
        self, clips: Mapping[str, Clip], *, posts: Iterable[PracticePost] = POSTS, clock: Clock | None = None
    ) -> None:
        self.clips = clips
        self.posts = tuple(posts)
        self.origin = ""
        self._clock = clock or SystemClock()
        self._posts = {post.slug: post for post in self.posts}
        self._records = {slug: _PostRecord() for slug in self._posts}
        self._static = {path.name: path.read_bytes() for path in _STATIC.iterdir()}

    def url(self, post: PracticePost) -> str:
        """The URL to submit."""
        return self.origin + post.path

    def clip(self, post: PracticePost) -> Clip | None:
        """Return the video of a post that must be saved; None without one."""
        return self.clips[post.looks[0].name] if post.looks else None

    def seen(self, slug: str) -> tuple[Seen, ...]:
        """Return the last ``REMEMBERED_REQUESTS`` requests for a post, oldest first."""
        return tuple(self._records[slug].seen)

    def troubles_met(self, slug: str) -> int:
        """Return how many requests of savers (not of the page's player) met the post's fault."""
        return sum(1 for seen in self.seen(slug) if seen.troubled and seen.by is not ClientKind.PLAYER)

    def end_stream(self, slug: str) -> None:
        """End the stream of a post that is running."""
        state = self._records[slug].state
        state.live_ended_s = self._clock.monotonic() - (state.live_since_s or self._clock.monotonic())

    def reset(self, slug: str | None = None) -> None:
        """Reset the state of one post, or of all."""
        for name in (slug,) if slug else tuple(self._records):
            self._records[name] = _PostRecord()

    async def answer(self, request: PracticeRequest) -> PracticeResponse:
        """Handle a request of the server."""
        if request.method not in {"GET", "HEAD"}:
            return _page(pages.missing_page(), status=405)
        match request.path.strip("/").split("/"):
            case [""]:
                return _page(pages.index_page(self.posts))
            case ["posts", slug] if slug in self._records:
                return self._post(self._posts[slug], request)
            case ["media", slug, number, *rest] if slug in self._records:
                return self._media(self._posts[slug], number, "/".join(rest), request)
            case ["ads", "spot", *rest]:
                return self._file(ADVERT, "/".join(rest), request)
            case ["api", "play", slug] if slug in self._records:
                return _json({"src": pages.media_path(self._posts[slug], self._posts[slug].looks[0])})
            case ["static", name] if name in self._static:
                return PracticeResponse(
                    200, (("Content-Type", _TYPES[Path(name).suffix]), _NO_STORE), self._static[name]
                )
            case ["login"]:
                return _page(pages.login_page())
            case [handle] if handle.startswith("@"):
                return self._profile(handle[1:])
        return _page(pages.missing_page(), status=404)

    def _post(self, post: PracticePost, request: PracticeRequest) -> PracticeResponse:
        record = self._records[post.slug]
        record.state.visits += request.method == "GET"
        record.state.first_visit_at = record.state.first_visit_at or self._clock.now()
        response = self._post_page(post, record.state)
        record.seen.append(Seen(request.method, request.path, caller(request), response.status))
        return response

    def _post_page(self, post: PracticePost, state: PostState) -> PracticeResponse:
        match post.shows:
            case Shows.TOMBSTONE:
                return _page(pages.tombstone_page(), status=404)
            case Shows.LOGIN:
                return PracticeResponse(302, (("Location", f"/login?next={post.path}"), _NO_STORE))
        page = pages.post_page(post, pages.PostAddress(self.origin, self._link_queries(post, state)))
        if not post.sets_cookie:
            return _page(page)
        cookie = f"{SESSION_COOKIE}={state.token}; Path=/media/{post.slug}; HttpOnly; SameSite=Lax"
        return _page(page, ("Set-Cookie", cookie))

    def _link_queries(self, post: PracticePost, state: PostState) -> dict[str, str]:
        path = pages.media_path(post, post.looks[0])
        match post.links:
            case Links.PLAIN:
                return {}
            case Links.SIGNED:
                return {path: signed_query(path, 1, state.token, now=state.first_visit_at or self._clock.now())}
            case Links.SIGNED_AT_EACH_VISIT:
                return {path: signed_query(path, state.visits, state.token, now=self._clock.now())}

    def _media(self, post: PracticePost, number: str, file: str, request: PracticeRequest) -> PracticeResponse:
        """Serve a file of a video. Posters are always served: the faults concern the video only."""
        if not number.isdigit() or not 1 <= int(number) <= len(post.looks):
            return _page(pages.missing_page(), status=404)
        honest = self._file(post.looks[int(number) - 1], file, request)
        trouble = FAULTS.get(post.slug)
        if trouble is None or honest.status == 404 or file == "poster.jpg":
            response = honest
        else:
            response = trouble(self._asked(post, file, honest, request))
        seen = Seen(
            request.method,
            request.path,
            caller(request),
            response.status,
            response is not honest,
            request.headers.get("range"),
        )
        self._records[post.slug].seen.append(seen)
        return response

    def _asked(
        self, post: PracticePost, file: str, honest: PracticeResponse, request: PracticeRequest
    ) -> FaultyRequest:
        state = self._records[post.slug].state
        if request.method == "GET" and caller(request) is not ClientKind.PLAYER:
            state.saves += 1
        return FaultyRequest(request, file, honest, state, self._clock.now(), self._clock.monotonic())

    def _file(self, look: ClipSpec, file: str, request: PracticeRequest) -> PracticeResponse:
        data = self.clips[look.name].files.get(file)
        if data is None:
            return _page(pages.missing_page(), status=404)
        etag = f'"{look.name}-{file.replace("/", "-")}-{len(data)}"'
        kind = _TYPES[Path(file).suffix]
        return whole_or_range(request, data, kind, etag=etag, last_modified=_LAST_MODIFIED, extra=(_NO_STORE,))

    def _profile(self, handle: str) -> PracticeResponse:
        posts = [post for post in self.posts if post.author.handle == handle]
        return _page(pages.index_page(posts, heading=f"@{handle}"), status=200 if posts else 404)


@asynccontextmanager
async def practice_site(
    media_folder: Path,
    *,
    clips: Mapping[str, Clip] | None = None,
    clock: Clock | None = None,
    posts: Iterable[PracticePost] = POSTS,
) -> AsyncIterator[PracticeSite]:
    """Encode the videos (or use ``clips``) and serve the site on a free port of 127.0.0.1 until the block ends."""
    if clips is None:
        clips = await _encode_clips(media_folder)
    site = PracticeSite(clips, posts=posts, clock=clock)
    async with HttpServer(site.answer, clock=clock) as server:
        site.origin = server.origin
        yield site


async def _encode_clips(folder: Path) -> Mapping[str, Clip]:
    """Encode the clips in a thread. When cancelled, wait for it: the caller then removes ``folder``."""
    stop = threading.Event()
    encoding = asyncio.ensure_future(asyncio.to_thread(make_clips, LOOKS, folder, stop=stop))
    try:
        return await asyncio.shield(encoding)
    except asyncio.CancelledError:
        stop.set()
        await encoding
        raise


def _page(text: str, *headers: tuple[str, str], status: int = 200) -> PracticeResponse:
    return PracticeResponse(status, (("Content-Type", "text/html; charset=utf-8"), _NO_STORE, *headers), text.encode())


def _json(value: object) -> PracticeResponse:
    return PracticeResponse(200, (("Content-Type", "application/json"), _NO_STORE), json.dumps(value).encode())
