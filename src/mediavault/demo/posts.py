"""The practice posts: one for each kind of failure, with its expected result. Facts only.

A post that is added here (with its responses in ``faults.py`` if they are not plain ones) is in the
index, in the demo and in its table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mediavault.core.failures import ErrorCode
from mediavault.core.job import StrategyName
from mediavault.demo.media import ClipSpec


class Shows(StrEnum):
    """What the post's page contains."""

    VIDEO = "video"  # <video src>, og: tags and JSON-LD that name the file
    CLICK = "click"  # a picture; the video's URL is requested on a click
    # a script feeds a playlist's segments to Media Source Extensions; <video>.src is blob:
    MSE = "mse"
    PLAYLIST = "playlist"  # <video src> is a playlist
    CAROUSEL = "carousel"  # several videos, JSON-LD lists them
    SEVERAL = "several"  # several videos, and nothing says which of them the post is about
    BESIDE_ADVERT = "beside_advert"  # an advert plays before the post's own video
    PHOTOS = "photos"  # text and pictures
    TOMBSTONE = "tombstone"  # 404 and a sentence
    LOGIN = "login"  # a redirect to a form with a password field


class Links(StrEnum):
    """What the page adds to the URLs of its videos."""

    PLAIN = "plain"  # nothing
    SIGNED = "signed"  # an expiry and a signature, the same on each visit
    SIGNED_AT_EACH_VISIT = "signed_at_each_visit"  # different on each visit


@dataclass(frozen=True, slots=True)
class Author:
    handle: str
    name: str


@dataclass(frozen=True, slots=True)
class PracticePost:
    """A practice post. With ``code`` None its video must be saved; otherwise its job must fail with
    exactly this code.

    ``strategies`` are the strategies that may succeed; ``attempts`` is how many the job needs, None
    for any number. ``specs`` are the videos that it shows, its own first.
    """

    slug: str
    title: str
    tests: str  # the kind of failure, short enough for a column of the demo's table
    author: Author
    specs: tuple[ClipSpec, ...] = ()
    shows: Shows = Shows.VIDEO
    code: ErrorCode | None = None
    strategies: frozenset[StrategyName] = frozenset({StrategyName.PLAIN})
    attempts: int | None = None
    sets_cookie: bool = False  # its page starts a session
    links: Links = Links.PLAIN

    @property
    def path(self) -> str:
        return f"/posts/{self.slug}"

    @property
    def is_saved(self) -> bool:
        return self.code is None


MARA = Author("mara.lind", "Mara Lind")
TOMAS = Author("tomas_okafor", "Tomás Okafor")
JUNE = Author("june-park", "June Park")

ADVERT = ClipSpec("advert", 90, seconds=4)

_SESSION = frozenset({StrategyName.SESSION})
_NAVIGATION = frozenset({StrategyName.NAVIGATION})
_FRESH = frozenset({StrategyName.FRESH})
_SECOND_REQUEST = frozenset({StrategyName.PLAIN, StrategyName.SESSION})  # either makes one

