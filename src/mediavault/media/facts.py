"""What the examiner reports about a media file: plain facts, no judgement.
They cross a process border as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from mediavault.media.sniff import Kind
from mediavault.media.structure import Structure

Step = TypeVar("Step", int, float)


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """A video or audio stream as the container announces it. Times in seconds."""

    codec: str
    duration_s: float | None = None
    frames: int = 0  # announced number of packets; 0 when the container does not say
    width: int = 0  # as displayed
    height: int = 0
    fps: float | None = None
    decodable: bool = True  # there is a decoder for it


@dataclass(frozen=True, slots=True)
class PacketFacts:
    """All packets of the file (D). Counts are of all streams."""

    video_packets: int = 0
    audio_packets: int = 0
    bytes: int = 0
    video_begin_s: float | None = None  # of the first picture, from the container's start
    video_end_s: float | None = None  # end of the last video packet, from the container's start
    audio_begin_s: float | None = None  # of the stream of sound that begins first
    audio_end_s: float | None = None  # of the stream of sound that ends last
    end_s: float | None = None  # end of the last packet of any stream
    corrupt: int = 0  # packets that the demuxer itself marks
    empty: int = 0
    # pictures whose beginning is not their codec's, or whose unit lengths do not fill them
    ill_formed: int = 0
    zero_led: int = 0  # packets that begin with eight zero bytes
    zero_filled: int = 0  # pictures with a long run of zeros in them
    longest_gap_s: float = 0.0  # the longest hole between two pictures
    usual_step_s: float = 0.0  # the median distance between two pictures
    error: str | None = None  # what ended the reading, when it was not the end of the file
    start_s: float = 0.0  # the container's own start, on its clock
    proven_gap_s: float = 0.0  # the longest hole that is surely a loss, or jump back in time
    # the longest hole in the sound, and its longest jump back, where packets say how long they last
    sound_gap_s: float = 0.0
    sound_back_s: float = 0.0


@dataclass(frozen=True, slots=True)
class DecodeFacts:
    """The result of decoding all sound, and pictures across the film. Errors before the first
    picture are not counted.

    Times are of the first damage, in seconds from the container's start.
    """

    # every picture was decoded; else key frames, or until there was enough damage
    whole: bool = False
    # packets of pictures that the decoder was given, except those that are not to be shown
    fed: int = 0
    pictures: int = 0  # that it returned
    lost: int = 0  # pictures that it left out without an error
    refused: int = 0  # packets of pictures that it would not take
    corrupt: int = 0  # pictures that it marks as corrupt
    marked: int = 0  # packets of pictures at which it logged damage
    bad_at_s: float | None = None
    sounds: int = 0
    sound_refused: int = 0
    sound_spliced: int = 0  # of these, pieces of an MP3 file that are at most two frames long
    sound_bad_at_s: float | None = None
    sound_slow: int = 0  # pieces of sound that last clearly less than the container says
    sound_fast: int = 0  # and those that last clearly more
    sound_overlong: int = 0  # pieces of sound that last beyond the beginning of the next one
    sound_lengths: int = 0  # how many different lengths pieces of sound have
    turned: bool = False  # the pictures are stored on their side
    error: str | None = None  # the first one
    next: int | None = None  # the packet of pictures with which the next part begins
    # packets that were read: of the film's pictures, and of all streams of sound
    video_packets: int = 0
    audio_packets: int = 0

    @property
    def damaged(self) -> int:
        """How many pictures show signs of damage. A damaged one may be both marked and corrupt."""
        return self.refused + max(self.corrupt, self.marked)


@dataclass(frozen=True, slots=True)
class FileFacts:
    size: int
    kind: Kind
    structure: Structure = field(default_factory=Structure)
    open_error: str | None = None  # why the container could not be opened
    duration_s: float | None = None
    video: StreamFacts | None = None
    audio: StreamFacts | None = None
    still_only: bool = False  # its only "video" is cover art
    undecodable: bool = False  # its only video is of a codec that is not known here
    whole: PacketFacts | None = None
    decoded: DecodeFacts | None = None


def median(counts: Mapping[Step, int]) -> Step:
    """Return the median of counted steps; 0 when there are none."""
    half, seen = sum(counts.values()) / 2, 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= half:
            return step
    return 0
