"""Which browser is found, and the advice where there is none."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pytest

from mediavault.browser.discovery import Machine, find_browser, install_command

DEBIAN = 'ID=debian\nVERSION_ID="13"\n'


def machine(
    *,
    on_path: Collection[str] = (),
    files: Collection[str] = (),
    platform: str = "linux",
    release: str = DEBIAN,
    root: bool = True,
) -> Machine:
    return Machine(
        platform=platform,
        which=lambda name: f"/usr/bin/{name}" if name in on_path else None,
        is_file=lambda path: str(path) in files,
        os_release=release,
        is_root=root,
    )


def test_the_setting_goes_before_everything() -> None:
    browser = find_browser(
        Path("/opt/mine"),
        playwright=Path("/p/chrome"),
        machine=machine(on_path=["chromium"], files=["/opt/mine", "/p/chrome"]),
    )

    assert (browser.path, browser.where) == (Path("/opt/mine"), "setting")


def test_a_setting_that_names_nothing_is_not_passed_over_in_silence() -> None:
    browser = find_browser(Path("/opt/gone"), machine=machine(on_path=["chromium"]))

    assert browser.path is None
    assert "MEDIAVAULT_BROWSER" in browser.advice
    assert "/opt/gone" in browser.advice


def test_playwrights_own_browser_counts_only_where_it_is_installed() -> None:
    here = find_browser(
        playwright=Path("/p/chrome"), machine=machine(on_path=["chromium"], files=["/p/chrome"])
    )
    missing = find_browser(playwright=Path("/p/chrome"), machine=machine(on_path=["chromium"]))

    assert here.where == "playwright"
    assert missing.path == Path("/usr/bin/chromium")


def test_chromium_goes_before_chrome_and_chrome_before_edge() -> None:
    all_three = find_browser(
        machine=machine(on_path=["microsoft-edge", "google-chrome", "chromium"])
    )
    two = find_browser(machine=machine(on_path=["microsoft-edge", "google-chrome"]))

    assert all_three.path == Path("/usr/bin/chromium")
    assert two.path == Path("/usr/bin/google-chrome")


def test_a_mac_is_searched_at_its_usual_places() -> None:
    chrome = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"

    assert find_browser(machine=machine(platform="darwin", files=[chrome])).path == Path(chrome)


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (machine(), "apt-get install -y chromium"),
        (machine(root=False), "sudo apt-get install -y chromium"),
        (machine(release='ID=linuxmint\nID_LIKE="ubuntu debian"\n'), "snap install chromium"),
        (machine(release="ID=fedora\n", root=False), "sudo dnf install -y chromium"),
        (machine(platform="darwin"), "brew install --cask google-chrome"),
    ],
)
def test_the_advice_is_the_exact_command_of_this_system(facts: Machine, command: str) -> None:
    assert install_command(facts) == command
    assert command in find_browser(machine=facts).advice


def test_an_unknown_system_gets_words_instead_of_a_wrong_command() -> None:
    assert "package manager" in find_browser(machine=machine(release="ID=plan9\n")).advice
