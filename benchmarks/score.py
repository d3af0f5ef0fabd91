"""Holds mediavault's answers against a folder of cases whose right answers are known: ``python -m benchmarks.score``.

It needs no network and exits 0 however the score is; 2 where there are no cases. README.md says how to read it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.score_cases import Answer, NoCases, Section, read_cases
from benchmarks.score_judges import ERROR, FALSE_POSITIVES, judge
from benchmarks.score_ytdlp import as_compared, judge_ytdlp
from mediavault import __version__

DEFAULT_CASES = Path(__file__).resolve().parents[2] / "shared" / "fixtures"
EXIT_NO_CASES = 2
WIDTH = 120  # of the tables where no terminal has its own
TOTAL = "all"

Counts = dict[str, dict[str, list[int]]]  # platform -> measure -> [right, judged]


# --- counting ---------------------------------------------------------------------------------------------------


def count(answers: Iterable[Answer]) -> Counts:
    """How many of each platform's answers are right, and in the row ``all`` of everybody's. Platforms by name."""
    counts: Counts = {}
    for answer in answers:
        for row in (answer.platform, TOTAL):
            cell = counts.setdefault(row, {}).setdefault(answer.measure, [0, 0])
            cell[0] += answer.right
            cell[1] += 1
    return dict(sorted(counts.items(), key=lambda each: (each[0] == TOTAL, each[0])))


def as_json(folder: Path, ours: Sequence[Answer], ytdlp: Sequence[Answer]) -> dict[str, Any]:
    """Counts are pairs [right, judged]; a false positive is an answer of that measure that is not right."""
    return {
        "cases": str(folder),
        "versions": {"mediavault": __version__, "yt-dlp": _ytdlp_version()},
        "score": {section.name.lower(): count(_of(ours, section)) for section in Section},
        "compared": {"mediavault": count(as_compared(ours, ytdlp)), "yt-dlp": count(ytdlp)},
        "wrong": [asdict(answer) for answer in ours if not answer.right],
    }


def _of(answers: Iterable[Answer], section: Section) -> list[Answer]:
    return [answer for answer in answers if answer.section is section]


def _ytdlp_version() -> str:
    from yt_dlp.version import __version__ as version

    return str(version)


# --- telling ----------------------------------------------------------------------------------------------------


def print_score(ours: Sequence[Answer], ytdlp: Sequence[Answer], console: Console) -> None:
    for section in Section:
        if judged := _of(ours, section):
            console.print(_table(f"{section} (right of judged)", count(judged)))
    if ytdlp:
        console.print(_comparison(count(as_compared(ours, ytdlp)), count(ytdlp)))


def _table(title: str, counts: Counts) -> Table:
    """One row a platform. False positives and errors are counted themselves: their best figure is 0."""
    measures = list(counts[TOTAL])
    table = Table("platform", title=title)
    for measure in measures:
        table.add_column(measure, justify="right")
    for platform, cells in counts.items():
        if platform == TOTAL:
            table.add_section()
        table.add_row(escape(platform), *(_cell(measure, cells.get(measure)) for measure in measures))
    return table


def _cell(measure: str, cell: Sequence[int] | None) -> str:
    if cell is None:
        return ""
    right, judged = cell
    shown = judged - right if measure in {FALSE_POSITIVES, ERROR} else right
    return f"{shown}/{judged}" if right == judged else f"[red]{shown}/{judged}[/red]"


def _comparison(ours: Counts, ytdlp: Counts) -> Table:
    table = Table(
        "platform",
        title="The same addresses: mediavault | yt-dlp alone, offline",
        caption="yt-dlp reads no saved pages or files and tells nothing of media addresses: only addresses compare.",
    )
    measures = list(ytdlp[TOTAL])
    for measure in measures:
        table.add_column(measure, justify="right")
    for platform, cells in ytdlp.items():
        if platform == TOTAL:
            table.add_section()
        table.add_row(escape(platform), *(_pair(measure, ours.get(platform, {}), cells) for measure in measures))
    return table


def _pair(measure: str, ours: Mapping[str, Sequence[int]], theirs: Mapping[str, Sequence[int]]) -> str:
    if measure not in theirs:
        return ""
    return f"{_cell(measure, ours.get(measure)) or '–'} | {_cell(measure, theirs[measure])}"


def print_wrong(answers: Iterable[Answer]) -> None:
    """Every wrong answer in full: addresses are told apart by their ends."""
    for answer in answers:
        if not answer.right:
            print(f"{answer.section}: {answer.platform}: {answer.measure}: {answer.case}")
            print(f"  expected {answer.expected!r}\n  got      {answer.got!r}")


# --- the command ------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    started = time.perf_counter()
    try:
        cases = read_cases(asked.cases)
    except NoCases as exc:
        print(exc, file=sys.stderr)
        return EXIT_NO_CASES
    ours, ytdlp = judge(cases), list(judge_ytdlp(cases))
    if asked.json:
        print(json.dumps(as_json(asked.cases, ours, ytdlp), indent=2))
        return 0
    if asked.wrong:
        print_wrong(ours)
        return 0
    print_score(ours, ytdlp, _console())
    wrong = sum(not answer.right for answer in ours)
    took_s = time.perf_counter() - started
    print(
        f"{len(ours)} answers, {wrong} wrong, {took_s:.1f} s; yt-dlp {_ytdlp_version()}. --wrong lists the wrong ones."
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.score", description=__doc__)
    parser.add_argument("cases", type=Path, nargs="?", default=DEFAULT_CASES, help="the folder of cases")
    parser.add_argument("--wrong", action="store_true", help="list every wrong answer in place of the tables")
    parser.add_argument("--json", action="store_true", help="print JSON: counts and the wrong answers")
    return parser


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


if __name__ == "__main__":
    sys.exit(main())
