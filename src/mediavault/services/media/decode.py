"""Check F: decodes pictures and sound, all of them as long as that is cheap. Runs inside the examiner's process.

A few flipped bits inside a picture break no length and no table. Only its decoder can notice: it refuses the packet,
marks the picture as corrupt, or conceals blocks that it could not read and logs that (FFmpeg's
``error_resilience.c``: "concealing N DC, N AC, N MV errors"; H.264 and the families of MPEG and H.263). Codecs with
arithmetic coding and without checks (VP8, VP9, AV1, PCM) decode some flips into a wrong picture without an error.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mediavault.services.media.facts import DecodeFacts
from mediavault.services.media.library import (
    FAULTS,
    NOT_WRITTEN_YET,
    concealments,
    decode_in_this_thread,
    listening,
    main_sound,
    main_video,
    open_input,
)
from mediavault.services.sandbox.guard import error_text

MAX_UNDECODED_AT_START = 3  # of sound that may yield nothing at the beginning: an odd one, or a torn end right after it
_JOINED_ANYWHERE = frozenset({"mpegts", "mpeg"})  # containers whose sound may begin in the middle of a piece
MAX_JOINING_SOUNDS = 16  # pieces of sound until the decoder is synchronised
MAX_PACE_RATIO = 1.3  # announced this many times longer or shorter than it lasts: rounding does not explain it
DECODE_CPU_S = 0.5  # 25 seconds of 720p H.264: everything of most clips


def decode_all(path: Path, demuxer: str, *, cpu_s: float = DECODE_CPU_S, sound_only: bool = False) -> DecodeFacts:
    """Decode from the start until the end or until ``cpu_s`` seconds of this process's time are used up.

    ``sound_only`` decodes no pictures.

    Never raises for a bad file. A refused packet of pictures before the first key frame does not count, nor do the first
    packets of sound, since a stream may be joined anywhere; nor does the last packet of sound, which a cut at a picture
    leaves incomplete. Sound of which nothing at all decodes counts, unless the decoder supports its codec only in part.
    """
    count = _Count(joined=demuxer in _JOINED_ANYWHERE)
    with listening() as log:
        try:
            with open_input(path, demuxer) as container:
                streams = _streams(container, sound_only=sound_only)
                _decode(container.demux(streams), count, until=time.process_time() + cpu_s)
        except FAULTS as exc:
            count.read_error = error_text(exc)
        concealed = concealments(log)
    return count.facts(concealed)


def _streams(container: Any, *, sound_only: bool) -> list[Any]:
    """Return the main video stream, where it is wanted, and the first sound stream that has a decoder."""
    pictures = [] if sound_only else [main_video(container)]
    sound = main_sound(container)
    streams = [*pictures, *([] if sound is None else [sound])]
    for stream in streams:
        decode_in_this_thread(stream)
    return streams


def _decode(packets: Iterator[Any], count: _Count, *, until: float) -> None:
    for packet in packets:
        if time.process_time() > until:
            count.complete = False
            return
        count.add(packet)


class _Count:
    def __init__(self, *, joined: bool) -> None:
        self._joined = joined
        self.complete = True
        self.read_error: str | None = None
        self._pictures = self._corrupt = self._refused = 0
        self._sounds = self._sound_refused = self._sound_before = 0
        self._last_sound_refused = False
        self._slow = self._fast = 0
        self._turned = False
        self._error: str | None = None

    def add(self, packet: Any) -> None:
        is_video = packet.stream.type == "video"
        if not is_video and not packet.size and packet.dts is not None:
            return  # silence, as some recorders write it
        try:
            frames = packet.decode()
        except FAULTS as exc:
            self._refuse(exc, is_video=is_video, is_key=packet.is_keyframe)
            return
        if is_video:
            self._pictures += len(frames)
            self._corrupt += sum(frame.is_corrupt for frame in frames)
            self._turned = self._turned or any(frame.rotation % 180 for frame in frames)
        else:
            self._sounds += len(frames)
            self._sound_before += not self._sounds and packet.size > 0 and not packet.is_discard
            self._time(packet, frames)
            self._sound_refused += self._last_sound_refused
            self._last_sound_refused = False

    def _time(self, packet: Any, frames: list[Any]) -> None:
        """Count a piece of sound that lasts clearly longer or shorter than its container says."""
        lasts_s = sum(frame.samples / frame.sample_rate for frame in frames if frame.sample_rate)
        announced_s = float((packet.duration or 0) * packet.time_base)
        self._slow += 0 < MAX_PACE_RATIO * lasts_s < announced_s
        self._fast += 0 < MAX_PACE_RATIO * announced_s < lasts_s

    def _refuse(self, exc: Exception, *, is_video: bool, is_key: bool) -> None:
        if not is_video:
            self._sound_refused += self._last_sound_refused
            self._last_sound_refused = self._sounds > (MAX_JOINING_SOUNDS if self._joined else 0)
            self._sound_before += self._sounds == 0 and not isinstance(exc, NOT_WRITTEN_YET)
            return
        self._error = self._error or error_text(exc)
        self._refused += self._pictures > 0 or is_key

    @property
    def _undecoded_at_start(self) -> int:
        """Number of pieces of sound that failed to decode before the first success, though the decoder knows the codec.

        A stream that is joined anywhere may wait for its decoder's configuration (LATM): there they count only where
        nothing decodes at all. What an edit list leaves out is not counted.
        """
        counts = self._sound_before > MAX_UNDECODED_AT_START and not (self._joined and self._sounds)
        return self._sound_before if counts else 0

    def facts(self, concealed: int) -> DecodeFacts:
        return DecodeFacts(
            complete=self.complete and self.read_error is None,
            pictures=self._pictures,
            refused=self._refused,
            corrupt=self._corrupt,
            concealed=concealed,
            sounds=self._sounds,
            sound_refused=self._undecoded_at_start + self._sound_refused,
            sound_slow=self._slow,
            sound_fast=self._fast,
            turned=self._turned,
            error=self.read_error or self._error,
        )
