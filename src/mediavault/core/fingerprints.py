"""Fingerprints of videos: whether two files show the same, though their bytes differ. Pure.

The measures are those of Meta's PDQ and vPDQ (https://github.com/facebook/ThreatExchange). A
frame's hash says for each of 16 x 16 low frequencies of its brightness whether there is more of it
than of the others: 256 bits. Frames that differ in at most 31 of them look the same, and so do
videos of whose frames at least 80 % have such a partner in the other one. Brightness alone takes
two films for one that differ in a number, or in their colours: so partners have the same colours
too.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from mediavault.core.job import JobId
from mediavault.core.typed_records import from_named_json, to_named_json

SIDE = 64  # pixels of the square picture whose hash is made
SIZE = 16  # frequencies each way
HASH_BYTES = SIZE * SIZE // 8
# from top to bottom, each with two averages of its colour: the same in a mirrored picture
BANDS = 4
FRAME_BYTES = HASH_BYTES + 2 * BANDS
MAX_FRAMES = 60  # of one video: 2.4 KB
MIN_FRAMES = 2  # fewer are no evidence
MIN_QUALITY = 50  # of 100: a frame with less has too little in it, as a black one
SAME_WITHIN = 31  # bits
# of 255. Measured: encoding again changes up to 5, the practice site's clips differ by 12 to 49
COLOUR_WITHIN = 10
ENOUGH = 0.8  # of the frames

# Without frequency 0, the picture's overall brightness. Row k is the wave of frequency k + 1.
_WAVES = [
    [math.sqrt(2 / SIDE) * math.cos(math.pi * k * (2 * at + 1) / (2 * SIDE)) for at in range(SIDE)]
    for k in range(1, SIZE + 1)
]
# Mirroring a picture turns the sign of its odd horizontal frequencies, which are every other bit of
# each row.
_TURNED = sum(1 << (row * SIZE + column) for row in range(SIZE) for column in range(0, SIZE, 2))


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One saved video. ``frames`` has FRAME_BYTES for each frame that has enough in it:
    its hash, then its colours.
    """

    sha256: str
    duration_s: float
    frames: bytes = b""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike two videos are: ``percent`` of their frames. Of identical files it is 100."""

    percent: int
    identical: bool = False


def frame_quality(pixels: bytes) -> int:
    """Return how much there is in a picture of SIDE x SIDE bytes, from 0 (one colour) to 100:
    PDQ's sum of gradients.
    """
    down = zip(pixels, pixels[SIDE:], strict=False)
    across = (
        (one, other) for at, (one, other) in enumerate(itertools.pairwise(pixels), 1) if at % SIDE
    )
    return min(
        100,
        sum(abs(one - other) * 100 // 255 for pairs in (down, across) for one, other in pairs)
        // 90,
    )


def frame_hash(pixels: bytes) -> bytes:
    """Return the hash of a picture of SIDE x SIDE bytes of brightness."""
    rows = [pixels[at : at + SIDE] for at in range(0, SIDE * SIDE, SIDE)]
    across = [[sum(map(mul, row, wave)) for row in rows] for wave in _WAVES]
    strengths = [sum(map(mul, column, wave)) for wave in _WAVES for column in across]
    median = sorted(strengths)[len(strengths) // 2 - 1]
    return sum(1 << at for at, strength in enumerate(strengths) if strength > median).to_bytes(
        HASH_BYTES, "little"
    )


def colours(planes: Iterable[bytes]) -> bytes:
    """Return the average of each band of these planes, whose rows are equally long and many."""
    return bytes(
        round(sum(band) / len(band))
        for plane in planes
        for band in (
            plane[len(plane) * at // BANDS : len(plane) * (at + 1) // BANDS] for at in range(BANDS)
        )
    )


def likeness(one: bytes, other: bytes) -> int:
    """Return what percentage of the frames have a partner in the other video, also a mirrored one;
    0 if too few do.

    The frames are not compared in their order: what was cut out, or is shown a little later, has
    its partner all the same.
    """
    frames, others = _split(one), _split(other)
    if min(len(frames), len(others)) < MIN_FRAMES:
        return 0
    mirrored = [(bits ^ _TURNED, colour) for bits, colour in frames]
    return max(_both_ways(frames, others), _both_ways(mirrored, others))


_Frames = Sequence[tuple[int, bytes]]


def _split(frames: bytes) -> _Frames:
    """Return each frame's hash as a number, and its colours."""
    each = (frames[at : at + FRAME_BYTES] for at in range(0, len(frames), FRAME_BYTES))
    return [(int.from_bytes(frame[:HASH_BYTES], "little"), frame[HASH_BYTES:]) for frame in each]


