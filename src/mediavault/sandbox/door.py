"""The only way out for a child that needs the network: the egress proxy, through its parent.

Runs inside the child, so it imports only the standard library.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import sys
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import urlsplit

from mediavault.sandbox.guard import (
    MAX_REQUEST_BYTES,
    die_with,
    leave_network,
    limit,
    raise_loopback,
)

AuditHook = Callable[[str, tuple[Any, ...]], None]  # PEP 578


def serve_through_parent(
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    open_files: int,
    data_bytes: int,
    programs: Collection[str] = (),
    hooks: Iterable[AuditHook] = (),
) -> int:
    """Read one JSON request from standard input, confine this process, and write one JSON answer.

    The request has ``limits``, ``parent``, ``proxy`` and ``door``. Anything else that is printed
    here is discarded. ``programs`` may be started; ``hooks`` may refuse more.
    """
    request = json.loads(sys.stdin.buffer.read(MAX_REQUEST_BYTES))
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    limit(
        {
            resource.RLIMIT_CPU: request["limits"]["cpu"],
            resource.RLIMIT_FSIZE: request["limits"]["file"],
            resource.RLIMIT_NOFILE: open_files,
            resource.RLIMIT_DATA: data_bytes,
        }
    )
    die_with(request["parent"])
    port = urlsplit(request["proxy"]).port
    connect_through_parent(request["door"], port)
    for hook in (watch(port, programs=programs), *hooks):
        sys.addaudithook(hook)
    written = json.dumps(answer(request)).encode("ascii")
    with open(out, "wb") as stream:  # noqa: PTH123 - a descriptor
        stream.write(written)
    return 0


def connect_through_parent(door: int, port: int | None) -> None:
    """Leave the network and let the parent carry what we send to the proxy's port.

    Where the kernel refuses, :func:`watch`, and the proxy that all requests of the child use, must
    suffice.
    """
    with socket.socket(fileno=door) as channel:
        if leave_network():
            raise_loopback()
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", port))
                listener.listen(128)
                socket.send_fds(channel, [b"."], [listener.fileno()])


def watch(port: int | None, *, programs: Collection[str] = ()) -> AuditHook:
    """Return an audit hook: connections only to the proxy, no name lookups,
    no other programs than these.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect" and arguments[1] != ("127.0.0.1", port):
            raise PermissionError("only the proxy may be reached")
        if event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] not in (
            "127.0.0.1",
            None,
        ):
            raise PermissionError("names are looked up by the proxy")
        if event == "subprocess.Popen" and PurePath(os.fspath(arguments[0])).name not in programs:
            raise PermissionError("no other program is started")
        if event in ("os.system", "os.exec", "os.posix_spawn", "socket.sendto", "socket.sendmsg"):
            raise PermissionError("not here")

    return hook
