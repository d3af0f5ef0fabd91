"""Chromium's own cookie database, between two of its runs: names and expiries are read, rows removed or prolonged.

Only whoever holds the profile may write; reading is safe at any time, since it looks at a copy in memory. Values are
never looked at.
``is_persistent = 0`` marks a session's cookie: such rows are written like others, and dropped by the next start.
Source: Chromium's net/extras/sqlite/sqlite_persistent_cookie_store.cc (schema 18 and later), checked 2026-11-24.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediavault.core.cookies import Cookie
from mediavault.core.logs import get_logger

_PLACES = ("Default/Cookies", "Default/Network/Cookies")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of Chromium's microseconds
_BUSY_S = 2.0
MAX_BYTES = 256 << 20
SESSION_LIFE = timedelta(
    days=30
)  # as long as a browser that is never closed would keep a session's cookies, and then some

log = get_logger(__name__)


def cookies_on_disk(profile: Path) -> list[Cookie]:
    """The cookies of a profile without their values; [] where there are none, or where they cannot be read."""
    file = _file(profile)
    if file is None:
        return []
    try:
        with file.open("rb") as opened:
            image = bytearray(opened.read(MAX_BYTES))
        # a database in memory has no write-ahead log, whatever its header says (SQLite's file format, section 1.3.3)
        image[18:20] = b"\x01\x01"
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(bytes(image))
            rows = database.execute(
                "SELECT name, host_key, path, is_secure, is_persistent, expires_utc FROM cookies"
            ).fetchall()
    except (sqlite3.Error, OSError) as exc:
        log.warning("cookie_database_unreadable", error=str(exc))
        return []
    return [_cookie(*row) for row in rows]


def prolong_sessions(profile: Path, *, now: datetime) -> int:
    """Give the cookies of sessions an end, so that the next start keeps them; how many. The profile must be held.

    A desktop's browser keeps them as long as it runs. Ours ends when it is idle, which is not what signs a person out.
    """
    end = _micros(now + SESSION_LIFE)
    with _writing(profile) as database:
        if database is None:
            return 0
        changed = database.execute(
            "UPDATE cookies SET is_persistent = 1, has_expires = 1, expires_utc = ? WHERE is_persistent = 0", (end,)
        )
        return changed.rowcount


def remove_cookies(profile: Path, is_meant: Callable[[str], bool]) -> int:
    """Remove the cookies of all domains (no leading dot) that are meant; how many. The profile must be held."""
    removed = 0
    with _writing(profile) as database:
        if database is None:
            return 0
        keys = [key for (key,) in database.execute("SELECT DISTINCT host_key FROM cookies")]
        for key in keys:
            if is_meant(key.removeprefix(".").lower()):
                removed += database.execute("DELETE FROM cookies WHERE host_key = ?", (key,)).rowcount
    return removed


@contextmanager
def _writing(profile: Path) -> Iterator[sqlite3.Connection | None]:
    """One transaction, or None where there is no database. Raises OSError when it cannot be written."""
    file = _file(profile)
    if file is None:
        yield None
        return
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_S)) as database, database:
            yield database
    except sqlite3.Error as exc:
        raise OSError(f"The browser's cookies cannot be changed: {exc}") from exc


def _file(profile: Path) -> Path | None:
    return next((profile / place for place in _PLACES if (profile / place).is_file()), None)


def _cookie(name: str, key: str, path: str, secure: int, persistent: int, expires: int) -> Cookie:
    return Cookie(
        name=name,
        value="",
        domain=key.removeprefix(".").lower(),
        path=path,
        secure=bool(secure),
        host_only=not key.startswith("."),
        expires_at=_moment(expires) if persistent else None,
    )


def _moment(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
