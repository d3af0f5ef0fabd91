"""Holds a person's browser window, with or without a virtual screen, and clears it away whatever happens to us.

A process of its own, because it must outlive a killed parent for the second that an orderly end takes: when its standard
input ends, the browser gets SIGINT (SIGTERM loses cookies that were set in the last seconds), then the screen goes, then
the folder. Should this process be killed itself, the kernel does the same to its children, and the next window sweeps
up the folder. The descriptor of the profile's lock is open in here too, so nobody starts another browser meanwhile.

One JSON line comes in: ``{"parent", "browser": [argv], "environment", "screen": {"width", "height", "folder",
"authority"} or null, "sweep": folder or null}``. JSON lines go out: ``{"display": number or null}`` when the browser was
started, or ``{"failed": why}``; and ``{"ended": true}`` when nothing is left. Only the standard library is imported.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from mediavault.services.child.guard import die_with

DISPLAY_S = 15.0
END_BROWSER_S = 15.0
END_SCREEN_S = 5.0
LOOK_S = 0.2
MAX_REQUEST_BYTES = 1 << 20
MAX_SAID_BYTES = 1 << 14

Process = subprocess.Popen[bytes]


def main() -> int:
    request = json.loads(sys.stdin.buffer.readline(MAX_REQUEST_BYTES))
    screen: Process | None = None
    browser: Process | None = None
    try:
        display, environment = None, dict(request["environment"])
        if request["screen"] is not None:
            screen, display = _start_screen(request["screen"], environment)
            environment |= {"DISPLAY": f":{display}", "XAUTHORITY": request["screen"]["authority"]}
        command = request["browser"]
        browser = _start(command, environment, dying_by=signal.SIGINT)
        _say({"display": display})
        if _until_it_ends(browser, screen) and _lacked_sandbox(browser):
            # as the automated browser does: in a container the kernel may refuse it what it shuts its pages in with
            browser = _start([command[0], "--no-sandbox", *command[1:]], environment, dying_by=signal.SIGINT)
            _until_it_ends(browser, screen)
    except OSError as exc:
        _say({"failed": f"{exc.strerror or exc}"})
    finally:
        _clear_away(browser, screen, request["sweep"])
    _say({"ended": True})
    return 0


def _start_screen(screen: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Process, int]:
    """Start Xvfb on a free display of its own choosing. Raises OSError."""
    reading, writing = os.pipe()
    try:
        size = f"{screen['width']}x{screen['height']}x24"
        options = ["-displayfd", str(writing), "-screen", "0", size, "-fbdir", screen["folder"], "-noreset"]
        closed = ["-nolisten", "tcp", "-auth", screen["authority"]]
        process = _start(["Xvfb", *options, *closed], environment, dying_by=signal.SIGKILL, keep=(writing,))
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        ready, _, _ = select.select([answer], [], [], DISPLAY_S)
        line = answer.readline(32).strip() if ready else b""
    if not line.isdigit():
        _end(process, signal.SIGKILL, END_SCREEN_S)
        raise OSError("Xvfb did not start")
    return process, int(line)


def _start(
    command: Sequence[str], environment: Mapping[str, str], *, dying_by: int, keep: tuple[int, ...] = ()
) -> Process:
    return subprocess.Popen(  # noqa: S603 - our own command lines
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=keep,
        start_new_session=True,
        preexec_fn=_dying_with_us(dying_by),  # noqa: PLW1509 - there is one thread in here
    )


def _dying_with_us(by: int) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with(parent, by=by)


def _until_it_ends(browser: Process, screen: Process | None) -> bool:
    """Until the person closes the window (True), the screen breaks, or our parent says enough: by a byte or its end."""
    while browser.poll() is None:
        if screen is not None and screen.poll() is not None:
            return False
        if _waits(sys.stdin, LOOK_S):
            return False
        for process in (browser, screen):
            _listen(process)
    return True


_said: dict[int, bytes] = {}  # by process: the first of what it complains about


def _listen(process: Process | None) -> None:
    """Take what a program complains about, so that it never waits for us, and keep a little of it."""
    while process is not None and process.stderr is not None and _waits(process.stderr, 0):
        part = os.read(process.stderr.fileno(), 1 << 16)
        if not part:
            return
        _said[process.pid] = (_said.get(process.pid, b"") + part)[:MAX_SAID_BYTES]


def _lacked_sandbox(browser: Process) -> bool:
    _listen(browser)
    return browser.returncode != 0 and b"sandbox" in _said.get(browser.pid, b"").lower()


def _waits(stream: IO[Any], within_s: float) -> bool:
    return bool(select.select([stream], [], [], within_s)[0])


def _clear_away(browser: Process | None, screen: Process | None, folder: str | None) -> None:
    if browser is not None:
        _end(browser, signal.SIGINT, END_BROWSER_S)
    if screen is not None:
        _end(screen, signal.SIGTERM, END_SCREEN_S)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: Process, by: int, within_s: float) -> None:
    """Ask the leader alone, so that it can end its own processes in order; then kill whatever of the group is left."""
    if process.poll() is None:
        process.send_signal(by)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _say(line: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a parent that is gone hears nothing
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
