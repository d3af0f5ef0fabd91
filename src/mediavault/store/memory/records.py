"""The small records in memory. Nothing in it awaits, so each method is atomic within its event loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from mediavault.core.clock import Clock, to_micros
from mediavault.core.records import Record, RecordKind
from mediavault.store import codec
from mediavault.store.rows import micros_or_none


class MemoryRecords:
    """A ``RecordStore`` of one process. Values are kept as the text that a database would keep."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: dict[tuple[RecordKind, str], tuple[str, int, int | None]] = {}

    async def put_record(
        self, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None
    ) -> None:
        self._prune()
        row = codec.record_to_json(value), to_micros(self._clock.now()), micros_or_none(expires_at)
        self._rows[kind, key] = row

    async def replace_record(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
        expires_at: datetime | None = None,
    ) -> bool:
        self._prune()
        standing = self._rows.get((kind, key))
        wanted = None if if_value is None else codec.record_to_json(if_value)
        if (standing and standing[0]) != wanted:
            return False
        await self.put_record(kind, key, value, expires_at=expires_at)
        return True

    async def get_record(self, kind: RecordKind, key: str) -> Record | None:
        self._prune()
        row = self._rows.get((kind, key))
        return codec.record_from_row((kind, key, *row)) if row else None

    async def records(self, kind: RecordKind) -> list[Record]:
        self._prune()
        found = sorted(key for of, key in self._rows if of is kind)
        return [codec.record_from_row((kind, key, *self._rows[kind, key])) for key in found]

    async def remove_record(self, kind: RecordKind, key: str) -> bool:
        self._prune()
        return self._rows.pop((kind, key), None) is not None

    async def remove_records(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        self._prune()
        gone = [(of, key) for of, key in self._rows if of is kind and key not in keep]
        for place in gone:
            del self._rows[place]
        return len(gone)

    def _prune(self) -> None:
        now = to_micros(self._clock.now())
        ended = [place for place, (_, _, ends) in self._rows.items() if ends is not None and ends <= now]
        for place in ended:
            del self._rows[place]
