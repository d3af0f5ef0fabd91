"""The system-call filter that keeps a helper off the network where namespaces are not given."""

from __future__ import annotations

import os
import platform
import struct
import sys
import textwrap
from pathlib import Path

import pytest

from mediavault.services.child.process import ChildLimits, run_child
from mediavault.services.child.sockets import program

ALLOW, REFUSE = 0x7FFF0000, 0x00050001


def verdict(steps: bytes, *, machine: int, number: int) -> int:
    """What a kernel answers: an interpreter for the three instructions in use."""
    taken = [struct.unpack_from("=HBBI", steps, at) for at in range(0, len(steps), 8)]
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = taken[at]
        at += 1
        if code == 0x20:
            value = {0: number, 4: machine}[operand]
        elif code == 0x15:
            at += if_true if value == operand else if_false
        else:
            return int(operand)


@pytest.mark.parametrize(
    ("machine", "number", "answer"),
    [(7, 41, REFUSE), (7, 425, REFUSE), (7, 0, ALLOW), (7, 42, ALLOW), (8, 41, ALLOW)],
)
def test_only_the_named_calls_of_the_named_machine_are_refused(machine: int, number: int, answer: int) -> None:
    assert verdict(program(7, (41, 425)), machine=machine, number=number) == answer


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"), reason="not written for"
)
async def test_a_helper_without_a_namespace_of_its_own_gets_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        import socket, sys
        from mediavault.services.child import guard
        guard.leave_network = lambda: False
        def answer(request):
            try:
                socket.socket()
            except PermissionError:
                return {"refused": True, "reads": len(open("/proc/self/status").read()) > 0}
            return {"refused": False}
        sys.exit(guard.serve(answer))
    """
    (tmp_path / "socket_helper.py").write_text(textwrap.dedent(source))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    found = await run_child("socket_helper", {}, limits=ChildLimits(wall_s=20.0, cpu_s=10))

    assert found == {"refused": True, "reads": True}
