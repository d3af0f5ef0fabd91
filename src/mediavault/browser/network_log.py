"""Collects what one visit to a page receives, and turns it into records at the end. No I/O."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from mediavault.browser.port import SeenResponse
from mediavault.browser.url_signs import advert_media, bare_mime, is_manifest_text, names_a_video

MAX_RESPONSES = 4_000
MAX_BODY_BYTES = 25 << 20  # of one body; browsertrix's limit
MAX_BODIES_BYTES = 96 << 20  # of all bodies of one visit
MAX_ADVERTS = 500
MAX_DIGITS = 18  # of a size: an exabyte
_SECRET_HEADERS = frozenset({"cookie", "set-cookie", "authorization", "proxy-authorization"})
_IGNORED_TYPES = frozenset(
    {"image", "font", "stylesheet", "script", "texttrack", "ping", "websocket"}
)


@dataclass(slots=True)
class NetworkLog:
    """``elapsed_s`` returns the seconds since the visit began;
    ``json_paths`` are the platform's.
    """

    elapsed_s: Callable[[], float]
    json_paths: re.Pattern[str] | None = None
    primed: bool = False
    last_news_s: float = 0.0  # when something worth waiting for came last
    last_response_s: float = 0.0  # when anything at all came last
    video_named: bool = False
    page_data_seen: bool = False
    # addresses that ad servers named, in order
    adverts: dict[str, None] = field(default_factory=dict)
    # the last one of the main frame that was not a redirect
    main_document: SeenResponse | None = None
    _responses: list[SeenResponse] = field(default_factory=list)
    _bodies: dict[str, deque[bytes]] = field(default_factory=lambda: defaultdict(deque))
    _body_bytes: int = 0
    _named: set[str] = field(default_factory=set)  # videos that were news once

    def add_response(
        self,
        *,
        url: str,
        status: int,
        headers: Mapping[str, str],
        resource_type: str,
        frame_url: str,
        request_headers: Mapping[str, str],
        main: bool = False,
    ) -> None:
        """Note a response; ``main`` is the page's own document. Pictures,
        styles and the like are passed over.
        """
        self.last_response_s = self.elapsed_s()
        mime = bare_mime(headers.get("content-type"))
        video = status in (200, 206) and names_a_video(mime, url)
        if not url.startswith(("http://", "https://")) or (
            resource_type in _IGNORED_TYPES and not video
        ):
            return
        if video:
            self._note_video(url)
        seen = SeenResponse(
            url=url,
            status=status,
            mime=mime,
            resource_type=resource_type,
            frame_url=frame_url,
            headers=_without_secrets(headers),
            request_headers=_without_secrets(request_headers),
            size=whole_size(status, headers),
            seen_at_s=round(self.elapsed_s(), 3),
            primed=self.primed,
        )
        if main and not 300 <= status < 400:
            self.main_document = seen
        if len(self._responses) < MAX_RESPONSES or (
            video and len(self._responses) < 2 * MAX_RESPONSES
        ):
            self._responses.append(seen)

    def body(self, url: str, body: bytes) -> None:
        """Keep the body of the next response from ``url`` that has none yet."""
        if self._body_bytes + len(body) > MAX_BODIES_BYTES:
            return
        self._body_bytes += len(body)
        self._bodies[url].append(body)
        if len(self.adverts) < MAX_ADVERTS:
            self.adverts.update(dict.fromkeys(advert_media(body)))
        if is_manifest_text(body):  # whatever its type and name say
            self._note_video(url)
        if self.json_paths is not None and self.json_paths.search(url):
            self.page_data_seen = True
            self.last_news_s = self.elapsed_s()

    def _note_video(self, url: str) -> None:
        """Count a video or manifest that was seen;
        a further part of the same file does not count.
        """
        self.video_named = True
        if url not in self._named and len(self._named) < MAX_RESPONSES:
            self._named.add(url)
            self.last_news_s = self.elapsed_s()

    def responses(self) -> tuple[SeenResponse, ...]:
        """Return all responses in the order in which they came, with the bodies,
        matched by URL and order.
        """
        left = {url: deque(bodies) for url, bodies in self._bodies.items()}
        joined = [
            replace(seen, body=left[seen.url].popleft())
            if left.get(seen.url)
            and seen.resource_type in ("document", "xhr", "fetch", "media", "manifest", "other")
            else seen
            for seen in self._responses
        ]
        return tuple(joined)

    def main_body(self) -> bytes | None:
        """Return the page's source, for a page that no longer answers;
        None where it did not arrive whole.
        """
        bodies = self._bodies.get(self.main_document.url) if self.main_document else None
        return bodies[-1] if bodies else None


def stated_bytes(text: str) -> int | None:
    """Return the number of bytes that a header states; None for no number or more digits than any
    file's size has.

    Python refuses to parse thousands of digits, and an exception in a listener would fail the visit
    to another page.
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else None


def whole_size(status: int, headers: Mapping[str, str]) -> int | None:
    """Return the whole file's size in bytes: from a part's ``Content-Range`` or an uncompressed
    ``Content-Length``.
    """
    if status == 206:
        return stated_bytes(headers.get("content-range", "").rpartition("/")[2].strip())
    if status != 200 or "content-encoding" in headers:
        return None
    return stated_bytes(headers.get("content-length", "").strip())


def _without_secrets(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name.lower(): value
        for name, value in headers.items()
        if name.lower() not in _SECRET_HEADERS
    }
