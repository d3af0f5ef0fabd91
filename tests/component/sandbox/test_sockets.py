"""The system-call filter that denies a helper the network where namespaces are unavailable."""

from __future__ import annotations

import errno
import os
import platform
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mediavault.sandbox.guard import MACHINES, program
from mediavault.sandbox.process import ChildLimits, run_child
from tests.patience import patient

ALLOW, REFUSE = 0x7FFF0000, 0x00050001
X86_64, I386, AARCH64, ARM = 0xC000003E, 0x40000003, 0xC00000B7, 0x40000028
X32 = 0x4000_0000  # set in the numbers of calls that use the x32 ABI

# A machine's own call numbers for socket(2), io_uring_setup(2), read(2) and getpid(2).
CALLS = {X86_64: (41, 425, 0, 39), AARCH64: (198, 425, 63, 172)}

is_written_for = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in MACHINES,
    reason="not written for this machine",
)


def verdict(steps: bytes, *, machine: int, number: int) -> int:
    """Return what a kernel answers, by interpreting the four instructions in use."""
    taken = [struct.unpack_from("=HBBI", steps, at) for at in range(0, len(steps), 8)]
    at, value = 0, 0
    while True:
        code, if_true, if_false, operand = taken[at]
        at += 1
        if code == 0x20:
            value = {0: number, 4: machine}[operand]
        elif code == 0x15:
            at += if_true if value == operand else if_false
        elif code == 0x35:
            at += if_true if value >= operand else if_false
        else:
            assert code == 0x06
            return int(operand)


@pytest.mark.parametrize("machine", CALLS)
def test_sockets_are_refused_and_all_other_calls_of_the_machine_are_allowed(machine: int) -> None:
    (steps,) = [program(*known) for known in MACHINES.values() if known[0] == machine]
    socket, io_uring_setup, read, getpid = CALLS[machine]

    assert verdict(steps, machine=machine, number=socket) == REFUSE
    assert verdict(steps, machine=machine, number=io_uring_setup) == REFUSE
    assert verdict(steps, machine=machine, number=read) == ALLOW
    assert verdict(steps, machine=machine, number=getpid) == ALLOW


@pytest.mark.parametrize(
    ("machine", "number"),
    [
        *((X86_64, number) for number in (438, 101, 310, 311)),
        *((AARCH64, number) for number in (438, 117, 270, 271)),
    ],
)
def test_calls_that_reach_into_another_process_are_refused(machine: int, number: int) -> None:
    """pidfd_getfd(2), ptrace(2), process_vm_readv(2) and process_vm_writev(2):
    each could use a socket of the parent.
    """
    (steps,) = [program(*known) for known in MACHINES.values() if known[0] == machine]

    assert verdict(steps, machine=machine, number=number) == REFUSE


@pytest.mark.parametrize(
    ("machine", "foreign"), [(X86_64, I386), (AARCH64, ARM), (X86_64, AARCH64)]
)
@pytest.mark.parametrize("number", [359, 102, 281, 425, 0, 1])
def test_every_call_by_another_architecture_is_refused(
    machine: int, foreign: int, number: int
) -> None:
    """i386 makes sockets with 359 and with socketcall(2), 102; 32-bit ARM with 281."""
    (steps,) = [program(*known) for known in MACHINES.values() if known[0] == machine]

    assert verdict(steps, machine=foreign, number=number) == REFUSE


@pytest.mark.parametrize("number", [41, 425, 0])
def test_every_call_by_the_x32_abi_is_refused(number: int) -> None:
    """It reports the architecture x86-64, with an additional bit in each number."""
    assert verdict(program(*MACHINES["x86_64"]), machine=X86_64, number=X32 | number) == REFUSE


HELPER = """
    import socket, sys
    from mediavault.sandbox import guard
    guard.leave_network = lambda: False
    def answer(request):
        try:
            socket.socket()
        except PermissionError:
            return {"refused": True, "reads": len(open("/proc/self/status").read()) > 0}
        return {"refused": False}
    sys.exit(guard.serve(answer))
"""

