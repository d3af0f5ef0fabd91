"""The doctor's checks: each examines one thing and returns a verdict, a fact and what helps."""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import platform
import re
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

from mediavault.app import composition, storage
from mediavault.app.doctor.access_checks import check_access
from mediavault.app.doctor.crash_checks import check_crashes, check_native_crashes
from mediavault.app.doctor.file_checks import check_files
from mediavault.app.doctor.media_server_checks import check_media_server
from mediavault.app.doctor.postgres_checks import check_postgres
from mediavault.app.doctor.proxy_checks import check_proxies
from mediavault.app.doctor.site_checks import check_site_packages, check_sites
from mediavault.app.doctor.ytdlp_checks import check_parts, check_ytdlp
from mediavault.auth.users import Users
from mediavault.browser.discovery import Sandbox, SandboxReport, find_browser, for_browser, noted_sandbox
from mediavault.browser.own_display import has_display
from mediavault.browser.vnc import INSTALL
from mediavault.core.clock import SystemClock, local
from mediavault.core.failures import MediavaultError
from mediavault.core.fleet import ALIVE_WITHIN, unserved, unserved_in_words
from mediavault.core.holds import Hold
from mediavault.core.job import WorkerHeartbeat
from mediavault.core.records import RecordKind
from mediavault.core.settings import LOW_SPACE_FACTOR, Settings, former_variables, unknown_variables
from mediavault.core.site_limits import UNPARSED_WINDOW
from mediavault.extraction.ytdlp_home import deno_path, home_of, installed, read_record
from mediavault.library.bucket_address import parse_bucket_address
from mediavault.maintenance.scheduled_checks import read_position
from mediavault.platforms import registry
from mediavault.presentation.doctor_report import Check, DoctorVerdict
from mediavault.presentation.labels import STATUS_LABELS, format_size, hold_label, one_line
from mediavault.presentation.translation import N_, gettext, grouped, ngettext, translated
from mediavault.sandbox.isolation import NoNetwork, find_isolation
from mediavault.sandbox.process import ChildFailed
from mediavault.store.decoding import LEFT
from mediavault.store.line_holds import holds_in_force
from mediavault.store.live_settings import LiveSettings
from mediavault.store.losses import losses
from mediavault.store.port import StoreReport

MIN_PYTHON = (3, 11)
# Older ones can corrupt a WAL database that several connections use (sqlite.org, WAL-reset bug).
MIN_SQLITE = (3, 51, 3)
KNOWN_BROWSERS = re.compile(r"Chrom(e|ium)|Edge")
VERSION_WITHIN_S = 10.0  # a Chromium that is not in memory yet takes a second or two
# SQLite's locks and memory maps do not work reliably on these (sqlite.org/howtocorrupt.html, section 2).
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.rclone", "davfs"}
)


async def examine(settings: Settings) -> list[Check]:
    """Run all checks and return them in the order in which a user would fix the problems."""
    return [
        check_python(sys.version_info[:3]),
        *check_system(sys.platform),
        check_sqlite(importlib.metadata.version("apsw")),
        check_variables(dict(os.environ)),
        check_network(settings),
        *await check_proxies(settings),
        *(check_mount(name, folder) for name, folder in _folders(settings)),
        await check_library(settings),
        check_space(settings),
        *await check_helpers(),
        await check_browser(settings),
        *check_sandbox(noted_sandbox(settings.state_dir)),
        check_sign_in_window(
            has_browser=find_browser(settings.browser).path is not None,
            has_screen=has_display(),
            has_virtual=shutil.which("Xvnc") is not None,
        ),
        await check_sessions(settings),
        *check_site_packages(registry.broken_packages()),
        *examine_ytdlp(settings),
        *await check_postgres(settings),
        *await check_store(settings),
        *await check_media_server(settings),
        *check_native_crashes(settings.state_dir),
    ]


def check_python(version: tuple[int, ...]) -> Check:
    facts = {"version": ".".join(map(str, version)), "system": f"{platform.system()} {platform.machine()}"}
    detail = gettext("%(version)s on %(system)s") % facts
    if version[:2] >= MIN_PYTHON:
        return Check("Python", DoctorVerdict.OK, detail)
    return Check("Python", DoctorVerdict.BROKEN, detail, gettext("mediavault needs Python 3.11 or newer."))


def check_system(system: str) -> list[Check]:
    """Report what other systems than Linux lack; ``system`` is ``sys.platform``."""
    if system == "linux":
        return []
    fact = gettext(
        "not tested here: helper processes keep the network and outlive a vault that is killed, a browser that hangs may "
        "stay, and a database on a network drive is not noticed"
    )
    return [Check("System", DoctorVerdict.WARNING, fact, gettext("Use Linux for a vault that others rely on."))]


