"""The doctor's checks of the vault: its database with jobs and workers, its library,
and the media server.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from mediavault.app import composition, storage
from mediavault.app.clients import open_media_server
from mediavault.app.doctor.runner import Context, Findings
from mediavault.app.watchdog import NATIVE_CRASH_FILE
from mediavault.auth.users import Users
from mediavault.core.clock import SystemClock, local
from mediavault.core.failures import CAUSES, StoreError
from mediavault.core.fleet import ALIVE_WITHIN, unserved, unserved_in_words
from mediavault.core.holds import Hold
from mediavault.core.job import JobId, WorkerHeartbeat
from mediavault.core.messages import Message, counted, join
from mediavault.core.records import RecordKind
from mediavault.core.settings import Settings
from mediavault.core.site_limits import UNPARSED_WINDOW
from mediavault.features.media_servers.records import LastCall, last_call
from mediavault.library.bucket_address import parse_bucket_address
from mediavault.maintenance.scheduled_checks import ReadingPosition, read_position
from mediavault.presentation.doctor_report import Check, broken, ok, warning
from mediavault.presentation.labels import STATUS_LABELS, hold_message
from mediavault.store.file_checks import LEFT
from mediavault.store.holds import holds_in_force
from mediavault.store.live_settings import LiveSettings
from mediavault.store.losses import losses
from mediavault.store.port import Concern, FailureGroup, StoreReport
from mediavault.store.schema import POSTGRES_ENCODING, POSTGRES_ENCODING_HELP
from mediavault.worker.freezes import FreezeReport

if TYPE_CHECKING:
    from mediavault.store.postgres.server import PostgresFacts  # its driver may not be installed

TESTED_VERSIONS = 15, 18  # of PostgreSQL: the oldest and the newest
MAX_CLOCK_OFFSET = timedelta(seconds=5)
LATE = 1.1  # times the days within which every file is to be verified
FREEZES_SHOWN_FOR = timedelta(days=30)  # those after which the job continued
UNREADABLE_POSTS = 3  # of one site: one or two may be unusual themselves


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the checks need of the store, read in one go."""

    settings: Settings
    report: StoreReport
    workers: Sequence[WorkerHeartbeat]
    failures: Sequence[FailureGroup]
    freezes: Sequence[FreezeReport]
    lost: Sequence[Concern]
    holds: Sequence[Hold]
    unparsed: Mapping[str, int]
    damaged: int
    undecoded: int
    position: ReadingPosition | None  # None before the first check of the files
    verify_days: int
    has_password: bool
    media_server_call: LastCall | None


async def read_store(settings: Settings) -> StoreFacts:
    """Open the store as every command does."""
    async with storage.open_store(settings) as store:
        live = LiveSettings(settings, store.records, SystemClock())
        return StoreFacts(
            settings=settings,
            report=await store.catalogue.report(),
            workers=await store.workers.alive(seen_within=ALIVE_WITHIN),
            failures=await store.catalogue.failures(),
            freezes=composition.freeze_reports(settings),
            lost=await losses(store.records),
            holds=await holds_in_force(store.records, live, SystemClock().now()),
            unparsed=await store.catalogue.count_unparsed(within=UNPARSED_WINDOW),
            damaged=len(await store.records.all(RecordKind.DAMAGED)),
            undecoded=await store.catalogue.count(LEFT) if settings.vault_url is None else 0,
            position=(await read_position(store.records))[1],
            verify_days=(await live.current()).verify_days,
            has_password=await Users(store.records, SystemClock()).has_password(),
            media_server_call=await last_call(store.records),
        )


# --- jobs and workers -----------------------------------------------------------------------------


def jobs(facts: StoreFacts) -> Findings:
    report = facts.report
    counts = [
        Message("%(status)s %(count)d", status=Message(STATUS_LABELS[status]), count=count)
        for status, count in report.counts.items()
        if count
    ]
    return ok(
        Message(
            "%(engine)s, schema %(version)s: %(counts)s",
            engine=report.engine,
            version=report.schema_version,
            counts=join(", ", counts) if counts else Message("none yet"),
        )
    )


