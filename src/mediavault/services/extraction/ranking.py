"""Chooses which of a post's candidates is saved: exclusions first, then a sort key. Pure.

Ownership before everything, then whether it can be played at all, sound, watermark, and only then size. How the bytes
are delivered comes last: a silent direct file is no better than a stream with sound.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from mediavault.core.failures import Ambiguous, Drm, LinkExpired, NoVideo
from mediavault.core.media import (
    Candidate,
    Extraction,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    Ownership,
    Preference,
    SourceType,
    Watermark,
)
from mediavault.core.messages import Message, counted, join
from mediavault.services.extraction.media_identity import identity

_WATERMARK = {Watermark.NO: 2, Watermark.UNKNOWN: 1, Watermark.YES: 0}
# Value of a bit compared with H.264: AV1 shows twice as much with it.
_EFFICIENCY: Mapping[str, float] = {"av1": 2.0, "hevc": 1.6, "vp9": 1.5}
_UNDECODABLE = frozenset({"bytevc2", "vvc"})  # H.266 and TikTok's variant of it
_TRANSPORT = {SourceType.DIRECT: 2, SourceType.HLS: 1, SourceType.DASH: 1, SourceType.UNKNOWN: 0}
_TRUST = {found_in: -rank for rank, found_in in enumerate(FoundIn)}
_FAIR_LINES = 480  # from this size on, a complete file is preferred to larger tracks that must be merged
_FPS_BUCKETS = (20, 40, 70)  # 25 or 30 are alike, 50 or 60 are alike
_USUAL_FPS = 30.0  # of a candidate that does not state it: unknown is not slow

_WHOSE: Mapping[Ownership, str] = {
    Ownership.CHOSEN: Message("you chose it"),
    Ownership.ID_MATCH: Message("the page's own data name it under this post's id"),
    Ownership.KEY_MATCH: Message("it has the media key that the page's data give for this post"),
    Ownership.PLAYER: Message("it is what the post's own player plays"),
    Ownership.LONE: Message("it is the only video that the page names or shows"),
    Ownership.UNKNOWN: Message("it may not belong to this post"),
}


_NO_LONGER_SHOWN = Message("The post no longer shows this video.")


def videos_to_save(extraction: Extraction) -> tuple[Item, ...]:
    """Return the post's own videos, at least one.

    Raises Ambiguous when videos were seen but none is surely the post's, NoVideo when there is none.
    """
    if not (videos := tuple(item for item in extraction.videos if item.candidates)):
        raise _several_unsure(extraction) if extraction.others else no_video(extraction)
    return videos


def same_item(place: int, before: Extraction, after: Extraction) -> Item:
    """Return the item at index ``place`` of one extraction as a later one shows it: by media id, otherwise by index.

    Raises NoVideo when the later extraction does not have it, Ambiguous when it is not sure of any.
    """
    item = before.items[place]
    videos = videos_to_save(after)
    by_id = next((video for video in after.videos if item.media_id and video.media_id == item.media_id), None)
    if by_id is not None:
        if not by_id.candidates:
            raise NoVideo(_NO_LONGER_SHOWN)
        return by_id
    if len(videos) == 1:
        return videos[0]
    if len(after.items) == len(before.items):
        return after.items[place]
    raise NoVideo(_NO_LONGER_SHOWN)


def choose_candidate(
    item: Item, *, exclude: Collection[str] = (), now: datetime | None = None, prefer: Preference = Preference.BEST
) -> Candidate:
    """Return the candidate to save of a post's video.

    ``exclude`` holds URLs that were tried already; ``now`` excludes signed URLs that have expired (None admits them,
    for saved pages). Raises NoVideo (also when every URL was tried), Drm, and LinkExpired when all that are left have
    expired.
    """
    if not item.candidates:
        raise NoVideo(_NO_LONGER_SHOWN)
    free = [c for c in item.candidates if not c.drm]
    if not free:
        raise Drm("The post's video is copy-protected.")
    fresh = [c for c in free if not _has_expired(c, now)]
    left = [c for c in fresh if c.url not in exclude]
    if left:
        return max(enumerate(left), key=lambda pair: (sort_key(pair[1], item, prefer=prefer), -pair[0]))[1]
    if fresh:
        raise NoVideo("Every known URL of the video has been tried.")
    raise LinkExpired("Every link to the video has expired.")


def sort_key(candidate: Candidate, item: Item, *, prefer: Preference = Preference.BEST) -> tuple[float, ...]:
    """Return the rank of a candidate: larger is better; equal keys keep the page's order."""
    shorter_side = min(candidate.width or candidate.height or 0, candidate.height or candidate.width or 0)
    return (
        -candidate.ownership,
        candidate.video_codec not in _UNDECODABLE,
        candidate.has_video is not False,
        _sound(candidate, wanted=item.expected.audio),
        _WATERMARK[candidate.watermark],
        prefer is Preference.COMPATIBLE and _plays_everywhere(candidate),
        candidate.original,
        not candidate.audio_url and shorter_side >= _FAIR_LINES,
        shorter_side,
        sum((candidate.fps or _USUAL_FPS) > edge for edge in _FPS_BUCKETS),
        (candidate.bitrate or 0) * _EFFICIENCY.get(candidate.video_codec or "", 1.0),
        _TRUST[candidate.found_in],
        _TRANSPORT[candidate.source_type],
        candidate.size or 0,
    )