def check_sqlite(version: str) -> Check:
    """Check the version of apsw, which is that of the SQLite inside it plus a revision."""
    numbers = tuple(int(part) for part in version.split(".")[:3])
    if numbers >= MIN_SQLITE:
        return Check("SQLite", DoctorVerdict.OK, version)
    words = gettext("%(version)s has the WAL-reset bug") % {"version": version}
    return Check("SQLite", DoctorVerdict.BROKEN, words, gettext("Run `pip install -U apsw`."))


def check_variables(environ: dict[str, str]) -> Check:
    problems, advice = [], []
    if unknown := unknown_variables(environ):
        problems.append(gettext("no setting reads %(names)s") % {"names": ", ".join(unknown)})
        advice.append(gettext("Check the spelling, or unset them."))
    if former := former_variables(environ):
        words = gettext("%(old)s is now called %(new)s")
        problems += [words % {"old": old, "new": new} for old, new in former.items()]
        advice.append(gettext("Rename it: the next release no longer reads the old name."))
    if not problems:
        return Check("Settings", DoctorVerdict.OK, gettext("no unknown MEDIAVAULT_ variables"))
    return Check("Settings", DoctorVerdict.WARNING, "; ".join(problems), " ".join(advice))


def check_network(settings: Settings) -> Check:
    return Check("Address", DoctorVerdict.OK, f"{settings.host}:{settings.port}")


def check_mount(name: str, folder: Path, mounts: Path = Path("/proc/mounts")) -> Check:
    """Check whether a folder is on a network file system."""
    kind = file_system_of(folder, _read_mounts(mounts))
    where = {"folder": folder, "kind": kind}
    if kind in NETWORK_FILE_SYSTEMS:
        is_state = name == "State folder"
        advice = (
            gettext("SQLite is not safe there: set MEDIAVAULT_STATE_DIR to a local disk.")
            if is_state
            else gettext("Slower, and a lost connection fails jobs; they are tried again.")
        )
        return Check(
            name,
            DoctorVerdict.BROKEN if is_state else DoctorVerdict.WARNING,
            gettext("%(folder)s is on %(kind)s") % where,
            advice,
        )
    return Check(name, DoctorVerdict.OK, gettext("%(folder)s on %(kind)s") % where if kind else str(folder))


def check_sign_in_window(*, has_browser: bool, has_screen: bool, has_virtual: bool) -> Check:
    """Check where a user can sign in to a site: on this machine's screen, or in a window inside the page."""
    if not has_browser:
        advice = gettext("Install a browser, or import cookies: `mediavault login SITE --cookies FILE`.")
        return Check("Signing in", DoctorVerdict.WARNING, gettext("no browser that could show a window"), advice)
    if has_screen or has_virtual:
        return Check(
            "Signing in",
            DoctorVerdict.OK,
            gettext("on this screen") if has_screen else gettext("in a window inside the page"),
        )
    words = gettext("no screen, and no Xvnc for a window inside the page")
    return Check("Signing in", DoctorVerdict.WARNING, words, INSTALL)


async def check_sessions(settings: Settings) -> Check:
    """List the sites that the stored cookies are signed in to; no site is contacted."""
    from mediavault.presentation.session_views import state_words

    states = [state for state in await composition.session_manager(settings).states() if state.signed_in]
    descriptions = [f"{state.title}: {state_words(state)[0].lower()}{state_words(state)[1:]}" for state in states]
    return Check("Sign-ins", DoctorVerdict.OK, "; ".join(descriptions) or gettext("none: posts are read signed out"))


async def check_library(settings: Settings) -> Check:
    """Check that the library is the one with the jobs' files, then create, write, rename and delete, as saving does."""
    try:
        await storage.try_library(settings)
    except MediavaultError as exc:
        return Check("Library", DoctorVerdict.BROKEN, exc.message, exc.help)
    if settings.vault_url is None:
        return Check("Library", DoctorVerdict.OK, gettext("files can be written and renamed in it"))
    address = parse_bucket_address(settings.vault_url)
    if address.looks_first:
        advice = gettext(
            "Two workers that write the same name in the same moment can replace each other's file (create=look)."
        )
        words = gettext("%(address)s: looked at before it is written") % {"address": address}
        return Check("Library", DoctorVerdict.WARNING, words, advice)
    words = gettext("%(address)s: objects can be written and removed, and none is replaced") % {"address": address}
    return Check("Library", DoctorVerdict.OK, words)


