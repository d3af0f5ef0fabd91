"""Chooses which of a post's candidates is saved: exclusions first, then a sort key. Pure.

Ownership before everything, then whether it can be played at all, sound, watermark, and only then
size. How the bytes are delivered comes last: a silent direct file is not better than a stream with
sound.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from functools import partial

from mediavault.core.failures import Ambiguous, Drm, LinkExpired
from mediavault.core.media import (
    VIDEO_TYPES,
    Candidate,
    Expected,
    Extraction,
    FoundIn,
    Item,
    ItemRole,
    ItemType,
    NoVideo,
    OnlyPictures,
    OnlySound,
    Ownership,
    Preference,
    SourceType,
    Watermark,
    in_words,
    is_players,
)
from mediavault.core.messages import Message, counted, join
from mediavault.extraction.media_urls import identity

LARGEST = Preference()
_OF_SEVERAL_SIZES = frozenset({SourceType.HLS, SourceType.DASH})
_WATERMARK = {Watermark.NO: 2, Watermark.UNKNOWN: 1, Watermark.YES: 0}
# Value of a bit compared with H.264: AV1 shows twice as much with it.
_EFFICIENCY: Mapping[str, float] = {"av1": 2.0, "hevc": 1.6, "vp9": 1.5}
_UNDECODABLE = frozenset({"bytevc2", "vvc"})  # H.266 and TikTok's variant of it
_TRANSPORT = {SourceType.DIRECT: 2, SourceType.HLS: 1, SourceType.DASH: 1, SourceType.UNKNOWN: 0}
_TRUST = {found_in: -rank for rank, found_in in enumerate(FoundIn)}
# from this size on, a complete file is preferred to larger tracks that must be merged
_FAIR_LINES = 480
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


def items_to_save(extraction: Extraction, types: Set[ItemType] = VIDEO_TYPES) -> tuple[Item, ...]:
    """Return the post's own media of these types, at least one.

    Raises Ambiguous when videos were seen but none is surely the post's, NoVideo when there is
    none.
    """
    if not (items := tuple(item for item in extraction.media(types) if item.candidates)):
        raise _several_unsure(extraction) if extraction.others else no_video(extraction)
    return items


def same_item(
    place: int, before: Extraction, after: Extraction, types: Set[ItemType] = VIDEO_TYPES
) -> Item:
    """Return the item at index ``place`` of one extraction as a later one shows it: by media id,
    otherwise by index.

    Raises NoVideo when the later extraction does not have it, Ambiguous when it is not sure of any.
    """
    item = before.items[place]
    videos = items_to_save(after, types)
    by_id = next(
        (
            medium
            for medium in after.media(types)
            if item.media_id and medium.media_id == item.media_id
        ),
        None,
    )
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
    item: Item,
    *,
    exclude: Collection[str] = (),
    now: datetime | None = None,
    prefer: Preference = LARGEST,
) -> Candidate:
    """Return the candidate to save of a post's video or picture, or the one of its sound where that
    is preferred.

    ``exclude`` holds URLs that were tried already; ``now`` excludes signed URLs that have expired
    (None admits them, for saved pages). Raises NoVideo (also when every URL was tried), Drm, and
    LinkExpired when all that are left have expired.
    """
    match item.type:
        case ItemType.IMAGE:
            offered: Sequence[Candidate] = item.candidates
            rank: Callable[[Candidate], tuple[float, ...]] = _picture_key
        case _ if prefer.sound_only:
            offered, rank = _sounds(item.candidates), partial(_sound_key, codec=prefer.sound_codec)
        case _:
            offered = [c for c in item.candidates if c.has_video is not False]
            rank = partial(sort_key, item=item, prefer=prefer)
    if not offered:
        raise NoVideo(_NO_LONGER_SHOWN)
    free = [c for c in offered if not c.drm]
    if not free:
        raise Drm("The post's video is copy-protected.")
    fresh = [c for c in free if not _has_expired(c, now)]
    left = [c for c in fresh if c.url not in exclude]
    if left:
        return max(enumerate(left), key=lambda pair: (rank(pair[1]), -pair[0]))[1]
    if fresh:
        raise NoVideo("Every known URL of the video has been tried.")
    raise LinkExpired("Every link to the video has expired.")


def sort_key(
    candidate: Candidate, item: Item, *, prefer: Preference = LARGEST
) -> tuple[float, ...]:
    """Return the rank of a candidate: larger is better; equal keys keep the page's order."""
    shorter_side = _shorter_side(candidate)
    if candidate.source_type in _OF_SEVERAL_SIZES and prefer.max_height is not None:
        shorter_side = min(shorter_side, prefer.max_height)  # it has smaller ones too
    fits, size = prefer.height_rank(shorter_side)
    return (
        -candidate.ownership,
        candidate.video_codec not in _UNDECODABLE,
        _sound(candidate, wanted=item.expected.audio),
        _WATERMARK[candidate.watermark],
        fits,
        prefer.codec_rank(_video_codec(candidate)),
        candidate.original,
        fits and not candidate.audio_url and shorter_side >= _FAIR_LINES,
        size,
        sum((candidate.fps or _USUAL_FPS) > edge for edge in _FPS_BUCKETS),
        (candidate.bitrate or 0) * _EFFICIENCY.get(candidate.video_codec or "", 1.0),
        _TRUST[candidate.found_in],
        _TRANSPORT[candidate.source_type],
        candidate.size or 0,
    )


