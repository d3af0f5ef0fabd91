"""Chromium's cookie database while Chromium is not running."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mediavault.browser.cookies import (
    SESSION_LIFE,
    cookies_on_disk,
    prolong_sessions,
    remove_cookies,
)
from tests.fakes import START

EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
END = START + timedelta(days=1)


def profile_with(root: Path, *rows: tuple[str, str, bool], path: str = "Default/Cookies") -> Path:
    """A profile with these cookies. A row is name,
    host_key and whether the cookie outlives its session.
    """
    file = root / path
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as database, database:
        database.execute(
            "CREATE TABLE cookies(creation_utc INTEGER, host_key TEXT, name TEXT, value TEXT,"
            " encrypted_value BLOB,"
            " path TEXT, expires_utc INTEGER, is_secure INTEGER, is_httponly INTEGER, has_expires"
            " INTEGER,"
            " is_persistent INTEGER)"
        )
        for name, host, persistent in rows:
            micros = (END - EPOCH) // timedelta(microseconds=1) if persistent else 0
            values = (
                1,
                host,
                name,
                "",
                b"v10secret",
                "/",
                micros,
                1,
                1,
                int(persistent),
                int(persistent),
            )
            database.execute(f"INSERT INTO cookies VALUES ({','.join('?' * 11)})", values)
    return root


@pytest.mark.parametrize("path", ["Default/Cookies", "Default/Network/Cookies"])
def test_names_domains_and_ends_are_read_wherever_chromium_keeps_them(
    tmp_path: Path, path: str
) -> None:
    profile = profile_with(
        tmp_path, ("sid", ".a.test", True), ("visit", "b.test", False), path=path
    )
    first, second = cookies_on_disk(profile)

    assert (first.name, first.domain, first.host_only, first.expires_at) == (
        "sid",
        "a.test",
        False,
        END,
    )
    assert (second.name, second.domain, second.host_only, second.expires_at) == (
        "visit",
        "b.test",
        True,
        None,
    )
    assert first.value == ""


def test_a_profile_that_is_new_has_no_cookies(tmp_path: Path) -> None:
    assert cookies_on_disk(tmp_path) == []
    assert prolong_sessions(tmp_path, now=START) == 0
    assert remove_cookies(tmp_path, lambda _: True) == 0


def test_a_file_that_is_not_a_database_counts_as_empty_for_reading_and_fails_for_writing(
    tmp_path: Path,
) -> None:
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Cookies").write_bytes(b"no database" * 1_000)

    assert cookies_on_disk(tmp_path) == []
    with pytest.raises(OSError, match="cannot be changed"):
        prolong_sessions(tmp_path, now=START)


def test_reading_does_not_wait_for_a_browser_that_holds_the_database(tmp_path: Path) -> None:
    profile = profile_with(tmp_path, ("sid", ".a.test", True))
    with closing(sqlite3.connect(tmp_path / "Default" / "Cookies")) as browser:
        browser.execute("BEGIN EXCLUSIVE")

        assert [cookie.name for cookie in cookies_on_disk(profile)] == ["sid"]


def test_a_database_with_a_write_ahead_log_is_read_too(tmp_path: Path) -> None:
    profile = profile_with(tmp_path, ("sid", ".a.test", True))
    with closing(sqlite3.connect(tmp_path / "Default" / "Cookies")) as browser:
        browser.execute("PRAGMA journal_mode = WAL")

        assert [cookie.name for cookie in cookies_on_disk(profile)] == ["sid"]


def test_session_cookies_get_an_expiry_and_the_others_keep_theirs(tmp_path: Path) -> None:
    profile = profile_with(tmp_path, ("sid", ".a.test", True), ("visit", ".a.test", False))

    assert prolong_sessions(profile, now=START) == 1
    ends = {cookie.name: cookie.expires_at for cookie in cookies_on_disk(profile)}
    assert ends == {"sid": END, "visit": START + SESSION_LIFE}


def test_only_cookies_of_the_given_domains_are_removed(tmp_path: Path) -> None:
    profile = profile_with(
        tmp_path, ("a", ".x.test", True), ("b", "www.x.test", True), ("c", "xx.test", True)
    )

    assert (
        remove_cookies(profile, lambda domain: domain == "x.test" or domain.endswith(".x.test"))
        == 2
    )
    assert [cookie.name for cookie in cookies_on_disk(profile)] == ["c"]
