"""What is known of a stream that is, or was, recorded while it was running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from mediavault.core.clock import moment_or_none
from mediavault.core.messages import Message, counted, join

RECORDING = "recording"  # in a job's metadata and in sidecars: the fields of a Recording by name
# in an extraction's metadata: when the stream began, in ISO 8601, where the site says so
BEGAN_AT = "live_began_at"


class RecordingEnd(StrEnum):
    """Why a recording ended. The values are stored: never rename one."""

    ENDED = "ended"  # the stream did
    GONE = "gone"  # its playlist
    QUIET = "quiet"  # nothing new arrived for several minutes
    STOPPED = "stopped"  # by a user
    SIZE = "size"  # it reached the largest size that a video may have
    DISK = "disk"  # the disk is nearly full
    REFUSED = "refused"  # the site no longer offers the stream


@dataclass(frozen=True, slots=True)
class Recording:
    """What was recorded of a stream. ``offset_s`` is where in the stream it begins, None where that
    is unknown.

    ``gaps`` are the places at which something of the stream is missing, ``missing_s`` is about how
    much that is together.
    """

    recorded_s: float = 0.0
    bytes: int = 0
    gaps: int = 0
    missing_s: float = 0.0
    offset_s: float | None = None
    end: RecordingEnd | None = None


def from_json(value: object) -> Recording | None:
    """Read a recording from its fields by name; None for anything else,
    as in a sidecar that was edited by hand.
    """
    if not isinstance(value, Mapping):
        return None
    known = {
        field.name: value[field.name]
        for field in fields(Recording)
        if value.get(field.name) is not None
    }
    end = known.pop("end", None)
    if not all(isinstance(number, int | float) and 0 <= number < 1e15 for number in known.values()):
        return None
    return Recording(**known, end=next((one for one in RecordingEnd if one == end), None))


def clock_time(seconds: float) -> str:
    """Format a time in a stream as in ``00:12:30``."""
    hours, rest = divmod(round(seconds), 3_600)
    return f"{hours:02}:{rest // 60:02}:{rest % 60:02}"


_WHY = {
    RecordingEnd.ENDED: Message("the stream ended"),
    RecordingEnd.GONE: Message("the stream is no longer available"),
    RecordingEnd.QUIET: Message("nothing new arrived for several minutes"),
    RecordingEnd.STOPPED: Message("it was stopped"),
    RecordingEnd.SIZE: Message("it reached the maximum file size"),
    RecordingEnd.DISK: Message("the disk is nearly full"),
    RecordingEnd.REFUSED: Message("the site no longer offers the stream"),
}


def in_words(recording: Recording) -> Message:
    """Return what was recorded, what is missing, and why it ended, as in "Recorded live: 01:02:03
    from 00:12:30 of the stream; 2 gaps, about 00:00:14 missing; the stream ended".
    """
    time, missing = clock_time(recording.recorded_s), clock_time(recording.missing_s)
    facts = [
        Message("Recorded live: %(time)s", time=time)
        if recording.offset_s is None
        else Message(
            "Recorded live: %(time)s from %(offset)s of the stream",
            time=time,
            offset=clock_time(recording.offset_s),
        )
    ]
    if recording.gaps:
        gaps = counted(recording.gaps, "gap")
        facts.append(Message("%(gaps)s, about %(missing)s missing", gaps=gaps, missing=missing))
    if recording.end is not None:
        facts.append(_WHY[recording.end])
    return join("; ", facts)


def began_at(metadata: Mapping[str, Any]) -> datetime | None:
    """Return when the stream began, by an extraction's metadata;
    None where the site did not say.
    """
    return moment_or_none(metadata.get(BEGAN_AT))
