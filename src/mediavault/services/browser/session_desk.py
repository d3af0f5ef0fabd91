"""The sessions of all sites: what the cookies say, cookies.txt, signing out. A cookie's value never comes out of here:
states hold counts, times and the account's name or number.

The cookies that count are those that the next browser would have: of Chromium's own database, of the snapshot that
restores what it forgets, and of an import that waits for its next start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mediavault.core.clock import Clock
from mediavault.core.cookies import Cookie
from mediavault.core.cookies_txt import read_cookies_txt
from mediavault.core.failures import BadInput, ErrorCode, StorageFailure
from mediavault.core.logs import get_logger
from mediavault.core.platform import Platform
from mediavault.core.sessions import ImportReport, SessionState, belongs_to, can_be_signed_in_to, judge_session
from mediavault.services.browser.accounts import forget_account, known_accounts
from mediavault.services.browser.cookie_db import cookies_on_disk, prolong_sessions, remove_cookies
from mediavault.services.browser.cookie_jar import as_cookie
from mediavault.services.browser.imports import drop_import, keep_import, waiting_import
from mediavault.services.browser.preferences import prepare_preferences
from mediavault.services.browser.profile import COOKIES_FILE, Profile, borrowed_profile, load_cookies, save_cookies

log = get_logger(__name__)


class NoSuchSite(BadInput):
    """No site of this name can be signed in to."""

    code = ErrorCode.NOT_FOUND
    help = "`mediavault sessions` lists the sites that can be signed in to."


class SessionDesk:
    """``platforms`` are all that are known; those without a sign-in are left out."""

    def __init__(self, state_dir: Path, platforms: Sequence[Platform], clock: Clock) -> None:
        self.state_dir = state_dir
        self._clock = clock
        self._platforms = {each.name: each for each in platforms if can_be_signed_in_to(each)}

    def platform(self, name: str) -> Platform:
        """Raises NoSuchSite."""
        if name not in self._platforms:
            raise NoSuchSite(f"There is no site {name!r} that can be signed in to.")
        return self._platforms[name]

    async def states(self) -> list[SessionState]:
        """Of every site that can be signed in to, in the order in which they were given."""
        return await asyncio.to_thread(self._judge, list(self._platforms.values()))

    async def state(self, name: str) -> SessionState:
        """Raises NoSuchSite."""
        return (await asyncio.to_thread(self._judge, [self.platform(name)]))[0]

    async def import_cookies(self, name: str, text: str) -> ImportReport:
        """Take the site's cookies from a cookies.txt, in place of the session that was there.

        The browser at work ends for it, so that the next job has them. Raises BadInput (names the line), NoSuchSite,
        WindowBusy, BrowserUnavailable, StorageFailure; then the former session stands.
        """
        platform = self.platform(name)
        given = read_cookies_txt(text)
        own = [cookie for cookie in given if belongs_to(platform, cookie.domain)]
        now = self._clock.now()
        taken = [cookie for cookie in own if cookie.expires_at is None or cookie.expires_at > now]
        if not taken:
            raise BadInput(_why_nothing(platform, own))
        try:
            async with borrowed_profile(self.state_dir, self._clock) as profile:
                await asyncio.to_thread(self._replace, profile, platform, taken)
        except OSError as exc:
            raise StorageFailure(f"The cookies could not be kept: {exc}") from exc
        log.info("cookies_taken", platform=name, count=len(taken))
        ends = [cookie.expires_at for cookie in taken if cookie.expires_at is not None]
        return ImportReport(len(taken), len(given) - len(own), len(own) - len(taken), min(ends, default=None))

    async def sign_out(self, name: str) -> SessionState:
        """Remove the site's cookies from this machine; the site is not told. Raises as :meth:`import_cookies`."""
        platform = self.platform(name)
        try:
            async with borrowed_profile(self.state_dir, self._clock) as profile:
                await asyncio.to_thread(self._forget, profile, platform)
                await asyncio.to_thread(drop_import, self.state_dir, name)
        except OSError as exc:
            raise StorageFailure(f"The cookies could not be removed: {exc}") from exc
        log.info("signed_out", platform=name)
        return await self.state(name)

    def before_window(self, profile: Profile) -> None:
        """What the profile needs before a window opens on it. Raises OSError."""
        prolong_sessions(profile.folder, now=self._clock.now())
        prepare_preferences(profile.folder)
        profile.forget_stale_locks()
        profile.empty_scratch()

    def after_window(self, profile: Profile, platform: Platform) -> SessionState:
        """Keep what a person's window has left: from now on the profile knows better than the snapshot. Raises OSError."""
        prolong_sessions(profile.folder, now=self._clock.now())
        self._trim_snapshot(profile, platform)
        state = self._judge([platform])[0]
        log.info("window_closed", platform=platform.name, signed_in=state.signed_in)
        return state

    # --- files -------------------------------------------------------------------------------------------------

    def _judge(self, platforms: Sequence[Platform]) -> list[SessionState]:
        browser = self.state_dir / "browser"
        on_disk = cookies_on_disk(browser / "profile")
        known = {_place(cookie) for cookie in on_disk}
        snapshot = [as_cookie(cookie) for cookie in load_cookies(browser / COOKIES_FILE)]
        restored = [cookie for cookie in snapshot if _place(cookie) not in known]
        values = {_place(cookie): cookie.value for cookie in snapshot}  # the database on disk tells names and ends only
        on_disk = [replace(cookie, value=values.get(_place(cookie), "")) for cookie in on_disk]
        names = known_accounts(self.state_dir)
        now, states = self._clock.now(), []
        for platform in platforms:
            waiting = waiting_import(self.state_dir, platform.name)
            cookies = [*waiting, *on_disk, *restored]
            name = names.get(platform.name)
            states.append(judge_session(platform, cookies, now=now, pending=bool(waiting), name=name))
        return states

    def _replace(self, profile: Profile, platform: Platform, cookies: Sequence[Cookie]) -> None:
        """First the new ones: half of an old and half of a new session would be none."""
        keep_import(self.state_dir, platform.name, cookies)
        self._forget(profile, platform)

    def _forget(self, profile: Profile, platform: Platform) -> None:
        remove_cookies(profile.folder, lambda domain: belongs_to(platform, domain))
        self._trim_snapshot(profile, platform)

    def _trim_snapshot(self, profile: Profile, platform: Platform) -> None:
        """Or the next browser would be given back what is gone."""
        saved = load_cookies(profile.cookies_file)
        kept = [cookie for cookie in saved if not belongs_to(platform, as_cookie(cookie).domain)]
        forget_account(self.state_dir, platform.name)
        if profile.cookies_file is not None and len(kept) != len(saved):
            save_cookies(profile.cookies_file, kept)


def _place(cookie: Cookie) -> tuple[str, str, str]:
    return cookie.name, cookie.domain, cookie.path


def _why_nothing(platform: Platform, own: Sequence[Cookie]) -> str:
    if own:
        return f"All cookies of {platform.title} in it have run out."
    return f"There is no cookie of {platform.title} in it."
