"""What a helper process does to itself before it touches a hostile file: limits, no network, death with its parent.

Runs inside the child (``services.child_process`` starts it), so it imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x1000_0000
_CLONE_NEWNET = 0x4000_0000
MAX_REQUEST_BYTES = 8 << 20


def serve(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> int:
    """Read one JSON request from standard input, confine this process by its ``limits``, write one JSON answer.

    An error of the system or the library becomes ``{"failed": "...", "errno": n or None}``; any other ends the process.
    """
    request = json.loads(sys.stdin.buffer.read(MAX_REQUEST_BYTES))
    confine(request["limits"], parent=request["parent"])
    try:
        result = answer(request)
    except (LookupError, OSError, RuntimeError, ValueError) as exc:  # PyAV's errors are among them
        result = {"failed": said(exc), "errno": getattr(exc, "errno", None)}
    sys.stdout.buffer.write(json.dumps(result).encode("ascii"))
    sys.stdout.buffer.flush()
    return 0


def said(exc: Exception) -> str:
    """What an exception says, without the paths of this machine that the system's errors name."""
    return f"{type(exc).__name__}: {getattr(exc, 'strerror', None) or exc}"[:200]


def confine(limits: Mapping[str, int], *, parent: int) -> None:
    """``address_space`` and ``file`` in bytes, ``cpu`` in seconds. Ends this process when its parent is gone already."""
    for which, soft in (
        (resource.RLIMIT_AS, limits["address_space"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(which)[1]
        value = soft if hard == resource.RLIM_INFINITY else min(soft, hard)
        resource.setrlimit(which, (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writing past the limit is an error to report, not a death
    if sys.platform == "linux":
        _linux_only(parent)


def _linux_only(parent: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the line above
            os._exit(1)
        # A network namespace with nothing in it. Where the kernel refuses, no library here asks for the network anyway.
        if libc.unshare(_CLONE_NEWNET) != 0:
            libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