# Calls the kernel by machine code: a number, three arguments, the answer in eax.
CALLER = """
    import ctypes, mmap, struct
    MAP_32BIT = 0x40  # a 32-bit call takes 32-bit addresses
    page = mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_32BIT,
                     mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    base = ctypes.addressof(ctypes.c_char.from_buffer(page))
    ARGUMENTS = 2048
    page[ARGUMENTS:ARGUMENTS + 12] = struct.pack("<3I", 2, 1, 0)  # AF_INET, SOCK_STREAM, 0

    def i386(number, ebx, ecx):
        code = b"\\x53\\xb8" + struct.pack("<I", number) + b"\\xbb" + struct.pack("<I", ebx) \\
            + b"\\xb9" + struct.pack("<I", ecx) + b"\\x31\\xd2\\xcd\\x80\\x5b\\xc3"
        page[:len(code)] = code
        return ctypes.CFUNCTYPE(ctypes.c_int)(base)()

    def x32(number):
        code = b"\\xb8" + struct.pack("<I", 0x40000000 | number) + b"\\xbf\\x02\\x00\\x00\\x00" \\
            + b"\\xbe\\x01\\x00\\x00\\x00\\x31\\xd2\\x0f\\x05\\xc3"
        page[:len(code)] = code
        return ctypes.CFUNCTYPE(ctypes.c_int)(base)()
"""

FOREIGN_HELPER = textwrap.dedent(CALLER) + textwrap.dedent("""
    import sys
    from mediavault.sandbox import guard
    guard.leave_network = lambda: False
    def answer(request):
        return {"socket": i386(359, 2, 1), "socketcall": i386(102, 1, base + ARGUMENTS), "x32": x32(41)}
    sys.exit(guard.serve(answer))
""")  # noqa: E501


def emulates_i386() -> bool:
    """Whether this kernel answers getpid(2) to a 32-bit call; without that it ends the process."""
    if platform.machine() != "x86_64":
        return False
    script = (
        textwrap.dedent(CALLER) + "\nimport os; os._exit(0 if i386(20, 0, 0) == os.getpid() else 1)"
    )
    return (
        subprocess.run([sys.executable, "-c", script], check=False, capture_output=True).returncode
        == 0
    )


THIEF = """
    import ctypes, os, sys
    from mediavault.sandbox import guard
    guard.leave_network = lambda: False
    PIDFD_GETFD = 438
    def answer(request):
        libc = ctypes.CDLL(None, use_errno=True)
        parent = os.pidfd_open(os.getppid())
        return {"got": libc.syscall(PIDFD_GETFD, parent, 0, 0), "errno": ctypes.get_errno()}
    sys.exit(guard.serve(answer))
"""


@is_written_for
async def test_a_helper_gets_no_descriptor_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thief.py").write_text(textwrap.dedent(THIEF))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    answer = await run_child("thief", {}, limits=ChildLimits(wall_s=patient(60), cpu_s=60))

    assert answer == {"got": -1, "errno": errno.EPERM}


@is_written_for
async def test_a_helper_without_its_own_namespace_gets_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "socket_helper.py").write_text(textwrap.dedent(HELPER))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    answer = await run_child("socket_helper", {}, limits=ChildLimits(wall_s=patient(60), cpu_s=60))

    assert answer == {"refused": True, "reads": True}


@is_written_for
async def test_machine_code_for_another_architecture_gets_no_socket_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not emulates_i386():
        pytest.skip(
            "this kernel runs no 32-bit calls; the filter's verdict on them is tested above"
        )
    (tmp_path / "foreign_helper.py").write_text(FOREIGN_HELPER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    answer = await run_child("foreign_helper", {}, limits=ChildLimits(wall_s=patient(60), cpu_s=60))

    eperm = -1
    assert answer == {"socket": eperm, "socketcall": eperm, "x32": eperm}
