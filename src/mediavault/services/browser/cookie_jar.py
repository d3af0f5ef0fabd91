"""The session's cookies: read for requests of our own, snapshot and restored around what Chromium forgets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mediavault.core.cookies import Cookie
from mediavault.core.failures import BrowserUnavailable, TookTooLong
from mediavault.core.logs import get_logger
from mediavault.services.browser.driver import Ask, PageFailed
from mediavault.services.browser.profile import imports_folder, load_cookies, missing_cookies, save_cookies

CALL_S = 10.0

log = get_logger(__name__)


async def snapshot(context: Any, file: Path, *, ask: Ask) -> bool:
    """Write all cookies of the context to ``file`` if they changed; False, and a warning, where that fails."""
    try:
        cookies = await ask(context.cookies(), CALL_S)
        if cookies != await asyncio.to_thread(load_cookies, file):
            await asyncio.to_thread(save_cookies, file, cookies)
    except (TookTooLong, PageFailed, BrowserUnavailable, OSError) as exc:
        log.warning("cookies_not_saved", error=str(exc))
        return False
    return True


async def restore(context: Any, file: Path | None, *, now_s: float, ask: Ask) -> None:
    """Give the context back what it lost since the snapshot, and what was imported since it last ran.

    A session less is no reason to have no browser.
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


async def _take_imports(context: Any, folder: Path, *, now_s: float, ask: Ask) -> None:
    """Hand over imported cookies, which replace those of the same name, and forget their files."""
    for file in await asyncio.to_thread(lambda: sorted(folder.glob("*.json"))):
        cookies = await asyncio.to_thread(load_cookies, file)
        valid = [cookie for cookie in cookies if cookie.get("expires", -1) == -1 or cookie["expires"] > now_s]
        try:
            taken = sum([await _added(context, cookie, ask) for cookie in valid])
        except (TookTooLong, BrowserUnavailable) as exc:
            log.warning("cookies_not_imported", platform=file.stem, error=str(exc))
            return  # they wait for the next browser
        log.info("cookies_imported", platform=file.stem, count=taken, refused=len(cookies) - taken)
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


async def _added(context: Any, cookie: Mapping[str, Any], ask: Ask) -> bool:
    """Alone: a cookie that the browser refuses must not keep the others out. What it says then holds the value."""
    try:
        await ask(context.add_cookies([cookie]), CALL_S)
    except PageFailed:
        return False
    return True


def as_cookie(cookie: Mapping[str, Any]) -> Cookie:
    """Chromium marks a cookie for sub-domains with a leading dot; ``expires`` is -1 for a session's."""
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
