"""What a recording knows about its own files: one JSON file next to them, replaced after their
bytes were synced.

So it never claims bytes or segments that a power cut could take back. What the files hold beyond it
is cut off.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mediavault.core.recordings import Recording, RecordingEnd
from mediavault.download.manifest import Segment
from mediavault.download.track import Run, TrackRuns
from mediavault.download.writer import replace_text
from mediavault.media.remux import Track

STATE_FILE = "recording.json"
STATE_VERSION = 1
MAX_PATHS = 100


@dataclass(slots=True)
class RecordedTrack:
    """What is recorded of one track.

    ``first`` and ``next`` are sequence numbers: of the first recorded segment, and after the last
    one. ``part`` is the last segment's, ``paths`` are the paths of the last ones that were recorded
    or given up.
    """

    runs: list[Run] = field(default_factory=list)
    segments: int = 0
    recorded_s: float = 0.0
    missing_s: float = 0.0
    first: int | None = None
    next: int | None = None
    part: int = 0
    paths: list[str] = field(default_factory=list)

    def add(self, segments: Sequence[Segment], runs: TrackRuns) -> None:
        """Note that ``segments`` have reached the disk, as the last ones of ``runs``."""
        # what they grow by later does not count yet
        self.runs = [replace(run, joints=[]) for run in runs.runs]
        self.segments += len(segments)
        self.recorded_s += sum(segment.duration_s for segment in segments)
        self.first = segments[0].sequence if self.first is None else self.first
        self.next, self.part = segments[-1].sequence + 1, segments[-1].part
        self.remember(segments)

    def remember(self, segments: Sequence[Segment]) -> None:
        """Note that these segments were seen, so that a list which ends with them is an old one."""
        self.paths = [*self.paths, *(path_of(segment) for segment in segments)][-MAX_PATHS:]


@dataclass(slots=True)
class RecordingState:
    """What is recorded of a stream. ``cuts`` are the places where something is missing;
    ``end`` is set at its end.
    """

    tracks: list[RecordedTrack] = field(default_factory=list)
    cuts: int = 0
    offset_s: float | None = None
    end: RecordingEnd | None = None

    @property
    def has_segments(self) -> bool:
        """Whether something of the first track is recorded."""
        return bool(self.tracks) and self.tracks[0].segments > 0

    @property
    def bytes(self) -> int:
        """The bytes of all files together."""
        return sum(run.bytes for track in self.tracks for run in track.runs)

    @property
    def recording(self) -> Recording:
        """What is recorded, for people."""
        return Recording(
            recorded_s=round(self.tracks[0].recorded_s, 3) if self.tracks else 0.0,
            bytes=self.bytes,
            gaps=self.cuts,
            missing_s=round(max((track.missing_s for track in self.tracks), default=0.0), 3),
            offset_s=self.offset_s,
            end=self.end,
        )


def path_of(segment: Segment) -> str:
    """Return a segment's URL without its query, which may change from one playlist to the next."""
    return segment.url.partition("?")[0]


def save_state(folder: Path, state: RecordingState) -> None:
    """Replace the state in ``folder``, durably. May raise OSError."""
    text = json.dumps({"version": STATE_VERSION, **asdict(state)}, default=lambda path: path.name)
    replace_text(folder / STATE_FILE, text)
    with suppress(OSError):  # some file systems cannot sync a folder
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def load_state(folder: Path) -> RecordingState | None:
    """Return the state in ``folder``, its files cut off where it ends;
    None when there is none that can be trusted.
    """
    try:
        raw = json.loads((folder / STATE_FILE).read_text(encoding="utf-8"))
        if raw.pop("version") != STATE_VERSION:
            return None
        tracks = [_track(folder, track) for track in raw.pop("tracks")]
        end = raw.pop("end")
        state = RecordingState(tracks, **raw, end=RecordingEnd(end) if end else None)
        for run in (run for track in tracks for run in track.runs):
            if run.path.stat().st_size < run.bytes:
                return None
            os.truncate(run.path, run.bytes)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
    return state


def _track(folder: Path, raw: dict[str, Any]) -> RecordedTrack:
    runs = [Run(**{**run, "path": folder / Path(run["path"]).name}) for run in raw.pop("runs")]
    return RecordedTrack(runs, **raw)


def joinable(state: RecordingState) -> tuple[list[Track], int]:
    """Return the tracks to join, and how many parts are left out because a track lacks them: they
    would be silent, or without pictures.
    """
    runs = [[run for run in track.runs if run.bytes > run.init_bytes] for track in state.tracks]
    common = set.intersection(*({run.part for run in track} for track in runs))
    number = dict(zip(sorted(common), itertools.count(), strict=False))
    left_out = len({run.part for run in runs[0]} - common)
    tracks = [
        Track(
            tuple(run.path for run in track if run.part in common),
            parts=tuple(number[run.part] for run in track if run.part in common),
            origins_s=tuple(run.origin_s for run in track if run.part in common),
        )
        for track in runs
    ]
    return tracks, left_out
