"""Imported cookies on their way into the browser: a private file a platform, until the next launch takes them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mediavault.core.cookies import Cookie
from mediavault.services.browser.cookie_jar import as_cookie
from mediavault.services.browser.profile import imports_folder, load_cookies, save_cookies


def keep_import(state_dir: Path, platform: str, cookies: Iterable[Cookie]) -> None:
    """Write them for the next launch, in place of an earlier import that still waits. Raises OSError."""
    folder = imports_folder(state_dir)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    save_cookies(folder / f"{platform}.json", [_for_driver(cookie) for cookie in cookies])


def waiting_import(state_dir: Path, platform: str) -> list[Cookie]:
    """What was imported and is not in the browser yet."""
    return [as_cookie(cookie) for cookie in load_cookies(imports_folder(state_dir) / f"{platform}.json")]


def drop_import(state_dir: Path, platform: str) -> None:
    (imports_folder(state_dir) / f"{platform}.json").unlink(missing_ok=True)


def _for_driver(cookie: Cookie) -> Mapping[str, Any]:
    """As the browser's driver takes a cookie. A domain without a dot in front is the cookie's only host."""
    return {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain if cookie.host_only else f".{cookie.domain}",
        "path": cookie.path,
        "expires": cookie.expires_at.timestamp() if cookie.expires_at else -1,
        "httpOnly": cookie.http_only,
        "secure": cookie.secure,
    }
