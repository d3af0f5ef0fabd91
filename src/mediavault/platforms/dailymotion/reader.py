"""Dailymotion: the player's metadata of a video, and GraphQL's record.

The metadata name the stream; the record names title, owner and picture. Prerolls are never in these answers.
Checked 2026-11-24 against recorded answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import (
    AgeRestricted,
    Deleted,
    ExtractorBroken,
    Failure,
    LoginRequired,
    Private,
    RegionLocked,
    Upcoming,
)
from mediavault.core.media import Candidate, Expected, Item, LiveNow, Post
from mediavault.core.messages import Message
from mediavault.core.platform import PageData, Platform
from mediavault.extraction.page_data import build, values
from mediavault.extraction.page_data.build import own_candidates
from mediavault.extraction.page_data.values import Node, walk


def read(post: Post, platform: Platform, documents: Sequence[object]) -> PageData | None:
    """What the documents say about ``post``; None when they say nothing.

    Raises the failure that the player's error reports.
    """
    own = [node for document in documents for node in walk(document) if _is_own(node, post.post_id)]
    player = next((node for node in own if {"qualities", "hlsURL", "error"} & node.keys()), None)
    if player is not None:
        if failure := _refusal(player):
            raise failure
        if player.get("stream_type") == "live" or player.get("mode") == "live":
            raise LiveNow("Dailymotion shows a broadcast that has not ended yet.")
    return _page_data(platform, player or {}, own) if own else None


def _is_own(node: Node, post_id: str | None) -> bool:
    return bool(post_id) and post_id in ids_of(node)


def ids_of(node: Node) -> set[str]:
    """Return the ids of a video's node; none for any other node."""
    known = {"qualities", "owner", "creator", "posters", "thumbnail_url", "thumbnailURL", "title", "error"}
    named = (node.get(name) for name in ("id", "xid"))
    return {str(video_id) for video_id in named if video_id} if known & node.keys() else set()


def _page_data(platform: Platform, player: Node, own: Sequence[Node]) -> PageData:
    owners = [values.obj(node, name) for node in own for name in ("owner", "creator", "channel")]
    candidates = _candidates(platform, player)
    picture = next(filter(None, map(_picture, own)), None)
    seconds = next(filter(None, (values.duration(node.get("duration")) for node in own)), None)
    item = Item(candidates, thumbnail_url=picture, expected=Expected(duration_s=seconds))
    names = [owner.get(name) for owner in owners for name in ("screenname", "displayName", "display_name")]
    handles = [owner.get(name) for owner in owners for name in ("username", "name", "xid")]
    return PageData(
        items=(item,) if candidates else (),
        handle=next(filter(None, map(values.text, handles)), None),
        display_name=next(filter(None, map(values.text, names)), None),
        title=next(filter(None, (values.text(node.get("title")) for node in own)), None),
        text=next(filter(None, (values.text(node.get("description")) for node in own)), None),
        published_at=next(filter(None, (values.moment(node.get("created_time")) for node in own)), None),
        thumbnail_url=picture,
        found=bool(candidates),
    )


def _candidates(platform: Platform, player: Node) -> tuple[Candidate, ...]:
    """Return the candidates. ``auto`` is the master playlist; ``720`` and ``720@60`` are files of that height."""
    candidates = own_candidates(player.get("hlsURL"), platform, mime="application/x-mpegurl")  # GraphQL
    for quality, levels in values.obj(player, "qualities").items():
        height, _, rate = quality.partition("@")
        for level in values.objects(levels):
            mime = values.text(level.get("type"))
            if mime != "application/vnd.lumberjack.manifest":  # the player's own format, for its statistics
                facts = {"height": values.integer(height), "fps": values.number(rate)}
                candidates += own_candidates(level.get("url"), platform, mime=mime, **facts)
    return build.merged(candidates)


def _picture(node: Node) -> str | None:
    """Return the largest poster; their keys are their heights."""
    posters = values.obj(node, "posters") or values.obj(node, "thumbnails")
    heights = sorted((int(name) for name in posters if name.isdigit()), reverse=True)
    named = [*(posters[str(height)] for height in heights), node.get("thumbnail_url"), node.get("thumbnailURL")]
    return next(filter(None, map(values.url, [*named, values.obj(node, "thumbnail").get("url")])), None)


_CODES: dict[str, type[Failure]] = {
    "DM001": Deleted,
    "DM002": Deleted,
    "DM003": Upcoming,  # still being processed
    "DM005": Deleted,
    "DM006": ExtractorBroken,
    "DM007": RegionLocked,
    "DM010": Private,
    "DM014": LoginRequired,
    "DM016": LiveNow,
    "DM019": Private,
    "DM020": AgeRestricted,
}


def _refusal(player: Node) -> Failure | None:
    error = values.obj(player, "error")
    if not error:
        return None
    reason = values.text(error.get("title")) or values.text(error.get("message")) or Message("no reason given")
    return _CODES.get(str(error.get("code")), Deleted)(
        Message("Dailymotion does not play this video: %(said)s", said=reason)
    )
