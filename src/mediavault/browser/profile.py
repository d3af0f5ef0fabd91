"""The browser's profile folder: who may use it, what a crash leaves behind, and the cookies that
must outlive it.

Layout below ``<state>/browser``::

    lock                the flock of the process that holds the profile
    wanted              the flock of the process that wants it for a sign-in
    profile/            Chromium's own folder, with the logins
    cookies.json        what Chromium forgets: session cookies, and those not yet flushed when it
                        was killed
    accounts.json       the accounts' names at the sites (session_manager.py)
    tmp/                its TMPDIR, emptied at every start
    anon-xxxxxx/        profile, lock and tmp of a process that found the profile taken; removed at
                        its end
    window-xxxxxx/      a virtual screen with a user's window; removed at its end

``<state>/sessions/<platform>.json`` holds cookies that were imported and that the browser has not
yet been given.

**Handing over.** Chromium lets one process use a profile. The process that opens a sign-in window
locks ``wanted`` and waits for ``lock``; a worker's browser sees that within a second, ends, and the
next one is anonymous. When ``wanted`` is free again the anonymous one ends in the same way. A lock
dies with its process, so a crash leaves no process waiting.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediavault.core.clock import Clock
from mediavault.core.failures import BadInput, BrowserUnavailable, ErrorCode
from mediavault.core.logs import get_logger

HAND_OVER_S = 45.0  # a worker's browser may have pages to finish first
CHECK_S = 0.25

# sun_path holds 108 bytes (Linux) or 104 (BSD); Chromium puts its socket two names below its TMPDIR
_SOCKET_PATH_BYTES = 103
_SOCKET_BELOW_TMP = len("/org.chromium.Chromium.XXXXXX/SingletonSocket")
_LOCK, _WANTED, COOKIES_FILE = "lock", "wanted", "cookies.json"
_SINGLETON = ("SingletonLock", "SingletonCookie", "SingletonSocket")

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class BrowserProfile:
    """A profile held by this process. ``key`` distinguishes the profiles of one state folder."""

    folder: Path
    scratch: Path  # TMPDIR of its browser
    cookies_file: Path | None  # None: nothing of an anonymous profile is kept
    key: str
    anonymous: bool
    _lock: int
    _throw_away: list[Path] = field(default_factory=list)

    @property
    def descriptor(self) -> int:
        """The descriptor of the lock's file: a child that inherits it holds the profile as long as
        it lives.
        """
        return self._lock

    @property
    def base(self) -> Path:
        """The folder of all profiles."""
        return self.folder.parent.parent if self.anonymous else self.folder.parent

    def should_give_way(self) -> bool:
        """Return whether a user wants this profile; for an anonymous one,
        whether the main one is free again.
        """
        base = self.base
        try:
            with _exclusive(base):
                is_wanted = _is_held(base / _WANTED)
                return not (is_wanted or _is_held(base / _LOCK)) if self.anonymous else is_wanted
        except OSError:  # the state folder is gone: the next start of a browser reports it
            return False

    def release(self) -> None:
        """Release the profile; an anonymous one is removed. Safe to call twice."""
        if self._lock < 0:
            return
        for path in (self.scratch, *self._throw_away):
            shutil.rmtree(path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1

    def forget_stale_locks(self) -> None:
        """Remove Chromium's own lock files, which stop a launch when another host or container left
        them.

        Only our flock makes this safe: a live Chromium on this profile would lose its guard against
        a second one.
        """
        holder = _link_target(self.folder / _SINGLETON[0])
        if holder is not None:
            log.info("stale_browser_lock_removed", held_by=holder)
        for name in _SINGLETON:
            (self.folder / name).unlink(missing_ok=True)

    def empty_scratch(self) -> None:
        """Empty the TMPDIR, in which a killed Chromium leaves its temporary files."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)


class WindowBusy(BadInput):
    """A sign-in window is open already, here or in another process."""

    code = ErrorCode.TOO_MANY
    help = "Finish or close that sign-in first; it closes after 5 minutes of inactivity."


def claim_profile(state_dir: Path) -> BrowserProfile:
    """Claim the profile of ``state_dir``, or an anonymous one where another process holds it or a
    user wants it.
    """
    base = _base(state_dir)
    with _exclusive(base):
        _sweep(base)
        lock = None if _is_held(base / _WANTED) else _try_lock(base / _LOCK)
        if lock is not None:
            return _profile(base, lock, key="main", cookies_file=base / COOKIES_FILE)
        log.info("browser_profile_taken", using="an anonymous profile")
        own = base / f"anon-{secrets.token_hex(3)}"
        own.mkdir(mode=0o700)
        lock = _try_lock(own / _LOCK)
        assert lock is not None, "only this process knows this folder"
        return _profile(own, lock, key=own.name, cookies_file=None)


