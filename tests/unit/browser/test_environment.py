"""Which variables of our environment a browser and its driver see."""

from __future__ import annotations

import pytest

from mediavault.browser.chromium import narrow_driver_environment
from mediavault.browser.discovery import for_browser, for_driver
from mediavault.browser.plain_window import window_environment
from mediavault.browser.profile import claim_profile

SECRETS = {
    "MEDIAVAULT_TOKEN": "canary",
    "mediavault_token": "canary",
    "AWS_SECRET_ACCESS_KEY": "canary",
    "PGPASSWORD": "canary",
    "HTTPS_PROXY": "http://user:canary@proxy.test",
    "SSH_AUTH_SOCK": "canary",
    "SSLKEYLOGFILE": "canary",
    "NODE_OPTIONS": "--require=canary",
    "LD_PRELOAD": "canary",
}
NEEDED = {
    "PATH": "/bin",
    "HOME": "/home/jane",
    "LANG": "de_DE.UTF-8",
    "LC_TIME": "C",
    "TZ": "Asia/Tokyo",
    "DISPLAY": ":0",
    "XDG_DATA_DIRS": "/share",
    "FONTCONFIG_FILE": "/fonts.conf",
    "LD_LIBRARY_PATH": "/lib",
    "NIX_LD": "/ld",
}


def test_a_browser_and_its_driver_get_what_they_need_and_no_secret() -> None:
    assert for_browser(NEEDED | SECRETS) == NEEDED
    assert for_driver(NEEDED | SECRETS | {"PW_LANG_NAME": "python"}) == NEEDED | {
        "PW_LANG_NAME": "python"
    }


def test_a_users_window_gets_no_secret_either(tmp_path_factory: pytest.TempPathFactory) -> None:
    profile = claim_profile(tmp_path_factory.mktemp("state"))
    environment = window_environment(NEEDED | SECRETS, profile.scratch, None)
    profile.release()

    assert environment == NEEDED | {"TMPDIR": str(profile.scratch)}


def test_playwright_starts_its_driver_with_the_narrow_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The function is not part of Playwright's public API:
    this fails when a new version has moved it.
    """
    monkeypatch.setenv("PGPASSWORD", "canary")

    assert narrow_driver_environment()
    from playwright._impl import transport

    environment = vars(transport)["get_driver_env"]()
    assert "PGPASSWORD" not in environment
    assert environment["PW_LANG_NAME"] == "python"
