"""The contract of the small records; every job store keeps them. ``tests/contract/test_store_records.py`` holds it to each.

A value is a JSON object, and comes back as JSON has it (a tuple as a list). Two values are the same when they are as JSON,
whatever the order of their names. What a write answers has reached the disk. A record whose ``expires_at`` has come, by
the store's clock, is not there any more for any method; a later write takes it off the disk.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Protocol

from mediavault.core.records import Record, RecordKind


class RecordStore(Protocol):
    """Every method may raise :class:`~mediavault.core.failures.StoreError`; TypeError for a value that JSON cannot hold."""

    async def put_record(
        self, kind: RecordKind, key: str, value: Mapping[str, Any], *, expires_at: datetime | None = None
    ) -> None:
        """Keep this, in place of what stood there. Without ``expires_at`` until it is removed."""

    async def replace_record(
        self,
        kind: RecordKind,
        key: str,
        value: Mapping[str, Any],
        *,
        if_value: Mapping[str, Any] | None,
        expires_at: datetime | None = None,
    ) -> bool:
        """As ``put_record``, but only where ``if_value`` stands now; None: where nothing does. Whether it was done.

        One atomic move: of two who call it with the same ``if_value`` at the same moment, one is answered True.
        """

    async def get_record(self, kind: RecordKind, key: str) -> Record | None:
        """What stands there."""

    async def records(self, kind: RecordKind) -> list[Record]:
        """All of a kind, by key, in the order of its code points."""

    async def remove_record(self, kind: RecordKind, key: str) -> bool:
        """Whether something stood there."""

    async def remove_records(self, kind: RecordKind, *, keep: Collection[str] = ()) -> int:
        """All of a kind but these keys; how many stood there."""
