"""The doctor's checks of this machine: Python, disks, processes, the network,
and who can reach the vault.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import platform
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from mediavault.app.composition import make_guard
from mediavault.app.doctor.runner import Context, Findings
from mediavault.app.doctor.vault import StoreFacts
from mediavault.auth.authenticator import token_of
from mediavault.auth.oidc import provider_rules
from mediavault.auth.proxies import proxy_rules
from mediavault.core.failures import Failure, ProxyFailed, ToolMissing
from mediavault.core.messages import Message, join
from mediavault.core.settings import LOW_SPACE_FACTOR, Settings, unknown_variables
from mediavault.core.upstream_proxies import UpstreamProxies, UpstreamProxy
from mediavault.egress.guard import EgressGuard, Endpoint
from mediavault.egress.upstream import WELL_KNOWN, connect
from mediavault.platforms import registry
from mediavault.presentation.doctor_report import Check, broken, ok, warning
from mediavault.sandbox.isolation import NoNetwork, find_isolation
from mediavault.sandbox.process import ChildFailed
from mediavault.server.security import needs_a_password, no_password

# Older ones can corrupt a WAL database that several connections use (sqlite.org, WAL-reset bug).
MIN_SQLITE = (3, 51, 3)
# SQLite's locks and memory maps do not work reliably on these (sqlite.org/howtocorrupt.html,
# section 2).
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.rclone", "davfs"}
)
MOUNTS = Path("/proc/mounts")
MIN_TOKEN_CHARS = 20  # a shorter one may be a word that can be guessed
TRIAL_S = 8.0
LOOKUP_S = 5.0
# Linux gives an ordinary user what a sandbox is made of only together with a user namespace.
ALLOW_NAMESPACES = Message(
    "Allow user namespaces: `sysctl -w kernel.unprivileged_userns_clone=1` on Debian, "
    "`sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu; in a container, start it"
    " with the seccomp profile that mediavault's compose file names."
)


def python(_: Context) -> Findings:
    """Name the version; one that is too old cannot run this line."""
    system = f"{platform.system()} {platform.machine()}"
    return ok(
        Message("%(version)s on %(system)s", version=platform.python_version(), system=system)
    )


def system(_: Context) -> Findings:
    """Report what other systems than Linux lack."""
    if platform.system() == "Linux":
        return None
    return warning(
        "not tested here: helper processes keep the network and outlive a vault that is killed, a"
        " browser that hangs may stay, and a database on a network drive is not noticed",
        "Use Linux for a vault that others rely on.",
    )


def sqlite(_: Context) -> Findings:
    """Check the version of apsw, which is that of the SQLite inside it plus a revision."""
    version = importlib.metadata.version("apsw")
    if tuple(int(part) for part in version.split(".")[:3]) >= MIN_SQLITE:
        return ok(version)
    return broken(
        Message("%(version)s has the WAL-reset bug", version=version), "Run `pip install -U apsw`."
    )


def variables(_: Context) -> Findings:
    if not (unknown := unknown_variables(dict(os.environ))):
        return ok("no unknown MEDIAVAULT_ variables")
    return warning(
        Message("no setting reads %(names)s", names=", ".join(unknown)),
        "Check the spelling, or unset them.",
    )


def address(context: Context) -> Findings:
    return ok(f"{context.settings.host}:{context.settings.port}")


def access(facts: StoreFacts) -> Findings:
    """Check whether the vault is protected, and by what."""
    settings, has_password = facts.settings, facts.has_password
    login, provider = proxy_rules(settings).login, provider_rules(settings)
    if needs_a_password(settings) and not has_password:
        raise no_password(settings)
    token = token_of(settings)
    if token and len(token) < MIN_TOKEN_CHARS:
        advice = Message(
            "Set MEDIAVAULT_TOKEN to a random value of at least %(count)s characters.",
            count=MIN_TOKEN_CHARS,
        )
        return warning("MEDIAVAULT_TOKEN is short enough to be guessed", advice)
    protections = (
        (has_password, Message("the owner's password")),
        (token is not None, "MEDIAVAULT_TOKEN"),
        (
            login is not None,
            Message("the reverse proxy's %(header)s", header=settings.proxy_header),
        ),
        (provider is not None, provider.title if provider else ""),
    )
    if named := [words for is_so, words in protections if is_so]:
        return ok(Message("protected by %(what)s", what=join(", ", named)))
    if settings.setup:
        return warning(
            "waits to be set up",
            "Start it and open /setup with the token that it prints, or run `mediavault password`.",
        )
    return ok(
        "no password: open to all users of this machine, and to no one else; `mediavault password`"
        " sets one"
    )


# --- proxies --------------------------------------------------------------------------------------


async def proxies(context: Context) -> Findings:
    """Connect through each proxy to one of its sites, without a request;
    nothing if no proxy is set.
    """
    with contextlib.closing(make_guard(context.settings)) as guard:
        return await try_proxies(guard)


async def try_proxies(guard: EgressGuard) -> list[Check]:
    """Return a check for each proxy of the guard, and one for the sites that use none."""
    proxies = guard.proxies
    if proxies.vault is None and not proxies.sites:
        return []
    ways = dict.fromkeys((*proxies.sites.values(), proxies.vault))
    return await asyncio.gather(*(_try(way, proxies, guard) for way in ways))


async def _try(proxy: UpstreamProxy | None, proxies: UpstreamProxies, guard: EgressGuard) -> Check:
    sites = _named(proxies, proxy)
    if proxy is None:
        return ok(Message("%(sites)s: direct connection", sites=sites))
    endpoint = await _address_of_a_site(
        [name for name, way in proxies.sites.items() if way == proxy], guard
    )
    try:
        (await connect(proxy, [endpoint], guard, within_s=TRIAL_S)).abort()
    except Failure as exc:
        fact = Message("%(sites)s: %(problem)s", sites=sites, problem=exc.message)
        if not isinstance(exc, ProxyFailed):
            return warning(fact, "It reaches other addresses; the site may be blocking it.")
        return broken(
            fact,
            (
                "Check that it is running and that its address in MEDIAVAULT_PROXY or"
                " MEDIAVAULT_PROXIES is right."
            ),
        )
    return ok(Message("%(sites)s: through %(proxy)s, which works", sites=sites, proxy=proxy))


async def _address_of_a_site(names: Sequence[str], guard: EgressGuard) -> Endpoint:
    """Return the address of one of these sites, else one that answers on every network."""
    host = next((host for name in names for host in registry.platform(name).matching.hosts), None)
    if host is not None:
        with contextlib.suppress(Failure, TimeoutError):
            async with asyncio.timeout(LOOKUP_S):
                # IPv4 first
                return min(await guard.resolve(host, 443, scope=None), key=lambda each: each[0])
    return WELL_KNOWN


def _named(proxies: UpstreamProxies, proxy: UpstreamProxy | None) -> Message:
    names = [
        Message("unknown sites") if name == "generic" else registry.platform(name).title
        for name, way in sorted(proxies.sites.items())
        if way == proxy
    ]
    if proxies.vault == proxy:
        names.append(
            Message("all other sites, and notifications")
            if proxies.sites
            else Message("everything")
        )
    return join(", ", names)


# --- disks ----------------------------------------------------------------------------------------


def state_folder(context: Context) -> Findings:
    where, is_remote = _place(context.settings.state_dir)
    if is_remote:
        return broken(where, "SQLite is not safe there: set MEDIAVAULT_STATE_DIR to a local disk.")
    return ok(where)


def download_folder(context: Context) -> Findings:
    where, is_remote = _place(context.settings.download_dir)
    return (
        warning(where, "Slower, and a lost connection fails jobs; they are tried again.")
        if is_remote
        else ok(where)
    )


def _place(folder: Path) -> tuple[str, bool]:
    """Return the folder with the kind of its file system,
    and whether that is on another machine.
    """
    kind = file_system_of(folder, read_mounts(MOUNTS))
    return Message("%(folder)s on %(kind)s", folder=folder, kind=kind) if kind else str(
        folder
    ), kind in NETWORK_FILE_SYSTEMS


def file_system_of(folder: Path, mounts: Iterable[tuple[str, str]]) -> str | None:
    """Return the file system type of the deepest mount point that contains ``folder``;
    None when unknown.
    """
    real = _existing(folder).resolve()
    fitting = [(len(point), kind) for point, kind in mounts if real.is_relative_to(point)]
    return max(fitting)[1] if fitting else None


def read_mounts(table: Path) -> list[tuple[str, str]]:
    """Return (mount point, type) pairs; [] without such a table.
    Spaces in names are written as \\040 (fstab(5)).
    """
    try:
        lines = table.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = [line.split() for line in lines]
    return [(row[1].replace("\\040", " "), row[2]) for row in rows if len(row) >= 3]


def space(context: Context) -> Findings:
    reserve = context.settings.reserve_mb << 20
    free = shutil.disk_usage(_existing(context.settings.download_dir)).free
    fact = Message("%(gb).1f GB free", gb=free / 1e9)
    if free <= reserve:
        return broken(fact, Message("Free some: %(gb).1f GB are never used.", gb=reserve / 1e9))
    return (
        warning(fact, "A long video may not fit.")
        if free < LOW_SPACE_FACTOR * reserve
        else ok(fact)
    )


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest existing one above it."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


# --- processes ------------------------------------------------------------------------------------


async def read_isolation(_: Settings) -> NoNetwork:
    try:
        return await find_isolation()
    except (ChildFailed, OSError) as exc:
        fact = Message("cannot be started: %(reason)s", reason=exc)
        raise ToolMissing(fact, help="Check the limits of this user and container.") from exc


def helpers(kept_by: NoNetwork) -> Findings:
    """Check whether the processes that open untrusted files are kept off the network."""
    if kept_by is not NoNetwork.NOTHING:
        return ok("kept off the network")
    return warning(
        "can reach the network: the kernel gives them neither a namespace nor a filter",
        "Use Linux with a 64-bit Python, in a container with a runtime that permits seccomp.",
    )


def ytdlp_network(kept_by: NoNetwork) -> Findings:
    if kept_by is NoNetwork.NAMESPACE:
        return ok("only the vault's own proxy")
    return warning(
        "the same as mediavault's, because the kernel gives its process no namespace",
        ALLOW_NAMESPACES,
    )
