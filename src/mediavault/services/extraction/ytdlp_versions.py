"""What the upgrades of yt-dlp were, which version was used before, and the way back to it.

``<state>/ytdlp/upgrades.json`` holds the record. Whoever changes it, or the version in use, holds the folder's flock.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mediavault.core import messages
from mediavault.core.failures import Failure, StorageFailure, ToolMissing
from mediavault.core.messages import Message
from mediavault.core.typed_records import from_named_json, to_named_json
from mediavault.services.extraction.ytdlp_home import POINTER, bundled, installed, own_version, use

RECORD = "upgrades.json"
NONE = Message("")


@dataclass(frozen=True, slots=True)
class UpgradeRecord:
    """The last upgrade of yt-dlp, and what follows from it.

    ``tried_at``, ``before``, ``after``, ``error`` and ``help`` are of the last attempt; ``failures`` counts attempts in a
    row that failed. ``next_at``: when the schedule tries again. ``current`` was taken into use at ``upgraded_at`` instead of
    ``former``. ``refused`` was given up for ``why``, and the schedule does not take it again.
    """

    tried_at: datetime | None = None
    before: str | None = None
    after: str | None = None
    error: Message = NONE
    help: Message = NONE
    failures: int = 0
    next_at: datetime | None = None
    upgraded_at: datetime | None = None
    current: str | None = None
    former: str | None = None
    refused: str | None = None
    why: Message = NONE


@dataclass(frozen=True, slots=True)
class Upgrade:
    """The versions in use ``before`` and ``after``; equal where the newest was in use already."""

    before: str | None
    after: str | None


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises ToolMissing while another process or task does, and OSError."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            raise ToolMissing("yt-dlp is being upgraded already.") from exc
        yield
    finally:
        os.close(descriptor)


def read_record(home: Path) -> UpgradeRecord:
    """Return the record; an empty one where there is none, or none that can be read."""
    try:
        return from_named_json(UpgradeRecord, json.loads((home / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return UpgradeRecord()


def change_record(home: Path, change: Callable[[UpgradeRecord], UpgradeRecord]) -> UpgradeRecord:
    """Replace the record in one step, and return the new one. The caller holds the lock. Raises OSError."""
    record = change(read_record(home))
    fresh = home / f"{RECORD}.new"
    fresh.write_text(json.dumps(to_named_json(record)), encoding="utf-8")
    fresh.replace(home / RECORD)
    return record


def former_version(home: Path) -> str | None:
    """Return the version that was used before the one in use, if it is still there; None otherwise."""
    record, own = read_record(home), own_version(home)
    if own is None or own.version != record.current or installed(home) != own or record.former is None:
        return None
    is_there = record.former == bundled().version or (home / record.former / "yt_dlp").is_dir()
    return record.former if is_there else None


def step_back(home: Path, *, now: datetime, why: Message = NONE) -> Upgrade:
    """Go back to the former version, once: from there no further. The next request uses it.

    Raises ToolMissing where there is none, or while an upgrade is under way, and StorageFailure.
    """
    try:
        with alone(home):
            former, before = former_version(home), installed(home).version
            if former is None:
                raise ToolMissing("There is no former yt-dlp to go back to.")
            if (home / former / "yt_dlp").is_dir():
                use(home, former)
            else:
                (home / POINTER).unlink(missing_ok=True)
            done = Upgrade(before, installed(home).version)
            change_record(home, lambda record: _stepped_back(record, done, now, why))
    except OSError as exc:
        raise StorageFailure(Message("The state folder cannot be written: %(error)s.", error=exc.strerror)) from exc
    return done


def _stepped_back(record: UpgradeRecord, done: Upgrade, now: datetime, why: Message) -> UpgradeRecord:
    return UpgradeRecord(
        tried_at=now,
        before=done.before,
        after=done.after,
        next_at=record.next_at,
        refused=done.before,
        why=why,
    )


def failed(record: UpgradeRecord, failure: Failure, now: datetime) -> UpgradeRecord:
    """Return the record after an upgrade that failed."""
    error, help_ = (messages.from_json(text, messages.to_json(text)) for text in (failure.message, failure.help))
    return replace(record, tried_at=now, error=error, help=help_, failures=record.failures + 1)


def tried(record: UpgradeRecord, done: Upgrade, now: datetime) -> UpgradeRecord:
    """Return the record after an upgrade that succeeded."""
    same = replace(record, tried_at=now, before=done.before, after=done.after, error=NONE, help=NONE, failures=0)
    if done.before == done.after:
        return same
    return replace(same, upgraded_at=now, current=done.after, former=done.before, refused=None, why=NONE)
