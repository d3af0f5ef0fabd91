"""Confines a child process before it touches a hostile file: limits, no network, death with its
parent.

Runs inside the child that ``process`` starts, so it imports only the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import gc
import itertools
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from mediavault.core.messages import Message, to_json

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
_SIOCSIFFLAGS = 0x8914  # netdevice(7)
_IFF_UP_RUNNING = 0x1 | 0x40
MAX_REQUEST_BYTES = 8 << 20
# of processor time for a few packets of media: only an endless loop takes that long
WATCHDOG_S = 120.0
_PIECES = 16  # for which the watchdog is set once


def serve(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> int:
    """Read one JSON request from standard input, confine this process by its ``limits``, write one
    JSON answer.

    An error of the system or the library becomes ``{"failed": "...", "errno": n or None}``; any
    other ends the process.
    """
    request = json.loads(sys.stdin.buffer.read(MAX_REQUEST_BYTES))
    confine(request["limits"], parent=request["parent"])
    sys.stdout.buffer.write(json.dumps(_answered(answer, request)).encode("ascii"))
    sys.stdout.buffer.flush()
    return 0


def serve_lines(
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    max_request_bytes: int = MAX_REQUEST_BYTES,
) -> int:
    """Do as :func:`serve` for many requests, a JSON line each, until standard input ends.

    The first line names the ``parent``. Each request is answered in a fork of this process,
    confined by the request's ``limits``: the libraries are loaded already, and one file cannot
    change how the next one is read. A fork that ends without an answer is reported as
    ``{"ended": exit code, or minus the signal}``.

    Call before starting any thread: a fork would have only one of them.
    """
    parent = json.loads(sys.stdin.buffer.readline(MAX_REQUEST_BYTES))["parent"]
    die_with(parent)
    leave_network() or refuse_sockets()
    gc.collect()
    gc.freeze()  # so that no fork copies these objects' pages only because it collects garbage
    # a longer one ends this process
    while (line := sys.stdin.buffer.readline(max_request_bytes)).endswith(b"\n"):
        try:
            written = _answer_in_fork(answer, line)
        except OSError as exc:  # no memory, process or descriptor is left: not the file's fault
            written = _encoded(_failed(exc))
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
    return 0


def _answer_in_fork(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], line: bytes) -> bytes:
    """Return the line that a fork wrote, or one that says how it ended."""
    reading, writing = os.pipe()
    server = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        os.close(reading)
        os.close(writing)
        raise
    if pid == 0:
        try:
            os.close(reading)
            _serve_one(answer, line, writing, server)
        finally:  # whatever was raised: nothing of the server may run here
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        # not to its end: a process that the fork left behind could keep it open
        written = pipe.readline()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    # before its id is free for another process
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code != 0 or not written.endswith(b"\n"):
        return _encoded({"ended": code})
    return written


def _serve_one(
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], line: bytes, writing: int, server: int
) -> NoReturn:
    """Answer one request in this fork and end it. Nothing of it can reach the server's standard
    streams.
    """
    if sys.platform == "linux":  # elsewhere it would outlive the server's group when that is killed
        os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(nothing, stream)
    request = json.loads(line)
    del line
    limit_resources(request["limits"])
    die_with(server)
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(_encoded(_answered(answer, request)))
    os._exit(0)


def _answered(
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], request: Mapping[str, Any]
) -> Mapping[str, Any]:
    try:
        return answer(request)
    except (LookupError, OSError, RuntimeError, ValueError) as exc:  # PyAV's errors are among them
        return _failed(exc)


def _failed(exc: Exception) -> Mapping[str, Any]:
    text = error_text(exc)
    return {"failed": text, "message": to_json(text), "errno": getattr(exc, "errno", None)}


def _encoded(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer).encode("ascii") + b"\n"


def error_text(exc: Exception) -> str:
    """Return an exception's text without the paths of this machine that the system's errors name;
    a message of ours as it is.
    """
    if exc.args and isinstance(exc.args[0], Message):
        return exc.args[0]
    return f"{type(exc).__name__}: {getattr(exc, 'strerror', None) or exc}"[:200]


def confine(limits: Mapping[str, int], *, parent: int) -> None:
    """Confine this process by ``limits``: ``address_space`` and ``file`` in bytes, ``cpu`` in
    seconds.

    Ends this process when its parent is gone already.
    """
    limit_resources(limits)
    die_with(parent)
    leave_network() or refuse_sockets()


def limit_resources(limits: Mapping[str, int]) -> None:
    """Limit this process's ``address_space`` and the size of a ``file``, in bytes,
    and its ``cpu`` time, in seconds.
    """
    limit(
        {
            resource.RLIMIT_AS: limits["address_space"],
            resource.RLIMIT_CPU: limits["cpu"],
            resource.RLIMIT_FSIZE: limits["file"],
        }
    )


def limit(limits: Mapping[int, int]) -> None:
    """Set ``resource.RLIMIT_*`` permanently, to the hard limit where that is lower;
    never allow a core file.
    """
    for which, soft in {**limits, resource.RLIMIT_CORE: 0}.items():
        hard = resource.getrlimit(which)[1]
        # at the hard one the signal is SIGKILL, which does not say why
        most = soft + (which == resource.RLIMIT_CPU)
        bounds = (
            (soft, most) if hard == resource.RLIM_INFINITY else (min(soft, hard), min(most, hard))
        )
        resource.setrlimit(which, bounds)
    # writing past the limit is an error to report, not the end
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


@contextlib.contextmanager
def watchdog(cpu_s: float = WATCHDOG_S) -> Iterator[Callable[[], None]]:
    """End this process when what is yielded is not called for ``cpu_s`` seconds of its processor
    time.

    It is to be called for each small piece of work. Unlike a limit for all of the work, a slow
    machine does not reach it.
    """
    count = itertools.count()

    def still_working() -> None:
        if next(count) % _PIECES == 0:
            signal.setitimer(signal.ITIMER_PROF, cpu_s)  # whose signal ends the process

    try:
        yield still_working
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def die_with(parent: int, *, by: int = signal.SIGKILL) -> None:
    """Get the signal ``by`` when ``parent`` ends; exit now if it has. Linux only;
    elsewhere a child outlives it.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(by), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)