def _plays_everywhere(candidate: Candidate) -> bool:
    """Whether it is H.264, or an MP4 of which nothing else is known: what phones and TVs play without converting."""
    if candidate.video_codec is not None:
        return candidate.video_codec == "h264"
    return candidate.container in (None, "mp4")


def explain(candidate: Candidate) -> str:
    """Return why this one, as the rest of a sentence that begins with "because": whose it is, then what it is."""
    picture = f"{candidate.width}×{candidate.height}" if candidate.width and candidate.height else None
    facts = [
        {
            SourceType.DIRECT: Message("a direct file"),
            SourceType.HLS: Message("an HLS stream"),
            SourceType.DASH: Message("a DASH stream"),
        }.get(candidate.source_type, Message("a URL of unknown type")),
        picture,
        candidate.video_codec,
        Message("%(bitrate).1f Mbit/s", bitrate=candidate.bitrate / 1_000_000) if candidate.bitrate else None,
        {True: Message("with sound"), False: Message("without sound")}.get(candidate.has_audio)
        if candidate.has_audio is not None
        else None,
        {Watermark.NO: Message("no watermark"), Watermark.YES: Message("watermarked")}.get(candidate.watermark),
        Message("signed") if candidate.signed else None,
        candidate.note or None,
    ]
    known = join(", ", [fact for fact in facts if fact])
    return Message("%(whose)s: %(facts)s", whose=_WHOSE[candidate.ownership], facts=known)


def no_video(extraction: Extraction) -> NoVideo:
    """Return the failure that says why there is nothing to save, and what the post has instead."""
    failure = NoVideo(_what_there_is(extraction))
    failure.embeds = extraction.embeds
    return failure


def _what_there_is(extraction: Extraction) -> str:
    if any(item.role is ItemRole.QUOTED and item.is_video for item in extraction.items):
        return Message("No video found in this post itself; the post that it quotes has one.")
    photos = sum(item.type is ItemType.IMAGE and item.role is ItemRole.MAIN for item in extraction.items)
    photos = photos or len(extraction.image_urls)
    if photos:
        return Message("No video found in this post; it has %(pictures)s.", pictures=counted(photos, "picture"))
    return Message("No video found in this post.")


def _several_unsure(extraction: Extraction) -> Ambiguous:
    count = len(extraction.others)
    return Ambiguous(
        "One video was found, but nothing says that it is the post's."
        if count == 1
        else Message("%(count)s videos were found, and nothing says which is the post's.", count=count)
    )


def _has_expired(candidate: Candidate, now: datetime | None) -> bool:
    return now is not None and candidate.expires_at is not None and candidate.expires_at <= now


def _sound(candidate: Candidate, *, wanted: bool | None) -> int:
    """Rank sound above silence, unless the post is one without sound."""
    if wanted is False:
        return 1
    return {True: 2, None: 1, False: 0}[True if candidate.audio_url else candidate.has_audio]


# --- the user's choice -----------------------------------------------------------------------------------------------


def with_choice(extraction: Extraction, chosen_urls: Sequence[str]) -> Extraction:
    """Return the extraction with the videos that the user chose as the post's, in the order of ``chosen_urls``.

    What was chosen and is no longer found keeps its place, as an item without candidates. The extraction is unchanged
    where none of them is found.
    """
    chosen: dict[str, tuple[Candidate, ...]] = {}
    taken: list[Candidate] = []
    for url in chosen_urls:
        found = next((c for c in extraction.candidates if identity(c.url) == identity(url)), None)
        if found is not None and any(found is one for one in taken):
            continue  # another quality of a video that was chosen as well
        same = [c for c in extraction.candidates if found and (c is found or _is_same_video(c, found))]
        taken += same
        chosen[_choice_id(url)] = tuple(replace(c, ownership=Ownership.CHOSEN, item=None) for c in same)
    if not taken:
        return extraction
    items = tuple(_chosen_item(media_id, candidates) for media_id, candidates in chosen.items())
    others = tuple(replace(c, item=None) for c in extraction.candidates if not any(c is one for one in taken))
    return replace(extraction, items=items, others=others, selected=None)


def _chosen_item(media_id: str, candidates: tuple[Candidate, ...]) -> Item:
    picture = next((c.thumbnail_url for c in candidates if c.thumbnail_url), None)
    return Item(candidates, media_id=media_id, thumbnail_url=picture)


def _choice_id(url: str) -> str:
    """Return the media id of a chosen video: the same in each attempt, also in one that does not find the video."""
    return f"chosen-{hashlib.sha256(identity(url).encode('utf-8', 'replace')).hexdigest()[:16]}"


def _is_same_video(first: Candidate, second: Candidate) -> bool:
    return first.media_key is not None and first.media_key == second.media_key
