"""Holds a user's browser window, with or without a virtual screen, and clears it away whatever happens to the vault.

It is a separate process, because it must outlive a killed parent for the seconds that an orderly end takes: when its
standard input ends, the browser gets SIGINT (SIGTERM loses cookies that were set in the last seconds), then the screen
ends, then its folder is removed. When this process is killed itself, the kernel signals its children in the same way, and
the next window removes the folder. It keeps the descriptor of the profile's lock open, so that no other browser starts.

It reads one JSON line: ``{"parent", "browser": [argv], "environment", "screen": {"width", "height", "folder",
"authority", "socket"} or null, "sweep": folder or null}``. It writes JSON lines: ``{"pid"}`` when the browser
has started, or ``{"failed": why}``; and ``{"ended": true}`` when nothing is left.
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

from mediavault.core.messages import Message
from mediavault.services.sandbox.guard import die_with

DISPLAY_S = 15.0
END_BROWSER_S = 15.0
END_SCREEN_S = 5.0
LOOK_S = 0.2
MAX_REQUEST_BYTES = 1 << 20
MAX_COMPLAINT_BYTES = 1 << 14

Process = subprocess.Popen[bytes]


def main() -> int:
    request = json.loads(sys.stdin.buffer.readline(MAX_REQUEST_BYTES))
    screen: Process | None = None
    browser: Process | None = None
    try:
        environment = dict(request["environment"])
        if request["screen"] is not None:
            screen, display = _start_screen(request["screen"], environment)
            environment |= {"DISPLAY": f":{display}", "XAUTHORITY": request["screen"]["authority"]}
        command = request["browser"]
        browser = _start(command, environment, dying_by=signal.SIGINT)
        _say({"pid": browser.pid})
        if _until_it_ends(browser, screen) and _lacked_sandbox(browser):
            # as for the automated browser: in a container the kernel may refuse what the sandbox is made of
            browser = _start([command[0], "--no-sandbox", *command[1:]], environment, dying_by=signal.SIGINT)
            _say({"pid": browser.pid})
            _until_it_ends(browser, screen)
    except OSError as exc:
        _say({"failed": f"{exc.strerror or exc}"})
    finally:
        _clear_away(browser, screen, request["sweep"])
    _say({"ended": True})
    return 0


def _start_screen(screen: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Process, int]:
    """Start Xvnc on a free display that it chooses. Raises OSError."""
    reading, writing = os.pipe()
    try:
        command = ["Xvnc", "-displayfd", str(writing), *_screen_options(screen)]
        process = _start(command, environment, dying_by=signal.SIGKILL, keep=(writing,), folder=screen["folder"])
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        ready, _, _ = select.select([answer], [], [], DISPLAY_S)
        line = answer.readline(32).strip() if ready else b""
    if not line.isdigit():
        _end(process, signal.SIGKILL, END_SCREEN_S)
        raise OSError(Message("Xvnc did not start"))
    return process, int(line)


def _screen_options(screen: Mapping[str, Any]) -> Sequence[str]:
    size = ["-geometry", f"{screen['width']}x{screen['height']}", "-depth", "24", "-AcceptSetDesktopSize=0"]
    closed = ["-nolisten", "tcp", "-auth", screen["authority"], "-rfbport", "-1"]
    # no password: the socket is in a folder that only our user can enter. Its name is relative, as in ``vnc._connect``
    viewer = ["-rfbunixpath", screen["socket"], "-rfbunixmode", "0600", "-SecurityTypes", "None", "-NeverShared"]
    # what is only selected is not copied; no repeated keys, which would combine with a modifier that is pressed later
    return [*size, *closed, *viewer, "-SendPrimary=0", "-SetPrimary=0", "-r", "-noreset"]


def _start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    dying_by: int,
    keep: tuple[int, ...] = (),
    folder: str | None = None,
) -> Process:
    return subprocess.Popen(  # noqa: S603 - our own command lines
        command,
        env=environment,
        cwd=folder,
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
    """Wait until the user closes the window (True), the screen ends, or our parent asks by a byte or by its own end."""
    while browser.poll() is None:
        if screen is not None and screen.poll() is not None:
            return False
        if _waits(sys.stdin, LOOK_S):
            return False
        for process in (browser, screen):
            _read_complaints(process)
    return True


_complaints: dict[int, bytes] = {}  # by process id: the beginning of its standard error


def _read_complaints(process: Process | None) -> None:
    """Read a program's standard error, so that it never blocks on a full pipe, and keep the beginning."""
    while process is not None and process.stderr is not None and _waits(process.stderr, 0):
        part = os.read(process.stderr.fileno(), 1 << 16)
        if not part:
            return
        _complaints[process.pid] = (_complaints.get(process.pid, b"") + part)[:MAX_COMPLAINT_BYTES]


def _lacked_sandbox(browser: Process) -> bool:
    _read_complaints(browser)
    return browser.returncode != 0 and b"sandbox" in _complaints.get(browser.pid, b"").lower()


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
    """Signal the leader alone, so that it can end its own processes in order; then kill what is left of its group."""
    if process.poll() is None:
        process.send_signal(by)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _say(line: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the parent is gone
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
