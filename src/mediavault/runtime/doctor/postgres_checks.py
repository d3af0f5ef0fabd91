"""The doctor's judgement of a PostgreSQL server."""

from __future__ import annotations

import shlex
from datetime import timedelta
from typing import TYPE_CHECKING

from mediavault.core.failures import MediavaultError
from mediavault.core.settings import Settings
from mediavault.core.verdicts import Check, Verdict
from mediavault.runtime import storage

if TYPE_CHECKING:
    from mediavault.store.postgres.facts import PostgresFacts  # its driver may not be installed

TESTED_VERSIONS = range(15, 19)
MAX_CLOCK_OFFSET = timedelta(seconds=5)


async def check_postgres(settings: Settings) -> list[Check]:
    """Look at the server that the settings name; nothing is changed there. [] when they name none."""
    try:
        facts = await storage.look_at_postgres(settings)
    except MediavaultError as exc:
        return [Check("PostgreSQL", Verdict.BROKEN, exc.message, exc.help)]
    return judge_postgres(facts) if facts is not None else []


def judge_postgres(facts: PostgresFacts) -> list[Check]:
    """Every examination of the server, in the order in which they matter."""
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
    what = f"PostgreSQL {facts.version} at {facts.server}"
    if facts.version < TESTED_VERSIONS.start:
        help_ = f"Upgrade the server to PostgreSQL {TESTED_VERSIONS.start} or newer."
        return Check("PostgreSQL", Verdict.BROKEN, f"{what} is too old", help_)
    if facts.is_standby:
        return Check("PostgreSQL", Verdict.BROKEN, f"{what} is a standby, which takes no jobs", "Name the primary.")
    if facts.version not in TESTED_VERSIONS:
        help_ = f"mediavault is tested with PostgreSQL {TESTED_VERSIONS.start} to {TESTED_VERSIONS.stop - 1}."
        return Check("PostgreSQL", Verdict.WARNING, f"{what} is newer than what this version was tested with", help_)
    return Check("PostgreSQL", Verdict.OK, what)


def _privileges(facts: PostgresFacts) -> Check:
    name, user = "PostgreSQL privileges", _quoted(facts.user)
    if facts.has_schema and facts.may_use_schema:
        return Check(name, Verdict.OK, f"{facts.user} may use the schema mediavault")
    if facts.has_schema:
        help_ = _psql(facts, f"GRANT USAGE, CREATE ON SCHEMA mediavault TO {user}")
        return Check(name, Verdict.BROKEN, f"{facts.user} may not use the schema mediavault", help_)
    if facts.may_create_schema:
        return Check(name, Verdict.OK, f"{facts.user} may create the schema mediavault, which is not there yet")
    help_ = _psql(facts, f"GRANT CREATE ON DATABASE {_quoted(facts.database)} TO {user}")
    return Check(name, Verdict.BROKEN, f"{facts.user} may not create the schema mediavault", help_)


def _durability(facts: PostgresFacts) -> Check:
    off = [name for name, is_on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)) if not is_on]
    if facts.synchronous_commit == "off":
        off.append("synchronous_commit")
    if not off:
        return Check("PostgreSQL durability", Verdict.OK, "what is committed is on the disk")
    words = f"{', '.join(off)} off: a power cut at the server can lose jobs that were taken"
    commands = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off)
    help_ = f"As an administrator: {commands}; SELECT pg_reload_conf(); and look whether the role or database sets it."
    return Check("PostgreSQL durability", Verdict.WARNING, words, help_)


def _isolation(facts: PostgresFacts) -> Check:
    if facts.isolation == "read committed":
        return Check("PostgreSQL isolation", Verdict.OK, facts.isolation)
    help_ = _psql(facts, f"ALTER ROLE {_quoted(facts.user)} SET default_transaction_isolation = 'read committed'")
    words = f"{facts.isolation}: workers that claim at the same moment hold each other up"
    return Check("PostgreSQL isolation", Verdict.WARNING, words, help_)


def _transport(facts: PostgresFacts) -> Check:
    if facts.has_tls or facts.is_local:
        return Check("PostgreSQL connection", Verdict.OK, "encrypted" if facts.has_tls else "on this machine")
    help_ = "Turn TLS on at the server (ssl = on) and end MEDIAVAULT_DATABASE_URL with ?sslmode=verify-full."
    return Check("PostgreSQL connection", Verdict.WARNING, "crosses the network without encryption", help_)


def _clock(facts: PostgresFacts) -> Check:
    seconds = facts.ahead_by.total_seconds()
    words = f"the server's is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} this machine's"
    if abs(facts.ahead_by) <= MAX_CLOCK_OFFSET:
        return Check("Clocks", Verdict.OK, words)
    help_ = "Leases go by the server's clock and hold; times that are shown do not. On both: timedatectl set-ntp true"
    return Check("Clocks", Verdict.WARNING, words, help_)


def _wake_ups(facts: PostgresFacts) -> Check:
    if facts.has_wake_ups:
        return Check("Wake-ups", Verdict.OK, "NOTIFY arrives")
    help_ = (
        "Behind a pooler new jobs wait for the worker's poll; a direct address in MEDIAVAULT_DATABASE_URL is faster."
    )
    return Check("Wake-ups", Verdict.WARNING, "NOTIFY does not arrive", help_)


def _psql(facts: PostgresFacts, statement: str) -> str:
    return f"As the database's owner: psql -d {shlex.quote(facts.database)} -c {shlex.quote(statement)}"


def _quoted(name: str) -> str:
    """As an identifier in SQL."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
