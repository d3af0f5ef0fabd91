"""From facts to verdict: why a file is not a whole, playable video. Pure; the thresholds and their
reasons are here.

The checks and what each of them catches were measured on a corpus of damaged and odd files: S
sniff, B structure, O opens with a real video stream, D every packet, F all sound decodes, and every
picture or, of a long film, its key frames. Several may report a problem; the most informative one
comes first, because users see that one. A problem of kind DOUBTFUL is a question to the user: the
file plays, but nothing says that it is all of the film.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mediavault.core.media import Expected, ProbeReport, Problem, ProblemKind
from mediavault.core.messages import Message
from mediavault.media.facts import DecodeFacts, FileFacts, PacketFacts
from mediavault.media.sniff import DEMUXERS, DESCRIPTIONS, Kind

MIN_VIDEO_BYTES = 10_000
MIN_DURATION_S = 0.2
MIN_PICTURES = 2
DURATION_TOLERANCE_S = 1.0  # sites announce whole seconds
DURATION_TOLERANCE = 0.02
# Some sites round to five seconds or add what the last segment lacks (60 s are announced as 62 s);
# of a short clip that is too much to be rounding.
ROUNDED_S, ROUNDED = 2.5, 0.05
# by how much packets may end before the container's end (edit lists, audio padding)
END_TOLERANCE_S = 1.0
MAX_GAP_S = 1.0  # between two pictures, unless the film is a slide show
MAX_PROVEN_GAP_S = 0.3  # the shortest segments last half a second
MAX_GAP_STEPS = 8  # of the usual distance between two pictures
MIN_TIMED_SOUNDS = 4  # pieces, before their pace is judged
MAX_OVERLONG, MAX_OVERLONG_SHARE = 3, 0.01  # pieces of Opus that may overlap the next one
# Of the pieces of an MP3: advertisements are put in at any byte, where the frames on both sides
# lose their ends. Four of 47,088 in an episode that plays everywhere (reviewed on 2026-11-30).
MAX_SPLICED_SHARE = 1 / 5_000
# of pieces of Opus: an encoder uses up to four, and the first and the last may be cut
MAX_LENGTHS = 7
OFF_CLOCK = 0.9  # share of the pieces that are off the pace
# of the announced pictures that may be missing: the table of times may be a little too long
MAX_MISSING_SHARE = 0.01
MIN_PAYLOAD = 0.90  # of the room for packets that packets fill in a whole MP4
# of the pictures: packets that hold none of their own, as parameter sets and repeated pictures
MAX_LOST_SHARE = 0.005
MAX_LOST = 2
TRACKS_APART_S = 1.0  # by how much pictures and sound may end apart without a question
TRACKS_APART = 0.1  # and by which share of the longer of the two: a film may end in silence


@dataclass(frozen=True, slots=True)
class MinimumLimits:
    """Below these limits a file is not accepted however well it plays:
    a site's smaller files are placeholders.
    """

    bytes: int = MIN_VIDEO_BYTES
    duration_s: float = MIN_DURATION_S
    pictures: int = MIN_PICTURES


POST_LIMITS = MinimumLimits()
NO_LIMITS = MinimumLimits(
    bytes=0, duration_s=0.0, pictures=1
)  # for a file of unknown origin: whatever plays is a video

# Containers that leave out pictures that do not change; in others a gap in a file without sound is
# a lost piece.
_MAY_SKIP_PICTURES = frozenset({Kind.WEBM, Kind.MATROSKA, Kind.ASF, Kind.OGG})
# Codecs whose pictures run at a fixed rate: a gap is a lost piece even beside sound (ISO 11172-2
# and 13818-2, frame_rate_code).
_NEVER_SKIP_PICTURES = frozenset({"mpeg1video", "mpeg2video"})

# Recordings of a running stream that keep its times and count their length from zero.
_ON_A_STREAMS_CLOCK = frozenset({Kind.WEBM, Kind.MATROSKA})

_ORDER = (
    ProblemKind.EMPTY,
    ProblemKind.NOT_A_VIDEO,
    ProblemKind.PROTECTED,
    ProblemKind.INCOMPLETE,
    ProblemKind.DAMAGED,
    ProblemKind.DOUBTFUL,
)


SOUND_LIMITS = MinimumLimits(bytes=1_000, duration_s=MIN_DURATION_S, pictures=0)
# Kinds of files that a demuxer reads for their sound; see ``sniff.demuxer_of``.
_HEARD = frozenset({*DEMUXERS, Kind.AUDIO})


def report(facts: FileFacts, expected: Expected, floor: MinimumLimits = POST_LIMITS) -> ProbeReport:
    video, audio = facts.video, facts.audio
    return ProbeReport(
        container=facts.kind.value if facts.kind in DEMUXERS else None,
        video_codec=video.codec if video else None,
        audio_codec=audio.codec if audio else None,
        duration_s=_duration(facts),
        width=video.width if video else None,
        height=video.height if video else None,
        fps=video.fps if video else None,
        problems=(found := problems(facts, expected, floor)),
        notes=notes(facts, expected),
        decoded_whole=not found and facts.decoded is not None and facts.decoded.whole,
        plays=_plays(facts),
    )


def _plays(facts: FileFacts) -> bool:
    """Whether at least one stream decodes in part."""
    return facts.decoded is not None and (facts.decoded.pictures > 0 or facts.decoded.sounds > 0)


def problems(
    facts: FileFacts, expected: Expected, floor: MinimumLimits = POST_LIMITS
) -> tuple[Problem, ...]:
    """Return why the file is not a whole, playable video, the most informative problem first;
    () when it is one.
    """
    if facts.size == 0:
        return (Problem(ProblemKind.EMPTY, Message("it is empty")),)
    if facts.kind not in DEMUXERS:
        return (
            Problem(
                ProblemKind.NOT_A_VIDEO,
                Message("it is %(descriptions)s", descriptions=DESCRIPTIONS[facts.kind]),
            ),
        )
    reasons = [*_size(facts, floor), *facts.structure.problems]
    if not facts.structure.problems:
        reasons += _contents(facts, expected, floor)
    return tuple(sorted(dict.fromkeys(reasons), key=lambda problem: _ORDER.index(problem.kind)))


def notes(facts: FileFacts, expected: Expected) -> tuple[str, ...]:
    """Return oddities that are not a reason to refuse the file."""
    oddities = list(facts.structure.notes)
    if facts.video is not None and facts.audio is None and expected.audio is None:
        oddities.append(Message("it has no sound"))
    lengths = (
        facts.video.duration_s if facts.video else None,
        facts.audio.duration_s if facts.audio else None,
    )
    if (
        lengths[0] is not None
        and lengths[1] is not None
        and abs(lengths[0] - lengths[1]) > max(1.0, 0.1 * lengths[0])
    ):
        oddities.append(
            Message(
                "pictures last %(pictures).1f s, sound %(sound).1f s",
                pictures=lengths[0],
                sound=lengths[1],
            )
        )
    if facts.structure.open_ended and facts.kind is not Kind.MPEGTS:
        oddities.append(Message("its format does not record where it ends"))
    return tuple(oddities)


def _size(facts: FileFacts, floor: MinimumLimits) -> Iterator[Problem]:
    if facts.size < floor.bytes:
        yield Problem(
            ProblemKind.INCOMPLETE,
            Message(
                "it has only %(size)d bytes, and a video has at least %(bytes)d",
                size=facts.size,
                bytes=floor.bytes,
            ),
        )


def _contents(facts: FileFacts, expected: Expected, floor: MinimumLimits) -> Iterator[Problem]:
    if facts.open_error is not None:
        yield Problem(
            ProblemKind.DAMAGED,
            Message("it cannot be opened (%(open_error)s)", open_error=facts.open_error),
        )
        return
    yield from _streams(facts, expected, floor)
    if facts.video is None:
        return
    yield from _length(facts, expected, floor)
    if facts.whole is not None:
        yield from _packets(facts.whole, decoded=facts.decoded is not None)
        yield from _reaches_the_end(facts.whole, facts)
        yield from _whole(facts.whole, facts)
        yield from _last_alike(facts.whole)
    if facts.decoded is not None:
        yield from _decoded(facts.decoded)
        yield from _pace(facts.decoded, facts)


def _streams(facts: FileFacts, expected: Expected, floor: MinimumLimits) -> Iterator[Problem]:
    """Check O."""
    if facts.video is None:
        missing = (
            Message("no pictures that can be decoded")
            if facts.undecodable
            else Message("no video stream")
        )
        what = Message("only cover art, no video") if facts.still_only else missing
        reason = (
            Message("it has %(what)s, only sound", what=what)
            if facts.audio
            else Message("it has %(what)s", what=what)
        )
        yield Problem(ProblemKind.NOT_A_VIDEO, reason)
        return
    if not facts.video.width or not facts.video.height:
        yield Problem(ProblemKind.DAMAGED, Message("its pictures have no size"))
    if facts.audio is not None and not facts.audio.decodable:
        yield Problem(ProblemKind.DAMAGED, Message("its sound is of a kind that cannot be decoded"))
    if expected.audio and facts.audio is None:  # some sites announce sound for silent films too
        yield Problem(
            ProblemKind.DOUBTFUL, Message("it has no sound though the post announced sound")
        )
    pictures = facts.whole.video_packets if facts.whole is not None else facts.video.frames
    if 0 < pictures < floor.pictures:
        yield Problem(ProblemKind.NOT_A_VIDEO, Message("it is a single picture"))


def _length(facts: FileFacts, expected: Expected, floor: MinimumLimits) -> Iterator[Problem]:
    """Check O, and the duration that the post announced:
    both the container's and the pictures' must be as announced.
    """
    duration = _duration(facts)
    if (duration or 0.0) < floor.duration_s:
        yield Problem(
            ProblemKind.NOT_A_VIDEO,
            Message("it lasts only %(duration).2f s", duration=duration or 0),
        )
        return
    if expected.duration_s is None or duration is None:
        return
    announced = expected.duration_s
    slack = max(
        DURATION_TOLERANCE_S, min(ROUNDED_S, ROUNDED * announced), DURATION_TOLERANCE * announced
    )
    pictures = facts.video.duration_s if facts.video else None
    if abs(duration - announced) > slack:
        yield Problem(
            ProblemKind.DOUBTFUL,
            Message(
                "it lasts %(duration).1f s, but the post announced %(duration_s).1f s",
                duration=duration,
                duration_s=announced,
            ),
        )
    elif pictures is not None and abs(pictures - announced) > slack:
        yield Problem(
            ProblemKind.DOUBTFUL,
            Message(
                "its pictures last %(duration).1f s, but the post announced %(duration_s).1f s",
                duration=pictures,
                duration_s=announced,
            ),
        )


def _packets(run: PacketFacts, *, decoded: bool) -> Iterator[Problem]:
    """Check D: signs of damage in the packets themselves."""
    if run.error is not None:
        yield Problem(
            ProblemKind.INCOMPLETE, Message("reading fails inside (%(error)s)", error=run.error)
        )
    for count, what in (
        (run.corrupt, Message("it has broken packets inside (%(count)d)", count=run.corrupt)),
        # some recorders repeat a picture by an empty packet
        (
            run.empty if not decoded else 0,
            Message("it has empty packets inside (%(count)d)", count=run.empty),
        ),
        (
            run.ill_formed,
            Message("it has damaged packets inside (%(count)d)", count=run.ill_formed),
        ),
        (
            run.zero_led + run.zero_filled,
            Message(
                "it has zero-filled packets inside (%(count)d)",
                count=run.zero_led + run.zero_filled,
            ),
        ),
    ):
        if count:
            yield Problem(ProblemKind.DAMAGED, what)


def _reaches_the_end(run: PacketFacts, facts: FileFacts) -> Iterator[Problem]:
    """Check D: packets must go on until the end that the container and its tracks claim."""
    slack = max(END_TOLERANCE_S, 3 * run.usual_step_s)
    assert facts.video is not None
    if facts.structure.fragmented or facts.kind in _ON_A_STREAMS_CLOCK:
        # its fragments may be the later ones of a stream, with the stream's times
        slack += run.start_s
    for claimed, reached, what in (
        (facts.duration_s, run.end_s, Message("it")),
        (facts.video.duration_s, run.video_end_s, Message("its picture")),
        (facts.audio.duration_s if facts.audio else None, run.audio_end_s, Message("its sound")),
    ):
        if claimed is not None and (reached or 0.0) < claimed - slack:
            yield Problem(
                ProblemKind.INCOMPLETE,
                Message(
                    "%(what)s ends at %(reached).1f s instead of %(claimed).1f s",
                    what=what,
                    reached=reached or 0,
                    claimed=claimed,
                ),
            )


def _last_alike(run: PacketFacts) -> Iterator[Problem]:
    """Check D: pictures and sound of which one begins much later than the other,
    or ends much earlier.
    """
    if (
        run.video_begin_s is None
        or run.video_end_s is None
        or run.audio_begin_s is None
        or run.audio_end_s is None
    ):
        return
    pictures_s, sound_s = run.video_end_s - run.video_begin_s, run.audio_end_s - run.audio_begin_s
    apart_s = max(abs(pictures_s - sound_s), abs(run.video_end_s - run.audio_end_s))
    # the last picture of a slide show is shown until the end
    if apart_s > max(TRACKS_APART_S, TRACKS_APART * max(pictures_s, sound_s)) + run.usual_step_s:
        lengths = Message(
            "its pictures last %(pictures).1f s, its sound %(sound).1f s",
            pictures=pictures_s,
            sound=sound_s,
        )
        yield Problem(ProblemKind.DOUBTFUL, lengths)


def _whole(run: PacketFacts, facts: FileFacts) -> Iterator[Problem]:
    """Check D."""
    assert facts.video is not None
    steps = MAX_GAP_STEPS * run.usual_step_s
    may_skip_pictures = facts.video.codec not in _NEVER_SKIP_PICTURES and (
        run.audio_packets > 0 or facts.kind in _MAY_SKIP_PICTURES
    )
    if run.proven_gap_s > max(MAX_PROVEN_GAP_S, steps):
        yield Problem(
            ProblemKind.DAMAGED,
            Message("its pictures jump by %(seconds).1f s", seconds=run.proven_gap_s),
        )
    elif not may_skip_pictures and run.longest_gap_s > max(MAX_GAP_S, steps):
        yield Problem(
            ProblemKind.DAMAGED,
            Message("its pictures jump by %(seconds).1f s", seconds=run.longest_gap_s),
        )
    if run.sound_back_s > MAX_PROVEN_GAP_S:
        yield Problem(
            ProblemKind.DAMAGED,
            Message("its sound jumps back by %(seconds).1f s", seconds=run.sound_back_s),
        )
    if run.sound_gap_s > max(MAX_GAP_S, run.video_end_s or 0.0):
        yield Problem(
            ProblemKind.DAMAGED,
            Message(
                "its sound has a hole of %(sound_gap_s).1f s, longer than the film",
                sound_gap_s=run.sound_gap_s,
            ),
        )
    if DEMUXERS[facts.kind] != "mov" or run.error is not None:
        return  # other containers only estimate what follows
    if facts.video.frames - run.video_packets > MAX_MISSING_SHARE * facts.video.frames:
        counts = Message(
            "%(video_packets)d of %(frames)d",
            video_packets=run.video_packets,
            frames=facts.video.frames,
        )
        yield Problem(
            ProblemKind.INCOMPLETE, Message("it holds %(counts)s announced pictures", counts=counts)
        )
    if facts.decoded is not None and facts.decoded.whole:
        return  # all of it plays; other contents belong to tracks that are not announced
    room = facts.structure.payload_bytes
    if room and run.bytes < MIN_PAYLOAD * room:
        yield Problem(
            ProblemKind.DAMAGED,
            Message("only %(bytes)s of its contents belong to it", bytes=f"{run.bytes / room:.0%}"),
        )


def problems_of_part(run: DecodeFacts) -> tuple[Problem, ...]:
    """Return why the pictures of a part of a film are not whole; () when they are."""
    if run.error is not None and not run.fed:
        return (
            Problem(
                ProblemKind.DAMAGED, Message("reading fails inside (%(error)s)", error=run.error)
            ),
        )
    return tuple(_decoded_pictures(run))


def _decoded(run: DecodeFacts) -> Iterator[Problem]:
    """Check F."""
    if run.pictures == 0:
        yield Problem(
            ProblemKind.DAMAGED,
            Message(
                "none of its pictures decodes (%(error)s)",
                error=run.error or Message("no error was named"),
            ),
        )
    else:
        yield from _decoded_pictures(run)
    if run.sound_refused:
        yield _damaged_sound(run)


def _decoded_pictures(run: DecodeFacts) -> Iterator[Problem]:
    if run.damaged:
        counts = Message(
            "%(bad)d of %(fed)d decoded pictures are damaged", bad=run.damaged, fed=run.fed
        )
        yield Problem(ProblemKind.DAMAGED, _first_at(counts, run.bad_at_s))
    if run.lost > max(MAX_LOST, MAX_LOST_SHARE * run.fed):
        yield Problem(
            ProblemKind.DAMAGED,
            Message("%(lost)d of %(fed)d pictures do not decode", lost=run.lost, fed=run.fed),
        )


def _damaged_sound(run: DecodeFacts) -> Problem:
    count = run.sounds + run.sound_refused
    counts = Message(
        "%(bad)d of %(count)d pieces of its sound do not decode", bad=run.sound_refused, count=count
    )
    return Problem(ProblemKind.DAMAGED, _first_at(counts, run.sound_bad_at_s))


def _first_at(counts: Message, at_s: float | None) -> Message:
    return (
        Message("%(counts)s, the first at %(at).1f s", counts=counts, at=at_s)
        if at_s is not None
        else counts
    )


def _pace(run: DecodeFacts, facts: FileFacts) -> Iterator[Problem]:
    """Check F by the times of the sound. A wrong clock affects all of it, where the container says
    how long each piece lasts.

    Opus may leave silence out, so that its pieces are far apart.
    """
    if facts.audio is None:
        return
    if facts.audio.codec == "opus":  # noise decodes as Opus, but its pieces have any length then
        if run.sound_overlong > max(MAX_OVERLONG, MAX_OVERLONG_SHARE * run.sounds):
            counts = Message(
                "%(bad)d of %(count)d pieces of its sound overlap",
                bad=run.sound_overlong,
                count=run.sounds,
            )
            yield Problem(ProblemKind.DAMAGED, counts)
        elif run.sound_lengths > MAX_LENGTHS:
            lengths = Message(
                "its pieces of sound have %(count)d different lengths", count=run.sound_lengths
            )
            yield Problem(ProblemKind.DAMAGED, lengths)
    if DEMUXERS.get(facts.kind) != "mov" or run.sounds < MIN_TIMED_SOUNDS:
        return
    if run.sound_fast >= OFF_CLOCK * run.sounds:
        yield Problem(ProblemKind.DAMAGED, Message("its sound plays too fast: its clock is wrong"))
    if run.sound_slow >= OFF_CLOCK * run.sounds and facts.audio.codec != "opus":
        yield Problem(
            ProblemKind.DAMAGED, Message("its sound plays too slowly: its clock is wrong")
        )


def _duration(facts: FileFacts) -> float | None:
    """Return the container's own duration; where it has none, the duration that was read."""
    read = facts.whole.end_s if facts.whole is not None else None
    duration = facts.duration_s if facts.duration_s is not None else read
    return round(duration, 3) if duration is not None else None


