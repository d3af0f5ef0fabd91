"""Which process holds the profile, what a crash leaves behind, and the cookies that survive it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from mediavault.browser.profile import claim_profile, load_cookies, missing_cookies, save_cookies

NOW_S = 1_000.0


def cookie(name: str, *, value: str = "v", expires: float = -1) -> dict[str, object]:
    return {"name": name, "value": value, "domain": ".a.test", "path": "/", "expires": expires}


def test_a_second_holder_gets_its_own_anonymous_profile(tmp_path: Path) -> None:
    first, second = claim_profile(tmp_path), claim_profile(tmp_path)

    assert not first.anonymous
    assert second.anonymous
    assert second.folder != first.folder
    assert second.cookies_file is None
    second.release()
    first.release()


def test_the_profile_is_free_again_after_its_release(tmp_path: Path) -> None:
    claim_profile(tmp_path).release()
    again = claim_profile(tmp_path)

    assert not again.anonymous
    again.release()
    again.release()  # twice is safe


def test_a_profile_that_could_not_be_created_can_be_claimed_later(tmp_path: Path) -> None:
    """Our own lock must not block us, or the logins are unavailable until the next start."""
    folder = tmp_path / "browser" / "profile"
    folder.parent.mkdir()
    folder.write_text("no folder")
    with pytest.raises(OSError, match="exists"):
        claim_profile(tmp_path)
    folder.unlink()
    profile = claim_profile(tmp_path)

    assert not profile.anonymous
    profile.release()


def test_an_anonymous_profile_is_gone_after_its_release(tmp_path: Path) -> None:
    first, second = claim_profile(tmp_path), claim_profile(tmp_path)
    (second.folder / "Cookies").write_text("x")
    second.release()

    assert list((tmp_path / "browser").glob("anon-*")) == []
    first.release()


def test_what_a_killed_process_left_is_swept_but_not_what_is_in_use(tmp_path: Path) -> None:
    first, in_use = claim_profile(tmp_path), claim_profile(tmp_path)
    left = tmp_path / "browser" / "anon-000000"
    (left / "profile").mkdir(parents=True)
    third = claim_profile(tmp_path)

    assert not left.exists()
    assert in_use.folder.is_dir()
    for profile in (first, in_use, third):
        profile.release()


def test_another_hosts_lock_is_removed_while_we_hold_the_profile(tmp_path: Path) -> None:
    profile = claim_profile(tmp_path)
    for name in ("SingletonLock", "SingletonCookie", "SingletonSocket"):
        (profile.folder / name).symlink_to("otherhost-123")
    profile.forget_stale_locks()

    assert list(profile.folder.iterdir()) == []
    profile.release()


def test_a_socket_path_that_chromium_would_die_of_is_avoided(tmp_path: Path) -> None:
    profile = claim_profile(tmp_path / ("long" * 20))

    assert len(str(profile.scratch)) < 60
    profile.release()
    assert not profile.scratch.exists()


def test_profiles_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    profile = claim_profile(tmp_path)

    assert stat.S_IMODE(profile.folder.stat().st_mode) == 0o700
    profile.release()


def test_saved_cookies_are_readable_by_their_owner_alone_and_come_back(tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    save_cookies(file, [cookie("a")])

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_cookies(file) == [cookie("a")]
    assert list(tmp_path.iterdir()) == [file]


def test_unreadable_cookies_count_as_none(tmp_path: Path) -> None:
    file = tmp_path / "cookies.json"
    file.write_text("{ not json")

    assert load_cookies(file) == []
    assert load_cookies(tmp_path / "missing.json") == []
    assert load_cookies(None) == []


def test_only_cookies_that_the_profile_lacks_are_restored() -> None:
    saved = [
        cookie("session"),
        cookie("rotated", value="old"),
        cookie("ended", expires=NOW_S - 1),
        cookie("kept", expires=NOW_S + 1),
    ]

    lost = missing_cookies(saved, [cookie("rotated", value="new")], now_s=NOW_S)

    assert [c["name"] for c in lost] == ["session", "kept"]
