"""The browser's cookies as ours, and across a restart."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mediavault.browser.cookies import as_cookie, restore, snapshot
from mediavault.core.failures import BrowserUnavailable

T = TypeVar("T")
SESSION = {
    "name": "s",
    "value": "1",
    "domain": "a.test",
    "path": "/",
    "expires": -1,
    "secure": True,
}


async def ask(call: Awaitable[T], within_s: float) -> T:
    return await call


class StubContext:
    def __init__(self, *cookies: dict[str, Any], dead: bool = False) -> None:
        self.jar = list(cookies)
        self._dead = dead

    async def cookies(self) -> list[dict[str, Any]]:
        if self._dead:
            raise BrowserUnavailable("gone")
        return self.jar

    async def add_cookies(self, cookies: list[dict[str, Any]]) -> None:
        self.jar += cookies


def test_a_leading_dot_includes_subdomains() -> None:
    assert as_cookie({**SESSION, "domain": ".A.test"}).host_only is False
    assert as_cookie({**SESSION, "domain": ".A.test"}).domain == "a.test"
    assert as_cookie(SESSION).host_only is True


@pytest.mark.parametrize(
    ("expires", "ends"), [(-1, None), (0, None), (10, datetime(1970, 1, 1, 0, 0, 10, tzinfo=UTC))]
)
def test_a_session_cookie_has_no_end(expires: float, ends: datetime | None) -> None:
    assert as_cookie({**SESSION, "expires": expires}).expires_at == ends


async def test_a_session_cookie_survives_a_restart(tmp_path: Path) -> None:
    file, after = tmp_path / "cookies.json", StubContext()
    await snapshot(StubContext(SESSION), file, ask=ask)
    await restore(after, file, now_s=0.0, ask=ask)

    assert after.jar == [SESSION]


async def test_unchanged_cookies_are_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    await snapshot(StubContext(SESSION), file, ask=ask)
    before = file.stat().st_ino
    await snapshot(StubContext(SESSION), file, ask=ask)

    assert file.stat().st_ino == before


async def test_a_dead_browser_loses_no_snapshot(tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    await snapshot(StubContext(SESSION), file, ask=ask)

    assert not await snapshot(StubContext(dead=True), file, ask=ask)
    assert "s" in file.read_text()


async def test_a_browser_that_takes_no_cookies_is_used_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    await snapshot(StubContext(SESSION), file, ask=ask)

    await restore(StubContext(dead=True), file, now_s=0.0, ask=ask)
