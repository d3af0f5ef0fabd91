"""The second way to keep a helper off the network: its kernel refuses it sockets. For where namespaces are not given.

Containers often forbid ordinary users a network namespace, but every process may filter its own system calls:
``seccomp(2)`` with a short program in classic BPF. Linux on x86-64 and AArch64; elsewhere nothing happens. An x86-64
kernel also answers the calls of i386 (``int 0x80``) and of the x32 ABI, an AArch64 kernel those of 32-bit ARM. They have
other numbers, so they are all refused: no program that a helper starts needs them.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Mapping

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM

# machine -> (its name in <linux/audit.h>, the numbers of socket(2), of io_uring_setup(2), which makes sockets too, and of
# what reaches into another process of this user, such as our parent, and its sockets: pidfd_getfd(2), ptrace(2),
# process_vm_readv(2) and process_vm_writev(2))
MACHINES: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (41, 425, 438, 101, 310, 311)),
    "aarch64": (0xC00000B7, (198, 425, 438, 117, 270, 271)),
}
# classic BPF, <linux/filter.h>
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4  # struct seccomp_data
_X32 = 0x4000_0000  # in the number of each x32 call, whose machine is x86-64; AArch64 has no numbers that high
_IS_64_BIT = sys.maxsize > 1 << 32


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def refuse_sockets() -> bool:
    """From now on no new socket can be made by this process and its children; whether the kernel let us."""
    known = MACHINES.get(platform.machine())
    if sys.platform != "linux" or known is None or not _IS_64_BIT:  # a 32-bit Python would be refused every call
        return False
    steps = program(*known)
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = _Program(len(steps) // 8, steps)
    return bool(
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filtered), 0, 0) == 0
    )


def program(machine: int, refused: tuple[int, ...]) -> bytes:
    """Refuse these calls on this machine and every call of another one, allow all else.

    A jump counts the steps that it leaves out.
    """
    count = len(refused)
    steps = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 0, count + 3, machine),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, count + 1, 0, _X32),
        *((_IF_EQUAL, count - place, 0, number) for place, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
