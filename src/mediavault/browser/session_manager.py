"""The sessions of all sites: their states, cookies.txt, signing out, and the names of the accounts
that are signed in.

States hold counts, times and the account's name or number; a cookie's value never leaves this
module.
The cookies that count are those that the next browser would have: from Chromium's own database,
from the snapshot that restores what it forgets, and from an import that waits for its next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediavault.browser.cookies import (
    as_cookie,
    cookies_on_disk,
    pending_import,
    prolong_sessions,
    remove_cookies,
    remove_import,
    save_import,
)
from mediavault.browser.cookies_txt import read_cookies_txt
from mediavault.browser.profile import (
    COOKIES_FILE,
    BrowserProfile,
    borrowed_profile,
    load_cookies,
    save_cookies,
)
from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.failures import BadInput, ErrorCode, StorageFailure
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message
from mediavault.core.names import safe_text
from mediavault.core.platform import Platform
from mediavault.core.sessions import (
    ImportReport,
    SessionState,
    belongs_to,
    can_be_signed_in_to,
    judge_session,
)

log = get_logger(__name__)


class NoSuchSite(BadInput):
    """No site of this name can be signed in to."""

    code = ErrorCode.NOT_FOUND
    help = "`mediavault sessions` lists the sites that can be signed in to."


class SessionManager:
    """The sessions of those of ``platforms`` that can be signed in to."""

    def __init__(self, state_dir: Path, platforms: Sequence[Platform], clock: Clock) -> None:
        self.state_dir = state_dir
        self._clock = clock
        self._platforms = {
            platform.name: platform for platform in platforms if can_be_signed_in_to(platform)
        }

    def platform(self, name: str) -> Platform:
        """Return the platform of this name. Raises NoSuchSite."""
        if name not in self._platforms:
            raise NoSuchSite(
                Message("There is no site %(name)s that can be signed in to.", name=f"{name!r}")
            )
        return self._platforms[name]

    async def states(self) -> list[SessionState]:
        """Return the states of all sites that can be signed in to,
        in the order of ``platforms``.
        """
        return await asyncio.to_thread(self._judge, list(self._platforms.values()))

    async def state(self, name: str) -> SessionState:
        """Return the state of one site. Raises NoSuchSite."""
        return (await asyncio.to_thread(self._judge, [self.platform(name)]))[0]

    async def import_cookies(self, name: str, text: str) -> ImportReport:
        """Import the site's cookies from a cookies.txt, in place of the session that was there.

        A running browser ends for it, so that the next job has them. Raises BadInput (names the
        line), NoSuchSite, WindowBusy, BrowserUnavailable, StorageFailure; then the former session
        remains.
        """
        platform = self.platform(name)
        cookies = read_cookies_txt(text)
        own = [cookie for cookie in cookies if belongs_to(platform, cookie.domain)]
        now = self._clock.now()
        taken = [cookie for cookie in own if cookie.expires_at is None or cookie.expires_at > now]
        if not taken:
            raise BadInput(_why_no_cookies(platform, own))
        try:
            async with borrowed_profile(self.state_dir, self._clock) as profile:
                await asyncio.to_thread(self._replace, profile, platform, taken)
        except OSError as exc:
            raise StorageFailure(
                Message("The cookies could not be saved: %(error)s", error=exc)
            ) from exc
        log.info("cookies_taken", platform=name, count=len(taken))
        ends = [cookie.expires_at for cookie in taken if cookie.expires_at is not None]
        return ImportReport(
            len(taken), len(cookies) - len(own), len(own) - len(taken), min(ends, default=None)
        )

    async def sign_out(self, name: str) -> SessionState:
        """Remove the site's cookies from this machine, without notifying the site.
        Raises as :meth:`import_cookies`.
        """
        platform = self.platform(name)
        try:
            async with borrowed_profile(self.state_dir, self._clock) as profile:
                await asyncio.to_thread(self._forget, profile, platform)
                await asyncio.to_thread(remove_import, self.state_dir, name)
        except OSError as exc:
            raise StorageFailure(
                Message("The cookies could not be removed: %(error)s", error=exc)
            ) from exc
        log.info("signed_out", platform=name)
        return await self.state(name)

    def before_window(self, profile: BrowserProfile) -> None:
        """Prepare the profile for a window. Raises OSError."""
        prolong_sessions(profile.folder, now=self._clock.now())
        prepare_preferences(profile.folder)
        profile.forget_stale_locks()
        profile.empty_scratch()

    def after_window(self, profile: BrowserProfile, platform: Platform) -> SessionState:
        """Save the sign-in made in a window: from now on the profile is newer than the snapshot.
        Raises OSError.
        """
        prolong_sessions(profile.folder, now=self._clock.now())
        self._trim_snapshot(profile, platform)
        state = self._judge([platform])[0]
        log.info("window_closed", platform=platform.name, signed_in=state.signed_in)
        return state

    # --- files ------------------------------------------------------------------------------------

    def _judge(self, platforms: Sequence[Platform]) -> list[SessionState]:
        browser = self.state_dir / "browser"
        on_disk = cookies_on_disk(browser / "profile")
        known = {_identity(cookie) for cookie in on_disk}
        snapshot = [as_cookie(cookie) for cookie in load_cookies(browser / COOKIES_FILE)]
        restored = [cookie for cookie in snapshot if _identity(cookie) not in known]
        # the database on disk is read without values
        values = {_identity(cookie): cookie.value for cookie in snapshot}
        on_disk = [replace(cookie, value=values.get(_identity(cookie), "")) for cookie in on_disk]
        names = known_accounts(self.state_dir)
        now, states = self._clock.now(), []
        for platform in platforms:
            waiting = pending_import(self.state_dir, platform.name)
            cookies = [*waiting, *on_disk, *restored]
            name = names.get(platform.name)
            states.append(
                judge_session(platform, cookies, now=now, pending=bool(waiting), name=name)
            )
        return states

    def _replace(
        self, profile: BrowserProfile, platform: Platform, cookies: Sequence[Cookie]
    ) -> None:
        """Store the new cookies first: half of an old and half of a new session would be
        useless.
        """
        save_import(self.state_dir, platform.name, cookies)
        self._forget(profile, platform)

    def _forget(self, profile: BrowserProfile, platform: Platform) -> None:
        remove_cookies(profile.folder, lambda domain: belongs_to(platform, domain))
        self._trim_snapshot(profile, platform)

    def _trim_snapshot(self, profile: BrowserProfile, platform: Platform) -> None:
        """Remove the cookies from the snapshot too, or the next browser would restore them."""
        saved = load_cookies(profile.cookies_file)
        others = [cookie for cookie in saved if not belongs_to(platform, as_cookie(cookie).domain)]
        forget_account(self.state_dir, platform.name)
        if profile.cookies_file is not None and len(others) != len(saved):
            save_cookies(profile.cookies_file, others)


def _identity(cookie: Cookie) -> tuple[str, str, str]:
    return cookie.name, cookie.domain, cookie.path


def _why_no_cookies(platform: Platform, own: Sequence[Cookie]) -> str:
    if own:
        return Message("All %(site)s cookies in the file have expired.", site=platform.title)
    return Message("No %(site)s cookies found in the file.", site=platform.title)


# --- names of accounts, as the sites' own pages show them; names only, never a cookie -------------

MAX_ACCOUNT_CHARS = 100
_ACCOUNTS_FILE = "accounts.json"


def note_account(state_dir: Path, platform: str, name: str) -> None:
    """Store the account name that a page showed during a signed-in visit.
    A name that cannot be stored is ignored.
    """
    name = safe_text(name)[:MAX_ACCOUNT_CHARS]
    accounts = known_accounts(state_dir)
    if name and accounts.get(platform) != name:
        _write_accounts(state_dir, accounts | {platform: name})


def forget_account(state_dir: Path, platform: str) -> None:
    """Forget the name: another account may be signed in now."""
    accounts = known_accounts(state_dir)
    if accounts.pop(platform, None) is not None:
        _write_accounts(state_dir, accounts)


def known_accounts(state_dir: Path) -> dict[str, str]:
    """Return names by platform; {} where none is known."""
    try:
        known = json.loads((state_dir / "browser" / _ACCOUNTS_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return (
        {key: name for key, name in known.items() if isinstance(name, str)}
        if isinstance(known, dict)
        else {}
    )


def _write_accounts(state_dir: Path, accounts: dict[str, str]) -> None:
    folder = state_dir / "browser"
    try:
        # mkstemp gives 0600
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{_ACCOUNTS_FILE}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(accounts, file)
            Path(name).replace(folder / _ACCOUNTS_FILE)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        log.warning("account_name_not_saved", error=str(exc))


# --- Chromium's own preferences -------------------------------------------------------------------

MAX_PREFERENCES_BYTES = 32 << 20

# Names from Chromium's chrome/common/pref_names.h and components/password_manager, checked
# 2026-11-24.
_WANTED_PREFERENCES: Mapping[str, Mapping[str, Any]] = {
    "Default/Preferences": {
        "credentials_enable_service": False,
        "profile": {
            "password_manager_enabled": False,
            "exit_type": "Normal",
            "exited_cleanly": True,
        },
    },
    "Local State": {"select_file_dialogs": {"allowed": False}},
}


def prepare_preferences(profile: Path) -> None:
    """Set the preferences that a sign-in window needs, in a profile that no browser uses.

    Chromium must not offer to save passwords, must not ask about the pages of a browser that was
    killed, and must not show this machine's files. A file that cannot be read stays unchanged.
    Raises OSError.
    """
    for name, wanted in _WANTED_PREFERENCES.items():
        _set_preferences(profile / name, wanted)


def _set_preferences(file: Path, wanted: Mapping[str, Any]) -> None:
    try:
        known = json.loads(file.read_bytes()[:MAX_PREFERENCES_BYTES]) if file.exists() else {}
    except ValueError as exc:
        log.warning("browser_preferences_unreadable", error=str(exc))
        return
    if not isinstance(known, dict):
        return
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    new.touch(mode=0o600)
    new.write_text(json.dumps(_merged(known, wanted)), "utf-8")
    new.replace(file)


def _merged(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(known)
    for name, value in wanted.items():
        former = merged.get(name)
        is_branch = isinstance(value, Mapping)
        merged[name] = (
            _merged(former if isinstance(former, Mapping) else {}, value) if is_branch else value
        )
    return merged
