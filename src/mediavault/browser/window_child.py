"""Holds a user's browser window, with or without a virtual screen, and cleans up whatever happens
to the vault.

It is a separate process, because it must outlive a killed parent for the seconds that an orderly
shutdown takes: when its standard input ends, the browser gets SIGINT (SIGTERM loses cookies that
were set in the last seconds), then the screen ends, then its folder is removed. When this process
is killed itself, the kernel signals its children in the same way, and the next window removes the
folder. It keeps the descriptor of the profile's lock open, so that no other browser starts.

It reads one JSON line: ``{"parent", "browser": [argv], "environment", "screen": {"width", "height",
"folder", "authority", "socket"} or null, "sweep": folder or
null}``. It writes JSON lines: ``{"pid"}`` when the browser has started, or ``{"failed":
why}``; and ``{"ended": true}`` when nothing is left.
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
from mediavault.sandbox.guard import die_with

DISPLAY_S = 15.0
END_BROWSER_S = 15.0
END_SCREEN_S = 5.0
CHECK_S = 0.2
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
        browser = _start(command, environment, death_signal=signal.SIGINT)
        _report({"pid": browser.pid})
        if _wait_until_over(browser, screen) and _lacked_sandbox(browser):
            # as for the automated browser: in a container the kernel may refuse what the sandbox
            # needs
            browser = _start(
                [command[0], "--no-sandbox", *command[1:]], environment, death_signal=signal.SIGINT
            )
            _report({"pid": browser.pid})
            _wait_until_over(browser, screen)
    except OSError as exc:
        _report({"failed": f"{exc.strerror or exc}"})
    finally:
        _clean_up(browser, screen, request["sweep"])
    _report({"ended": True})
    return 0


def _start_screen(screen: Mapping[str, Any], environment: Mapping[str, str]) -> tuple[Process, int]:
    """Start Xvnc on a free display that it chooses. Raises OSError."""
    reading, writing = os.pipe()
    try:
        command = ["Xvnc", "-displayfd", str(writing), *_screen_options(screen)]
        process = _start(
            command,
            environment,
            death_signal=signal.SIGKILL,
            keep=(writing,),
            folder=screen["folder"],
        )
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
    size = [
        "-geometry",
        f"{screen['width']}x{screen['height']}",
        "-depth",
        "24",
        "-AcceptSetDesktopSize=0",
    ]
    closed = ["-nolisten", "tcp", "-auth", screen["authority"], "-rfbport", "-1"]
    # no password: the socket is in a folder that only our user can enter. Its name is relative, as
    # in ``vnc._connect``
    viewer = [
        "-rfbunixpath",
        screen["socket"],
        "-rfbunixmode",
        "0600",
        "-SecurityTypes",
        "None",
        "-NeverShared",
    ]
    # what is only selected is not copied; no repeated keys, which would combine with a modifier
    # that is pressed later
    return [*size, *closed, *viewer, "-SendPrimary=0", "-SetPrimary=0", "-r", "-noreset"]


def _start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    death_signal: int,
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
        preexec_fn=_die_with_parent(death_signal),  # noqa: PLW1509 - there is one thread in here
    )


def _die_with_parent(by: int) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with(parent, by=by)


def _wait_until_over(browser: Process, screen: Process | None) -> bool:
    """Wait until the user closes the window (True), the screen ends,
    or our parent asks by a byte or by its own end.
    """
    while browser.poll() is None:
        if screen is not None and screen.poll() is not None:
            return False
        if _is_readable(sys.stdin, CHECK_S):
            return False
        for process in (browser, screen):
            _read_errors(process)
    return True


_errors: dict[int, bytes] = {}  # by process id: the beginning of its standard error


def _read_errors(process: Process | None) -> None:
    """Read a program's standard error, so that it never blocks on a full pipe,
    and keep the beginning.
    """
    while process is not None and process.stderr is not None and _is_readable(process.stderr, 0):
        part = os.read(process.stderr.fileno(), 1 << 16)
        if not part:
            return
        _errors[process.pid] = (_errors.get(process.pid, b"") + part)[:MAX_COMPLAINT_BYTES]


def _lacked_sandbox(browser: Process) -> bool:
    _read_errors(browser)
    return browser.returncode != 0 and b"sandbox" in _errors.get(browser.pid, b"").lower()


def _is_readable(stream: IO[Any], within_s: float) -> bool:
    return bool(select.select([stream], [], [], within_s)[0])


def _clean_up(browser: Process | None, screen: Process | None, folder: str | None) -> None:
    if browser is not None:
        _end(browser, signal.SIGINT, END_BROWSER_S)
    if screen is not None:
        _end(screen, signal.SIGTERM, END_SCREEN_S)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _end(process: Process, by: int, within_s: float) -> None:
    """Signal the leader alone, so that it can end its own processes in order;
    then kill what is left of its group.
    """
    if process.poll() is None:
        process.send_signal(by)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(within_s)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _report(line: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):  # the parent is gone
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
