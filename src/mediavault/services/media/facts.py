"""What the examiner reports about a media file: plain facts, no judgement. They cross a process border as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from mediavault.core import messages
from mediavault.core.media import Problem, ProblemKind
from mediavault.services.media.sniff import Kind
from mediavault.services.media.structure import Structure

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
    """A run of packets that was read: the last seconds (T) or the whole file (D). Counts are of all streams."""

    video_packets: int = 0
    audio_packets: int = 0
    bytes: int = 0
    video_end_s: float | None = None  # end of the last video packet, from the container's start
    end_s: float | None = None  # end of the last packet of any stream
    corrupt: int = 0  # packets that the demuxer itself marks
    empty: int = 0
    bad_nal: int = 0  # H.264/HEVC packets whose unit lengths do not fill them
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
class PictureFacts:
    """An attempt to decode a key frame and the picture after it, at ``at_s``."""

    at_s: float
    pictures: int
    error: str | None = None


@dataclass(frozen=True, slots=True)
class DecodeFacts:
    """The result of decoding from the start. Errors before the first picture are not counted."""

    complete: bool  # to the end of the file; else until the time for it was used up
    pictures: int = 0
    refused: int = 0  # packets of pictures that the decoder would not take
    corrupt: int = 0  # pictures that the decoder itself marks
    concealed: int = 0  # pictures with blocks that could not be read
    sounds: int = 0
    sound_refused: int = 0
    sound_slow: int = 0  # pieces of sound that last clearly less than the container says
    sound_fast: int = 0  # and those that last clearly more
    turned: bool = False  # the pictures are stored on their side
    error: str | None = None  # the first one


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
    tail: PacketFacts | None = None
    whole: PacketFacts | None = None
    decoded: DecodeFacts | None = None
    pictures: tuple[PictureFacts, ...] = ()


def to_json(facts: FileFacts) -> dict[str, Any]:
    structure = facts.structure
    problems = [[problem.kind, *_packed(problem.reason)] for problem in structure.problems]
    return asdict(facts) | {
        "structure": asdict(structure) | {"problems": problems, "notes": [_packed(note) for note in structure.notes]}
    }


def _packed(text: str) -> tuple[str, str | None]:
    return text, messages.to_json(text)


def from_json(raw: Mapping[str, Any]) -> FileFacts:
    """Return the facts that :func:`to_json` wrote. Raises KeyError, TypeError or ValueError for anything else."""
    structure = raw["structure"]
    problems = tuple(Problem(ProblemKind(kind), messages.from_json(*reason)) for kind, *reason in structure["problems"])
    notes = tuple(messages.from_json(*note) for note in structure["notes"])
    return FileFacts(
        size=int(raw["size"]),
        kind=Kind(raw["kind"]),
        structure=Structure(**{**structure, "problems": problems, "notes": notes}),
        open_error=raw["open_error"],
        duration_s=raw["duration_s"],
        video=StreamFacts(**raw["video"]) if raw["video"] else None,
        audio=StreamFacts(**raw["audio"]) if raw["audio"] else None,
        still_only=raw["still_only"],
        undecodable=raw["undecodable"],
        tail=PacketFacts(**raw["tail"]) if raw["tail"] else None,
        whole=PacketFacts(**raw["whole"]) if raw["whole"] else None,
        decoded=DecodeFacts(**raw["decoded"]) if raw["decoded"] else None,
        pictures=tuple(PictureFacts(**picture) for picture in raw["pictures"]),
    )


def median(counts: Mapping[Step, int]) -> Step:
    """Return the median of counted steps; 0 when there are none."""
    half, seen = sum(counts.values()) / 2, 0
    for step in sorted(counts):
        seen += counts[step]
        if seen >= half:
            return step
    return 0