def _both_ways(frames: _Frames, others: _Frames) -> int:
    share = _share(frames, others)
    return math.floor(100 * min(share, _share(others, frames))) if share else 0


def _share(frames: _Frames, others: _Frames) -> float:
    """Return the share of ``frames`` that have a partner;
    0 as soon as it is certain that too few do.
    """
    may_lack = math.floor(len(frames) * (1 - ENOUGH) + 1e-9)
    lacking = 0
    for bits, colour in frames:
        for other_bits, other_colour in others:
            if (bits ^ other_bits).bit_count() <= SAME_WITHIN and _are_close(colour, other_colour):
                break
        else:
            lacking += 1
            if lacking > may_lack:
                return 0.0
    return 1 - lacking / len(frames)


def _are_close(colour: bytes, other: bytes) -> bool:
    return all(abs(one - two) <= COLOUR_WITHIN for one, two in zip(colour, other, strict=True))


class FingerprintIndex:
    """The fingerprints of many jobs, to find those that are the same as a given one.
    At most 2.4 KB a video.
    """

    def __init__(self) -> None:
        self._jobs: dict[JobId, tuple[Fingerprint, ...]] = {}
        self._by_file: dict[str, set[JobId]] = {}
        self._by_length: list[tuple[float, JobId]] = []

    def __contains__(self, job_id: JobId) -> bool:
        return job_id in self._jobs

    def put(self, job_id: JobId, videos: Iterable[Fingerprint]) -> None:
        """Add a job, or replace its videos."""
        self.drop(job_id)
        self._jobs[job_id] = videos = tuple(videos)
        for video in videos:
            self._by_file.setdefault(video.sha256, set()).add(job_id)
            insort(self._by_length, (video.duration_s, job_id))

    def drop(self, job_id: JobId) -> None:
        """Forget a job."""
        for video in self._jobs.pop(job_id, ()):
            if jobs := self._by_file.get(video.sha256):
                jobs.discard(job_id)
                if not jobs:
                    del self._by_file[video.sha256]
            at = bisect_left(self._by_length, (video.duration_s, job_id))
            del self._by_length[at]

    def search(self, job_id: JobId) -> dict[JobId, Likeness]:
        """Return the other jobs that have a video of this job, or one that looks the same,
        and how alike they are.
        """
        found: dict[JobId, Likeness] = {}
        for video in self._jobs.get(job_id, ()):
            for other in self._by_file[video.sha256] - {job_id}:
                found[other] = Likeness(100, identical=True)
            for other in self._of_similar_length(video) - {job_id}:
                percent = max(likeness(video.frames, each.frames) for each in self._jobs[other])
                if percent and (other not in found or found[other].percent < percent):
                    found[other] = Likeness(percent)
        return found

    def _of_similar_length(self, video: Fingerprint) -> set[JobId]:
        """Return the jobs with a video that is long enough, and short enough,
        for enough frames to have a partner.
        """
        first = bisect_left(self._by_length, (video.duration_s * ENOUGH, JobId("")))
        last = bisect_right(self._by_length, (video.duration_s / ENOUGH, JobId("\U0010ffff")))
        return {job_id for _, job_id in self._by_length[first:last]} if video.frames else set()


def fingerprints_to_json(videos: Mapping[int, Fingerprint]) -> dict[str, Any]:
    """Return the value of a ``fingerprint`` record, whose key is the job's id;
    the keys are the indexes of the items.
    """
    return {
        "videos": {str(index): to_named_json(video, whole=True) for index, video in videos.items()}
    }


def fingerprints_from_json(value: Mapping[str, Any]) -> dict[int, Fingerprint] | None:
    """Invert :func:`fingerprints_to_json`; None for a missing or damaged value."""
    try:
        videos = {
            int(index): from_named_json(Fingerprint, video)
            for index, video in value["videos"].items()
        }
        for video in videos.values():
            whole_frames(video.frames)
    except (AttributeError, LookupError, TypeError, ValueError):
        return None
    return videos


def whole_frames(frames: bytes) -> bytes:
    """Return the frames of a fingerprint. Raises ValueError if these are not some whole ones,
    at most MAX_FRAMES.
    """
    if len(frames) % FRAME_BYTES or len(frames) > MAX_FRAMES * FRAME_BYTES:
        raise ValueError("these are no frames of a fingerprint")
    return frames
