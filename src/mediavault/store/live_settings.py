"""The settings that users have changed, read again and again by every process while it runs.

Each changed setting is a record: kind SETTING, its name as the key, ``{"value": …, "by": …}`` as the value. What the
environment (or the command line) says wins, and cannot be changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import BadSetting, ErrorCode, StoreError
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.core.settings import Changeable, checked
from mediavault.store.port import Records

LOOK_AGAIN_S = 2.0  # so long another process may go on with what was

log = get_logger(__name__)


class SettingIsFixed(BadSetting):
    """The environment says this setting."""

    code = ErrorCode.FORBIDDEN
    help = "Change it where the vault is started, or unset it there to change it here."


@dataclass(frozen=True, slots=True)
class Change:
    """A setting as a person has set it. ``by``: who, in words."""

    value: Any
    by: str
    at: datetime


class LiveSettings:
    """``base`` is what the process was started with; what was said explicitly there stays. Any number of processes may change
    and read; the last change counts."""

    def __init__(self, base: Changeable, records: Records, clock: Clock) -> None:
        self.fixed = base.model_fields_set & set(Changeable.model_fields)
        self._base = Changeable.model_construct(**{name: getattr(base, name) for name in Changeable.model_fields})
        self._records = records
        self._clock = clock
        self._now = self._base
        self._look_at = float("-inf")

    async def current(self) -> Changeable:
        """What counts now; two seconds old at most, or what was known last while the store is away."""
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_AGAIN_S
            try:
                await self.changes()
            except StoreError as exc:
                log.warning("settings_not_read", error=exc.message)
        return self._now

    async def changes(self) -> Mapping[str, Change]:
        """What was changed and counts, by name, as the store has it now. Raises StoreError."""
        found = {record.key: record for record in await self._records.all(RecordKind.SETTING)}
        changes = {name: change for name, record in found.items() if (change := self._change(name, record)) is not None}
        self._now = self._base.model_copy(update={name: change.value for name, change in changes.items()})
        return changes

    async def change(self, name: str, value: Any, *, by: str) -> Any:
        """Keep it for all processes; the value as it counts. Raises BadSetting, SettingIsFixed, KeyError, StoreError."""
        self._refuse_fixed(name)
        kept = checked(name, value)
        plain = Changeable.model_validate({name: kept}).model_dump(mode="json", include={name})[name]
        await self._records.put(RecordKind.SETTING, name, {"value": plain, "by": by})
        await self.changes()
        log.info("setting_changed", setting=name, by=by)
        return kept

    async def reset(self, name: str) -> bool:
        """Back to what it is without a change; whether there was one. Raises SettingIsFixed, StoreError."""
        self._refuse_fixed(name)
        was_changed = await self._records.remove(RecordKind.SETTING, name)
        await self.changes()
        return was_changed

    def unchanged(self, name: str) -> Any:
        """What the setting is without a person's change."""
        return getattr(self._base, name)

    def _refuse_fixed(self, name: str) -> None:
        if name in self.fixed:
            raise SettingIsFixed("This setting is given where the vault is started.")

    def _change(self, name: str, record: Record) -> Change | None:
        """None for what counts nothing: said by the environment, another version's, or out of today's bounds."""
        if name in self.fixed or name not in Changeable.model_fields:
            return None
        try:
            value = checked(name, record.value.get("value"))
        except BadSetting as exc:
            log.warning("setting_ignored", setting=name, error=exc.message)
            return None
        return Change(value, str(record.value.get("by", "")), record.updated_at)
