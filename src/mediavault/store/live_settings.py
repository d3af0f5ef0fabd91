"""The settings that users have changed, re-read by every process while it runs.

Each changed setting is a record: kind SETTING, its name as the key, ``{"value": …, "by": …}`` as
the value. A setting that is given by the environment (or the command line) takes precedence, and
cannot be changed here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import BadSetting, ErrorCode, StoreError
from mediavault.core.logs import get_logger
from mediavault.core.records import Record, RecordKind
from mediavault.core.settings import ChangeableSettings, validate_setting
from mediavault.store.port import Records

MERGE_ATTEMPTS = 20
CHECK_AGAIN_S = 2.0  # how long another process may use the old value

log = get_logger(__name__)


class SettingIsFixed(BadSetting):
    """The setting is given by the environment."""

    code = ErrorCode.FORBIDDEN
    help = (
        "Change it in the environment or on the command line, or unset it there to change it here."
    )


@dataclass(frozen=True, slots=True)
class Change:
    """A setting as a user has changed it. ``by`` says who, as text."""

    value: Any
    by: str
    at: datetime


class LiveSettings:
    """The settings in force.

    ``base`` holds those that the process was started with; the ones given explicitly there are
    fixed. Any number of processes may read and change settings; the last change wins.
    """

    def __init__(self, base: ChangeableSettings, records: Records, clock: Clock) -> None:
        self.fixed = base.model_fields_set & set(ChangeableSettings.model_fields)
        self._base = ChangeableSettings.model_construct(
            **{name: getattr(base, name) for name in ChangeableSettings.model_fields}
        )
        self._records = records
        self._clock = clock
        self._now = self._base
        self._look_at = float("-inf")

    async def current(self) -> ChangeableSettings:
        """Return the settings in force, at most two seconds old;
        the last known ones while the store is away.
        """
        now = self._clock.monotonic()
        if now >= self._look_at:
            self._look_at = now + CHECK_AGAIN_S
            try:
                await self.changes()
            except StoreError as exc:
                log.warning("settings_not_read", error=exc.message)
        return self._now

    async def changes(self) -> Mapping[str, Change]:
        """Return the changes in force, by setting name, as the store has them now.
        Raises StoreError.
        """
        changes = {
            record.key: change
            for record in await self._records.all(RecordKind.SETTING)
            if (change := self._change(record.key, record)) is not None
        }
        self._now = self._base.model_copy(
            update={name: change.value for name, change in changes.items()}
        )
        return changes

    async def change(self, name: str, value: Any, *, by: str) -> Any:
        """Store a change for all processes; returns the value as validated.

        Raises BadSetting, SettingIsFixed, KeyError, StoreError.
        """
        await self.save({name: value}, by=by)
        return validate_setting(name, value)

    async def save(
        self, values: Mapping[str, Any], *, resets: Collection[str] = (), by: str
    ) -> None:
        """Store changes and remove those of ``resets``, all or nothing. Raises as ``change``."""
        for name in (*values, *resets):
            self._refuse_fixed(name)
        changes = {name: {"value": _plain(name, value), "by": by} for name, value in values.items()}
        await self._records.put_all(RecordKind.SETTING, changes, remove=list(resets))
        await self.changes()
        for name in values:
            log.info("setting_changed", setting=name, by=by)

    async def merge(self, name: str, values: Mapping[str, Any], *, by: str) -> None:
        """Store the values of some sites in a setting that has one for each; those of other sites
        stay as they are, even if another process changes them now. Raises as ``change``.
        """
        self._refuse_fixed(name)
        for _ in range(MERGE_ATTEMPTS):
            record = (await self._records.some(RecordKind.SETTING, [name])).get(name)
            change = self._change(name, record) if record else None
            merged = {**(change.value if change else self.unchanged(name)), **values}
            if await self._records.replace(
                RecordKind.SETTING,
                name,
                {"value": _plain(name, merged), "by": by},
                if_value=record.value if record else None,
            ):
                await self.changes()
                log.info("setting_changed", setting=name, by=by)
                return
        raise StoreError("Others are changing this setting at the same time.")

    async def reset(self, name: str) -> bool:
        """Remove the change of a setting; returns whether there was one.
        Raises SettingIsFixed, StoreError.
        """
        was_changed = bool(await self._records.some(RecordKind.SETTING, [name]))
        await self.save({}, resets=[name], by="")
        return was_changed

    def unchanged(self, name: str) -> Any:
        """Return the setting's value without a user's change."""
        return getattr(self._base, name)

    def _refuse_fixed(self, name: str) -> None:
        if name in self.fixed:
            raise SettingIsFixed("This setting is fixed by the environment or the command line.")

    def _change(self, name: str, record: Record) -> Change | None:
        """Return the change, or None if it has no effect: fixed, another version's setting,
        or an invalid value now.
        """
        if name in self.fixed or name not in ChangeableSettings.model_fields:
            return None
        try:
            value = validate_setting(name, record.value.get("value"))
        except BadSetting as exc:
            log.warning("setting_ignored", setting=name, error=exc.message)
            return None
        return Change(value, str(record.value.get("by", "")), record.updated_at)


def _plain(name: str, value: Any) -> Any:
    """Return the validated value as JSON has it. Raises BadSetting, KeyError."""
    validated = validate_setting(name, value)
    return ChangeableSettings.model_validate({name: validated}).model_dump(
        mode="json", include={name}
    )[name]
