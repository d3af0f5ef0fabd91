"""Reads DASH manifests into what is to be fetched, or says why one cannot be saved. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from mediavault.core.failures import BadUrl, Drm, Incomplete, LiveNow, NotAVideo, Unsupported
from mediavault.core.messages import Message
from mediavault.services.download.manifest import MAX_SEGMENTS, MediaPlaylist, Segment, Wanted, has_rare_sound
from mediavault.services.download.mpd_document import AUDIO, VIDEO, MpdDocument, Period, Representation, read_document
from mediavault.services.download.mpd_segments import SegmentList

_ANY = Wanted()
_SECOND_BEST = frozenset({"alternate", "supplementary", "commentary", "dub", "description", "sign", "emergency"})


def read_mpd(text: str, url: str, wanted: Wanted = _ANY) -> list[MediaPlaylist]:
    """The tracks of the quality that is ``wanted`` of the manifest that came from ``url``: pictures, then sound where it
    is separate.

    Raises NotAVideo (no manifest, broken, odd addresses, sound only), LiveNow, Drm, Unsupported (parts of it lie
    elsewhere) and Incomplete (it names no segments).
    """
    try:
        document = read_document(text, url)
        _check(document)
        pictures = chosen_video(document, wanted)
        sound = [] if any(each.has_sound for each in pictures) else _chosen_audio(document, wanted)
        return [_track(chosen, document) for chosen in (pictures, sound) if chosen]
    except BadUrl as exc:
        raise NotAVideo(Message("The manifest's own address is odd: %(error)s", error=exc.message)) from exc
    except (ValueError, OverflowError) as exc:
        raise NotAVideo(Message("The DASH manifest cannot be read: %(error)s.", error=exc)) from exc


def _check(document: MpdDocument) -> None:
    if document.live:
        raise LiveNow("The stream's manifest has no end yet: it is live.")
    if document.remote:
        raise Unsupported("Parts of the DASH manifest lie in other files (xlink), which mediavault does not follow.")
    if not document.periods:
        raise Incomplete("The DASH manifest names no segments.")
    pictures = [each for period in document.periods for each in period.of_kind(VIDEO)]
    if pictures and all(each.protected for each in pictures):
        raise Drm("The stream is protected (ContentProtection).")
    if not pictures:
        raise NotAVideo("The DASH manifest offers sound only.")


def chosen_video(document: MpdDocument, wanted: Wanted = _ANY, *, protected: bool = False) -> list[Representation]:
    """The best pictures of each period, of one kind as far as there is one; periods without any are left out.

    ``protected``: also those that take a licence, to look at and not to fetch.
    """
    chosen: list[Representation] = []
    for period in document.periods:
        free = period.of_kind(VIDEO) if protected else _free(period, VIDEO)
        if free:
            chosen.append(
                _like(chosen[0], free) if chosen else _best_picture(free, wanted, separate=_free(period, AUDIO))
            )
    return chosen


def _chosen_audio(document: MpdDocument, wanted: Wanted) -> list[Representation]:
    """The sound that a player would start with, in each period that has some. Drm when all of it is protected."""
    chosen: list[Representation] = []
    for period in document.periods:
        free = _free(period, AUDIO)
        if not free and period.of_kind(AUDIO):
            raise Drm("The stream's sound is protected (ContentProtection).")
        if free:
            chosen.append(_like(chosen[0], free) if chosen else min(free, key=lambda each: _sound_rank(each, wanted)))
    return chosen


def _free(period: Period, kind: str) -> list[Representation]:
    return [each for each in period.of_kind(kind) if not each.protected]


def _best_picture(
    free: Sequence[Representation], wanted: Wanted, *, separate: Sequence[Representation]
) -> Representation:
    def rank(each: Representation) -> tuple[bool, bool, bool, bool, int, bool, int]:
        return not each.roles & _SECOND_BEST, *wanted.rank(each.rung, has_sound=each.has_sound or bool(separate))

    return max(free, key=rank)


def _sound_rank(each: Representation, wanted: Wanted) -> tuple[bool, bool, bool, int, int]:
    """Smaller is better; of one set, the richest."""
    return (
        bool(each.roles & _SECOND_BEST),
        has_rare_sound(each.rung.codecs),
        not wanted.prefers(each.rung.codecs),
        each.set_number,
        -each.rung.bandwidth,
    )


def _like(model: Representation, choices: Sequence[Representation]) -> Representation:
    """A period's own form of what was chosen in the first: only equal forms can be joined to one film."""

    def distance(each: Representation) -> tuple[bool, bool, int, bool, int]:
        codec, own = (of.rung.codecs.partition(".")[0].lower() for of in (model, each))
        return (
            codec != own,
            model.language != each.language,
            abs(model.rung.height - each.rung.height),
            model.id != each.id,
            abs(model.rung.bandwidth - each.rung.bandwidth),
        )

    return min(choices, key=distance)


def listings_of(chosen: Sequence[Representation]) -> list[SegmentList]:
    """What each period gives to a track; NotAVideo when that is more than MAX_SEGMENTS segments together."""
    found: list[SegmentList] = []
    count = 0
    for each in chosen:
        found.append(each.listing())
        count += len(found[-1].segments)
        if count > MAX_SEGMENTS:
            raise NotAVideo(
                Message("The DASH manifest has more than %(max_segments)d segments.", max_segments=MAX_SEGMENTS)
            )
    return found


def _track(chosen: Sequence[Representation], document: MpdDocument) -> MediaPlaylist:
    listings = listings_of(chosen)
    if not all(listing.counted for listing in listings):
        raise Incomplete("The DASH manifest does not say how many segments there are.")
    segments: tuple[Segment, ...] = tuple(segment for listing in listings for segment in listing.segments)
    if not segments:
        raise Incomplete("The DASH manifest names no segments.")
    return MediaPlaylist(segments, whole_file=any(x.whole_file for x in listings), announced_s=document.duration_s)