# --- sound alone ----------------------------------------------------------------------------------


def report_of_sound(
    facts: FileFacts, expected: Expected, floor: MinimumLimits = SOUND_LIMITS
) -> ProbeReport:
    """Return the report of a file that is saved for its sound."""
    return ProbeReport(
        container=facts.kind.value if facts.kind in _HEARD else None,
        video_codec=None,
        audio_codec=facts.audio.codec if facts.audio else None,
        duration_s=_duration(facts),
        width=None,
        height=None,
        problems=(found := problems_of_sound(facts, expected, floor)),
        notes=facts.structure.notes,
        decoded_whole=not found,
        plays=_plays(facts),
    )


def report_of_picture(facts: FileFacts) -> ProbeReport:
    """Return the report of a file that is saved as a picture."""
    picture = facts.video
    return ProbeReport(
        container=picture.codec if picture else None,
        video_codec=None,
        audio_codec=None,
        duration_s=None,
        width=picture.width or None if picture else None,
        height=picture.height or None if picture else None,
        problems=(found := _problems_of_picture(facts)),
        decoded_whole=not found,
    )


def _problems_of_picture(facts: FileFacts) -> tuple[Problem, ...]:
    if facts.size == 0:
        return (Problem(ProblemKind.EMPTY, Message("it is empty")),)
    if facts.video is None:
        if facts.kind is Kind.IMAGE:
            reason = Message("it is a picture of a kind, or of a size, that is not saved")
        else:
            reason = Message(
                "it is %(descriptions)s",
                descriptions=DESCRIPTIONS.get(facts.kind, Message("a video")),
            )
        return (Problem(ProblemKind.NOT_A_VIDEO, reason),)
    if facts.structure.problems:
        return facts.structure.problems
    run = facts.decoded
    if run is None or run.error is not None or run.pictures == 0:
        error = (run.error if run else None) or Message("no error was named")
        return (
            Problem(ProblemKind.DAMAGED, Message("it does not decode (%(error)s)", error=error)),
        )
    if run.damaged:
        return (Problem(ProblemKind.DAMAGED, Message("parts of it do not decode")),)
    return ()


