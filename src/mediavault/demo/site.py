"""The practice site: routes, and the state of each post. It listens on 127.0.0.1 only.

Paths: ``/`` · ``/posts/<slug>`` · ``/@<handle>`` · ``/login`` · ``/api/play/<slug>`` ·
``/media/<slug>/<number>/<file>`` · ``/ads/spot/<file>`` · ``/static/<file>``.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from mediavault.core.clock import Clock, SystemClock
from mediavault.demo import pages
from mediavault.demo.faults import (
    FAULTS,
    SESSION_COOKIE,
    ClientKind,
    FaultyRequest,
    PostState,
    caller,
    reply,
    signed_query,
)
from mediavault.demo.media import Clip, ClipSpec, make_clips
from mediavault.demo.posts import ADVERT, POSTS, SPECS, Links, PracticePost, Shows

HOST = "127.0.0.1"
CLOSE_WITHIN_S = 1.0  # connections that are still busy at the end

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


class PracticeSite:
    """Answers requests. State is per post and in memory; :meth:`reset` clears it."""

    def __init__(
        self,
        clips: Mapping[str, Clip],
        *,
        posts: Iterable[PracticePost] = POSTS,
        clock: Clock | None = None,
    ) -> None:
        self.clips = clips
        self.posts = tuple(posts)
        self.origin = ""
        self._clock = clock or SystemClock()
        self._posts = {post.slug: post for post in self.posts}
        self._states = {slug: PostState() for slug in self._posts}
        self._static = {path.name: path.read_bytes() for path in _STATIC.iterdir()}

    def url(self, post: PracticePost) -> str:
        """The URL to submit."""
        return self.origin + post.path

    def clip(self, post: PracticePost) -> Clip | None:
        """Return the video of a post that must be saved; None without one."""
        return self.clips[post.specs[0].name] if post.specs else None

    def troubles_met(self, slug: str) -> int:
        """Return how many requests of savers (not of the page's player) met the post's fault."""
        return self._states[slug].troubles

    def end_stream(self, slug: str) -> None:
        """End the stream of a post that is running."""
        state = self._states[slug]
        state.live_ended_s = self._clock.monotonic() - (
            state.live_since_s or self._clock.monotonic()
        )

    def reset(self, slug: str | None = None) -> None:
        """Reset the state of one post, or of all."""
        for name in (slug,) if slug else tuple(self._states):
            self._states[name] = PostState()

    async def answer(self, request: web.BaseRequest) -> web.Response:
        """Handle a request of the server."""
        if request.method not in {"GET", "HEAD"}:
            return reply(pages.missing_page(), status=405)
        match request.path.strip("/").split("/"):
            case [""]:
                return reply(pages.index_page(self.posts))
            case ["posts", slug] if slug in self._states:
                return self._post(self._posts[slug], request)
            case ["media", slug, number, *rest] if slug in self._states:
                return self._media(self._posts[slug], number, "/".join(rest), request)
            case ["ads", "spot", *rest]:
                return self._file(ADVERT, "/".join(rest), request)
            case ["api", "play", slug] if slug in self._states:
                source = pages.media_path(self._posts[slug], self._posts[slug].specs[0])
                return reply(json.dumps({"src": source}), "application/json")
            case ["static", name] if name in self._static:
                return reply(self._static[name], _TYPES[Path(name).suffix])
            case ["login"]:
                return reply(pages.login_page())
            case [handle] if handle.startswith("@"):
                posts = [post for post in self.posts if post.author.handle == handle[1:]]
                return reply(pages.index_page(posts, heading=handle), status=200 if posts else 404)
        return reply(pages.missing_page(), status=404)

    def _post(self, post: PracticePost, request: web.BaseRequest) -> web.Response:
        state = self._states[post.slug]
        state.visits += request.method == "GET"
        state.first_visit_at = state.first_visit_at or self._clock.now()
        match post.shows:
            case Shows.TOMBSTONE:
                return reply(pages.tombstone_page(), status=404)
            case Shows.LOGIN:
                return reply("", status=302, headers={"Location": f"/login?next={post.path}"})
        text = pages.post_page(
            post, pages.PostAddress(self.origin, self._link_queries(post, state))
        )
        cookie = f"{SESSION_COOKIE}={state.token}; Path=/media/{post.slug}; HttpOnly; SameSite=Lax"
        return reply(text, headers={"Set-Cookie": cookie} if post.sets_cookie else None)

    def _link_queries(self, post: PracticePost, state: PostState) -> dict[str, str]:
        path = pages.media_path(post, post.specs[0])
        match post.links:
            case Links.PLAIN:
                return {}
            case Links.SIGNED:
                return {
                    path: signed_query(
                        path, 1, state.token, now=state.first_visit_at or self._clock.now()
                    )
                }
            case Links.SIGNED_AT_EACH_VISIT:
                return {path: signed_query(path, state.visits, state.token, now=self._clock.now())}

    def _media(
        self, post: PracticePost, number: str, file: str, request: web.BaseRequest
    ) -> web.Response:
        """Serve a file of a video. Posters are always served: the faults concern the video only."""
        if not number.isdigit() or not 1 <= int(number) <= len(post.specs):
            return reply(pages.missing_page(), status=404)
        honest = self._file(post.specs[int(number) - 1], file, request)
        fault = FAULTS.get(post.slug)
        if fault is None or honest.status == 404 or file == "poster.jpg":
            return honest
        state, is_saver = self._states[post.slug], caller(request) is not ClientKind.PLAYER
        state.saves += request.method == "GET" and is_saver
        response = fault(
            FaultyRequest(request, file, honest, state, self._clock.now(), self._clock.monotonic())
        )
        state.troubles += response is not honest and is_saver
        return response

    def _file(self, spec: ClipSpec, file: str, request: web.BaseRequest) -> web.Response:
        """Return a file or the requested range of it, with validators (RFC 9110, section 14)."""
        data = self.clips[spec.name].files.get(file)
        if data is None:
            return reply(pages.missing_page(), status=404)
        etag, kind = (
            f'"{spec.name}-{file.replace("/", "-")}-{len(data)}"',
            _TYPES[Path(file).suffix],
        )
        headers = {"Accept-Ranges": "bytes", "ETag": etag, "Last-Modified": _LAST_MODIFIED}
        part = requested_range(request, len(data))
        if part is None or request.headers.get("If-Range", etag) not in (etag, _LAST_MODIFIED):
            return reply(data, kind, headers=headers)
        if not part:
            return reply(
                b"", kind, status=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"}
            )
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
        return reply(data[part.start : part.stop], kind, status=206, headers=headers)


def requested_range(request: web.BaseRequest, size: int) -> range | None:
    """Return the bytes that a ``Range`` header requests; an empty range when there are none, None
    to ignore the header.

    Several ranges in one header are ignored, which RFC 9110 allows.
    """
    try:
        asked = request.http_range
    except ValueError:
        return None
    return None if asked.start is None else range(*asked.indices(size))


@asynccontextmanager
async def practice_site(
    media_folder: Path,
    *,
    clips: Mapping[str, Clip] | None = None,
    clock: Clock | None = None,
    posts: Iterable[PracticePost] = POSTS,
) -> AsyncIterator[PracticeSite]:
    """Encode the videos (or use ``clips``) and serve the site on a free port of 127.0.0.1 until the
    block ends.
    """
    if clips is None:
        clips = await _encode_clips(media_folder)
    site = PracticeSite(clips, posts=posts, clock=clock)
    runner = web.ServerRunner(
        web.Server(site.answer, access_log=None), shutdown_timeout=CLOSE_WITHIN_S
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        site.origin = f"http://{HOST}:{runner.addresses[0][1]}"
        yield site
    finally:
        await runner.cleanup()


async def _encode_clips(folder: Path) -> Mapping[str, Clip]:
    """Encode the clips in a thread. When cancelled, wait for it:
    the caller then removes ``folder``.
    """
    stop = threading.Event()
    encoding = asyncio.ensure_future(asyncio.to_thread(make_clips, SPECS, folder, stop=stop))
    try:
        return await asyncio.shield(encoding)
    except asyncio.CancelledError:
        stop.set()
        await encoding
        raise