def database(facts: StoreFacts) -> list[Check]:
    return [
        warning(concern.what, concern.help) for concern in (*facts.report.concerns, *facts.lost)
    ]


def sites(facts: StoreFacts) -> Findings:
    """Check which sites are no longer understood."""
    many = sorted(
        (name, count) for name, count in facts.unparsed.items() if count >= UNREADABLE_POSTS
    )
    if not many:
        return ok("all readable")
    named = (
        Message("%(name)s (%(count)s)", name=name, count=counted(count, "post"))
        for name, count in many
    )
    return warning(
        Message(
            "posts that could not be read within %(days)s days: %(sites)s",
            days=UNPARSED_WINDOW.days,
            sites=join(", ", named),
        ),
        (
            "Run `mediavault doctor --upgrade-ytdlp`, and upgrade mediavault. These posts are tried"
            " again daily."
        ),
    )


def queue(facts: StoreFacts) -> list[Check]:
    """Return a warning for every pause that a user set, because pauses are easily forgotten.
    Other holds end by themselves.
    """
    return [
        warning(
            hold_message(hold, hold.site or ""),
            Message(
                "`%(command)s` resumes it.",
                command=" ".join(filter(None, ("mediavault resume", hold.site))),
            ),
        )
        if hold.until is None
        else ok(
            Message(
                "%(hold)s, waiting until %(time)s",
                hold=hold_message(hold),
                time=f"{local(hold.until):%H:%M}",
            )
        )
        for hold in facts.holds
    ]


def workers(facts: StoreFacts) -> Findings:
    if not facts.workers:
        return warning("none is running", "`mediavault serve` starts one.")
    named = [
        Message(
            "%(name)s (%(count)s)",
            name=f"{beat.host}:{beat.pid}",
            count=counted(beat.running_jobs, "job"),
        )
        for beat in facts.workers
    ]
    left = [
        unserved_in_words(name, count)
        for name, count in unserved(facts.report.waiting, facts.workers).items()
    ]
    fact = join("; ", (join(", ", named), *left))
    return warning(fact, "`mediavault worker` without --platforms takes all.") if left else ok(fact)


def crashes(facts: StoreFacts) -> Findings:
    """Check for posts that stopped or froze a worker."""
    codes, now = CAUSES["worker_died"].codes, facts.report.at
    groups = [group for group in facts.failures if group.error_code in codes]
    failed = {
        job.id: job.failed_at
        for group in groups
        for job in group.examples
        if job.error_code in codes
    }
    recent = [
        each
        for each in facts.freezes
        if each.at > now - FREEZES_SHOWN_FOR and each.job_id not in failed
    ]
    if not groups and not recent:
        return ok("no post has stopped or frozen a worker")
    parts = [_failed(failed, sum(group.jobs for group in groups))] if groups else []
    return warning(
        join("; ", (*parts, *map(_frozen, recent))),
        (
            "Upgrade mediavault, then `mediavault retry ID`. After a power cut or a restart simply"
            " try again."
        ),
    )


def _failed(failed: Mapping[JobId, datetime | None], count: int) -> Message:
    named = ", ".join(
        f"{job_id} ({_minute(at)})" if at else job_id for job_id, at in failed.items()
    )
    jobs = named + (", …" if count > len(failed) else "")
    return Message("%(posts)s failed: %(jobs)s", posts=counted(count, "post"), jobs=jobs)


def _frozen(report: FreezeReport) -> Message:
    if report.job_id is None:
        return Message("a worker froze at %(at)s, not because of a post", at=_minute(report.at))
    return Message(
        "a worker froze at %(at)s because of %(job)s", at=_minute(report.at), job=report.job_id
    )


