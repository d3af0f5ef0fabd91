"""Bilibili: ``__INITIAL_STATE__`` says which video and part a page shows, ``__playinfo__`` or the playurl answer its files.

Both tracks of DASH are separate files: a video track is a candidate with the best sound. ``durl`` is a file
with both. Play data count only where the state, or the answer that contains them, is about this video.
Checked 2026-11-24 against recorded pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import SplitResult

from mediavault.core.failures import Challenge, Deleted, Failure, LoginRequired, Private, RegionLocked
from mediavault.core.media import Candidate, Expected, Item, Post
from mediavault.core.messages import Message
from mediavault.core.platform import Measures, PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import codec, own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises the failure that an answer's code reports, and Private where only a preview of the video is played.
    """
    nodes = [node for document in documents for node in walk(document)]
    views = [node for node in nodes if _is_own(node, post.post_id)]
    view = max(views, key=len, default={})
    plays = [node for node in nodes if "dash" in node or "durl" in node]
    others = any("bvid" in node and "pages" in node and not _is_own(node, post.post_id) for node in nodes)
    if not view and (others or not plays):
        if failure := next(filter(None, map(_refusal, documents)), None):
            raise failure
        return None
    if view.get("is_upower_preview") is True and view.get("is_upower_play") is not True:
        raise Private("Bilibili plays only a preview of this video to those who do not pay its author.")
    candidates = [c for play in plays[:1] for c in _candidates(platform, play)] if _is_this_part(post, nodes) else []
    return _page_data(view, candidates, plays)


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and str(post_id).lower() in map(str.lower, ids_of(node))


def ids_of(node: Node) -> set[str]:
    """Return both ids of a video's record; none for any other node."""
    if "owner" not in node and "pages" not in node:
        return set()
    named = (node.get("bvid"), f"av{node.get('aid')}" if node.get("aid") else None)
    return {str(video_id) for video_id in named if video_id}


def _is_this_part(post: Post, nodes: Sequence[Node]) -> bool:
    """Whether the page loaded the part that the URL names (``?p=2``), as the state says."""
    requested = re.search(r"[?&]p=(\d{1,4})", post.url)
    state = next((node for node in nodes if "videoData" in node and "p" in node), {})
    return requested is None or not state or values.integer(state.get("p")) == int(requested[1])


def _page_data(view: Node, candidates: Sequence[Candidate], plays: Sequence[Node]) -> PageData:
    owner = values.obj(view, "owner")
    seconds = next(filter(None, (values.milliseconds(play.get("timelength")) for play in plays)), None)
    picture = view.get("pic")
    cover = values.url(f"https:{picture}" if str(picture).startswith("//") else picture)
    item = Item(
        build.merged(list(candidates)),
        thumbnail_url=cover,
        expected=Expected(duration_s=seconds or values.duration(view.get("duration"))),
    )
    mid = values.integer(owner.get("mid"))
    return PageData(
        items=(item,) if candidates else (),
        handle=str(mid) if mid else None,
        display_name=values.text(owner.get("name")),
        title=values.text(view.get("title")),
        text=values.text(view.get("desc")),
        published_at=values.moment(view.get("pubdate")),
        thumbnail_url=cover,
        found=bool(candidates),
    )


def _candidates(platform: Platform, play: Node) -> Iterator[Candidate]:
    dash = values.obj(play, "dash")
    sounds = [*values.objects(dash.get("audio")), *([flac] if (flac := values.obj(dash, "flac", "audio")) else [])]
    sound = max(sounds, key=lambda track: values.number(track.get("bandwidth")) or 0, default={})
    for track in values.objects(dash.get("video")):
        for candidate in _track(platform, track):
            yield replace(candidate, has_audio=False, audio_url=values.url(_address(sound)))
    parts = values.objects(play.get("durl"))
    if len(parts) == 1:  # several are parts of one video
        yield from own_candidates(
            parts[0].get("url"),
            platform,
            mime="video/mp4",
            has_audio=True,
            size=values.integer(parts[0].get("size")),
            height=values.integer(play.get("quality")) if str(play.get("quality")) in {"720", "1080"} else None,
        )


def _address(track: Node) -> object:
    return track.get("baseUrl") or track.get("base_url") or track.get("url")


def _track(platform: Platform, track: Node) -> list[Candidate]:
    rate = values.number(track.get("frameRate") or track.get("frame_rate"))
    return own_candidates(
        _address(track),
        platform,
        mime=values.text(track.get("mimeType") or track.get("mime_type")),
        width=values.integer(track.get("width")),
        height=values.integer(track.get("height")),
        bitrate=values.integer(track.get("bandwidth")),
        video_codec=codec(track.get("codecs")),
        fps=rate,
    )


_CODES: dict[int, tuple[type[Failure], str]] = {
    -404: (Deleted, Message("the video does not exist")),
    62002: (Deleted, Message("the video is not shown any more")),
    62004: (Private, Message("the video is being reviewed")),
    62012: (Private, Message("only its owner may see the video")),
    -403: (Private, Message("the video is not public")),
    -10403: (RegionLocked, Message("the video is not shown in this region")),
    -101: (LoginRequired, Message("the video is shown only to signed-in people")),
    -352: (Challenge, Message("a CAPTCHA is shown")),
    -412: (Challenge, Message("a CAPTCHA is shown")),
}


def _refusal(document: object) -> Failure | None:
    answer = values.obj(document)
    for part in (answer, values.obj(answer, "error")):
        code = part.get("code")
        known = _CODES.get(code) if isinstance(code, int) else None
        if code == -10403 and "大会员" in str(part.get("message")):  # members-only videos have the same code
            return LoginRequired("Bilibili says: the video is shown only to members (-10403).")
        if known:
            return known[0](Message("Bilibili says: %(known)s (%(code)s).", known=known[1], code=code))
    return None


# --- size and rate of a URL ------------------------------------------------------------------------------------

_FILE = re.compile(r"-(\d{1,6})\.(?:m4s|mp4|flv)$")
# Bilibili's numbers for qualities; for single tracks, these plus 30000 for H.264, and others for H.265 and AV1
_SIZES: Mapping[tuple[int, int], str] = {
    (426, 240): "6 30006",
    (640, 360): "15 16 30015 30016 30011 100022",
    (852, 480): "32 30032 30033 100023",
    (1280, 720): "64 74 30064 30074 30066 100024",
    (1920, 1080): "80 112 116 30080 30112 30116 30077 30102 100026",
    (3840, 2160): "120 30120 30121",
    (7680, 4320): "127 30127",
}
_SIZE_OF_QUALITY = {number: size for size, numbers in _SIZES.items() for number in numbers.split()}
_BYTES = re.compile(r"(?:^|&)bw=(\d{1,9})(?:&|$)")


def measures(parts: SplitResult, _width: int | None, _height: int | None) -> Measures:
    """Return the frame of the quality for a landscape video; ``bw`` is the rate in bytes per second."""
    name, line = _FILE.search(parts.path), _BYTES.search(parts.query)
    width, height = _SIZE_OF_QUALITY.get(name[1], (None, None)) if name else (None, None)
    return Measures(width, height, int(line[1]) * 8 or None if line else None)
