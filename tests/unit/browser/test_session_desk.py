"""What the cookies say about every site, and what an import, a sign-out and a window do to them."""

from __future__ import annotations

import re
import stat
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mediavault.browser.cookies import cookies_on_disk
from mediavault.browser.profile import (
    WindowBusy,
    borrowed_profile,
    claim_profile,
    load_cookies,
    save_cookies,
)
from mediavault.browser.session_manager import NoSuchSite, SessionManager, note_account
from mediavault.core.failures import BadInput
from mediavault.core.platform import AccountCookie, Matching, Platform, SignIn
from tests.fakes import START, FakeClock
from tests.unit.browser.test_cookie_db import profile_with

SITE = Platform(
    name="site",
    title="Site",
    matching=Matching(hosts=("a.test",)),
    sign_in=SignIn(url="https://a.test/in", session_cookies=("sid", "visit")),
)
OTHER = Platform(
    name="other",
    title="Other",
    matching=Matching(hosts=("b.test",)),
    sign_in=SignIn(url="https://b.test/in", session_cookies=("sid",)),
)
OPEN = Platform(name="open", title="Open", matching=Matching(hosts=("c.test",)))
LATER = int((START + timedelta(days=9)).timestamp())


def authenticator(tmp_path: Path) -> SessionManager:
    return SessionManager(tmp_path, [SITE, OTHER, OPEN], FakeClock(auto=True))


def browser_with(tmp_path: Path, *rows: tuple[str, str, bool]) -> Path:
    return profile_with(tmp_path / "browser" / "profile", *rows)


def driver_cookie(name: str, domain: str) -> dict[str, object]:
    return {"name": name, "value": "secret", "domain": domain, "path": "/", "expires": -1}


def text(*lines: tuple[str, str, int]) -> str:
    return "\n".join(
        f"{domain}\tFALSE\t/\tTRUE\t{end}\t{name}\tsecret" for name, domain, end in lines
    )


async def test_sites_without_a_sign_in_are_not_listed(tmp_path: Path) -> None:
    assert [state.platform for state in await authenticator(tmp_path).states()] == ["site", "other"]


async def test_a_site_without_a_sign_in_has_no_state(tmp_path: Path) -> None:
    with pytest.raises(NoSuchSite):
        await authenticator(tmp_path).state("open")


async def test_cookies_of_the_database_and_of_the_snapshot_count_together(tmp_path: Path) -> None:
    browser_with(tmp_path, ("sid", ".a.test", True))
    assert (await authenticator(tmp_path).state("site")).signed_in is False

    save_cookies(tmp_path / "browser" / "cookies.json", [driver_cookie("visit", "a.test")])
    assert (await authenticator(tmp_path).state("site")).signed_in is True


async def test_an_import_takes_only_the_sites_own_valid_cookies_and_waits_in_private(
    tmp_path: Path,
) -> None:
    long_ago = int(START.timestamp()) - 1
    pasted = text(
        ("sid", "a.test", LATER),
        ("visit", "a.test", 0),
        ("old", "a.test", long_ago),
        ("sid", "b.test", LATER),
    )
    report = await authenticator(tmp_path).import_cookies("site", pasted)
    state = await authenticator(tmp_path).state("site")
    file = tmp_path / "sessions" / "site.json"

    assert (report.imported, report.other_sites, report.expired) == (2, 1, 1)
    assert report.first_expiry == START + timedelta(days=9)
    assert (state.signed_in, state.pending) == (True, True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert {cookie["name"]: cookie["expires"] for cookie in load_cookies(file)} == {
        "sid": LATER,
        "visit": -1,
    }


async def test_an_import_replaces_the_session_that_was_there(tmp_path: Path) -> None:
    profile = browser_with(tmp_path, ("old", ".a.test", True), ("kept", ".b.test", True))
    save_cookies(
        tmp_path / "browser" / "cookies.json",
        [driver_cookie("old", "a.test"), driver_cookie("k", "b.test")],
    )
    await authenticator(tmp_path).import_cookies("site", text(("sid", "a.test", LATER)))

    assert [cookie.name for cookie in cookies_on_disk(profile)] == ["kept"]
    assert [cookie["name"] for cookie in load_cookies(tmp_path / "browser" / "cookies.json")] == [
        "k"
    ]


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        (text(("sid", "b.test", LATER)), "No Site cookies found"),
        (text(("sid", "a.test", 1)), "expired"),
        ("nonsense", "Line 1"),
    ],
)
async def test_an_import_of_nothing_leaves_the_former_session(
    tmp_path: Path, pasted: str, why: str
) -> None:
    profile = browser_with(tmp_path, ("sid", ".a.test", True))
    with pytest.raises(BadInput, match=why):
        await authenticator(tmp_path).import_cookies("site", pasted)

    assert len(cookies_on_disk(profile)) == 1
    assert not (tmp_path / "sessions").exists()


