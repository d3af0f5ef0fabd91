"""The vault's one owner and the password."""

from __future__ import annotations

from collections.abc import Callable

from mediavault.auth.errors import WrongSecret
from mediavault.auth.hashing import PasswordHashes
from mediavault.auth.passwords import check_password
from mediavault.core.clock import Clock
from mediavault.core.records import Record, RecordKind
from mediavault.store.port import Records

OWNER = "owner"  # the only key of its kind
KNOWN_FOR_S = 2.0  # until another process's change is seen; every request checks whether there is a password


class Owner:
    """The owner's record: ``{"password": an argon2 hash}``; without one the vault has no password."""

    def __init__(self, records: Records, clock: Clock, *, on_changed: Callable[[], None] = lambda: None) -> None:
        self._records = records
        self._clock = clock
        self._on_changed = on_changed
        self._hashes = PasswordHashes()
        self._known: Record | None = None
        self._known_until = 0.0
        self._changes = 0

    async def has_password(self) -> bool:
        return await self._record() is not None

    async def take(self, password: str) -> bool:
        """Set the first password; False when there is one already. Raises BadInput for a bad password."""
        check_password(password)
        value = {"password": await self._hashes.make(password)}
        taken = await self._records.replace(RecordKind.OWNER, OWNER, value, if_value=None)
        self._forget()
        return taken

    async def holds(self, password: str) -> bool:
        """Whether this is the password. Takes equally long when none is set.

        A hash with outdated costs is replaced.
        """
        record = await self._record()
        if record is None:
            await self._hashes.make(password)
            return False
        made = str(record.value["password"])
        if not await self._hashes.holds(made, password):
            return False
        if self._hashes.is_outdated(made):
            await self._put(password, instead_of=record)
        return True

    async def change(self, current: str, password: str) -> None:
        """Change the password. Raises WrongSecret, and BadInput for the new password."""
        check_password(password)
        record = await self._record()
        if record is None or not await self._hashes.holds(str(record.value["password"]), current):
            raise WrongSecret("This is not the current password.", help="Nothing was changed.")
        if not await self._put(password, instead_of=record):
            raise WrongSecret("The password was changed elsewhere in the meantime.", help="Nothing was changed.")

    async def set_password(self, password: str) -> None:
        """Set the password without asking for the old one: the command line has the database anyway. Raises BadInput."""
        check_password(password)
        await self._records.put(RecordKind.OWNER, OWNER, {"password": await self._hashes.make(password)})
        self._forget()

    async def remove_password(self) -> bool:
        """Remove the password; return whether there was one."""
        removed = await self._records.remove(RecordKind.OWNER, OWNER)
        self._forget()
        return removed

    async def _put(self, password: str, *, instead_of: Record) -> bool:
        value = {"password": await self._hashes.make(password)}
        done = await self._records.replace(RecordKind.OWNER, OWNER, value, if_value=instead_of.value)
        self._forget()
        return done

    async def _record(self) -> Record | None:
        if self._clock.monotonic() < self._known_until:
            return self._known
        changes = self._changes
        record = await self._records.get(RecordKind.OWNER, OWNER)
        if changes == self._changes:  # otherwise this process has changed it since the read, which may be outdated
            self._known, self._known_until = record, self._clock.monotonic() + KNOWN_FOR_S
        return record

    def _forget(self) -> None:
        self._changes += 1
        self._known_until = 0.0
        self._on_changed()
