"""The users of the vault, their roles and passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mediavault.auth.errors import WrongSecret
from mediavault.auth.passwords import PasswordHashes, check_password
from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, NotFound
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.records import Record, RecordKind
from mediavault.core.users import MAX_USER_CHARS, OWNER, Role, is_user_name, user_name
from mediavault.store.port import Records

MAX_USERS = 200
# until another process's change is seen; every request checks whether there is a password
KNOWN_FOR_S = 2.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ProviderIdentity:
    """Who a user is at an OpenID Connect provider: its issuer,
    and the ``sub`` that it never reuses for another person.
    """

    issuer: str
    subject: str


@dataclass(frozen=True, slots=True)
class User:
    """A user. ``password`` is an argon2 hash; None when the user signs in otherwise. ``called`` is
    what pages call the user; "" for an owner without a name.
    """

    name: str
    role: Role
    made_at: datetime | None = None  # None: the owner
    password: str | None = None
    identity: ProviderIdentity | None = None
    called: str = ""


class Users:
    """The owner, whose record is ``{"password": a hash, "name": where given}``, and the users that
    were added. Without the owner's password the vault is open to its machine.
    """

    def __init__(
        self, records: Records, clock: Clock, *, on_changed: Callable[[], None] = lambda: None
    ) -> None:
        self._records = records
        self._clock = clock
        self._on_changed = on_changed
        self._hashes = PasswordHashes()
        self._known: dict[str, tuple[float, Record | None]] = {}
        self._changes = 0

    async def has_password(self) -> bool:
        """Whether the vault has an owner with a password."""
        return await self._record(OWNER) is not None

    async def find(self, name: str) -> User | None:
        """Return a user, as far as known two seconds ago; None without one.
        The owner always exists.
        """
        return _user(name, await self._record(name))

    async def of_typed(self, name: str) -> str:
        """Return the user whom a sign-in means by this name: the owner signs in by the owner's
        name, or by none.
        """
        typed = name.strip().lower()
        owner = await self._read(OWNER)
        return OWNER if not typed or typed == _called(owner) else typed

    async def name_owner(self, name: str) -> None:
        """Give the owner a name; "" removes it. Raises BadInput for one that can't be used, and
        while the owner has no password; WrongSecret when that was just changed elsewhere.
        """
        record, chosen = await self._read(OWNER), user_name(name) if name.strip() else ""
        if record is None:
            raise BadInput("The owner gets a name with the password.", help="Set a password first.")
        if chosen == OWNER or chosen in [user.name for user in await self.all()]:
            raise _taken()
        is_stored = await self._records.replace(
            RecordKind.OWNER, OWNER, {**record.value, "name": chosen}, if_value=record.value
        )
        self._forget()
        if not is_stored:
            raise WrongSecret(
                "The password was changed elsewhere in the meantime.", help="Nothing was changed."
            )

    async def all(self) -> list[User]:
        """Return the users that were added, by name."""
        found = (_user(record.key, record) for record in await self._records.all(RecordKind.USER))
        return sorted((user for user in found if user is not None), key=lambda user: user.name)

    async def has_others(self) -> bool:
        """Whether there are users next to the owner."""
        return bool(await self._records.all(RecordKind.USER))

    async def identified(self, identity: ProviderIdentity) -> User | None:
        """Return the user whom the provider knows as this."""
        return next((user for user in await self.all() if user.identity == identity), None)

    # --- passwords

    async def take(self, password: str, name: str = "") -> bool:
        """Set the owner's first password, and name if one is given; False when there is one
        already. Raises BadInput for a bad password or name.
        """
        check_password(password)
        value = {"name": user_name(name)} if name.strip() else {}
        value["password"] = await self._hashes.make(password)
        taken = await self._records.replace(RecordKind.OWNER, OWNER, value, if_value=None)
        self._forget()
        return taken

    async def holds(self, password: str, name: str = OWNER) -> bool:
        """Whether this is the user's password. Takes equally long when there is no such user, or no
        password.

        A hash with outdated costs is replaced.
        """
        record = await self._read(name)
        made = None if record is None else record.value["password"]
        if record is None or made is None:
            await self._hashes.make(password)
            return False
        if not await self._hashes.holds(str(made), password):
            return False
        if self._hashes.is_outdated(str(made)):
            await self._put(password, instead_of=record)
        return True

    async def change_password(self, current: str, password: str, name: str = OWNER) -> None:
        """Change a user's password. Raises WrongSecret, and BadInput for the new password."""
        check_password(password)
        record = await self._read(name)
        made = None if record is None else record.value["password"]
        if record is None or made is None or not await self._hashes.holds(str(made), current):
            raise WrongSecret("This is not the current password.", help="Nothing was changed.")
        if not await self._put(password, instead_of=record):
            raise WrongSecret(
                "The password was changed elsewhere in the meantime.", help="Nothing was changed."
            )

    async def set_password(self, password: str, name: str = OWNER) -> None:
        """Set a password without asking for the old one: an admin, or the command line, which has
        the database anyway.

        Raises BadInput for a bad password, NotFound for an unknown user.
        """
        check_password(password)
        if name == OWNER:
            before = await self._read(OWNER)
            value = {
                **(before.value if before else {}),
                "password": await self._hashes.make(password),
            }
            await self._records.put(RecordKind.OWNER, OWNER, value)
            self._forget()
            return
        record = await self._read(name)
        if record is None or not await self._put(password, instead_of=record):
            raise _unknown()

    async def remove_password(self) -> bool:
        """Remove the owner's password; return whether there was one."""
        removed = await self._records.remove(RecordKind.OWNER, OWNER)
        self._forget()
        return removed

    # --- users that were added

    async def add(
        self,
        name: str,
        role: Role,
        password: str | None,
        *,
        identity: ProviderIdentity | None = None,
    ) -> User:
        """Add a user. Raises BadInput for the name or the password,
        and when there is one of this name.
        """
        name = user_name(name)
        if password is not None:
            check_password(password)
        others = await self.all()
        if len(others) >= MAX_USERS:
            raise BadInput(
                Message("There are %(most)s users already.", most=MAX_USERS),
                help="Remove the unused ones.",
            )
        hashed = None if password is None else await self._hashes.make(password)
        user = User(name, role, self._clock.now(), hashed, identity, called=name)
        # "replace", since two admins may add the same name at once
        is_owners = name in {OWNER, _called(await self._read(OWNER))}
        if is_owners or not await self._records.replace(
            RecordKind.USER, name, _value(user), if_value=None
        ):
            raise _taken()
        self._forget()
        log.info("user_added", user=name, role=role)
        return user

    async def add_identified(self, wanted: str, role: Role, identity: ProviderIdentity) -> User:
        """Add a user whom the provider has signed in, under a name like ``wanted``. Raises
        BadInput: too many users.

        A user who has that name already is another person, whatever the provider says: the new one
        gets a number.
        """
        name = (
            re.sub(r"[^a-z0-9._@+-]+", "-", wanted.strip().lower()).strip("._@+-")[
                : MAX_USER_CHARS - 4
            ]
            or "user"
        )
        taken = {OWNER, _called(await self._read(OWNER)), *(user.name for user in await self.all())}
        numbers = (
            name if number == 1 else f"{name}-{number}" for number in range(1, MAX_USERS + 2)
        )
        return await self.add(
            next(each for each in numbers if each not in taken), role, None, identity=identity
        )

    async def change_role(self, name: str, role: Role) -> None:
        """Give a user another role. Raises NotFound; BadInput for the owner."""
        if name == OWNER:
            raise BadInput("The owner's role can't be changed.")
        record = await self._read(name)
        if record is None or not await self._records.replace(
            RecordKind.USER, name, {**record.value, "role": role}, if_value=record.value
        ):
            raise _unknown()
        self._forget()
        log.info("user_changed", user=name, role=role)

    async def remove(self, name: str) -> None:
        """Remove a user. Raises NotFound; BadInput for the owner."""
        if name == OWNER:
            raise BadInput("The owner can't be removed.")
        if await self._read(name) is None or not await self._records.remove(RecordKind.USER, name):
            raise _unknown()
        self._forget()
        log.info("user_removed", user=name)

    async def _put(self, password: str, *, instead_of: Record) -> bool:
        value = {**instead_of.value, "password": await self._hashes.make(password)}
        done = await self._records.replace(
            instead_of.kind, instead_of.key, value, if_value=instead_of.value
        )
        self._forget()
        return done

    async def _read(self, name: str) -> Record | None:
        """Read a user's record. What can be no name never reaches the store:
        it may be anything that was typed.
        """
        return await self._records.get(_kind(name), name) if is_user_name(name) else None

    async def _record(self, name: str) -> Record | None:
        until, record = self._known.get(name, (0.0, None))
        if self._clock.monotonic() < until:
            return record
        changes = self._changes
        record = await self._read(name)
        # otherwise this process has changed it since the read, which may be outdated
        if changes == self._changes:
            if len(self._known) > MAX_USERS:  # names that a proxy sends
                self._known.clear()
            self._known[name] = (self._clock.monotonic() + KNOWN_FOR_S, record)
        return record

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()
        self._on_changed()


