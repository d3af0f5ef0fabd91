"""Examines media files in child processes and reports what they are and what is wrong with them.

A helper (``probe_child``) reads the untrusted bytes under limits; the verdict (``judgement``) is
made here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import StorageFailure
from mediavault.core.media import (
    SOUND_SUFFIXES,
    DecodedPart,
    DownloadedFile,
    Expected,
    ItemType,
    ProbeReport,
    Problem,
    ProblemKind,
    SavedFile,
    is_picture,
)
from mediavault.core.messages import Message
from mediavault.core.system_errors import failure_of_disk, is_of_the_machine
from mediavault.core.typed_records import named
from mediavault.media.arrival import MAX_HELPERS, facts_on_arrival, open_helpers
from mediavault.media.facts import DecodeFacts, FileFacts
from mediavault.media.judgement import (
    NO_LIMITS,
    POST_LIMITS,
    SOUND_LIMITS,
    MinimumLimits,
    problems_of_part,
    report,
    report_of_picture,
    report_of_sound,
)
from mediavault.media.sniff import SNIFF_BYTES, Kind, sniff
from mediavault.sandbox.process import GIB, ChildFailed, ChildLimits
from mediavault.sandbox.standing import ChildPool

# At the measured 345 million pixels a second, two hours of 1080p that look damaged are decoded
# whole in 22 minutes.
LIMIT_S = LIMIT_PER_GIB_S = 7_200.0
STILL_S = 20.0
MAX_STILL_BYTES = 20 << 20
READ_BYTES = 1 << 20
MAX_FORMATS = 2_000  # that are remembered
_UNKNOWN = Expected()
_UNREADABLE_REPORT = Message("the examiner's report is unreadable")


class FfmpegProbe:
    """Examines files in helper processes. ``later``: at low priority,
    since no user waits for it.
    """

    def __init__(self, helpers: ChildPool, *, later: bool = False) -> None:
        self._helpers, self._later = helpers, later

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        """Return the verdict on a downloaded file, compared with what its post announced.

        Never raises for a bad file: the report names its problems. A crash of the examiner counts
        as damage: a file that does this to FFmpeg's libraries is not saved. Raises StorageFailure
        when the file is gone, or its disk cannot read it.
        """
        match file.type:
            case ItemType.IMAGE:
                return await self._report(file.path, "picture")
            case ItemType.AUDIO:
                return await self._report(file.path, "sound", expected=file.expected)
            case _:
                arrived = await facts_on_arrival(file.decoding, within_s=_limits(file.bytes).wall_s)
                return await self._report(
                    file.path, "examine", expected=file.expected, arrived=arrived
                )

    async def check_unknown(self, path: Path) -> ProbeReport:
        """Return the verdict on a file about which nothing is known, without a minimum size or
        length.

        Never raises for a bad file, nor for a missing one.
        """
        try:
            return await self._report(
                path, await asyncio.to_thread(_task_for, path), limits=NO_LIMITS
            )
        except (OSError, ValueError) as exc:
            return _refused(
                Message("it cannot be read: %(value)s", value=getattr(exc, "strerror", None) or exc)
            )
        except StorageFailure as exc:
            return _refused(exc.message)

    async def decode_rest(self, path: Path, *, start: int) -> DecodedPart:
        """Decode the pictures from packet number ``start`` of them on, some ten seconds of a
        processor at low priority.

        The sound was decoded when the file was examined. Raises StorageFailure as :meth:`examine`.
        """
        try:
            run = DecodeFacts(
                **await self._ask(path, {"task": "decode", "path": str(path), "start": start})
            )
            return DecodedPart(problems_of_part(run), run.next)
        except ChildFailed as exc:
            return DecodedPart(_unexamined(exc.reason).problems, None)
        except TypeError:
            return DecodedPart(_unexamined(_UNREADABLE_REPORT).problems, None)

    async def formats(self, path: Path) -> ProbeReport:
        """Return what a file holds (container, codecs, size), without examining whether it is
        whole. Raises StorageFailure.
        """
        if is_picture(path.name):
            return await self._report(path, "picture")
        task = "sound" if path.suffix.lower() in SOUND_SUFFIXES else "examine"
        return await self._report(path, task, formats_only=True)

    async def _report(
        self,
        path: Path,
        task: str,
        *,
        expected: Expected = _UNKNOWN,
        limits: MinimumLimits | None = None,
        formats_only: bool = False,
        arrived: Mapping[str, Any] | None = None,
    ) -> ProbeReport:
        """Return the verdict on the examiner's facts, or a report that says why there are none.
        Raises StorageFailure.

        Without ``limits`` those of a post's video, or of its sound, count.
        """
        request = {
            "task": task,
            "path": str(path),
            "formats_only": formats_only,
            "arrived": arrived,
        }
        try:
            facts = named(FileFacts, await self._ask(path, request))
        except ChildFailed as exc:
            return _unexamined(exc.reason)
        except (KeyError, TypeError, ValueError):
            return _unexamined(_UNREADABLE_REPORT)
        match task:
            case "picture":
                return report_of_picture(facts)
            case "sound":
                return report_of_sound(facts, expected, limits or SOUND_LIMITS)
            case _:
                return report(facts, expected, limits or POST_LIMITS)

    async def _ask(self, path: Path, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the helper's answer about a file. Raises ChildFailed,
        and StorageFailure when the disk cannot read it.
        """
        try:
            # the disk may be a slow network share
            size = (await asyncio.to_thread(os.stat, path)).st_size
        except OSError as exc:
            raise failure_of_disk(exc, path.parent, doing=Message("read")) from exc
        try:
            return await self._helpers.ask(
                lambda: {**request, "later": self._later}, limits=_limits(size)
            )
        except ChildFailed as exc:
            if is_of_the_machine(exc.errno, of_a_file=True):
                await asyncio.to_thread(_must_be_readable, path)
            raise

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        """Write a JPEG of the picture at ``at_s`` seconds (at most half way through), turned
        upright; None when that fails.

        Of a file that is a picture, it is a small one of that.
        """
        return await self._picture(
            into, {"task": "still", "path": str(video), "into": str(into), "at_s": at_s}
        )

    async def shrink(self, picture: Path, *, into: Path, longest_px: int) -> Path | None:
        """Write a JPEG of a picture, turned upright, with sides of at most ``longest_px``;
        None when that fails.
        """
        request = {
            "task": "still",
            "path": str(picture),
            "into": str(into),
            "at_s": 0.0,
            "longest_px": longest_px,
        }
        return await self._picture(into, request)

    async def _picture(self, into: Path, request: Mapping[str, Any]) -> Path | None:
        limits = ChildLimits(wall_s=STILL_S, cpu_s=int(STILL_S), file_bytes=MAX_STILL_BYTES)
        try:
            answer = await self._helpers.ask(lambda: request, limits=limits)
        except ChildFailed:
            with contextlib.suppress(OSError):  # a failing disk is reported when the video is saved
                await asyncio.to_thread(into.unlink, missing_ok=True)
            return None
        return into if answer.get("made") is True else None

    async def tags(self, path: Path) -> Mapping[str, str]:
        """Return the tags in the file that say which post it was saved from;
        none when they cannot be read.
        """
        limits = ChildLimits(wall_s=STILL_S, cpu_s=int(STILL_S))
        try:
            answer = await self._helpers.ask(
                lambda: {"task": "tags", "path": str(path)}, limits=limits
            )
            return {str(name): str(value) for name, value in answer["tags"].items()}
        except (AttributeError, ChildFailed, KeyError):
            return {}