def leave_network() -> bool:
    """Move into an empty network namespace; return whether the kernel allowed it.
    Call before starting any thread.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        return bool(
            libc.unshare(_CLONE_NEWNET) == 0 or libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
        )
    except AttributeError:  # a C library without it
        return False


def raise_loopback() -> None:
    """Bring up the loopback interface in our own network namespace,
    where it is down at first. Raises OSError.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP_RUNNING))


# --- no sockets, where the kernel gives ordinary users no network namespace -----------------------
#
# Containers often forbid one, but every process may filter its own system calls: seccomp(2) with a
# short program in classic BPF. Linux on x86-64 and AArch64; elsewhere nothing happens. An x86-64
# kernel also answers the calls of i386 (int 0x80) and of the x32 ABI, an AArch64 kernel those of
# 32-bit ARM. They have other numbers, so they are all refused: no program that a child starts needs
# them.

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _MODE_FILTER = 38, 22, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM

# machine -> (its name in <linux/audit.h>, the numbers of socket(2), of io_uring_setup(2), which
# makes sockets too, and of what reaches into another process of this user, such as our parent, and
# its sockets: pidfd_getfd(2), ptrace(2), process_vm_readv(2) and process_vm_writev(2))
MACHINES: Mapping[str, tuple[int, tuple[int, ...]]] = {
    "x86_64": (0xC000003E, (41, 425, 438, 101, 310, 311)),
    "aarch64": (0xC00000B7, (198, 425, 438, 117, 270, 271)),
}
# classic BPF, <linux/filter.h>
_LOAD, _IF_EQUAL, _IF_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _MACHINE_AT = 0, 4  # struct seccomp_data
# in the number of each x32 call, whose machine is x86-64; AArch64 has no numbers that high
_X32 = 0x4000_0000
_IS_64_BIT = sys.maxsize > 1 << 32


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def refuse_sockets() -> bool:
    """Forbid new sockets to this process and its children,
    and return whether the kernel allowed the filter.
    """
    known = MACHINES.get(platform.machine())
    # a 32-bit Python would be refused every call
    if sys.platform != "linux" or known is None or not _IS_64_BIT:
        return False
    steps = program(*known)
    libc = ctypes.CDLL(None, use_errno=True)
    filtered = _Program(len(steps) // 8, steps)
    return bool(
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(filtered), 0, 0) == 0
    )


def program(machine: int, refused: tuple[int, ...]) -> bytes:
    """Return a filter that refuses these calls on this machine and every call on another one, and
    allows all else.

    A jump counts the steps that it skips.
    """
    count = len(refused)
    steps = [
        (_LOAD, 0, 0, _MACHINE_AT),
        (_IF_EQUAL, 0, count + 3, machine),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_IF_AT_LEAST, count + 1, 0, _X32),
        *((_IF_EQUAL, count - index, 0, number) for index, number in enumerate(refused)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
