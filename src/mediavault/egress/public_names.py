"""The names that have had a public address: what opens a network does not open them any more.

Their owner could point them at the local network later. They are kept in a file, one on each line, so that this holds after a
restart, and in the other processes once these have started again.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MAX_PUBLIC_NAMES = 100_000  # about 10 MB of memory; only with a network rule


class PublicNames:
    """The names known so far. Without a ``file`` they are forgotten with the process."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._names: set[str] | None = None  # until the file is needed

    def __contains__(self, name: str) -> bool:
        return name in self._known

    @property
    def is_full(self) -> bool:
        """Whether there are too many to remember: it is no longer known which names were public."""
        return len(self._known) >= MAX_PUBLIC_NAMES

    def add(self, name: str) -> None:
        """Remember a name. One that cannot be written is remembered for as long as the process lives."""
        if name in self._known or self.is_full:
            return
        self._known.add(name)
        if self._file is not None:
            with suppress(OSError), self._file.open("a", encoding="utf-8") as lines:
                lines.write(f"{name}\n")

    @property
    def _known(self) -> set[str]:
        if self._names is None:
            self._names = set()
            if self._file is not None:
                with suppress(OSError), self._file.open(encoding="utf-8", errors="replace") as lines:
                    for line in lines:
                        if len(self._names) >= MAX_PUBLIC_NAMES:
                            break
                        self._names.add(line.strip())
        return self._names
