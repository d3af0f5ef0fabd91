"""The shelf: every job as the library's pages look for it, beside the jobs in a table of its own (pure).

It follows the jobs instead of being written with them: whoever reads it first takes over what has changed since, a batch at
a time. So claims and completions do not get dearer, what broke off goes on, and whoever wrote the jobs, of whatever release,
finds them there. Sums of accounts and platforms are kept along: what changed is added, and nothing is ever counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from mediavault.core.accounts import key_of
from mediavault.core.job import JobStatus
from mediavault.store import codec, search_words
from mediavault.store.browsing import millis
from mediavault.store.paging import UNKNOWN

BATCH = 250  # jobs taken over in one transaction, which others wait for: some 30 ms
BATCH_WITHIN_S = 0.25  # as long a page waits for a run; a few jobs take milliseconds
CATCH_UP_WITHIN_S = 10.0  # longer no page waits; it is answered with what stands on the shelf

# Of a job: what :func:`entry_of` reads, and what it becomes.
FACT_COLUMNS = "seq, id, created_at, platform, status, bytes, duration_s, post_url, canonical_url, account, metadata"
ENTRY_COLUMNS = "seq, id, created_at, platform, status, account, bytes, duration_s, words"

_ENTRY = tuple(ENTRY_COLUMNS.split(", "))
_COMPLETED = JobStatus.COMPLETED.value


@dataclass(frozen=True, slots=True)
class Entry:
    """A job on the shelf; by ENTRY_COLUMNS. ``words`` stands for the words that it is found by."""

    seq: int
    id: str
    created_at: int
    platform: str
    status: str
    account: str | None
    bytes: int
    duration_s: float
    words: int

    def values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _ENTRY}


@dataclass(slots=True)
class Sums:
    """What is added to an account's or a platform's sums."""

    jobs: int = 0
    kept: int = 0
    bytes: int = 0
    duration_ms: int = 0

    def values(self) -> dict[str, int]:
        return {"jobs": self.jobs, "kept": self.kept, "bytes": self.bytes, "duration_ms": self.duration_ms}

    def add(self, entry: Entry, sign: int) -> None:
        self.jobs += sign
        if entry.status == _COMPLETED:
            self.kept += sign
            self.bytes += sign * max(0, entry.bytes)
            self.duration_ms += sign * millis(max(0.0, entry.duration_s))


@dataclass(slots=True)
class Changes:
    """What a batch does to the shelf. ``lines``: the words by ``seq``, where they are others than before."""

    gone: list[Entry] = field(default_factory=list)
    new: list[Entry] = field(default_factory=list)
    changed: list[Entry] = field(default_factory=list)
    lines: dict[int, str] = field(default_factory=dict)
    accounts: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    totals: dict[tuple[str, str], Sums] = field(default_factory=lambda: defaultdict(Sums))


def entry_of(row: Sequence[Any]) -> tuple[Entry, str]:
    """``row`` has FACT_COLUMNS. The entry and the words that it is found by."""
    seq, job_id, created_at, platform, status, size, duration_s, post_url, canonical_url, account_json, metadata = row
    account = codec.account_from_json(account_json)
    line = search_words.job_line(post_url, canonical_url, account, codec.metadata_from_json(metadata))
    words = int.from_bytes(blake2b(line.encode("utf-8"), digest_size=7).digest())
    entry = Entry(
        seq=seq,
        id=job_id,
        created_at=created_at,
        platform=platform,
        status=status,
        account=None if account is None else key_of(account),
        bytes=UNKNOWN if size is None else size,
        duration_s=UNKNOWN if duration_s is None else duration_s,
        words=words,
    )
    return entry, line


def changes(seqs: Collection[int], rows: Iterable[Sequence[Any]], before: Mapping[int, Entry]) -> Changes:
    """What becomes of the jobs ``seqs``: ``rows`` of FACT_COLUMNS are those that there are, ``before`` stood on the shelf."""
    made = Changes()
    found = {entry.seq: (entry, line) for entry, line in map(entry_of, rows)}
    for seq in seqs:
        old = before.get(seq)
        entry, line = found.get(seq, (None, ""))
        if old is not None and (entry is None or entry.id != old.id):  # a key that was given anew
            made.gone.append(old)
            _count(made, old, -1)
            old = None
        if entry is None or entry == old:
            continue
        (made.new if old is None else made.changed).append(entry)
        if old is not None:
            _count(made, old, -1)
        _count(made, entry, 1)
        if old is None or old.words != entry.words:
            made.lines[seq] = line
    return made


def _count(made: Changes, entry: Entry, sign: int) -> None:
    made.totals[entry.platform, entry.status].add(entry, sign)
    if entry.account is not None:
        made.accounts[entry.account].add(entry, sign)
