"""``check``: whether media files are whole, playable videos. Nothing is stored, and no network is used."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mediavault.cli.errors import EXIT_JOB_FAILED, Exit

if TYPE_CHECKING:
    from mediavault.core.media import ProbeReport
    from mediavault.services.media.probe import FfmpegProbe

FROM_STANDARD_INPUT = "-"
AHEAD = 16  # files that are examined before the result of the first one is printed


def check(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="Media files; `-` reads their names from standard input, one per line."),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line on standard output, and nothing else.")
    ] = False,
) -> None:
    """Check whether media files are whole and playable."""
    refused = asyncio.run(_check(list(_named(files)), as_json=as_json))
    if refused:
        raise Exit(EXIT_JOB_FAILED)


def _named(files: Sequence[str]) -> Iterable[str]:
    for name in files:
        if name != FROM_STANDARD_INPUT:
            yield name
            continue
        lines = (os.fsdecode(line).rstrip("\r\n") for line in sys.stdin.buffer)
        yield from (line for line in lines if line)


async def _check(files: Sequence[str], *, as_json: bool) -> int:
    """Print each verdict as soon as it is known; return how many files were refused."""
    from mediavault.core.clock import SystemClock
    from mediavault.services.media.probe import open_probe

    refused = 0
    async with open_probe(SystemClock()) as probe:
        async for file, report in _in_order(files, probe):
            verdict = as_dict(file, report)
            refused += verdict["verdict"] == "reject"
            print_verdict(verdict, as_json=as_json)
    return refused


async def _in_order(files: Iterable[str], probe: FfmpegProbe) -> AsyncIterator[tuple[str, ProbeReport]]:
    waiting: deque[tuple[str, asyncio.Task[ProbeReport]]] = deque()
    try:
        for file in files:
            waiting.append((file, asyncio.create_task(probe.look_into_unknown(Path(file)))))
            if len(waiting) >= AHEAD:
                yield waiting[0][0], await waiting[0][1]
                waiting.popleft()
        while waiting:
            yield waiting[0][0], await waiting[0][1]
            waiting.popleft()
    finally:
        for _, task in waiting:
            task.cancel()
        await asyncio.gather(*(task for _, task in waiting), return_exceptions=True)


def as_dict(file: str, report: ProbeReport) -> dict[str, Any]:
    """The verdict as JSON values. ``reason`` says why a file is refused, or what is unusual about an accepted one."""
    reasons = [problem.reason for problem in report.problems] or report.notes
    return {
        "file": file,
        "verdict": "reject" if report.problems else "accept",
        "reason": "; ".join(reasons) or None,
        "container": report.container,
        "video_codec": report.video_codec,
        "audio_codec": report.audio_codec,
        "duration_s": report.duration_s,
        "width": report.width,
        "height": report.height,
    }


def print_verdict(verdict: dict[str, Any], *, as_json: bool) -> None:
    """Print one line and flush it: a JSON object, or columns."""
    if as_json:
        print_line(json.dumps(verdict))
        return
    from mediavault.presentation.labels import one_line

    length = f"{verdict['duration_s']:.2f} s" if verdict["duration_s"] is not None else ""
    size = f"{verdict['width']}×{verdict['height']}" if verdict["width"] and verdict["height"] else ""
    codecs = "+".join(filter(None, (verdict["video_codec"], verdict["audio_codec"])))
    facts = " ".join(filter(None, (verdict["container"], codecs, size, length)))
    line = f"{verdict['verdict']}  {one_line(verdict['file'])}  {facts}"
    print_line(f"{line}  ({one_line(verdict['reason'])})" if verdict["reason"] else line)


def print_line(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"  # a file name may contain bytes that are not text
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