def problems_of_sound(
    facts: FileFacts, expected: Expected, floor: MinimumLimits = SOUND_LIMITS
) -> tuple[Problem, ...]:
    """Return why the file does not hold whole sound that plays,
    the most informative problem first; () when it does.
    """
    if facts.size == 0:
        return (Problem(ProblemKind.EMPTY, Message("it is empty")),)
    if facts.kind not in _HEARD:
        return (
            Problem(
                ProblemKind.NOT_A_VIDEO,
                Message("it is %(descriptions)s", descriptions=DESCRIPTIONS[facts.kind]),
            ),
        )
    reasons = list(facts.structure.problems)
    if facts.size < floor.bytes:
        reasons.append(
            Problem(ProblemKind.INCOMPLETE, Message("it has only %(size)d bytes", size=facts.size))
        )
    if not reasons:
        reasons += _sound_contents(facts, expected, floor)
    return tuple(sorted(dict.fromkeys(reasons), key=lambda problem: _ORDER.index(problem.kind)))


def _sound_contents(
    facts: FileFacts, expected: Expected, floor: MinimumLimits
) -> Iterator[Problem]:
    if facts.open_error is not None:
        yield Problem(
            ProblemKind.DAMAGED,
            Message("it cannot be opened (%(open_error)s)", open_error=facts.open_error),
        )
        return
    if facts.audio is None:
        yield Problem(ProblemKind.NOT_A_VIDEO, Message("it has no sound"))
        return
    if not facts.audio.decodable:
        yield Problem(ProblemKind.DAMAGED, Message("its sound is of a kind that cannot be decoded"))
        return
    yield from _length(facts, expected, floor)
    if facts.whole is not None:
        yield from _packets(facts.whole, decoded=facts.decoded is not None)
        yield from _heard_whole(facts.whole, facts)
    if facts.decoded is not None:
        yield from _decoded_sound(facts.decoded)
        yield from _pace(facts.decoded, facts)