@asynccontextmanager
async def open_probe(
    clock: Clock, *, helpers: int = MAX_HELPERS, later: bool = False
) -> AsyncIterator[FfmpegProbe]:
    """Provide a probe with at most ``helpers`` own processes, and end them afterwards."""
    async with open_helpers(clock, count=helpers) as opened:
        yield FfmpegProbe(opened, later=later)


class FormatProbe:
    """Reads the containers and codecs of saved files, and remembers them by the files' hashes.

    ``path_of`` returns the path of a saved file on this machine, or None when it is missing.
    Without it, where reading would fetch the whole file from a bucket, nothing is read.
    """

    def __init__(
        self, probe: FfmpegProbe, path_of: Callable[[str], Awaitable[Path | None]] | None
    ) -> None:
        self._probe, self._path_of = probe, path_of
        self._known: dict[str, ProbeReport] = {}

    def known(self, saved: SavedFile) -> ProbeReport | None:
        """Return what was read before; None when the file has not been read."""
        return self._known.get(saved.sha256)

    async def read(self, saved: SavedFile) -> ProbeReport | None:
        """Return what the file holds. None when it cannot be read."""
        if (known := self.known(saved)) is not None or self._path_of is None:
            return known
        try:
            path = await self._path_of(saved.output_path)
            report = await self._probe.formats(path) if path is not None else None
        except StorageFailure:
            return None
        if report is not None and report.container is not None:
            self._known[saved.sha256] = report
            while len(self._known) > MAX_FORMATS:
                del self._known[next(iter(self._known))]
        return report


def _must_be_readable(path: Path) -> None:
    """Raise StorageFailure when the disk cannot read the file:
    FFmpeg reports an I/O error for some damaged files too.
    """
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass
    except OSError as exc:
        raise failure_of_disk(exc, path.parent, doing=Message("read")) from exc


def _task_for(path: Path) -> str:
    """Return how to examine a file. Raises OSError, and ValueError for anything but a regular file:
    reading a pipe might never end.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise ValueError(Message("it is a folder"))
    if not stat.S_ISREG(mode):
        raise ValueError(Message("it is not a plain file"))
    with path.open("rb") as file:  # raises when it may not be read
        head = file.read(SNIFF_BYTES)
    if is_picture(path.name):
        return "picture"
    return (
        "sound" if sniff(head) is Kind.AUDIO or path.suffix.lower() in SOUND_SUFFIXES else "examine"
    )


def _limits(size: int) -> ChildLimits:
    """Return limits that only what never ends reaches:
    the verdict must not depend on how fast the machine is.
    """
    limit_s = LIMIT_S + LIMIT_PER_GIB_S * size / GIB
    return ChildLimits(wall_s=2 * limit_s, cpu_s=int(limit_s))


def _unexamined(reason: str) -> ProbeReport:
    return _refused(Message("it could not be examined: %(reason)s", reason=reason))


def _refused(reason: str) -> ProbeReport:
    return ProbeReport(
        None, None, None, None, None, None, problems=(Problem(ProblemKind.DAMAGED, reason),)
    )
