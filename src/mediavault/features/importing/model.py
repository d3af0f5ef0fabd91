"""How a folder is imported, and what became of its files. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from mediavault.core.job import JobId


class ImportMode(StrEnum):
    """How an imported file gets into the library."""

    COPY = "copy"
    LINK = "link"  # a second name for the same bytes: takes no space
    MOVE = "move"
    IN_PLACE = "in-place"  # it is in the library's folder already


class ImportOutcome(StrEnum):
    """What became of a file. Printed for scripts: never renamed, only added."""

    IMPORTED = "imported"
    KNOWN_POST = "known_post"
    KNOWN_FILE = "known_file"
    IN_TRASH = "in_trash"
    BROKEN = "broken"
    UNREADABLE = "unreadable"
    CHANGED = "changed"  # while it was imported
    LINK = "link"
    UNFINISHED = "unfinished"
    BAD_NAME = "bad_name"
    UNKNOWN_FORM = "unknown_form"
    WRONG_SUFFIX = "wrong_suffix"
    NAME_TAKEN = "name_taken"
    HAS_SIDECAR = "has_sidecar"


OUTCOMES: Mapping[ImportOutcome, str] = {
    ImportOutcome.IMPORTED: "imported",
    ImportOutcome.KNOWN_POST: "the vault already has this post",
    ImportOutcome.KNOWN_FILE: "the vault already has this file",
    ImportOutcome.IN_TRASH: "the post is in the trash: restore it, or empty the trash",
    ImportOutcome.BROKEN: "the file is broken",
    ImportOutcome.UNREADABLE: "it cannot be read",
    ImportOutcome.CHANGED: "it changed during the import: import it again",
    ImportOutcome.LINK: "links are not followed",
    ImportOutcome.UNFINISHED: "a part that the downloader did not merge",
    ImportOutcome.BAD_NAME: "its name has characters that the library does not allow: rename it",
    ImportOutcome.UNKNOWN_FORM: "the vault does not save files in this format",
    ImportOutcome.WRONG_SUFFIX: "its suffix does not match its format: rename it",
    ImportOutcome.NAME_TAKEN: (
        "another video next to it has the same name with a different suffix: rename one"
    ),
    ImportOutcome.HAS_SIDECAR: "it has a mediavault sidecar: run `mediavault rebuild`",
}
PROBLEMS = frozenset(
    {
        ImportOutcome.BROKEN,
        ImportOutcome.UNREADABLE,
        ImportOutcome.CHANGED,
        ImportOutcome.BAD_NAME,
        ImportOutcome.UNKNOWN_FORM,
        ImportOutcome.WRONG_SUFFIX,
        ImportOutcome.NAME_TAKEN,
        ImportOutcome.HAS_SIDECAR,
    }
)


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of one file, or would. ``file`` is relative to the folder;
    ``url`` is None for a post without one.
    """

    outcome: ImportOutcome
    file: str
    url: str | None = None
    title: str | None = None
    job: JobId | None = None
    bytes: int = 0
    detail: str = ""


@dataclass(slots=True)
class ImportCounts:
    """The counts of an import, updated while its files are read."""

    files: int = 0
    outcomes: Counter[ImportOutcome] = field(default_factory=Counter)
    without_url: int = 0  # of the imported ones
    bytes: int = 0  # of the imported ones
    finished: int = 0  # that an interrupted import had begun

    @property
    def problems(self) -> int:
        return sum(count for outcome, count in self.outcomes.items() if outcome in PROBLEMS)


@dataclass(frozen=True, slots=True)
class ImportSource:
    """A folder to import and how its files come in.

    ``library`` is the library's folder on this machine, None for a bucket; ``apply`` is False to
    only look.
    """

    folder: Path
    how: ImportMode
    library: Path | None
    apply: bool