def check_space(settings: Settings) -> Check:
    free = shutil.disk_usage(_existing(settings.download_dir)).free
    reserve = settings.reserve_mb << 20
    detail = gettext("%(size)s free") % {"size": format_size(free)}
    if free <= reserve:
        advice = gettext("Free some: %(size)s are never used.") % {"size": format_size(reserve)}
        return Check("Disk space", DoctorVerdict.BROKEN, detail, advice)
    verdict = DoctorVerdict.WARNING if free < LOW_SPACE_FACTOR * reserve else DoctorVerdict.OK
    return Check(
        "Disk space", verdict, detail, "" if verdict is DoctorVerdict.OK else gettext("A long video may not fit.")
    )


async def check_browser(settings: Settings) -> Check:
    """Check that there is a browser whose version output names a supported one."""
    discovery = find_browser(settings.browser)
    if discovery.path is None:
        return Check(
            "Browser",
            DoctorVerdict.WARNING,
            gettext("none: posts that only a browser can open will fail"),
            discovery.advice,
        )
    reported = await version_of(discovery.path)
    if reported is not None and KNOWN_BROWSERS.search(reported):
        return Check("Browser", DoctorVerdict.OK, f"{discovery.path}: {one_line(reported)}")
    detail = gettext("%(path)s does not say that it is a Chromium, Chrome or Edge") % {"path": discovery.path}
    advice = gettext("Run `%(path)s --version`, or name another in MEDIAVAULT_BROWSER.") % {"path": discovery.path}
    return Check("Browser", DoctorVerdict.WARNING, detail, advice)


def check_sandbox(report: SandboxReport | None) -> list[Check]:
    """Check what the browser's last start reported about its sandbox; [] before its first start."""
    if report is None:
        return []
    if report.sandbox is Sandbox.ON:
        return [
            Check("Browser sandbox", DoctorVerdict.OK, gettext("on: a page's scripts are shut off from this machine"))
        ]
    if report.sandbox is Sandbox.OFF_FOR_ROOT:
        fact = gettext("off, because mediavault runs as root")
        return [Check("Browser sandbox", DoctorVerdict.WARNING, fact, gettext("Run mediavault as an ordinary user."))]
    fact = gettext("off, because the browser did not start with it: %(reason)s") % {"reason": report.reason or "?"}
    return [Check("Browser sandbox", DoctorVerdict.WARNING, fact, f"{gettext(_ALLOW_NAMESPACES)} {gettext(_RESTART)}")]


# Linux gives an ordinary user what a sandbox is made of only together with a user namespace.
_ALLOW_NAMESPACES = N_(
    "Allow user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1` on Debian, "
    "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu; in a container, start it with the seccomp "
    "profile that mediavault's compose file names."
)
_RESTART = N_("Then restart mediavault.")


async def check_helpers(find: Callable[[], Awaitable[NoNetwork]] = find_isolation) -> list[Check]:
    """Check whether the processes that open untrusted files, and yt-dlp's, are kept off the network."""
    try:
        kept_by = await find()
    except (ChildFailed, OSError) as exc:
        fact = gettext("cannot be started: %(reason)s") % {"reason": exc}
        return [
            Check(
                "Helper processes", DoctorVerdict.BROKEN, fact, gettext("Check the limits of this user and container.")
            )
        ]
    helpers = Check("Helper processes", DoctorVerdict.OK, gettext("kept off the network"))
    if kept_by not in (NoNetwork.NAMESPACE, NoNetwork.FILTER):
        fact = gettext("can reach the network: the kernel gives them neither a namespace nor a filter")
        advice = gettext("Use Linux with a 64-bit Python, in a container with a runtime that permits seccomp.")
        helpers = Check("Helper processes", DoctorVerdict.WARNING, fact, advice)
    ytdlp = Check("yt-dlp's network", DoctorVerdict.OK, gettext("only the vault's own proxy"))
    if kept_by is not NoNetwork.NAMESPACE:
        fact = gettext("the same as mediavault's, because the kernel gives its process no namespace")
        ytdlp = Check("yt-dlp's network", DoctorVerdict.WARNING, fact, gettext(_ALLOW_NAMESPACES))
    return [helpers, ytdlp]


async def version_of(program: Path) -> str | None:
    """Return the first line of the output of ``--version``; None when the program fails or takes more than 10 s."""
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "--version",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=for_browser(os.environ),
            start_new_session=True,
        )
    except OSError:
        return None
    try:
        async with asyncio.timeout(VERSION_WITHIN_S):
            answer, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return None
    return next(iter(answer.decode(errors="replace").splitlines()), "") if process.returncode == 0 else None


def examine_ytdlp(settings: Settings) -> list[Check]:
    """Check the version of yt-dlp that the next post is read with, and its parts."""
    home = home_of(settings.state_dir)
    installation = installed(home)
    present = {
        "deno": deno_path() is not None,
        "yt-dlp-ejs": installation.has("yt_dlp_ejs"),
        "curl_cffi": installation.has("curl_cffi"),
    }
    version = check_ytdlp(installation, today=SystemClock().now().date(), record=read_record(home))
    return [version, check_parts(present)]