@contextlib.asynccontextmanager
async def borrowed_profile(state_dir: Path, clock: Clock) -> AsyncIterator[BrowserProfile]:
    """Take the profile with the logins from the process that uses it, while the block runs.

    Raises WindowBusy; BrowserUnavailable when it is not released in time; OSError.
    """
    base = _base(state_dir)
    wanted = _try_lock_alone(base, _WANTED)
    if wanted is None:
        raise WindowBusy("A sign-in is already in progress.")
    try:
        end_s = clock.monotonic() + HAND_OVER_S
        while (lock := _try_lock_alone(base, _LOCK)) is None:
            if clock.monotonic() >= end_s:
                raise BrowserUnavailable("The running browser did not release its profile in time.")
            await clock.sleep(CHECK_S)
        profile = _profile(base, lock, key="main", cookies_file=base / COOKIES_FILE)
        try:
            yield profile
        finally:
            profile.release()
    finally:
        os.close(wanted)


def imports_folder(state_dir: Path) -> Path:
    """Return the folder in which imported cookies wait for the browser, one file per platform."""
    return state_dir / "sessions"


def save_cookies(path: Path, cookies: Sequence[Mapping[str, Any]]) -> None:
    """Write cookies atomically, to a file that only this user can read. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp gives 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(list(cookies), file)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load_cookies(path: Path | None) -> list[dict[str, Any]]:
    """Return what :func:`save_cookies` wrote; [] where there is nothing or it cannot be read."""
    if path is None:
        return []
    try:
        cookies = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as exc:
        log.warning("saved_cookies_unreadable", error=str(exc))
        return []
    return [c for c in cookies if isinstance(c, dict)] if isinstance(cookies, list) else []


def missing_cookies(
    saved: Sequence[Mapping[str, Any]], present: Sequence[Mapping[str, Any]], *, now_s: float
) -> list[dict[str, Any]]:
    """Return the saved cookies that the profile lacks and that have not expired.

    One that is present is never overwritten, as it may be newer: the user may have signed in with a
    plain window since.
    """
    known = {(c.get("name"), c.get("domain"), c.get("path")) for c in present}
    return [
        dict(c)
        for c in saved
        if (c.get("name"), c.get("domain"), c.get("path")) not in known
        and (c.get("expires", -1) == -1 or c["expires"] > now_s)
    ]


def _profile(base: Path, lock: int, *, key: str, cookies_file: Path | None) -> BrowserProfile:
    """Build a profile. Raises OSError after releasing the lock,
    which would otherwise keep us from our own profile.
    """
    anonymous = cookies_file is None
    folder = base / "profile"
    scratch = base / "tmp"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if len(os.fsencode(scratch)) + _SOCKET_BELOW_TMP > _SOCKET_PATH_BYTES:
            # Chromium dies of a longer socket path
            scratch = Path(tempfile.mkdtemp(prefix="mediavault-"))
    except OSError:
        os.close(lock)
        raise
    return BrowserProfile(
        folder, scratch, cookies_file, key, anonymous, lock, [base] if anonymous else []
    )


@contextlib.contextmanager
def _exclusive(base: Path) -> Iterator[None]:
    """Exclude other processes: a sweep between a folder's creation and its flock would take it for
    a leftover.
    """
    descriptor = os.open(base / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for milliseconds
        yield
    finally:
        os.close(descriptor)


def _base(state_dir: Path) -> Path:
    base = state_dir / "browser"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    return base


def _try_lock_alone(base: Path, name: str) -> int | None:
    with _exclusive(base):
        return _try_lock(base / name)


def _is_held(path: Path) -> bool:
    """Return whether a process holds this lock. Only within :func:`_exclusive`:
    the check takes it for an instant.
    """
    lock = _try_lock(path)
    if lock is None:
        return path.exists()
    os.close(lock)
    return False


def _sweep(base: Path) -> None:
    for folder in base.glob("anon-*"):
        lock = _try_lock(folder / _LOCK)
        if lock is None:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _try_lock(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    os.truncate(descriptor, 0)
    os.write(descriptor, f"{socket.gethostname()} {os.getpid()}\n".encode())
    return descriptor


def _link_target(path: Path) -> str | None:
    """Return a symbolic link's target, which is ``host-pid`` for Chromium's lock;
    None where there is no link.
    """
    try:
        return str(path.readlink())
    except OSError:
        return None
