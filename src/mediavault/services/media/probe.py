"""Examines media files in child processes and reports what they are and what is wrong with them.

A helper (``probe_child``) reads the untrusted bytes under limits; the verdict (``judgement``) is made here.
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
    DownloadedFile,
    Expected,
    ItemType,
    KeptFile,
    ProbeReport,
    Problem,
    ProblemKind,
)
from mediavault.core.messages import Message
from mediavault.core.pictures import is_picture
from mediavault.core.system_errors import failure_of_disk, is_of_the_machine
from mediavault.services.media.facts import FileFacts, from_json
from mediavault.services.media.helpers import MAX_HELPERS, open_helpers
from mediavault.services.media.judgement import NO_LIMITS, needs_full_read, report, report_of_picture, report_of_sound
from mediavault.services.media.sniff import SNIFF_BYTES, Kind, sniff
from mediavault.services.sandbox.process import GIB, ChildFailed, ChildLimits
from mediavault.services.sandbox.standing import ChildPool

BASE_S = 30.0
CPU_PER_GIB_S = 3.0  # measured: 0.05 s quick, 1.2 s/GB deep
WALL_PER_GIB_S = 30.0  # a deep examination on a network share of 35 MB/s
STILL_S = 20.0
MAX_STILL_BYTES = 20 << 20
READ_BYTES = 1 << 20
MAX_FORMATS = 2_000  # that are remembered


class FfmpegProbe:
    """Examines files in helper processes."""

    def __init__(self, helpers: ChildPool) -> None:
        self._helpers = helpers

    async def examine(self, file: DownloadedFile) -> ProbeReport:
        """Examine a downloaded file against what was expected of it: the less its transport proved, the deeper."""
        if file.type is ItemType.IMAGE:
            return await self.look_at(file.path)
        if file.type is ItemType.AUDIO:
            return await self.listen_to(file.path, expected=file.expected, deep=True)
        return await self.look_into(file.path, expected=file.expected, deep=needs_full_read(file))

    async def listen_to(self, path: Path, *, expected: Expected, deep: bool) -> ProbeReport:
        """Run checks S and O, and B, D and F when ``deep``, on a file's sound alone. Raises as :meth:`look_into`."""
        facts = await self._facts(path, {"task": "sound", "path": str(path), "deep": deep})
        return facts if isinstance(facts, ProbeReport) else report_of_sound(facts, expected)

    async def look_at(self, path: Path) -> ProbeReport:
        """Run checks S, B, O and F on a picture, or on all of an animation's. Raises as :meth:`look_into`."""
        facts = await self._facts(path, {"task": "picture", "path": str(path)})
        return facts if isinstance(facts, ProbeReport) else report_of_picture(facts)

    async def look_into(self, path: Path, *, expected: Expected, deep: bool) -> ProbeReport:
        """Run checks S, B, O, T and K, and D and F when ``deep``. Never raises for a bad file: the report names its problems.

        A crash or time-out of the examiner counts as damage: a file that does this to FFmpeg's libraries is not saved.
        Raises StorageFailure when the file is gone, or its disk cannot read it.
        """
        facts = await self._facts(path, {"task": "examine", "path": str(path), "deep": deep})
        return facts if isinstance(facts, ProbeReport) else report(facts, expected)

    async def _facts(self, path: Path, request: Mapping[str, Any]) -> FileFacts | ProbeReport:
        """Return the examiner's facts, or a report that says why there are none. Raises StorageFailure."""
        try:
            size = (await asyncio.to_thread(os.stat, path)).st_size  # the disk may be a slow network share
        except OSError as exc:
            raise failure_of_disk(exc, path.parent, doing=Message("read")) from exc
        try:
            return from_json(await self._helpers.ask(lambda: request, limits=_limits(size)))
        except ChildFailed as exc:
            if is_of_the_machine(exc.errno, of_a_file=True):
                await asyncio.to_thread(_must_be_readable, path)
            return _unexamined(exc.reason)
        except (KeyError, TypeError, ValueError):
            return _unexamined(Message("the examiner's report is unreadable"))

    async def still(self, video: Path, *, into: Path, at_s: float) -> Path | None:
        """Write a JPEG of the picture at ``at_s`` seconds (at most half way through), turned upright; None when that fails.

        Of a file that is a picture, it is a small one of that.
        """
        return await self._picture(into, {"task": "still", "path": str(video), "into": str(into), "at_s": at_s})

    async def shrink(self, picture: Path, *, into: Path, longest_px: int) -> Path | None:
        """Write a JPEG of a picture, turned upright, with sides of at most ``longest_px``; None when that fails."""
        request = {"task": "still", "path": str(picture), "into": str(into), "at_s": 0.0, "longest_px": longest_px}
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
        """Return the tags in the file that say which post it was saved from; none when they cannot be read."""
        limits = ChildLimits(wall_s=STILL_S, cpu_s=int(STILL_S))
        try:
            answer = await self._helpers.ask(lambda: {"task": "tags", "path": str(path)}, limits=limits)
            return {str(name): str(value) for name, value in answer["tags"].items()}
        except (AttributeError, ChildFailed, KeyError):
            return {}

    async def look_into_unknown(self, path: Path) -> ProbeReport:
        """Run all checks on a file about which nothing is known, without a minimum size or length.

        Never raises for a bad file, nor for a missing one.
        """
        try:
            size = await asyncio.to_thread(_size_of_file, path)
        except (OSError, ValueError) as exc:
            return _refused(Message("it cannot be read: %(value)s", value=getattr(exc, "strerror", None) or exc))
        task = "sound" if await asyncio.to_thread(_is_sound, path) else "examine"
        request = {"task": task, "path": str(path), "deep": True}
        try:
            facts = from_json(await self._helpers.ask(lambda: request, limits=_limits(size)))
            judge = report_of_sound if task == "sound" else report
            return judge(facts, Expected(), NO_LIMITS)
        except ChildFailed as exc:
            return _unexamined(exc.reason)
        except (KeyError, TypeError, ValueError):
            return _unexamined(Message("the examiner's report is unreadable"))