def _minute(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def native_crashes(context: Context) -> Check | None:
    """Report the newest crash that Python's fault handler has recorded."""
    path = context.settings.state_dir / NATIVE_CRASH_FILE
    try:
        fatal = [
            line
            for line in path.read_text("utf-8", "replace").splitlines()
            if line.startswith("Fatal Python error")
        ]
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None
    if not fatal:
        return None
    return warning(
        Message("the last one at %(at)s: %(error)s", at=_minute(at), error=fatal[-1]),
        Message("Report it with the file %(path)s, then remove the file.", path=path),
    )


# --- files ----------------------------------------------------------------------------------------


async def library(context: Context) -> Findings:
    """Check that the library is the one with the jobs' files, then create, write,
    rename and delete, as saving does.
    """
    settings = context.settings
    await storage.try_library(settings)
    if settings.vault_url is None:
        return ok("files can be written and renamed in it")
    address = parse_bucket_address(settings.vault_url)
    if not address.checks_first:
        return ok(
            Message(
                "%(address)s: objects can be written and removed, and none is replaced",
                address=address,
            )
        )
    return warning(
        Message("%(address)s: looked at before it is written", address=address),
        (
            "Two workers that write the same name in the same moment can replace each other's file"
            " (create=check)."
        ),
    )


def files(facts: StoreFacts) -> Findings:
    """Report the posts with damaged files, how many are still to be decoded,
    and how far the present reading is.
    """
    if facts.damaged:
        return warning(
            counted(facts.damaged, "post has a damaged file", "posts have damaged files"),
            "The home page names them. Restore the file from a backup and verify it on the post's"
            " page, or save the post again and delete the damaged version. A post that was saved"
            " damaged is saved again automatically, once.",
        )
    days, position, now = facts.verify_days, facts.position, facts.report.at
    parts = [Message("each is to be verified within %(days)s days", days=days)]
    if not days:
        parts = [Message("not verified on a schedule")]
    if facts.undecoded:
        parts.append(
            counted(
                facts.undecoded,
                "post is still to be decoded in the background",
                "posts are still to be decoded in the background",
            )
        )
    if not days or position is None or position.began_at > now or not position.passed:
        return ok(join("; ", parts))
    since = f"{position.began_at:%Y-%m-%d}"
    fact = join(
        "; ",
        (
            *parts,
            Message("%(posts)s since %(day)s", posts=counted(position.passed, "post"), day=since),
        ),
    )
    if now <= position.began_at + LATE * timedelta(days=days):
        return ok(fact)
    return warning(
        fact,
        "It takes longer: raise MEDIAVAULT_VERIFY_MB_S, or let a worker run for more of the day.",
    )


async def media_server(context: Context) -> Findings:
    """Ask the media server something, and report the last call to it; nothing without one."""
    settings, last = context.settings, None
    async with open_media_server(settings) as server:
        if server is None:
            return None
        error = await server.check()
    with suppress(StoreError):  # another check reports it
        last = (await context.shared(read_store)).media_server_call
    name, url = settings.media_server and settings.media_server.label, settings.media_server_url
    if error is not None:
        return warning(
            Message("%(server)s at %(url)s: %(error)s", server=name, url=url, error=error),
            "Check its address and its token; saving is not affected.",
        )
    if last is not None and last.error is not None:
        return warning(
            Message(
                "%(server)s at %(url)s answers, but the last call failed: %(error)s",
                server=name,
                url=url,
                error=last.error,
            ),
            "It is called again after the next saved video.",
        )
    return ok(Message("%(server)s at %(url)s answers", server=name, url=url))


# --- PostgreSQL -----------------------------------------------------------------------------------


async def read_postgres(settings: Settings) -> PostgresFacts | None:
    """Ask the server that the settings name, without changing anything there;
    None when they name none.
    """
    return await storage.inspect_postgres(settings)


def server(facts: PostgresFacts) -> Check:
    what = Message(
        "PostgreSQL %(version)s at %(server)s", version=facts.version, server=facts.server
    )
    oldest, newest = TESTED_VERSIONS
    if facts.version < oldest:
        advice = Message("Upgrade the server to PostgreSQL %(start)s or newer.", start=oldest)
        return broken(Message("%(what)s is too old", what=what), advice)
    if facts.is_standby:
        return broken(
            Message("%(what)s is a standby, which takes no jobs", what=what), "Name the primary."
        )
    if facts.encoding != POSTGRES_ENCODING:
        return broken(
            Message(
                "The encoding of %(server)s is %(encoding)s, which cannot store every title",
                server=facts.server,
                encoding=facts.encoding,
            ),
            POSTGRES_ENCODING_HELP,
        )
    if facts.version > newest:
        advice = Message(
            "mediavault is tested with PostgreSQL %(start)s to %(stop)s.", start=oldest, stop=newest
        )
        return warning(
            Message("%(what)s is newer than what this version was tested with", what=what), advice
        )
    return ok(what)


def privileges(facts: PostgresFacts) -> Check:
    user, quoted = facts.user, _quoted(facts.user)
    if facts.has_schema and facts.may_use_schema:
        return ok(Message("%(user)s may use the schema mediavault", user=user))
    if facts.has_schema:
        help_ = _psql(facts, f"GRANT USAGE, CREATE ON SCHEMA mediavault TO {quoted}")
        return broken(
            Message("%(user)s is not allowed to use the schema mediavault", user=user), help_
        )
    if facts.may_create_schema:
        return ok(
            Message("%(user)s may create the schema mediavault, which is not there yet", user=user)
        )
    help_ = _psql(facts, f"GRANT CREATE ON DATABASE {_quoted(facts.database)} TO {quoted}")
    return broken(
        Message("%(user)s is not allowed to create the schema mediavault", user=user), help_
    )


def durability(facts: PostgresFacts) -> Check:
    off = [
        name
        for name, is_on in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes))
        if not is_on
    ]
    if facts.synchronous_commit == "off":
        off.append("synchronous_commit")
    if not off:
        return ok("what is committed is on the disk")
    commands = "; ".join(f"ALTER SYSTEM SET {name} = on" for name in off)
    return warning(
        Message(
            "%(off)s off: a power failure on the server can lose accepted jobs", off=", ".join(off)
        ),
        Message(
            "As an administrator: %(commands)s; SELECT pg_reload_conf(); and check whether the"
            " role or database sets it.",
            commands=commands,
        ),
    )