# Posts that need a second attempt come first, so that their waits pass while others are saved.
POSTS: tuple[PracticePost, ...] = (
    PracticePost("plain", "A kite over the harbour", "a plain MP4", MARA, (ClipSpec("plain", 1),)),
    PracticePost(
        "limited",
        "Rain on the market hall",
        "429 at first",
        TOMAS,
        (ClipSpec("limited", 2, 6),),
        attempts=2,
    ),
    PracticePost(
        "fake",
        "The film that is a page",
        "HTML named .mp4, for ever",
        JUNE,
        (ClipSpec("fake", 3),),
        code=ErrorCode.NOT_A_VIDEO,
    ),
    PracticePost(
        "holed",
        "A concert with a gap",
        "a playlist with a hole",
        MARA,
        (ClipSpec("holed", 4, 6),),
        shows=Shows.MSE,
        code=ErrorCode.INCOMPLETE,
    ),
    PracticePost(
        "click",
        "Press to see the tide",
        "plays only after a click",
        TOMAS,
        (ClipSpec("click", 5, 6),),
        shows=Shows.CLICK,
    ),
    PracticePost(
        "mse",
        "The night train",
        "HLS behind a blob: player",
        JUNE,
        (ClipSpec("mse", 6),),
        shows=Shows.MSE,
    ),
    PracticePost(
        "hls-ts",
        "Snow in April",
        "HLS of MPEG-TS segments",
        MARA,
        (ClipSpec("hls-ts", 7, 6),),
        shows=Shows.PLAYLIST,
    ),
    PracticePost(
        "session",
        "For visitors only",
        "empty without a cookie",
        TOMAS,
        (ClipSpec("session", 8),),
        strategies=_SESSION,
        sets_cookie=True,
    ),
    PracticePost(
        "navigation",
        "Open it in a browser",
        "only for a navigation",
        JUNE,
        (ClipSpec("navigation", 9, 6),),
        strategies=_NAVIGATION,
    ),
    PracticePost(
        "signed",
        "A link with a clock",
        "a signed link, used up",
        MARA,
        (ClipSpec("signed", 10),),
        strategies=_FRESH,
        links=Links.SIGNED_AT_EACH_VISIT,
    ),
    PracticePost(
        "signed-session",
        "A ticket and a stamp",
        "signed, with a cookie",
        TOMAS,
        (ClipSpec("signed-session", 20),),
        strategies=_SESSION,
        sets_cookie=True,
        links=Links.SIGNED,
    ),
    PracticePost(
        "signed-browser",
        "The door that only opens inwards",
        "signed, for a navigation",
        JUNE,
        (ClipSpec("signed-browser", 21, 6),),
        strategies=_NAVIGATION,
        links=Links.SIGNED_AT_EACH_VISIT,
    ),
    PracticePost(
        "html-first",
        "One moment, please",
        "HTML at first",
        TOMAS,
        (ClipSpec("html-first", 11, 6),),
        strategies=_SECOND_REQUEST,
    ),
    PracticePost(
        "truncated",
        "A long way home",
        "cut short at first",
        JUNE,
        (ClipSpec("truncated", 12),),
        strategies=_SECOND_REQUEST,
    ),
    PracticePost(
        "carousel",
        "Three views of a lighthouse",
        "three videos in one post",
        MARA,
        (ClipSpec("carousel-1", 13), ClipSpec("carousel-2", 14, 6), ClipSpec("carousel-3", 15)),
        shows=Shows.CAROUSEL,
    ),
    PracticePost(
        "two-videos",
        "How bread is scored",
        "an advert above the video",
        TOMAS,
        (ClipSpec("two-videos", 16, 6), ADVERT),
        shows=Shows.BESIDE_ADVERT,
    ),
    PracticePost(
        "silent",
        "Clouds, without a word",
        "a video without sound",
        JUNE,
        (ClipSpec("silent", 17, 6, sound=False),),
    ),
    PracticePost(
        "photos",
        "Pictures from the allotment",
        "no video at all",
        MARA,
        (ClipSpec("photo-1", 18), ClipSpec("photo-2", 19)),
        shows=Shows.PHOTOS,
        code=ErrorCode.ONLY_PICTURES,
    ),
    PracticePost(
        "several",
        "A table of home films",
        "several videos",
        MARA,
        (ClipSpec("several-1", 22), ClipSpec("several-2", 23, 6), ClipSpec("several-3", 24)),
        shows=Shows.SEVERAL,
        code=ErrorCode.AMBIGUOUS,
    ),
    PracticePost(
        "deleted", "Gone", "a deleted post", TOMAS, shows=Shows.TOMBSTONE, code=ErrorCode.DELETED
    ),
    PracticePost(
        "members",
        "Friends and family",
        "a login wall",
        JUNE,
        shows=Shows.LOGIN,
        code=ErrorCode.LOGIN_REQUIRED,
    ),
)

BY_SLUG: Mapping[str, PracticePost] = {post.slug: post for post in POSTS}
SPECS: tuple[ClipSpec, ...] = tuple(spec for post in POSTS for spec in post.specs)

# A stream that goes on until it is ended: the demo leaves it out.
LIVE = PracticePost(
    "live",
    "The harbour, now",
    "a stream that is running",
    MARA,
    (ClipSpec("hls-ts", 7, 6),),
    shows=Shows.PLAYLIST,
)
