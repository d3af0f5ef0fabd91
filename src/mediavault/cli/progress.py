"""Progress of long commands: a bar on standard error, one line per step without a terminal,
nothing with --json.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from mediavault.cli.output import err


class Steps:
    """Shows one progress bar per step."""

    def __init__(self, progress: Progress | None, *, is_terminal: bool) -> None:
        self._progress = progress
        self._is_terminal = is_terminal
        self._task: TaskID | None = None

    def start(self, words: str, total: int | None) -> None:
        """Begin a step; ``total`` is None when it is unknown."""
        if self._progress is None:
            return
        if not self._is_terminal:
            self._progress.console.print(f"{words} …", markup=False)
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(words, total=total)

    def advance(self, count: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)


@contextmanager
def steps(*, silent: bool) -> Iterator[Steps]:
    """Show progress while the block runs, unless ``silent``."""
    if silent:
        yield Steps(None, is_terminal=False)
        return
    console = err()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield Steps(progress, is_terminal=console.is_terminal)
