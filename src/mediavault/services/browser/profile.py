"""The browser's profile folder: who may use it, what a crash leaves behind, and the cookies that must outlive it.

Layout below ``<state>/browser``::

    lock                the flock of whoever holds the profile
    profile/            Chromium's own folder, with the logins
    cookies.json        what Chromium forgets: session cookies, and those not yet flushed when it was killed
    tmp/                its TMPDIR, emptied at every start
    anon-xxxxxx/        profile, lock and tmp of a process that found the profile taken; removed at its end
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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mediavault.core.logs import get_logger

# sun_path holds 108 bytes (Linux) or 104 (BSD); Chromium puts its socket two names below its TMPDIR
_SOCKET_PATH_BYTES = 103
_SOCKET_BELOW_TMP = len("/org.chromium.Chromium.XXXXXX/SingletonSocket")
_SINGLETON = ("SingletonLock", "SingletonCookie", "SingletonSocket")

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class Profile:
    """A profile held by this process. ``key`` tells the profiles of one state folder apart."""

    folder: Path
    scratch: Path  # TMPDIR of its browser
    cookies_file: Path | None  # None: nothing of an anonymous profile is kept
    key: str
    anonymous: bool
    _lock: int
    _throw_away: list[Path] = field(default_factory=list)

    def release(self) -> None:
        """Give it up; an anonymous one is gone afterwards. Safe to call twice."""
        if self._lock < 0:
            return
        for path in (self.scratch, *self._throw_away):
            shutil.rmtree(path, ignore_errors=True)
        os.close(self._lock)
        self._lock = -1

    def forget_stale_locks(self) -> None:
        """Remove Chromium's own lock files, which stop a launch when another host or container left them.

        Only our flock makes this safe: a live Chromium on this profile would lose its guard against a second one.
        """
        holder = _target(self.folder / _SINGLETON[0])
        if holder is not None:
            log.info("stale_browser_lock_removed", held_by=holder)
        for name in _SINGLETON:
            (self.folder / name).unlink(missing_ok=True)

    def empty_scratch(self) -> None:
        """A killed Chromium leaves its temporary files; each browser starts with none."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)


def claim_profile(state_dir: Path) -> Profile:
    """The profile of ``state_dir``, or an anonymous one where another process holds it."""
    base = state_dir / "browser"
    base.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(base):
        _sweep(base)
        lock = _try_lock(base / "lock")
        if lock is not None:
            return _profile(base, lock, key="main", cookies_file=base / "cookies.json")
        log.info("browser_profile_taken", using="an anonymous profile")
        own = base / f"anon-{secrets.token_hex(3)}"
        own.mkdir(mode=0o700)
        lock = _try_lock(own / "lock")
        assert lock is not None, "nobody else knows this folder"
        return _profile(own, lock, key=own.name, cookies_file=None)


def save_cookies(path: Path, cookies: Sequence[Mapping[str, Any]]) -> None:
    """Write atomically, readable by the owner alone. Raises OSError."""
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
    """What :func:`save_cookies` wrote; [] where there is nothing or it cannot be read."""
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
    """Saved cookies that the profile lacks and that have not run out. Never overwrites one that is there.

    A cookie that is present may be newer than the snapshot: a person may have signed in with a plain window since.
    """
    known = {(c.get("name"), c.get("domain"), c.get("path")) for c in present}
    return [
        dict(c)
        for c in saved
        if (c.get("name"), c.get("domain"), c.get("path")) not in known
        and (c.get("expires", -1) == -1 or c["expires"] > now_s)
    ]


def _profile(base: Path, lock: int, *, key: str, cookies_file: Path | None) -> Profile:
    anonymous = cookies_file is None
    folder = base / "profile"
    folder.mkdir(mode=0o700, exist_ok=True)
    scratch = base / "tmp"
    if len(os.fsencode(scratch)) + _SOCKET_BELOW_TMP > _SOCKET_PATH_BYTES:
        scratch = Path(tempfile.mkdtemp(prefix="mediavault-"))  # Chromium dies of a longer socket path
    return Profile(folder, scratch, cookies_file, key, anonymous, lock, [base] if anonymous else [])


@contextlib.contextmanager
def _only_one(base: Path) -> Iterator[None]:
    """Between the creation of a folder and its flock, a sweeping process would take it for a leftover."""
    descriptor = os.open(base / "sweep.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for milliseconds
        yield
    finally:
        os.close(descriptor)


def _sweep(base: Path) -> None:
    for left in base.glob("anon-*"):
        lock = _try_lock(left / "lock")
        if lock is None:
            continue
        shutil.rmtree(left, ignore_errors=True)
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


def _target(path: Path) -> str | None:
    """Where a symbolic link leads: Chromium's lock says ``host-pid``. None where there is none."""
    try:
        return str(path.readlink())
    except OSError:
        return None
