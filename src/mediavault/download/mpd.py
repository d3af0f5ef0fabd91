"""Turns DASH manifests into the tracks to fetch, or raises why one cannot be saved. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import BadUrl, Drm, Failure, Incomplete, NotAVideo, Unsupported
from mediavault.core.media import LiveNow, SubtitleSource
from mediavault.core.messages import Message
from mediavault.download.manifest import (
    MAX_SEGMENTS,
    MediaPlaylist,
    Segment,
    Wanted,
    has_rare_sound,
)
from mediavault.download.mpd_document import (
    AUDIO,
    VIDEO,
    WEBVTT,
    MpdDocument,
    Period,
    Representation,
    read_document,
)
from mediavault.download.mpd_segments import SegmentList

_ANY = Wanted()
_SECONDARY_ROLES = frozenset(
    {"alternate", "supplementary", "commentary", "dub", "description", "sign", "emergency"}
)


def read_mpd(text: str, url: str, wanted: Wanted = _ANY) -> list[MediaPlaylist]:
    """Return the tracks to fetch from the manifest that came from ``url``: pictures, then sound
    where it is separate.

    Where only sound is preferred, that alone, if it is separate.

    Raises NotAVideo (not a manifest, broken, invalid addresses, sound only although pictures are
    wanted), LiveNow, Drm, Unsupported (parts of it are elsewhere) and Incomplete (it lists no
    segments).
    """
    try:
        document = read_document(text, url)
        _check(document, wanted)
        if wanted.prefer.sound_only and (sound := _chosen_audio(document, wanted)):
            return [_track(sound, document)]
        pictures = chosen_video(document, wanted)
        sound = (
            []
            if any(picture.has_sound for picture in pictures)
            else _chosen_audio(document, wanted)
        )
        return [_track(chosen, document) for chosen in (pictures, sound) if chosen]
    except BadUrl as exc:
        raise NotAVideo(
            Message("The manifest's URL is not valid: %(error)s", error=exc.message)
        ) from exc
    except (ValueError, OverflowError) as exc:
        raise NotAVideo(Message("The DASH manifest cannot be read: %(error)s.", error=exc)) from exc


def subtitles_of(text: str, url: str) -> tuple[SubtitleSource, ...]:
    """Return the subtitles that a manifest names as files; () where it names none,
    or cannot be read.
    """
    if WEBVTT not in text.lower():
        return ()
    try:
        return read_document(text, url).subtitles
    except (Failure, BadUrl, ValueError, OverflowError):
        return ()


def _check(document: MpdDocument, wanted: Wanted) -> None:
    if document.live:
        raise LiveNow("The stream's manifest has no end yet: it is live.")
    if document.remote:
        raise Unsupported(
            "Parts of the DASH manifest are in other files (xlink), which mediavault does not"
            " support."
        )
    if not document.periods:
        raise Incomplete("The DASH manifest names no segments.")
    if wanted.prefer.sound_only and any(period.of_kind(AUDIO) for period in document.periods):
        return
    pictures = [picture for period in document.periods for picture in period.of_kind(VIDEO)]
    if pictures and all(picture.protected for picture in pictures):
        raise Drm("The stream is protected (ContentProtection).")
    if not pictures:
        raise NotAVideo("The DASH manifest offers sound only.")


def chosen_video(
    document: MpdDocument, wanted: Wanted = _ANY, *, protected: bool = False
) -> list[Representation]:
    """Return the best pictures of each period, in one form as far as possible; periods without any
    are left out.

    ``protected``: include those that need a licence, for inspection rather than for fetching.
    """
    chosen: list[Representation] = []
    for period in document.periods:
        choices = period.of_kind(VIDEO) if protected else _unprotected(period, VIDEO)
        if choices:
            chosen.append(
                _most_similar(chosen[0], choices)
                if chosen
                else _best_picture(choices, wanted, separate=_unprotected(period, AUDIO))
            )
    return chosen


def _chosen_audio(document: MpdDocument, wanted: Wanted) -> list[Representation]:
    """Return the sound that a player would start with, in each period that has some.

    Raises Drm when all sound of a period is protected.
    """
    chosen: list[Representation] = []
    for period in document.periods:
        choices = _unprotected(period, AUDIO)
        if not choices and period.of_kind(AUDIO):
            raise Drm("The stream's sound is protected (ContentProtection).")
        if choices:
            chosen.append(
                _most_similar(chosen[0], choices)
                if chosen
                else min(choices, key=lambda sound: _sound_rank(sound, wanted))
            )
    return chosen


def _unprotected(period: Period, kind: str) -> list[Representation]:
    return [candidate for candidate in period.of_kind(kind) if not candidate.protected]


def _best_picture(
    choices: Sequence[Representation], wanted: Wanted, *, separate: Sequence[Representation]
) -> Representation:
    def rank(picture: Representation) -> tuple[bool, bool, bool, bool, int, int, bool, int]:
        has_sound = picture.has_sound or bool(separate)
        return not picture.roles & _SECONDARY_ROLES, *wanted.rank(
            picture.level, has_sound=has_sound
        )

    return max(choices, key=rank)


def _sound_rank(sound: Representation, wanted: Wanted) -> tuple[bool, bool, int, int, int]:
    """Return a sort key; smaller is better, and within one set the highest bandwidth wins."""
    return (
        bool(sound.roles & _SECONDARY_ROLES),
        has_rare_sound(sound.level.codecs),
        -wanted.codec_rank(sound.level.codecs),
        sound.set_number,
        -sound.level.bandwidth,
    )


def _most_similar(model: Representation, choices: Sequence[Representation]) -> Representation:
    """Return the choice most similar to ``model`` of the first period:
    only equal forms can be joined into one film.
    """

    def distance(choice: Representation) -> tuple[bool, bool, int, bool, int]:
        model_codec, codec = (
            item.level.codecs.partition(".")[0].lower() for item in (model, choice)
        )
        return (
            codec != model_codec,
            model.language != choice.language,
            abs(model.level.height - choice.level.height),
            model.id != choice.id,
            abs(model.level.bandwidth - choice.level.bandwidth),
        )

    return min(choices, key=distance)


def listings_of(chosen: Sequence[Representation]) -> list[SegmentList]:
    """Return the segments of a track, period by period.
    Raises NotAVideo for more than MAX_SEGMENTS in all.
    """
    listings: list[SegmentList] = []
    count = 0
    for representation in chosen:
        listings.append(representation.listing())
        count += len(listings[-1].segments)
        if count > MAX_SEGMENTS:
            raise NotAVideo(
                Message(
                    "The DASH manifest has more than %(max_segments)d segments.",
                    max_segments=MAX_SEGMENTS,
                )
            )
    return listings


def _track(chosen: Sequence[Representation], document: MpdDocument) -> MediaPlaylist:
    listings = listings_of(chosen)
    if not all(listing.counted for listing in listings):
        raise Incomplete("The DASH manifest does not say how many segments there are.")
    segments: tuple[Segment, ...] = tuple(
        segment for listing in listings for segment in listing.segments
    )
    if not segments:
        raise Incomplete("The DASH manifest names no segments.")
    whole_file = any(listing.whole_file for listing in listings)
    has_sound = any(choice.has_sound or choice.kind == AUDIO for choice in chosen)
    return MediaPlaylist(
        segments, whole_file=whole_file, announced_s=document.duration_s, has_sound=has_sound
    )