def _kind(name: str) -> RecordKind:
    return RecordKind.OWNER if name == OWNER else RecordKind.USER


def _called(owner: Record | None) -> str:
    """Return the owner's name, "" without one."""
    return "" if owner is None else str(owner.value.get("name", ""))


def _taken() -> BadInput:
    return BadInput("There is a user with this name already.", help="Choose another name.")


def _value(user: User) -> Mapping[str, Any]:
    return {
        "role": user.role,
        "made_at": user.made_at and user.made_at.isoformat(),
        "password": user.password,
        "identity": user.identity and [user.identity.issuer, user.identity.subject],
    }


def _user(name: str, record: Record | None) -> User | None:
    """Read a record; None when it is damaged, as in a backup that was changed:
    such a user has no access.
    """
    if name == OWNER:
        password = str(record.value["password"]) if record else None
        return User(OWNER, Role.ADMIN, password=password, called=_called(record))
    if record is None or not is_user_name(name):
        return None
    value = record.value
    try:
        made_at, named = datetime.fromisoformat(value["made_at"]), value["identity"]
        identity = None if named is None else ProviderIdentity(str(named[0]), str(named[1]))
        password = None if value["password"] is None else str(value["password"])
        return User(name, Role(value["role"]), made_at, password, identity, called=name)
    except (LookupError, TypeError, ValueError):
        log.warning("record_not_read", kind=RecordKind.USER)
        return None


def _unknown() -> NotFound:
    return NotFound("No user has this name.", help="An admin may have removed it.")
