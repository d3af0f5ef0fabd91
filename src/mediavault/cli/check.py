"""``check``: whether media files are whole, playable videos. Nothing is stored,
and no network is used.
"""

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

from mediavault.cli.options import EXIT_JOB_FAILED, Exit
from mediavault.core.media import ProblemKind

if TYPE_CHECKING:
    from mediavault.core.media import ProbeReport
    from mediavault.media.probe import FfmpegProbe

FROM_STANDARD_INPUT = "-"
ACCEPT, REJECT, UNSURE = "accept", "reject", "unsure"
AHEAD = 16  # files that are examined before the result of the first one is printed


def check(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…",
            help="Media files; `-` reads their names from standard input, one per line.",
        ),
    ],
    *,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON object per line on standard output, and nothing else."
        ),
    ] = False,
) -> None:
    """Check whether media files are whole and playable.

    Each is accepted, rejected, or unsure: it plays, but its pictures and sound end far apart.
    """
    accepted = asyncio.run(_check(list(_named(files)), as_json=as_json))
    if not accepted:
        raise Exit(EXIT_JOB_FAILED)


def _named(files: Sequence[str]) -> Iterable[str]:
    for name in files:
        if name != FROM_STANDARD_INPUT:
            yield name
            continue
        lines = (os.fsdecode(line).rstrip("\r\n") for line in sys.stdin.buffer)
        yield from (line for line in lines if line)


async def _check(files: Sequence[str], *, as_json: bool) -> bool:
    """Print each verdict as soon as it is known; return whether all files were accepted."""
    from mediavault.core.clock import SystemClock
    from mediavault.media.probe import open_probe

    all_accepted = True
    async with open_probe(SystemClock()) as probe:
        async for file, report in _in_order(files, probe):
            verdict = as_dict(file, report)
            all_accepted = all_accepted and verdict["verdict"] == ACCEPT
            print_verdict(verdict, as_json=as_json)
    return all_accepted


async def _in_order(
    files: Iterable[str], probe: FfmpegProbe
) -> AsyncIterator[tuple[str, ProbeReport]]:
    waiting: deque[tuple[str, asyncio.Task[ProbeReport]]] = deque()
    try:
        for file in files:
            waiting.append((file, asyncio.create_task(probe.check_unknown(Path(file)))))
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
    """The verdict as JSON values. ``reason`` says why a file is not accepted, or what is unusual
    about an accepted one.

    ``decoded_whole``: every picture was decoded. Of a longer film only key frames are.
    """
    reasons = [problem.reason for problem in report.problems] or report.notes
    kinds = {problem.kind for problem in report.problems}
    return {
        "file": file,
        "verdict": (UNSURE if kinds == {ProblemKind.DOUBTFUL} else REJECT) if kinds else ACCEPT,
        "reason": "; ".join(reasons) or None,
        "container": report.container,
        "video_codec": report.video_codec,
        "audio_codec": report.audio_codec,
        "duration_s": report.duration_s,
        "width": report.width,
        "height": report.height,
        "decoded_whole": report.decoded_whole,
    }


def print_verdict(verdict: dict[str, Any], *, as_json: bool) -> None:
    """Print one line and flush it: a JSON object, or columns."""
    if as_json:
        print_line(json.dumps(verdict))
        return
    from mediavault.presentation.labels import one_line

    length = f"{verdict['duration_s']:.2f} s" if verdict["duration_s"] is not None else ""
    size = (
        f"{verdict['width']}×{verdict['height']}" if verdict["width"] and verdict["height"] else ""
    )
    codecs = "+".join(filter(None, (verdict["video_codec"], verdict["audio_codec"])))
    facts = " ".join(filter(None, (verdict["container"], codecs, size, length)))
    line = f"{verdict['verdict']}  {one_line(verdict['file'])}  {facts}"
    print_line(f"{line}  ({one_line(verdict['reason'])})" if verdict["reason"] else line)


def print_line(line: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"  # a file name may contain bytes that are not text
    sys.stdout.write(line.encode(encoding, "backslashreplace").decode(encoding) + "\n")
    sys.stdout.flush()
