"""Check F: decodes all sound, and as many pictures as prove the film. Runs inside the examiner's
process.

Some damage breaks no length and no table, and only a decoder notices it: it refuses the packet,
marks the picture as corrupt, logs that it concealed blocks or skipped slices
(``library.damage_marks``), or loses the picture without a word. So pictures that come out are
compared with packets that went in. Codecs with arithmetic coding and without checks (VP8, VP9, PCM)
decode some damage into a wrong picture or sound without any sign.

A film within the budget of decoded pixels is decoded whole. Of a longer one, every key frame is
decoded alone, and all pictures where key frames are rare; at the first sign of damage, or of an
encoder whose key frames cannot be decoded by themselves, it is decoded whole after all. The budget
is in pixels, so that a slow machine comes to the same verdict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from mediavault.media.facts import DecodeFacts
from mediavault.media.library import (
    FAULTS,
    MP3_FRAME_BYTES,
    NOT_WRITTEN_YET,
    LogLine,
    Readable,
    codec_name,
    damage_marks,
    is_end,
    listening,
    main_sound,
    main_video,
    open_input,
    prepare_decoder,
    sound_packets,
    start_s,
)
from mediavault.sandbox.guard import error_text, watchdog

BUDGET_PX = 7_500_000_000  # two minutes of 1920 x 1080 with 30 pictures a second
PART_PX = 2_000_000_000  # decoded at a time in the background: some ten seconds of a processor
RARE_KEYS_S = 10.0  # key frames farther apart prove too little of what is between them
MAX_HELD = 5_000  # packets that wait for the next key frame
ENOUGH_DAMAGE = 100  # pictures, after which the film need not be decoded further
NEARLY_ALL = 0.9  # of the packets that a strict decoder refuses and a lenient one may not
# of sound that may yield nothing at the beginning: an odd one, or a torn end right after it
MAX_UNDECODED_AT_START = 3
# containers whose sound may begin in the middle of a piece
_JOINED_ANYWHERE = frozenset({"mpegts", "mpeg"})
MAX_JOINING_SOUNDS = 16  # pieces of sound until the decoder is synchronised
# announced this many times longer or shorter than it lasts: rounding does not explain it
MAX_PACE_RATIO = 1.3
CLOCK_JITTER_S = 0.01  # of a recorder that takes the time when a piece of sound comes

# Codecs whose decoder may lose a picture silently. Each packet of theirs holds one picture, or a
# field of one.
_LOSES_SILENTLY = frozenset({"h264", "hevc"})


def decode(
    path: Path,
    demuxer: str,
    *,
    needed_px: int,
    budget_px: int = BUDGET_PX,
    arrived: DecodeFacts | None = None,
) -> DecodeFacts:
    """Decode the sound and the pictures of the main streams; ``needed_px`` is how many pixels all
    pictures have together.

    ``arrived`` are the facts of :func:`decode_arriving`, which are returned where they are of as
    many pictures as needed.

    Never raises for a bad file. A refused packet of pictures before the first key frame does not
    count, nor do the first packets of sound, since a stream may be joined anywhere; nor does the
    last packet of sound, which a cut at a picture leaves incomplete. Sound of which nothing at all
    decodes counts, unless the decoder supports its codec only in part.
    """
    is_short = needed_px <= budget_px
    if arrived is not None and arrived.whole is is_short:
        return arrived
    if not is_short:
        facts = _lenient_where_needed(partial(_decode, path, demuxer, keys_only=lambda _: True))
        if _proves_by_key_frames(facts):
            return facts
    return _lenient_where_needed(partial(_decode, path, demuxer, keys_only=lambda _: False))


def decode_arriving(
    file: Readable, demuxer: str, *, budget_px: int = BUDGET_PX
) -> DecodeFacts | None:
    """Decode a file in the order in which it arrives, as many pictures of it as :func:`decode`
    would.

    Where its container does not say how many there are, only key frames. None at any sign of
    damage: then it is to be decoded again when it is there. So the verdict is the same.
    """

    def is_long(video: Any) -> bool:
        return (
            not video.frames
            or video.frames * video.codec_context.width * video.codec_context.height > budget_px
        )

    facts = _decode(file, demuxer, keys_only=is_long, strict=True, max_damage=0)
    is_clean = not (facts.damaged or facts.sound_refused or facts.error)
    return facts if is_clean and (facts.whole or _proves_by_key_frames(facts)) else None


def _proves_by_key_frames(facts: DecodeFacts) -> bool:
    """Whether key frames alone prove a film: none is damaged,
    and each can be decoded without the others.
    """
    return not facts.damaged and facts.pictures >= facts.fed


def decode_sound(path: Path, demuxer: str) -> DecodeFacts:
    """Decode the main stream of sound and no pictures. Never raises for a bad file."""
    sound, error = _Sound(joined=demuxer in _JOINED_ANYWHERE, is_mp3=demuxer == "mp3"), None
    try:
        with open_input(path, demuxer) as container, watchdog() as still_working:
            stream = main_sound(container)
            prepare_decoder(stream)
            for packet in sound_packets(container, stream):
                still_working()
                sound.feed(packet)
    except FAULTS as exc:
        error = error_text(exc)
    return replace(sound.added_to(DecodeFacts()), whole=error is None, error=error)


def decode_part(path: Path, demuxer: str, *, start: int, budget_px: int = PART_PX) -> DecodeFacts:
    """Decode the pictures from packet number ``start`` of them, a key frame, until a key frame
    beyond the budget.

    ``next`` is that key frame's packet. The pictures that are stored after it and shown before it
    are decoded too, since the next part cannot decode them. Never raises for a bad file.
    """
    return _lenient_where_needed(
        partial(_decode_part, path, demuxer, start=start, budget_px=budget_px)
    )


def _lenient_where_needed(run: Callable[..., DecodeFacts]) -> DecodeFacts:
    """Return the facts of a strict run, or of a lenient one where nearly all is refused:
    then the encoder is not strict.
    """
    facts = run(strict=True)
    return run(strict=False) if facts.refused > NEARLY_ALL * facts.fed else facts


def _decode_part(
    path: Path, demuxer: str, *, start: int, budget_px: int, strict: bool
) -> DecodeFacts:
    with listening() as log:
        try:
            with open_input(path, demuxer) as container:
                video = main_video(container)
                pictures = _Pictures(video, log, start_s(container), strict=strict)
                following = _feed_part(container.demux(video), pictures, start, budget_px)
        except FAULTS as exc:
            return DecodeFacts(error=error_text(exc))
    return replace(pictures.facts(), whole=following is None, next=following)


def _feed_part(
    packets: Iterator[Any], pictures: _Pictures, start: int, budget_px: int
) -> int | None:
    following, key_pts, number = None, None, -1
    with watchdog() as still_working:
        for packet in packets:
            still_working()
            number += not is_end(packet)
            if number < start:
                continue
            is_beyond = number > start and pictures.fed * pictures.size_px >= budget_px
            if following is None and is_beyond and packet.is_keyframe:
                following, key_pts = number, packet.pts
            elif following is not None and not _is_before(packet, key_pts):
                break
            pictures.feed(packet)
    pictures.end_run()
    return following


def _is_before(packet: Any, key_pts: int | None) -> bool:
    """Whether the packet is shown before the key frame that is stored before it."""
    return packet.pts is not None and key_pts is not None and packet.pts < key_pts


def _decode(
    source: Path | Readable,
    demuxer: str,
    *,
    keys_only: Callable[[Any], bool],
    strict: bool,
    max_damage: int = ENOUGH_DAMAGE,
) -> DecodeFacts:
    """Decode the main streams. ``keys_only`` gets the stream of pictures,
    and says whether to decode only key frames.
    """
    error, sound = None, _Sound(joined=demuxer in _JOINED_ANYWHERE)
    is_all, video_packets, audio_packets = False, 0, 0
    seen = DecodeFacts()
    with listening() as log:
        try:
            with open_input(source, demuxer) as container, watchdog() as still_working:
                video, heard = main_video(container), main_sound(container)
                pictures = _Pictures(video, log, start_s(container), strict=strict)
                is_all = not keys_only(video)
                feed = pictures.feed if is_all else _KeysOnly(pictures).feed
                if heard is not None:
                    prepare_decoder(heard)
                try:
                    for packet in container.demux([video, *container.streams.audio]):
                        still_working()
                        # ``stream_index`` of the mark of an end is always 0
                        index = packet.stream.index
                        if index == video.index:
                            video_packets += not is_end(packet)
                            feed(packet)
                        else:
                            audio_packets += not is_end(packet)
                            if heard is not None and index == heard.index:
                                sound.feed(packet)
                        if pictures.damaged > max_damage:
                            is_all = False
                            break
                    pictures.end_run()
                finally:
                    seen = pictures.facts()
        except FAULTS as exc:
            error = error_text(exc)
    return replace(
        sound.added_to(seen),
        whole=is_all and not error,
        error=error or seen.error,
        video_packets=video_packets,
        audio_packets=audio_packets,
    )


class _Pictures:
    """Feeds packets of pictures to their decoder and counts what becomes of them.

    A run is a sequence of packets that begins with a key frame. What is stored after its first key
    frame and shown before that belongs to the pictures before the run, and cannot be decoded
    without them.
    """

    def __init__(self, stream: Any, log: list[LogLine], start_s: float, *, strict: bool) -> None:
        prepare_decoder(stream, strict=strict)
        self._context, self._log, self._start_s = stream.codec_context, log, start_s
        self._may_lose = codec_name(stream) in _LOSES_SILENTLY
        self.size_px: int = stream.codec_context.width * stream.codec_context.height
        self.fed = self._pictures = self._refused = self._corrupt = self._marked = 0
        self._run_pts: int | None = None
        self._in_run = self._has_begun = self._fields = self._turned = False
        self._bad_at_s: float | None = None
        self._error: str | None = None

    @property
    def damaged(self) -> int:
        """How many pictures show signs of damage."""
        return self._refused + max(self._corrupt, self._marked)

    def feed(self, packet: Any) -> None:
        if not self._in_run:
            self._in_run, self._run_pts = True, packet.pts
        elif packet.is_keyframe:
            self._run_pts = None  # from the second key frame on, everything can be decoded
        elif _is_before(packet, self._run_pts):
            return
        self._log.clear()  # of sound that does not decode there may be very many lines
        self._has_begun = self._has_begun or packet.is_keyframe
        self.fed += self._has_begun and packet.size > 0 and not packet.is_discard
        try:
            self._count(packet.decode())
        except FAULTS as exc:
            self._error = self._error or error_text(exc)
            if self._has_begun:
                self._refused += 1
                self._note(packet)
            return
        if self._has_begun and damage_marks(self._log):
            self._marked += 1
            self._note(packet)

    def end_run(self) -> None:
        """Take the pictures that the decoder still holds; the next packet begins a new run."""
        if not self._in_run:
            return
        self._in_run = False
        with suppress(EOFError):  # the end of the stream has brought them already
            self._count(self._context.decode(None))
        self._context.flush_buffers()

    def _count(self, frames: Sequence[Any]) -> None:
        self._pictures += len(frames)
        self._has_begun = self._has_begun or self._pictures > 0
        for frame in frames:
            self._fields = self._fields or frame.interlaced_frame
            self._turned = self._turned or frame.rotation % 180 != 0
            if frame.is_corrupt:
                self._corrupt += 1
                self._note(frame)

    def _note(self, one: Any) -> None:
        """Remember the time of the first packet or picture that is damaged."""
        at = one.pts if one.pts is not None else one.dts
        if self._bad_at_s is None and at is not None:
            self._bad_at_s = max(0.0, float(at * one.time_base) - self._start_s)

    def facts(self) -> DecodeFacts:
        # a packet may hold one field of two
        expected = -(-self.fed // 2) if self._fields else self.fed
        return DecodeFacts(
            fed=self.fed,
            pictures=self._pictures,
            lost=max(0, expected - self._pictures) if self._may_lose else 0,
            refused=self._refused,
            corrupt=self._corrupt,
            marked=self._marked,
            bad_at_s=self._bad_at_s,
            turned=self._turned,
            error=self._error,
        )


class _KeysOnly:
    """Feeds only key frames, each as its own run, and everything where they are farther apart than
    ``RARE_KEYS_S``.
    """

    def __init__(self, pictures: _Pictures) -> None:
        self._pictures = pictures
        self._held: list[Any] = []
        self._all = True  # until the first key frame

    def feed(self, packet: Any) -> None:
        if packet.is_keyframe or is_end(packet):
            self._close()
            self._held, self._all = [packet] if packet.size else [], False
        elif self._all:
            self._pictures.feed(packet)
        elif self._held:
            self._held.append(packet)
            if self._is_rare(packet):
                for held in self._held:
                    self._pictures.feed(held)
                self._held, self._all = [], True

    def _close(self) -> None:
        if self._held:
            self._pictures.feed(self._held[0])
        self._pictures.end_run()

    def _is_rare(self, packet: Any) -> bool:
        first = self._held[0]
        if packet.dts is None or first.dts is None or len(self._held) > MAX_HELD:
            return True
        return float((packet.dts - first.dts) * packet.time_base) > RARE_KEYS_S


class _Sound:
    """Decodes packets of sound and counts what becomes of them."""

    def __init__(self, *, joined: bool, is_mp3: bool = False) -> None:
        self._joined, self._is_mp3 = joined, is_mp3
        self._sounds = self._refused = self._spliced = self._before = 0
        self._last_refused_bytes = 0
        self._last_refused = False
        self._last_refused_at_s: float | None = None
        self._bad_at_s: float | None = None
        self._slow = self._fast = self._overlong = 0
        self._lengths: set[float] = set()
        self._before_dts: int | None = None  # of the packet before, and how long it lasts
        self._before_s = 0.0

    def feed(self, packet: Any) -> None:
        if not packet.size and packet.dts is not None:
            return  # silence, as some recorders write it
        try:
            frames = packet.decode()
        except FAULTS as exc:
            self._refuse(packet, exc)
            return
        self._sounds += len(frames)
        self._before += not self._sounds and packet.size > 0 and not packet.is_discard
        self._time(packet, frames)
        self._settle()

    def _time(self, packet: Any, frames: list[Any]) -> None:
        """Count a piece of sound that lasts clearly longer or shorter than its container says."""
        lasts_s = sum(frame.samples / frame.sample_rate for frame in frames if frame.sample_rate)
        self._lengths.add(round(lasts_s, 5))
        announced_s = float((packet.duration or 0) * packet.time_base)
        self._slow += 0 < MAX_PACE_RATIO * lasts_s < announced_s
        self._fast += 0 < MAX_PACE_RATIO * announced_s < lasts_s
        if packet.dts is not None and self._before_dts is not None:
            until_next_s = float((packet.dts - self._before_dts) * packet.time_base)
            self._overlong += self._before_s > MAX_PACE_RATIO * until_next_s + CLOCK_JITTER_S
        self._before_dts, self._before_s = packet.dts, lasts_s

    def _settle(self) -> None:
        """Count the packet before this one if it was refused: it was not the last."""
        if self._last_refused:
            self._refused += 1
            self._spliced += self._is_mp3 and self._last_refused_bytes <= 2 * MP3_FRAME_BYTES
            self._bad_at_s = (
                self._bad_at_s if self._bad_at_s is not None else self._last_refused_at_s
            )
            self._last_refused = False

    def _refuse(self, packet: Any, exc: Exception) -> None:
        self._settle()
        self._last_refused = self._sounds > (MAX_JOINING_SOUNDS if self._joined else 0)
        self._last_refused_bytes = packet.size
        self._last_refused_at_s = (
            float(packet.dts * packet.time_base) if packet.dts is not None else None
        )
        self._before += self._sounds == 0 and not isinstance(exc, NOT_WRITTEN_YET)

    @property
    def _undecoded_at_start(self) -> int:
        """Number of pieces of sound that failed to decode before the first success, though the
        decoder knows the codec.

        A stream that is joined anywhere may wait for its decoder's configuration (LATM): there they
        count only where nothing decodes at all. What an edit list leaves out is not counted.
        """
        counts = self._before > MAX_UNDECODED_AT_START and not (self._joined and self._sounds)
        return self._before if counts else 0

    def added_to(self, facts: DecodeFacts) -> DecodeFacts:
        """Return the facts with those of the sound."""
        return replace(
            facts,
            sounds=self._sounds,
            sound_refused=self._undecoded_at_start + self._refused,
            sound_spliced=self._spliced,
            sound_bad_at_s=0.0 if self._undecoded_at_start else self._bad_at_s,
            sound_slow=self._slow,
            sound_fast=self._fast,
            sound_overlong=self._overlong,
            sound_lengths=len(self._lengths),
        )