async def test_signing_out_leaves_nothing_of_the_site(tmp_path: Path) -> None:
    browser_with(tmp_path, ("sid", ".a.test", True), ("sid", ".b.test", True))
    save_cookies(tmp_path / "browser" / "cookies.json", [driver_cookie("visit", "a.test")])
    mine = authenticator(tmp_path)
    await mine.import_cookies("site", text(("sid", "a.test", LATER)))
    state = await mine.sign_out("site")

    assert (state.signed_in, state.cookies, state.pending) == (False, 0, False)
    assert (await mine.state("other")).signed_in is True


async def test_nothing_is_changed_during_a_sign_in(tmp_path: Path) -> None:
    async with borrowed_profile(tmp_path, FakeClock()):
        with pytest.raises(WindowBusy):
            await authenticator(tmp_path).sign_out("site")


def test_after_a_window_sessions_last_and_the_snapshot_does_not_contradict_them(
    tmp_path: Path,
) -> None:
    profile_with(
        tmp_path / "browser" / "profile", ("sid", ".a.test", True), ("visit", "a.test", False)
    )
    save_cookies(
        tmp_path / "browser" / "cookies.json",
        [driver_cookie("gone", "a.test"), driver_cookie("k", "b.test")],
    )
    profile = claim_profile(tmp_path)
    state = authenticator(tmp_path).after_window(profile, SITE)
    ends = [cookie.expires_at for cookie in cookies_on_disk(profile.folder)]
    profile.release()

    assert (state.signed_in, state.cookies) == (True, 2)
    assert all(ends)
    assert [cookie["name"] for cookie in load_cookies(profile.cookies_file)] == ["k"]


async def test_the_account_is_named_by_its_cookie_or_by_what_a_page_called_it(
    tmp_path: Path,
) -> None:
    site = replace(
        SITE,
        sign_in=replace(
            SITE.sign_in, account_cookie=AccountCookie("visit", re.compile(r"^(\d+)$"))
        ),
    )
    manager = SessionManager(tmp_path, [site], FakeClock(auto=True))
    lines = [f".a.test\tTRUE\t/\tFALSE\t{LATER}\t{name}\t12345" for name in ("sid", "visit")]
    await manager.import_cookies("site", "\n".join(lines))
    assert (await manager.state("site")).signed_in_as == "user 12345"

    note_account(tmp_path, "site", "jane")
    assert (await manager.state("site")).signed_in_as == "jane"
    await manager.import_cookies("site", "\n".join(lines))  # may be another account's
    assert (await manager.state("site")).signed_in_as == "user 12345"


async def test_the_number_is_read_from_the_snapshot_and_the_expiry_from_the_database(
    tmp_path: Path,
) -> None:
    site = replace(
        SITE,
        sign_in=replace(
            SITE.sign_in,
            account_cookie=AccountCookie("visit", re.compile(r"^(\d+)$")),
            session_cookies=("visit",),
        ),
    )
    browser_with(tmp_path, ("visit", ".a.test", True))
    cookie = {"name": "visit", "value": "77", "domain": ".a.test", "path": "/", "expires": -1}
    save_cookies(tmp_path / "browser" / "cookies.json", [cookie])
    state = await SessionManager(tmp_path, [site], FakeClock(auto=True)).state("site")

    assert state.signed_in_as == "user 77"
    assert state.expires_at is not None
