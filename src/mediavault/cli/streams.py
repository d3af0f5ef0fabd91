"""Handles a standard output or standard error that is closed or full, and what that means for the
exit code.

Python flushes both once more at exit, and the exit code becomes 120 when that fails: a service
manager would restart a drained worker because its log was full.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from mediavault.cli.options import EXIT_REFUSED


class OutputLost(Exception):
    """The command's output could not be written, so it ends."""


class _OutputStream:
    """Behaves like the stream that it wraps, except for a write that fails."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as exc:
            self._on_loss(exc)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as exc:
            self._on_loss(exc)

    def _on_loss(self, exc: OSError) -> None:
        raise NotImplementedError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Output(_OutputStream):
    """Standard output: a command that cannot write its output ends."""

    lost: OSError | None = None

    def _on_loss(self, exc: OSError) -> None:
        self.lost = exc
        raise OutputLost from exc


class _ErrorOutput(_OutputStream):
    """Standard error, and so the log: a failed write is ignored,
    and the next line is tried again.
    """

    def _on_loss(self, exc: OSError) -> None:
        pass


class OutputStreams:
    """Both streams while a command runs."""

    def __init__(self, output: _Output) -> None:
        self._output = output

    def hand_over(self, exit_code: int) -> int:
        """Flush the output and return the exit code: the command's own, or that of an error when
        output was lost.

        A closed pipe is not reported: its reader wanted no more.
        """
        with suppress(OutputLost):
            self._output.flush()
        if self._output.lost is None:
            return exit_code
        if self._output.lost.errno != errno.EPIPE:
            sys.stderr.write(
                f"mediavault: The output could not be written: {self._output.lost.strerror}.\n"
            )
        return EXIT_REFUSED


@contextmanager
def watched() -> Iterator[OutputStreams]:
    """Wrap both streams during the block; afterwards nothing is left that Python could fail to
    flush.
    """
    before = sys.stdout, sys.stderr
    plain = tuple(_or_devnull(stream) for stream in before)
    output = _Output(plain[0])
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", _ErrorOutput(plain[1]))
    try:
        yield OutputStreams(output)
    finally:
        sys.stdout, sys.stderr = before
        for stream in plain:
            _flush_or_discard(stream)


def _or_devnull(stream: TextIO | None) -> TextIO:
    """Replace None, which means a descriptor that was closed at start;
    the next file opened would get its number.
    """
    return stream if stream is not None else Path(os.devnull).open("w", encoding="utf-8")


def _flush_or_discard(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        devnull = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)
        stream.flush()
