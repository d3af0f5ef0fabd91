"""The doctor's checks of the programs that read posts: the browser with its sign-ins, yt-dlp,
and packages for sites.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from mediavault.app import composition
from mediavault.app.doctor.machine import ALLOW_NAMESPACES
from mediavault.app.doctor.runner import Context, Findings
from mediavault.browser.discovery import Sandbox, find_browser, for_browser, recorded_sandbox
from mediavault.browser.own_display import has_display
from mediavault.browser.vnc import INSTALL
from mediavault.core.clock import SystemClock
from mediavault.core.installation import command_to_install
from mediavault.core.messages import Message, counted, join
from mediavault.extraction.ytdlp_home import deno_path, home_of, installed, read_record
from mediavault.platforms import registry
from mediavault.presentation.doctor_report import YTDLP_OLD_AFTER, Check, ok, warning
from mediavault.presentation.labels import one_line
from mediavault.presentation.session_views import session_state

KNOWN_BROWSERS = re.compile(r"Chrom(e|ium)|Edge")
VERSION_WITHIN_S = 10.0  # a Chromium that is not in memory yet takes a second or two
# What is read badly without a part of yt-dlp; it completes the sentence "Without it …".
_WITHOUT_PLAYER = Message("YouTube's player cannot be read, so most of its videos fail")
PARTS: Mapping[str, Message] = {
    "deno": _WITHOUT_PLAYER,
    "yt-dlp-ejs": _WITHOUT_PLAYER,
    "curl_cffi": Message(
        "Instagram without a sign-in, TikTok, Vimeo and Dailymotion often refuse to answer"
    ),
}
_UPGRADE = Message(
    "Run `mediavault doctor --upgrade-ytdlp`, or upgrade it on the system check page."
)


async def browser(context: Context) -> Findings:
    """Check that there is a browser whose version output names a supported one."""
    discovery = find_browser(context.settings.browser)
    if (path := discovery.path) is None:
        return warning("none: posts that only a browser can open will fail", discovery.advice)
    reported = await version_of(path)
    if reported is not None and KNOWN_BROWSERS.search(reported):
        return ok(f"{path}: {one_line(reported)}")
    return warning(
        Message("%(path)s does not say that it is a Chromium, Chrome or Edge", path=path),
        Message("Run `%(path)s --version`, or name another in MEDIAVAULT_BROWSER.", path=path),
    )


async def version_of(program: Path) -> str | None:
    """Return the first line of the output of ``--version``;
    None when the program fails or takes more than 10 s.
    """
    environ = for_browser(os.environ)
    try:
        process = await asyncio.create_subprocess_exec(
            program,
            "--version",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environ,
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
    return (
        next(iter(answer.decode(errors="replace").splitlines()), "")
        if process.returncode == 0
        else None
    )


def sandbox(context: Context) -> Findings:
    """Check what the browser's last start reported about its sandbox;
    nothing before its first start.
    """
    report = recorded_sandbox(context.settings.state_dir)
    if report is None:
        return None
    if report.sandbox is Sandbox.ON:
        return ok("on: a page's scripts are shut off from this machine")
    if report.sandbox is Sandbox.OFF_FOR_ROOT:
        return warning(
            "off, because mediavault runs as root", "Run mediavault as an ordinary user."
        )
    fact = Message(
        "off, because the browser did not start with it: %(reason)s", reason=report.reason or "?"
    )
    return warning(fact, join(" ", (ALLOW_NAMESPACES, Message("Then restart mediavault."))))


def sign_in_window(context: Context) -> Findings:
    """Check where a user can sign in to a site: on this machine's screen,
    or in a window inside the page.
    """
    if find_browser(context.settings.browser).path is None:
        return warning(
            "no browser that could show a window",
            "Install a browser, or import cookies: `mediavault login SITE --cookies FILE`.",
        )
    if has_display():
        return ok("on this screen")
    if shutil.which("Xvnc"):
        return ok("in a window inside the page")
    return warning("no screen, and no Xvnc for a window inside the page", INSTALL)


async def sign_ins(context: Context) -> Findings:
    """List the sites that the stored cookies are signed in to; no site is contacted."""
    states = await composition.session_manager(context.settings).states()
    signed_in = [
        join(": ", (state.title, session_state(state))) for state in states if state.signed_in
    ]
    return ok(join("; ", signed_in) if signed_in else "none: posts are read signed out")


def ytdlp(context: Context) -> Findings:
    """Check that yt-dlp is installed, recent enough to know today's sites,
    and not one that it had to go back to.
    """
    home = home_of(context.settings.state_dir)
    installation, record = installed(home), read_record(home)
    if installation.version is None:
        return warning("not installed: YouTube and several other sites will fail", _install())
    if installation.released is None:
        return warning(
            Message("%(version)s, of unknown age", version=installation.version), _UPGRADE
        )
    age = SystemClock().now().date() - installation.released
    fact = Message(
        "%(version)s (%(where)s), %(days)s old",
        version=installation.version,
        where=Message("upgraded separately") if installation.library else Message("as installed"),
        days=counted(max(age.days, 0), "day"),
    )
    if record.refused:
        given_up = Message(
            "%(version)s was given up: %(why)s.", version=record.refused, why=record.why
        )
        advice = Message(
            "The next version is tried again. To upgrade now: `mediavault doctor --upgrade-ytdlp`."
        )
        return warning(join("; ", (fact, given_up)), advice)
    return warning(fact, _UPGRADE) if age > timedelta(days=YTDLP_OLD_AFTER) else ok(fact)


def ytdlp_parts(context: Context) -> Findings:
    """Check the parts of yt-dlp that some sites need."""
    installation = installed(home_of(context.settings.state_dir))
    missing = [
        name
        for name in PARTS
        if not (deno_path() if name == "deno" else installation.has(name.replace("-", "_")))
    ]
    if not missing:
        return ok(Message("%(names)s are there", names=", ".join(PARTS)))
    by_effect = {
        PARTS[name]: [each for each in missing if PARTS[each] == PARTS[name]] for name in missing
    }
    sentences = (
        Message("without %(names)s: %(what)s", names=", ".join(names), what=what)
        for what, names in by_effect.items()
    )
    return warning(join("; ", sentences), _install())


def _install() -> Message:
    return Message("Run `%(command)s`.", command=command_to_install("youtube"))


def site_packages(_: Context) -> list[Check]:
    """Return one finding for each package whose site could not be used."""
    advice = Message("Upgrade the package or uninstall it. Its site is treated as an unknown one.")
    return [
        warning(f"{each.entry_point}: {each.reason}", advice) for each in registry.broken_packages()
    ]
