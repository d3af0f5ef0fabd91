"""The doctor's checks of a PostgreSQL server."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from mediavault.app import storage
from mediavault.core.failures import MediavaultError
from mediavault.core.messages import Message
from mediavault.core.settings import Settings
from mediavault.presentation.doctor_report import Check, DoctorVerdict

if TYPE_CHECKING:
    from mediavault.store.postgres.facts import PostgresFacts  # its driver may not be installed

TESTED_VERSIONS = range(15, 19)
MAX_CLOCK_OFFSET = timedelta(seconds=5)


async def check_postgres(settings: Settings) -> list[Check]:
    """Check the server that the settings name, without changing anything there; [] when they name none."""
    try:
        facts = await storage.inspect_postgres(settings)
    except MediavaultError as exc:
        return [Check("PostgreSQL", DoctorVerdict.BROKEN, exc.message, exc.help)]
    return judge_postgres(facts) if facts is not None else []


def judge_postgres(facts: PostgresFacts) -> list[Check]:
    """Return every check of the server, the most important first."""
    return [
        _version(facts),
        _privileges(facts),
        _durability(facts),
        _isolation(facts),
        _transport(facts),
        _clock(facts),
        _wake_ups(facts),
    ]


def _version(facts: PostgresFacts) -> Check:
    what = Message("PostgreSQL %(version)s at %(server)s", version=facts.version, server=facts.server)
    if facts.version < TESTED_VERSIONS.start:
        help_ = Message("Upgrade the server to PostgreSQL %(start)s or newer.", start=TESTED_VERSIONS.start)
        return Check("PostgreSQL", DoctorVerdict.BROKEN, Message("%(what)s is too old", what=what), help_)
    if facts.is_standby:
        return Check(
            "PostgreSQL",
            DoctorVerdict.BROKEN,
            Message("%(what)s is a standby, which takes no jobs", what=what),
            Message("Name the primary."),
        )
    if facts.version not in TESTED_VERSIONS:
        help_ = Message(
            "mediavault is tested with PostgreSQL %(start)s to %(stop)s.",
            start=TESTED_VERSIONS.start,
            stop=TESTED_VERSIONS.stop - 1,
        )
        return Check(
            "PostgreSQL",
            DoctorVerdict.WARNING,
            Message("%(what)s is newer than what this version was tested with", what=what),
            help_,
        )
    return Check("PostgreSQL", DoctorVerdict.OK, what)


def _privileges(facts: PostgresFacts) -> Check:
    name, user = "PostgreSQL privileges", _quoted(facts.user)
    if facts.has_schema and facts.may_use_schema:
        return Check(name, DoctorVerdict.OK, Message("%(user)s may use the schema mediavault", user=facts.user))
    if facts.has_schema:
        help_ = _psql(facts, f"GRANT USAGE, CREATE ON SCHEMA mediavault TO {user}")
        return Check(
            name,
            DoctorVerdict.BROKEN,
            Message("%(user)s is not allowed to use the schema mediavault", user=facts.user),
            help_,
        )
    if facts.may_create_schema:
        return Check(
            name,
            DoctorVerdict.OK,
            Message("%(user)s may create the schema mediavault, which is not there yet", user=facts.user),
        )
    help_ = _psql(facts, f"GRANT CREATE ON DATABASE {_quoted(facts.database)} TO {user}")
    return Check(
        name,
        DoctorVerdict.BROKEN,
        Message("%(user)s is not allowed to create the schema mediavault", user=facts.user),
        help_,
    )


def _durability(facts: PostgresFacts) -> Check:
    off = [name for name, is_on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)) if not is_on]
    if facts.synchronous_commit == "off":
        off.append("synchronous_commit")
    if not off:
        return Check("PostgreSQL durability", DoctorVerdict.OK, Message("what is committed is on the disk"))
    words = Message("%(off)s off: a power cut at the server can lose jobs that were taken", off=", ".join(off))
    commands = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off)
    help_ = Message(
        ("As an administrator: %(commands)s; SELECT pg_reload_conf(); and look whether the role or database sets it."),
        commands=commands,
    )
    return Check("PostgreSQL durability", DoctorVerdict.WARNING, words, help_)


def _isolation(facts: PostgresFacts) -> Check:
    if facts.isolation == "read committed":
        return Check("PostgreSQL isolation", DoctorVerdict.OK, facts.isolation)
    help_ = _psql(facts, f"ALTER ROLE {_quoted(facts.user)} SET default_transaction_isolation = 'read committed'")
    words = Message(
        "%(isolation)s: workers that claim at the same moment hold each other up", isolation=facts.isolation
    )
    return Check("PostgreSQL isolation", DoctorVerdict.WARNING, words, help_)


def _transport(facts: PostgresFacts) -> Check:
    if facts.has_tls or facts.is_local:
        return Check(
            "PostgreSQL connection",
            DoctorVerdict.OK,
            Message("encrypted") if facts.has_tls else Message("on this machine"),
        )
    help_ = Message("Turn TLS on at the server (ssl = on) and end MEDIAVAULT_DATABASE_URL with ?sslmode=verify-full.")
    return Check(
        "PostgreSQL connection", DoctorVerdict.WARNING, Message("crosses the network without encryption"), help_
    )


def _clock(facts: PostgresFacts) -> Check:
    seconds = facts.ahead_by.total_seconds()
    ahead = Message("the server's clock is %(seconds).1f s ahead", seconds=seconds)
    words = ahead if seconds > 0 else Message("the server's clock is %(seconds).1f s behind", seconds=-seconds)
    if abs(facts.ahead_by) <= MAX_CLOCK_OFFSET:
        return Check("Clocks", DoctorVerdict.OK, words)
    help_ = Message(
        "Leases go by the server's clock and hold; times that are shown do not. On both: timedatectl set-ntp true"
    )
    return Check("Clocks", DoctorVerdict.WARNING, words, help_)


def _wake_ups(facts: PostgresFacts) -> Check:
    if facts.has_wake_ups:
        return Check("Wake-ups", DoctorVerdict.OK, Message("NOTIFY arrives"))
    help_ = Message(
        "Behind a pooler new jobs wait for the worker's poll; a direct address in MEDIAVAULT_DATABASE_URL is faster."
    )
    return Check("Wake-ups", DoctorVerdict.WARNING, Message("NOTIFY does not arrive"), help_)


def _psql(facts: PostgresFacts, statement: str) -> str:
    return Message(
        "As the database's owner: psql -d %(database)s -c %(statement)s",
        database=shlex.quote(facts.database),
        statement=shlex.quote(statement),
    )


def _quoted(name: str) -> str:
    """Return the name as a quoted SQL identifier."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