def isolation(facts: PostgresFacts) -> Check:
    if facts.isolation == "read committed":
        return ok(facts.isolation)
    return warning(
        Message("%(isolation)s: concurrent claims block each other", isolation=facts.isolation),
        _psql(
            facts,
            (
                f"ALTER ROLE {_quoted(facts.user)} SET default_transaction_isolation = 'read"
                " committed'"
            ),
        ),
    )


def connection(facts: PostgresFacts) -> Check:
    if facts.has_tls or facts.is_local:
        return ok(Message("encrypted") if facts.has_tls else "on this machine")
    return warning(
        "crosses the network without encryption",
        (
            "Turn TLS on at the server (ssl = on) and end MEDIAVAULT_DATABASE_URL with"
            " ?sslmode=verify-full."
        ),
    )


def clocks(facts: PostgresFacts) -> Check:
    seconds = facts.ahead_by.total_seconds()
    ahead = Message("the server's clock is %(seconds).1f s ahead", seconds=seconds)
    fact = (
        ahead
        if seconds > 0
        else Message("the server's clock is %(seconds).1f s behind", seconds=-seconds)
    )
    if abs(facts.ahead_by) <= MAX_CLOCK_OFFSET:
        return ok(fact)
    return warning(
        fact,
        (
            "Leases use the server's clock and are safe, but displayed times are off. Run"
            " `timedatectl set-ntp true` on both machines."
        ),
    )


def wake_ups(facts: PostgresFacts) -> Check:
    if facts.has_wake_ups:
        return ok("NOTIFY arrives")
    return warning(
        "NOTIFY does not arrive",
        (
            "Behind a pooler new jobs wait for the worker's poll; a direct address in"
            " MEDIAVAULT_DATABASE_URL is faster."
        ),
    )


def _psql(facts: PostgresFacts, statement: str) -> Message:
    return Message(
        "As the database's owner: psql -d %(database)s -c %(statement)s",
        database=shlex.quote(facts.database),
        statement=shlex.quote(statement),
    )


def _quoted(name: str) -> str:
    """Return the name as a quoted SQL identifier."""
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
