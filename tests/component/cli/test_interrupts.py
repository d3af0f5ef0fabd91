"""Ctrl-C during a running command: real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys

from tests.patience import patient

WITHIN_S = 60
IN_ORDER = """
async def work():
    print("works", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("left in order", flush=True)
"""
NEVER_LEAVES = """
async def work():
    print("works", flush=True)
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            print("is leaving", flush=True)
"""
AROUND = "import asyncio\nfrom mediavault.cli.context import run\n{work}\nrun(work())\n"


def command(work: str) -> subprocess.Popen[str]:
    """Start a command that does not ignore Ctrl-C,
    even if the process that started these tests does.
    """
    return subprocess.Popen(
        [sys.executable, "-c", AROUND.format(work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def assert_prints(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    assert word in process.stdout.readline()


def test_the_first_ctrl_c_lets_a_command_clean_up() -> None:
    process = command(IN_ORDER)
    assert_prints(process, "works")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=patient(WITHIN_S))

    assert "left in order" in out
    assert "KeyboardInterrupt" in err


def test_the_second_ctrl_c_ends_a_command_that_does_not_exit() -> None:
    process = command(NEVER_LEAVES)
    assert_prints(process, "works")
    process.send_signal(signal.SIGINT)
    assert_prints(process, "is leaving")
    process.send_signal(signal.SIGINT)
    try:
        code = process.wait(timeout=patient(WITHIN_S))
    finally:
        process.kill()
        process.communicate()

    assert code == 130