@asynccontextmanager
async def open_probe(clock: Clock, *, helpers: int = MAX_HELPERS) -> AsyncIterator[FfmpegProbe]:
    """Provide a probe with at most ``helpers`` processes of its own, and end them afterwards."""
    async with open_helpers(clock, count=helpers) as opened:
        yield FfmpegProbe(opened)


class FormatProbe:
    """Reads the containers and codecs of saved files, and remembers them by the files' hashes.

    ``path_of`` returns the path of a saved file on this machine, or None when it is missing. Without it, where reading
    would fetch the whole file from a bucket, nothing is read.
    """

    def __init__(self, probe: FfmpegProbe, path_of: Callable[[str], Awaitable[Path | None]] | None) -> None:
        self._probe, self._path_of = probe, path_of
        self._known: dict[str, ProbeReport] = {}

    def known(self, kept: KeptFile) -> ProbeReport | None:
        """Return what was read before; None when the file has not been read."""
        return self._known.get(kept.sha256)

    async def read(self, kept: KeptFile) -> ProbeReport | None:
        """Return what the file holds; takes about half a second the first time. None when it cannot be read."""
        if (known := self.known(kept)) is not None or self._path_of is None:
            return known
        try:
            path = await self._path_of(kept.output_path)
            report = await self._look(path) if path is not None else None
        except StorageFailure:
            return None
        if report is not None and report.container is not None:
            self._known[kept.sha256] = report
            while len(self._known) > MAX_FORMATS:
                del self._known[next(iter(self._known))]
        return report

    async def _look(self, path: Path) -> ProbeReport:
        if is_picture(path.name):
            return await self._probe.look_at(path)
        if path.suffix.lower() in SOUND_SUFFIXES:
            return await self._probe.listen_to(path, expected=Expected(), deep=False)
        return await self._probe.look_into(path, expected=Expected(), deep=False)


def _must_be_readable(path: Path) -> None:
    """Raise StorageFailure when the disk cannot read the file: FFmpeg reports an I/O error for some damaged files too."""
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass
    except OSError as exc:
        raise failure_of_disk(exc, path.parent, doing=Message("read")) from exc


def _is_sound(path: Path) -> bool:
    """Whether the file is of a form for sound alone, or has the name of one."""
    with path.open("rb") as file:
        return sniff(file.read(SNIFF_BYTES)) is Kind.AUDIO or path.suffix.lower() in SOUND_SUFFIXES


def _size_of_file(path: Path) -> int:
    """Return the size. Raises OSError, and ValueError for anything but a regular file: reading a pipe might never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise ValueError(Message("it is a folder"))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(Message("it is not a plain file"))
    with path.open("rb"):  # raises when it may not be read
        return status.st_size


def _limits(size: int) -> ChildLimits:
    gib = size / GIB
    return ChildLimits(wall_s=BASE_S + WALL_PER_GIB_S * gib, cpu_s=int(BASE_S + CPU_PER_GIB_S * gib) + 1)


def _unexamined(reason: str) -> ProbeReport:
    return _refused(Message("it could not be examined: %(reason)s", reason=reason))


def _refused(reason: str) -> ProbeReport:
    return ProbeReport(None, None, None, None, None, None, problems=(Problem(ProblemKind.DAMAGED, reason),))
