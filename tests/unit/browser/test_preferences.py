"""Chromium's preferences before a sign-in window opens."""

from __future__ import annotations

import json
from pathlib import Path

from mediavault.browser.session_manager import prepare_preferences


def preferences(profile: Path) -> dict[str, object]:
    return dict(json.loads((profile / "Default" / "Preferences").read_text("utf-8")))


def test_a_new_profile_will_not_offer_to_keep_passwords(tmp_path: Path) -> None:
    prepare_preferences(tmp_path)

    assert preferences(tmp_path)["credentials_enable_service"] is False


def test_a_window_does_not_show_the_files_of_this_machine(tmp_path: Path) -> None:
    prepare_preferences(tmp_path)

    assert json.loads((tmp_path / "Local State").read_text()) == {
        "select_file_dialogs": {"allowed": False}
    }


def test_what_the_browser_has_noted_stays(tmp_path: Path) -> None:
    (tmp_path / "Default").mkdir()
    known = {"profile": {"name": "Person", "exit_type": "Crashed"}, "extensions": {"a": 1}}
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(known))
    prepare_preferences(tmp_path)
    profile = preferences(tmp_path)["profile"]

    assert preferences(tmp_path)["extensions"] == {"a": 1}
    assert isinstance(profile, dict)
    assert (profile["name"], profile["exit_type"]) == ("Person", "Normal")


def test_a_file_that_is_damaged_is_left_to_the_browser(tmp_path: Path) -> None:
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text("{ damaged")
    prepare_preferences(tmp_path)

    assert (tmp_path / "Default" / "Preferences").read_text() == "{ damaged"