def _heard_whole(run: PacketFacts, facts: FileFacts) -> Iterator[Problem]:
    """Check D of sound: it must go on until the end that its file claims,
    without holes and without jumping back.
    """
    claimed, reached = facts.duration_s, run.end_s or 0.0
    if claimed is not None and reached < claimed - END_TOLERANCE_S:
        yield Problem(
            ProblemKind.INCOMPLETE,
            Message(
                "its sound ends at %(reached).1f s instead of %(claimed).1f s",
                reached=reached,
                claimed=claimed,
            ),
        )
    if run.sound_back_s > MAX_PROVEN_GAP_S:
        yield Problem(
            ProblemKind.DAMAGED,
            Message("its sound jumps back by %(seconds).1f s", seconds=run.sound_back_s),
        )
    codec = facts.audio.codec if facts.audio else ""
    # Files without a clock of their own have no holes: what their parser passes over is damaged.
    longest_s = (
        MAX_PROVEN_GAP_S if facts.kind is Kind.AUDIO and codec in ("flac", "mp3") else MAX_GAP_S
    )
    if run.sound_gap_s > longest_s and codec != "opus":  # which may leave silence out
        yield Problem(
            ProblemKind.DAMAGED, Message("its sound has a hole of %(gap).1f s", gap=run.sound_gap_s)
        )


