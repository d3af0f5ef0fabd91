"""The names of the signed-in accounts, in their own file."""

from __future__ import annotations

from pathlib import Path

from mediavault.browser.session_manager import (
    MAX_ACCOUNT_CHARS,
    forget_account,
    known_accounts,
    note_account,
)


def test_a_name_is_stored_until_it_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "browser").mkdir()
    note_account(tmp_path, "x", "jane")
    note_account(tmp_path, "tiktok", "a" * 500 + "\n")
    assert known_accounts(tmp_path) == {"x": "jane", "tiktok": "a" * MAX_ACCOUNT_CHARS}
    assert (tmp_path / "browser" / "accounts.json").stat().st_mode & 0o777 == 0o600

    forget_account(tmp_path, "tiktok")
    assert known_accounts(tmp_path) == {"x": "jane"}


def test_names_that_cannot_be_stored_or_read_are_not_a_failure(tmp_path: Path) -> None:
    note_account(tmp_path, "x", "jane")  # the folder does not exist
    assert known_accounts(tmp_path) == {}
    (tmp_path / "browser").mkdir()
    (tmp_path / "browser" / "accounts.json").write_text("[1]")
    assert known_accounts(tmp_path) == {}
