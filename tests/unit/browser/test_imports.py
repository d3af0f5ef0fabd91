"""Imported cookies until a browser takes them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser.cookies import next_cookies, pending_import, restore, save_import
from mediavault.browser.driver import PageFailed
from mediavault.core.cookies import Cookie
from mediavault.core.failures import BrowserUnavailable
from tests.fakes import START
from tests.unit.browser.test_cookie_jar import StubContext, ask

WIDE = Cookie(
    "sid",
    "1",
    "a.test",
    secure=True,
    host_only=False,
    expires_at=START + timedelta(days=1),
    http_only=True,
)
OF_SESSION = Cookie("visit", "2", "www.a.test", path="/in")
NOW_S = START.timestamp()


class PickyContext(StubContext):
    """A context that refuses cookies of one name, or is closed."""

    def __init__(self, *, refuses: str = "", gone: bool = False) -> None:
        super().__init__()
        self._refuses, self._gone = refuses, gone

    async def add_cookies(self, cookies: list[dict[str, Any]]) -> None:
        if self._gone:
            raise BrowserUnavailable("gone")
        if any(cookie["name"] == self._refuses for cookie in cookies):
            raise PageFailed("Invalid cookie fields: value=secret")
        await super().add_cookies(cookies)


def test_a_waiting_import_holds_the_cookies_as_given(tmp_path: Path) -> None:
    save_import(tmp_path, "site", [WIDE, OF_SESSION])

    assert pending_import(tmp_path, "site") == [WIDE, OF_SESSION]


async def test_the_next_browser_takes_the_cookies_in_and_their_file_is_removed(
    tmp_path: Path,
) -> None:
    save_import(tmp_path, "site", [WIDE, OF_SESSION])
    context = StubContext()
    await restore(context, tmp_path / "browser" / "cookies.json", now_s=NOW_S, ask=ask)

    assert [cookie["name"] for cookie in context.jar] == ["sid", "visit"]
    assert context.jar[0]["domain"] == ".a.test"
    assert pending_import(tmp_path, "site") == []


async def test_a_cookie_that_the_browser_refuses_does_not_block_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_import(tmp_path, "site", [WIDE, OF_SESSION])
    context = PickyContext(refuses="sid")
    await restore(context, tmp_path / "browser" / "cookies.json", now_s=NOW_S, ask=ask)

    assert [cookie["name"] for cookie in context.jar] == ["visit"]
    assert "secret" not in "".join(capsys.readouterr())


async def test_the_cookies_wait_for_another_browser_when_this_one_breaks(tmp_path: Path) -> None:
    save_import(tmp_path, "site", [WIDE])
    await restore(
        PickyContext(gone=True), tmp_path / "browser" / "cookies.json", now_s=NOW_S, ask=ask
    )

    assert pending_import(tmp_path, "site") == [WIDE]


async def test_cookies_that_expired_while_they_waited_are_left_out(tmp_path: Path) -> None:
    save_import(tmp_path, "site", [WIDE, OF_SESSION])
    context = StubContext()
    await restore(context, tmp_path / "browser" / "cookies.json", now_s=NOW_S + 90_000, ask=ask)

    assert [cookie["name"] for cookie in context.jar] == ["visit"]


async def test_an_anonymous_browser_takes_no_imported_cookies(tmp_path: Path) -> None:
    save_import(tmp_path, "site", [WIDE])
    context = StubContext()
    await restore(context, None, now_s=NOW_S, ask=ask)

    assert context.jar == []
    assert pending_import(tmp_path, "site") == [WIDE]


def test_the_next_launch_will_have_what_was_saved_and_what_was_imported_since(
    tmp_path: Path,
) -> None:
    """So that a session counts before a browser has run with it,
    and replaces the cookies of its names.
    """
    file = tmp_path / "browser" / "cookies.json"
    file.parent.mkdir()
    assert next_cookies(file) == []

    other = Cookie("other", "3", "b.test")
    save_import(tmp_path, "kept", [replace(WIDE, value="old"), other])
    (tmp_path / "sessions" / "kept.json").rename(file)
    assert next_cookies(file) == [replace(WIDE, value="old"), other]

    save_import(tmp_path, "site", [WIDE, OF_SESSION])
    assert next_cookies(file) == [WIDE, other, OF_SESSION]
