"""The Browser port, for visits and downloads. ``chromium.py`` is the only adapter;
tests use a stub.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from mediavault.core.bandwidth_limiter import SiteBandwidth, SlowTransferDetector
from mediavault.core.cookies import Cookie
from mediavault.core.media import OnProgress
from mediavault.core.platform import Platform
from mediavault.core.urls import EgressScope


@dataclass(frozen=True, slots=True)
class SeenResponse:
    """A response that the page, a frame or a worker received.
    Bodies are kept for JSON and manifests only.
    """

    url: str
    status: int
    mime: str
    resource_type: str  # "media", "xhr", "fetch", "document", …
    frame_url: str
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    # lower-case names; never cookie, authorization
    request_headers: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None  # the whole file's, from Content-Range or Content-Length
    body: bytes | None = None
    seen_at_s: float = 0.0  # since navigation began
    primed: bool = False  # seen after the players were primed


@dataclass(frozen=True, slots=True)
class PageFeed:
    """One SourceBuffer of a player: its type, and the URLs of the first parts that it was given.

    ``files`` are those of ``urls`` whose content begins as a file does, not as a segment.
    """

    mime: str  # with codecs, as the page named it
    urls: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Play:
    """One of the sources that a player had in turn, once its length or size was known."""

    src: str  # may be blob:
    page: str = ""  # the frame's address when it began
    duration_s: float | None = None
    video_width: int = 0
    video_height: int = 0
    ended: bool = False  # it played to its end, or was brought there by us
    labelled: bool = False  # while it played, the player was labelled as showing an advert
    feeds: tuple[PageFeed, ...] = ()


@dataclass(frozen=True, slots=True)
class SeenManifest:
    """A playlist or manifest that the page made itself.
    ``url`` is its ``blob:`` address or the head of its ``data:`` one.
    """

    url: str
    text: str
    frame_url: str


@dataclass(frozen=True, slots=True)
class SeenVideo:
    """A ``<video>`` of the page or a frame, in its state after priming."""

    current_src: str  # may be blob:
    sources: tuple[str, ...]  # src attribute and <source> children, absolute
    poster: str | None
    duration_s: float | None
    width: int  # as displayed, CSS pixels
    height: int
    video_width: int
    video_height: int
    visible: bool
    muted_loop: bool  # muted + loop without controls: decoration
    frame_url: str
    # the <article> or <main> around it, whose videos share the name ("article:0"), "aside" in a
    # sidebar, "" outside of any
    container: str = ""
    # what it and the boxes around it are called, up to the article: ids, classes, labels, the
    # heading
    names: str = ""
    # that container holds the page's heading or a link to the page itself
    holds_permalink: bool = False
    advert: bool = False  # an element around it is labelled as advertising
    has_audio: bool | None = None  # True once sound was decoded; None: not known
    protected: bool = False  # it met data that only a licence decrypts
    feeds: tuple[PageFeed, ...] = ()  # of a player that a script feeds, as far as it was recognised
    plays: tuple[Play, ...] = ()  # in order; the last one is what it shows now
    # one of several plays of a player, where it is unknown which is the page's video
    unsure: bool = False
    left: int | None = None  # of its box in its frame's document, CSS pixels
    top: int | None = None


@dataclass(frozen=True, slots=True)
class PageCapture:
    """All that one visit to a page showed."""

    url: str  # asked for
    final_url: str  # where it ended
    status: int | None  # of the main document
    html: str  # after the page ran
    title: str
    visible_text: str  # at most 20,000 characters
    responses: tuple[SeenResponse, ...]
    videos: tuple[SeenVideo, ...]
    drm_requested: bool  # the page asked for media keys
    user_agent: str
    manifests: tuple[SeenManifest, ...] = ()
    adverts: tuple[str, ...] = ()  # addresses of files that ad servers' answers named
    # JSON values: "navigations" [[seconds, address] of the main frame], "encrypted" (a media
    # element met protected data), "key_systems" (asked for), "crashed", "unresponsive"
    extra: Mapping[str, Any] = field(default_factory=dict)
    screenshot: bytes | None = None  # PNG, where one was asked for and could be taken


@dataclass(frozen=True, slots=True)
class BrowserDownload:
    """A file that the browser saved at ``path``."""

    path: Path
    bytes: int
    url: str
    content_type: str | None


class Browser(Protocol):
    """The one browser of a worker process. Every method may raise BrowserUnavailable and
    TookTooLong.

    It visits pages in one of two ways. *Signed out*, it has only the cookies that sites set since
    the browser started, and forgets them with it. *Signed in* (``signed_in``), it has the profile:
    its sign-ins, and what the user answered in a window.
    """

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
        """Visit a page, prime its players and report what was seen. The page is closed in any case.

        Stops as soon as a video's address is known and settled; at the latest after ``within_s``
        seconds, then with what was seen so far. ``is_list``: the page lists posts, so that it is
        read until nothing more comes, and nothing on it is started or pressed: that could open a
        post in its place. ``screenshot`` takes a picture of the page at the end. Raises
        NetworkFailure when the document did not load at all, PageTooHeavy when it took more memory
        than the browser may use.
        """

    async def cookies(self, url: str, *, signed_in: bool = False) -> Sequence[Cookie]:
        """Return the cookies that the browser would send to ``url``. Never starts a browser.

        Where none runs, there are none signed out, and signed in those that the last browser left
        behind or that were imported since.
        """

    async def user_agent(self) -> str:
        """Return the browser's user agent."""

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
        """Navigate to ``url`` so that the browser saves the answer as a file in the folder
        ``into``.

        ``scope`` is the post's: the egress guard's exemptions depend on it, not on the media's
        address. A site slower than ``floor`` is given up. The browser gets half of the limit on
        ``bandwidth``, because it cannot be throttled.
        Raises HttpError and the like for a refused answer, Incomplete for a broken transfer,
        TooLarge past ``max_bytes``.
        """

    async def close(self) -> None:
        """End the browser and everything that it started. Safe to call twice."""
