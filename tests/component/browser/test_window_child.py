"""The helper that runs a sign-in window, with programs that imitate a browser: real processes,
no real browser.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mediavault.browser import plain_window
from mediavault.browser.plain_window import PlainWindow, ScreenSize, new_screen, open_window
from mediavault.browser.processes import is_alive
from mediavault.browser.profile import BrowserProfile, claim_profile
from mediavault.core.failures import BrowserUnavailable
from tests.patience import patient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")

# Notes its pid and arguments, then the signal that ended it. Its child represents a renderer.
BROWSER = """#!{python}
import json, os, signal, subprocess, sys
child = subprocess.Popen(["sleep", "60"])
notes = {notes!r}
def note(**facts):
    with open(notes, "a") as file:
        file.write(json.dumps(facts) + "\\n")
def end(number, _):
    note(signal=number)
    sys.exit(0)
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, {handler})
note(pid=os.getpid(), child=child.pid, arguments=sys.argv[1:], environment=dict(os.environ))
{rest}
"""


class Stage:
    """A profile, and a program that imitates the browser."""

    def __init__(self, root: Path) -> None:
        self.notes = root / "notes"
        self.executable = root / "chromium"
        self.profile: BrowserProfile = claim_profile(root / "state")
        self.root = root

    def play(self, *, handler: str = "end", rest: str = "signal.pause()") -> None:
        text = BROWSER.format(
            python=sys.executable, notes=str(self.notes), handler=handler, rest=rest
        )
        self.executable.write_text(text)
        self.executable.chmod(0o755)

    async def open(self) -> PlainWindow:
        return await open_window(
            self.executable,
            self.profile,
            "https://site.test/in",
            proxy="http://127.0.0.1:9",
            screen=None,
        )

    def recorded(self) -> list[dict[str, Any]]:
        # The last line may be incomplete.
        lines = self.notes.read_text().split("\n")[:-1] if self.notes.exists() else []
        return [json.loads(line) for line in lines]

    async def started(self) -> dict[str, Any]:
        await until(lambda: bool(self.recorded()))
        return self.recorded()[0]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def until(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be so")


async def test_the_browser_is_not_automated_and_uses_the_profile_and_the_proxy(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDIAVAULT_TOKEN", "no business of a browser's")
    stage.play()
    window = await stage.open()
    first = await stage.started()
    await window.close()
    arguments, environment = first["arguments"], first["environment"]

    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert arguments[0] == f"--user-data-dir={stage.profile.folder}"
    assert arguments[-1] == "https://site.test/in"
    assert {
        "--password-store=basic",
        "--proxy-server=http://127.0.0.1:9",
        "--proxy-bypass-list=<-loopback>",
    } <= {*arguments}
    assert not [
        argument
        for argument in arguments
        if "remote-debugging" in argument or "automation" in argument
    ]
    assert "MEDIAVAULT_TOKEN" not in environment


async def test_it_is_ended_with_sigint_together_with_its_children(stage: Stage) -> None:
    stage.play()
    window = await stage.open()
    first = await stage.started()
    await window.close()
    await window.close()  # twice is safe

    assert stage.recorded()[-1] == {"signal": signal.SIGINT}
    assert not is_alive(first["pid"])
    # killed by then, and gone as soon as the system gets to it
    await until(lambda: not is_alive(first["child"]))


async def test_a_browser_that_ignores_signals_is_killed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.play(handler="signal.SIG_IGN")
    monkeypatch.setattr(plain_window, "END_S", 0.5)  # the helper's own limit is too long for a test
    window = await stage.open()
    first = await stage.started()
    await window.close()
    os.kill(int(str(first["pid"])), signal.SIGKILL)

    await until(lambda: not is_alive(first["pid"]))


async def test_a_browser_without_a_usable_sandbox_is_started_without_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)  # as root the sandbox is off from the start
    refused = (
        "if '--no-sandbox' not in sys.argv:\n    sys.exit('No usable sandbox!')\nsignal.pause()"
    )
    stage.play(rest=refused)
    window = await stage.open()
    await until(lambda: len(stage.recorded()) == 2)
    await window.close()

    assert "--no-sandbox" in str(stage.recorded()[1]["arguments"])
    assert stage.recorded()[-1] == {"signal": signal.SIGINT}


async def test_a_browser_that_logs_endlessly_keeps_running(stage: Stage) -> None:
    stage.play(
        rest=(
            "for _ in range(200):\n    os.write(2, b'x' * 4096)\nnote(complained=True)\n"
            "signal.pause()"
        )
    )
    window = await stage.open()
    await until(lambda: {"complained": True} in stage.recorded())
    await window.close()


async def test_closing_the_browser_is_noticed(stage: Stage) -> None:
    stage.play(rest="pass")
    window = await stage.open()

    await asyncio.wait_for(window.closed(), patient(30))
    await window.close()


async def test_the_profile_stays_locked_until_the_browser_has_ended(stage: Stage) -> None:
    stage.play()
    window = await stage.open()
    await stage.started()
    stage.profile.release()  # as when we are killed

    other = claim_profile(stage.root / "state")
    assert other.anonymous
    other.release()
    await window.close()
    again = claim_profile(stage.root / "state")
    assert not again.anonymous
    again.release()


async def test_a_browser_that_cannot_be_started_is_reported(stage: Stage) -> None:
    with pytest.raises(BrowserUnavailable, match="did not open"):
        await stage.open()


async def test_a_missing_screen_program_is_reported_and_the_screens_folder_is_removed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.play()
    monkeypatch.setenv("PATH", str(stage.root))
    screen = new_screen(stage.root / "window", ScreenSize(640, 480))
    with pytest.raises(BrowserUnavailable):
        await open_window(
            stage.executable,
            stage.profile,
            "https://a.test/",
            proxy="http://127.0.0.1:9",
            screen=screen,
        )

    assert not screen.folder.exists()


async def test_on_a_virtual_screen_the_window_fills_it_and_its_home_is_removed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    xvnc = stage.root / "Xvnc"
    xvnc.write_text(
        f"#!{sys.executable}\nimport json, os, signal, sys\n"
        f"open({str(stage.root / 'screen')!r}, 'w').write(json.dumps([os.getcwd(),"
        " *sys.argv[1:]]))\n"
        "os.write(int(sys.argv[2]), b'7\\n')\nsignal.pause()\n"
    )
    xvnc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{stage.root}:{os.environ['PATH']}")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    stage.play()
    screen = new_screen(stage.root / "window", ScreenSize(640, 480))
    window = await open_window(
        stage.executable,
        stage.profile,
        "https://a.test/",
        proxy="http://127.0.0.1:9",
        screen=screen,
    )
    first = await stage.started()
    await window.close()
    arguments, environment = first["arguments"], first["environment"]

    assert window.pid == first["pid"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    assert {"--kiosk", "--window-size=641,481"} <= {*arguments}
    assert (environment["DISPLAY"], environment["XAUTHORITY"]) == (":7", str(screen.authority))
    assert environment["HOME"] == str(screen.folder / "home")
    assert "WAYLAND_DISPLAY" not in environment
    assert not screen.folder.exists()
    folder, *options = json.loads((stage.root / "screen").read_text())
    assert folder == str(screen.folder)
    assert (
        "-rfbport -1 -rfbunixpath vnc -rfbunixmode 0600 -SecurityTypes None -NeverShared"
        in " ".join(options)
    )


async def test_the_browser_is_ended_in_order_when_its_parent_is_killed(stage: Stage) -> None:
    stage.play()
    script = (
        "import asyncio, sys, pathlib\n"
        "from mediavault.browser.plain_window import open_window\n"
        "from mediavault.browser.profile import claim_profile\n"
        "async def main():\n"
        f"    profile = claim_profile(pathlib.Path({str(stage.root / 'other')!r}))\n"
        f"    await open_window(pathlib.Path({str(stage.executable)!r}), profile, 'https://a.test/',"
        " proxy='http://127.0.0.1:9', screen=None)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    first = await stage.started()
    parent.kill()
    await parent.wait()
    await until(lambda: not is_alive(first["pid"]) and not is_alive(first["child"]))

    assert stage.recorded()[-1] == {"signal": signal.SIGINT}