def _decoded_sound(run: DecodeFacts) -> Iterator[Problem]:
    """Check F of sound."""
    if run.sounds == 0:
        yield Problem(
            ProblemKind.DAMAGED,
            Message(
                "none of its sound decodes (%(error)s)",
                error=run.error or Message("no error was named"),
            ),
        )
    elif run.sound_refused > min(run.sound_spliced, MAX_SPLICED_SHARE * run.sounds):
        yield _damaged_sound(run)


# --- containers that browsers do not open ---------------------------------------------------------

# Containers that browsers open. MP4 is derived from QuickTime's, and browsers read both.
_OPENED = frozenset({"mp4", "mov", "webm"})
# What browsers decode and MP4 may hold (ISO/IEC 14496-15, the AV1 and VP9 bindings; checked
# 2026-11-24).
_VIDEO = frozenset({"h264", "hevc", "av1", "vp9"})
_AUDIO = frozenset({"aac", "mp3", "opus", "flac", "ac3", "eac3"})


def needs_remux(report: ProbeReport) -> bool:
    """Return whether the same pictures and sound in an MP4 would play where this file does not
    (MKV, TS, FLV, AVI …).
    """
    if report.container is None or report.container in _OPENED:
        return False
    return report.video_codec in _VIDEO and (
        report.audio_codec is None or report.audio_codec in _AUDIO
    )
