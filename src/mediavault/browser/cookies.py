"""The cookies of the browser: on disk between two runs, in a snapshot around a run, and imported
ones that wait.

Chromium's database: names and expiries are read, rows removed or prolonged, values never read. Only
the holder of the profile may write; reading is always safe, since it uses a copy in memory.
``is_persistent = 0`` marks a session's cookie: such rows are written like others, and dropped by
the next start. Source: Chromium's net/extras/sqlite/sqlite_persistent_cookie_store.cc (schema 18
and later), checked 2026-11-24.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mediavault.browser.driver import BrowserCall, PageFailed
from mediavault.browser.profile import imports_folder, load_cookies, missing_cookies, save_cookies
from mediavault.core.cookies import Cookie
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.core.messages import Message

_DATABASE_PATHS = ("Default/Cookies", "Default/Network/Cookies")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)  # of Chromium's microseconds
_BUSY_S = 2.0
MAX_BYTES = 256 << 20
# longer than a browser that is never closed keeps a session's cookies
SESSION_LIFE = timedelta(days=30)
CALL_S = 10.0  # for one call into a running browser

log = get_logger(__name__)


# --- on disk, between two runs --------------------------------------------------------------------


def cookies_on_disk(profile: Path) -> list[Cookie]:
    """Return the cookies of a profile without their values; [] where there are none,
    or where they cannot be read.
    """
    file = _file(profile)
    if file is None:
        return []
    try:
        with file.open("rb") as opened:
            image = bytearray(opened.read(MAX_BYTES))
        # a database in memory has no write-ahead log, whatever its header says (SQLite's file
        # format, section 1.3.3)
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
    """Give session cookies an expiry, so that the next start keeps them, and return how many. The
    profile must be held.

    A desktop's browser keeps them as long as it runs. Ours ends when it is idle, which must not
    sign the user out.
    """
    end = _micros(now + SESSION_LIFE)
    with _writing(profile) as database:
        if database is None:
            return 0
        changed = database.execute(
            (
                "UPDATE cookies SET is_persistent = 1, has_expires = 1, expires_utc = ? WHERE"
                " is_persistent = 0"
            ),
            (end,),
        )
        return changed.rowcount


def remove_cookies(profile: Path, matches: Callable[[str], bool]) -> int:
    """Remove the cookies of all domains (no leading dot) that match, and return how many.
    The profile must be held.
    """
    removed = 0
    with _writing(profile) as database:
        if database is None:
            return 0
        keys = [key for (key,) in database.execute("SELECT DISTINCT host_key FROM cookies")]
        for key in keys:
            if matches(key.removeprefix(".").lower()):
                removed += database.execute(
                    "DELETE FROM cookies WHERE host_key = ?", (key,)
                ).rowcount
    return removed


@contextmanager
def _writing(profile: Path) -> Iterator[sqlite3.Connection | None]:
    """Open one transaction; None where there is no database.
    Raises OSError when it cannot be written.
    """
    file = _file(profile)
    if file is None:
        yield None
        return
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_S)) as database, database:
            yield database
    except sqlite3.Error as exc:
        raise OSError(
            Message("The browser's cookies cannot be changed: %(error)s", error=exc)
        ) from exc


def _file(profile: Path) -> Path | None:
    return next((profile / path for path in _DATABASE_PATHS if (profile / path).is_file()), None)


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


# --- in a running browser -------------------------------------------------------------------------


async def snapshot(context: Any, file: Path, *, ask: BrowserCall) -> bool:
    """Write all cookies of the context to ``file`` if they changed; False, and a warning,
    where that fails.
    """
    try:
        cookies = await ask(context.cookies(), CALL_S)
        if cookies != await asyncio.to_thread(load_cookies, file):
            await asyncio.to_thread(save_cookies, file, cookies)
    except (TookTooLong, PageFailed, BrowserUnavailable, OSError) as exc:
        log.warning("cookies_not_saved", error=str(exc))
        return False
    return True


async def restore(context: Any, file: Path | None, *, now_s: float, ask: BrowserCall) -> None:
    """Restore what the context lost since the snapshot, and add what was imported since it last
    ran.

    A lost session must not keep the browser from starting.
    """
    saved = await asyncio.to_thread(load_cookies, file)
    if saved:
        try:
            lost = missing_cookies(saved, await ask(context.cookies(), CALL_S), now_s=now_s)
            if lost:
                await ask(context.add_cookies(lost), CALL_S)
                log.info("cookies_restored", count=len(lost))
        except (TookTooLong, PageFailed, BrowserUnavailable) as exc:
            log.warning("cookies_not_restored", error=str(exc))
    if file is not None:
        await _take_imports(context, imports_folder(file.parent.parent), now_s=now_s, ask=ask)


async def _take_imports(context: Any, folder: Path, *, now_s: float, ask: BrowserCall) -> None:
    """Give the context the imported cookies, which replace those of the same name,
    and remove their files.
    """
    for file in await asyncio.to_thread(lambda: sorted(folder.glob("*.json"))):
        cookies = await asyncio.to_thread(load_cookies, file)
        valid = [
            cookie
            for cookie in cookies
            if cookie.get("expires", -1) == -1 or cookie["expires"] > now_s
        ]
        try:
            taken = sum([await _add(context, cookie, ask) for cookie in valid])
        except (TookTooLong, BrowserUnavailable) as exc:
            log.warning("cookies_not_imported", platform=file.stem, error=str(exc))
            return  # the next browser takes them
        log.info("cookies_imported", platform=file.stem, count=taken, refused=len(cookies) - taken)
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


async def _add(context: Any, cookie: Mapping[str, Any], ask: BrowserCall) -> bool:
    """Add one cookie at a time: a refused one must not keep the others out. The error text, which
    holds its value, is dropped.
    """
    try:
        await ask(context.add_cookies([cookie]), CALL_S)
    except PageFailed:
        return False
    return True


def as_cookie(cookie: Mapping[str, Any]) -> Cookie:
    """Convert a cookie of the driver: a leading dot marks one for sub-domains,
    ``expires`` -1 a session's.
    """
    domain = str(cookie.get("domain", ""))
    expires = cookie.get("expires", -1)
    return Cookie(
        name=str(cookie.get("name", "")),
        value=str(cookie.get("value", "")),
        domain=domain.removeprefix(".").lower(),
        path=str(cookie.get("path") or "/"),
        secure=bool(cookie.get("secure")),
        host_only=not domain.startswith("."),
        expires_at=datetime.fromtimestamp(expires, UTC) if expires and expires > 0 else None,
        http_only=bool(cookie.get("httpOnly")),
    )


# --- imported cookies: one private file per platform, until the next launch takes them ------------


def save_import(state_dir: Path, platform: str, cookies: Iterable[Cookie]) -> None:
    """Store cookies for the next launch, replacing an earlier import that still waits.
    Raises OSError.
    """
    folder = imports_folder(state_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    save_cookies(folder / f"{platform}.json", [_for_driver(cookie) for cookie in cookies])


def pending_import(state_dir: Path, platform: str) -> list[Cookie]:
    """Return the cookies that were imported and are not in the browser yet."""
    return [
        as_cookie(cookie) for cookie in load_cookies(imports_folder(state_dir) / f"{platform}.json")
    ]


def next_cookies(file: Path) -> list[Cookie]:
    """Return the cookies that the next launch will have: those in the ``file`` of the last one,
    and imported ones that wait.
    """
    imports = sorted(imports_folder(file.parent.parent).glob("*.json"))
    cookies = [as_cookie(cookie) for saved in (file, *imports) for cookie in load_cookies(saved)]
    return list(
        {
            (cookie.name, cookie.domain, cookie.host_only, cookie.path): cookie
            for cookie in cookies
        }.values()
    )


def remove_import(state_dir: Path, platform: str) -> None:
    (imports_folder(state_dir) / f"{platform}.json").unlink(missing_ok=True)


def _for_driver(cookie: Cookie) -> Mapping[str, Any]:
    """Convert a cookie for the browser's driver. A domain without a leading dot is the cookie's
    only host.
    """
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain if cookie.host_only else f".{cookie.domain}",
        "path": cookie.path,
        "expires": cookie.expires_at.timestamp() if cookie.expires_at else -1,
        "httpOnly": cookie.http_only,
        "secure": cookie.secure,
    }