def _shorter_side(candidate: Candidate) -> int:
    """Return the shorter side in pixels; of a candidate with one known side, that one,
    and 0 without any.
    """
    return min(candidate.width or candidate.height or 0, candidate.height or candidate.width or 0)


def _picture_key(candidate: Candidate) -> tuple[float, ...]:
    """Return the rank of a picture: by its size where that is known;
    a site's list has the largest one first.
    """
    return (-candidate.ownership, (candidate.width or 0) * (candidate.height or 0))


def _sounds(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return what may deliver the sound: the files and streams themselves,
    and the separate sound of silent files.
    """
    whole = [c for c in candidates if not c.audio_url and c.has_audio is not False]
    known = {c.url for c in whole if c.has_video is False}  # with their bit rates
    alone = {
        c.audio_url: _sound_of(c, c.audio_url)
        for c in candidates
        if c.audio_url and c.audio_url not in known
    }
    return [*(c for c in whole if c.url not in alone), *alone.values()]


def _sound_of(picture: Candidate, audio_url: str) -> Candidate:
    """Return the separate sound of a silent file as a separate candidate."""
    return replace(
        picture,
        url=audio_url,
        source_type=SourceType.DIRECT,  # where it is a playlist, the downloader finds out
        audio_url=None,
        mime=None,
        container=None,
        video_codec=None,
        has_video=False,
        has_audio=True,
        width=None,
        height=None,
        fps=None,
        bitrate=None,
        size=None,
    )


def _sound_key(candidate: Candidate, *, codec: str | None) -> tuple[float, ...]:
    """Return the rank of a candidate for its sound: what certainly has the codec first, since all
    other sound has to be converted to it, which costs quality; then sound alone, then by bit rate;
    of pictures with sound those that are large enough to have good sound, the smallest of them
    first.
    """
    is_alone = candidate.has_video is False
    may_be_alone = candidate.source_type in _OF_SEVERAL_SIZES
    shorter_side = _shorter_side(candidate)
    is_fair = shorter_side >= _FAIR_LINES
    return (
        -candidate.ownership,
        candidate.has_audio is True or is_alone,
        codec is not None and _audio_codec(candidate) == codec,
        2 * is_alone + may_be_alone,
        (candidate.bitrate or 0) if is_alone else 0,
        is_fair,
        -shorter_side if is_fair else shorter_side,
        _TRUST[candidate.found_in],
        candidate.size or 0,
    )


_CODEC_OF_CONTAINER = {"m4a": "aac", "mp3": "mp3", "opus": "opus"}


def _audio_codec(candidate: Candidate) -> str | None:
    """Return its audio codec; that of sound alone follows from its container where nothing else is
    known.
    """
    return candidate.audio_codec or _CODEC_OF_CONTAINER.get(candidate.container or "")


def _video_codec(candidate: Candidate) -> str | None:
    """Return its video codec; an MP4 of which nothing else is known is most likely H.264."""
    if candidate.video_codec is None and candidate.container in (None, "mp4"):
        return "h264"
    return candidate.video_codec


def explain(candidate: Candidate) -> str:
    """Return why this one, as the rest of a sentence that begins with "because": whose it is,
    then what it is.
    """
    picture = (
        f"{candidate.width}×{candidate.height}" if candidate.width and candidate.height else None
    )
    facts = [
        {
            SourceType.DIRECT: Message("a direct file"),
            SourceType.HLS: Message("an HLS stream"),
            SourceType.DASH: Message("a DASH stream"),
        }.get(candidate.source_type, Message("a URL of unknown type")),
        picture,
        candidate.video_codec,
        Message("%(bitrate).1f Mbit/s", bitrate=candidate.bitrate / 1_000_000)
        if candidate.bitrate
        else None,
        {True: Message("with sound"), False: Message("without sound")}.get(candidate.has_audio)
        if candidate.has_audio is not None
        else None,
        {Watermark.NO: Message("no watermark"), Watermark.YES: Message("watermarked")}.get(
            candidate.watermark
        ),
        Message("signed") if candidate.signed else None,
        candidate.note or None,
    ]
    known = join(", ", [fact for fact in facts if fact])
    if candidate.evidence and candidate.ownership is not Ownership.CHOSEN:
        return Message(
            "%(evidence)s: %(facts)s", evidence=in_words(candidate.evidence), facts=known
        )
    return Message("%(whose)s: %(facts)s", whose=_WHOSE[candidate.ownership], facts=known)


def no_video(extraction: Extraction) -> NoVideo:
    """Return the failure that says why there is nothing to save, and what the post has instead."""
    failure = _nothing_to_play(extraction)
    failure.embeds, failure.final_url = extraction.embeds, extraction.final_url
    if any(item.role is ItemRole.MAIN and not item.is_video for item in extraction.items):
        failure.instead = extraction
    return failure


def _nothing_to_play(extraction: Extraction) -> NoVideo:
    if any(item.role is ItemRole.QUOTED and item.is_video for item in extraction.items):
        return NoVideo("No video found in this post itself; the post that it quotes has one.")
    photos = sum(
        item.type is ItemType.IMAGE and item.role is ItemRole.MAIN for item in extraction.items
    )
    photos = photos or len(extraction.image_urls)
    if photos and extraction.media(frozenset({ItemType.IMAGE})):
        return OnlyPictures(
            Message(
                "The post has %(pictures)s, but no video.",
                pictures=counted(photos, "picture"),
            )
        )
    if photos:
        return NoVideo(
            Message(
                "No video found in this post. The page shows %(pictures)s, but does not say which"
                " of them are the post's, so they cannot be saved.",
                pictures=counted(photos, "picture"),
            )
        )
    if extraction.media(frozenset({ItemType.AUDIO})):
        return OnlySound("The post has sound, but no video.")
    return NoVideo("No video found in this post.")


def _several_unsure(extraction: Extraction) -> Ambiguous:
    count, evidence = len(extraction.others), extraction.others[0].evidence
    if count == 1 and evidence:
        words = in_words(evidence)
        return Ambiguous(
            Message(
                "One video was found, and it may not be the post's: %(evidence)s.", evidence=words
            )
        )
    return Ambiguous(
        "One video was found, but nothing says that it is the post's."
        if count == 1
        else Message(
            "%(count)s videos were found, and nothing says which is the post's.", count=count
        )
    )


def _has_expired(candidate: Candidate, now: datetime | None) -> bool:
    return now is not None and candidate.expires_at is not None and candidate.expires_at <= now


def _sound(candidate: Candidate, *, wanted: bool | None) -> int:
    """Rank sound above silence, unless the post is one without sound."""
    if wanted is False:
        return 1
    return {True: 2, None: 1, False: 0}[True if candidate.audio_url else candidate.has_audio]


# --- the user's choice ----------------------------------------------------------------------------


def with_first_player(extraction: Extraction) -> Extraction:
    """Return the extraction with the page's first player as the post's video, as a user wants it of
    its site.

    It is unchanged where the page itself says which video is the post's, and where it has no such
    player.
    """
    players = (c for c in extraction.others if is_players(c.evidence))
    first = None if extraction.items else next(players, None)
    return (
        extraction if first is None else with_choice(extraction, [first.url], as_=Ownership.PLAYER)
    )


def as_unsure(extraction: Extraction) -> Extraction:
    """Return the extraction with all videos as such that may be another post's:
    a user is to choose.
    """
    if not extraction.items:
        return extraction
    others = tuple(
        replace(c, ownership=Ownership.UNKNOWN, item=None) for c in extraction.candidates
    )
    return replace(extraction, items=(), others=others)


def with_choice(
    extraction: Extraction, chosen_urls: Sequence[str], *, as_: Ownership = Ownership.CHOSEN
) -> Extraction:
    """Return the extraction with the videos that the user chose as the post's, in the order of
    ``chosen_urls``.

    What was chosen and is no longer found keeps its place, as an item without candidates. The
    extraction is unchanged where none of them is found.
    """
    chosen: dict[str, Item] = {}
    taken: list[Candidate] = []
    for url in chosen_urls:
        found = next((c for c in extraction.candidates if identity(c.url) == identity(url)), None)
        if found is not None and any(found is one for one in taken):
            continue  # another quality of a video that was chosen as well
        same = [
            c for c in extraction.candidates if found and (c is found or _is_same_video(c, found))
        ]
        taken += same
        holder = next(
            (item for item in extraction.items if any(c is found for c in item.candidates)), Item()
        )
        chosen[_choice_id(url)] = _chosen_item(_choice_id(url), same, holder.expected, as_)
    if not taken:
        return extraction
    items = tuple(chosen.values())
    others = tuple(
        replace(c, item=None) for c in extraction.candidates if not any(c is one for one in taken)
    )
    return replace(extraction, items=items, others=others, selected=None)


def _chosen_item(
    media_id: str, candidates: Sequence[Candidate], expected: Expected, as_: Ownership
) -> Item:
    picture = next((c.thumbnail_url for c in candidates if c.thumbnail_url), None)
    owned = tuple(replace(c, ownership=as_, item=None) for c in candidates)
    return Item(owned, media_id=media_id, thumbnail_url=picture, expected=expected)


def _choice_id(url: str) -> str:
    """Return the media id of a chosen video: the same in each attempt,
    also in one that does not find the video.
    """
    return f"chosen-{hashlib.sha256(identity(url).encode('utf-8', 'replace')).hexdigest()[:16]}"


def _is_same_video(first: Candidate, second: Candidate) -> bool:
    return first.media_key is not None and first.media_key == second.media_key