async def check_store(settings: Settings) -> list[Check]:
    """Open the store as every command does, and check its jobs, its workers and the access to the vault."""
    try:
        async with storage.open_store(settings) as store:
            report = await store.catalogue.report()
            workers = await store.workers.alive(seen_within=ALIVE_WITHIN)
            broken = await store.catalogue.count_unparsed(within=UNPARSED_WINDOW)
            failures = await store.catalogue.failures()
            lost = await losses(store.records)
            live = LiveSettings(settings, store.records, SystemClock())
            holds = await holds_in_force(store.records, live, SystemClock().now())
            damaged = len(await store.records.all(RecordKind.DAMAGED))
            undecoded = await store.catalogue.count(LEFT) if settings.vault_url is None else 0
            _, position = await read_position(store.records)
            days = (await live.current()).verify_days
            has_password = await Users(store.records, SystemClock()).has_password()
    except MediavaultError as exc:
        return [Check("Jobs", DoctorVerdict.BROKEN, exc.message, exc.help)]
    parts = (
        f"{count} {_lower_initial(gettext(STATUS_LABELS[status]))}" for status, count in report.counts.items() if count
    )
    facts = {
        "engine": report.engine,
        "version": report.schema_version,
        "counts": ", ".join(parts) or gettext("none yet"),
    }
    jobs = Check("Jobs", DoctorVerdict.OK, gettext("%(engine)s, schema %(version)s: %(counts)s") % facts)
    concerns = [
        Check("Database", DoctorVerdict.WARNING, concern.what, concern.help) for concern in (*report.concerns, *lost)
    ]
    access = check_access(settings, has_password=has_password)
    crashes = check_crashes(failures, composition.freeze_reports(settings), now=report.at)
    files = check_files(damaged, position, undecoded=undecoded, days=days, now=report.at)
    return [
        access,
        files,
        jobs,
        *concerns,
        check_sites(broken),
        *check_holds(holds),
        _check_workers(report, workers),
        crashes,
    ]


def check_holds(holds: Sequence[Hold]) -> list[Check]:
    """Return a warning for everything that somebody paused: it is easily forgotten. Other holds end by themselves."""
    ending = [
        Check(
            "Queue",
            DoctorVerdict.OK,
            gettext("%(hold)s, waiting until %(time)s")
            % {"hold": hold_label(hold), "time": f"{local(hold.until):%H:%M}"},
        )
        for hold in holds
        if hold.until is not None
    ]
    return [
        *ending,
        *_pauses(hold for hold in holds if hold.until is None),
    ]


def _pauses(holds: Iterable[Hold]) -> list[Check]:
    return [
        Check(
            "Queue",
            DoctorVerdict.WARNING,
            hold_label(hold, hold.site or ""),
            gettext("`%(command)s` resumes it.")
            % {"command": " ".join(filter(None, ("mediavault resume", hold.site)))},
        )
        for hold in holds
    ]


def _check_workers(report: StoreReport, workers: Sequence[WorkerHeartbeat]) -> Check:
    if not workers:
        return Check(
            "Workers", DoctorVerdict.WARNING, gettext("none is running"), gettext("`mediavault serve` starts one.")
        )
    named = ", ".join(f"{beat.host}:{beat.pid} ({_jobs(beat.running_jobs)})" for beat in workers)
    left = [translated(unserved_in_words(name, count)) for name, count in unserved(report.waiting, workers).items()]
    if left:
        fact = f"{named}; {'; '.join(left)}"
        return Check(
            "Workers", DoctorVerdict.WARNING, fact, gettext("`mediavault worker` without --platforms takes all.")
        )
    return Check("Workers", DoctorVerdict.OK, named)


def _lower_initial(words: str) -> str:
    """Return the text with its first letter in lower case; the rest stays, as German nouns are capitalised."""
    return words[:1].lower() + words[1:]


def _jobs(count: int) -> str:
    return ngettext("%(count)s job", "%(count)s jobs", count) % {"count": grouped(count)}


def file_system_of(folder: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """Return the file system type of the deepest mount point that contains ``folder``; None when unknown."""
    real = _existing(folder).resolve()
    fitting = [(len(point), kind) for point, kind in mounts if real.is_relative_to(point)]
    return max(fitting)[1] if fitting else None


def _read_mounts(table: Path) -> list[tuple[str, str]]:
    """Return (mount point, type) pairs; [] without such a table. Spaces in names are written as \\040 (fstab(5))."""
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) >= 3]


def _folders(settings: Settings) -> list[tuple[str, Path]]:
    return [("State folder", settings.state_dir), ("Download folder", settings.download_dir)]


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest existing one above it."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
