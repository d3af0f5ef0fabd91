"""Standard output and standard error that find no reader or no room: what is lost, and what that does to the exit code.

Python flushes both once more as it ends, and makes the exit code 120 where that fails: a service manager would start a
drained worker again because its log was full.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from mediavault.commands.complaints import EXIT_REFUSED


class OutputLost(Exception):
    """What the command had to say could not be written; there is no use in going on."""


class _Stream:
    """The stream that it is made of, in everything but a write that fails."""

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


class _Output(_Stream):
    """Standard output: a command that cannot say what it was asked for ends."""

    lost: OSError | None = None

    def _on_loss(self, exc: OSError) -> None:
        self.lost = exc
        raise OutputLost from exc


class _Complaints(_Stream):
    """Standard error, and so the log: what is lost stops nothing, and the next line is tried again."""

    def _on_loss(self, exc: OSError) -> None:
        pass


class Streams:
    """Both, while a command runs."""

    def __init__(self, output: _Output) -> None:
        self._output = output

    def hand_over(self, exit_code: int) -> int:
        """The command's exit code once its output has left; that of a refusal, with words, where it was lost.

        A reader who has left wanted no more, and is told nothing.
        """
        with suppress(OutputLost):
            self._output.flush()
        if self._output.lost is None:
            return exit_code
        if self._output.lost.errno != errno.EPIPE:
            sys.stderr.write(f"mediavault: The output could not be written: {self._output.lost.strerror}.\n")
        return EXIT_REFUSED


@contextmanager
def watched() -> Iterator[Streams]:
    """Watch over both streams in the block. Afterwards nothing is left in them that Python could fail to flush."""
    before = sys.stdout, sys.stderr
    plain = tuple(_or_nowhere(stream) for stream in before)
    output = _Output(plain[0])
    sys.stdout, sys.stderr = cast("TextIO", output), cast("TextIO", _Complaints(plain[1]))
    try:
        yield Streams(output)
    finally:
        sys.stdout, sys.stderr = before
        for stream in plain:
            _empty(stream)


def _or_nowhere(stream: TextIO | None) -> TextIO:
    """None is what Python makes of a descriptor that was closed before it began; what is opened next would get its number."""
    return stream if stream is not None else Path(os.devnull).open("w", encoding="utf-8")


def _empty(stream: TextIO) -> None:
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()
